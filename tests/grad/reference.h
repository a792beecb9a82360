/* reference.h -- the encoder, its heads and losses as the formulas read, in double: what gradients are held against.
**
** loss_of runs the whole forward pass on weights in double and gives the loss, so that (loss(w + h) - loss(w - h)) / 2h
** is each gradient to nine digits. Masks of dropout are those that the pass under test draws. */
#ifndef GRAD_REFERENCE_H
#define GRAD_REFERENCE_H

#include "nn/train_head.h"

typedef struct {
  TrainPass *pass;
  TrainHead *head;
  TrainBatch *batch;
  double *w; /* as Params.w */
  const float *soft; /* as batch->soft, which a step uses up */
} Reference;

double reference_loss(const Reference *r);

#endif
