/* lists.h -- centroids for approximate search: k-means by angle, and whose list a vector belongs to.
** Layer: index. Uses: bert.h. */
#ifndef INDEX_LISTS_H
#define INDEX_LISTS_H

#include "bert.h"

/* As bert.h says of bert_centroids and bert_assign. */
void lists_train(const float *vectors, int64_t n, int dimensions, int lists, float *centroids,
                 const bert_progress *progress, bert_err *e);
void lists_assign(const float *centroids, int lists, int dimensions, const float *vectors, int64_t n, int32_t *list,
                  const bert_progress *progress, bert_err *e);

#endif
