/* sentence.h -- tagged sentences out of rows: words, and a label for each.
** Layer: model. Uses: base.
**
**    words '["New", "York"]' tags '["B-LOC", "I-LOC"]'     words 'New York' tags 'B-LOC I-LOC'
**    conll "New B-LOC\nYork I-LOC\n\nIt O\n"               first and last field of a line; a blank line ends a sentence
**
** In the words, every white space parts; a word of a JSON array may not hold any. */
#ifndef MODEL_SENTENCE_H
#define MODEL_SENTENCE_H

#include "base/json.h"
#include "base/rows.h"

/* Views of the row, or of the arena. */
typedef struct {
  bert_text word, tag;
} TaggedWord;

typedef struct {
  const Rows *rows;
  int row;          /* of the current sentence */
  int untagged;     /* NULL may stand for a sentence's tags: then those of its words are of no data */
  size_t at;        /* of conll: bytes read */
  Arena arena;      /* what JSON holds */
  Buf words;        /* TaggedWord of the current sentence */
} Sentences;

/* At the first row; all zeros before. Rows of one column are conll, of two words and tags. */
void sentences_open(Sentences *s, const Rows *rows, int untagged, bert_err *e);
/* The next sentence's words (at least one), valid until the next call; returns how many, 0 at the end or on error.
** Words and tags of different counts are refused. */
int sentences_next(Sentences *s, const TaggedWord **words, bert_err *e);
void sentences_fini(Sentences *s);

#endif
