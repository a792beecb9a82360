/* pooling.h -- hidden states of a row to one vector.
** Layer: nn. Uses: base.
**
** The ways of sentence-transformers' Pooling module (Reimers, Gurevych 2019); several are joined, one after the other.
** Tokens are added in order, in float. The first `skip` tokens (a prompt that is not to count) are left out, so cls
** is then the first token after them; weights of the weighted mean are positions from 1, skipped ones counted. */
#ifndef NN_POOLING_H
#define NN_POOLING_H

#include "base/mem.h"

typedef enum {
  POOLING_CLS,
  POOLING_MAX,
  POOLING_MEAN,
  POOLING_MEAN_SQRT_LEN,
  POOLING_WEIGHTED_MEAN,
  POOLING_LAST_TOKEN,
  POOLING_KINDS
} PoolingKind;

/* What is joined, in order. */
typedef struct {
  int count;
  PoolingKind kind[POOLING_KINDS];
} Pooling;

/* out[p->count][H] from x[n][H], 0 <= skip < n. */
void pooling_apply(float *out, const float *x, int n, int skip, int hidden, const Pooling *p);

#endif
