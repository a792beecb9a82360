/* safetensors_write.h -- the beginning of a safetensors file, for who then writes the tensors' bytes.
** Layer: file. Uses: base weights.
**
** Tensors lie one after the other in the order given, each aligned as its numbers need: give those of 4 bytes first. The
** metadata says {"format": "pt"}, without which transformers refuses a file. */
#ifndef FILE_SAFETENSORS_WRITE_H
#define FILE_SAFETENSORS_WRITE_H

#include "base/bundle.h"
#include "file/weights.h"

typedef struct {
  const char *name, *dtype; /* "F32", "I8" … */
  int rank;
  int64_t shape[2];
  uint64_t bytes;
} SafetensorsEntry;

/* Begins `file` in the sink and writes all that stands before the bytes of x[0], which follow at once and begin at a multiple
** of SAFETENSORS_ALIGN. metadata: more of its members ("\"a\":\"b\",…", as JSON), or NULL. */
enum { SAFETENSORS_ALIGN = 64 };
void safetensors_begin(const bert_sink *sink, const char *file, const char *metadata, const SafetensorsEntry *x, int n,
                       bert_err *e);

#endif
