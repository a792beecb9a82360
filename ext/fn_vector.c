/* fn_vector.c -- vectors without a model: compared, read, shown, joined.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_cosine('[1, 0]', '[1, 1]');                  -- 0.70710678…
**    SELECT bert_to_json(bert_concat('[0.5, 0.25]', 3, 4));   -- [0.5,0.25,3,4] */
#include "ext.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void fn_cosine(Call *call, bert_err *e) {
  Vector v, w;
  if (!value_vector(call->connection, 0, call->values[0], "v", &v, e)) return;
  if (!value_vector(call->connection, 1, call->values[1], "w", &w, e)) return;
  if (v.n != w.n) error_set(e, BERT_ARGUMENT, "v has %d numbers and w has %d, wanted as many", v.n, w.n);
  else sqlite3_result_double(call->context, bert_vector_cosine(v.data, w.data, v.n));
}

void fn_vector(Call *call, bert_err *e) {
  Vector v;
  if (!value_vector(call->connection, 0, call->values[0], "json", &v, e)) return;
  value_result_vector(call->context, v.data, v.n);
}

void fn_to_json(Call *call, bert_err *e) {
  enum { BYTES_A_NUMBER = 16 };
  Vector v;
  if (!value_vector(call->connection, 0, call->values[0], "v", &v, e)) return;
  size_t room = (size_t)v.n * BYTES_A_NUMBER + 2;
  char *json = memory_new(room, 1, e);
  if (!json) return;
  size_t size = bert_vector_print(v.data, v.n, json, room);
  sqlite3_result_text64(call->context, json, size, sqlite3_free, SQLITE_UTF8);
  sqlite3_result_subtype(call->context, VALUE_JSON_SUBTYPE);
}

/* Puts argument i after out[n]; how many numbers there are then, or -1 where it is NULL. */
static int append(Call *call, int i, float **out, size_t *room, int n, bert_err *e) {
  sqlite3_value *x = call->values[i];
  char what[16];
  snprintf(what, sizeof what, i ? "x%d" : "v", i);
  int type = i ? sqlite3_value_numeric_type(x) : SQLITE_NULL;
  float number;
  Vector v = {&number, 1};
  if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
    number = (float)sqlite3_value_double(x);
    if (!isfinite(number))
      error_set(e, BERT_ARGUMENT, "%s is %s, wanted a number that float32 can hold", what, value_shown(x).text);
  } else if (!value_vector(call->connection, 0, x, what, &v, e)) {
    return -1;
  }
  if (!memory_grow(out, room, (size_t)n + (size_t)v.n, sizeof **out, e)) return -1;
  memcpy(*out + n, v.data, (size_t)v.n * sizeof **out);
  return n + v.n;
}

void fn_concat(Call *call, bert_err *e) {
  float *out = NULL;
  size_t room = 0;
  int n = 0;
  if (call->count == 0) error_set(e, BERT_ARGUMENT, "0 arguments, wanted a vector and what to append to it");
  for (int i = 0; i < call->count && n >= 0 && !e->code; i++) n = append(call, i, &out, &room, n, e);
  if (!e->code && n > 0) value_result_vector(call->context, out, n);
  sqlite3_free(out);
}
