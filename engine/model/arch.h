/* arch.h -- the table of architectures: which tensors a model has, by name.
** Layer: model. Uses: kernel.
**
** A row names the tensors of one model_type; load.c reads what the row says. "%d" is the layer's number. Norms are
** looked for as NAME.weight and NAME.bias, else as NAME.gamma and NAME.beta (checkpoints converted from TensorFlow).
** Heads are found by the tensors that are there; their names carry no prefix, unless the row says so. */
#ifndef MODEL_ARCH_H
#define MODEL_ARCH_H

#include "kernel/kernel.h"

/* A product with an activation that a head begins with. */
typedef struct {
  const char *name;
  int has_prefix;
  KernelActivation activation;
} ArchDense;

typedef struct {
  const char *model_type;
  const char *class_name; /* what transformers' classes begin with */
  const char *prefix; /* that names of the encoder may carry before all of these */
  const char *word, *position, *type, *embedding_norm; /* type NULL: it has none */
  const char *query, *key, *value, *project, *attention_norm;
  const char *inner, *outer, *output_norm;
  const char *pooler;       /* of the encoder, which a head may have or not; NULL: it has none */
  const char *special[5];   /* spellings of unk, cls, sep, pad, mask, where tokenizer_config.json says nothing */
  ArchDense classify_dense; /* of a label for a whole text, */
  const char *classify;     /* and what follows it */
  const char *tag;          /* a label for each token */
  const char *answer;       /* start and end */
  ArchDense next_dense;
  const char *next;         /* NULL: it has none */
  const char *fill_dense;   /* the word behind a mask: its product, */
  int fill_is_gelu;         /* with gelu (1) or the encoder's activation (0), */
  const char *fill_norm;
  const char *decoder, *fill_bias; /* weight of the decoder, where it is not tied, and its bias */
  const char *fill_bias_otherwise; /* another name of the same */
} Arch;

/* The row of that model_type, or NULL. */
const Arch *arch_find(const char *model_type);

/* Every model_type known, joined by ", ". */
const char *arch_known(void);

#endif
