/* contained.h -- a model of a container: what its tensors and its own file are called there.
** Layer: model. Uses: base file model.h.
**
** A container (file/container.h) has tensors by the names of Slots:
**
**    a matrix in panels   of which Linear it is the first: NAME.panels I8, NAME.panels.scale F32, NAME.panels.sum I32, as
**                         kernel.h lays them out
**    words                NAME I8 [V][depth], NAME.scale F32 [V][groups]
**    others               NAME F16 if a matrix or long, else F32
**
** The first two are computed with where they lie, the others are read. contained.json:
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

/* Model i as it opens: it shares the tokenizer of `like` (or NULL) where both have the same. */
Model *contained_open(const Container *c, int i, const Model *like, bert_err *e);

/* What it says of itself, without being opened. */
void contained_info(Container *c, int i, bert_model_info *out, bert_err *e);

/* contain.c: writes the container of models[n] in 8 bits under names[n], as the file `file` of a sink. Needs memory for
** all of it twice. */
void contain(const char *const *names, Model *const *models, int n, const char *file, const bert_sink *sink,
             bert_err *e);

/* The JSON of info, but for source and card. */
void contained_print(const bert_model_info *info, Buf *out, bert_err *e);

#endif
