/* tokenlist.h -- the tokens of a text, as they are made.
** Layer: text. Uses: base.
**
** Of each text only the first `keep` tokens are wanted; the others are counted and forgotten, so a window bounds
** memory. Arrays grow to the longest text seen and are kept. */
#ifndef TEXT_TOKENLIST_H
#define TEXT_TOKENLIST_H

#include "base/mem.h"

/* Arrays have room for `room`; those of offsets are NULL where offsets were never asked for. */
typedef struct {
  int32_t *ids, *start, *end;
  uint8_t *whole;
  size_t n, room;
  int offsets;     /* asked for in the text at hand */
  size_t begin;    /* [begin ..) are the text's */
  size_t keep;
  int64_t dropped; /* counted, no longer here */
} TokenList;

/* The next tokens are another text's. */
void tokenlist_begin(TokenList *t, int offsets, size_t keep);

/* How many the text has, dropped ones included; forgets those that are only counted. */
int64_t tokenlist_end(TokenList *t);

/* Room for `need` tokens more; 0 on error. What was only counted may be gone: n falls. */
int tokenlist_room(TokenList *t, size_t need, bert_err *e);

/* A token that begins a word. */
static inline void tokenlist_put(TokenList *t, int32_t id, int32_t start, int32_t end, bert_err *e) {
  if (t->n == t->room && !tokenlist_room(t, 1, e)) return;
  t->ids[t->n] = id;
  if (t->offsets) {
    t->start[t->n] = start;
    t->end[t->n] = end;
    t->whole[t->n] = 1;
  }
  t->n++;
}

void tokenlist_fini(TokenList *t);

#endif
