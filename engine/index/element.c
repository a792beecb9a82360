/* element.c -- see element.h.
** Layer: index. Uses: bert.h. */
#include "index/element.h"

#include <string.h>

size_t element_bytes(bert_element kind, int dimensions) {
  if (dimensions < 1) return 0;
  switch (kind) {
    case BERT_FLOAT32: return (size_t)dimensions * sizeof(float);
    case BERT_INT8: return (size_t)dimensions;
    case BERT_BIT: return dimensions % 8 ? 0 : (size_t)dimensions / 8;
  }
  return 0;
}

void element_floats(bert_element kind, const void *data, int dimensions, float *out) {
  const uint8_t *bytes = data;
  if (kind == BERT_FLOAT32) memcpy(out, data, element_bytes(kind, dimensions));
  else if (kind == BERT_INT8)
    for (int i = 0; i < dimensions; i++) out[i] = (int8_t)bytes[i];
  else
    for (int i = 0; i < dimensions; i++) out[i] = bytes[i / 8] >> i % 8 & 1 ? 1.0f : -1.0f;
}
