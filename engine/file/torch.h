/* torch.h -- the tensors of a file that torch.save wrote: pytorch_model.bin.
** Layer: file. Uses: base weights.
**
**    a zip:  NAME/data.pkl    a pickle: names, shapes, strides, and for each tensor the key of its storage
**            NAME/data/KEY    a storage's bytes, as they are in memory
**            NAME/byteorder   "little"; older files do not say
**
** Tensors may share a storage (tied weights) and need not lie in order in it (a transposed matrix). All of them
** together may be TORCH_SHARED_MAX times as large as the file, so that memory stays bounded by what was sent. Files of
** before torch 1.6, which are no zip, are refused, and the message says how to convert them. */
#ifndef FILE_TORCH_H
#define FILE_TORCH_H

#include "base/io.h"
#include "file/weights.h"

enum { TORCH_SHARED_MAX = 8 };

/* Tensors of an open file, in the order of its dict, in the arena; Tensor.file becomes `file`. `path` stands in
** messages. NULL on error. */
Tensor *torch_parse(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e);

#endif
