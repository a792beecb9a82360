/* describe.c -- what a model says of itself: the row of bert_models.
** Layer: model. Uses: base text nn. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* Adds s as a JSON string. */
static void add_json(Buf *b, const char *s, bert_err *e) {
  buf_add(b, "\"", 1, e);
  for (; *s; s++) {
    char escape[8];
    if (*s == '"' || *s == '\\') buf_add(b, (char[]){'\\', *s}, 2, e);
    else if ((unsigned char)*s < 0x20) buf_add(b, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", *s), e);
    else buf_add(b, s, 1, e);
  }
  buf_add(b, "\"", 1, e);
}

/* What stands in b, in the model's arena; b is emptied. */
static const char *keep(Model *m, Buf *b, bert_err *e) {
  const char *text = arena_copy(&m->arena, b->data ? b->data : "", b->size, e);
  buf_fini(b);
  return text;
}

static const char *labels_json(Model *m, bert_err *e) {
  Buf b = {0};
  for (int i = 0; i < m->config.labels; i++) {
    buf_add(&b, i ? "," : "[", 1, e);
    add_json(&b, m->config.label[i], e);
  }
  buf_add(&b, "]", 1, e);
  return keep(m, &b, e);
}

static const char *prompts_json(Model *m, bert_err *e) {
  Buf b = {0};
  for (int i = 0; i < m->sentence.prompt_count; i++) {
    buf_add(&b, i ? "," : "{", 1, e);
    add_json(&b, m->sentence.prompt_name[i], e);
    buf_add(&b, ":", 1, e);
    add_json(&b, m->sentence.prompt_text[i], e);
  }
  buf_add(&b, "}", 1, e);
  return keep(m, &b, e);
}

void describe_model(Model *m, bert_err *e) {
  char pooling[OPTIONS_POOLING_ROOM];
  options_pooling_name(&m->pooling, pooling);
  const Encoder *n = &m->encoder;
  m->info = (bert_model_info){.architecture = m->arch->model_type,
                              .task = "embedding",
                              .pooling = arena_copy(&m->arena, pooling, strlen(pooling), e),
                              .compute = m->options.compute == COMPUTE_INT8 ? "int8" : "f32",
                              .source = m->source,
                              .layers = n->layers,
                              .hidden = n->hidden,
                              .heads = n->heads,
                              .inner = n->inner,
                              .vocabulary = n->embedding.vocabulary,
                              .max_tokens = m->max_tokens,
                              .dimensions = m->dimensions,
                              .threads = m->options.threads,
                              .parameters = m->parameters};
  if (m->config.labels) m->info.labels = labels_json(m, e);
  if (m->sentence.prompt_count) m->info.prompts = prompts_json(m, e);
  m->info.bytes = (int64_t)(sizeof *m + m->weight_bytes + m->arena.held) + tokenizer_bytes(m->tokenizer);
  snprintf(m->info.hash, sizeof m->info.hash, "%016" PRIx64, m->hash);
}
