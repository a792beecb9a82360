/* metrics.c -- see metrics.h.
** Layer: model. Uses: base text. */
#include "model/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

static double ratio(double a, double b) { return b != 0 ? a / b : 0; }

/* ---- classes ----------------------------------------------------------------------------------------------------- */

/* Of one label. */
typedef struct {
  int64_t found, wanted, right;
} Count;

static double f1_of(const Count *c) { return ratio(2 * (double)c->right, (double)(c->found + c->wanted)); }

/* (right * n - sum of found * wanted) / sqrt((n^2 - sum of found^2) (n^2 - sum of wanted^2)): Gorodkin 2004. */
static double mcc_of(const Count *c, int labels, double right, double n) {
  double both = 0, found = 0, wanted = 0;
  for (int k = 0; k < labels; k++) {
    both += (double)c[k].found * (double)c[k].wanted;
    found += (double)c[k].found * (double)c[k].found;
    wanted += (double)c[k].wanted * (double)c[k].wanted;
  }
  return ratio(right * n - both, sqrt((n * n - found) * (n * n - wanted)));
}

void metrics_classes(const int32_t *found, const int32_t *wanted, int n, int labels, ClassMetrics *out, bert_err *e) {
  *out = (ClassMetrics){0};
  Count *c = mem_new((size_t)labels, sizeof *c, e);
  if (!c) return;
  int64_t right = 0;
  int present = 0;
  for (int i = 0; i < n; i++) {
    c[found[i]].found++;
    c[wanted[i]].wanted++;
    if (found[i] != wanted[i]) continue;
    c[found[i]].right++;
    right++;
  }
  for (int k = 0; k < labels; k++) {
    out->f1_macro += f1_of(&c[k]);
    present += c[k].found || c[k].wanted;
  }
  out->f1_macro = ratio(out->f1_macro, present);
  out->accuracy = out->f1_micro = ratio((double)right, n);
  out->f1 = labels == 2 ? f1_of(&c[1]) : 0;
  out->mcc = mcc_of(c, labels, (double)right, n);
  mem_free(c);
}

void metrics_sets(const uint8_t *found, const uint8_t *wanted, int n, int labels, ClassMetrics *out) {
  size_t L = (size_t)labels;
  Count all = {0};
  int64_t right = 0;
  *out = (ClassMetrics){0};
  for (int i = 0; i < n; i++) right += !memcmp(found + (size_t)i * L, wanted + (size_t)i * L, L);
  for (size_t k = 0; k < L; k++) {
    Count c = {0};
    for (size_t i = 0; i < (size_t)n; i++) {
      c.found += found[i * L + k];
      c.wanted += wanted[i * L + k];
      c.right += found[i * L + k] & wanted[i * L + k];
    }
    out->f1_macro += f1_of(&c) / labels;
    all.found += c.found, all.wanted += c.wanted, all.right += c.right;
  }
  out->accuracy = ratio((double)right, n);
  out->f1_micro = f1_of(&all);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

double metrics_pearson(const double *x, const double *y, int n) {
  double mean_x = 0, mean_y = 0, xy = 0, xx = 0, yy = 0;
  for (int i = 0; i < n; i++) mean_x += x[i] / n, mean_y += y[i] / n;
  for (int i = 0; i < n; i++) {
    double a = x[i] - mean_x, b = y[i] - mean_y;
    xy += a * b, xx += a * a, yy += b * b;
  }
  return ratio(xy, sqrt(xx) * sqrt(yy));
}

typedef struct {
  double x;
  int i;
} Ranked;

static int by_value(const void *a, const void *b) {
  const Ranked *p = a, *q = b;
  return p->x < q->x ? -1 : p->x > q->x;
}

/* Ranks from 1; equals share the mean of theirs. */
static void rank(const double *x, int n, Ranked *r, double *out) {
  for (int i = 0; i < n; i++) r[i] = (Ranked){x[i], i};
  qsort(r, (size_t)n, sizeof *r, by_value);
  for (int i = 0, past; i < n; i = past) {
    for (past = i + 1; past < n && !(r[past].x > r[i].x); past++) continue;
    for (int k = i; k < past; k++) out[r[k].i] = (i + 1 + past) / 2.0;
  }
}

double metrics_spearman(const double *x, const double *y, int n, bert_err *e) {
  Ranked *r = mem_new((size_t)n, sizeof *r, e);
  double *ranks = mem_new((size_t)n, 2 * sizeof *ranks, e), s = 0;
  if (!e->code && n) {
    rank(x, n, r, ranks);
    rank(y, n, r, ranks + n);
    s = metrics_pearson(ranks, ranks + n, n);
  }
  mem_free(r);
  mem_free(ranks);
  return s;
}

/* ---- SQuAD ------------------------------------------------------------------------------------------------------- */

static int is_word(uint32_t c) { return c == '_' || (unicode_class(c)->flags & UNICODE_WORD); }

/* What Python's split() splits at. */
static int is_space(uint32_t c) { return (c >= 0x1C && c <= 0x1F) || (unicode_class(c)->flags & UNICODE_SPACE); }

static int is_mark(uint32_t c) { /* string.punctuation */
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static void put(Buf *b, uint32_t c, bert_err *e) {
  unsigned char bytes[4];
  int n = utf8_encode(c, bytes);
  buf_add(b, bytes, (size_t)n, e);
}

/* Lower-cased, without marks. */
static void lower_text(bert_text t, Buf *out, bert_err *e) {
  for (size_t at = 0; at < t.size && !e->code;) {
    int used;
    uint32_t c = utf8_decode((const unsigned char *)t.data + at, t.size - at, &used);
    at += (size_t)used;
    if (is_mark(c)) continue;
    put(out, c + (uint32_t)unicode_class(c)->lower, e);
    if (c == UNICODE_I_WITH_DOT) put(out, UNICODE_DOT_ABOVE, e);
  }
}

static int is_article(const char *p, size_t n) {
  return (n == 1 && *p == 'a') || (n == 2 && !memcmp(p, "an", 2)) || (n == 3 && !memcmp(p, "the", 3));
}

/* The words of lowered text, without articles, each followed by a NUL in *out; returns how many. Runs of \w end where
** another character stands, and an article is such a run: "a-b" has lost its hyphen before, "l’a" keeps what is not \w.
** */
static int split_text(const Buf *text, Buf *out, bert_err *e) {
  const unsigned char *p = (const unsigned char *)text->data, *end = p + text->size;
  int words = 0, open = 0;
  while (p < end && !e->code) {
    const unsigned char *at = p;
    uint32_t c = unicode_next(&p);
    int word = is_word(c);
    while (word && p < end) {
      const unsigned char *next = p;
      if (!is_word(unicode_next(&next))) break;
      p = next;
    }
    int apart = !word ? is_space(c) : is_article((const char *)at, (size_t)(p - at));
    if (!apart) buf_add(out, at, (size_t)(p - at), e);
    else if (open) buf_add(out, "", 1, e);
    words += !apart && !open;
    open = !apart;
  }
  if (open) buf_add(out, "", 1, e);
  return words;
}

typedef struct {
  Buf lowered, words;
  int count;
} Normal;

static void normalize(bert_text t, Normal *n, bert_err *e) {
  lower_text(t, &n->lowered, e);
  if (!e->code) n->count = split_text(&n->lowered, &n->words, e);
}

static void normal_fini(Normal *n) {
  buf_fini(&n->lowered);
  buf_fini(&n->words);
}

/* How many words both have, each as often as the one that has it less often. */
static int shared(const Normal *a, const Normal *b, bert_err *e) {
  char *used = mem_new((size_t)b->count, 1, e);
  const char *p = a->words.data;
  int n = 0;
  for (int i = 0; i < a->count && used; i++, p += strlen(p) + 1) {
    const char *q = b->words.data;
    for (int k = 0; k < b->count; k++, q += strlen(q) + 1) {
      if (used[k] || strcmp(p, q)) continue;
      used[k] = 1;
      n++;
      break;
    }
  }
  mem_free(used);
  return n;
}

AnswerScore metrics_answer(bert_text found, bert_text wanted, int has_none, bert_err *e) {
  Normal a = {{0}, {0}, 0}, b = {{0}, {0}, 0};
  AnswerScore s = {0, 0};
  normalize(found, &a, e);
  normalize(wanted, &b, e);
  if (!e->code) {
    s.exact = a.words.size == b.words.size && (!a.words.size || !memcmp(a.words.data, b.words.data, a.words.size));
    double same = shared(&a, &b, e);
    s.f1 = ratio(2 * same, a.count + b.count);
    if (has_none && (!a.count || !b.count)) s.f1 = a.count == b.count;
  }
  normal_fini(&a);
  normal_fini(&b);
  return s;
}

int metrics_answer_is_empty(bert_text text, bert_err *e) {
  Normal n = {{0}, {0}, 0};
  normalize(text, &n, e);
  normal_fini(&n);
  return n.count == 0;
}

/* ---- spans ------------------------------------------------------------------------------------------------------- */

/* "B-PER" is ('B', "PER"), "O" is ('O', ""). */
typedef struct {
  char place;
  const char *type;
} Tag;

static Tag tag_of(const char *label) {
  if (!*label) return (Tag){'O', ""};
  const char *hyphen = strchr(label + 1, '-');
  return (Tag){*label, hyphen ? hyphen + 1 : label + 1};
}

static int is_in(char c, const char *set) { return c && strchr(set, c) != NULL; }

static int changes(Tag before, Tag now) { return strcmp(before.type, now.type) != 0; }

/* Does the span that `before` is in end before `now`? */
static int ends(Tag before, Tag now) {
  if (is_in(before.place, "ES")) return 1;
  if (is_in(before.place, "BI") && is_in(now.place, "BSO")) return 1;
  return before.place != 'O' && before.place != '.' && changes(before, now);
}

static int begins(Tag before, Tag now) {
  if (is_in(now.place, "BS")) return 1;
  if (is_in(before.place, "ESO") && is_in(now.place, "EI")) return 1;
  return now.place != 'O' && now.place != '.' && changes(before, now);
}

/* A walk over one sequence of tags. */
typedef struct {
  Tag before;
  int start; /* of the open span, or -1 */
} Open;

void metrics_spans(SpanCount *c, const char *const *found, const char *const *wanted, int n) {
  const char *const *tags[2] = {found, wanted};
  int64_t *count[2] = {&c->found, &c->wanted};
  Open open[2] = {{{'O', ""}, -1}, {{'O', ""}, -1}};
  for (int i = 0; i <= n; i++) {
    int ended[2], start[2];
    Tag type[2];
    for (int k = 0; k < 2; k++) {
      Open *o = &open[k];
      Tag now = i < n ? tag_of(tags[k][i]) : (Tag){'O', ""};
      start[k] = o->start;
      type[k] = o->before; /* a span's type is that of its last tag */
      ended[k] = o->start >= 0 && ends(o->before, now);
      if (ended[k]) o->start = -1;
      if (begins(o->before, now)) o->start = i;
      o->before = now;
      *count[k] += ended[k];
    }
    c->right += ended[0] && ended[1] && start[0] == start[1] && !changes(type[0], type[1]);
    if (i < n) c->words_right += !strcmp(found[i], wanted[i]);
  }
  c->words += n;
}

double metrics_span_precision(const SpanCount *c) { return ratio((double)c->right, (double)c->found); }
double metrics_span_recall(const SpanCount *c) { return ratio((double)c->right, (double)c->wanted); }
double metrics_span_f1(const SpanCount *c) { return ratio(2 * (double)c->right, (double)(c->found + c->wanted)); }
