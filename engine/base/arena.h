/* arena.h -- many small things that are freed together.
** Layer: base. Uses: mem.
**
**    blocks: [header | used ....... | free] -> [header | used | free] -> NULL
**
** Blocks double from 4 KiB to 1 MiB. Zeroed, aligned to 16. Not here: giving back one thing alone. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/mem.h"

typedef struct ArenaBlock ArenaBlock;
typedef struct {
  ArenaBlock *first;
  size_t held; /* bytes of all blocks */
} Arena;

/* An Arena of zeros is empty and ready. */
void *arena_push(Arena *a, size_t count, size_t size, bert_err *e);

/* A NUL-terminated copy of n bytes. */
char *arena_copy(Arena *a, const char *text, size_t n, bert_err *e);

/* printf into the arena. */
char *arena_print(Arena *a, bert_err *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Frees everything; the arena is empty and ready again. */
void arena_fini(Arena *a);

#endif
