/* answer.c -- answers to a question, out of a passage.
** Layer: model. Uses: base kernel text nn.
**
**    window     [CLS] question [SEP] p p p p p p p p p [SEP]
**    the next   [CLS] question [SEP]           p p p p p p p p p [SEP]          start and end logits for each token
**
** A span of at most BERT_ANSWER_TOKENS_MAX tokens of the passage is judged in two ways, those of the two references:
** by the product of its start's and end's probabilities within the window (transformers' pipeline), and by the sum of
** their logits over all windows (run_squad; Devlin et al. 2018, section 4.2). See bert.h.
** Memory: the tokens of the passage, a portion of windows (logits.h), and at most FOUND_MAX answers. */
#include <stdlib.h>
#include <string.h>

#include "model/logits.h"
#include "model/pair.h"
#include "model/score.h"
#include "model/walk.h"
#include "text/unicode.h"

enum {
  CANDIDATES = 2 * BERT_ANSWERS_MAX + 10, /* spans of a window that the pipeline looks at: some become the same text */
  BEST = 20,                              /* starts and ends of a window that run_squad looks at (n_best_size) */
  FOUND_MAX = 4096                        /* answers kept while windows go by: the pipeline keeps all */
};

typedef struct {
  Session *session;
  bert_text passage;
  PairWindows w;
  const Pair *p; /* of w */
  Walk walk;     /* at the start of the window */
} Reader;

/* One window's outcome. */
typedef struct {
  const float (*logits)[2]; /* [n]: start, end */
  int n;
  int at;    /* of the passage's first token here, among the n */
  int count; /* tokens of the passage */
  int token; /* the first of them in the Encoding */
} View;

/* Tokens first … last of the passage's part of a window. */
typedef struct {
  int first, last;
  float score;
} Span;

/* What is done with each window, in order. */
typedef void Visit(Reader *r, const View *v, void *context, bert_err *e);

/* ---- windows ---------------------------------------------------------------------------------------------------- */

static void open_reader(Reader *r, Session *s, bert_text question, bert_text passage, bert_err *e) {
  const Model *m = s->model;
  *r = (Reader){.session = s, .passage = passage, .walk = walk_begin(passage)};
  if (!describe_can(m, BERT_CAN_ANSWER, e)) return;
  int window = m->max_tokens < PAIR_WINDOW ? m->max_tokens : PAIR_WINDOW;
  pair_windows(&r->w, s, question, passage, window, PAIR_QUESTION, PAIR_OVERLAP, e);
  r->p = &r->w.p;
}

/* The window that starts at token `from` of the passage. */
static View view_of(Reader *r, int from, const float *logits) {
  int count = pair_window_count(&r->w, from), around = r->p->special + r->w.keep;
  View v = {.logits = (const float(*)[2])logits, .n = around + count, .count = count, .token = r->p->b + from};
  v.at = pair_window_at(&r->w);
  walk_to(&r->walk, r->p->c.start[v.token]);
  return v;
}

static void each_window(Reader *r, Visit *visit, void *context, const bert_progress *progress, bert_err *e) {
  Session *s = r->session;
  int more = !e->code && r->p->b_count > 0;
  for (int from = 0; more && !e->code;) {
    int begin = from;
    batch_clear(s);
    while (more && s->ids.size / sizeof(int32_t) < LOGITS_PORTION && !e->code) {
      pair_window_add(s, &r->w, 0, from, e);
      more = from + r->w.room < r->p->b_count;
      from += r->w.step;
    }
    const float *logits = logits_run(s, &s->model->answer, progress, e);
    for (int at = begin; at < from && !e->code; at += r->w.step) {
      View v = view_of(r, at, logits);
      visit(r, &v, context, e);
      logits += 2 * (size_t)v.n;
    }
  }
}

/* Where tokens first … last of the window's passage stand in the text. */
static void place(const Reader *r, const View *v, int first, int last, bert_answer *out) {
  Walk walk = r->walk;
  out->start = r->p->c.start[v->token + first];
  out->end = r->p->c.end[v->token + last];
  if (out->end < out->start) out->end = out->start;
  out->byte_start = walk_to(&walk, out->start);
  out->byte_end = walk_to(&walk, out->end);
}

static double sum_of(const View *v, int first, int last) {
  return (double)v->logits[v->at + first][0] + (double)v->logits[v->at + last][1];
}

/* ---- the pipeline's answers ------------------------------------------------------------------------------------- */

typedef struct {
  bert_answer answer;
  uint64_t hash; /* of its text in lower case */
  int order;     /* in which they were found */
} Found;

/* The next code point of text[*at … n) in lower case. */
static uint32_t next_lower(const char *text, size_t n, size_t *at) {
  int used;
  uint32_t c = utf8_decode((const unsigned char *)text + *at, n - *at, &used);
  *at += (size_t)used;
  return c + (uint32_t)unicode_class(c)->lower;
}

static uint64_t hash_lower(const char *text, size_t n) {
  uint64_t h = 0xCBF29CE484222325u;
  for (size_t at = 0; at < n;) h = (h ^ next_lower(text, n, &at)) * 0x100000001B3u;
  return h;
}

static int same_lower(const char *a, size_t n, const char *b, size_t m) {
  size_t i = 0, j = 0;
  while (i < n && j < m)
    if (next_lower(a, n, &i) != next_lower(b, m, &j)) return 0;
  return i == n && j == m;
}

static int better_first(const void *a, const void *b) {
  const Found *p = a, *q = b;
  if (p->answer.score != q->answer.score) return p->answer.score > q->answer.score ? -1 : 1;
  return p->order < q->order ? -1 : p->order > q->order;
}

/* Adds the score to the answer of the same text, or a new answer. */
static void add_found(Reader *r, const bert_answer *answer, int *order, bert_err *e) {
  Buf *table = &r->session->windows;
  const char *text = r->passage.data;
  size_t size = answer->byte_end - answer->byte_start, count = table->size / sizeof(Found);
  Found new = {*answer, hash_lower(text + answer->byte_start, size), (*order)++};
  Found *found = (Found *)table->data;
  for (size_t i = 0; i < count; i++) {
    bert_answer *a = &found[i].answer;
    if (found[i].hash != new.hash ||
        !same_lower(text + a->byte_start, a->byte_end - a->byte_start, text + answer->byte_start, size))
      continue;
    a->score += answer->score;
    return;
  }
  if (count == FOUND_MAX) {
    qsort(found, count, sizeof *found, better_first);
    table->size /= 2;
  }
  buf_add(table, &new, sizeof new, e);
}

/* The passage's start (which 0) or end (1) probabilities, with [CLS] among those that share the 1. */
static void probabilities(const Reader *r, const View *v, int which, float out[PAIR_WINDOW + 1]) {
  int cls = r->p->c.special[0];
  for (int i = 0; i < v->count; i++) out[i] = v->logits[v->at + i][which];
  if (cls) out[v->count] = v->logits[0][which];
  score_softmax(out, v->count + cls);
}

/* The best spans, best first, of equals the one that begins first; returns how many. */
static int best_spans(const View *v, const float *start, const float *end, Span out[CANDIDATES]) {
  int n = 0;
  for (int i = 0; i < v->count; i++)
    for (int j = i; j < v->count && j < i + BERT_ANSWER_TOKENS_MAX; j++) {
      float score = start[i] * end[j];
      if (!(score > 0) || (n == CANDIDATES && score <= out[n - 1].score)) continue;
      int at = n < CANDIDATES ? n++ : n - 1;
      for (; at > 0 && out[at - 1].score < score; at--) out[at] = out[at - 1];
      out[at] = (Span){i, j, score};
    }
  return n;
}

static void find_spans(Reader *r, const View *v, void *context, bert_err *e) {
  const uint8_t *whole = r->p->c.whole + v->token;
  float start[PAIR_WINDOW + 1], end[PAIR_WINDOW + 1];
  Span spans[CANDIDATES];
  probabilities(r, v, 0, start);
  probabilities(r, v, 1, end);
  int n = best_spans(v, start, end, spans);
  for (int i = 0; i < n && !e->code; i++) {
    int first = spans[i].first, last = spans[i].last;
    while (first > 0 && !whole[first]) first--;
    while (last + 1 < v->count && !whole[last + 1]) last++;
    bert_answer a = {.score = (double)spans[i].score, .logit = sum_of(v, spans[i].first, spans[i].last)};
    place(r, v, first, last, &a);
    add_found(r, &a, context, e);
  }
}

int answer_list(Session *s, bert_text question, bert_text passage, const bert_answer **out,
                const bert_progress *progress, bert_err *e) {
  Reader r;
  int order = 0;
  s->windows.size = s->spans.size = 0;
  open_reader(&r, s, question, passage, e);
  each_window(&r, find_spans, &order, progress, e);
  size_t count = e->code ? 0 : s->windows.size / sizeof(Found);
  Found *found = (Found *)s->windows.data;
  if (count) qsort(found, count, sizeof *found, better_first);
  for (size_t i = 0; i < count && i < BERT_ANSWERS_MAX; i++)
    buf_add(&s->spans, &found[i].answer, sizeof found[i].answer, e);
  *out = (const bert_answer *)s->spans.data;
  return e->code ? 0 : (int)(s->spans.size / sizeof(bert_answer));
}

/* ---- SQuAD's answer --------------------------------------------------------------------------------------------- */

typedef struct {
  bert_answer best;
  int found;   /* 2: among the best starts and ends of its window, 1: elsewhere, 0: none */
  double null; /* the smallest */
  int windows;
} Choice;

/* Tokens of the BEST largest start (which 0) or end (1) logits, largest first, of equals the first; returns how
** many. */
static int largest(const View *v, int which, int out[BEST]) {
  int n = 0;
  for (int t = 0; t < v->n; t++) {
    float x = v->logits[t][which];
    if (n == BEST && x <= v->logits[out[n - 1]][which]) continue;
    int at = n < BEST ? n++ : n - 1;
    for (; at > 0 && v->logits[out[at - 1]][which] < x; at--) out[at] = out[at - 1];
    out[at] = t;
  }
  return n;
}

/* Takes the span of those tokens of the passage's part if it is better. */
static void offer(Reader *r, const View *v, int first, int last, int found, Choice *c) {
  if (first < 0 || last < first || last >= v->count || last - first >= BERT_ANSWER_TOKENS_MAX) return;
  double logit = sum_of(v, first, last);
  if (c->found > found || (c->found == found && logit <= c->best.logit)) return;
  c->found = found;
  c->best.logit = logit;
  place(r, v, first, last, &c->best);
}

static void choose_span(Reader *r, const View *v, void *context, bert_err *e) {
  Choice *c = context;
  int starts[BEST], ends[BEST], n = largest(v, 0, starts), m = largest(v, 1, ends);
  double null = (double)v->logits[0][0] + (double)v->logits[0][1];
  (void)e;
  if (c->windows++ == 0 || null < c->null) c->null = null;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) offer(r, v, starts[i] - v->at, ends[j] - v->at, 2, c);
  for (int i = 0; i < v->count && c->found < 2; i++)
    for (int j = i; j < v->count && j < i + BERT_ANSWER_TOKENS_MAX; j++) offer(r, v, i, j, 1, c);
}

int answer_best(Session *s, bert_text question, bert_text passage, const double *null_threshold, bert_answer *out,
                const bert_progress *progress, bert_err *e) {
  const Model *m = s->model;
  Reader r;
  Choice c = {.found = 0};
  open_reader(&r, s, question, passage, e);
  each_window(&r, choose_span, &c, progress, e);
  if (e->code || !c.found) return 0;
  *out = c.best;
  if (!null_threshold && m->options.has_null_threshold) null_threshold = &m->options.null_threshold;
  if (!null_threshold && m->config.has_null_threshold) null_threshold = &m->config.null_threshold;
  return !(null_threshold && c.null - c.best.logit > *null_threshold);
}
