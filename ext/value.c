/* value.c -- SQL values to texts and vectors, and back.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_to_json(x'0000803f00000040');   -- [1,2]
**    SELECT hex(bert_vector('[1, 2]'));          -- 0000803F00000040
**
** A vector is a BLOB of little-endian float32 of subtype 223; where only a vector is possible, JSON text too. Text is
** TEXT of any encoding (SQLite makes UTF-8 of it) or a number (taken as its text, as SQLite's own functions do), never
** a BLOB. What is NaN or infinite is refused: it has no cosine. */
#include "ext.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Subtypes that sqlite-vec gives to BLOBs that are no float32. */
enum { BIT_VECTOR_SUBTYPE = 224, INT8_VECTOR_SUBTYPE = 225 };

static const char *plural(sqlite3_int64 n) { return n == 1 ? "" : "s"; }

Shown value_shown(sqlite3_value *v) {
  Shown s = {"NULL"};
  int n, cut;
  const char *text;
  switch (v ? sqlite3_value_type(v) : SQLITE_NULL) {
    case SQLITE_INTEGER: snprintf(s.text, sizeof s.text, "the INTEGER %lld", (long long)sqlite3_value_int64(v)); break;
    case SQLITE_FLOAT: sqlite3_snprintf(sizeof s.text, s.text, "the REAL %!.15g", sqlite3_value_double(v)); break;
    case SQLITE_BLOB:
      n = sqlite3_value_bytes(v);
      snprintf(s.text, sizeof s.text, "a BLOB of %d byte%s", n, plural(n));
      break;
    case SQLITE_TEXT:
      text = (const char *)sqlite3_value_text(v);
      n = text ? (int)strlen(text) : 0;
      cut = error_shown(text, (size_t)n, 40);
      snprintf(s.text, sizeof s.text, "the TEXT '%.*s%s'", cut, text ? text : "", cut < n ? "…" : "");
      break;
    default: break;
  }
  return s;
}

int value_text(sqlite3_value *v, const char *what, bert_text *out, bert_err *e) {
  *out = (bert_text){NULL, 0};
  if (e->code || !v) return 0;
  int type = sqlite3_value_type(v);
  if (type == SQLITE_NULL) return 0;
  if (type == SQLITE_BLOB) {
    error_set(e, BERT_ARGUMENT, "%s is %s, wanted TEXT", what, value_shown(v).text);
    return 0;
  }
  out->data = (const char *)sqlite3_value_text(v);
  out->size = (size_t)sqlite3_value_bytes(v);
  if (!out->data) error_set(e, BERT_NOMEM, "out of memory");
  return out->data != NULL;
}

const char *value_string(sqlite3_value *v, const char *what, bert_err *e) {
  bert_text t;
  if (!value_text(v, what, &t, e)) {
    error_set(e, BERT_ARGUMENT, "%s is NULL, wanted TEXT", what);
    return NULL;
  }
  if (strlen(t.data) != t.size) {
    error_set(e, BERT_ARGUMENT, "%s has a NUL character inside, wanted TEXT without", what);
    return NULL;
  }
  return t.data;
}

sqlite3_int64 value_integer(sqlite3_value *v, sqlite3_int64 otherwise, sqlite3_int64 low, sqlite3_int64 high,
                            const char *what, bert_err *e) {
  if (e->code || !v || sqlite3_value_type(v) == SQLITE_NULL) return otherwise;
  if (sqlite3_value_numeric_type(v) == SQLITE_INTEGER) {
    sqlite3_int64 i = sqlite3_value_int64(v);
    if (i >= low && i <= high) return i;
  }
  error_set(e, BERT_ARGUMENT, "%s is %s, wanted an integer from %lld to %lld", what, value_shown(v).text,
            (long long)low, (long long)high);
  return otherwise;
}

static void little_endian(float *v, size_t n) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  unsigned char *p = (unsigned char *)v;
  for (size_t i = 0; i < n; i++, p += 4) {
    unsigned char swap[4] = {p[3], p[2], p[1], p[0]};
    memcpy(p, swap, 4);
  }
#else
  (void)v;
  (void)n;
#endif
}

static const float *from_blob(Connection *c, int which, sqlite3_value *v, const char *what, int *n, bert_err *e) {
  int bytes = sqlite3_value_bytes(v);
  unsigned subtype = sqlite3_value_subtype(v);
  if (subtype == BIT_VECTOR_SUBTYPE || subtype == INT8_VECTOR_SUBTYPE)
    error_set(e, BERT_ARGUMENT, "%s is a vector of %s, wanted one of float32", what,
              subtype == BIT_VECTOR_SUBTYPE ? "bits" : "int8");
  if (bytes == 0 || bytes % 4)
    error_set(e, BERT_ARGUMENT, "%s is a BLOB of %d byte%s, wanted a vector: 4 bytes a number", what, bytes,
              plural(bytes));
  const void *blob = sqlite3_value_blob(v); /* NULL where the zeros of zeroblob() found no memory */
  if (!blob) error_set(e, BERT_NOMEM, "out of memory");
  float *f = connection_floats(c, which, (size_t)bytes / 4, e);
  if (!f) return NULL;
  memcpy(f, blob, (size_t)bytes);
  little_endian(f, (size_t)bytes / 4);
  *n = bytes / 4;
  return f;
}

static const float *from_json(Connection *c, int which, sqlite3_value *v, const char *what, int *n, bert_err *e) {
  enum { USUAL = 1024 };
  bert_text t = {(const char *)sqlite3_value_text(v), (size_t)sqlite3_value_bytes(v)};
  if (!t.data) error_set(e, BERT_NOMEM, "out of memory");
  float *f = connection_floats(c, which, USUAL, e);
  if (!f) return NULL;
  bert_err wrong = {0};
  *n = bert_vector_parse(t, f, USUAL, &wrong);
  if (!wrong.code && *n > USUAL && (f = connection_floats(c, which, (size_t)*n, e)))
    *n = bert_vector_parse(t, f, *n, &wrong);
  if (wrong.code) error_set(e, wrong.code, "%s: %s", what, wrong.text);
  else if (*n == 0) error_set(e, BERT_ARGUMENT, "%s is an empty vector, wanted at least one number", what);
  return f;
}

int value_vector(Connection *c, int which, sqlite3_value *v, const char *what, Vector *out, bert_err *e) {
  *out = (Vector){NULL, 0};
  if (e->code || !v) return 0;
  switch (sqlite3_value_type(v)) {
    case SQLITE_NULL: return 0;
    case SQLITE_BLOB: out->data = from_blob(c, which, v, what, &out->n, e); break;
    case SQLITE_TEXT: out->data = from_json(c, which, v, what, &out->n, e); break;
    default:
      error_set(e, BERT_ARGUMENT, "%s is %s, wanted a vector: a BLOB of float32 or JSON text", what,
                value_shown(v).text);
  }
  if (!e->code && !bert_vector_finite(out->data, out->n))
    error_set(e, BERT_ARGUMENT, "%s has a NaN or an infinity in it, wanted finite numbers", what);
  return e->code == BERT_OK;
}

float value_feature(sqlite3_value *v, const char *name, bert_err *e) {
  int type = e->code ? SQLITE_NULL : sqlite3_value_numeric_type(v);
  float x = type == SQLITE_INTEGER || type == SQLITE_FLOAT ? (float)sqlite3_value_double(v) : NAN;
  if (!e->code && !isfinite(x))
    error_set(e, BERT_ARGUMENT, "the feature '%.80s' is %s, wanted a number that float32 can hold", name,
              value_shown(v).text);
  return x;
}

void value_result_vector(sqlite3_context *context, const float *v, int n) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  float *copy = sqlite3_malloc64((sqlite3_uint64)n * 4);
  if (!copy) {
    sqlite3_result_error_nomem(context);
    return;
  }
  memcpy(copy, v, (size_t)n * 4);
  little_endian(copy, (size_t)n);
  sqlite3_result_blob64(context, copy, (sqlite3_uint64)n * 4, sqlite3_free);
#else
  sqlite3_result_blob64(context, v, (sqlite3_uint64)n * 4, SQLITE_TRANSIENT);
#endif
  sqlite3_result_subtype(context, VALUE_VECTOR_SUBTYPE);
}

void value_result_text(sqlite3_context *context, const char *text) {
  if (text) sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
  else sqlite3_result_null(context);
}
