/* zip.c -- see zip.h.
** Layer: file. Uses: base cursor. */
#include "file/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file/cursor.h"

enum {
  END_SIZE = 22,       /* the end record without its comment */
  COMMENT_MAX = 65535,
  LOCATOR_SIZE = 20,   /* of the zip64 record, which it points to */
  RECORD_SIZE = 56,
  ENTRY_SIZE = 46,     /* of the directory, without name, extra field and comment */
  LOCAL_SIZE = 30,
  DIRECTORY_MAX = 16 << 20
};
enum { END_MAGIC = 0x06054B50, LOCATOR_MAGIC = 0x07064B50, RECORD_MAGIC = 0x06064B50, ENTRY_MAGIC = 0x02014B50,
       LOCAL_MAGIC = 0x04034B50 };
enum { EXTRA_ZIP64 = 1, FLAG_ENCRYPTED = 1 };

typedef struct {
  uint64_t count, size, offset;
} Directory;

/* ---- the end of the file --------------------------------------------------------------------------------------- */

/* The last end record in tail[n] whose comment reaches the end of the file; NULL if there is none. */
static const unsigned char *find_end(const unsigned char *tail, size_t n) {
  for (size_t at = n >= END_SIZE ? n - END_SIZE + 1 : 0; at-- > 0;) {
    Cursor c = cursor_over(tail + at, n - at);
    if (cursor_number(&c, 4) != END_MAGIC) continue;
    cursor_take(&c, 16);
    if (cursor_number(&c, 2) == n - at - END_SIZE) return tail + at;
  }
  return NULL;
}

/* The zip64 record that a locator before the end record points to, if there is one. */
static void read_zip64(const Zip *z, uint64_t end, const unsigned char *locator, Directory *d, bert_err *e) {
  Cursor c = cursor_over(locator, LOCATOR_SIZE);
  if (cursor_number(&c, 4) != LOCATOR_MAGIC) return;
  cursor_take(&c, 4);
  uint64_t at = cursor_number(&c, 8);
  unsigned char record[RECORD_SIZE];
  if (at > end || end - at < RECORD_SIZE) {
    err_set(e, BERT_FORMAT, "%s: zip: found its zip64 record at byte %" PRIu64 ", wanted it inside the file", z->path,
            at);
    return;
  }
  io_read(z->file, z->path, at, record, sizeof record, e);
  c = cursor_over(record, sizeof record);
  if (!e->code && cursor_number(&c, 4) != RECORD_MAGIC)
    err_set(e, BERT_FORMAT, "%s: zip: found no zip64 record at byte %" PRIu64 ", where its locator points", z->path,
            at);
  cursor_take(&c, 28);
  d->count = cursor_number(&c, 8);
  d->size = cursor_number(&c, 8);
  d->offset = cursor_number(&c, 8);
}

/* Where the directory is, which ends at or before the end record. */
static Directory find_directory(const Zip *z, bert_err *e) {
  Directory d = {0};
  uint64_t size = z->file->size, most = LOCATOR_SIZE + END_SIZE + COMMENT_MAX;
  size_t n = (size_t)(size < most ? size : most);
  unsigned char *tail = mem_new(n, 1, e);
  io_read(z->file, z->path, size - n, tail, n, e);
  const unsigned char *end = e->code ? NULL : find_end(tail, n);
  if (!e->code && !end) err_set(e, BERT_FORMAT, "%s: zip: found no end record: truncated?", z->path);
  if (!e->code) {
    uint64_t at = size - n + (uint64_t)(end - tail);
    Cursor c = cursor_over(end, END_SIZE);
    cursor_take(&c, 10);
    d.count = cursor_number(&c, 2);
    d.size = cursor_number(&c, 4);
    d.offset = cursor_number(&c, 4);
    if (end - tail >= LOCATOR_SIZE) read_zip64(z, at, end - LOCATOR_SIZE, &d, e);
    if (d.size > DIRECTORY_MAX || d.count > d.size / ENTRY_SIZE || d.offset > at || d.size > at - d.offset)
      err_set(e, BERT_FORMAT, "%s: zip: found a directory of %" PRIu64 " entries in %" PRIu64 " bytes at byte %" PRIu64
              ", wanted it inside the file and at most %d bytes long", z->path, d.count, d.size, d.offset,
              DIRECTORY_MAX);
  }
  mem_free(tail);
  return d;
}

/* ---- the directory --------------------------------------------------------------------------------------------- */

/* Replaces those of the three numbers that say "see zip64". */
static void read_extra(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *stored, uint64_t *header) {
  Cursor c = cursor_over(extra, n);
  while (!c.spent && c.at < c.end) {
    uint64_t id = cursor_number(&c, 2), bytes = cursor_number(&c, 2);
    const unsigned char *field = cursor_take(&c, bytes);
    if (!field || id != EXTRA_ZIP64) continue;
    Cursor wide = cursor_over(field, (size_t)bytes);
    if (*size == UINT32_MAX) *size = cursor_number(&wide, 8);
    if (*stored == UINT32_MAX) *stored = cursor_number(&wide, 8);
    if (*header == UINT32_MAX) *header = cursor_number(&wide, 8);
  }
}

static void read_entry(Zip *z, ZipEntry *out, Cursor *c, Arena *a, bert_err *e) {
  uint64_t magic = cursor_number(c, 4);
  cursor_take(c, 4);
  uint64_t flags = cursor_number(c, 2), method = cursor_number(c, 2);
  cursor_take(c, 8);
  uint64_t stored = cursor_number(c, 4), size = cursor_number(c, 4);
  size_t name_size = (size_t)cursor_number(c, 2), extra_size = (size_t)cursor_number(c, 2);
  size_t comment_size = (size_t)cursor_number(c, 2);
  cursor_take(c, 8);
  uint64_t header = cursor_number(c, 4);
  const unsigned char *name = cursor_take(c, name_size), *extra = cursor_take(c, extra_size);
  cursor_take(c, comment_size);
  if (c->spent || magic != ENTRY_MAGIC || !cursor_is_name(name, name_size)) {
    err_set(e, BERT_FORMAT, "%s: zip: found something else than an entry in its directory", z->path);
    return;
  }
  out->name = arena_copy(a, (const char *)name, name_size, e);
  read_extra(extra, extra_size, &size, &stored, &header);
  if (!e->code && (method != 0 || flags & FLAG_ENCRYPTED))
    err_set(e, BERT_FORMAT, "%s: zip: found %s %s, wanted it stored, as torch.save writes it", z->path, out->name,
            method ? "compressed" : "encrypted");
  if (!e->code && stored != size)
    err_set(e, BERT_FORMAT, "%s: zip: found %s of %" PRIu64 " bytes stored in %" PRIu64 ", wanted as many", z->path,
            out->name, size, stored);
  out->size = size;
  out->header = header;
}

static int by_header(const void *x, const void *y) {
  const ZipEntry *a = x, *b = y;
  return a->header < b->header ? -1 : a->header > b->header;
}

static int by_name(const void *x, const void *y) {
  const ZipEntry *a = x, *b = y;
  return strcmp(a->name, b->name);
}

/* Each entry ends where the next one begins, the last one where the directory does. */
static void set_limits(Zip *z, uint64_t directory, bert_err *e) {
  qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_header);
  for (int i = 0; i < z->count && !e->code; i++) {
    ZipEntry *entry = &z->entry[i];
    entry->limit = i + 1 < z->count ? z->entry[i + 1].header : directory;
    if (entry->limit > directory) entry->limit = directory;
    if (entry->header > entry->limit || entry->size > entry->limit - entry->header)
      err_set(e, BERT_FORMAT, "%s: zip: found %s of %" PRIu64 " bytes at byte %" PRIu64
              ", wanted it to end before byte %" PRIu64 ", where something else begins", z->path, entry->name,
              entry->size, entry->header, entry->limit);
  }
  qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_name);
  for (int i = 1; i < z->count; i++)
    if (!strcmp(z->entry[i - 1].name, z->entry[i].name))
      err_set(e, BERT_FORMAT, "%s: zip: found %s twice, wanted it once", z->path, z->entry[i].name);
}

void zip_open(Zip *z, const File *f, const char *path, Arena *a, bert_err *e) {
  *z = (Zip){.file = f, .path = path};
  if (e->code) return;
  Directory d = find_directory(z, e);
  unsigned char *bytes = e->code ? NULL : mem_new((size_t)d.size, 1, e);
  io_read(f, path, d.offset, bytes, (size_t)d.size, e);
  z->entry = arena_push(a, (size_t)d.count, sizeof *z->entry, e);
  Cursor c = cursor_over(bytes, e->code ? 0 : (size_t)d.size);
  for (; (uint64_t)z->count < d.count && !e->code; z->count++) read_entry(z, &z->entry[z->count], &c, a, e);
  if (!e->code) set_limits(z, d.offset, e);
  if (e->code) z->count = 0;
  mem_free(bytes);
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

const ZipEntry *zip_find(const Zip *z, const char *name) {
  const ZipEntry key = {.name = name};
  return z->count ? bsearch(&key, z->entry, (size_t)z->count, sizeof *z->entry, by_name) : NULL;
}

uint64_t zip_begin(const Zip *z, const ZipEntry *entry, bert_err *e) {
  unsigned char local[LOCAL_SIZE] = {0};
  if (e->code) return 0;
  if (entry->limit - entry->header >= LOCAL_SIZE) io_read(z->file, z->path, entry->header, local, sizeof local, e);
  Cursor c = cursor_over(local, sizeof local);
  uint64_t magic = cursor_number(&c, 4);
  cursor_take(&c, 22);
  uint64_t skip = LOCAL_SIZE + cursor_number(&c, 2);
  skip += cursor_number(&c, 2);
  uint64_t room = entry->limit - entry->header;
  if (!e->code && (magic != LOCAL_MAGIC || skip > room || entry->size > room - skip))
    err_set(e, BERT_FORMAT, "%s: zip: found no local header with the %" PRIu64 " bytes of %s at byte %" PRIu64, z->path,
            entry->size, entry->name, entry->header);
  return entry->header + skip;
}
