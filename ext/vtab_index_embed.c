/* vtab_index_embed.c -- from texts and values to the vectors of an index, and back.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(rowid, body) SELECT id, body FROM notes;   -- texts are embedded 2048 at a time
**    SELECT rowid FROM notes_index WHERE body MATCH 'how do I reset my password' AND k = 10;
**
** What a row's text is stands in vtab_index_text.c. Vectors of the user's own are float32; int8 are numbers from -128 to
** 127, bits stand for +1 and -1. */
#include "vtab_index.h"

#include <math.h>
#include <string.h>

enum { WAITING_MOST = 2048, WAITING_BYTES = 4 << 20 };

/* ---- the model --------------------------------------------------------------------------------------------------- */

Loaded *index_model_any(IndexTable *t, bert_err *e) {
  if (e->code) return NULL;
  return connection_model_named(t->connection, (bert_text){t->columns.model, strlen(t->columns.model)}, FOR_VECTORS, e);
}

Loaded *index_model(IndexTable *t, bert_err *e) {
  Loaded *m = index_model_any(t, e);
  if (!m || !strcmp(m->info.hash, t->model_hash)) return m;
  error_set(e, BERT_ARGUMENT,
            "the model '%s' has hash %s, but these rows were embedded by %s; load that one: "
            "SELECT bert_load('%s', 'directory'), or embed them again: INSERT INTO \"%s\"(\"%s\") VALUES ('reembed')",
            t->columns.model, m->info.hash, t->model_hash, t->columns.model, t->name, t->name);
  return NULL;
}

static void embed(IndexTable *t, Loaded *m, const char *prompt, const bert_text *texts, int n, float *out,
                  bert_err *e) {
  Watch watch;
  if (e->code) return;
  bert_text put = {NULL, 0};
  if (prompt) put = bert_model_prompt(m->model, (bert_text){prompt, strlen(prompt)});
  watch_start(&watch, t->db);
  bert_embed(m->session, texts, n, prompt ? &put : NULL, out, &watch.progress, e);
  watch_stop(&watch);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

void index_wait(IndexTable *t, sqlite3_int64 slot, sqlite3_int64 rowid, size_t start, size_t size, bert_err *e) {
  if (!memory_grow(&t->waiting, &t->waiting_room, (size_t)t->waiting_count + 1, sizeof *t->waiting, e)) return;
  index_wait_not(t, slot);
  /* Others may have been embedded meanwhile, which makes room. */
  memmove(t->texts + t->texts_used, t->texts + start, size);
  t->waiting[t->waiting_count++] = (IndexWaiting){slot, rowid, t->texts_used, size};
  t->texts_used += size;
  t->is_changed = 1;
  int parts = t->columns.weights ? t->columns.text_count : 1;
  if (t->waiting_count * parts >= WAITING_MOST || t->texts_used >= WAITING_BYTES) index_embed_waiting(t, e);
}

void index_wait_not(IndexTable *t, sqlite3_int64 slot) {
  for (int i = t->waiting_count - 1; i >= 0; i--) {
    if (t->waiting[i].slot != slot) continue;
    t->waiting[i] = t->waiting[--t->waiting_count];
    return;
  }
}

/* What waits, text by text: a row has several where its columns are weighted. */
typedef struct {
  bert_text *texts;
  double *weights;
  size_t texts_room, weights_room;
  int count;
} Batch;

static const char *text_of(const IndexTable *t, int i) { return t->texts + t->waiting[i].start; }

/* The texts of the rows that have no vector yet. */
static void gather(IndexTable *t, const unsigned char *has, Batch *b, bert_err *e) {
  size_t most = (size_t)t->columns.text_count;
  for (int i = 0; i < t->waiting_count && !e->code; i++) {
    size_t n = (size_t)b->count + most;
    if (has[i]) continue;
    if (!memory_grow(&b->texts, &b->texts_room, n, sizeof *b->texts, e)) return;
    if (!memory_grow(&b->weights, &b->weights_room, n, sizeof *b->weights, e)) return;
    b->count += index_text_parts(t, text_of(t, i), t->waiting[i].size, b->texts + b->count, b->weights + b->count);
  }
}

/* vectors[i] of the rows that had none, by those of their texts. */
static void join_vectors(const IndexTable *t, const unsigned char *has, const Batch *b, const float *made,
                         float *vectors) {
  bert_text texts[INDEX_COLUMNS_MAX];
  size_t d = (size_t)t->dimensions, at = 0;
  for (int i = 0; i < t->waiting_count; i++) {
    if (has[i]) continue;
    int n = index_text_parts(t, text_of(t, i), t->waiting[i].size, texts, NULL);
    if (!t->columns.weights) memcpy(vectors + (size_t)i * d, made + at * d, d * sizeof *made);
    else index_text_mean(made + at * d, b->weights + at, n, t->dimensions, vectors + (size_t)i * d);
    at += (size_t)n;
  }
}

/* vectors[waiting_count] of all that waits; has: room for a byte of each. */
static void embed_rows(IndexTable *t, unsigned char *has, float *vectors, bert_err *e) {
  size_t d = (size_t)t->dimensions;
  Loaded *m = index_model(t, e);
  Batch b = {.count = 0};
  for (int i = 0; i < t->waiting_count && t->is_salvaging && !e->code; i++)
    has[i] = (unsigned char)index_salvage_get(t, text_of(t, i), t->waiting[i].size, vectors + (size_t)i * d);
  gather(t, has, &b, e);
  float *made = memory_new((size_t)b.count * d + 1, sizeof *made, e);
  if (b.count) embed(t, m, t->columns.prompt, b.texts, b.count, made, e);
  if (!e->code) join_vectors(t, has, &b, made, vectors);
  for (int i = 0; i < t->waiting_count && t->is_salvaging && !e->code; i++)
    if (!has[i]) index_salvage_put(t, text_of(t, i), t->waiting[i].size, vectors + (size_t)i * d);
  sqlite3_free(made);
  sqlite3_free(b.texts);
  sqlite3_free(b.weights);
}

/* Puts vectors[n] of what waited. Those of blocks that are held come first: places just taken are in these, and to hold
** another block may write them. done: room for a byte of each. */
static void put_vectors(IndexTable *t, int n, const float *vectors, unsigned char *done, bert_err *e) {
  memset(done, 0, (size_t)n);
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < n && !e->code; i++) {
      const IndexWaiting *w = &t->waiting[i];
      if (done[i] || (pass == 0 && !index_is_held(t, w->slot))) continue;
      index_put_vector(t, w->slot, w->rowid, vectors + (size_t)i * (size_t)t->dimensions, e);
      done[i] = 1;
    }
}

void index_embed_waiting(IndexTable *t, bert_err *e) {
  int n = t->waiting_count;
  if (n == 0 || e->code) return;
  size_t d = (size_t)t->dimensions;
  float *vectors = memory_new((size_t)n * d, sizeof *vectors, e);
  unsigned char *has = memory_new((size_t)n, 1, e);
  if (!e->code) embed_rows(t, has, vectors, e);
  if (!e->code) t->waiting_count = 0; /* before they are put, which may look for what waits */
  if (!e->code) put_vectors(t, n, vectors, has, e);
  if (!e->code) t->texts_used = 0;
  sqlite3_free(vectors);
  sqlite3_free(has);
}

/* ---- vectors of the user's own ----------------------------------------------------------------------------------- */

static size_t form_bytes(const IndexTable *t) {
  return t->columns.form == INDEX_INT8 ? (size_t)t->dimensions : (size_t)t->dimensions / 8;
}

static const char *const form_names[] = {"float", "int8", "bit"};

/* A BLOB of int8 or bits, as float32. */
static const float *from_form(IndexTable *t, int buffer, sqlite3_value *v, bert_err *e) {
  const unsigned char *blob = sqlite3_value_blob(v);
  float *out = connection_floats(t->connection, buffer, (size_t)t->dimensions, e);
  if (!blob) error_set(e, BERT_NOMEM, "out of memory");
  for (int i = 0; i < t->dimensions && !e->code; i++)
    out[i] = t->columns.form == INDEX_INT8 ? (float)(signed char)blob[i] : blob[i / 8] >> i % 8 & 1 ? 1 : -1;
  return e->code ? NULL : out;
}

/* What a narrow form cannot hold is refused, so that what is read is what was written. In JSON a bit is 0 or 1. */
static void check_narrow(const IndexTable *t, float *v, const char *what, bert_err *e) {
  for (int i = 0; i < t->dimensions && !e->code; i++) {
    if (t->columns.form == INDEX_BIT && v[i] == 0) v[i] = -1;
    int fits = t->columns.form == INDEX_BIT ? v[i] == 1 || v[i] == -1
                                            : v[i] == floorf(v[i]) && v[i] >= -128 && v[i] <= 127;
    if (!fits)
      error_set(e, BERT_ARGUMENT, "%s has %g at %d, wanted %s", what, (double)v[i], i,
                t->columns.form == INDEX_BIT ? "0 or 1" : "an integer from -128 to 127");
  }
}

static const float *take_vector(IndexTable *t, int buffer, sqlite3_value *v, const char *what, int narrow,
                                bert_err *e) {
  Vector out;
  int type = sqlite3_value_type(v);
  if (e->code || type == SQLITE_NULL) return NULL;
  if (t->columns.form != INDEX_FLOAT && t->columns.vector >= 0 && type == SQLITE_BLOB &&
      (size_t)sqlite3_value_bytes(v) == form_bytes(t))
    return from_form(t, buffer, v, e);
  if (type == SQLITE_BLOB && t->columns.vector >= 0 && sqlite3_value_bytes(v) != t->dimensions * (int)sizeof(float))
    error_set(e, BERT_ARGUMENT, "%s is %s, wanted %s[%d]: %d bytes", what, value_shown(v).text,
              form_names[t->columns.form], t->dimensions,
              t->columns.form == INDEX_FLOAT ? t->dimensions * (int)sizeof(float) : (int)form_bytes(t));
  if (!value_vector(t->connection, buffer, v, what, &out, e)) return NULL;
  if (out.n != t->dimensions)
    error_set(e, BERT_ARGUMENT, "%s has %d numbers, wanted %d", what, out.n, t->dimensions);
  if (narrow && t->columns.form != INDEX_FLOAT)
    check_narrow(t, (float *)out.data, what, e); /* the connection's own buffer */
  return e->code ? NULL : out.data;
}

const float *index_own_vector(IndexTable *t, sqlite3_value *v, bert_err *e) {
  return take_vector(t, 0, v, t->columns.columns[t->columns.vector].name, 1, e);
}

void index_result_vector(const IndexTable *t, sqlite3_context *context, const float *v) {
  enum { BIT_SUBTYPE = 224, INT8_SUBTYPE = 225 }; /* as sqlite-vec has them */
  if (t->columns.vector < 0 || t->columns.form == INDEX_FLOAT) {
    value_result_vector(context, v, t->dimensions);
    return;
  }
  size_t size = form_bytes(t);
  unsigned char *out = sqlite3_malloc64(size);
  if (!out) {
    sqlite3_result_error_nomem(context);
    return;
  }
  memset(out, 0, size);
  for (int i = 0; i < t->dimensions; i++) {
    if (t->columns.form == INDEX_INT8) out[i] = (unsigned char)(int)v[i];
    else if (v[i] > 0) out[i / 8] |= (unsigned char)(1 << i % 8);
  }
  sqlite3_result_blob64(context, out, size, sqlite3_free);
  sqlite3_result_subtype(context, t->columns.form == INDEX_INT8 ? INT8_SUBTYPE : BIT_SUBTYPE);
}

/* ---- queries ----------------------------------------------------------------------------------------------------- */

/* The vector of a question, which is remembered: a join asks the same one again and again. */
static const float *from_question(IndexTable *t, bert_text text, bert_err *e) {
  Loaded *m = index_model(t, e);
  if (m && t->query_vector && t->query_text && t->query_size == text.size &&
      !memcmp(t->query_text, text.data, text.size))
    return t->query_vector;
  if (!m) return NULL;
  float *v = memory_new((size_t)t->dimensions, sizeof *v, e);
  char *copy = memory_new(text.size + 1, 1, e);
  embed(t, m, t->columns.query_prompt, &text, 1, v, e);
  if (e->code) {
    sqlite3_free(v);
    sqlite3_free(copy);
    return NULL;
  }
  index_forget_question(t);
  memcpy(copy, text.data, text.size);
  t->query_vector = v;
  t->query_text = copy;
  t->query_size = text.size;
  return v;
}

void index_forget_question(IndexTable *t) {
  sqlite3_free(t->query_vector);
  sqlite3_free(t->query_text);
  t->query_vector = NULL;
  t->query_text = NULL;
}

const float *index_query_vector(IndexTable *t, sqlite3_value *v, bert_err *e) {
  bert_text text;
  if (t->columns.vector >= 0 || sqlite3_value_type(v) == SQLITE_BLOB)
    return take_vector(t, 1, v, "MATCH's right side", 0, e);
  if (!value_text(v, "MATCH's right side", &text, e)) return NULL;
  return from_question(t, text, e);
}

void index_query_texts(IndexTable *t, const bert_text *texts, int n, float *out, bert_err *e) {
  embed(t, index_model(t, e), t->columns.query_prompt, texts, n, out, e);
}
