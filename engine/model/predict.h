/* predict.h -- a classifier of vectors alone: see predict.c.
** Layer: model. Uses: base kernel file. */
#ifndef MODEL_PREDICT_H
#define MODEL_PREDICT_H

#include "model/model.h"

/* The row of arch.h that such a model has: no tensor of an encoder. */
const Arch *predict_arch(void);
/* Its weights, and what load_weights fills besides. */
void predict_load(Model *m, bert_err *e);
/* One that can do nothing yet: what the task head trains from. */
Model *predict_new(bert_err *e);

/* logits[n][units] of x[n][width]. */
void predict_vectors(Session *s, const float *x, int width, int n, float *logits, bert_err *e);

#endif
