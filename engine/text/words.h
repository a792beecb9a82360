/* words.h -- the words of BERT's pre-tokenizer, split into word pieces.
** Layer: text. Uses: base.
**
**    text -> normalized -> split at white space and around punctuation -> pieces
**
** Runs of ASCII letters and digits, which is nearly all of an English text, go another way with the same result: eight
** bytes are classified, lower-cased and looked up at once. Any other byte sends its word through normalize.h. */
#ifndef TEXT_WORDS_H
#define TEXT_WORDS_H

#include "text/normalize.h"
#include "text/tokenlist.h"
#include "text/wordpiece.h"

typedef struct {
  WordPiece wordpiece;
  uint8_t ascii[256];    /* what words.c does with a byte */
  int32_t ascii_id[128]; /* piece of a punctuation mark */
} Words;

/* When its wordpiece is set. */
void words_init(Words *w, const Normalizer *o);

/* Appends the tokens of p..end, known to be UTF-8; *index goes from its first character's number past its last one's. n
** is scratch. */
void words_scan(const Words *w, const Normalizer *o, Normalized *n, TokenList *t, const unsigned char *p,
                const unsigned char *end, int32_t *index, bert_err *e);

/* The same for text that is normalized; source is of each byte, or NULL where offsets are not wanted. */
void words_split(const Words *w, TokenList *t, const unsigned char *text, size_t n, const int32_t *source,
                 bert_err *e);

#endif
