/* safetensors.c -- see safetensors.h.
** Layer: file. Uses: base weights.
**
** Tensors are sorted by offset; then each must begin where the one before ended, which rules out overlaps and holes. */
#include "file/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* What the format knows; a name not here is kept without its size being checked, and refused when it is to be read. */
static const struct {
  const char *name;
  int bits;
  DType dtype;
} DTYPES[] = {
    {"F32", 32, DTYPE_F32},    {"F16", 16, DTYPE_F16},       {"BF16", 16, DTYPE_BF16},     {"BOOL", 8, DTYPE_OTHER},
    {"U8", 8, DTYPE_OTHER},    {"I8", 8, DTYPE_OTHER},       {"I16", 16, DTYPE_OTHER},     {"U16", 16, DTYPE_OTHER},
    {"I32", 32, DTYPE_OTHER},  {"U32", 32, DTYPE_OTHER},     {"I64", 64, DTYPE_OTHER},     {"U64", 64, DTYPE_OTHER},
    {"F64", 64, DTYPE_F64},    {"F8_E5M2", 8, DTYPE_OTHER},  {"F8_E4M3", 8, DTYPE_OTHER},  {"F8_E8M0", 8, DTYPE_OTHER},
    {"C64", 64, DTYPE_OTHER},  {"F4", 4, DTYPE_OTHER},       {"F6_E2M3", 6, DTYPE_OTHER},  {"F6_E3M2", 6, DTYPE_OTHER},
};
enum { DTYPE_COUNT = sizeof DTYPES / sizeof *DTYPES };

size_t safetensors_header_size(const unsigned char prefix[SAFETENSORS_PREFIX], uint64_t file_size, const char *path,
                               bert_err *e) {
  uint64_t n = 0;
  for (int i = SAFETENSORS_PREFIX - 1; i >= 0; i--) n = n << 8 | prefix[i];
  if (n > SAFETENSORS_HEADER_MAX) {
    err_set(e, BERT_FORMAT, "%s: found a header of %" PRIu64 " bytes, wanted at most %d: not a safetensors file?", path,
            n, SAFETENSORS_HEADER_MAX);
  } else if (file_size < SAFETENSORS_PREFIX || n > file_size - SAFETENSORS_PREFIX) {
    err_set(e, BERT_FORMAT, "%s: found a header of %" PRIu64 " bytes, wanted at most what the file of %" PRIu64
            " bytes holds: truncated?", path, n, file_size);
  }
  return e->code ? 0 : (size_t)n;
}

/* ---- one tensor ----------------------------------------------------------------------------------------------- */

static void parse_dtype(Tensor *t, const Json *v, Arena *a, bert_err *e) {
  t->dtype = DTYPE_OTHER;
  t->dtype_name = json_text(v, NULL, "dtype", a, e);
  if (!t->dtype_name) err_set(e, BERT_FORMAT, "dtype: found none, wanted a string");
}

static void parse_shape(Tensor *t, const Json *v, bert_err *e) {
  if (!v || v->kind != JSON_ARRAY) {
    err_set(e, BERT_FORMAT, "shape: found %s, wanted an array", v ? "something else" : "none");
    return;
  }
  if (v->size > TENSOR_RANK_MAX) {
    err_set(e, BERT_FORMAT, "shape: found %" PRIu32 " dimensions, wanted at most %d", v->size, TENSOR_RANK_MAX);
    return;
  }
  t->count = 1;
  for (const Json *d = json_first(v); d && !e->code; d = json_next(d)) {
    int64_t n = json_integer(d, -1, 0, INT64_MAX, "shape", e);
    t->shape[t->rank++] = n;
    if (d->kind == JSON_NULL)
      err_set(e, BERT_FORMAT, "shape: found null, wanted an integer");
    else if (__builtin_mul_overflow(t->count, n, &t->count))
      err_set(e, BERT_FORMAT, "shape: found a product past 2^63, wanted less");
  }
}

/* Leaves offset relative to the end of the header. */
static void parse_offsets(Tensor *t, const Json *v, bert_err *e) {
  const Json *begin = json_first(v), *end = begin ? json_next(begin) : NULL;
  if (!v || v->kind != JSON_ARRAY || v->size != 2) {
    err_set(e, BERT_FORMAT, "data_offsets: found %s, wanted two integers", v ? "something else" : "none");
    return;
  }
  int64_t from = json_integer(begin, -1, 0, INT64_MAX, "data_offsets", e);
  int64_t to = json_integer(end, -1, 0, INT64_MAX, "data_offsets", e);
  if (!e->code && (from < 0 || to < from))
    err_set(e, BERT_FORMAT, "data_offsets: found %" PRId64 " to %" PRId64 ", wanted a range", from, to);
  t->offset = (uint64_t)from;
  t->bytes = (uint64_t)to - (uint64_t)from;
}

/* Sets the dtype, now that all else is known, and holds shape against bytes. */
static void check_bytes(Tensor *t, bert_err *e) {
  for (int i = 0; i < DTYPE_COUNT && !e->code; i++) {
    if (strcmp(DTYPES[i].name, t->dtype_name)) continue;
    int64_t bits;
    t->dtype = DTYPES[i].dtype;
    if (__builtin_mul_overflow(t->count, (int64_t)DTYPES[i].bits, &bits) || bits % 8 || (uint64_t)bits / 8 != t->bytes)
      err_set(e, BERT_FORMAT, "data_offsets: found %" PRIu64 " bytes, wanted %" PRId64 " numbers of %s", t->bytes,
              t->count, t->dtype_name);
  }
}

static void parse_tensor(Tensor *t, const Json *v, Arena *a, bert_err *e) {
  t->name = json_text(json_key(v), NULL, "name of a tensor", a, e);
  if (e->code) return;
  if (v->kind != JSON_OBJECT) err_set(e, BERT_FORMAT, "found no object, wanted one with dtype, shape and data_offsets");
  parse_dtype(t, json_get(v, "dtype"), a, e);
  parse_shape(t, json_get(v, "shape"), e);
  parse_offsets(t, json_get(v, "data_offsets"), e);
  check_bytes(t, e);
  err_within(e, "%s", t->name);
}

/* Free text by free text, or absent. */
static void check_metadata(const Json *v, bert_err *e) {
  int bad = v && v->kind != JSON_OBJECT && v->kind != JSON_NULL;
  for (const Json *m = json_first(v); m; m = json_next(m)) bad |= m->kind != JSON_STRING;
  if (bad) err_set(e, BERT_FORMAT, "__metadata__: found something else, wanted an object of strings");
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

static int by_offset(const void *x, const void *y) {
  const Tensor *a = x, *b = y;
  if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
  return strcmp(a->name, b->name);
}

/* Each begins where the one before it ends, the last ends with the file; then offsets are counted from the file's
** start. */
static void check_layout(Tensor *t, int n, uint64_t data, uint64_t file_size, bert_err *e) {
  uint64_t at = 0, room = file_size - data;
  for (int i = 0; i < n && !e->code; i++) {
    if (t[i].offset != at)
      err_set(e, BERT_FORMAT, "%s: data_offsets: found %" PRIu64 ", wanted %" PRIu64 ", where the one before it ends",
              t[i].name, t[i].offset, at);
    at += t[i].bytes; /* both below 2^63 */
    if (at > room)
      err_set(e, BERT_FORMAT, "%s: data_offsets: found %" PRIu64 ", wanted at most %" PRIu64 ", where the file ends",
              t[i].name, at, room);
    t[i].offset += data;
  }
  if (at != room)
    err_set(e, BERT_FORMAT, "found %" PRIu64 " bytes after the header, wanted %" PRIu64 " as its tensors say", room,
            at);
}

Tensor *safetensors_parse(const char *header, size_t size, uint64_t file_size, const char *path, int file, int *count,
                          Arena *a, bert_err *e) {
  Arena values = {0};
  Tensor *tensors = NULL;
  int n = 0;
  const Json *root = json_parse(header, size, path, &values, e);
  if (root && root->kind != JSON_OBJECT)
    err_set(e, BERT_FORMAT, "%s: found a header that is no object, wanted one", path);
  if (!e->code) tensors = arena_push(a, root->size, sizeof *tensors, e);
  for (const Json *v = json_first(root); v && !e->code; v = json_next(v)) {
    if (json_is(json_key(v), "__metadata__")) {
      check_metadata(v, e);
    } else {
      tensors[n].file = file;
      tensors[n].path = path;
      parse_tensor(&tensors[n++], v, a, e);
    }
    err_within(e, "%s", path);
  }
  arena_fini(&values);
  if (e->code) return NULL;
  qsort(tensors, (size_t)n, sizeof *tensors, by_offset);
  check_layout(tensors, n, SAFETENSORS_PREFIX + (uint64_t)size, file_size, e);
  err_within(e, "%s", path);
  *count = n;
  return e->code ? NULL : tensors;
}
