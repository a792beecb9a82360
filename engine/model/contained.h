/* contained.h -- a model of a container: what its tensors and its own file are called there.
** Layer: model. Uses: base file model.h.
**
** A container (file/container.h) has tensors by the names of Slots:
**
**    a matrix in panels   of which Linear it is the first: NAME.panels I8 and NAME.panels.scale F32, as kernel.h lays
**                         them out; NAME.panels.sum I16, its sums over -128
**    one by a difference  NAME.panels.base I8 and NAME.panels.scale F32, which are those of the model that it was fine-tuned
**                         from, and so take no room; NAME.panels.codes U8, NAME.panels.steps U8, as delta.h has them
**    words                NAME I8 [V][depth], NAME.scale F32 [V][groups]
**    others               NAME F16 if a matrix or long, else F32
**
** Panels, their scales and words are computed with where they lie, the others are read. contained.json:
**
**    {"weights": "16 hex digits", "tokenizer": "16 hex digits",        hash_bytes of the tensors; tokenizer_hash
**     "info": {"architecture": "bert", "layers": 3, …}}                what bert_model_describe says once it is open */
#ifndef MODEL_CONTAINED_H
#define MODEL_CONTAINED_H

#include "model/model.h"

#define CONTAINED_FILE "contained.json"
#define CONTAINED_PANELS ".panels"
#define CONTAINED_SCALE ".panels.scale"
#define CONTAINED_SUM ".panels.sum"
enum { CONTAINED_SUM_UNIT = -128 }; /* of 128 integers within ±127 the sum has room in 16 bits */
#define CONTAINED_BASE ".panels.base"
#define CONTAINED_CODES ".panels.codes"
#define CONTAINED_STEPS ".panels.steps"

/* Model i as it opens: it shares the tokenizer of `like` (or NULL) where both have the same. */
Model *contained_open(const Container *c, int i, const Model *like, bert_err *e);

/* What it says of itself, without being opened; nothing on error. */
void contained_info(Container *c, int i, bert_model_info *out, bert_err *e);

/* contain.c: writes the container of models[n] in 8 bits under names[n], as the file `file` of a sink. Matrices of model i are
** differences to those of models[base[i]], an earlier one, where that has them in the same shape; base[i] < 0, or base NULL:
** they are whole. Needs memory for all of it twice. */
void contain(const char *const *names, Model *const *models, const int *base, int n, const char *file,
             const bert_sink *sink, bert_err *e);

/* The JSON of info, but for source and card. */
void contained_print(const bert_model_info *info, Buf *out, bert_err *e);

#endif
