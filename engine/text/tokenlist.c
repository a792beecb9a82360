/* tokenlist.c -- see tokenlist.h.
** Layer: text. Uses: base. */
#include "text/tokenlist.h"

void tokenlist_begin(TokenList *t, int offsets, size_t keep) {
  t->offsets = offsets;
  t->keep = keep;
  t->begin = t->n;
  t->dropped = 0;
  if (offsets && !t->start) t->room = 0; /* the arrays of offsets have yet to be made */
}

static void drop(TokenList *t) {
  if (t->n - t->begin <= t->keep) return;
  t->dropped += (int64_t)(t->n - t->begin - t->keep);
  t->n = t->begin + t->keep;
}

int64_t tokenlist_end(TokenList *t) {
  drop(t);
  return (int64_t)(t->n - t->begin) + t->dropped;
}

static int grow(TokenList *t, size_t need, bert_err *e) {
  size_t room = t->room * 2 < 1024 ? 1024 : t->room * 2;
  if (room < t->n + need) room = t->n + need;
  int32_t *ids = mem_grow(t->ids, room, sizeof *ids, e);
  if (ids) t->ids = ids;
  if (t->offsets || t->start) {
    int32_t *start = mem_grow(t->start, room, sizeof *start, e);
    if (start) t->start = start;
    int32_t *end = mem_grow(t->end, room, sizeof *end, e);
    if (end) t->end = end;
    uint8_t *whole = mem_grow(t->whole, room, sizeof *whole, e);
    if (whole) t->whole = whole;
  }
  if (e->code) return 0;
  t->room = room;
  return 1;
}

int tokenlist_room(TokenList *t, size_t need, bert_err *e) {
  if (e->code) return 0;
  if (t->room - t->n >= need) return 1;
  drop(t);
  return t->room - t->n >= need || grow(t, need, e);
}

void tokenlist_fini(TokenList *t) {
  mem_free(t->ids);
  mem_free(t->start);
  mem_free(t->end);
  mem_free(t->whole);
  *t = (TokenList){0};
}
