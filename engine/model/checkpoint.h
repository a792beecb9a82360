/* checkpoint.h -- a run of training on disk: weights, Adam's moments, and the number of the step.
** Layer: model. Uses: base nn.
**
**    DIRECTORY/training.checkpoint    "bertTRN3" identity step count decayed  w m v of each block that moves
**                                     (of a sparse one, which rows are there, and of those)  hash of all before it
**
** The file is written under another name and renamed once it is whole, so one that is killed meanwhile leaves the last
** good one. `identity` is a hash over the model, the task, the options that decide what is learned, and the rows: a run
** goes on only from a checkpoint of its own; another's is an error, not overwritten. Little-endian machines. Cost: 12 bytes
** a weight. */
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "nn/param.h"

/* Both make the directory where it is not there: one that cannot be is told of before the first step. */
void checkpoint_write(const char *directory, uint64_t identity, int64_t step, const Params *p, bert_err *e);

/* Reads one into p and gives its step; 0, and p as it was, where there is none. */
int64_t checkpoint_read(const char *directory, uint64_t identity, Params *p, bert_err *e);

#endif
