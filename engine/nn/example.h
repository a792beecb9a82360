/* example.h -- what a step of training is given: tokens of its rows, and what should have come out.
** Layer: nn. Uses: kernel.
**
** A batch has `examples`; an example has `towers` rows (two or three texts embedded side by side, else one): tower t of
** example i is row t * examples + i. Rows stand one after the other without padding, as encoder.h says. Everything here is
** the caller's and stays until the step is done. */
#ifndef NN_EXAMPLE_H
#define NN_EXAMPLE_H

#include "nn/encoder.h"

typedef enum {
  LOSS_CLASS,   /* label[examples]: cross-entropy over the units */
  LOSS_BINARY,  /* value[examples][width] in 0 … 1: cross-entropy of each unit's sigmoid, mean over all */
  LOSS_NUMBER,  /* value[examples][width]: squared difference, mean over all */
  LOSS_TAG,     /* target[tokens], a label or -1: cross-entropy, mean over the tokens that have one */
  LOSS_SPAN,    /* label[examples], past[examples]: the tokens of the row where the answer starts and ends, 0 for none */
  LOSS_MASK,    /* position[chosen], target[chosen]: ids at tokens of the batch; and next[examples], 0: it follows, or NULL */
  LOSS_COSINE,  /* value[examples]: (cos(u, v) - value)^2 */
  LOSS_RANKING, /* of all second (and third) texts of the batch, each first text's own; symmetric (MultipleNegatives) */
  LOSS_TRIPLET, /* max(0, |u - v| - |u - w| + margin) */
  LOSS_PAIR,    /* label[examples]: cross-entropy over a product with (u, v, |u - v|) */
  LOSS_VECTOR,  /* value[examples][width]: squared difference to a teacher's vector, mean over all */
  LOSS_KINDS
} LossKind;

/* In place of a label or a target: nothing is wanted here; what the teacher says is, and nobody knows better. */
enum { TARGET_NONE = -1, TARGET_TEACHER = -2 };

typedef struct {
  Batch tokens;
  int examples, towers;
  const int32_t *label, *past, *target, *position, *next;
  int chosen;
  const float *value; /* NaN: the teacher alone knows */
  int width;
  float *soft; /* a teacher's logits, or NULL: [examples][width], of LOSS_TAG and LOSS_SPAN [tokens][units], of LOSS_MASK
                  [chosen][V]; of LOSS_NUMBER its numbers. The step uses them up */
  const float *features; /* [examples][feature_count], standardised; they join the vector that the classifier takes */
  int feature_count;
} TrainBatch;

#endif
