/* tokens.c -- the tokens of a text or a pair, and their hidden states.
** Layer: model. Uses: base text nn. */
#include "model/batch.h"

void tokens_refuse_pair(const Model *m, bert_err *e) {
  if (m->config.types && tokenizer_types(m->tokenizer, 1) > m->config.types)
    err_set(e, BERT_ARGUMENT, "pair: found one, wanted a single text: the model's type_vocab_size is %d",
            m->config.types);
}

void tokens_encode(Session *s, bert_text a, const bert_text *b, int truncate, bert_encoding *out, bert_err *e) {
  if (!describe_reads(s->model, e)) return;
  Encoding c;
  tokenizer_encode(s->model->tokenizer, s->tokens, a, b, truncate ? s->model->max_tokens : 0, 1, &c, e);
  if (e->code) return;
  *out = (bert_encoding){.n = c.n,
                         .total = c.total < INT32_MAX ? (int)c.total : INT32_MAX,
                         .ids = c.ids,
                         .types = c.types,
                         .start = c.start,
                         .end = c.end,
                         .special = c.special};
}

void tokens_begin(Session *s, bert_text a, const bert_text *b, bert_encoding *out, bert_err *e) {
  if (b) tokens_refuse_pair(s->model, e);
  tokens_encode(s, a, b, 1, out, e);
  if (!e->code && out->n == 0)
    err_set(e, BERT_ARGUMENT, "found no token in the %s, wanted at least one", b ? "pair" : "text");
}

typedef struct {
  Session *session;
  Batch batch;
  int layers;
  Stop stop;
  int stopped;
} Job;

static void forward(void *context, const Team *team) {
  Job *job = context;
  encoder_forward(&job->session->model->encoder, &job->batch, job->layers, &job->session->worker[0], &job->stop, team);
}

void tokens_vectors(Session *s, bert_text a, const bert_text *b, int layer, bert_encoding *out, const float **vectors,
                    const bert_progress *progress, bert_err *e) {
  const Encoder *n = &s->model->encoder;
  describe_reads(s->model, e);
  if (layer < -1 || layer > n->layers)
    err_set(e, BERT_ARGUMENT, "layer: found %d, wanted 0 (the embeddings) to %d (the last), or -1 for the last", layer,
            n->layers);
  tokens_begin(s, a, b, out, e);
  if (e->code) return;
  int32_t start[2] = {0, out->n};
  int last = layer < 0 || layer == n->layers;
  if (last && batch_kept(s, out->ids, out->types, out->n)) {
    *vectors = s->worker[0].x;
    return;
  }
  batch_forget(s);
  Job job = {.session = s, .layers = last ? n->layers : layer};
  job.batch = (Batch){1, out->n, out->n, out->ids, out->types, start};
  job.stop = (Stop){progress, 1, &job.stopped};
  scratch_reserve(&s->worker[0], n, out->n, out->n, s->threads, e);
  if (e->code) return;
  pool_team(s->threads, forward, &job);
  if (job.stopped) err_set(e, BERT_INTERRUPT, "interrupted");
  if (!e->code && last) batch_keep(s, out->ids, out->types, out->n, e);
  *vectors = s->worker[0].x;
}
