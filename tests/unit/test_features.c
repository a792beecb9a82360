/* test_features.c -- a classifier that takes numbers beside its text: what they add, what is kept of them, what is refused. */
#include "bert.h"
#include "fixture.h"
#include "test.h"

#define CLASSIFY "tests/golden/heads/bert-classify"

enum { UNITS_MAX = 16, FEATURES = 2 };
static const char CONFIG[] = "{'bert_features': [{'name': 'price', 'mean': 500.5, 'deviation': 0.25}, "
                             "{'name': 'age', 'mean': -3, 'deviation': 2}]}";

/* The model with that member in config.json, and with weights[units][FEATURES] where they are there; opened again. */
static bert_model *with_features(const bert_model *m, const char *config, const float *weights, bert_err *e) {
  bert_model_info info;
  bert_model_describe(m, &info);
  bert_tensor tensor = {"bert_features.weight", 2, {info.label_count, FEATURES}, (int64_t)info.label_count * FEATURES};
  bert_changes changes = {.tensor = &tensor, .data = &weights, .count = weights != NULL, .config = fixture_quoted(config)};
  return fixture_reopen(m, &changes, e);
}

static void logits_of(bert_model *m, const float *features, float *out, bert_err *e) {
  bert_text t = {"the river", 9};
  bert_session *s = bert_session_new(m, e);
  if (s) bert_classify_features(s, &t, NULL, features, 1, out, NULL, e);
  bert_session_free(s);
}

TEST(features_add_their_weights_to_the_logits) {
  bert_err e = {0};
  bert_model *plain = bert_model_open(CLASSIFY, NULL, &e);
  bert_model_info info = {.label_count = 0};
  float weights[UNITS_MAX * FEATURES], without[UNITS_MAX], with[UNITS_MAX];
  float there[FEATURES] = {501, 1}, middle[FEATURES] = {500.5f, -3}, count[FEATURES] = {2, 2}; /* deviations from the mean */
  if (plain) bert_model_describe(plain, &info);
  for (int i = 0; i < info.label_count * FEATURES; i++) weights[i] = 0.125f * (float)(i - 3);
  bert_model *m = with_features(plain, CONFIG, weights, &e);
  OK(!e.code);
  logits_of(plain, NULL, without, &e);
  logits_of(m, middle, with, &e);
  for (int u = 0; u < info.label_count; u++) EQ(with[u] == without[u], 1); /* average numbers add nothing */
  logits_of(m, there, with, &e);
  for (int u = 0; u < info.label_count; u++) {
    float wanted = without[u];
    for (int k = 0; k < FEATURES; k++) wanted += weights[u * FEATURES + k] * count[k];
    EQ(with[u] == wanted, 1);
  }
  bert_model_describe(m, &info);
  EQ(info.feature_count, FEATURES);
  STR(info.features, "[\"price\",\"age\"]");
  STR(bert_model_feature(m, 1), "age");
  logits_of(m, NULL, with, &e);
  FAILS(e, BERT_ARGUMENT, "found a text without numbers, wanted them beside it, as it was trained: [\"price\",\"age\"]");
  bert_model_free(m);
  bert_model_free(plain);
}

/* Each is part of what a model computes. */
TEST(features_are_in_the_hash) {
  static const char *const OTHERS[] = {
      "{'bert_features': [{'name': 'price', 'mean': 500.25, 'deviation': 0.25}, {'name': 'age', 'mean': -3, 'deviation': 2}]}",
      "{'bert_features': [{'name': 'price', 'mean': 500.5, 'deviation': 0.5}, {'name': 'age', 'mean': -3, 'deviation': 2}]}",
      "{'bert_features': [{'name': 'cost', 'mean': 500.5, 'deviation': 0.25}, {'name': 'age', 'mean': -3, 'deviation': 2}]}"};
  bert_err e = {0};
  float weights[UNITS_MAX * FEATURES] = {0};
  bert_model *plain = bert_model_open(CLASSIFY, NULL, &e), *m = with_features(plain, CONFIG, weights, &e);
  bert_model_info a, b;
  OK(!e.code);
  bert_model_describe(m, &a);
  for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
    bert_model *other = with_features(plain, OTHERS[i], weights, &e);
    bert_model_describe(other, &b);
    EQ(strcmp(a.hash, b.hash) != 0, 1);
    bert_model_free(other);
  }
  bert_model_free(m);
  bert_model_free(plain);
}

TEST(features_that_are_damaged_are_refused) {
  static const struct {
    const char *config, *error;
  } CASES[] = {
      {"{'bert_features': 7}", "config.json: bert_features: found 7, wanted an array of 1 to 64 features"},
      {"{'bert_features': []}", "wanted an array of 1 to 64 features"},
      {"{'bert_features': [7, 8]}", "config.json: bert_features: a feature: found 7, wanted an object"},
      {"{'bert_features': [{'mean': 'x'}, {}]}", "bert_features: mean: found"},
      {"{'bert_features': [{'mean': 1e300}, {}]}", "bert_features: mean: found 1e300, wanted a number that float32 can hold"},
      {"{'bert_features': [{'deviation': 0}, {}]}", "bert_features: deviation: found 0, wanted a float32 above 0"},
      {"{'bert_features': [{'deviation': 1e-60}, {}]}", "wanted a float32 above 0"},
      {"{'bert_features': [{'deviation': -1}, {}]}", "wanted a float32 above 0"},
      {"{'bert_features': [{'name': 7}, {}]}", "bert_features: name: found 7"},
      {"{'bert_features': [{}]}", "bert_features.weight"}, /* which has two columns */
      {"{'bert_features': [{}, {}, {}]}", "bert_features.weight"}};
  bert_err e = {0};
  float weights[UNITS_MAX * FEATURES] = {0};
  bert_model *plain = bert_model_open(CLASSIFY, NULL, &e);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    e = (bert_err){0};
    bert_model_free(with_features(plain, CASES[i].config, weights, &e));
    FAILS(e, BERT_FORMAT, CASES[i].error);
  }
  e = (bert_err){0};
  bert_model_free(with_features(plain, CONFIG, NULL, &e)); /* no tensor */
  FAILS(e, BERT_FORMAT, "bert_features.weight");
  bert_model_free(plain);
}

static void open_and_classify(const char *path, bert_err *e) {
  float weights[UNITS_MAX * FEATURES] = {0}, features[FEATURES] = {0}, logits[UNITS_MAX];
  bert_model *plain = bert_model_open(path, NULL, e), *m = plain ? with_features(plain, CONFIG, weights, e) : NULL;
  if (m) logits_of(m, features, logits, e);
  bert_model_free(m);
  bert_model_free(plain);
}

TEST(features_take_every_failed_allocation) { OK(fixture_fail_each(open_and_classify, CLASSIFY) > 100); }
