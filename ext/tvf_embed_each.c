/* tvf_embed_each.c -- bert_embed_each: the vectors of a query's rows, many at a time.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM notes');
**    UPDATE notes SET vector = e.embedding FROM bert_embed_each('SELECT id, body FROM notes', 'm') e
**    WHERE e.key = notes.id;
**
** Rows come in windows (each.c), in the query's order. A row whose text is NULL has a NULL embedding. A model that is
** unloaded meanwhile serves the scan to its end.
**
** Rows are read ahead of those given: INSERT INTO t … FROM bert_embed_each('SELECT … FROM t') may meet its own rows,
** for ever. Collect the vectors first (CREATE TEMP TABLE … AS) or use UPDATE … FROM, which does so itself. */
#include "ext.h"

enum { SQL, MODEL, PROMPT }; /* arguments */

typedef struct {
  Cursor cursor;
  Each each;
  Loaded *model; /* held */
  bert_text prompt;
  int prompted;
  float *vectors; /* [each.items][dimensions] */
  size_t room;
} EmbedEach;

static void embed_window(EmbedEach *t, bert_err *e) {
  int n = t->each.items;
  size_t floats = (size_t)n * (size_t)t->model->info.dimensions;
  Watch watch;
  if (!memory_grow(&t->vectors, &t->room, floats, sizeof *t->vectors, e) || n == 0) return;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_embed(t->model->session, t->each.texts, n, t->prompted ? &t->prompt : NULL, t->vectors, &watch.progress, e);
  watch_stop(&watch);
}

static void next(Cursor *c, bert_err *e) {
  EmbedEach *t = (EmbedEach *)c;
  if (!each_next(&t->each, e)) return;
  c->rc = t->each.inner.rc;
  c->done = t->each.count == 0;
  embed_window(t, e);
}

static void open(Cursor *c, bert_err *e) {
  EmbedEach *t = (EmbedEach *)c;
  t->model = connection_model(c->connection, c->arguments[MODEL], FOR_VECTORS, e);
  if (t->model) connection_hold(t->model);
  t->prompted = value_text(c->arguments[PROMPT], "prompt", &t->prompt, e);
  if (t->prompted) t->prompt = bert_model_prompt(t->model->model, t->prompt);
  each_open(&t->each, c->connection, c->arguments[SQL], 2, "key, text", e);
  c->rc = t->each.inner.rc;
  next(c, e);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const EmbedEach *t = (EmbedEach *)c;
  const EachRow *row = &t->each.rows[t->each.at];
  int n = t->model->info.dimensions;
  if (i == 0) sqlite3_result_value(context, row->key);
  else if (row->item >= 0) value_result_vector(context, t->vectors + (size_t)row->item * (size_t)n, n);
}

static void close(Cursor *c) {
  EmbedEach *t = (EmbedEach *)c;
  each_close(&t->each);
  sqlite3_free(t->vectors);
  connection_drop(c->connection, t->model);
  t->vectors = NULL;
  t->room = 0;
  t->model = NULL;
}

const CursorKind tvf_embed_each = {sizeof(EmbedEach), open, next, column, close};
