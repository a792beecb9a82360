/* safetensors.h -- the header of a safetensors file, checked.
** Layer: file. Uses: base weights.
**
**    | length of the header, u64 little-endian | header, JSON | tensors' bytes, without gaps, to the end of the file |
**    {"__metadata__":{"format":"pt"}, "pooler.dense.bias":{"dtype":"F32","shape":[384],"data_offsets":[0,1536]}, …}
**
** Takes bytes, not a file, so that it can be tested and fuzzed alone. Refuses what the reference (the safetensors
** crate) refuses: a header past 100 MB, offsets that overlap, leave holes, or end elsewhere than the file does, sizes
** that contradict shape and dtype. Two tensors of one name and more than TENSOR_RANK_MAX dimensions are refused
** besides. */
#ifndef FILE_SAFETENSORS_H
#define FILE_SAFETENSORS_H

#include "file/weights.h"

enum { SAFETENSORS_PREFIX = 8, SAFETENSORS_HEADER_MAX = 100 * 1000 * 1000 };

/* The header's length out of the file's first bytes, checked against the file's size. */
size_t safetensors_header_size(const unsigned char prefix[SAFETENSORS_PREFIX], uint64_t file_size, const char *path,
                               bert_err *e);

/* Tensors of header[size], by rising offset, in the arena; Tensor.file becomes `file`. `path` stands in messages. The
** header may be freed afterwards. NULL on error. */
Tensor *safetensors_parse(const char *header, size_t size, uint64_t file_size, const char *path, int file, int *count,
                          Arena *a, bert_err *e);

#endif
