/* bundle.c -- see bundle.h.
** Layer: base. Uses: mem. */
#include "base/bundle.h"

#include <string.h>

static void free_file(BundleFile *f) {
  mem_free(f->name);
  if (!f->is_view) mem_free(f->data);
}

void bundle_fini(Bundle *b) {
  for (int i = 0; i < b->count; i++) free_file(&b->file[i]);
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
  free_file(f);
  memmove(f, f + 1, (size_t)(b->file + --b->count - f) * sizeof *f);
}

static void grow(Bundle *b, bert_err *e) {
  if (b->count < b->room) return;
  BundleFile *grown = mem_grow(b->file, (size_t)b->room * 2 + 8, sizeof *grown, e);
  if (!grown) return;
  b->file = grown;
  b->room = b->room * 2 + 8;
}

/* Puts a file (its bytes are taken over, also on error) under a name; returns its bytes, or NULL. */
static char *put(Bundle *b, const char *name, BundleFile f, bert_err *e) {
  size_t n = strlen(name) + 1;
  f.name = mem_new(n, 1, e);
  grow(b, e);
  if (e->code) {
    free_file(&f);
    return NULL;
  }
  memcpy(f.name, name, n);
  bundle_remove(b, name);
  b->file[b->count++] = f;
  return f.data;
}

char *bundle_new_file(Bundle *b, const char *name, size_t size, bert_err *e) {
  BundleFile f = {.data = mem_new(mem_size(1, size, 1), 1, e), .size = size};
  return put(b, name, f, e);
}

void bundle_view(Bundle *b, const char *name, const void *bytes, size_t n, bert_err *e) {
  put(b, name, (BundleFile){.data = (char *)bytes, .size = n, .is_view = 1}, e);
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
