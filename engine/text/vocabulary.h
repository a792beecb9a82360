/* vocabulary.h -- pieces and their ids, each found by the other.
** Layer: text. Uses: base.
**
**    text = "\0hello\0##ing\0"     at[id] -> where its spelling begins     pieces: spelling -> id
**
** Cost: see pieces.h. Not here: how a word is split into pieces (wordpiece.h, bpe.h). */
#ifndef TEXT_VOCABULARY_H
#define TEXT_VOCABULARY_H

#include "text/pieces.h"

enum { VOCABULARY_ID_MAX = (1 << 22) - 1 }; /* keeps the table of ids in proportion to any real vocabulary */

typedef struct {
  Pieces pieces;
  char *text; /* every spelling, NUL-terminated */
  size_t text_size;
  uint32_t *at;  /* at[id]: offset of its spelling in text; 0, the empty string, for an id without one */
  int size;      /* one more than the highest id */
  int room;      /* of at */
  int count;     /* different pieces */
  int has_empty; /* one of them is "" */
} Vocabulary;

/* What it will need. */
typedef struct {
  size_t count; /* pieces */
  size_t bytes; /* of all spellings, names included */
  int ids;      /* one more than the highest id */
  size_t names; /* ids that vocabulary_name may add */
} VocabularySize;

void vocabulary_init(Vocabulary *v, const VocabularySize *size, Arena *a, bert_err *e);

/* A piece; the last one of a spelling or an id wins. Returns where its spelling stands in text. */
uint32_t vocabulary_put(Vocabulary *v, const char *piece, size_t n, int32_t id, bert_err *e);

/* A spelling for an id that no word is split into. */
void vocabulary_name(Vocabulary *v, int32_t id, const char *name, size_t n);

/* The id of a spelling, or -1. */
int32_t vocabulary_id(const Vocabulary *v, const char *piece, size_t n);

/* "" for an id without one. */
static inline const char *vocabulary_piece(const Vocabulary *v, int32_t id) {
  return id >= 0 && id < v->size ? v->text + v->at[id] : "";
}

#endif
