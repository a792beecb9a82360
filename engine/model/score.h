/* score.h -- logits to probabilities.
** Layer: model. Uses: kernel. */
#ifndef MODEL_SCORE_H
#define MODEL_SCORE_H

#include "kernel/kernel.h"

/* softmax(x[n]) in place, n >= 1. */
static inline void score_softmax(float *x, int n) { kernels()->softmax(x, (size_t)n, 1, n, 1.0f); }

/* 1 / (1 + exp(-x)), as the softmax of x and 0, which keeps all its digits where x is far below 0. */
static inline float score_sigmoid(float x) {
  float two[2] = {x, 0};
  score_softmax(two, 2);
  return two[0];
}

/* A number beside a text as its classifier takes it. */
static inline float score_feature(float x, float mean, float deviation) {
  return (float)(((double)x - (double)mean) / (double)deviation);
}

/* The index of the largest of x[n], the first of equals. */
static inline int score_largest(const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

#endif
