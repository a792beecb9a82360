/* tag.c -- every word of a text with its label, and the entities that words make.
** Layer: model. Uses: base kernel text nn.
**
**    window     | w w w w w w w w w |
**    the next             | w w w w w w w w w |        each word counts in the window where it is farther from the
**    counted    | ............... | ........... |      edge: overlaps are halved
**
** A word's label is that of its first token. Words whose labels are B-X, I-X or X make one entity X until another X, or
** a new B-X, begins. (transformers, TokenClassificationPipeline, aggregation_strategy "first".)
** Memory: the tokens of the text, and a portion of windows (logits.h). */
#include <string.h>

#include "model/logits.h"
#include "model/score.h"
#include "model/walk.h"
#include "model/window.h"

enum { OVERLAP = 128 }; /* tokens of a window that the next one sees again, or a quarter of small ones */

/* A walk over the words of a text as their logits come. */
typedef struct {
  Session *session;
  Encoding c;
  int first, last; /* tokens of the text, special ones left out */
  int room;        /* of a window */
  int entities;    /* wanted, else words */
  Walk starts, ends;
  const char *open; /* the label that the entity at the end of session->spans goes on with, or NULL */
  int words;        /* of that entity */
} Reader;

/* ---- words to spans ---------------------------------------------------------------------------------------------- */

/* "B-PER" is ("PER", 1), "I-PER" and "PER" are ("PER", 0). */
static const char *tag_of(const char *label, int *begins) {
  int has = (label[0] == 'B' || label[0] == 'I') && label[1] == '-';
  *begins = has && label[0] == 'B';
  return has ? label + 2 : label;
}

/* What an entity of that label is called: what follows the first hyphen. */
static const char *entity_name(const char *label) {
  const char *hyphen = strchr(label, '-');
  return hyphen ? hyphen + 1 : label;
}

static void add_span(Session *s, const bert_span *span, bert_err *e) { buf_add(&s->spans, span, sizeof *span, e); }

/* The word goes on with the entity before it, or begins one; those called O are left out. */
static void add_to_entities(Reader *r, bert_span *word, bert_err *e) {
  Buf *spans = &r->session->spans;
  int begins, began;
  const char *tag = tag_of(word->label, &begins);
  int goes_on = r->open && !begins && !strcmp(tag, tag_of(r->open, &began));
  int outside = !strcmp(entity_name(goes_on ? r->open : word->label), "O");
  r->open = goes_on ? r->open : word->label;
  if (outside) return;
  if (goes_on) {
    bert_span *last = (bert_span *)(spans->data + spans->size) - 1;
    last->end = word->end;
    last->byte_end = word->byte_end;
    last->score += (word->score - last->score) / ++r->words;
  } else {
    word->label = entity_name(word->label);
    r->words = 1;
    add_span(r->session, word, e);
  }
}

/* The word that begins at token t, whose logits these are. */
static void add_word(Reader *r, int t, const float *logits, float *scores, bert_err *e) {
  const Model *m = r->session->model;
  int labels = m->config.labels, past = t + 1;
  while (past < r->last && !r->c.whole[past]) past++;
  memcpy(scores, logits, (size_t)labels * sizeof *scores);
  score_softmax(scores, labels);
  int best = score_largest(logits, labels);
  bert_span word = {.label = m->config.label[best],
                    .start = r->c.start[t],
                    .end = r->c.end[past - 1],
                    .score = (double)scores[best]};
  word.byte_start = walk_to(&r->starts, word.start);
  word.byte_end = walk_to(&r->ends, word.end);
  if (r->entities) add_to_entities(r, &word, e);
  else add_span(r->session, &word, e);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

/* A window of tokens, and from which of them on its words count. */
typedef struct {
  int from, end, counts;
} Window;

static Window first_window(const Reader *r) {
  return (Window){r->first, window_end(&r->c, r->first, r->last, r->room), r->first};
}

static Window next_window(const Reader *r, Window w) {
  int from = window_next(&r->c, w.from, w.end, r->room / 4 < OVERLAP ? r->room / 4 : OVERLAP);
  return (Window){from, window_end(&r->c, from, r->last, r->room), from + (w.end - from + 1) / 2};
}

static void add_window(Reader *r, Window w, bert_err *e) {
  int trail = r->c.n - r->last;
  batch_begin(r->session, 0, 0, e);
  batch_tokens(r->session, &r->c, 0, r->first, e);
  batch_tokens(r->session, &r->c, w.from, w.end - w.from, e);
  batch_tokens(r->session, &r->c, r->last, trail, e);
}

/* Runs windows from *w on, as many as make a portion, and takes their words; *w is then the next one, empty at the
** end. */
static void one_portion(Reader *r, Window *w, float *scores, const bert_progress *progress, bert_err *e) {
  Session *s = r->session;
  const Linear *head = &s->model->tag;
  size_t at = 0;
  int around = r->first + r->c.n - r->last;
  Window begin = *w;
  batch_clear(s);
  for (; w->from < w->end && s->ids.size / sizeof(int32_t) < LOGITS_PORTION && !e->code; *w = next_window(r, *w)) {
    add_window(r, *w, e);
    if (w->end == r->last) {
      w->from = w->end;
      break;
    }
  }
  const float *logits = logits_run(s, head, progress, e);
  for (Window x = begin; !e->code && x.from != w->from;) {
    Window next = x.end == r->last ? (Window){r->last, r->last, r->last} : next_window(r, x);
    const float *row = logits + (at + (size_t)r->first) * (size_t)head->out;
    for (int t = x.counts; t < next.counts && !e->code; t++)
      if (r->c.whole[t]) add_word(r, t, row + (size_t)(t - x.from) * (size_t)head->out, scores, e);
    at += (size_t)(x.end - x.from + around);
    x = next;
  }
}

static int read_text(Session *s, bert_text text, int entities, const bert_span **out, const bert_progress *progress,
                     bert_err *e) {
  const Model *m = s->model;
  Reader r = {.session = s, .entities = entities, .starts = walk_begin(text), .ends = walk_begin(text)};
  s->spans.size = s->pooled.size = 0;
  if (!describe_can(m, BERT_CAN_TAG, e)) return 0;
  float *scores = buf_room(&s->pooled, (size_t)m->config.labels * sizeof *scores, e);
  tokenizer_encode(m->tokenizer, s->tokens, text, NULL, 0, 1, &r.c, e);
  if (e->code) return 0;
  r.last = r.c.n;
  while (r.first < r.last && r.c.special[r.first]) r.first++;
  while (r.last > r.first && r.c.special[r.last - 1]) r.last--;
  r.room = m->max_tokens - r.first - (r.c.n - r.last);
  Window w = first_window(&r);
  while (w.from < w.end && !e->code) one_portion(&r, &w, scores, progress, e);
  *out = (const bert_span *)s->spans.data;
  return e->code ? 0 : (int)(s->spans.size / sizeof(bert_span));
}

int tag_words(Session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e) {
  return read_text(s, text, 0, out, progress, e);
}

int tag_entities(Session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e) {
  return read_text(s, text, 1, out, progress, e);
}
