/* test_predict.c -- a classifier of vectors: its formula, its files, what is refused. */
#include <math.h>

#include "bert.h"
#include "fixture.h"
#include "test.h"

enum { INPUTS = 3, UNITS = 2, ROWS = 12 };

/* Vectors near (1, 0, 1000) are "a", near (-1, 0, 3000) "b"; the middle number says nothing. */
static bert_rows *rows_of(bert_err *e) {
  static const char *const NAMES[] = {"v", "label"};
  bert_rows *r = bert_rows_new(2, NAMES, e);
  for (int i = 0; i < ROWS && !e->code; i++) {
    float v[INPUTS] = {i % 2 ? 1 : -1, 7, (i % 2 ? 1000.0f : 3000.0f) + (float)i};
    bert_rows_blob(r, (bert_text){(const char *)v, sizeof v}, e);
    bert_rows_text(r, (bert_text){i % 2 ? "a" : "b", 1}, e);
  }
  return r;
}

static bert_model *trained(const char *options, bert_err *e) {
  bert_rows *r = rows_of(e);
  bert_step step;
  bert_training *t = e->code ? NULL : bert_finetune(NULL, NULL, "head", r, fixture_quoted(options), NULL, e);
  while (t && bert_training_step(t, &step, NULL, e)) continue;
  bert_model *m = t ? bert_training_model(t, NULL, e) : NULL;
  bert_training_free(t);
  bert_rows_free(r);
  return m;
}

static void logits_of(bert_model *m, const float *x, int width, int n, float *out, bert_err *e) {
  bert_session *s = bert_session_new(m, e);
  if (s) bert_predict(s, x, width, n, out, e);
  bert_session_free(s);
}

/* Tensor i of mean, deviation, weight, bias. */
static void read(const bert_model *m, int i, const char *name, float *out) {
  bert_tensor t;
  OK(bert_model_tensor(m, i, &t));
  STR(t.name, name);
  bert_model_tensor_read(m, i, 0, t.shape[0], out);
}

TEST(predict_is_its_formula_on_standardised_numbers) {
  bert_err e = {0};
  bert_model *m = trained("{'epochs': 20, 'seed': 3}", &e);
  float x[2][INPUTS] = {{1, 7, 1000}, {-1, 9, 3010}}, found[2][UNITS];
  float mean[INPUTS], deviation[INPUTS], weight[UNITS][INPUTS], bias[UNITS];
  GOOD(e);
  if (!m) return;
  read(m, 0, "mean", mean);
  read(m, 1, "deviation", deviation);
  read(m, 2, "classifier.weight", weight[0]);
  read(m, 3, "classifier.bias", bias);
  NEAR(mean[0], 0, 0);
  NEAR(deviation[0], 1, 1e-6);
  NEAR(mean[2], 2005.5, 1e-3);
  EQ(deviation[1] == 1, 1); /* always 7: nothing is divided by nothing */
  logits_of(m, x[0], INPUTS, 2, found[0], &e);
  GOOD(e);
  for (int i = 0; i < 2; i++)
    for (int u = 0; u < UNITS; u++) {
      double wanted = (double)bias[u];
      for (int k = 0; k < INPUTS; k++)
        wanted += (double)weight[u][k] * (((double)x[i][k] - (double)mean[k]) / (double)deviation[k]);
      NEAR(found[i][u], wanted, 1e-5);
    }
  EQ(found[0][0] > found[0][1], 1);
  EQ(found[1][0] < found[1][1], 1);
  bert_model_free(m);
}

TEST(predict_trains_to_the_same_bits_of_a_seed) {
  bert_err e = {0};
  bert_model_info info[3];
  static const char *const OPTIONS[] = {"{'epochs': 2, 'batch_size': 5, 'seed': 1}",
                                        "{'epochs': 2, 'batch_size': 5, 'seed': 1}",
                                        "{'epochs': 2, 'batch_size': 5, 'seed': 2}"};
  for (int i = 0; i < 3; i++) {
    bert_model *m = trained(OPTIONS[i], &e);
    GOOD(e);
    if (m) bert_model_describe(m, &info[i]);
    bert_model_free(m);
  }
  if (e.code) return;
  STR(info[0].hash, info[1].hash);
  EQ(strcmp(info[0].hash, info[2].hash) != 0, 1);
}

/* m with another config.json, or another tensor, opened again. */
static bert_model *changed(const bert_model *m, const char *config, const bert_tensor *tensor, const float *data,
                           bert_err *e) {
  bert_changes changes = {.tensor = tensor, .data = &data, .count = tensor != NULL,
                          .config = config ? fixture_quoted(config) : NULL};
  return fixture_reopen(m, &changes, e);
}

TEST(predict_refuses_damaged_files) {
  static const struct {
    const char *config, *error;
  } CASES[] = {{"{'input_size': 4}", "mean: "},
               {"{'input_size': 0}", "config.json: input_size: found 0"},
               {"{'input_size': -1}", "config.json: input_size: found -1"},
               {"{'input_size': 1e9}", "config.json: input_size: found 1e9"},
               {"{'input_size': null}", "found 0 numbers in and 2 labels, wanted input_size and id2label"},
               {"{'id2label': {'0': 'a', '1': 'b', '2': 'c'}}", "classifier.weight: "},
               {"{'id2label': null, 'label2id': null}", "wanted input_size and id2label"},
               {"{'model_type': 'bert_vector'}", "model_type: found \"bert_vector\", wanted one of"}};
  bert_err e = {0};
  bert_model *m = trained("{'steps': 1}", &e), *same;
  GOOD(e);
  if (!m) return;
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    e = (bert_err){0};
    bert_model_free(changed(m, CASES[i].config, NULL, NULL, &e));
    FAILS(e, BERT_FORMAT, CASES[i].error);
  }
  const float scales[][INPUTS] = {{1, 0, 1}, {1, -1, 1}, {1, NAN, 1}, {1, INFINITY, 1}};
  const char *const ERRORS[] = {"found 0 for number 2, wanted it above 0", "found -1 for number 2, wanted it above 0",
                                "found nan at index 1, wanted finite numbers", "found inf at index 1"};
  const bert_tensor deviation = {"deviation", 1, {INPUTS, 0}, INPUTS};
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
    e = (bert_err){0};
    bert_model_free(changed(m, NULL, &deviation, scales[i], &e));
    FAILS(e, BERT_FORMAT, ERRORS[i]);
  }
  e = (bert_err){0};
  bert_model_info a, b;
  same = changed(m, NULL, NULL, NULL, &e);
  GOOD(e);
  bert_model_describe(m, &a);
  if (same) bert_model_describe(same, &b);
  if (same) STR(b.hash, a.hash);
  bert_model_free(same);
  bert_model_free(m);
}

TEST(predict_says_what_it_cannot_do) {
  bert_err e = {0};
  float x[INPUTS + 1] = {0}, out[16];
  bert_text t = {"a", 1};
  bert_encoding c;
  bert_model *m = trained("{'steps': 1}", &e);
  bert_session *s = m ? bert_session_new(m, &e) : NULL;
  GOOD(e);
  if (!s) return;
  bert_predict(s, x, INPUTS + 1, 1, out, &e);
  FAILS(e, BERT_ARGUMENT, "found a vector of 4 numbers, wanted 3, as it was trained");
  e = (bert_err){0};
  bert_embed(s, &t, 1, NULL, out, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "found a classifier of vectors alone, wanted a model that reads text");
  e = (bert_err){0};
  bert_encode(s, t, &t, 1, &c, &e);
  FAILS(e, BERT_ARGUMENT, "found a classifier of vectors alone");
  e = (bert_err){0};
  bert_classify(s, &t, NULL, 1, out, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "wanted one with a head for labels of texts");
  e = (bert_err){0};
  x[1] = 3e38f, x[2] = -3e38f;
  bert_predict(s, x, INPUTS, 1, out, &e); /* finite numbers: an answer, or an error that says which */
  if (e.code) FAILS(e, BERT_FORMAT, "the model's output for vector 1 of 1 is not finite");
  bert_session_free(s);
  bert_model_free(m);
}

static void train_and_predict(const char *unused, bert_err *e) {
  float x[INPUTS] = {0}, out[UNITS];
  (void)unused;
  bert_model *m = trained("{'steps': 2}", e);
  if (m) logits_of(m, x, INPUTS, 1, out, e);
  bert_model_free(m);
}

TEST(predict_takes_every_failed_allocation) { OK(fixture_fail_each(train_and_predict, "") > 30); }
