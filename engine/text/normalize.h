/* normalize.h -- text as the vocabulary spells it, each byte with the character it came from.
** Layer: text. Uses: base.
**
**    clean_text        control characters go, every white space becomes ' '
**    handle_chinese    ideographs get a ' ' on both sides
**    strip_accents     canonical decomposition with its reordering, then nonspacing marks go
**    lowercase         code point by code point, without context
**
** in that order, as one pass: the first two look at one code point, and reordering stays between two starters.
**
** Alignment is the reference's: a decomposed piece belongs to its character, and marks that change places leave the
** places aligned as they were: the first piece of a character takes the next character in the text's order, a later one
** the character taken last. This shows where a mark that stays (not Mn) has a combining class.
**
** Cost: linear, marks are sorted by counting. Memory in proportion to the text given. */
#ifndef TEXT_NORMALIZE_H
#define TEXT_NORMALIZE_H

#include "base/mem.h"

typedef struct {
  uint8_t clean, chinese, strip, lower; /* all 0: the text stays as it is */
} Normalizer;

typedef struct {
  uint32_t c;
  int32_t source;
  uint8_t combining, first; /* first: the first piece of its character */
} Mark;

/* A Normalized of zeros is empty and ready. */
typedef struct {
  unsigned char *text; /* UTF-8 */
  int32_t *source;     /* of each byte: the index of its character; NULL unless `aligned` */
  size_t size, room;
  int aligned;         /* set by the caller, before the first run */
  Mark *mark;          /* marks not sorted yet; their other half is where they are sorted to */
  size_t marks, mark_room;
  int kept_marks;      /* how many of them strip_accents keeps */
  int32_t last;        /* the character taken last */
} Normalized;

/* Appends p..end, known to be UTF-8, normalized, to n; *index is the first character's number and is left past the last
** one. With to_space it stops before the first tab, line feed, carriage return or space, where text may always be cut.
** Returns where it stopped. */
const unsigned char *normalize_run(const Normalizer *o, Normalized *n, const unsigned char *p, const unsigned char *end,
                                   int32_t *index, int to_space, bert_err *e);

void normalized_fini(Normalized *n);

#endif
