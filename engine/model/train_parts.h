/* train_parts.h -- a batch in parts that go through the network one after the other.
** Layer: model. Uses: base nn.
**
** Losses over examples are sums, so a batch of any size costs the memory of one part: PART_TOKENS tokens, or one
** example where that is longer. What compares the vectors of a batch with one another (several towers) is not cut. */
#ifndef MODEL_TRAIN_PARTS_H
#define MODEL_TRAIN_PARTS_H

#include "base/buf.h"
#include "nn/train_head.h"

enum { PART_TOKENS = 1024 };

/* Arrays of a part that are not views of the batch's. Zeros at first. */
typedef struct {
  Buf start, position, target;
} PartRoom;

/* The examples from *row on, as many as PART_TOKENS take, as a batch of their own; *row moves past them. 0 at
** the end. */
int parts_next(const TrainBatch *b, int *row, PartRoom *room, TrainBatch *out, bert_err *e);
void parts_fini(PartRoom *room);

/* How much an example and a judged token of b count for the mean over b, times `share`. */
TrainWeights parts_weights(const TrainBatch *b, LossKind loss, float share);

#endif
