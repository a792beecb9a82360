/* bundle.h -- files in memory, by name: what a model's writer made, or what its opener read.
** Layer: base. Uses: mem.
**
**    "config.json" -> bytes -> "1_Pooling/config.json" -> bytes -> …      a list in the order of coming
**
** bert.h says what the functions do. Cost: a name is looked for from the front; a model has about ten files. A bundle of
** zeros is empty and ready. */
#ifndef BASE_BUNDLE_H
#define BASE_BUNDLE_H

#include "base/mem.h"

typedef struct {
  char *name, *data; /* data is NUL-terminated, but for a view */
  size_t size;
  int is_view; /* the bytes are somebody else's, and stay */
} BundleFile;

typedef struct bert_bundle {
  BundleFile *file;
  int count, room;
  size_t left; /* bytes that the last file, which is being written, still wants */
} Bundle;

void bundle_fini(Bundle *b);

/* A file of that size, zeroed, in place of the one of that name; its bytes, to be filled; NULL on error. */
char *bundle_new_file(Bundle *b, const char *name, size_t size, bert_err *e);
void bundle_put(Bundle *b, const char *name, const void *bytes, size_t n, bert_err *e);
/* Likewise, of bytes that outlive the bundle, which are not copied. */
void bundle_view(Bundle *b, const char *name, const void *bytes, size_t n, bert_err *e);
void bundle_remove(Bundle *b, const char *name);
const BundleFile *bundle_find(const Bundle *b, const char *name);
size_t bundle_bytes(const Bundle *b);

bert_sink bundle_sink(Bundle *b);
bert_files bundle_files(const Bundle *b);

#endif
