/* pickle.h -- the tensors that a pickle of torch.save names, and nothing else of it.
** Layer: file. Uses: base weights.
**
** A pickle is a program for a machine with a stack and a memo, and in Python it may call anything. Here it runs on a
** machine that knows numbers, texts, tuples, lists, dicts, and these globals:
**
**    collections.OrderedDict, torch.Size                          made of nothing, of a tuple
**    torch._utils._rebuild_tensor, _rebuild_tensor_v2             a view of a storage: offset, shape, strides
**    torch._utils._rebuild_parameter, _rebuild_parameter_with_state
**    torch.FloatStorage, torch.LongStorage …                      as the type of a storage, in a persistent id
**
** Any other global is an error that names it, before anything is done with it: there is no code to run it. So is an
** opcode that torch.save does not write for a state_dict. The bytes of a storage lie elsewhere, under the key given.
** Cost: one pass over at most PICKLE_MAX bytes; memory in proportion to them (20 times at most). No recursion. */
#ifndef FILE_PICKLE_H
#define FILE_PICKLE_H

#include "file/weights.h"

enum { PICKLE_MAX = 4 << 20 }; /* bytes; BERT-large's takes 40 kB */

typedef struct {
  const char *key; /* of its bytes */
  const char *dtype_name;
  DType dtype;
  int width;       /* bytes of a number */
  int64_t numbers; /* as the pickle says */
} PickleStorage;

typedef struct {
  const char *name;
  const PickleStorage *storage;
  int64_t offset; /* in numbers; every index of the view is below storage->numbers */
  int rank;
  int64_t count, shape[TENSOR_RANK_MAX], stride[TENSOR_RANK_MAX];
} PickleTensor;

/* The tensors of the dict that the pickle makes, in its order, in the arena. What else the dict has is left out; a dict
** without any tensor is an error. NULL on error; messages do not name the file. */
PickleTensor *pickle_tensors(const void *bytes, size_t size, int *count, Arena *a, bert_err *e);

#endif
