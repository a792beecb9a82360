/* memory.c -- SQLite's heap with checked sizes.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT length(bert_vector(zeroblob(4000)));        -- 4000
**    SELECT bert_to_json(zeroblob(1000000000));         -- Error: out of memory (no piece is larger than 2 GiB)
**
** Tested by tests/fault/fault_sql.c, where every allocation fails in turn. */
#include "ext.h"

#include <string.h>

/* SQLite itself grants no more than this in one piece. */
enum { PIECE_MAX = 0x7fffff00 };

static size_t bytes_of(size_t count, size_t size) {
  return count && size > PIECE_MAX / count ? (size_t)PIECE_MAX + 1 : count * size;
}

static void *refused(bert_err *e) {
  error_set(e, BERT_NOMEM, "out of memory");
  return NULL;
}

void *memory_new(size_t count, size_t size, bert_err *e) {
  size_t bytes = bytes_of(count, size);
  if (e->code) return NULL;
  void *p = bytes > PIECE_MAX ? NULL : sqlite3_malloc64(bytes ? bytes : 1);
  if (!p) return refused(e);
  return memset(p, 0, bytes);
}

int memory_grow(void *p, size_t *room, size_t count, size_t size, bert_err *e) {
  if (e->code) return 0;
  if (count <= *room) return 1;
  size_t want = *room > PIECE_MAX / 2 / size || *room * 2 < count ? count : *room * 2;
  size_t bytes = bytes_of(want, size);
  void *q = bytes > PIECE_MAX ? NULL : sqlite3_realloc64(*(void **)p, bytes);
  if (!q) return refused(e) != NULL;
  *(void **)p = q;
  *room = want;
  return 1;
}
