/* words.c -- see words.h.
** Layer: text. Uses: base. */
#include "text/words.h"

#include <string.h>

#include "base/bytes.h"
#include "text/unicode.h"

enum { GENERAL, SPACE, PUNCTUATION, LETTER }; /* Words.ascii: GENERAL is normalize.h's work */

void words_init(Words *w, const Normalizer *o) {
  memset(w->ascii, GENERAL, sizeof w->ascii);
  for (int c = 0; c < 128; c++) {
    int flags = unicode_class((uint32_t)c)->flags;
    char spelled = (char)c;
    w->ascii_id[c] = vocabulary_id(w->wordpiece.vocabulary, &spelled, 1);
    if (w->ascii_id[c] < 0 || w->wordpiece.max_chars < 1) w->ascii_id[c] = w->wordpiece.unknown;
    if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')) w->ascii[c] = LETTER;
    else if (o->clean && (flags & UNICODE_CONTROL)) w->ascii[c] = GENERAL;
    else if (flags & UNICODE_SPACE) w->ascii[c] = SPACE;
    else if ((flags & UNICODE_PUNCTUATION) && w->ascii_id[c] >= 0) w->ascii[c] = PUNCTUATION;
  }
}

/* One call. */
typedef struct {
  const Words *w;
  const Normalizer *normalizer;
  Normalized *n;
  TokenList *t;
  bert_err *e;
} Run;

/* A word of the pre-tokenizer, normalized. Its characters are source[0..n), or first, first + 1, … without source. */
static void put_word(Run *x, const unsigned char *word, size_t n, int64_t chars, const int32_t *source, int32_t first) {
  TokenList *t = x->t;
  const WordPiece *w = &x->w->wordpiece;
  size_t need = chars > w->max_chars ? 1 : n;
  if (t->room - t->n < need && !tokenlist_room(t, need, x->e)) return;
  size_t count = wordpiece_split(w, word, n, chars, t->ids + t->n, t->offsets ? t->end + t->n : NULL);
  if (t->ids[t->n] < 0) {
    err_set(x->e, BERT_FORMAT, "a word is not in the vocabulary, and neither is unk_token \"%s\"", w->unknown_text);
    return;
  }
  if (t->offsets) {
    int32_t at = 0;
    for (size_t i = t->n; i < t->n + count; i++) {
      int32_t end = t->end[i];
      t->start[i] = source ? source[at] : first + at;
      t->end[i] = source ? source[end - 1] + 1 : first + end;
      t->whole[i] = at == 0;
      at = end;
    }
  }
  t->n += count;
}

/* ---- the way through normalize.h --------------------------------------------------------------------------------- */

/* Splits normalized text at white space and around punctuation. */
static void split_words(Run *x, const unsigned char *text, size_t n, const int32_t *source) {
  const unsigned char *p = text, *end = text + n, *word = text;
  int64_t chars = 0;
  while (p < end) {
    const unsigned char *at = p;
    int flags = unicode_class(unicode_next(&p))->flags;
    if (!(flags & (UNICODE_SPACE | UNICODE_PUNCTUATION))) {
      chars++;
      continue;
    }
    if (chars) put_word(x, word, (size_t)(at - word), chars, source ? source + (word - text) : NULL, 0);
    if (!(flags & UNICODE_SPACE)) put_word(x, at, (size_t)(p - at), 1, source ? source + (at - text) : NULL, 0);
    word = p;
    chars = 0;
  }
  if (chars) put_word(x, word, (size_t)(end - word), chars, source ? source + (word - text) : NULL, 0);
}

/* The text p..end up to its first space. */
static const unsigned char *scan_general(Run *x, const unsigned char *p, const unsigned char *end, int32_t *index) {
  Normalized *n = x->n;
  n->size = 0;
  p = normalize_run(x->normalizer, n, p, end, index, 1, x->e);
  if (n->size && !x->e->code) split_words(x, n->text, n->size, x->t->offsets ? n->source : NULL);
  return p;
}

/* ---- the way of ASCII -------------------------------------------------------------------------------------------- */

enum { LONG_WORD = 64 };

/* A word of 8 letters and more; NULL if it is not for here. */
static const unsigned char *scan_long_word(Run *x, const unsigned char *begin, const unsigned char *p,
                                           const unsigned char *end, int32_t index) {
  unsigned char word[LONG_WORD];
  uint64_t lower = x->normalizer->lower ? BYTES_EACH(0x20) : 0;
  for (size_t n = 0; n < LONG_WORD; n += 8) {
    uint64_t v = p + n < end ? bytes_load_within(begin, p + n, end) : 0, letters = bytes_letters(v);
    uint64_t others = ~(letters | bytes_digits(v)) & BYTES_EACH(0x80);
    bytes_store(word + n, v | (letters >> 2 & lower));
    if (!others) continue;
    n += (size_t)__builtin_ctzll(others) / 8;
    if (p + n < end && x->w->ascii[p[n]] == GENERAL) return NULL;
    put_word(x, word, n, (int64_t)n, NULL, index);
    return p + n;
  }
  return NULL;
}

/* Words and marks of ASCII from p on; stops before a word that is not for here. */
static const unsigned char *scan_ascii(Run *x, const unsigned char *begin, const unsigned char *p,
                                       const unsigned char *end, int32_t *index) {
  const Words *w = x->w;
  const WordPiece *wordpiece = &w->wordpiece;
  const unsigned char *from = p;
  const int32_t base = *index;
  const uint64_t lower = x->normalizer->lower ? BYTES_EACH(0x20) : 0;
  const unsigned longest = wordpiece->max_chars < 8 ? (unsigned)wordpiece->max_chars : 8;
  while (p < end) {
    uint64_t v = bytes_load_within(begin, p, end), letters = bytes_letters(v);
    uint64_t others = ~(letters | bytes_digits(v)) & BYTES_EACH(0x80);
    int32_t at = base + (int32_t)(p - from);
    if (!others) {
      const unsigned char *next = scan_long_word(x, begin, p, end, at);
      if (!next) break;
      p = next;
      continue;
    }
    unsigned n = (unsigned)__builtin_ctzll(others) / 8;
    if (!n) {
      int kind = w->ascii[*p];
      if (kind == GENERAL) break;
      if (kind == PUNCTUATION) tokenlist_put(x->t, w->ascii_id[*p], at, at + 1, x->e);
      p++;
      continue;
    }
    if (p + n < end && w->ascii[p[n]] == GENERAL) break;
    v = bytes_first(v | (letters >> 2 & lower), n);
    int32_t id = n <= longest ? pieces_find_short(&wordpiece->vocabulary->pieces, v, n) : -1;
    if (id >= 0) {
      tokenlist_put(x->t, id, at, at + (int32_t)n, x->e);
    } else {
      unsigned char word[8];
      bytes_store(word, v);
      put_word(x, word, n, n, NULL, at);
    }
    p += n;
  }
  *index = base + (int32_t)(p - from);
  return p;
}

void words_scan(const Words *w, const Normalizer *o, Normalized *n, TokenList *t, const unsigned char *p,
                const unsigned char *end, int32_t *index, bert_err *e) {
  Run x = {w, o, n, t, e};
  const unsigned char *begin = p;
  while (p < end && !e->code) {
    p = scan_ascii(&x, begin, p, end, index);
    if (p < end) p = scan_general(&x, p, end, index);
  }
}

void words_split(const Words *w, TokenList *t, const unsigned char *text, size_t n, const int32_t *source,
                 bert_err *e) {
  Run x = {.w = w, .t = t, .e = e};
  split_words(&x, text, n, source);
}
