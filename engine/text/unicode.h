/* unicode.h -- what the reference tokenizer believes about code points.
** Layer: text. Uses: base.
**
** The reference is no single version of Unicode: its parts carry several. unicode_tables.c holds its own answers, asked
** code point by code point (tests/tools/unicode_tables.py), in two stages:
**
**    class of c  = unicode_classes[unicode_class_second[unicode_class_first[c / 128] * 128 + c % 128]]
**    parts of c  = (start << 2 | count - 1) in unicode_parts, found the same way
**
** Hangul syllables decompose by arithmetic. Lower case is one code point, but for U+0130 (i and U+0307). */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

enum {
  UNICODE_CONTROL = 1,     /* dropped by clean_text: Cc, Cf, Co, NUL, U+FFFD; not tab, line feed, carriage return */
  UNICODE_SPACE = 2,       /* splits words */
  UNICODE_PUNCTUATION = 4, /* a word of its own */
  UNICODE_MARK = 8,        /* dropped by strip_accents: Mn */
  UNICODE_WORD = 16,       /* \w of single_word added tokens */
  UNICODE_DECOMPOSES = 32, /* has parts; Hangul syllables are not flagged */
  UNICODE_CJK = 64,        /* set apart by handle_chinese_chars */
  UNICODE_LETTER = 128,    /* \p{L} of the byte-level splitter; its \s is UNICODE_SPACE */
  UNICODE_NUMBER = 256     /* and \p{N} */
};

typedef struct {
  uint16_t flags;
  uint8_t combining; /* canonical combining class */
  int32_t lower;     /* what lower-casing adds */
} UnicodeClass;

enum { UNICODE_PARTS_MAX = 4, UNICODE_I_WITH_DOT = 0x130, UNICODE_DOT_ABOVE = 0x307 };

extern const uint8_t unicode_class_first[8704], unicode_class_second[], unicode_parts_first[8704];
extern const UnicodeClass unicode_classes[];
extern const uint16_t unicode_parts_second[];
extern const uint32_t unicode_parts[];

static inline const UnicodeClass *unicode_class(uint32_t c) {
  return &unicode_classes[unicode_class_second[(size_t)unicode_class_first[c >> 7] << 7 | (c & 127)]];
}

/* Full canonical decomposition of c, whose class is k, into out[UNICODE_PARTS_MAX]; returns how many (1: c itself, or a
** singleton). */
int unicode_decompose(uint32_t c, const UnicodeClass *k, uint32_t *out);

/* How many bytes of text[0..n), from its start, are UTF-8. */
size_t unicode_prefix(const unsigned char *text, size_t n);

/* The code point at *p, which is known to be UTF-8, and *p past it. */
static inline uint32_t unicode_next(const unsigned char **p) {
  const unsigned char *s = *p;
  uint32_t c = s[0];
  if (c < 0x80) {
    *p = s + 1;
    return c;
  }
  if (c < 0xE0) {
    *p = s + 2;
    return (c & 0x1F) << 6 | (s[1] & 0x3Fu);
  }
  if (c < 0xF0) {
    *p = s + 3;
    return (c & 0x0F) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
  }
  *p = s + 4;
  return (c & 0x07) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

/* The code point that ends before p, which is known to be inside UTF-8. */
static inline uint32_t unicode_before(const unsigned char *p) {
  do p--;
  while ((*p & 0xC0) == 0x80);
  return unicode_next(&p);
}

#endif
