/* predict.c -- a classifier of vectors, which reads no text: what the task head trains. See bert_predict in bert.h.
** Layer: model. Uses: base kernel file.
**
**    config.json         "model_type": "bert_vectors", "input_size": N, labels and problem_type as of any classifier
**    model.safetensors   mean[N], deviation[N]   classifier.weight[U][N], classifier.bias[U]
**
**    logits[u] = bias[u] + sum over k of weight[u][k] * (x[k] - mean[k]) / deviation[k]
**
** Numbers are standardised here and not by who joins them to a vector: a price beside components of a twentieth each
** would decide alone, and what is standardised by hand has to be remembered by hand.
**
** It is a Model like others, so that names, bert_save, bert_store and hashes hold for it; but it has no encoder and no
** tokenizer, and whoever reads text asks describe_reads first. */
#include "model/predict.h"

#include <string.h>

#include "base/hash.h"
#include "file/weights.h"
#include "model/score.h"
#include "model/vector.h"

static const Arch VECTORS = {.model_type = HFCONFIG_VECTORS, .class_name = "Bert"};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Reads a tensor to `to` and notes it; returns what follows it. */
static float *read_tensor(Model *m, const Weights *files, const char *name, int rows, int columns, float *to,
                          bert_err *e) {
  const Tensor *t = weights_find(files, name, e);
  size_t count = (size_t)rows * (size_t)(columns ? columns : 1);
  weights_want_shape(t, rows, columns, e);
  if (e->code) return to;
  weights_read(files, t, 0, rows, to, e);
  if (!e->code) m->hash = hash_bytes(to, count * sizeof *to, m->hash);
  m->slot[m->slots++] = (Slot){.name = name, .owner = SLOT_HEAD, .rows = rows, .columns = columns, .plain = to};
  return to + count;
}

void predict_load(Model *m, bert_err *e) {
  enum { TENSORS = 4 };
  const ModelConfig *c = &m->config;
  VectorHead *h = &m->predict;
  if (!e->code && (!c->inputs || !c->labels))
    err_set(e, BERT_FORMAT, "%s: found %d numbers in and %d labels, wanted input_size and id2label", c->path, c->inputs,
            c->labels);
  Weights *files = weights_open(&m->folder, m->sentence.transformer_directory, e);
  size_t N = (size_t)c->inputs, U = (size_t)c->labels, count = mem_size(U, N + 1, 0) + 2 * N;
  m->weight_bytes = mem_size(count, sizeof *m->weights, 0);
  if (!e->code) m->weights = mem_pages(m->weight_bytes, e);
  m->slot = arena_push(&m->arena, TENSORS, sizeof *m->slot, e);
  *h = (VectorHead){.inputs = c->inputs, .units = c->labels, .mean = m->weights};
  if (!e->code) {
    h->deviation = read_tensor(m, files, "mean", h->inputs, 0, m->weights, e);
    h->weight = read_tensor(m, files, "deviation", h->inputs, 0, m->weights + N, e);
    h->bias = read_tensor(m, files, "classifier.weight", h->units, h->inputs, m->weights + 2 * N, e);
    read_tensor(m, files, "classifier.bias", h->units, 0, m->weights + 2 * N + U * N, e);
  }
  for (size_t k = 0; k < N && !e->code; k++)
    if (!(h->deviation[k] > 0)) /* finite, as all that weights_read gives */
      err_set(e, BERT_FORMAT, "%s: deviation: found %g for number %zu, wanted it above 0", m->source,
              (double)h->deviation[k], k + 1);
  m->weight_hash = m->hash;
  m->parameters = (int64_t)count;
  m->can = BERT_CAN_PREDICT;
  m->options.compute = COMPUTE_F32; /* there is nothing that 8 bits would make faster */
  weights_free(files);
}

const Arch *predict_arch(void) { return &VECTORS; }

Model *predict_new(bert_err *e) {
  static const char CONFIG[] = "{\"model_type\": \"" HFCONFIG_VECTORS "\"}";
  Model *m = mem_new(1, sizeof *m, e);
  if (!m) return NULL;
  atomic_init(&m->owners, 1);
  m->arch = &VECTORS;
  m->source = "new";
  m->sentence.transformer_directory = m->source;
  m->config = (ModelConfig){.path = m->source, .problem = "", .model_type = HFCONFIG_VECTORS};
  bundle_put(&m->texts, "config.json", CONFIG, sizeof CONFIG - 1, e);
  if (!e->code) return m;
  model_free(m);
  return NULL;
}

/* ---- answering --------------------------------------------------------------------------------------------------- */

void predict_vectors(Session *s, const float *x, int width, int n, float *logits, bert_err *e) {
  const Model *m = s->model;
  const VectorHead *h = &m->predict;
  if (!describe_can(m, BERT_CAN_PREDICT, e)) return;
  if (width != h->inputs)
    err_set(e, BERT_ARGUMENT, "%s: found a vector of %d numbers, wanted %d, as it was trained", m->source, width,
            h->inputs);
  size_t N = (size_t)h->inputs, U = (size_t)h->units;
  s->features.size = 0;
  float *in = buf_room(&s->features, mem_size(N, sizeof *in, 0), e);
  for (int i = 0; i < n && !e->code; i++, x += N, logits += U) {
    for (size_t k = 0; k < N; k++) in[k] = score_feature(x[k], h->mean[k], h->deviation[k]);
    for (size_t u = 0; u < U; u++) {
      kernels()->dot(&logits[u], in, h->weight + u * N, h->inputs);
      logits[u] += h->bias[u];
    }
    if (!vector_finite(logits, h->units))
      err_set(e, BERT_FORMAT, "the model's output for vector %d of %d is not finite", i + 1, n);
  }
}
