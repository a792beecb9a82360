/* inspect.c -- the attention weights of a text or a pair, layer by layer: as numbers, or as a picture.
** Layer: model. Uses: base kernel text draw nn. */
#include "nn/inspect.h"

#include <string.h>

#include "base/progress.h"
#include "draw/heat.h"
#include "model/batch.h"
#include "model/vector.h"

/* A pass that shows its weights. */
typedef struct {
  const Encoder *encoder;
  Scratch *scratch;
  Batch batch;
  int first, last;           /* layers that are wanted: first … last-1 */
  int first_head, heads;     /* of each */
  size_t each;               /* weights of a layer: [heads][T][T] */
  int layer;                 /* the current one */
  float *weights;            /* its weights, or NULL */
} Pass;

static void one_layer(void *context, const Team *team) {
  const Pass *p = context;
  const Layer *l = &p->encoder->layer[p->layer];
  if (p->layer == 0) embed_tokens(p->encoder, &p->batch, p->scratch, team);
  if (p->weights)
    inspect_attention(p->encoder, l, &p->batch, p->first_head, p->heads, p->scratch, p->weights, team);
  if (p->layer + 1 == p->last) return;
  attend(p->encoder, l, &p->batch, p->scratch, team);
  feed_forward(p->encoder, l, &p->batch, p->scratch, team);
}

/* Tokens of the texts, and what a pass over them needs; `start` is room for the batch's. */
static void begin(Pass *p, Session *s, bert_text a, const bert_text *b, int32_t start[2], bert_encoding *out,
                  bert_err *e) {
  p->encoder = &s->model->encoder;
  p->scratch = &s->worker[0];
  s->vectors.size = 0;
  batch_forget(s);
  tokens_begin(s, a, b, out, e);
  if (e->code) return;
  start[0] = 0, start[1] = out->n;
  p->batch = (Batch){1, out->n, out->n, out->ids, out->types, start};
  p->each = mem_size(mem_size((size_t)out->n, (size_t)out->n, 0), (size_t)p->heads, 0);
  scratch_reserve(p->scratch, p->encoder, out->n, out->n, s->threads, e);
}

/* Runs layer p->layer; its weights go to `weights` where it is wanted. */
static void run_layer(Pass *p, Session *s, float *weights, const bert_progress *progress, bert_err *e) {
  p->weights = p->layer < p->first ? NULL : weights;
  pool_team(s->threads, one_layer, p);
  progress_ask(progress, e);
  if (!e->code && p->weights && !vector_finite(p->weights, (int)p->each))
    err_set(e, BERT_FORMAT, "%s: the attention of layer %d is not finite", s->model->source, p->layer);
}

void inspect_attentions(Session *s, bert_text a, const bert_text *b, int first, int count, int head,
                        bert_encoding *out, const float **weights, const bert_progress *progress, bert_err *e) {
  const Encoder *n = &s->model->encoder;
  int32_t start[2];
  if (first < 0 || count < 1 || first > n->layers - count)
    err_set(e, BERT_ARGUMENT, "layer: found %d to %d, wanted 0 to %d", first, first + count - 1, n->layers - 1);
  if (head < -1 || head >= n->heads)
    err_set(e, BERT_ARGUMENT, "head: found %d, wanted 0 to %d, or -1 for all", head, n->heads - 1);
  Pass p = {.first = first, .last = first + count, .first_head = head < 0 ? 0 : head, .heads = head < 0 ? n->heads : 1};
  begin(&p, s, a, b, start, out, e);
  float *to = buf_room(&s->vectors, mem_size(mem_size(p.each, (size_t)count, 0), sizeof *to, 0), e);
  for (; p.layer < p.last && !e->code; p.layer++)
    run_layer(&p, s, p.layer < first ? NULL : to + (size_t)(p.layer - first) * p.each, progress, e);
  *weights = to;
}

/* s->windows = the tokens' texts. */
static const bert_text *token_texts(Session *s, const bert_encoding *x, bert_err *e) {
  s->windows.size = 0;
  bert_text *texts = buf_room(&s->windows, mem_size((size_t)x->n, sizeof *texts, 0), e);
  for (int t = 0; t < x->n && !e->code; t++) {
    const char *piece = tokenizer_piece(s->model->tokenizer, x->ids[t]);
    texts[t] = (bert_text){piece, strlen(piece)};
  }
  return texts;
}

bert_text inspect_draw(Session *s, bert_text a, const bert_text *b, const bert_progress *progress, bert_err *e) {
  const Encoder *n = &s->model->encoder;
  int32_t start[2];
  bert_encoding x = {0};
  Heat heat = {0};
  Pass p = {.last = n->layers, .heads = n->heads};
  s->text.size = 0;
  begin(&p, s, a, b, start, &x, e);
  const bert_text *texts = e->code ? NULL : token_texts(s, &x, e);
  float *weights = buf_room(&s->vectors, mem_size(p.each, sizeof *weights, 0), e);
  if (!e->code) heat_init(&heat, n->layers, n->heads, texts, x.n, e);
  for (; p.layer < p.last && !e->code; p.layer++) {
    run_layer(&p, s, weights, progress, e);
    heat_layer(&heat, p.layer, weights, e);
  }
  heat_draw(&heat, &s->text, e);
  heat_fini(&heat);
  return (bert_text){s->text.data, e->code ? 0 : s->text.size};
}
