/* training_options.c -- what the options of a run mean, and what holds where they say nothing.
** Layer: model. Uses: base nn.
**
** Fine-tuning's defaults are those of Devlin et al. 2018, A.3, and of transformers' Trainer where these are silent;
** pre-training's those of A.2 and of google-research/bert. What `freeze` may be: train_freeze.c. */
#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "model/training.h"

static const TrainOptions FINETUNE = {
    .epochs = 3, .learning_rate = 5e-5, .warmup = 0.1, .batch_size = 32, .accumulate = 1, .weight_decay = 0.01,
    .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 1, .correct_bias = 1, .drop = {-1, -1, -1}, .scale = 20,
    .margin = 5, .temperature = 2, .alpha = 0.5, .checkpoint_steps = 500};
static const TrainOptions PRETRAIN = {
    .steps = 1000000, .short_share = 0.9, .short_tokens = 128, .learning_rate = 1e-4, .warmup = 10000, .batch_size = 256,
    .accumulate = 1, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-6, .clip = 1, .drop = {-1, -1, -1},
    .scale = 20, .margin = 5, .temperature = 2, .alpha = 0.5, .checkpoint_steps = 500};

/* One layer of few weights: it takes larger steps, and more of them. */
static const TrainOptions HEAD = {
    .epochs = 50, .learning_rate = 0.01, .warmup = 0.1, .batch_size = 32, .accumulate = 1, .weight_decay = 0.01,
    .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 1, .correct_bias = 1, .checkpoint_steps = 500};

/* A number's key, where it goes, and what it may be. */
typedef struct {
  const char *key;
  size_t at;
  enum { REAL, COUNT, WHOLE } kind;
  double low, high;
  int apart; /* 1: the run is the same, whatever it is (epochs and steps: as long as the run has so many steps) */
} Number;

static const Number NUMBERS[] = {
    {"epochs", offsetof(TrainOptions, epochs), REAL, 0, 1e6, 1},
    {"steps", offsetof(TrainOptions, steps), WHOLE, 1, 1e12, 1},
    {"batch_size", offsetof(TrainOptions, batch_size), COUNT, 1, 65536, 0},
    {"accumulate", offsetof(TrainOptions, accumulate), COUNT, 1, 65536, 0},
    {"short_share", offsetof(TrainOptions, short_share), REAL, 0, 1, 1}, /* training.c tells runs by what comes of them */
    {"short_tokens", offsetof(TrainOptions, short_tokens), COUNT, 3, 65536, 1},
    {"learning_rate", offsetof(TrainOptions, learning_rate), REAL, 0, 1e3, 0},
    {"warmup", offsetof(TrainOptions, warmup), REAL, 0, 1e12, 0},
    {"weight_decay", offsetof(TrainOptions, weight_decay), REAL, 0, 1, 0},
    {"beta1", offsetof(TrainOptions, beta1), REAL, 0, 0.999999, 0},
    {"beta2", offsetof(TrainOptions, beta2), REAL, 0, 0.9999999, 0},
    {"epsilon", offsetof(TrainOptions, epsilon), REAL, 1e-30, 1, 0},
    {"clip", offsetof(TrainOptions, clip), REAL, 0, 1e9, 0},
    {"dropout", offsetof(TrainOptions, drop.hidden), REAL, 0, 0.99, 0},
    {"attention_dropout", offsetof(TrainOptions, drop.attention), REAL, 0, 0.99, 0},
    {"head_dropout", offsetof(TrainOptions, drop.head), REAL, 0, 0.99, 0},
    {"scale", offsetof(TrainOptions, scale), REAL, 1e-6, 1e6, 0},
    {"margin", offsetof(TrainOptions, margin), REAL, 0, 1e6, 0},
    {"temperature", offsetof(TrainOptions, temperature), REAL, 1e-3, 1e3, 0},
    {"alpha", offsetof(TrainOptions, alpha), REAL, 0, 1, 0},
    {"checkpoint_steps", offsetof(TrainOptions, checkpoint_steps), WHOLE, 1, 1e12, 1},
};

static const char KEYS[] =
    "one of epochs, steps, batch_size, accumulate, short_share, short_tokens, learning_rate, warmup, schedule, "
    "weight_decay, beta1, beta2, epsilon, clip, correct_bias, dropout, attention_dropout, head_dropout, freeze, scale, margin, teacher, "
    "temperature, alpha, seed, checkpoint, checkpoint_steps, labels, from, model, evaluate, progress, config, vocabulary, "
    "lowercase, or of the examples' own";

static void take_number(TrainOptions *o, const Number *n, const Json *v, bert_err *e) {
  char *to = (char *)o + n->at;
  if (v->kind == JSON_NULL) return; /* as if it were not there */
  double x = n->kind == REAL ? json_number(v, 0, n->key, e)
                             : (double)json_integer(v, 0, (int64_t)n->low, (int64_t)n->high, n->key, e);
  if (!e->code && !(x >= n->low && x <= n->high))
    err_set(e, BERT_ARGUMENT, "%s: found %g, wanted from %g to %g", n->key, x, n->low, n->high);
  if (n->kind == REAL) memcpy(to, &x, sizeof x);
  else if (n->kind == COUNT) memcpy(to, &(int){(int)x}, sizeof(int));
  else memcpy(to, &(int64_t){(int64_t)x}, sizeof(int64_t));
}

/* labels: their names, in the order of the units. */
static void take_labels(TrainOptions *o, const Json *v, Arena *a, bert_err *e) {
  const char **label = arena_push(a, v->size + 1, sizeof *label, e);
  int n = 0;
  if (v->kind == JSON_NULL) return;
  if (v->kind != JSON_ARRAY) json_refuse(v, "labels", "an array of the labels' names", e);
  else if (!v->size) err_set(e, BERT_ARGUMENT, "labels: found an empty array, wanted the labels' names");
  for (const Json *x = json_first(v); x && !e->code; x = json_next(x), n++) {
    if (x->kind != JSON_STRING || !x->size) json_refuse(x, "labels", "names that are not empty", e);
    label[n] = json_text(x, "", "labels", a, e);
    for (int i = 0; i < n && !e->code; i++)
      if (!strcmp(label[i], label[n])) json_refuse(x, "labels", "names that differ", e);
  }
  o->examples.label = label;
  o->examples.label_count = n;
}

/* 1 for a key of the caller's own; those of a model from nothing are of pre-training alone. */
static int is_callers(const Json *v, Task task, bert_err *e) {
  static const char *const CALLERS[] = {"from", "model", "teacher", "evaluate", "progress",
                                        "config", "vocabulary", "lowercase"};
  enum { ANY_TASK = 5 };
  for (int i = 0; i < (int)(sizeof CALLERS / sizeof *CALLERS); i++) {
    if (!json_is(json_key(v), CALLERS[i])) continue;
    if (i >= ANY_TASK && task != TASK_PRETRAIN && v->kind != JSON_NULL)
      json_refuse(v, CALLERS[i], "it left out: bert_pretrain alone begins with a new model", e);
    return 1;
  }
  return 0;
}

static void take_checkpoint(TrainOptions *o, const Json *v, Arena *a, bert_err *e) {
  o->checkpoint = json_text(v, NULL, "checkpoint", a, e);
  if (o->checkpoint && !*o->checkpoint) json_refuse(v, "checkpoint", "the name of a directory", e);
}

static void take(TrainOptions *o, const Json *v, Task task, Arena *a, bert_err *e) {
  const Json *key = json_key(v);
  if (is_callers(v, task, e)) return;
  for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
    if (json_is(key, NUMBERS[i].key)) {
      take_number(o, &NUMBERS[i], v, e);
      return;
    }
  if (json_is(key, "schedule")) {
    o->constant = json_is(v, "constant");
    if (!o->constant && !json_is(v, "linear")) json_refuse(v, "schedule", "\"linear\" or \"constant\"", e);
  } else if (json_is(key, "correct_bias")) o->correct_bias = json_flag(v, 0, "correct_bias", e);
  else if (json_is(key, "seed"))
    o->examples.seed = o->seed = (uint64_t)json_integer(v, 0, 0, (int64_t)1 << 53, "seed", e);
  else if (json_is(key, "checkpoint")) take_checkpoint(o, v, a, e);
  else if (json_is(key, "freeze")) net_freeze_option(&o->freeze, v, a, e);
  else if (json_is(key, "labels")) take_labels(o, v, a, e);
  else if (!examples_option(&o->examples, v, a, e)) json_refuse(key, "key", KEYS, e);
}

void training_options(TrainOptions *o, const char *json, Task task, Arena *a, bert_err *e) {
  *o = task == TASK_PRETRAIN ? PRETRAIN : task == TASK_HEAD ? HEAD : FINETUNE;
  examples_defaults(&o->examples);
  if (e->code || !json || !*json) return;
  const Json *root = json_parse(json, strlen(json), "options", a, e);
  if (root && root->kind != JSON_OBJECT) json_refuse(root, "all of it", "a JSON object such as {\"epochs\":3}", e);
  const Json *epochs = json_get(root, "epochs");
  if (epochs && epochs->kind != JSON_NULL) o->steps = 0; /* unless both are given: then steps hold, as in transformers */
  for (const Json *v = e->code ? NULL : json_first(root); v && !e->code; v = json_next(v)) take(o, v, task, a, e);
  if (!e->code && task != TASK_PRETRAIN && (o->short_share > 0 || o->short_tokens))
    err_set(e, BERT_ARGUMENT, "%s: wanted it left out: bert_pretrain alone begins with short sequences",
            o->short_tokens ? "short_tokens" : "short_share");
  if (root) err_within(e, "options");
  if (e->code == BERT_FORMAT) e->code = BERT_ARGUMENT; /* JSON of the caller's own, not of a file */
}

uint64_t training_options_hash(const TrainOptions *o) {
  uint64_t hash = examples_options_hash(&o->examples);
  for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
    const Number *n = &NUMBERS[i];
    size_t size = n->kind == REAL ? sizeof(double) : n->kind == COUNT ? sizeof(int) : sizeof(int64_t);
    if (!n->apart) hash = hash_bytes((const char *)o + n->at, size, hash);
  }
  hash = hash_bytes(&(int[]){o->constant, o->correct_bias, o->freeze.layers}, 3 * sizeof(int), hash);
  for (int i = 0; i < o->freeze.count; i++) hash = hash_bytes(o->freeze.name[i], strlen(o->freeze.name[i]) + 1, hash);
  return hash;
}
