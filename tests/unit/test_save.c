/* test_save.c -- a model saved is the model that was opened: its hash covers weights, tokenizer and options. */
#include <stdlib.h>

#include "bert.h"
#include "fixture.h"
#include "test.h"

#define MODELS "tests/golden/models/"
#define HEADS "tests/golden/heads/"

static int compact; /* how the sink wants it */

static bert_model *saved(const bert_model *m, const bert_changes *changes, const char *options, bert_err *e) {
  bert_bundle *b = bert_bundle_new(e);
  bert_sink sink = {0};
  if (b) sink = bert_bundle_sink(b);
  sink.compact = compact;
  bert_model_save_changed(m, changes, &sink, NULL, e);
  bert_files files = {0};
  if (b) files = bert_bundle_files(b);
  bert_model *again = e->code ? NULL : bert_model_open_files(&files, "memory", options, e);
  bert_bundle_free(b);
  return again;
}

static bert_model_info info_of(const bert_model *m) {
  bert_model_info info = {.hash = "none"};
  if (m) bert_model_describe(m, &info);
  return info;
}

static void same_after_saving(const char *path, const char *options) {
  bert_err e = {0};
  bert_model *m = bert_model_open(path, options, &e);
  for (compact = 1; compact >= 0; compact--) {
    bert_model *again = e.code ? NULL : saved(m, NULL, NULL, &e);
    bert_model_info a = info_of(m), b = info_of(again);
    if (e.code || strcmp(b.hash, a.hash))
      test_failed(path, 0, "%s: hash %s, wanted %s; %s", options ? options : "", b.hash, a.hash, e.text);
    EQ(b.can, a.can);
    EQ(b.parameters, a.parameters);
    bert_model_free(again);
  }
  compact = 0;
  bert_model_free(m);
}

TEST(save_gives_the_same_model) {
  static const char *const NAMES[] = {
      MODELS "bert-uncased",    MODELS "bert-cased",       MODELS "bert-head-7",  MODELS "file-sharded",
      MODELS "file-gamma",      MODELS "file-prefix",      MODELS "file-bf16",    MODELS "file-vocab-alone",
      MODELS "sbert-two-dense", MODELS "sbert-old-layout", MODELS "sbert-prompts", MODELS "file-masked-lm",
      HEADS "bert-classify",    HEADS "bert-mlm-untied",   HEADS "bert-next",     HEADS "bert-pretraining",
      HEADS "distilbert-mlm",   HEADS "roberta-mlm",       HEADS "roberta-qa",    HEADS "bert-reranker-raw",
      HEADS "roberta-ner",      HEADS "distilbert-classify"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) same_after_saving(NAMES[i], NULL);
}

TEST(save_keeps_the_options) {
  same_after_saving(MODELS "bert-uncased", "{\"pooling\":\"max\",\"max_tokens\":9,\"on_long\":\"mean\"}");
  same_after_saving(MODELS "sbert-prompts", "{\"pooling\":\"lasttoken\",\"max_tokens\":9}");
  same_after_saving(HEADS "bert-qa", "{\"pooling\":\"cls\",\"bert_null_threshold\":1e-3}");
  same_after_saving(MODELS "sbert-mean", "{\"pooling\":\"cls\",\"bert_null_threshold\":-0.3}");
}

TEST(save_makes_of_a_gguf_file_a_directory) {
  same_after_saving("tests/golden/formats/bert-f32.gguf", NULL);
  same_after_saving("tests/golden/formats/bert-f16.gguf", "{\"pooling\":\"cls\",\"max_tokens\":11}");
  same_after_saving("tests/golden/formats/bert-q8_0.gguf", "{\"compute\":\"int8\"}");
}

TEST(save_keeps_eight_bits) {
  static const char *const NAMES[] = {MODELS "bert-uncased", MODELS "bert-head-7", MODELS "sbert-two-dense",
                                      MODELS "sbert-old-layout", HEADS "bert-mlm", HEADS "roberta-qa",
                                      HEADS "distilbert-classify"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) same_after_saving(NAMES[i], "{\"compute\":\"int8\"}");
}

TEST(tensors_go_by_their_names) {
  bert_err e = {0};
  bert_model *m = bert_model_open(MODELS "bert-head-7", NULL, &e);
  GOOD(e);
  bert_tensor t;
  int i = 0, found = 0;
  float row[2][512];
  for (; m && bert_model_tensor(m, i, &t); i++) {
    if (strcmp(t.name, "encoder.layer.0.attention.self.key.weight")) continue;
    found = 1;
    EQ(t.rank, 2);
    OK(t.shape[1] < 512 && t.shape[0] == t.shape[1] && t.count == t.shape[0] * t.shape[1]);
    bert_model_tensor_read(m, i, 1, 2, row[0]);
    bert_model_tensor_read(m, i, 2, 1, row[1]);
    OK(!memcmp(row[0] + t.shape[1], row[1], (size_t)t.shape[1] * sizeof(float)));
  }
  OK(found && i > 20);
  bert_model_free(m);
}

TEST(save_with_a_new_head_makes_a_classifier) {
  bert_err e = {0};
  bert_model *m = bert_model_open(MODELS "sbert-mean", NULL, &e);
  GOOD(e);
  bert_model_info info = info_of(m);
  float *zeros = calloc((size_t)info.hidden * (size_t)info.hidden + 1, sizeof *zeros);
  int64_t H = info.hidden;
  bert_tensor t[] = {{"pooler.dense.weight", 2, {H, H}, H * H},
                     {"pooler.dense.bias", 1, {H, 0}, H},
                     {"classifier.weight", 2, {2, H}, 2 * H},
                     {"classifier.bias", 1, {2, 0}, 2}};
  const float *data[] = {zeros, zeros, zeros, zeros};
  bert_changes c = {.tensor = t, .data = data, .count = 4, .without_modules = 1,
                    .config = "{\"architectures\":[\"BertForSequenceClassification\"],"
                              "\"id2label\":{\"0\":\"no\",\"1\":\"yes\"}}"};
  bert_model *again = saved(m, &c, NULL, &e);
  GOOD(e);
  EQ(info_of(again).can, BERT_CAN_CLASSIFY);
  STR(again ? bert_model_label(again, 1) : "", "yes");
  free(zeros);
  bert_model_free(m);
  bert_model_free(again);
}

static void save_and_open(const char *path, bert_err *e) {
  bert_model *m = bert_model_open(path, "{\"max_tokens\":8}", e);
  if (m) bert_model_free(saved(m, NULL, NULL, e));
  bert_model_free(m);
}

TEST(save_fails_where_memory_does) { OK(fixture_fail_each(save_and_open, MODELS "sbert-dense-tanh") > 100); }
