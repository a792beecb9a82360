/* pooling.h -- hidden states of a row to one vector.
** Layer: nn. Uses: base kernel.
**
** The ways of sentence-transformers' Pooling module (Reimers, Gurevych 2019); several are joined in the order of the bits.
** Tokens are added in order, in float. The first `skip` tokens (a prompt that is not to count) are left out, but for cls,
** which is the first token whatever it is; weights of the weighted mean are positions from 1, skipped ones counted. */
#ifndef NN_POOLING_H
#define NN_POOLING_H

#include "base/mem.h"

enum {
  POOLING_CLS = 1,
  POOLING_MAX = 2,
  POOLING_MEAN = 4,
  POOLING_MEAN_SQRT_LEN = 8,
  POOLING_WEIGHTED_MEAN = 16,
  POOLING_LAST_TOKEN = 32
};

/* How many vectors of H are joined. */
int pooling_parts(int modes);

/* out[parts][H] from x[n][H], 0 <= skip < n. */
void pooling_apply(float *out, const float *x, int n, int skip, int hidden, int modes);

#endif
