/* container.h -- several models in one block of bytes: the files of each, and its tensors as they are computed with.
** Layer: file. Uses: base weights.
**
** The block is a safetensors file, so that others can look into it. Names before ':' and '/' are the models':
**
**    m:config.json                            U8 [n]      a file, as it stands in a model directory
**    m:contained.json                         U8 [n]      what is known of the model besides (model/contained.h)
**    m/embeddings.word_embeddings.weight      I8 …        a tensor
**    __metadata__  {"models": "m n", "n/embeddings.word_embeddings.weight": "m/embeddings.word_embeddings.weight", …}
**
** What n has equal to m is in the metadata: the name there, and the name that the bytes stand under. Bytes that are used where
** they lie begin at cache lines if the block does. The block outlives all that is made of it.
** Cost: a pass over the header, 0.3 ms for six models; no tensor is looked at. Not here: who writes one (model/contain.c). */
#ifndef FILE_CONTAINER_H
#define FILE_CONTAINER_H

#include "file/weights.h"

typedef struct bert_container Container;

/* Checks every name and place once. Bytes of another kind are BERT_FORMAT. */
Container *container_open(const void *bytes, size_t size, bert_err *e);
void container_free(Container *c);

/* Model i's name, NULL past the end; of a name its number, or -1. */
const char *container_name(const Container *c, int i);
int container_find(const Container *c, const char *name);

/* File k of model i, its name in *name; data NULL past the end. */
bert_text container_file(const Container *c, int i, int k, const char **name);
/* That of a name; data NULL: there is none. */
bert_text container_text(const Container *c, int i, const char *name);

/* A model's files as an opener of models takes them: a view of *view, which lives while they are used. */
typedef struct {
  const Container *container;
  int model;
} ContainerView;
bert_files container_files(ContainerView *view);

/* A model's tensors. */
Weights *container_weights(const Container *c, int i, bert_err *e);

/* Room that lives as long as c. */
Arena *container_arena(Container *c);

#endif
