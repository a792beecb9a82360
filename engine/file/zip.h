/* zip.h -- finds what lies in a zip file, stored as it is.
** Layer: file. Uses: base.
**
**    | local header, bytes | local header, bytes | … | directory: an entry each | (zip64 record, locator) | end |
**
** For the files of torch.save, which stores and never compresses: a compressed or encrypted entry is refused, so there
** is nothing to unpack and a bomb has no charge. Names are compared and never used as paths. Sizes and places are those
** of the directory; each entry must lie between its own local header and the next one, which rules out overlaps.
** Limits: a directory of 16 MiB; no parts on other disks, nothing before the first header. CRCs are not checked. */
#ifndef FILE_ZIP_H
#define FILE_ZIP_H

#include "base/arena.h"
#include "base/io.h"

typedef struct {
  const char *name;
  uint64_t size;
  uint64_t header, limit; /* where its local header begins, and where what comes next does */
} ZipEntry;

typedef struct {
  const File *file;
  const char *path;
  ZipEntry *entry; /* sorted by name */
  int count;
} Zip;

/* The directory of an open file; entries live in the arena. `path` stands in messages. */
void zip_open(Zip *z, const File *f, const char *path, Arena *a, bert_err *e);

/* The entry of that name, or NULL. */
const ZipEntry *zip_find(const Zip *z, const char *name);

/* Where the bytes of an entry begin in the file; all `size` of them are there. */
uint64_t zip_begin(const Zip *z, const ZipEntry *entry, bert_err *e);

#endif
