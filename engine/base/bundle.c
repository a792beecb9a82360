/* bundle.c -- see bundle.h.
** Layer: base. Uses: mem. */
#include "base/bundle.h"

#include <string.h>

void bundle_fini(Bundle *b) {
  for (int i = 0; i < b->count; i++) {
    mem_free(b->file[i].name);
    mem_free(b->file[i].data);
  }
  mem_free(b->file);
  *b = (Bundle){0};
}

const BundleFile *bundle_find(const Bundle *b, const char *name) {
  for (int i = 0; i < b->count; i++)
    if (!strcmp(b->file[i].name, name)) return &b->file[i];
  return NULL;
}

void bundle_remove(Bundle *b, const char *name) {
  BundleFile *f = (BundleFile *)bundle_find(b, name);
  if (!f) return;
  mem_free(f->name);
  mem_free(f->data);
  memmove(f, f + 1, (size_t)(b->file + --b->count - f) * sizeof *f);
}

char *bundle_new_file(Bundle *b, const char *name, size_t size, bert_err *e) {
  if (e->code) return NULL;
  if (b->count == b->room) {
    BundleFile *grown = mem_grow(b->file, (size_t)b->room * 2 + 8, sizeof *grown, e);
    if (!grown) return NULL;
    b->file = grown;
    b->room = b->room * 2 + 8;
  }
  size_t n = strlen(name) + 1;
  BundleFile f = {mem_new(n, 1, e), mem_new(mem_size(1, size, 1), 1, e), size};
  if (e->code) {
    mem_free(f.name);
    mem_free(f.data);
    return NULL;
  }
  memcpy(f.name, name, n);
  bundle_remove(b, name);
  b->file[b->count++] = f;
  return f.data;
}

void bundle_put(Bundle *b, const char *name, const void *bytes, size_t n, bert_err *e) {
  char *to = bundle_new_file(b, name, n, e);
  if (to && n) memcpy(to, bytes, n);
}

size_t bundle_bytes(const Bundle *b) {
  size_t n = 0;
  for (int i = 0; i < b->count; i++) n += b->file[i].size;
  return n;
}

/* ---- as a sink and as files -------------------------------------------------------------------------------------- */

static void begin(void *context, const char *name, uint64_t size, bert_err *e) {
  Bundle *b = context;
  b->left = size > PTRDIFF_MAX ? SIZE_MAX : (size_t)size; /* the first is more than any allocation grants */
  bundle_new_file(b, name, b->left, e);
}

static void write(void *context, const void *bytes, size_t n, bert_err *e) {
  Bundle *b = context;
  if (e->code) return;
  if (b->count == 0 || n > b->left) {
    err_set(e, BERT_ARGUMENT, "found %zu bytes written, wanted at most the %zu that the file still has", n, b->left);
    return;
  }
  BundleFile *f = &b->file[b->count - 1];
  if (n) memcpy(f->data + f->size - b->left, bytes, n);
  b->left -= n;
}

bert_sink bundle_sink(Bundle *b) { return (bert_sink){.context = b, .begin = begin, .write = write}; }

static int64_t size_of(void *context, const char *name) {
  const BundleFile *f = bundle_find(context, name);
  return f ? (int64_t)f->size : -1;
}

static void read(void *context, const char *name, uint64_t offset, void *out, size_t n, bert_err *e) {
  const BundleFile *f = bundle_find(context, name);
  if (!f || offset > f->size || n > f->size - offset) {
    err_set(e, BERT_IO, "%s: found no %zu bytes from byte %zu on in the bundle", name, n, (size_t)offset);
    return;
  }
  memcpy(out, f->data + offset, n);
}

/* Only read through: the context is not const because another owner's may not be. */
bert_files bundle_files(const Bundle *b) { return (bert_files){(void *)b, size_of, read}; }
