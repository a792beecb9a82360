/* wordcount.h -- how often each word occurs in texts: what a vocabulary is trained on.
** Layer: text. Uses: base.
**
** Words are those of BERT's pre-tokenizer, normalized as the tokenizer will do it (normalize.h): the same split decides
** what a trained vocabulary meets later. Words of more than WORDCOUNT_CHARS characters are left out: WordPiece never
** splits them.
**
** Memory is bounded: past WORDCOUNT_MAX different words the rarest are forgotten, those seen once first, and so on; 100
** MB of English have 130,000. Cost: 100 MB of text in 1.8 s, one core of Zen 4. */
#ifndef TEXT_WORDCOUNT_H
#define TEXT_WORDCOUNT_H

#include "base/buf.h"
#include "text/normalize.h"
#include "text/repair.h"

enum { WORDCOUNT_MAX = 1 << 22, WORDCOUNT_CHARS = 100 };

typedef struct {
  int64_t count;
  uint32_t at; /* of its text in bytes */
  uint32_t size;
} CountedWord;

typedef struct {
  Normalizer normalizer;   /* set by the caller, all else zeros */
  CountedWord *word;       /* [words] */
  size_t words, room, max; /* max 0: WORDCOUNT_MAX */
  uint32_t *slot;          /* [slots]: 1 + a word, or 0 */
  size_t slots;
  Buf bytes;
  Normalized normalized;
  Repaired repaired;
} WordCount;

/* Counts the words of a text, any bytes. */
void wordcount_add(WordCount *w, bert_text text, bert_err *e);
static inline const unsigned char *wordcount_text(const WordCount *w, const CountedWord *x) {
  return (const unsigned char *)w->bytes.data + x->at;
}
void wordcount_fini(WordCount *w);

#endif
