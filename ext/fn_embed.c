/* fn_embed.c -- one text at a time: its vector, its likeness to another, its length.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_embed('how do I reset my password');   -- a BLOB: 384 floats, say
**    SELECT bert_similarity('a cat', 'a kitten');       -- 0.79, say
**
** These only compute, the same bits for the same text and model, so they may stand in generated columns and indexes.
** For many rows bert_embed_each is many times as fast.
** A constant side of a similarity (a literal, a parameter) is embedded once a statement: SQLite keeps its vector with the
** statement (sqlite3_set_auxdata), and frees it when that ends. */
#include "ext.h"

#include <string.h>

static void embed(Call *call, Loaded *m, bert_text text, const bert_text *prompt, float *out, bert_err *e) {
  Watch watch;
  if (e->code) return;
  watch_start(&watch, connection_db(call->connection));
  bert_embed(m->session, &text, 1, prompt, out, &watch.progress, e);
  watch_stop(&watch);
}

void fn_embed(Call *call, bert_err *e) {
  bert_text text, prompt;
  if (!value_text(call->values[0], "text", &text, e)) return;
  Loaded *m = connection_model(call->connection, fn_value(call, 1), FOR_VECTORS, e);
  int prompted = value_text(fn_value(call, 2), "prompt", &prompt, e);
  float *v = m ? connection_floats(call->connection, 0, (size_t)m->info.dimensions, e) : NULL;
  if (e->code) return;
  if (prompted) prompt = bert_model_prompt(m->model, prompt);
  embed(call, m, text, prompted ? &prompt : NULL, v, e);
  if (!e->code) value_result_vector(call->context, v, m->info.dimensions);
}

/* One side of a similarity: a BLOB is a vector, anything else a text that has still to be embedded. */
typedef struct {
  int is_vector;
  bert_text text;
  Vector vector;
} Side;

static int take_side(Call *call, int i, Side *s, bert_err *e) {
  sqlite3_value *v = call->values[i];
  const char *what = i ? "b" : "a";
  s->is_vector = sqlite3_value_type(v) == SQLITE_BLOB;
  if (s->is_vector) return value_vector(call->connection, i, v, what, &s->vector, e);
  return value_text(v, what, &s->text, e);
}

/* The vector of a constant side, and of which model. */
typedef struct {
  char hash[sizeof((Loaded *)0)->info.hash];
  float v[];
} Kept;

/* What an argument that is no constant leaves here is freed when its call ends. */
static void keep_side(Call *call, int i, const Loaded *m, const float *v, bert_err *e) {
  size_t bytes = (size_t)m->info.dimensions * sizeof *v;
  Kept *k = memory_new(1, sizeof *k + bytes, e);
  if (!k) return;
  memcpy(k->hash, m->info.hash, sizeof k->hash);
  memcpy(k->v, v, bytes);
  sqlite3_set_auxdata(call->context, i, k, sqlite3_free);
}

static void embed_side(Call *call, int i, Loaded *m, Side *s, bert_err *e) {
  if (s->is_vector) return;
  const Kept *k = sqlite3_get_auxdata(call->context, i);
  int kept = k && !memcmp(k->hash, m->info.hash, sizeof k->hash);
  float *v = connection_floats(call->connection, i, (size_t)m->info.dimensions, e);
  if (v && kept) memcpy(v, k->v, (size_t)m->info.dimensions * sizeof *v);
  if (!kept) embed(call, m, s->text, NULL, v, e);
  if (!kept && !e->code) keep_side(call, i, m, v, e);
  s->vector = (Vector){v, m->info.dimensions};
}

void fn_similarity(Call *call, bert_err *e) {
  Side a, b;
  if (!take_side(call, 0, &a, e) || !take_side(call, 1, &b, e)) return;
  if (!a.is_vector || !b.is_vector) {
    Loaded *m = connection_model(call->connection, fn_value(call, 2), FOR_VECTORS, e);
    if (!m) return;
    embed_side(call, 0, m, &a, e);
    embed_side(call, 1, m, &b, e);
  }
  if (!e->code && a.vector.n != b.vector.n)
    error_set(e, BERT_ARGUMENT, "the vector of a has %d numbers and that of b has %d, wanted as many", a.vector.n,
              b.vector.n);
  if (!e->code)
    sqlite3_result_double(call->context, bert_vector_cosine(a.vector.data, b.vector.data, a.vector.n));
}

void fn_token_count(Call *call, bert_err *e) {
  bert_text text;
  if (!value_text(call->values[0], "text", &text, e)) return;
  Loaded *m = connection_model(call->connection, fn_value(call, 1), FOR_VECTORS, e);
  if (!m) return;
  int64_t n = bert_token_count(m->session, text, e);
  if (!e->code) sqlite3_result_int64(call->context, n);
}
