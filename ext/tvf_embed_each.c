/* tvf_embed_each.c -- bert_embed_each: the vectors of a query's rows, many at a time.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM notes');
**    UPDATE notes SET vector = e.embedding FROM bert_embed_each('SELECT id, body FROM notes', 'm') e
**    WHERE e.key = notes.id;
**
**    query -> window of rows: keys, texts -> bert_embed -> floats -> rows, in the query's order -> next window
**
** Windows grow: 8 rows, 64, 512, 2048, a KiB of text a row, so that LIMIT 1 costs little and long runs go at full
** speed; memory is bounded by one window (and its longest text), whatever the number of rows. Keys come back as they
** were. A row whose text is NULL has a NULL embedding. A model that is unloaded meanwhile serves the scan to its end.
**
** Rows are read ahead of those given: INSERT INTO t … FROM bert_embed_each('SELECT … FROM t') may meet its own rows,
** for ever. Collect the vectors first (CREATE TEMP TABLE … AS) or use UPDATE … FROM, which does so itself. */
#include "ext.h"

#include <stdio.h>
#include <string.h>

enum { SQL, MODEL, PROMPT }; /* arguments */
enum { FIRST_ROWS = 8, GROWTH = 8, MOST_ROWS = 2048, BYTES_A_ROW = 1024, KEPT_BYTES = 4 << 20 };

typedef struct {
  sqlite3_value *key;
  size_t start; /* of its text in `bytes` */
  int vector;   /* which of `vectors` is its own, or -1: the text is NULL */
} Row;

typedef struct {
  Cursor cursor;
  Inner inner;
  Loaded *model; /* held */
  bert_text prompt;
  int prompted;
  int limit;         /* rows of the next window */
  int count, at;     /* rows of this window, and which of them is the current one */
  int embedded;      /* texts among them */
  Row *rows;         /* [MOST_ROWS] */
  bert_text *texts;  /* [MOST_ROWS] */
  char *bytes;       /* their texts, one after the other */
  size_t used, room;
  float *vectors;    /* [embedded][dimensions] */
  size_t vector_room;
} EmbedEach;

/* ---- reading a window ------------------------------------------------------------------------------------------- */

static void set_blob(sqlite3_value *key, int bytes, bert_err *e) {
  error_set(e, BERT_ARGUMENT, "the text of the row whose key is %s is a BLOB of %d byte%s, wanted TEXT",
            value_shown(key).text, bytes, bytes == 1 ? "" : "s");
}

static void read_text(EmbedEach *t, Row *row, bert_err *e) {
  sqlite3_stmt *s = t->inner.statement;
  int type = sqlite3_column_type(s, 1);
  row->vector = -1;
  if (type == SQLITE_NULL) return;
  if (type == SQLITE_BLOB) {
    set_blob(row->key, sqlite3_column_bytes(s, 1), e);
    return;
  }
  const char *text = (const char *)sqlite3_column_text(s, 1);
  size_t size = (size_t)sqlite3_column_bytes(s, 1);
  if (!text) error_set(e, BERT_NOMEM, "out of memory");
  if (!memory_grow(&t->bytes, &t->room, t->used + size + 1, 1, e)) return;
  memcpy(t->bytes + t->used, text, size);
  row->start = t->used;
  row->vector = t->embedded;
  t->texts[t->embedded++].size = size;
  t->used += size;
}

static void read_row(EmbedEach *t, bert_err *e) {
  Row *row = &t->rows[t->count];
  *row = (Row){.key = sqlite3_value_dup(sqlite3_column_value(t->inner.statement, 0))};
  if (!row->key) {
    error_set(e, BERT_NOMEM, "out of memory");
    return;
  }
  t->count++;
  read_text(t, row, e);
}

static void clear_window(EmbedEach *t) {
  for (int i = 0; i < t->count; i++) sqlite3_value_free(t->rows[i].key);
  t->count = t->at = t->embedded = 0;
  t->used = 0;
  if (t->room > KEPT_BYTES) { /* one long text among many is no reason to hold its size to the end */
    sqlite3_free(t->bytes);
    t->bytes = NULL;
    t->room = 0;
  }
}

static void read_window(EmbedEach *t, bert_err *e) {
  size_t most = (size_t)t->limit * BYTES_A_ROW;
  clear_window(t);
  while (t->count < t->limit && t->used < most && inner_step(&t->inner, e)) read_row(t, e);
  if (t->limit < MOST_ROWS) t->limit *= GROWTH;
  for (int i = 0; i < t->count; i++) /* only now do the bytes stay where they are */
    if (t->rows[i].vector >= 0) t->texts[t->rows[i].vector].data = t->bytes + t->rows[i].start;
}

static void embed_window(EmbedEach *t, bert_err *e) {
  size_t floats = (size_t)t->embedded * (size_t)t->model->info.dimensions;
  Watch watch;
  if (!memory_grow(&t->vectors, &t->vector_room, floats, sizeof *t->vectors, e) || t->embedded == 0) return;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_embed(t->model->session, t->texts, t->embedded, t->prompted ? &t->prompt : NULL, t->vectors, &watch.progress, e);
  watch_stop(&watch);
}

static void fill(EmbedEach *t, bert_err *e) {
  read_window(t, e);
  t->cursor.rc = t->inner.rc;
  t->cursor.done = t->count == 0;
  embed_window(t, e);
}

/* ---- the cursor ------------------------------------------------------------------------------------------------- */

static void open(Cursor *c, bert_err *e) {
  EmbedEach *t = (EmbedEach *)c;
  bert_text sql;
  value_text(c->arguments[SQL], "sql", &sql, e);
  t->model = connection_model(c->connection, c->arguments[MODEL], e);
  if (t->model) connection_hold(t->model);
  t->prompted = value_text(c->arguments[PROMPT], "prompt", &t->prompt, e);
  if (t->prompted) t->prompt = bert_model_prompt(t->model->model, t->prompt);
  t->rows = memory_new(MOST_ROWS, sizeof *t->rows, e);
  t->texts = memory_new(MOST_ROWS, sizeof *t->texts, e);
  t->limit = FIRST_ROWS;
  inner_open(&t->inner, c->connection, sql, 2, "key, text", e);
  c->rc = t->inner.rc;
  if (!e->code) fill(t, e);
}

static void next(Cursor *c, bert_err *e) {
  EmbedEach *t = (EmbedEach *)c;
  if (++t->at >= t->count) fill(t, e);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const EmbedEach *t = (EmbedEach *)c;
  const Row *row = &t->rows[t->at];
  int n = t->model->info.dimensions;
  if (i == 0) sqlite3_result_value(context, row->key);
  else if (row->vector >= 0) value_result_vector(context, t->vectors + (size_t)row->vector * (size_t)n, n);
}

static void close(Cursor *c) {
  EmbedEach *t = (EmbedEach *)c;
  inner_close(&t->inner);
  clear_window(t);
  sqlite3_free(t->rows);
  sqlite3_free(t->texts);
  sqlite3_free(t->bytes);
  sqlite3_free(t->vectors);
  connection_drop(c->connection, t->model);
  memset((char *)t + sizeof t->cursor, 0, sizeof *t - sizeof t->cursor);
}

const CursorKind tvf_embed_each = {sizeof(EmbedEach), open, next, column, close};
