/* options.c -- see options.h.
** Layer: model. Uses: base nn. */
#include "model/options.h"

#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "base/number.h"
#include "base/pool.h"

static const char *const POOLINGS[POOLING_KINDS] = {
    [POOLING_CLS] = "cls",
    [POOLING_MAX] = "max",
    [POOLING_MEAN] = "mean",
    [POOLING_MEAN_SQRT_LEN] = "mean_sqrt_len",
    [POOLING_WEIGHTED_MEAN] = "weightedmean",
    [POOLING_LAST_TOKEN] = "lasttoken",
};

void options_pooling_name(const Pooling *p, char out[OPTIONS_POOLING_ROOM]) {
  size_t n = 0;
  out[0] = 0;
  for (int i = 0; i < p->count; i++)
    n += (size_t)snprintf(out + n, OPTIONS_POOLING_ROOM - n, "%s%s", i ? "+" : "", POOLINGS[p->kind[i]]);
}

/* The index of v among names, or -1 and an error that lists them. */
static int one_of(const Json *v, const char *key, const char *const *names, int count, bert_err *e) {
  char list[160] = "one of";
  for (int i = 0; i < count; i++) {
    if (json_is(v, names[i])) return i;
    size_t n = strlen(list);
    snprintf(list + n, sizeof list - n, "%s \"%s\"", i ? "," : "", names[i]);
  }
  json_refuse(v, key, list, e);
  return -1;
}

static const char *const COMPUTE[] = {"f32", "int8"}, *const LONG[] = {"truncate", "error", "mean"};

static void one_option(Options *o, const Json *v, bert_err *e) {
  const Json *key = json_key(v);
  if (json_is(key, "compute")) {
    int i = one_of(v, "compute", COMPUTE, 2, e);
    if (i >= 0) o->compute = (Compute)i;
  } else if (json_is(key, "pooling")) {
    int i = one_of(v, "pooling", POOLINGS, POOLING_KINDS, e);
    if (i >= 0) o->pooling = (Pooling){1, {(PoolingKind)i}};
  } else if (json_is(key, "max_tokens")) {
    o->max_tokens = (int)json_integer(v, 0, 1, 1 << 20, "max_tokens", e);
  } else if (json_is(key, "on_long")) {
    int i = one_of(v, "on_long", LONG, 3, e);
    if (i >= 0) o->on_long = (OnLong)i;
  } else if (json_is(key, "threads")) {
    o->threads = (int)json_integer(v, 0, 1, POOL_THREADS_MAX, "threads", e);
  } else if (json_is(key, "bert_null_threshold")) {
    o->has_null_threshold = v->kind != JSON_NULL;
    o->null_threshold = json_number(v, 0, "bert_null_threshold", e);
  } else {
    json_refuse(key, "key", "one of compute, pooling, max_tokens, on_long, threads, bert_null_threshold", e);
  }
}

void options_parse(Options *o, const char *json, const char *what, bert_err *e) {
  if (e->code || !json || !*json) return;
  Arena a = {0};
  const Json *root = json_parse(json, strlen(json), what, &a, e);
  if (root && root->kind != JSON_OBJECT) json_refuse(root, "all of it", "a JSON object such as {\"threads\":2}", e);
  for (const Json *v = e->code ? NULL : json_first(root); v && !e->code; v = json_next(v)) one_option(o, v, e);
  if (root) err_within(e, "%s", what);
  if (e->code == BERT_FORMAT) e->code = BERT_ARGUMENT; /* JSON of the caller's own, not of a file */
  arena_fini(&a);
}

void options_print(const Options *o, Buf *out, bert_err *e) {
  const char *next = "{";
  if (o->compute) json_write_format(out, e, "%s\"compute\": \"%s\"", next, COMPUTE[o->compute]), next = ", ";
  if (o->pooling.count)
    json_write_format(out, e, "%s\"pooling\": \"%s\"", next, POOLINGS[o->pooling.kind[0]]), next = ", ";
  if (o->max_tokens) json_write_format(out, e, "%s\"max_tokens\": %d", next, o->max_tokens), next = ", ";
  if (o->on_long) json_write_format(out, e, "%s\"on_long\": \"%s\"", next, LONG[o->on_long]), next = ", ";
  if (o->has_null_threshold) {
    char number[NUMBER_DOUBLE_ROOM];
    number_print_double(o->null_threshold, number);
    json_write_format(out, e, "%s\"bert_null_threshold\": %s", next, number), next = ", ";
  }
  buf_add(out, next[0] == '{' ? "{}" : "}", next[0] == '{' ? 2 : 1, e);
}
