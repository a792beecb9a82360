/* arch.h -- the table of architectures: which tensors a model has, by name.
** Layer: model. Uses: nothing.
**
** A row names the tensors of one model_type; load.c reads what the row says. "%d" is the layer's number. Norms are
** looked for as NAME.weight and NAME.bias, else as NAME.gamma and NAME.beta (checkpoints converted from TensorFlow). */
#ifndef MODEL_ARCH_H
#define MODEL_ARCH_H

typedef struct {
  const char *model_type;
  const char *prefix; /* that names may carry before all of these */
  const char *word, *position, *type, *embedding_norm;
  const char *query, *key, *value, *project, *attention_norm;
  const char *inner, *outer, *output_norm;
  int first_position; /* of a row's first token */
} Arch;

/* The row of that model_type, or NULL. */
const Arch *arch_find(const char *model_type);

/* Every model_type known, joined by ", ". */
const char *arch_known(void);

#endif
