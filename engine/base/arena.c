/* arena.c -- see arena.h.
** Layer: base. Uses: mem. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct ArenaBlock {
  ArenaBlock *next;
  size_t used, room;
  size_t unused; /* keeps the data aligned to 16 */
};

enum { FIRST_BLOCK = 4096, LAST_BLOCK = 1 << 20 };

void *arena_push(Arena *a, size_t count, size_t size, bert_err *e) {
  size_t bytes = mem_size(count, size, 15);
  if (e->code) return NULL;
  if (bytes == SIZE_MAX) {
    err_set(e, BERT_NOMEM, "out of memory");
    return NULL;
  }
  bytes &= ~(size_t)15;
  ArenaBlock *b = a->first;
  if (!b || b->room - b->used < bytes) {
    size_t room = b ? b->room * 2 : FIRST_BLOCK;
    if (room > LAST_BLOCK) room = LAST_BLOCK;
    if (room < bytes) room = bytes;
    b = mem_new(1, mem_size(1, room, sizeof *b), e);
    if (!b) return NULL;
    b->room = room;
    b->next = a->first;
    a->first = b;
    a->held += room + sizeof *b;
  }
  void *p = (char *)(b + 1) + b->used;
  b->used += bytes;
  return p;
}

char *arena_copy(Arena *a, const char *text, size_t n, bert_err *e) {
  char *p = arena_push(a, 1, mem_size(1, n, 1), e);
  if (p && n) memcpy(p, text, n);
  return p;
}

char *arena_print(Arena *a, bert_err *e, const char *format, ...) {
  va_list ap, again;
  va_start(ap, format);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, format, ap);
  va_end(ap);
  char *p = n < 0 ? NULL : arena_push(a, 1, (size_t)n + 1, e);
  if (p) vsnprintf(p, (size_t)n + 1, format, again);
  va_end(again);
  return p;
}

void arena_fini(Arena *a) {
  for (ArenaBlock *b = a->first, *next; b; b = next) {
    next = b->next;
    mem_free(b);
  }
  *a = (Arena){0};
}
