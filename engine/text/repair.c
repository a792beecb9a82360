/* repair.c -- see repair.h.
** Layer: text. Uses: base. */
#include "text/repair.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

const unsigned char *repaired_text(Repaired *r, const unsigned char *text, size_t *n, bert_err *e) {
  size_t good = unicode_prefix(text, *n), room = mem_size(*n - good, 3, good), size = good;
  if (good == *n) return text;
  if (room > r->room) {
    unsigned char *p = mem_grow(r->text, room, 1, e);
    if (!p) return NULL;
    r->text = p;
    r->room = room;
  }
  memcpy(r->text, text, good);
  for (size_t at = good; at < *n;) {
    int used;
    size += (size_t)utf8_encode(utf8_decode(text + at, *n - at, &used), r->text + size);
    at += (size_t)used;
  }
  *n = size;
  return r->text;
}

void repaired_fini(Repaired *r) {
  mem_free(r->text);
  *r = (Repaired){0};
}
