/* wordpiece.h -- splits words into vocabulary pieces, longest match first.
** Layer: text. Uses: base.
**
** Two sets of pieces point into the vocabulary's text: the vocabulary's own, for what begins a word, and those that go
** on ("##ing", found as "ing").
**
** Cost: see pieces.h; nothing is allocated. Not here: case, accents, what a word is (normalize.h, words.h). */
#ifndef TEXT_WORDPIECE_H
#define TEXT_WORDPIECE_H

#include "text/vocabulary.h"

typedef struct {
  const Vocabulary *vocabulary;
  Pieces rest;
  int32_t unknown; /* -1: the vocabulary has no such piece */
  const char *unknown_text;
  const char *prefix;
  size_t prefix_size;
  int64_t max_chars; /* a longer word is unknown */
} WordPiece;

/* `rest` pieces of the vocabulary have the prefix; both must live as long as the arena. */
void wordpiece_init(WordPiece *w, const Vocabulary *v, size_t rest, const char *prefix, int64_t max_chars, Arena *a,
                    bert_err *e);
/* The piece that was put at that place of the vocabulary's text: what vocabulary_put returned. */
void wordpiece_put(WordPiece *w, uint32_t at, size_t n, int32_t id, bert_err *e);
/* When all are put: the piece for words that cannot be split. */
void wordpiece_unknown(WordPiece *w, const char *piece);

/* Splits word[0..n) of `chars` characters into ids[], with ends[] (or NULL) the byte where each ends; both have room
** for n. The unknown piece, where the word cannot be split, is the only one then. */
size_t wordpiece_split(const WordPiece *w, const unsigned char *word, size_t n, int64_t chars, int32_t *ids,
                       int32_t *ends);

#endif
