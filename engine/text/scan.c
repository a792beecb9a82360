/* scan.c -- see scan.h.
** Layer: text. Uses: base. */
#include "text/scan.h"

#include <string.h>

#include "base/utf8.h"
#include "text/bytes.h"
#include "text/unicode.h"

enum { GENERAL, SPACE, PUNCTUATION, LETTER }; /* ScanRules.ascii: GENERAL is normalize.h's work */

void scan_init(ScanRules *r) {
  memset(r->ascii, GENERAL, sizeof r->ascii);
  for (int c = 0; c < 128; c++) {
    int flags = unicode_class((uint32_t)c)->flags;
    char spelled = (char)c;
    r->ascii_id[c] = wordpiece_id(&r->wordpiece, &spelled, 1);
    if (r->ascii_id[c] < 0 || r->wordpiece.max_chars < 1) r->ascii_id[c] = r->wordpiece.unknown;
    if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')) r->ascii[c] = LETTER;
    else if (r->normalizer.clean && (flags & UNICODE_CONTROL)) r->ascii[c] = GENERAL;
    else if (flags & UNICODE_SPACE) r->ascii[c] = SPACE;
    else if ((flags & UNICODE_PUNCTUATION) && r->ascii_id[c] >= 0) r->ascii[c] = PUNCTUATION;
  }
}

/* One call of scan_text. */
typedef struct {
  const ScanRules *r;
  Scan *s;
  Tokens *t;
  bert_err *e;
  int offsets;
  size_t begin, keep; /* tokens[begin ..) are this text's, of which the first `keep` are wanted */
  int64_t dropped;    /* counted, no longer in tokens */
} Run;

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static int grow_tokens(Run *x, size_t need) {
  Tokens *t = x->t;
  size_t room = t->room * 2 < 1024 ? 1024 : t->room * 2;
  if (room < t->n + need) room = t->n + need;
  int32_t *ids = mem_grow(t->ids, room, sizeof *ids, x->e);
  if (ids) t->ids = ids;
  if (x->offsets || t->start) {
    int32_t *start = mem_grow(t->start, room, sizeof *start, x->e);
    if (start) t->start = start;
    int32_t *end = mem_grow(t->end, room, sizeof *end, x->e);
    if (end) t->end = end;
    uint8_t *whole = mem_grow(t->whole, room, sizeof *whole, x->e);
    if (whole) t->whole = whole;
  }
  if (x->e->code) return 0;
  t->room = room;
  return 1;
}

/* Forgets the tokens that are only counted. */
static void drop_tokens(Run *x) {
  Tokens *t = x->t;
  if (t->n - x->begin <= x->keep) return;
  x->dropped += (int64_t)(t->n - x->begin - x->keep);
  t->n = x->begin + x->keep;
}

static int make_room(Run *x, size_t need) {
  if (x->e->code) return 0;
  drop_tokens(x);
  return x->t->room - x->t->n >= need || grow_tokens(x, need);
}

static inline void put_token(Run *x, int32_t id, int32_t start, int32_t end) {
  Tokens *t = x->t;
  if (t->n == t->room && !make_room(x, 1)) return;
  t->ids[t->n] = id;
  if (x->offsets) {
    t->start[t->n] = start;
    t->end[t->n] = end;
    t->whole[t->n] = 1;
  }
  t->n++;
}

/* A word of the pre-tokenizer, normalized. Its characters are source[0..n), or first, first + 1, … without source. */
static void put_word(Run *x, const unsigned char *word, size_t n, int64_t chars, const int32_t *source, int32_t first) {
  Tokens *t = x->t;
  const WordPiece *w = &x->r->wordpiece;
  size_t need = chars > w->max_chars ? 1 : n;
  if (t->room - t->n < need && !make_room(x, need)) return;
  size_t count = wordpiece_split(w, word, n, chars, t->ids + t->n, x->offsets ? t->end + t->n : NULL);
  if (t->ids[t->n] < 0) {
    err_set(x->e, BERT_FORMAT, "a word is not in the vocabulary, and neither is unk_token \"%s\"", w->unknown_text);
    return;
  }
  if (x->offsets) {
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
  Normalized *n = &x->s->normalized;
  n->size = 0;
  p = normalize_run(&x->r->normalizer, n, p, end, index, 1, x->e);
  if (n->size && !x->e->code) split_words(x, n->text, n->size, x->offsets ? n->source : NULL);
  return p;
}

/* Tokens that stand in the normalized text need the whole of it. */
static void scan_normalized(Run *x, const unsigned char *p, const unsigned char *end, int32_t *index) {
  Normalized *n = &x->s->normalized;
  n->size = 0;
  normalize_run(&x->r->normalizer, n, p, end, index, 0, x->e);
  AddedWalk walk = {0};
  AddedMatch m;
  const int32_t *source = x->offsets ? n->source : NULL;
  while (n->size && !x->e->code) {
    size_t from = walk.taken;
    int found = added_next(&x->r->added_normalized, &walk, n->text, n->size, &m);
    size_t to = found ? m.start : n->size;
    if (from < to) split_words(x, n->text + from, to - from, source ? source + from : NULL);
    if (!found) break;
    if (source) put_token(x, m.id, source[m.start], source[m.stop - 1] + 1);
    else put_token(x, m.id, 0, 0);
  }
}

/* ---- the way of ASCII -------------------------------------------------------------------------------------------- */

/* p[0..8), zeros past end; `begin` is the first byte that may be read. */
static inline uint64_t load(const unsigned char *begin, const unsigned char *p, const unsigned char *end) {
  size_t left = (size_t)(end - p);
  if (left >= 8) return bytes_load(p);
  if (end - begin >= 8) return bytes_load(end - 8) >> (64 - 8 * left);
  return bytes_load_part(p, left);
}

enum { LONG_WORD = 64 };

/* A word of 8 letters and more; NULL if it is not for here. */
static const unsigned char *scan_long_word(Run *x, const unsigned char *begin, const unsigned char *p,
                                           const unsigned char *end, int32_t index) {
  unsigned char word[LONG_WORD];
  uint64_t lower = x->r->normalizer.lower ? BYTES_EACH(0x20) : 0;
  for (size_t n = 0; n < LONG_WORD; n += 8) {
    uint64_t v = p + n < end ? load(begin, p + n, end) : 0, letters = bytes_letters(v);
    uint64_t others = ~(letters | bytes_digits(v)) & BYTES_EACH(0x80);
    bytes_store(word + n, v | (letters >> 2 & lower));
    if (!others) continue;
    n += (size_t)__builtin_ctzll(others) / 8;
    if (p + n < end && x->r->ascii[p[n]] == GENERAL) return NULL;
    put_word(x, word, n, (int64_t)n, NULL, index);
    return p + n;
  }
  return NULL;
}

/* Words and marks of ASCII from p on; stops before a word that is not for here. */
static const unsigned char *scan_ascii(Run *x, const unsigned char *begin, const unsigned char *p,
                                       const unsigned char *end, int32_t *index) {
  const ScanRules *r = x->r;
  const unsigned char *from = p;
  const int32_t base = *index;
  const uint64_t lower = r->normalizer.lower ? BYTES_EACH(0x20) : 0;
  const unsigned longest = r->wordpiece.max_chars < 8 ? (unsigned)r->wordpiece.max_chars : 8;
  while (p < end) {
    uint64_t v = load(begin, p, end), letters = bytes_letters(v);
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
      int kind = r->ascii[*p];
      if (kind == GENERAL) break;
      if (kind == PUNCTUATION) put_token(x, r->ascii_id[*p], at, at + 1);
      p++;
      continue;
    }
    if (p + n < end && r->ascii[p[n]] == GENERAL) break;
    v = bytes_first(v | (letters >> 2 & lower), n);
    int32_t id = n <= longest ? pieces_find_short(&r->wordpiece.first, v, n) : -1;
    if (id >= 0) {
      put_token(x, id, at, at + (int32_t)n);
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

/* ---- a text ------------------------------------------------------------------------------------------------------ */

/* Text without added tokens of the first kind; *index goes from its first character's number past its last one's. */
static void scan_plain(Run *x, const unsigned char *p, const unsigned char *end, int32_t *index) {
  if (x->r->added_normalized.count) {
    scan_normalized(x, p, end, index);
    return;
  }
  const unsigned char *begin = p;
  while (p < end && !x->e->code) {
    p = scan_ascii(x, begin, p, end, index);
    if (p < end) p = scan_general(x, p, end, index);
  }
}

/* Counts characters up to byte `at`, going forward only. */
typedef struct {
  size_t at;
  int32_t index;
} Cursor;

static int32_t cursor_to(Cursor *c, const unsigned char *text, size_t at) {
  for (; c->at < at; c->at++) c->index += (text[c->at] & 0xC0) != 0x80;
  return c->index;
}

static void scan_all(Run *x, const unsigned char *text, size_t n) {
  AddedWalk walk = {0};
  AddedMatch m;
  Cursor start = {0}, stop[2] = {{0}};
  int32_t index = 0;
  while (!x->e->code) {
    size_t from = walk.taken;
    int found = added_next(&x->r->added, &walk, text, n, &m);
    size_t to = found ? m.start : n;
    if (from < to) scan_plain(x, text + from, text + to, &index);
    if (!found) break;
    if (x->offsets) {
      index = cursor_to(&stop[m.stripped], text, m.stop);
      put_token(x, m.id, cursor_to(&start, text, m.start), index);
    } else {
      put_token(x, m.id, 0, 0);
    }
  }
}

/* The text with U+FFFD for what is not UTF-8, in s->repaired; *n becomes its size. NULL on error. */
static const unsigned char *repair(Scan *s, const unsigned char *text, size_t *n, size_t good, bert_err *e) {
  size_t room = mem_size(*n - good, 3, good), size = good;
  if (room > s->repaired_room) {
    unsigned char *p = mem_grow(s->repaired, room, 1, e);
    if (!p) return NULL;
    s->repaired = p;
    s->repaired_room = room;
  }
  memcpy(s->repaired, text, good);
  for (size_t at = good; at < *n;) {
    int used;
    size += (size_t)utf8_encode(utf8_decode(text + at, *n - at, &used), s->repaired + size);
    at += (size_t)used;
  }
  *n = size;
  return s->repaired;
}

int64_t scan_text(const ScanRules *r, Scan *s, bert_text text, int offsets, size_t keep, bert_err *e) {
  Run x = {.r = r, .s = s, .t = &s->tokens, .e = e, .offsets = offsets, .begin = s->tokens.n, .keep = keep};
  if (text.size > INT32_MAX)
    err_set(e, BERT_ARGUMENT, "a text of %zu bytes, at most %d are taken", text.size, INT32_MAX);
  if (e->code || !text.size) return 0;
  s->normalized.aligned = offsets;
  if (offsets && !s->tokens.start) s->tokens.room = 0; /* the arrays of offsets have yet to be made */
  const unsigned char *bytes = (const unsigned char *)text.data;
  size_t n = text.size, good = unicode_prefix(bytes, n);
  if (good < n) bytes = repair(s, bytes, &n, good, e);
  if (bytes) scan_all(&x, bytes, n);
  drop_tokens(&x);
  return (int64_t)(s->tokens.n - x.begin) + x.dropped;
}

void scan_fini(Scan *s) {
  mem_free(s->tokens.ids);
  mem_free(s->tokens.start);
  mem_free(s->tokens.end);
  mem_free(s->tokens.whole);
  normalized_fini(&s->normalized);
  mem_free(s->repaired);
  *s = (Scan){0};
}
