/* scan.c -- see scan.h.
** Layer: text. Uses: base. */
#include "text/scan.h"

#include <string.h>

#include "text/unicode.h"

/* One call of scan_text. */
typedef struct {
  const ScanRules *r;
  Scan *s;
  TokenList *t;
  bert_err *e;
} Run;

void scan_init(ScanRules *r) {
  if (r->kind == SCAN_BYTE_LEVEL) bytelevel_init(&r->bytes);
  else words_init(&r->words, &r->normalizer);
}

/* ---- trim_offsets ------------------------------------------------------------------------------------------------ */

/* White space, and the character that byte-level vocabularies spell the space as. */
static int is_blank(uint32_t c) {
  enum { SPACE_SPELLED = 0x120 };
  return c == SPACE_SPELLED || (unicode_class(c)->flags & UNICODE_SPACE) != 0;
}

typedef struct {
  int32_t before, after;
} Blanks;

/* Those of text[0..n), known to be UTF-8; all of them count twice where there is nothing else. */
static Blanks count_blanks(const unsigned char *text, size_t n) {
  Blanks b = {0, 0};
  const unsigned char *p = text, *end = text + n;
  while (p < end && is_blank(unicode_next(&p))) b.before++;
  for (p = end; p > text && is_blank(unicode_before(p)); b.after++)
    do p--;
    while ((*p & 0xC0) == 0x80);
  return b;
}

void scan_trim(ScanRules *r, int add_prefix_space, Arena *a, bert_err *e) {
  uint8_t *blank = arena_push(a, (size_t)r->vocabulary.size, 1, e);
  if (e->code) return;
  for (int32_t id = 0; id < r->vocabulary.size; id++) {
    const char *piece = vocabulary_piece(&r->vocabulary, id);
    Blanks b = count_blanks((const unsigned char *)piece, strlen(piece));
    blank[id] = b.before || b.after;
  }
  r->blank = blank;
  r->trim_prefixed = add_prefix_space;
}

/* The reference's arithmetic, token i of all: one space may be add_prefix_space's, which no offset holds. */
static void trim(const Run *x, size_t i, Blanks b) {
  int32_t *start = &x->t->start[i], *end = &x->t->end[i];
  if (b.before == 1 && x->r->trim_prefixed && (i == x->t->begin || *start == 0)) b.before = 0;
  *start = *start + b.before < *end ? *start + b.before : *end;
  if (b.after && *end >= b.after) *end = *end - b.after > *start ? *end - b.after : *start;
}

static void trim_pieces(const Run *x, size_t from) {
  if (!x->r->blank || !x->t->offsets || x->e->code) return;
  for (size_t i = from; i < x->t->n; i++) {
    int32_t id = x->t->ids[i];
    if (!x->r->blank[id]) continue;
    const char *piece = vocabulary_piece(&x->r->vocabulary, id);
    trim(x, i, count_blanks((const unsigned char *)piece, strlen(piece)));
  }
}

/* An added token, found as text[0..n), the characters start … end - 1. */
static void put_added(const Run *x, int32_t id, const unsigned char *text, size_t n, int32_t start, int32_t end) {
  tokenlist_put(x->t, id, start, end, x->e);
  if (x->r->blank && x->t->offsets && !x->e->code) trim(x, x->t->n - 1, count_blanks(text, n));
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Words of text as it came; *index goes from its first character's number past its last one's. */
static void scan_words(Run *x, const unsigned char *text, size_t n, int32_t *index) {
  const ScanRules *r = x->r;
  size_t from = x->t->n;
  if (r->kind == SCAN_BYTE_LEVEL) bytelevel_scan(&r->bytes, &x->s->bytes, x->t, text, n, NULL, index, x->e);
  else words_scan(&r->words, &r->normalizer, &x->s->normalized, x->t, text, text + n, index, x->e);
  trim_pieces(x, from);
}

/* Words of normalized text; source is of each byte, or NULL where offsets are not wanted. */
static void scan_normalized_words(Run *x, const unsigned char *text, size_t n, const int32_t *source) {
  const ScanRules *r = x->r;
  size_t from = x->t->n;
  int32_t index = 0;
  if (r->kind == SCAN_BYTE_LEVEL) bytelevel_scan(&r->bytes, &x->s->bytes, x->t, text, n, source, &index, x->e);
  else words_split(&r->words, x->t, text, n, source, x->e);
  trim_pieces(x, from);
}

/* ---- added tokens ------------------------------------------------------------------------------------------------ */

/* Tokens that stand in the normalized text need the whole of it. */
static void scan_normalized(Run *x, const unsigned char *p, const unsigned char *end, int32_t *index) {
  Normalized *n = &x->s->normalized;
  n->size = 0;
  normalize_run(&x->r->normalizer, n, p, end, index, 0, x->e);
  AddedWalk walk = {0};
  AddedMatch m;
  const int32_t *source = x->t->offsets ? n->source : NULL;
  while (n->size && !x->e->code) {
    size_t from = walk.taken;
    int found = added_next(&x->r->added_normalized, &walk, n->text, n->size, &m);
    size_t to = found ? m.start : n->size;
    if (from < to) scan_normalized_words(x, n->text + from, to - from, source ? source + from : NULL);
    if (!found) break;
    int32_t start = source ? source[m.start] : 0, stop = source ? source[m.stop - 1] + 1 : 0;
    put_added(x, m.id, n->text + m.start, m.stop - m.start, start, stop);
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

/* Cuts the tokens of a set out of text[0..n), whose characters count from *index, and hands on what is between. */
static void cut_added(Run *x, const AddedSet *set, const unsigned char *text, size_t n, int32_t *index,
                      void (*between)(Run *x, const unsigned char *text, size_t n, int32_t *index)) {
  AddedWalk walk = {0};
  AddedMatch m;
  Cursor start = {0, *index}, stop[2] = {{0, *index}, {0, *index}};
  while (!x->e->code) {
    size_t from = walk.taken;
    int found = added_next(set, &walk, text, n, &m);
    size_t to = found ? m.start : n;
    if (from < to) between(x, text + from, to - from, index);
    if (!found) break;
    if (x->t->offsets) *index = cursor_to(&stop[m.stripped], text, m.stop);
    put_added(x, m.id, text + m.start, m.stop - m.start, x->t->offsets ? cursor_to(&start, text, m.start) : 0, *index);
  }
}

/* Text without added tokens of the first kind. */
static void scan_plain(Run *x, const unsigned char *text, size_t n, int32_t *index) {
  const Normalizer *o = &x->r->normalizer;
  int as_it_is = !(o->clean || o->chinese || o->strip || o->lower);
  if (x->r->kind == SCAN_BYTE_LEVEL && as_it_is) cut_added(x, &x->r->added_normalized, text, n, index, scan_words);
  else if (x->r->kind == SCAN_BYTE_LEVEL || x->r->added_normalized.count) scan_normalized(x, text, text + n, index);
  else scan_words(x, text, n, index);
}

/* ---- a text ------------------------------------------------------------------------------------------------------ */

int64_t scan_text(const ScanRules *r, Scan *s, bert_text text, int offsets, size_t keep, bert_err *e) {
  Run x = {.r = r, .s = s, .t = &s->tokens, .e = e};
  if (text.size > INT32_MAX)
    err_set(e, BERT_ARGUMENT, "a text of %zu bytes, at most %d are taken", text.size, INT32_MAX);
  if (e->code || !text.size) return 0;
  s->normalized.aligned = offsets;
  tokenlist_begin(x.t, offsets, keep);
  const unsigned char *bytes = (const unsigned char *)text.data;
  size_t n = text.size;
  bytes = repaired_text(&s->repaired, bytes, &n, e);
  int32_t index = 0;
  if (bytes) cut_added(&x, &r->added, bytes, n, &index, scan_plain);
  return tokenlist_end(x.t);
}

void scan_fini(Scan *s) {
  tokenlist_fini(&s->tokens);
  normalized_fini(&s->normalized);
  bytelevel_fini(&s->bytes);
  repaired_fini(&s->repaired);
  *s = (Scan){0};
}
