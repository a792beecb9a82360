/* inspect.c -- the attention weights of a text or a pair, layer by layer.
** Layer: model. Uses: base text nn. */
#include "nn/inspect.h"

#include "model/model.h"

typedef struct {
  const Encoder *encoder;
  Scratch *scratch;
  Batch batch;
  int layer;
  int goes_on;    /* the next layer is wanted too */
  float *weights; /* [A][T][T] of this layer, or NULL */
} Job;

static void one_layer(void *context, const Team *team) {
  const Job *job = context;
  const Layer *l = &job->encoder->layer[job->layer];
  if (job->layer == 0) embed_tokens(job->encoder, &job->batch, job->scratch, team);
  if (job->weights) inspect_attention(job->encoder, l, &job->batch, job->scratch, job->weights, team);
  if (!job->goes_on) return;
  attend(job->encoder, l, &job->batch, job->scratch, team);
  feed_forward(job->encoder, l, &job->batch, job->scratch, team);
}

void inspect_attentions(Session *s, bert_text a, const bert_text *b, int first, int count, bert_encoding *out,
                        const float **weights, const bert_progress *progress, bert_err *e) {
  const Encoder *n = &s->model->encoder;
  if (first < 0 || count < 1 || first > n->layers - count)
    err_set(e, BERT_ARGUMENT, "layer: found %d to %d, wanted 0 to %d", first, first + count - 1, n->layers - 1);
  tokens_begin(s, a, b, out, e);
  size_t T = e->code ? 0 : (size_t)out->n, each = mem_size(T * T, (size_t)n->heads, 0);
  s->vectors.size = 0;
  float *to = buf_room(&s->vectors, mem_size(mem_size(each, (size_t)count, 0), sizeof *to, 0), e);
  if (!e->code) scratch_reserve(&s->worker[0], n, out->n, out->n, s->threads, e);
  if (e->code) return;
  int32_t start[2] = {0, out->n};
  Job job = {.encoder = n, .scratch = &s->worker[0]};
  job.batch = (Batch){1, out->n, out->n, out->ids, out->types, start};
  for (job.layer = 0; job.layer < first + count && !e->code; job.layer++) {
    job.weights = job.layer < first ? NULL : to + (size_t)(job.layer - first) * each;
    job.goes_on = job.layer + 1 < first + count;
    pool_team(s->threads, one_layer, &job);
    if (progress && progress->stop && progress->stop(progress->context)) err_set(e, BERT_INTERRUPT, "interrupted");
  }
  *weights = to;
}
