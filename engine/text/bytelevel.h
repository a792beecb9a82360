/* bytelevel.h -- the words of GPT-2's pre-tokenizer, split by bpe.h.
** Layer: text. Uses: base.
**
**    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
**
**    "it's  12 o'clock"  ->  it | 's | <space> | <space>12 | <space>o | ' | clock
**
** The classes are the reference's (unicode.h). Every character belongs to a word, so a text is the sum of its words.
**
** Offsets are of characters: a piece that holds some bytes of a character covers the whole of it. A space put before
** the text (add_prefix_space) stands where the first character does. Cost: one pass, then see bpe.h. */
#ifndef TEXT_BYTELEVEL_H
#define TEXT_BYTELEVEL_H

#include "text/bpe.h"
#include "text/tokenlist.h"

typedef struct {
  Bpe bpe;
  uint8_t add_prefix_space; /* before a text that does not begin with one */
  uint8_t use_regex;        /* 0: all of it is one word */
  uint8_t kind[128];        /* what bytelevel.c does with a byte */
} ByteLevel;

/* A ByteLevelScratch of zeros is empty and ready. */
typedef struct {
  BpeScratch bpe;
  unsigned char *word; /* the first one, with its space before it */
  size_t room;
} ByteLevelScratch;

/* When its bpe is ready. */
void bytelevel_init(ByteLevel *b);

/* Appends the tokens of text[0..n), n > 0, known to be UTF-8. source[i] is the character of byte i; NULL: they count
** from *index, which is left past the last one where offsets are asked for. */
void bytelevel_scan(const ByteLevel *b, ByteLevelScratch *s, TokenList *t, const unsigned char *text, size_t n,
                    const int32_t *source, int32_t *index, bert_err *e);

void bytelevel_fini(ByteLevelScratch *s);

#endif
