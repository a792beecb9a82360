/* wordpiece.h -- splits words into vocabulary pieces, longest match first.
** Layer: text. Uses: base.
**
** One text block holds the spelling of every piece, NUL-terminated; two sets of pieces point into it: those that begin
** a word, and those that go on ("##ing", found as "ing").
**
** Cost: see pieces.h; nothing is allocated. Not here: case, accents, what a word is (normalize.h, scan.h). */
#ifndef TEXT_WORDPIECE_H
#define TEXT_WORDPIECE_H

#include "text/pieces.h"

enum { WORDPIECE_ID_MAX = (1 << 22) - 1 }; /* keeps the table of ids in proportion to any real vocabulary */

typedef struct {
  Pieces first, rest;
  char *text;
  size_t text_size;
  uint32_t *at;     /* at[id]: offset of its spelling in text; 0, the empty string, for an id without one */
  int size;         /* one more than the highest id */
  int room;         /* of at */
  int count;        /* different pieces */
  int has_empty;    /* one of them is "" */
  int32_t unknown;  /* -1: the vocabulary has no such piece */
  const char *unknown_text;
  const char *prefix;
  size_t prefix_size;
  int64_t max_chars; /* a longer word is unknown */
} WordPiece;

/* What a vocabulary will need. */
typedef struct {
  size_t count, rest; /* pieces, and those of them with the prefix */
  size_t bytes;       /* of all spellings, names included */
  int ids;            /* one more than the highest id */
  size_t names;       /* ids that wordpiece_name may add */
} WordPieceSize;

/* The prefix must live as long as the arena. */
void wordpiece_init(WordPiece *w, const WordPieceSize *size, const char *prefix, int64_t max_chars, Arena *a,
                    bert_err *e);
/* A piece; the last one of a spelling or an id wins. */
void wordpiece_put(WordPiece *w, const char *piece, size_t n, int32_t id, bert_err *e);
/* A spelling for an id that no word is split into. */
void wordpiece_name(WordPiece *w, int32_t id, const char *name, size_t n);
/* When all are put: the piece for words that cannot be split. */
void wordpiece_unknown(WordPiece *w, const char *piece);
/* The id of a piece by its full spelling, or -1. */
int32_t wordpiece_id(const WordPiece *w, const char *piece, size_t n);

/* Splits word[0..n) of `chars` characters into ids[], with ends[] (or NULL) the byte where each ends; both have room
** for n. The unknown piece, where the word cannot be split, is the only one then. */
size_t wordpiece_split(const WordPiece *w, const unsigned char *word, size_t n, int64_t chars, int32_t *ids,
                       int32_t *ends);

#endif
