/* safetensors_write.c -- see safetensors_write.h.
** Layer: file. Uses: base safetensors. */
#include "file/safetensors_write.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"
#include "file/safetensors.h"

static void add_entry(Buf *b, const SafetensorsEntry *x, uint64_t at, bert_err *e) {
  buf_add(b, ",", 1, e);
  json_write_string(b, x->name, strlen(x->name), e);
  json_write_format(b, e, ":{\"dtype\":\"%s\",\"shape\":[", x->dtype);
  for (int i = 0; i < x->rank; i++) json_write_format(b, e, "%s%" PRId64, i ? "," : "", x->shape[i]);
  json_write_format(b, e, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + x->bytes);
}

void safetensors_begin(const bert_sink *sink, const char *file, const char *metadata, const SafetensorsEntry *x, int n,
                       bert_err *e) {
  static const char METADATA[] = "{\"__metadata__\":{\"format\":\"pt\"";
  unsigned char prefix[SAFETENSORS_PREFIX];
  Buf header = {.max = SAFETENSORS_HEADER_MAX};
  uint64_t at = 0;
  buf_add(&header, METADATA, sizeof METADATA - 1, e);
  if (metadata) buf_add(&header, ",", 1, e);
  if (metadata) buf_add(&header, metadata, strlen(metadata), e);
  buf_add(&header, "}", 1, e);
  for (int i = 0; i < n && !e->code; at += x[i++].bytes) add_entry(&header, &x[i], at, e);
  buf_add(&header, "}", 1, e);
  while ((sizeof prefix + header.size) % SAFETENSORS_ALIGN && !e->code) buf_add(&header, " ", 1, e);
  for (int i = 0; i < SAFETENSORS_PREFIX; i++) prefix[i] = (unsigned char)((uint64_t)header.size >> (8 * i));
  if (!e->code) sink->begin(sink->context, file, sizeof prefix + header.size + at, e);
  if (!e->code) sink->write(sink->context, prefix, sizeof prefix, e);
  if (!e->code) sink->write(sink->context, header.data, header.size, e);
  buf_fini(&header);
}
