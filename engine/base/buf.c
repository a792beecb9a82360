/* buf.c -- see buf.h.
** Layer: base. Uses: mem. */
#include "base/buf.h"

#include <string.h>

void *buf_room(Buf *b, size_t n, bert_err *e) {
  if (e->code) return NULL;
  size_t max = b->max ? b->max : BUF_MAX, need = mem_size(1, b->size, n);
  if (need > max) {
    err_set(e, BERT_ARGUMENT, "%zu bytes, at most %zu are taken", need, max);
    return NULL;
  }
  if (need > b->room || !b->data) { /* also of no bytes: NULL means an error */
    size_t room = b->room * 2 < 256 ? 256 : b->room * 2;
    if (room < need) room = need;
    char *p = mem_grow(b->data, room, 1, e);
    if (!p) return NULL;
    b->data = p;
    b->room = room;
  }
  return b->data + b->size;
}

void buf_add(Buf *b, const void *bytes, size_t n, bert_err *e) {
  char *p = buf_room(b, n, e);
  if (!p) return;
  if (n) memcpy(p, bytes, n);
  b->size += n;
}

void buf_fini(Buf *b) {
  mem_free(b->data);
  *b = (Buf){.max = b->max};
}
