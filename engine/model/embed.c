/* embed.c -- texts to sentence vectors.
** Layer: model. Uses: base kernel text nn.
**
**    prompt and text -> items (long.h) -> states (batch.h) -> pooled, Dense, normalised -> out
*/
#include <math.h>
#include <string.h>

#include "model/long.h"
#include "model/vector.h"

/* What finishing a row needs. */
typedef struct {
  const Model *model;
  float *out;    /* [texts][dimensions], or of items where some text has several: by_item */
  int by_item;
  float *pooled; /* [threads][2][widest] */
  size_t widest;
} Job;

/* ---- texts to items --------------------------------------------------------------------------------------------- */

/* Tokens at the start of a text that are the prompt's, [CLS] included: those of the prompt alone, less the last
** [SEP]. */
static int prompt_tokens(Session *s, bert_text prompt, bert_err *e) {
  const Model *m = s->model;
  if (prompt.size == 0 || m->sentence.include_prompt) return 0;
  Encoding c;
  tokenizer_encode(m->tokenizer, s->tokens, prompt, NULL, m->max_tokens, 0, &c, e);
  if (e->code) return 0;
  return c.n > 0 && c.special[c.n - 1] ? c.n - 1 : c.n;
}

static void make_items(Session *s, const bert_text *texts, int n, bert_text prompt, bert_err *e) {
  batch_clear(s);
  int skip = prompt_tokens(s, prompt, e);
  for (int i = 0; i < n && !e->code; i++) {
    bert_text text = texts[i];
    if (prompt.size) {
      s->text.size = 0;
      buf_add(&s->text, prompt.data, prompt.size, e);
      buf_add(&s->text, text.data, text.size, e);
      text = (bert_text){s->text.data, s->text.size};
    }
    long_add(s, i, text, skip, e);
  }
}

/* ---- states to vectors ------------------------------------------------------------------------------------------ */

/* v[n] / max(|v|, 1e-12), as torch's normalize. */
static void normalize(float *v, int n) {
  float square;
  kernels()->dot(&square, v, v, n);
  float length = sqrtf(square) > 1e-12f ? sqrtf(square) : 1e-12f;
  for (int i = 0; i < n; i++) v[i] /= length;
}

/* out[dimensions] from the states x[n][H] of one item. Dense products are in float, and need no more of a Scratch than
** the rank's own part. */
static void finish_item(const Model *m, const float *x, const Item *item, float *pooled, size_t widest, float *own,
                        float *out) {
  static const Team ALONE = {0, 1, NULL};
  Scratch mine = {.own = &own};
  float *from = pooled, *to = pooled + widest;
  pooling_apply(from, x, item->n, item->skip, m->encoder.hidden, &m->pooling);
  for (int i = 0; i < m->sentence.dense_count; i++) {
    const Linear *l = &m->dense[i].linear;
    linear(to, (size_t)l->out, from, (size_t)l->in, l, 1, m->dense[i].activation, &mine, &ALONE);
    float *swap = from;
    from = to, to = swap;
  }
  if (m->sentence.normalize) normalize(from, m->dimensions);
  memcpy(out, from, (size_t)m->dimensions * sizeof *out);
}

static int finish_row(void *context, const Row *row) {
  const Job *job = context;
  size_t width = (size_t)job->model->dimensions;
  float *out = job->out + (size_t)(job->by_item ? row->index : row->item->text) * width;
  finish_item(job->model, row->x, row->item, job->pooled + (size_t)row->worker * 2 * job->widest, job->widest,
              row->own, out);
  return vector_finite(out, job->model->dimensions);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

/* Numbers of the widest vector between pooling and the end. */
static size_t widest(const Model *m) {
  int width = m->encoder.hidden * m->pooling.count;
  for (int i = 0; i < m->sentence.dense_count; i++)
    if (m->dense[i].linear.out > width) width = m->dense[i].linear.out;
  return (size_t)width;
}

void embed_texts(Session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                 const bert_progress *progress, bert_err *e) {
  if (!describe_reads(s->model, e) || n <= 0) return;
  const Model *m = s->model;
  make_items(s, texts, n, prompt ? *prompt : model_default_prompt(m), e);
  int count = batch_count(s);
  Job job = {.model = m, .out = out, .by_item = count > n, .widest = widest(m)};
  s->vectors.size = s->pooled.size = 0;
  job.pooled = buf_room(&s->pooled, mem_size(2 * sizeof(float) * (size_t)s->threads, job.widest, 0), e);
  size_t windows = job.by_item ? mem_size((size_t)count * sizeof(float), (size_t)m->dimensions, 0) : 0;
  float *vectors = buf_room(&s->vectors, mem_size((size_t)n, sizeof(int), windows), e);
  if (e->code) return;
  if (job.by_item) job.out = vectors;
  Finish finish = {finish_row, &job};
  int broken = batch_run(s, &finish, progress, e);
  if (broken) err_set(e, BERT_FORMAT, "the model's vector of text %d of %d is not finite", broken, n);
  if (e->code || !job.by_item) return;
  int *each = (int *)((char *)vectors + windows);
  long_average(batch_items(s), count, m->dimensions, vectors, out, n, each);
  for (int t = 0; t < n && m->sentence.normalize; t++)
    if (each[t] > 1) normalize(out + (size_t)t * (size_t)m->dimensions, m->dimensions);
}
