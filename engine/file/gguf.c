/* gguf.c -- the container: header, keys and values, tensor infos. See gguf.h.
** Layer: file. Uses: base cursor dtype gguf.h.
**
** All that counts or measures something is a u64 out of the file. Nothing is believed before as many bytes stood in the
** header; a text or an array is a view of these bytes. Tensors must be whole rows of blocks, aligned, inside the file,
** and apart from one another. */
#include "file/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file/cursor.h"
#include "file/dtype.h"

enum { MAGIC = 0x46554747, DIMENSIONS_MAX = 4, ALIGNMENT = 32, ALIGNMENT_MAX = 1 << 16, COUNT_MAX = 1 << 16 };

static const struct {
  int width; /* bytes; 0 where it varies */
  const char *name;
} TYPES[GGUF_TYPES] = {
    [GGUF_U8] = {1, "an integer"},  [GGUF_I8] = {1, "an integer"},  [GGUF_U16] = {2, "an integer"},
    [GGUF_I16] = {2, "an integer"}, [GGUF_U32] = {4, "an integer"}, [GGUF_I32] = {4, "an integer"},
    [GGUF_F32] = {4, "a number"},   [GGUF_FLAG] = {1, "a flag"},    [GGUF_TEXT] = {0, "a text"},
    [GGUF_ARRAY] = {0, "an array"}, [GGUF_U64] = {8, "an integer"}, [GGUF_I64] = {8, "an integer"},
    [GGUF_F64] = {8, "a number"},
};

/* ggml's numbers for its types; those it has dropped are left out. */
static const struct {
  const char *name;
  DType dtype;
} GGML[] = {
    [0] = {"F32", DTYPE_F32},         [1] = {"F16", DTYPE_F16},         [2] = {"Q4_0", DTYPE_Q4_0},
    [3] = {"Q4_1", DTYPE_Q4_1},       [6] = {"Q5_0", DTYPE_Q5_0},       [7] = {"Q5_1", DTYPE_Q5_1},
    [8] = {"Q8_0", DTYPE_Q8_0},       [9] = {"Q8_1", DTYPE_OTHER},      [10] = {"Q2_K", DTYPE_Q2_K},
    [11] = {"Q3_K", DTYPE_Q3_K},      [12] = {"Q4_K", DTYPE_Q4_K},      [13] = {"Q5_K", DTYPE_Q5_K},
    [14] = {"Q6_K", DTYPE_Q6_K},      [15] = {"Q8_K", DTYPE_OTHER},     [16] = {"IQ2_XXS", DTYPE_OTHER},
    [17] = {"IQ2_XS", DTYPE_OTHER},   [18] = {"IQ3_XXS", DTYPE_OTHER},  [19] = {"IQ1_S", DTYPE_OTHER},
    [20] = {"IQ4_NL", DTYPE_IQ4_NL},  [21] = {"IQ3_S", DTYPE_OTHER},    [22] = {"IQ2_S", DTYPE_OTHER},
    [23] = {"IQ4_XS", DTYPE_IQ4_XS},  [24] = {"I8", DTYPE_OTHER},       [25] = {"I16", DTYPE_OTHER},
    [26] = {"I32", DTYPE_OTHER},      [27] = {"I64", DTYPE_OTHER},      [28] = {"F64", DTYPE_F64},
    [29] = {"IQ1_M", DTYPE_OTHER},    [30] = {"BF16", DTYPE_BF16},
};
enum { GGML_COUNT = sizeof GGML / sizeof *GGML };

/* ---- one value ------------------------------------------------------------------------------------------------- */

static const unsigned char *take_text(Cursor *c, size_t *size) {
  uint64_t n = cursor_number(c, 8);
  const unsigned char *p = cursor_take(c, n);
  *size = p ? (size_t)n : 0;
  return p;
}

static void skip_array(Cursor *c, GgufValue *v, bert_err *e) {
  uint64_t element = cursor_number(c, 4);
  v->count = cursor_number(c, 8);
  v->bytes = c->at;
  if (c->spent) return;
  if (element >= GGUF_TYPES || element == GGUF_ARRAY) {
    err_set(e, BERT_FORMAT, "found an array of type %" PRIu64 ", wanted one of texts, numbers or flags", element);
    return;
  }
  v->element = (GgufType)element;
  size_t size;
  if (element == GGUF_TEXT)
    for (uint64_t i = 0; i < v->count && !c->spent; i++) take_text(c, &size);
  else
    cursor_take(c, mem_size((size_t)v->count, (size_t)TYPES[element].width, 0));
}

/* Past a value, which *v then is. */
static void take_value(Cursor *c, GgufValue *v, bert_err *e) {
  uint64_t type = cursor_number(c, 4);
  v->bytes = c->at;
  if (type >= GGUF_TYPES) {
    err_set(e, BERT_FORMAT, "found a value of type %" PRIu64 ", wanted one below %d", type, GGUF_TYPES);
    return;
  }
  v->type = (GgufType)type;
  if (type == GGUF_TEXT) v->bytes = take_text(c, &v->size);
  else if (type == GGUF_ARRAY) skip_array(c, v, e);
  else cursor_take(c, v->size = (size_t)TYPES[type].width);
  if (type == GGUF_ARRAY && !c->spent) v->size = (size_t)(c->at - v->bytes);
}

/* ---- the whole header ------------------------------------------------------------------------------------------ */

/* Past the first numbers. */
static void take_counts(Cursor *c, uint64_t *tensors, uint64_t *values, bert_err *e) {
  uint64_t magic = cursor_number(c, 4), version = cursor_number(c, 4);
  *tensors = cursor_number(c, 8);
  *values = cursor_number(c, 8);
  if (c->spent) return;
  if (magic != MAGIC)
    err_set(e, BERT_FORMAT,
            "found something else than a GGUF file, wanted one, or a model directory in the Hugging Face layout");
  else if (version != 2 && version != 3)
    err_set(e, BERT_FORMAT, "found version %" PRIu64 ", wanted 2 or 3, little-endian", version);
  else if (*tensors > COUNT_MAX || *values > COUNT_MAX)
    err_set(e, BERT_FORMAT, "found %" PRIu64 " tensors and %" PRIu64 " keys, wanted at most %d of each", *tensors,
            *values, COUNT_MAX);
}

size_t gguf_measure(const void *bytes, size_t size, const char *path, bert_err *e) {
  Cursor c = cursor_over(bytes, size);
  uint64_t tensors, values;
  size_t n;
  if (e->code) return 0;
  take_counts(&c, &tensors, &values, e);
  for (uint64_t i = 0; i < values && !c.spent && !e->code; i++) {
    GgufValue v = {0};
    take_text(&c, &n);
    take_value(&c, &v, e);
  }
  for (uint64_t i = 0; i < tensors && !c.spent && !e->code; i++) {
    take_text(&c, &n);
    uint64_t dimensions = cursor_number(&c, 4);
    if (dimensions > DIMENSIONS_MAX)
      err_set(e, BERT_FORMAT, "found a tensor of %" PRIu64 " dimensions, wanted at most %d", dimensions,
              DIMENSIONS_MAX);
    cursor_take(&c, 8 * dimensions + 4 + 8);
  }
  err_within(e, "%s", path);
  return c.spent || e->code ? 0 : size - (size_t)(c.end - c.at);
}

static const char *take_name(Gguf *g, Cursor *c, const char *what, bert_err *e) {
  size_t n;
  const unsigned char *p = take_text(c, &n);
  if (!p || !cursor_is_name(p, n)) err_set(e, BERT_FORMAT, "found %s that is no UTF-8 or has a NUL", what);
  return e->code ? NULL : arena_copy(&g->arena, (const char *)p, n, e);
}

/* Shape and dtype; offset is still counted from where tensors begin. GGUF's first dimension is the innermost. */
static void read_tensor(Gguf *g, Tensor *t, Cursor *c, bert_err *e) {
  t->name = take_name(g, c, "the name of a tensor", e);
  t->rank = (int)cursor_number(c, 4);
  t->count = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    uint64_t n = cursor_number(c, 8);
    t->shape[i] = (int64_t)n;
    if (n > INT64_MAX || __builtin_mul_overflow(t->count, (int64_t)n, &t->count))
      err_set(e, BERT_FORMAT, "%s: shape: found a product past 2^63, wanted less", t->name);
  }
  uint64_t type = cursor_number(c, 4);
  t->offset = cursor_number(c, 8);
  t->dtype = DTYPE_OTHER;
  t->dtype_name = type < GGML_COUNT ? GGML[type].name : NULL;
  if (t->dtype_name) t->dtype = GGML[type].dtype;
  else t->dtype_name = arena_print(&g->arena, e, "number %" PRIu64, type);
  if (e->code || t->dtype == DTYPE_OTHER) return;
  int64_t block = dtype_block(t->dtype), width = t->rank ? t->shape[t->rank - 1] : 1, bytes;
  if (width % block)
    err_set(e, BERT_FORMAT, "%s: found rows of %" PRId64 " numbers, wanted a multiple of %" PRId64 " for %s", t->name,
            width, block, t->dtype_name);
  else if (__builtin_mul_overflow(t->count / block, (int64_t)dtype_bytes(t->dtype), &bytes))
    err_set(e, BERT_FORMAT, "%s: shape: found a product past 2^63, wanted less", t->name);
  else
    t->bytes = (uint64_t)bytes;
}

static int by_offset(const void *x, const void *y) {
  const Tensor *a = *(const Tensor *const *)x, *b = *(const Tensor *const *)y;
  if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
  return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* Tensors begin behind the header, are aligned, and lie one after the other inside the file. */
static void place_tensors(Gguf *g, size_t header, uint64_t file_size, bert_err *e) {
  uint64_t alignment = (uint64_t)gguf_integer(g, "general.alignment", ALIGNMENT, 1, ALIGNMENT_MAX, e);
  if (!e->code && alignment & (alignment - 1))
    err_set(e, BERT_FORMAT, "general.alignment: found %" PRIu64 ", wanted a power of two", alignment);
  Arena scratch = {0};
  Tensor **sorted = arena_push(&scratch, (size_t)g->tensors, sizeof *sorted, e);
  if (!e->code) {
    uint64_t data = (header + alignment - 1) / alignment * alignment, room = file_size > data ? file_size - data : 0;
    uint64_t at = 0;
    for (int i = 0; i < g->tensors; i++) sorted[i] = &g->tensor[i];
    qsort(sorted, (size_t)g->tensors, sizeof *sorted, by_offset);
    for (int i = 0; i < g->tensors && !e->code; i++) {
      Tensor *t = sorted[i];
      if (t->offset % alignment || t->offset < at || t->offset > room || t->bytes > room - t->offset)
        err_set(e, BERT_FORMAT, "%s: found %" PRIu64 " bytes at %" PRIu64 ", wanted them aligned to %" PRIu64
                ", at %" PRIu64 " or later and before the file ends at %" PRIu64, t->name, t->bytes, t->offset,
                alignment, at, room);
      at = t->offset + t->bytes;
      t->offset += data;
    }
  }
  arena_fini(&scratch);
}

void gguf_read(Gguf *g, const void *header, size_t size, uint64_t file_size, const char *path, int file, bert_err *e) {
  Cursor c = cursor_over(header, size);
  uint64_t tensors = 0, values = 0;
  g->path = path;
  if (e->code) return;
  take_counts(&c, &tensors, &values, e);
  GgufValue *value = arena_push(&g->arena, (size_t)values, sizeof *value, e);
  g->tensor = arena_push(&g->arena, (size_t)tensors, sizeof *g->tensor, e);
  g->value = value;
  for (; (uint64_t)g->values < values && !e->code; g->values++) {
    value[g->values].key = take_name(g, &c, "a key", e);
    take_value(&c, &value[g->values], e);
  }
  for (; (uint64_t)g->tensors < tensors && !e->code; g->tensors++) {
    g->tensor[g->tensors].file = file;
    g->tensor[g->tensors].path = path;
    read_tensor(g, &g->tensor[g->tensors], &c, e);
  }
  if (c.spent) err_set(e, BERT_FORMAT, "found a header that ends early");
  if (!e->code) place_tensors(g, size, file_size, e);
  err_within(e, "%s", path);
}

/* ---- asking for values ----------------------------------------------------------------------------------------- */

const GgufValue *gguf_get(const Gguf *g, const char *key) {
  for (int i = 0; i < g->values; i++)
    if (!strcmp(g->value[i].key, key)) return &g->value[i];
  return NULL;
}

static void refuse_type(const char *key, const GgufValue *v, GgufType wanted, bert_err *e) {
  err_set(e, BERT_FORMAT, "%s: found %s, wanted %s", key, TYPES[v->type].name, TYPES[wanted].name);
}

static int is_signed(GgufType t) { return t == GGUF_I8 || t == GGUF_I16 || t == GGUF_I32 || t == GGUF_I64; }

int gguf_integer(const Gguf *g, const char *key, int otherwise, int low, int high, bert_err *e) {
  const GgufValue *v = gguf_get(g, key);
  if (!v || e->code) return otherwise;
  if (strcmp(TYPES[v->type].name, TYPES[GGUF_I32].name)) {
    refuse_type(key, v, GGUF_I32, e);
    return otherwise;
  }
  Cursor c = cursor_over(v->bytes, v->size);
  uint64_t x = cursor_number(&c, (int)v->size);
  int negative = is_signed(v->type) && x >> (8 * v->size - 1);
  if (negative && v->size < 8) x |= ~(uint64_t)0 << 8 * v->size;
  if (negative ? (int64_t)x < low : x > (uint64_t)high || (int64_t)x < low)
    err_set(e, BERT_FORMAT, "%s: found %s%" PRIu64 ", wanted an integer from %d to %d", key, negative ? "-" : "",
            negative ? 0 - x : x, low, high);
  return e->code ? otherwise : (int)(int64_t)x;
}

double gguf_number(const Gguf *g, const char *key, double otherwise, bert_err *e) {
  const GgufValue *v = gguf_get(g, key);
  if (!v || e->code) return otherwise;
  if (v->type != GGUF_F32 && v->type != GGUF_F64) {
    refuse_type(key, v, GGUF_F32, e);
    return otherwise;
  }
  Cursor c = cursor_over(v->bytes, v->size);
  uint64_t bits = cursor_number(&c, (int)v->size);
  uint32_t narrow = (uint32_t)bits;
  float x;
  double wide;
  memcpy(&x, &narrow, sizeof x);
  memcpy(&wide, &bits, sizeof wide);
  return v->type == GGUF_F32 ? (double)x : wide;
}

int gguf_flag(const Gguf *g, const char *key, int otherwise, bert_err *e) {
  const GgufValue *v = gguf_get(g, key);
  if (!v || e->code) return otherwise;
  if (v->type != GGUF_FLAG) refuse_type(key, v, GGUF_FLAG, e);
  return e->code ? otherwise : *v->bytes != 0;
}

const char *gguf_text(const Gguf *g, const char *key, const char *otherwise, Arena *a, bert_err *e) {
  const GgufValue *v = gguf_get(g, key);
  if (!v || e->code) return otherwise;
  if (v->type != GGUF_TEXT) refuse_type(key, v, GGUF_TEXT, e);
  else if (!cursor_is_name(v->bytes, v->size))
    err_set(e, BERT_FORMAT, "%s: found a text that is no UTF-8 or has a NUL, wanted UTF-8", key);
  return e->code ? otherwise : arena_copy(a, (const char *)v->bytes, v->size, e);
}

const char *gguf_next_text(const unsigned char **at, size_t *size) {
  Cursor c = cursor_over(*at, 8);
  *size = (size_t)cursor_number(&c, 8);
  const unsigned char *text = *at + 8;
  *at = text + *size;
  return (const char *)text;
}
