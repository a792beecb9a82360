/* extra.h -- bert_extra.safetensors: what a model in 8 bits computes with, beside the f32 that transformers reads.
** Layer: model. Uses: base file.
**
**    encoder.layer.0.output.dense.weight         I8 [rows][columns]   integers in ±127, by the names of Slots
**    encoder.layer.0.output.dense.weight.scale   F32 [rows][groups]
**    bert_stamp                                  U8 [48]              six numbers, last in the file:
**       version, BERT_ARITHMETIC, digest of model.safetensors beside it, stamp of it on disk (or 0), the weights' share of
**       the model's hash (that of the f32 that the integers came from), digest of this file before this last number
**
** Rows are as in a file and not in panels, so that a kernel's layout may change. It counts only beside the very
** model.safetensors that it was written with, which its stamp says at once (io_stamp: device, inode, size, times) and, in
** a copy of the directory, its digest: beside another one, or written by a version with another arithmetic, it is
** as if it were not there. One that is damaged is an error. */
#ifndef MODEL_EXTRA_H
#define MODEL_EXTRA_H

#include "file/weights.h"
#include "model/model.h"

#define EXTRA_FILE "bert_extra.safetensors"
#define EXTRA_STAMP "bert_stamp"
#define EXTRA_SCALE ".scale"

typedef struct {
  uint64_t version, arithmetic, beside, file, weights, self;
} ExtraStamp;
enum { EXTRA_VERSION = 1, EXTRA_STAMP_SIZE = 48, EXTRA_SELF = 40 /* where the digest begins in it */ };

void extra_stamp_print(const ExtraStamp *s, unsigned char out[EXTRA_STAMP_SIZE]);

/* The tensors of a model's file, and the weights' hash of its stamp; NULL where there is none that counts. */
Weights *extra_open(const Model *m, uint64_t *hash, bert_err *e);

/* 1 for a tensor that the model holds in 8 bits. */
static inline int extra_has(const Slot *s) { return s->words || (s->linear && !s->linear->panels); }

#endif
