/* added.h -- added tokens: strings cut out of the text before it is split into words.
** Layer: text. Uses: base.
**
**    "I like [MASK]."  ->  "I like " | [MASK] | "."
**
** Tokens with `normalized` are looked for in the normalized text, the others before it is normalized. Where several
** begin at one place the longest counts, and the search goes on behind it, also behind one that single_word discards.
**
** Cost: one pass over the bytes; a look into a set of pieces where a token may begin. */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include "text/pieces.h"

typedef struct {
  const char *content;
  uint32_t size;
  int32_t id;
  uint8_t single_word;
  uint8_t lstrip, rstrip; /* takes the white space on that side along */
  uint8_t normalized;
} AddedToken;

typedef struct {
  Pieces pieces; /* pattern -> index in token */
  const AddedToken *token;
  int count;          /* 0: nothing to look for */
  int only;           /* the byte that all patterns begin with, or -1 */
  uint8_t begins[256];
} AddedSet;

/* Room for `count` patterns out of `text`, meaning tokens of the array `token`; both must live as long as the arena. */
void added_init(AddedSet *s, size_t count, const char *text, const AddedToken *token, Arena *a, bert_err *e);
/* text[at .. at + size), not empty, is the pattern of token[index]; the first one of a pattern wins. */
void added_put(AddedSet *s, uint32_t at, uint32_t size, int index, bert_err *e);

/* A walk over one text; zeros begin it. */
typedef struct {
  size_t search;           /* where the next match may begin */
  size_t taken;            /* what is before has been given out */
  size_t spaces_end;       /* end of the white space looked at last */
} AddedWalk;

typedef struct {
  size_t start, stop; /* bytes, white space included */
  int stripped;       /* stop is behind white space: stops of one kind never go back, those of both kinds may */
  int32_t id;
} AddedMatch;

/* The next match in text[0..n), known to be UTF-8: 1, and *m, or 0. The text from w->taken (as it was before the call)
** to m->start is plain; after it w->taken is m->stop. */
int added_next(const AddedSet *s, AddedWalk *w, const unsigned char *text, size_t n, AddedMatch *m);

#endif
