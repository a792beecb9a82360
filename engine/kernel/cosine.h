/* cosine.h -- the cosine of two vectors, the one that bert_vector_cosine promises and that searching is exact by.
** Layer: kernel. Uses: kernel.h. */
#ifndef KERNEL_COSINE_H
#define KERNEL_COSINE_H

/* In [-1, 1]; 0 where one is all zeros. */
double cosine_of(const float *v, const float *w, int n);

#endif
