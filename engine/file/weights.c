/* weights.c -- see weights.h.
** Layer: file. Uses: base safetensors.
**
**    tensors of all files, file after file       names: pointers to them, sorted for bsearch
**
** Numbers are read in blocks that fit the second-level cache, so that converting and checking them costs no second trip
** to memory. Files stay open: one that is replaced under us stays the one we checked. */
#include "file/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "file/safetensors.h"

enum {
  SHARDS_MAX = 256,
  FILE_NAME_MAX = 255,  /* bytes, as file systems have it */
  INDEX_MAX = 16 << 20, /* a line for each tensor; the largest models' take 1 MiB */
  BLOCK = 1 << 16,               /* numbers read at once: 256 KiB of f32 */
  CHECK = 1024                   /* numbers checked at once */
};

typedef struct {
  File file;
  const char *name, *path;
  Tensor *tensor;
  int count;
} Shard;

struct Weights {
  Arena arena;
  const char *directory;
  Shard *shard;
  int shards;
  int count;           /* tensors of all shards */
  const Tensor **name; /* sorted */
};

/* ---- opening -------------------------------------------------------------------------------------------------- */

static void open_shard(Weights *w, Shard *s, bert_err *e) {
  unsigned char prefix[SAFETENSORS_PREFIX] = {0};
  s->file = io_open(s->path, e);
  if (!e->code && s->file.size < sizeof prefix)
    err_set(e, BERT_FORMAT, "%s: found %" PRIu64 " bytes, wanted a safetensors file", s->path, s->file.size);
  io_read(&s->file, s->path, 0, prefix, sizeof prefix, e);
  size_t size = e->code ? 0 : safetensors_header_size(prefix, s->file.size, s->path, e);
  char *header = mem_new(size, 1, e);
  io_read(&s->file, s->path, sizeof prefix, header, size, e);
  if (!e->code)
    s->tensor = safetensors_parse(header, size, s->file.size, s->path, (int)(s - w->shard), &s->count, &w->arena, e);
  mem_free(header);
  if (s->count > INT32_MAX - w->count) err_set(e, BERT_FORMAT, "%s: more than %d tensors", s->path, INT32_MAX);
  if (!e->code) w->count += s->count;
}

/* Room for n shards whose files are not open yet. */
static void new_shards(Weights *w, uint32_t n, bert_err *e) {
  w->shard = arena_push(&w->arena, n, sizeof *w->shard, e);
  for (uint32_t i = 0; w->shard && i < n; i++) w->shard[i].file.fd = -1;
}

static int by_name(const void *x, const void *y) {
  const Tensor *const *a = x, *const *b = y;
  return strcmp((*a)->name, (*b)->name);
}

/* Opens the shards, whose paths are known, and sorts the names of their tensors. */
static void open_shards(Weights *w, bert_err *e) {
  for (int i = 0; i < w->shards && !e->code; i++) open_shard(w, &w->shard[i], e);
  w->name = arena_push(&w->arena, (size_t)w->count, sizeof *w->name, e);
  if (e->code) return;
  for (int i = 0, n = 0; i < w->shards; i++)
    for (int j = 0; j < w->shard[i].count; j++) w->name[n++] = &w->shard[i].tensor[j];
  qsort(w->name, (size_t)w->count, sizeof *w->name, by_name);
  for (int i = 1; i < w->count; i++) {
    const Tensor *a = w->name[i - 1], *b = w->name[i];
    if (!strcmp(a->name, b->name))
      err_set(e, BERT_FORMAT, "%s: found tensor %s, which %s has too, wanted it once", w->shard[b->file].path, b->name,
              a->file == b->file ? "it" : w->shard[a->file].path);
  }
}

/* ---- shards by an index ---------------------------------------------------------------------------------------- */

/* 1 if `file` names nothing outside of a directory. */
static int is_name(const char *file) {
  return *file && !strpbrk(file, "/\\") && strcmp(file, ".") && strcmp(file, "..") && strlen(file) <= FILE_NAME_MAX;
}

/* The place of a weight_map's file among the shards, which is a new one where the file was not named before. */
static int shard_of(Weights *w, const char *file, bert_err *e) {
  for (int i = w->shards - 1; i >= 0; i--)
    if (!strcmp(w->shard[i].name, file)) return i;
  if (w->shards == SHARDS_MAX)
    err_set(e, BERT_FORMAT, "weight_map: found more than %d files, wanted at most that", SHARDS_MAX);
  if (e->code) return 0;
  w->shard[w->shards].name = arena_copy(&w->arena, file, strlen(file), e);
  w->shard[w->shards].path = arena_print(&w->arena, e, "%s/%s", w->directory, file);
  return e->code ? 0 : w->shards++;
}

/* {"weight_map": {"a tensor's name": "its file", …}}; other keys say nothing that matters here. */
static void open_index(Weights *w, const char *index, const char *text, size_t size, bert_err *e) {
  Arena scratch = {0};
  const Json *root = json_parse(text, size, index, &scratch, e), *map = json_get(root, "weight_map");
  if (!map || map->kind != JSON_OBJECT) err_set(e, BERT_FORMAT, "%s: weight_map: found none, wanted an object", index);
  int *shard = map ? arena_push(&scratch, map->size, sizeof *shard, e) : NULL;
  if (!e->code) new_shards(w, map->size < SHARDS_MAX ? map->size : SHARDS_MAX, e);
  int n = 0;
  for (const Json *v = json_first(map); v && !e->code; v = json_next(v)) {
    const char *file = json_text(v, "", "weight_map", &scratch, e);
    if (file && !is_name(file)) json_refuse(v, "weight_map", "a name in this directory", e);
    if (!e->code) shard[n++] = shard_of(w, file, e);
    err_within(e, "%s", index);
  }
  open_shards(w, e);
  n = 0;
  for (const Json *v = json_first(map); v && !e->code; v = json_next(v)) {
    const char *name = json_text(json_key(v), NULL, index, &scratch, e);
    const Tensor *t = name ? weights_maybe(w, name) : NULL;
    const Shard *s = &w->shard[shard[n++]];
    if (!t || &w->shard[t->file] != s)
      err_set(e, BERT_FORMAT, "%s: weight_map: found tensor %s in %s, which does not have it", index, name, s->path);
  }
  arena_fini(&scratch);
}

/* ---- the directory --------------------------------------------------------------------------------------------- */

static void open_directory(Weights *w, const char *directory, bert_err *e) {
  w->directory = arena_copy(&w->arena, directory, strlen(directory), e);
  const char *single = arena_print(&w->arena, e, "%s/model.safetensors", directory);
  const char *index = arena_print(&w->arena, e, "%s/model.safetensors.index.json", directory);
  const char *pickle = arena_print(&w->arena, e, "%s/pytorch_model.bin", directory);
  if (e->code) return;
  if (io_exists(single)) {
    new_shards(w, 1, e);
    if (e->code) return;
    w->shard[w->shards++].path = single;
    open_shards(w, e);
  } else if (io_exists(index)) {
    size_t size;
    char *text = io_read_all(index, INDEX_MAX, &size, e);
    if (text) open_index(w, index, text, size, e);
    mem_free(text);
  } else {
    err_set(e, BERT_IO, "%s: found %s, wanted model.safetensors or model.safetensors.index.json", directory,
            io_exists(pickle)            ? "pytorch_model.bin alone"
            : io_is_directory(directory) ? "no weights"
                                         : "no such directory");
  }
}

Weights *weights_open(const char *directory, bert_err *e) {
  Weights *w = mem_new(1, sizeof *w, e);
  if (!w) return NULL;
  open_directory(w, directory, e);
  if (!e->code) return w;
  weights_free(w);
  return NULL;
}

void weights_free(Weights *w) {
  if (!w) return;
  for (int i = 0; i < w->shards; i++) io_close(&w->shard[i].file);
  arena_fini(&w->arena);
  mem_free(w);
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

const Tensor *weights_maybe(const Weights *w, const char *name) {
  const Tensor key = {.name = name}, *wanted = &key;
  if (!w || !w->count) return NULL;
  const Tensor *const *at = bsearch(&wanted, w->name, (size_t)w->count, sizeof *w->name, by_name);
  return at ? *at : NULL;
}

const Tensor *weights_find(const Weights *w, const char *name, bert_err *e) {
  if (e->code) return NULL;
  const Tensor *t = weights_maybe(w, name);
  const char *where = w->shards == 1 ? w->shard[0].path : w->directory;
  if (!t) err_set(e, BERT_FORMAT, "%s: found no tensor %s among %d, wanted it", where, name, w->count);
  return t;
}

const Tensor *weights_at(const Weights *w, int i) {
  for (int s = 0; i >= 0 && s < w->shards; i -= w->shard[s++].count)
    if (i < w->shard[s].count) return &w->shard[s].tensor[i];
  return NULL;
}

/* "384x768"; "a scalar" for rank 0. */
static void print_shape(char *out, size_t room, const int64_t *shape, int rank) {
  size_t n = 0;
  if (!rank) snprintf(out, room, "a scalar");
  for (int i = 0; i < rank && n < room; i++)
    n += (size_t)snprintf(out + n, room - n, "%s%" PRId64, i ? "x" : "", shape[i]);
}

void weights_want_shape(const Tensor *t, int64_t rows, int64_t columns, bert_err *e) {
  if (e->code || !t) return;
  const int64_t wanted[2] = {rows, columns};
  int rank = columns ? 2 : 1;
  if (t->rank == rank && !memcmp(t->shape, wanted, (size_t)rank * sizeof *wanted)) return;
  char is[TENSOR_RANK_MAX * 20 + 1], want[2 * 20 + 1];
  print_shape(is, sizeof is, t->shape, t->rank);
  print_shape(want, sizeof want, wanted, rank);
  err_set(e, BERT_FORMAT, "%s: %s: %s, wanted %s", t->path, t->name, is, want);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* numbers[n] of `width` bytes, as the file has them, to this machine's order. */
static void from_little_endian(void *numbers, size_t n, size_t width) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  unsigned char *p = numbers;
  for (size_t i = 0; i < n; i++, p += width) {
    for (size_t j = 0; j < width / 2; j++) {
      unsigned char c = p[j];
      p[j] = p[width - 1 - j];
      p[width - 1 - j] = c;
    }
  }
#else
  (void)numbers, (void)n, (void)width;
#endif
}

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* Exact. No subnormal number is computed with, so it does not matter whether the host's threads flush them. */
static float float_of_half(uint16_t h) {
  uint32_t bits = (uint32_t)(h & 0x7FFF) << 13, sign = (uint32_t)(h & 0x8000) << 16, exponent = bits & 0x0F800000;
  float x;
  if (exponent == 0x0F800000) x = float_of(bits | 0x7F800000);                        /* infinity, NaN */
  else if (exponent) x = float_of(bits + ((127 - 15) << 23));
  else x = float_of(bits + (113u << 23)) - float_of(113u << 23);                      /* 0.m * 2^-14 */
  memcpy(&bits, &x, sizeof bits);
  return float_of(bits | sign);
}

static void convert(float *out, const uint16_t *in, size_t n, DType from) {
  if (from == DTYPE_F16)
    for (size_t i = 0; i < n; i++) out[i] = float_of_half(in[i]);
  else
    for (size_t i = 0; i < n; i++) out[i] = float_of((uint32_t)in[i] << 16);
}

/* 1 if one of x[CHECK] is NaN or infinite. The fixed length lets compilers use vectors. */
static int block_has_bad(const float *x) {
  uint32_t bad = 0, bits[CHECK];
  memcpy(bits, x, sizeof bits);
  for (int i = 0; i < CHECK; i++) bad |= (bits[i] & 0x7F800000) == 0x7F800000;
  return bad != 0;
}

/* Index of the first of x[n] that is NaN or infinite; n if none is. */
static size_t first_bad(const float *x, size_t n) {
  size_t i = 0;
  while (n - i >= CHECK && !block_has_bad(x + i)) i += CHECK;
  for (; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    if ((bits & 0x7F800000) == 0x7F800000) break;
  }
  return i;
}

/* out[n] = numbers of t from `first`; half is room for min(n, BLOCK) where t's numbers have 16 bits. */
static void read_numbers(const Shard *s, const Tensor *t, uint64_t first, size_t n, float *out, uint16_t *half,
                         bert_err *e) {
  size_t width = (size_t)safetensors_width(t->dtype);
  for (size_t i = 0; i < n && !e->code; i += BLOCK) {
    size_t some = n - i < BLOCK ? n - i : BLOCK;
    void *to = half ? (void *)half : (void *)(out + i);
    io_read(&s->file, s->path, t->offset + (first + i) * width, to, some * width, e);
    if (e->code) return;
    from_little_endian(to, some, width);
    if (half) convert(out + i, half, some, t->dtype);
    size_t bad = first_bad(out + i, some);
    if (bad < some)
      err_set(e, BERT_FORMAT, "%s: %s: found %g at index %" PRIu64 ", wanted finite numbers", s->path, t->name,
              (double)out[i + bad], first + i + bad);
  }
}

void weights_read(const Weights *w, const Tensor *t, int64_t first_row, int64_t rows, float *out, bert_err *e) {
  if (e->code) return;
  const Shard *s = &w->shard[t->file];
  int64_t all = t->rank ? t->shape[0] : 1;
  if (!safetensors_width(t->dtype)) {
    err_set(e, BERT_FORMAT, "%s: %s: found dtype %s, wanted F32, F16 or BF16", s->path, t->name, t->dtype_name);
    return;
  }
  if (first_row < 0 || rows < 0 || first_row > all || rows > all - first_row) {
    err_set(e, BERT_ARGUMENT, "%s: %" PRId64 " rows from %" PRId64 " asked for, it has %" PRId64, t->name, rows,
            first_row, all);
    return;
  }
  uint64_t columns = all ? (uint64_t)(t->count / all) : 0;
  size_t n = (size_t)((uint64_t)rows * columns), room = n < BLOCK ? n : BLOCK;
  uint16_t *half = t->dtype == DTYPE_F32 ? NULL : mem_new(room, sizeof *half, e);
  if (!e->code) read_numbers(s, t, (uint64_t)first_row * columns, n, out, half, e);
  mem_free(half);
}
