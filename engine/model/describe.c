/* describe.c -- what a model says of itself: the row of bert_models.
** Layer: model. Uses: base text nn. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "model/model.h"

static void add_json(Buf *b, const char *s, bert_err *e) { json_write_string(b, s, strlen(s), e); }

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

static const char *features_json(Model *m, bert_err *e) {
  Buf b = {0};
  for (int i = 0; i < m->classify.features; i++) {
    buf_add(&b, i ? "," : "[", 1, e);
    add_json(&b, m->config.feature[i].name, e);
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

/* What Hugging Face calls the pipeline that the model is for. */
static const char *task_of(const Model *m) {
  return m->can & BERT_CAN_PREDICT ? "vector-classification"
         : m->can & BERT_CAN_CLASSIFY ? "text-classification"
         : m->can & BERT_CAN_ANSWER ? "question-answering"
         : m->can & BERT_CAN_TAG    ? "token-classification"
         : m->can & BERT_CAN_FILL   ? "fill-mask"
         : m->can & BERT_CAN_NEXT   ? "next-sentence-prediction"
                                    : "embedding";
}

int describe_can(const Model *m, unsigned bit, bert_err *e) {
  static const struct {
    unsigned bit;
    const char *what, *class;
  } HEADS[] = {{BERT_CAN_CLASSIFY, "labels of texts", "ForSequenceClassification"},
               {BERT_CAN_ANSWER, "answers to questions", "ForQuestionAnswering"},
               {BERT_CAN_TAG, "labels of words", "ForTokenClassification"},
               {BERT_CAN_FILL, "masked words", "ForMaskedLM"},
               {BERT_CAN_NEXT, "next sentences", "ForNextSentencePrediction"},
               {BERT_CAN_PREDICT, "labels of vectors", "ForVectorClassification: bert_finetune('head', …) makes one"}};
  enum { COUNT = sizeof HEADS / sizeof *HEADS };
  if (e->code) return 0;
  if (m->can & bit) return 1;
  char has[120] = "";
  int wanted = 0;
  for (int i = 0; i < COUNT; i++) {
    size_t n = strlen(has);
    if (m->can & HEADS[i].bit) snprintf(has + n, sizeof has - n, "%s%s", n ? ", " : "", HEADS[i].what);
    if (HEADS[i].bit == bit) wanted = i;
  }
  err_set(e, BERT_ARGUMENT, "%s: found a %s model with %s%s, wanted one with a head for %s (its class ends in %s)",
          m->source, m->arch->model_type, *has ? "a head for " : "no head, for vectors alone", has, HEADS[wanted].what,
          HEADS[wanted].class);
  return 0;
}

int describe_reads(const Model *m, bert_err *e) {
  if (e->code) return 0;
  if (!(m->can & BERT_CAN_PREDICT)) return 1;
  err_set(e, BERT_ARGUMENT, "%s: found a classifier of vectors alone, wanted a model that reads text", m->source);
  return 0;
}

void describe_model(Model *m, bert_err *e) {
  char pooling[OPTIONS_POOLING_ROOM];
  options_pooling_name(&m->pooling, pooling);
  const Encoder *n = &m->encoder;
  m->info = (bert_model_info){.architecture = m->arch->model_type,
                              .task = task_of(m),
                              .pooling = arena_copy(&m->arena, pooling, strlen(pooling), e),
                              .compute = m->options.compute == COMPUTE_INT8 ? "int8" : "f32",
                              .source = m->source,
                              .card = m->card,
                              .layers = n->layers,
                              .hidden = n->hidden,
                              .heads = n->heads,
                              .inner = n->inner,
                              .vocabulary = n->embedding.vocabulary,
                              .max_tokens = m->max_tokens,
                              .dimensions = m->dimensions,
                              .threads = m->options.threads,
                              .parameters = m->parameters,
                              .can = m->can};
  if (m->can & (BERT_CAN_CLASSIFY | BERT_CAN_TAG | BERT_CAN_PREDICT)) {
    m->info.labels = labels_json(m, e);
    m->info.label_count = m->config.labels;
    m->info.multi_label = m->can & (BERT_CAN_CLASSIFY | BERT_CAN_PREDICT) &&
                          !strcmp(m->config.problem, "multi_label_classification");
  }
  m->info.inputs = m->predict.inputs;
  m->info.feature_count = m->classify.features;
  if (m->info.feature_count) m->info.features = features_json(m, e);
  if (m->sentence.prompt_count) m->info.prompts = prompts_json(m, e);
  m->info.bytes = (int64_t)(sizeof *m + m->weight_bytes + m->arena.held + bundle_bytes(&m->texts)) +
                  (m->tokenizer ? tokenizer_bytes(m->tokenizer) : 0);
  snprintf(m->info.hash, sizeof m->info.hash, "%016" PRIx64, m->hash);
}
