/* weights.c -- see weights.h. To add a format: a row in SOURCES.
** Layer: file. Uses: base dtype gguf safetensors torch.
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

#include "base/json.h"
#include "file/dtype.h"
#include "file/gguf.h"
#include "file/safetensors.h"
#include "file/torch.h"

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

/* The tensors of an open file, in the arena, Tensor.file being `file`; NULL on error. */
typedef Tensor *Parse(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e);

struct Weights {
  Arena arena;
  Folder in; /* keeps nothing: an index says where tensors lay */
  const char *directory;
  Parse *parse;
  Shard *shard;
  int shards;
  int count;           /* tensors of all shards */
  const Tensor **name; /* sorted */
};

/* ---- opening -------------------------------------------------------------------------------------------------- */

static Tensor *parse_safetensors(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e) {
  unsigned char prefix[SAFETENSORS_PREFIX] = {0};
  if (f->size < sizeof prefix)
    err_set(e, BERT_FORMAT, "%s: found %" PRIu64 " bytes, wanted a safetensors file", path, f->size);
  io_read(f, path, 0, prefix, sizeof prefix, e);
  size_t size = e->code ? 0 : safetensors_header_size(prefix, f->size, path, e);
  char *header = mem_new(size, 1, e);
  io_read(f, path, sizeof prefix, header, size, e);
  Tensor *out = e->code ? NULL : safetensors_parse(header, size, f->size, path, file, count, a, e);
  mem_free(header);
  return out;
}

static void open_shard(Weights *w, Shard *s, bert_err *e) {
  s->file = io_open(&w->in, s->path, e);
  if (!e->code) s->tensor = w->parse(&s->file, s->path, (int)(s - w->shard), &s->count, &w->arena, e);
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

/* Sorts the names of the shards' tensors. */
static void sort_names(Weights *w, bert_err *e) {
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

/* Opens the shards, whose paths are known. */
static void open_shards(Weights *w, bert_err *e) {
  for (int i = 0; i < w->shards && !e->code; i++) open_shard(w, &w->shard[i], e);
  sort_names(w, e);
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

/* What is looked for in a directory; the first that is there counts. */
static const struct {
  const char *name;
  int is_index;
  Parse *parse;
} SOURCES[] = {
    {"model.safetensors", 0, parse_safetensors},
    {"model.safetensors.index.json", 1, parse_safetensors},
    {"pytorch_model.bin", 0, torch_parse},
    {"pytorch_model.bin.index.json", 1, torch_parse},
};
enum { SOURCE_COUNT = sizeof SOURCES / sizeof *SOURCES };

static void open_single(Weights *w, const char *path, Parse *parse, bert_err *e) {
  new_shards(w, 1, e);
  if (e->code) return;
  w->parse = parse;
  w->shard[w->shards++].path = path;
  open_shards(w, e);
}

static void open_by_index(Weights *w, const char *path, Parse *parse, bert_err *e) {
  size_t size;
  char *text = io_read_all(&w->in, path, INDEX_MAX, &size, e);
  w->parse = parse;
  if (text) open_index(w, path, text, size, e);
  mem_free(text);
}

static void open_directory(Weights *w, bert_err *e) {
  for (int i = 0; i < SOURCE_COUNT && !e->code; i++) {
    const char *path = arena_print(&w->arena, e, "%s/%s", w->directory, SOURCES[i].name);
    if (!path || !io_exists(&w->in, path)) continue;
    if (SOURCES[i].is_index) open_by_index(w, path, SOURCES[i].parse, e);
    else open_single(w, path, SOURCES[i].parse, e);
    return;
  }
  err_set(e, BERT_IO, "%s: found no %s, wanted model.safetensors, model.safetensors.index.json, pytorch_model.bin or "
          "pytorch_model.bin.index.json", w->directory,
          io_is_directory(&w->in, w->directory) ? "weights" : "such directory");
}

static Weights *new_weights(const Folder *in, const char *path, bert_err *e) {
  Weights *w = mem_new(1, sizeof *w, e);
  if (!w) return NULL;
  if (in) w->in = (Folder){.root = in->root, .files = in->files};
  w->directory = arena_copy(&w->arena, path, strlen(path), e);
  return w;
}

/* w, or NULL on a failed e. */
static Weights *opened(Weights *w, bert_err *e) {
  if (!e->code) return w;
  weights_free(w);
  return NULL;
}

Weights *weights_open(const Folder *in, const char *path, bert_err *e) {
  Weights *w = new_weights(in, path, e);
  if (e->code) return opened(w, e);
  if (io_exists(&w->in, path)) open_single(w, w->directory, gguf_parse, e);
  else open_directory(w, e);
  return opened(w, e);
}

Weights *weights_open_safetensors(const Folder *in, const char *path, bert_err *e) {
  Weights *w = new_weights(in, path, e);
  if (!e->code) open_single(w, w->directory, parse_safetensors, e);
  return opened(w, e);
}

Weights *weights_in_memory(const void *bytes, size_t size, const Tensor *t, int n, const char *path, bert_err *e) {
  Weights *w = new_weights(NULL, path, e);
  if (!e->code) new_shards(w, 1, e);
  Tensor *copy = e->code ? NULL : arena_push(&w->arena, (size_t)n, sizeof *copy, e);
  if (!copy) return opened(w, e);
  memcpy(copy, t, (size_t)n * sizeof *copy);
  w->shard[w->shards++] = (Shard){io_memory(bytes, size), NULL, w->directory, copy, n};
  w->count = n;
  sort_names(w, e);
  return opened(w, e);
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

static void refuse_bad(const Tensor *t, const float *x, size_t n, uint64_t first, bert_err *e) {
  size_t bad = e->code ? n : first_bad(x, n);
  if (bad < n)
    err_set(e, BERT_FORMAT, "%s: %s: found %g at index %" PRIu64 ", wanted finite numbers", t->path, t->name,
            (double)x[bad], first + bad);
}

/* What is read before it is converted, and numbers of which not all are wanted. */
typedef struct {
  unsigned char *raw;
  float *spare;
} Scratch;

/* out[n] = numbers first … of t, which lie in blocks that begin inside one piece of the file; n at most BLOCK less what
** stands before `first` in its block. */
static void read_piece(const Shard *s, const Tensor *t, uint64_t first, size_t n, float *out, const Scratch *scratch,
                       bert_err *e) {
  size_t block = (size_t)dtype_block(t->dtype), bytes = (size_t)dtype_bytes(t->dtype);
  size_t skip = (size_t)(first % block), blocks = (skip + n + block - 1) / block;
  uint64_t at = t->offset + first / block * bytes;
  if (t->dtype == DTYPE_F32) {
    io_read(&s->file, s->path, at, out, n * sizeof *out, e);
    if (!e->code) dtype_little_endian(out, n);
    return;
  }
  io_read(&s->file, s->path, at, scratch->raw, blocks * bytes, e);
  if (e->code) return;
  if (blocks * block == n) {
    dtype_decode(t->dtype, scratch->raw, blocks, out);
  } else {
    dtype_decode(t->dtype, scratch->raw, blocks, scratch->spare);
    memcpy(out, scratch->spare + skip, n * sizeof *out);
  }
}

static void read_in_order(const Shard *s, const Tensor *t, uint64_t first, size_t n, float *out,
                          const Scratch *scratch, bert_err *e) {
  uint64_t block = (uint64_t)dtype_block(t->dtype);
  for (size_t i = 0, some; i < n && !e->code; i += some) {
    size_t room = BLOCK - (size_t)((first + i) % block);
    some = n - i < room ? n - i : room;
    read_piece(s, t, first + i, some, out + i, scratch, e);
    refuse_bad(t, out + i, some, first + i, e);
  }
}

/* out[rows][columns] of a view that is not in order, in runs of numbers that lie side by side: a row, a column, or one
** number where neither does. Numbers are not in blocks here. */
static void read_view(const Shard *s, const Tensor *t, int64_t first_row, int64_t rows, int64_t columns, float *out,
                      const Scratch *scratch, bert_err *e) {
  int across = t->step[1] == 1, down = !across && t->step[0] == 1;
  int64_t wide = across ? columns : 1, high = down ? rows : 1;
  wide = wide < BLOCK ? wide : BLOCK;
  high = high < BLOCK ? high : BLOCK;
  float *run = scratch->spare;
  for (int64_t r = 0; r < rows; r += high)
    for (int64_t c = 0; c < columns && !e->code; c += wide) {
      int64_t n = across ? (columns - c < wide ? columns - c : wide) : rows - r < high ? rows - r : high;
      read_piece(s, t, (uint64_t)((first_row + r) * t->step[0] + c * t->step[1]), (size_t)n, run, scratch, e);
      for (int64_t i = 0; i < n && !e->code; i++) out[(r + (across ? 0 : i)) * columns + c + (across ? i : 0)] = run[i];
    }
  refuse_bad(t, out, (size_t)(rows * columns), (uint64_t)(first_row * columns), e);
}

void weights_read(const Weights *w, const Tensor *t, int64_t first_row, int64_t rows, float *out, bert_err *e) {
  if (e->code) return;
  const Shard *s = &w->shard[t->file];
  int64_t all = t->rank ? t->shape[0] : 1;
  if (!dtype_block(t->dtype)) {
    err_set(e, BERT_FORMAT, "%s: %s: found dtype %s, wanted F32, F16, BF16, F64 or one of ggml's quantised types",
            s->path, t->name, t->dtype_name);
    return;
  }
  if (first_row < 0 || rows < 0 || first_row > all || rows > all - first_row) {
    err_set(e, BERT_ARGUMENT, "%s: %" PRId64 " rows from %" PRId64 " asked for, it has %" PRId64, t->name, rows,
            first_row, all);
    return;
  }
  int64_t columns = all ? t->count / all : 0;
  int is_view = t->step[0] || t->step[1];
  size_t n = (size_t)(rows * columns), block = (size_t)dtype_block(t->dtype), bytes = (size_t)dtype_bytes(t->dtype);
  /* Blocks; of the first and the last perhaps a part is wanted. */
  size_t room = n < BLOCK ? (n + 2 * block - 2) / block : BLOCK / block;
  Scratch scratch = {0};
  if (t->dtype != DTYPE_F32) scratch.raw = mem_new(room, bytes, e);
  if (block > 1 || is_view) scratch.spare = mem_new(room * block, sizeof *scratch.spare, e);
  if (!e->code && is_view) read_view(s, t, first_row, rows, columns, out, &scratch, e);
  else if (!e->code) read_in_order(s, t, (uint64_t)(first_row * columns), n, out, &scratch, e);
  mem_free(scratch.raw);
  mem_free(scratch.spare);
}

const void *weights_place(const Weights *w, const Tensor *t) {
  const File *f = &w->shard[t->file].file;
  return f->memory ? f->memory + t->offset : NULL;
}

void weights_read_bytes(const Weights *w, const Tensor *t, uint64_t from, void *out, size_t n, bert_err *e) {
  const Shard *s = &w->shard[t->file];
  if (!e->code) io_read(&s->file, s->path, t->offset + from, out, n, e);
}
