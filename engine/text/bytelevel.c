/* bytelevel.c -- see bytelevel.h.
** Layer: text. Uses: base. */
#include "text/bytelevel.h"

#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "text/unicode.h"

enum { OTHER, LETTER, NUMBER, SPACE };

static int kind_of(uint32_t c) {
  int flags = unicode_class(c)->flags;
  return flags & UNICODE_LETTER ? LETTER : flags & UNICODE_NUMBER ? NUMBER : flags & UNICODE_SPACE ? SPACE : OTHER;
}

void bytelevel_init(ByteLevel *b) {
  for (uint32_t c = 0; c < 128; c++) b->kind[c] = (uint8_t)kind_of(c);
}

/* ---- the pattern ------------------------------------------------------------------------------------------------- */

/* The kind of the character at *p, and *p past it. */
static inline int next_kind(const ByteLevel *b, const unsigned char **p) {
  if (**p < 0x80) return b->kind[*(*p)++];
  return kind_of(unicode_next(p));
}

/* Past the characters of that kind. */
static const unsigned char *run_end(const ByteLevel *b, const unsigned char *p, const unsigned char *end, int kind) {
  while (p < end) {
    if (kind == LETTER && end - p >= 8) {
      uint64_t others = ~bytes_letters(bytes_load(p)) & BYTES_EACH(0x80);
      p += others ? __builtin_ctzll(others) / 8 : 8;
      if (!others) continue;
      if (*p < 0x80) return p;
    }
    const unsigned char *next = p;
    if (next_kind(b, &next) != kind) return p;
    p = next;
  }
  return p;
}

/* White space up to `next` and what follows of it: all of it at the end of the text, else without its last character,
** which belongs to the next word, unless that is `keep` or before. */
static const unsigned char *spaces_end(const ByteLevel *b, const unsigned char *next, const unsigned char *end,
                                       const unsigned char *keep) {
  const unsigned char *last = keep;
  while (next < end) {
    const unsigned char *after = next;
    if (next_kind(b, &after) != SPACE) return last;
    last = next;
    next = after;
  }
  return end;
}

/* 's 't 're 've 'm 'll 'd: how many bytes; 0 if none of them is at p, which is at a '. */
static int contraction(const unsigned char *p, const unsigned char *end) {
  int first = end - p > 1 ? p[1] : 0, second = end - p > 2 ? p[2] : 0;
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  return (second == 'e' && (first == 'r' || first == 'v')) || (second == 'l' && first == 'l') ? 3 : 0;
}

/* The end of the word that begins at p < end. */
static const unsigned char *word_end(const ByteLevel *b, const unsigned char *p, const unsigned char *end) {
  const unsigned char *next = p;
  int kind = next_kind(b, &next);
  if (*p == '\'') {
    int n = contraction(p, end);
    if (n) return p + n;
  }
  if (*p == ' ' && next < end) {
    const unsigned char *after = next;
    int second = next_kind(b, &after);
    if (second != SPACE) return run_end(b, after, end, second);
  }
  return kind == SPACE ? spaces_end(b, next, end, next) : run_end(b, next, end, kind);
}

/* The end of the word that begins with a space before p. */
static const unsigned char *prefixed_end(const ByteLevel *b, const unsigned char *p, const unsigned char *end) {
  const unsigned char *next = p;
  int kind = next_kind(b, &next);
  return kind == SPACE ? spaces_end(b, p, end, p) : run_end(b, next, end, kind);
}

/* ---- a word ------------------------------------------------------------------------------------------------------ */

/* Bytes, and the characters they come from. */
typedef struct {
  const unsigned char *text;
  size_t n;
  const int32_t *source; /* NULL: they count from first */
  int32_t first;
  int prefixed; /* text[0] stands where text[1] does, and source has no place for it */
} Word;

typedef struct {
  size_t at;        /* a byte */
  uint32_t before;  /* widths of the bytes before it */
  int32_t character;
} Place;

/* On to the byte at which the widths reach past `width`. */
static void advance(const Bpe *b, const Word *w, Place *p, uint32_t width) {
  while (p->at + 1 < w->n && p->before + b->width[w->text[p->at]] <= width) {
    p->before += b->width[w->text[p->at]];
    p->at++;
    if (w->prefixed && p->at == 1) continue;
    if (w->source) p->character = w->source[p->at - (size_t)w->prefixed];
    else p->character += (w->text[p->at] & 0xC0) != 0x80;
  }
}

/* start[] and end[] become characters; end[] holds the places of bpe_split. */
static void to_characters(const Bpe *b, const Word *w, int32_t *start, int32_t *end, size_t count) {
  Place p = {0, 0, w->source ? w->source[0] : w->first};
  uint32_t from = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t to = (uint32_t)end[i];
    advance(b, w, &p, from);
    start[i] = p.character;
    advance(b, w, &p, to - 1);
    end[i] = p.character + 1;
    from = to;
  }
}

static int is_ascii(const unsigned char *p, size_t n) {
  size_t i = 0;
  for (; n - i >= 8; i += 8)
    if (bytes_load(p + i) & BYTES_EACH(0x80)) return 0;
  for (; i < n; i++)
    if (p[i] & 0x80) return 0;
  return 1;
}

static void place(const Bpe *b, const Word *w, int ascii, TokenList *t, size_t count) {
  int32_t *start = t->start + t->n, *end = t->end + t->n;
  if (ascii && !w->source && !w->prefixed && !b->leaves_out) {
    int32_t at = w->first;
    for (size_t i = 0; i < count; i++) {
      start[i] = at;
      at = end[i] += w->first;
    }
  } else {
    to_characters(b, w, start, end, count);
  }
  for (size_t i = 0; i < count; i++) t->whole[t->n + i] = i == 0;
}

/* A word out of begin..end, which may be read. Returns how many characters of the text it has, where offsets are asked
** for. */
static int32_t put_word(const ByteLevel *b, ByteLevelScratch *s, TokenList *t, const unsigned char *begin,
                        const Word *w, const unsigned char *end, bert_err *e) {
  if (t->room - t->n < w->n && !tokenlist_room(t, w->n, e)) return 0;
  size_t count = bpe_split(&b->bpe, &s->bpe, begin, w->text, w->n, end, t->ids + t->n,
                           t->offsets ? t->end + t->n : NULL, e);
  if (e->code) return 0;
  int32_t characters = 0;
  if (t->offsets) {
    int ascii = is_ascii(w->text, w->n);
    place(&b->bpe, w, ascii, t, count);
    characters = (int32_t)(ascii ? w->n : utf8_length((const char *)w->text, w->n)) - w->prefixed;
  }
  t->n += count;
  return characters;
}

/* The first word of p..end, with a space before it that the text has not. Returns where it ends. */
static const unsigned char *put_prefixed(const ByteLevel *b, ByteLevelScratch *s, TokenList *t, const unsigned char *p,
                                         const unsigned char *end, const int32_t *source, int32_t *index, bert_err *e) {
  const unsigned char *stop = b->use_regex ? prefixed_end(b, p, end) : end;
  size_t n = (size_t)(stop - p) + 1;
  if (n > s->room) {
    unsigned char *word = mem_grow(s->word, n < 64 ? 64 : n * 2, 1, e);
    if (!word) return stop;
    s->word = word;
    s->room = n < 64 ? 64 : n * 2;
  }
  s->word[0] = ' ';
  if (n > 1) memcpy(s->word + 1, p, n - 1);
  Word w = {s->word, n, source, *index, 1};
  *index += put_word(b, s, t, s->word, &w, s->word + n, e);
  return stop;
}

void bytelevel_scan(const ByteLevel *b, ByteLevelScratch *s, TokenList *t, const unsigned char *text, size_t n,
                    const int32_t *source, int32_t *index, bert_err *e) {
  const unsigned char *p = text, *end = text + n;
  if (b->add_prefix_space && *p != ' ') p = put_prefixed(b, s, t, p, end, source, index, e);
  while (p < end && !e->code) {
    const unsigned char *stop = b->use_regex ? word_end(b, p, end) : end;
    Word w = {p, (size_t)(stop - p), source ? source + (p - text) : NULL, *index, 0};
    *index += put_word(b, s, t, text, &w, end, e);
    p = stop;
  }
}

void bytelevel_fini(ByteLevelScratch *s) {
  bpe_fini(&s->bpe);
  mem_free(s->word);
  *s = (ByteLevelScratch){0};
}
