/* fuzz_safetensors.c -- the header of a safetensors file over any bytes.
**
** Input: how many bytes the tensors have (two bytes), then the header. What is accepted must lie inside the file,
** without holes, each tensor as long as its shape says. */
#include <stdlib.h>
#include <string.h>

#include "file/dtype.h"
#include "file/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int claim) {
  if (!claim) abort();
}

static void check_layout(const Tensor *t, int n, uint64_t begin, uint64_t end) {
  for (int i = 0; i < n; i++) {
    int64_t count = 1;
    want(t[i].offset == begin && t[i].bytes <= end - begin);
    want(t[i].rank >= 0 && t[i].rank <= TENSOR_RANK_MAX && t[i].name && t[i].dtype_name);
    for (int d = 0; d < t[i].rank; d++) {
      want(t[i].shape[d] >= 0);
      count *= t[i].shape[d];
    }
    want(count == t[i].count);
    if (t[i].dtype != DTYPE_OTHER) want((uint64_t)count * (uint64_t)dtype_bytes(t[i].dtype) == t[i].bytes);
    begin += t[i].bytes;
  }
  want(begin == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  uint64_t file_size = SAFETENSORS_PREFIX + (size - 2) + (uint64_t)(data[0] | data[1] << 8);
  Arena a = {0};
  bert_err e = {0}, f = {0};
  int n = 0;
  const Tensor *t = safetensors_parse((const char *)data + 2, size - 2, file_size, "fuzz", 0, &n, &a, &e);
  want((t == NULL) == (e.code != BERT_OK));
  if (t) check_layout(t, n, SAFETENSORS_PREFIX + (size - 2), file_size);
  if (size >= SAFETENSORS_PREFIX) {
    size_t header = safetensors_header_size(data, file_size, "fuzz", &f);
    want(f.code || (header <= SAFETENSORS_HEADER_MAX && header <= file_size - SAFETENSORS_PREFIX));
  }
  arena_fini(&a);
  want(mem_live() == 0);
  return 0;
}
