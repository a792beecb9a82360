/* torch.c -- see torch.h.
** Layer: file. Uses: base pickle zip. */
#include "file/torch.h"

#include <inttypes.h>
#include <string.h>

#include "file/pickle.h"
#include "file/zip.h"

static const char PICKLE[] = "/data.pkl";

/* How a file begins that is no zip: the magic number of older torch.save, as the pickle of an integer. */
static const unsigned char LEGACY[] = {0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C,
                                       0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19};
static const unsigned char ZIP[] = {'P', 'K', 3, 4};

static void check_magic(const File *f, const char *path, bert_err *e) {
  unsigned char first[sizeof LEGACY] = {0};
  size_t n = f->size < sizeof first ? (size_t)f->size : sizeof first;
  io_read(f, path, 0, first, n, e);
  if (e->code || !memcmp(first, ZIP, sizeof ZIP)) return;
  if (!memcmp(first, LEGACY, sizeof LEGACY))
    err_set(e, BERT_FORMAT, "%s: found the format of torch before 1.6, wanted the one since: "
            "torch.save(torch.load(path, weights_only=True), path) converts it", path);
  else
    err_set(e, BERT_FORMAT, "%s: found something else than a zip, wanted a file of torch.save", path);
}

/* NAME/data.pkl of whatever name; the shortest where there are several. */
static const ZipEntry *find_pickle(const Zip *z, bert_err *e) {
  const ZipEntry *found = NULL;
  size_t suffix = sizeof PICKLE - 1;
  for (int i = 0; i < z->count; i++) {
    size_t n = strlen(z->entry[i].name);
    if (n > suffix && !strcmp(z->entry[i].name + n - suffix, PICKLE) && (!found || n < strlen(found->name)))
      found = &z->entry[i];
  }
  if (!e->code && !found)
    err_set(e, BERT_FORMAT, "%s: found no data.pkl among %d entries, wanted a file of torch.save", z->path, z->count);
  return e->code ? NULL : found;
}

/* The entry that stands beside the pickle; NULL if there is none. */
static const ZipEntry *find_beside(const Zip *z, const ZipEntry *pickle, const char *name, Arena *a, bert_err *e) {
  int folder = (int)(strlen(pickle->name) - (sizeof PICKLE - 1));
  char *full = arena_print(a, e, "%.*s/%s", folder, pickle->name, name);
  return full ? zip_find(z, full) : NULL;
}

static void check_byte_order(const Zip *z, const ZipEntry *pickle, Arena *a, bert_err *e) {
  static const char LITTLE[] = "little";
  char order[sizeof LITTLE] = "";
  const ZipEntry *entry = find_beside(z, pickle, "byteorder", a, e);
  if (!entry) return;
  if (entry->size == sizeof LITTLE - 1) io_read(z->file, z->path, zip_begin(z, entry, e), order, sizeof order - 1, e);
  if (!e->code && strcmp(order, LITTLE))
    err_set(e, BERT_FORMAT, "%s: byteorder: found something else, wanted little", z->path);
}

/* 1 if the numbers follow one another; a dimension of one number may have any stride. */
static int in_order(const PickleTensor *t) {
  int64_t stride = 1;
  for (int i = t->rank - 1; i >= 0 && t->count > 0; i--) {
    if (t->shape[i] != 1 && t->stride[i] != stride) return 0;
    stride *= t->shape[i];
  }
  return 1;
}

static void fill_tensor(Tensor *out, const PickleTensor *from, const Zip *z, const ZipEntry *pickle, Arena *scratch,
                        Arena *a, bert_err *e) {
  const PickleStorage *s = from->storage;
  const char *key = arena_print(scratch, e, "data/%s", s->key);
  const ZipEntry *entry = key ? find_beside(z, pickle, key, scratch, e) : NULL;
  uint64_t width = (uint64_t)s->width;
  if (!e->code && (!entry || entry->size / width != (uint64_t)s->numbers || entry->size % width))
    err_set(e, BERT_FORMAT, "%s: %s: found %" PRIu64 " bytes in %s, wanted %" PRId64 " numbers of %s", z->path,
            from->name, entry ? entry->size : 0, key, s->numbers, s->dtype_name);
  if (e->code) return;
  out->name = arena_copy(a, from->name, strlen(from->name), e);
  out->dtype = s->dtype;
  out->dtype_name = s->dtype_name;
  out->rank = from->rank;
  out->count = from->count;
  memcpy(out->shape, from->shape, sizeof out->shape);
  out->offset = zip_begin(z, entry, e) + (uint64_t)from->offset * width;
  out->bytes = (uint64_t)from->count * width;
  if (in_order(from)) return;
  for (int i = 0; i < 2 && i < from->rank; i++) out->step[i] = from->stride[i];
  if (from->rank > 2) {
    out->dtype = DTYPE_OTHER;
    out->dtype_name = "of more than two dimensions that are not in order";
  }
}

Tensor *torch_parse(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e) {
  Arena scratch = {0};
  Zip z;
  int n = 0;
  check_magic(f, path, e);
  zip_open(&z, f, path, &scratch, e);
  const ZipEntry *pickle = find_pickle(&z, e);
  if (pickle) check_byte_order(&z, pickle, &scratch, e);
  if (pickle && pickle->size > PICKLE_MAX)
    err_set(e, BERT_FORMAT, "%s: pickle: %" PRIu64 " bytes, at most %d are taken", path, pickle->size, PICKLE_MAX);
  size_t size = e->code ? 0 : (size_t)pickle->size;
  char *bytes = mem_new(size, 1, e);
  if (!e->code) io_read(f, path, zip_begin(&z, pickle, e), bytes, size, e);
  const PickleTensor *from = NULL;
  if (!e->code) {
    from = pickle_tensors(bytes, size, &n, &scratch, e);
    err_within(e, "%s", path);
  }
  Tensor *out = arena_push(a, (size_t)n, sizeof *out, e);
  uint64_t all = 0, most = f->size * TORCH_SHARED_MAX;
  for (int i = 0; i < n && !e->code; i++) {
    out[i].file = file;
    out[i].path = path;
    fill_tensor(&out[i], &from[i], &z, pickle, &scratch, a, e);
    all += out[i].bytes;
    if (!e->code && all > most)
      err_set(e, BERT_FORMAT, "%s: found tensors of more than %" PRIu64 " bytes, wanted at most %d times the file",
              path, most, TORCH_SHARED_MAX);
  }
  mem_free(bytes);
  arena_fini(&scratch);
  *count = e->code ? 0 : n;
  return e->code ? NULL : out;
}
