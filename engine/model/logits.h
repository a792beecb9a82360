/* logits.h -- a head on every token of the items of a batch, or on some.
** Layer: model. Uses: base text nn. */
#ifndef MODEL_LOGITS_H
#define MODEL_LOGITS_H

#include "model/batch.h"

/* Items are run in portions of about this many tokens, so that a long text takes no more memory than a short one. */
enum { LOGITS_PORTION = 1 << 14 };

/* Runs the items that were added and gives logits[tokens of all items][head->out]: those of an item begin at its
** `first`. Owned by the session, valid until its next call; NULL on error. */
const float *logits_run(Session *s, const Linear *head, const bert_progress *progress, bert_err *e);

/* Likewise the head of masked words at some tokens of a batch alone: runs the rows of b and gives logits[chosen][V] of tokens
** position[chosen] of b. */
const float *logits_masks(Session *s, const Batch *b, const int32_t *position, int chosen,
                          const bert_progress *progress, bert_err *e);

#endif
