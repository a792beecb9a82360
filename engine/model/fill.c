/* fill.c -- what could stand in place of a mask.
** Layer: model. Uses: base kernel text nn.
**
** The text runs through the encoder, the mask's state through the head, and the table of words decodes it: V products
** of H numbers, shared by the threads. Then V scores are sorted. */
#include <stdlib.h>
#include <string.h>

#include "model/long.h"
#include "model/score.h"
#include "model/vector.h"

typedef struct {
  const Model *model;
  int position;
  float *state, *between; /* [H] each */
  float *logits;          /* [V] */
  float *rows;            /* [threads][H] */
} Job;

static int finish_row(void *context, const Row *row) {
  const Job *job = context;
  int H = job->model->encoder.hidden;
  head_fill_state(job->state, row->x + (size_t)job->position * (size_t)H, &job->model->fill, job->between, row->own);
  return vector_finite(job->state, H);
}

static void decode(void *context, const Team *team) {
  const Job *job = context;
  float *row = job->rows + (size_t)team->rank * (size_t)job->model->encoder.hidden;
  head_fill_logits(job->logits, job->state, &job->model->fill, job->model->config.vocabulary, row, team);
}

static int better_first(const void *a, const void *b) {
  const bert_fill *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->id < q->id ? -1 : p->id > q->id;
}

/* Adds the text as an item and finds its mask number `mask`. */
static void add_text(Session *s, bert_text text, int mask, bert_fills *out, bert_err *e) {
  const Model *m = s->model;
  int32_t token = m->special[SPECIAL_MASK];
  Encoding c;
  batch_clear(s);
  tokenizer_encode(m->tokenizer, s->tokens, text, NULL, m->max_tokens, 0, &c, e);
  if (!e->code) long_refuse(m, &c, "text", e);
  batch_begin(s, 0, 0, e);
  if (e->code) return;
  batch_tokens(s, &c, 0, c.n, e);
  *out = (bert_fills){.tokens = c.n, .position = -1};
  for (int t = 0; t < c.n; t++)
    if (c.ids[t] == token && out->masks++ == mask) out->position = t;
  if (out->position < 0)
    err_set(e, BERT_ARGUMENT, "found %d times %s in the text's first %d tokens, wanted at least %d", out->masks,
            token < 0 ? "a mask token" : tokenizer_piece(m->tokenizer, token), c.n, mask + 1);
}

void fill_mask(Session *s, bert_text text, int mask, bert_fills *out, const bert_progress *progress, bert_err *e) {
  const Model *m = s->model;
  size_t H = (size_t)m->encoder.hidden, V = (size_t)m->config.vocabulary;
  if (!describe_can(m, BERT_CAN_FILL, e)) return;
  add_text(s, text, mask, out, e);
  s->vectors.size = s->spans.size = 0;
  Job job = {.model = m, .position = out->position};
  job.state = buf_room(&s->vectors, ((2 + (size_t)s->threads) * H + V) * sizeof(float), e);
  bert_fill *fill = buf_room(&s->spans, V * sizeof *fill, e);
  if (e->code) return;
  job.between = job.state + H;
  job.logits = job.between + H;
  job.rows = job.logits + V;
  Finish finish = {finish_row, &job};
  int broken = batch_run(s, &finish, progress, e);
  if (!e->code && !broken) pool_team(s->threads, decode, &job);
  if (!e->code && (broken || !vector_finite(job.logits, (int)V)))
    err_set(e, BERT_FORMAT, "%s: the model's output is not finite", m->source);
  if (e->code) return;
  score_softmax(job.logits, (int)V);
  for (size_t v = 0; v < V; v++) fill[v] = (bert_fill){(int32_t)v, job.logits[v]};
  qsort(fill, V, sizeof *fill, better_first);
  out->n = (int)V;
  out->fill = fill;
  out->ids = (const int32_t *)s->ids.data;
}
