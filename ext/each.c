/* each.c -- the rows of a query in windows, so that the engine has many texts at a time.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT key, embedding FROM bert_embed_each('SELECT id, body FROM notes');        -- key, text
**    SELECT key, label FROM bert_classify_each('SELECT id, premise, claim FROM t');   -- key, text, pair
**
**    query -> window of rows: keys, texts -> (bert_embed, bert_classify) -> rows, in the query's order -> next window
**
** Windows grow: 8 rows, 64, 512, 2048, a KiB of text a row, so that LIMIT 1 costs little and long runs go at full
** speed; memory is bounded by one window (and its longest text), whatever the number of rows. Keys come back as they
** were. A row whose text is NULL has no item, and so NULL for an answer; a pair that is NULL is absent. */
#include "ext.h"

#include <string.h>

enum { FIRST_ROWS = 8, GROWTH = 8, MOST_ROWS = 2048, BYTES_A_ROW = 1024, KEPT_BYTES = 4 << 20 };

static void set_blob(const EachRow *row, const char *what, int bytes, bert_err *e) {
  error_set(e, BERT_ARGUMENT, "the %s of the row whose key is %s is a BLOB of %d byte%s, wanted TEXT", what,
            value_shown(row->key).text, bytes, bytes == 1 ? "" : "s");
}

/* Copies the text of column 1 or the pair of column 2; 0 where it is NULL. Its address is set when the window is full:
** only then do the bytes stay where they are. */
static int read_text(Each *x, EachRow *row, int column, size_t *size, bert_err *e) {
  sqlite3_stmt *s = x->inner.statement;
  int type = sqlite3_column_type(s, column);
  if (type == SQLITE_NULL) return 0;
  if (type == SQLITE_BLOB) {
    set_blob(row, column == 1 ? "text" : "pair", sqlite3_column_bytes(s, column), e);
    return 0;
  }
  const char *text = (const char *)sqlite3_column_text(s, column);
  *size = (size_t)sqlite3_column_bytes(s, column);
  if (!text) error_set(e, BERT_NOMEM, "out of memory");
  if (!memory_grow(&x->bytes, &x->room, x->used + *size + 1, 1, e)) return 0;
  memcpy(x->bytes + x->used, text, *size);
  row->start[column - 1] = x->used;
  x->used += *size + 1;
  return 1;
}

static void read_numbers(Each *x, const EachRow *row, bert_err *e) {
  float *to = x->numbers + (size_t)row->item * (size_t)x->features;
  for (int k = 0; k < x->features && !e->code; k++) {
    bert_err wrong = {0};
    to[k] = value_feature(sqlite3_column_value(x->inner.statement, 3 + k), bert_model_feature(x->model, k), &wrong);
    if (wrong.code) error_set(e, wrong.code, "the row whose key is %s: %s", value_shown(row->key).text, wrong.text);
  }
}

enum { ABSENT = -1 };

static void read_row(Each *x, bert_err *e) {
  EachRow *row = &x->rows[x->count];
  size_t text, pair;
  *row = (EachRow){.key = sqlite3_value_dup(sqlite3_column_value(x->inner.statement, 0)), .item = ABSENT};
  if (!row->key) {
    error_set(e, BERT_NOMEM, "out of memory");
    return;
  }
  x->count++;
  if (!read_text(x, row, 1, &text, e)) return;
  row->item = x->items++;
  x->texts[row->item].size = text;
  read_numbers(x, row, e);
  if (!x->paired) return;
  int has_pair = read_text(x, row, 2, &pair, e);
  row->start[1] = has_pair ? row->start[1] : (size_t)ABSENT;
  x->pairs[row->item] = (bert_text){NULL, has_pair ? pair : 0};
}

static void clear_window(Each *x) {
  for (int i = 0; i < x->count; i++) sqlite3_value_free(x->rows[i].key);
  x->count = x->at = x->items = 0;
  x->used = 0;
  if (x->room > KEPT_BYTES) { /* one long text among many is no reason to hold its size to the end */
    sqlite3_free(x->bytes);
    x->bytes = NULL;
    x->room = 0;
  }
}

static void read_window(Each *x, bert_err *e) {
  size_t most = (size_t)x->limit * BYTES_A_ROW;
  clear_window(x);
  while (x->count < x->limit && x->used < most && inner_step(&x->inner, e)) read_row(x, e);
  if (x->limit < MOST_ROWS) x->limit *= GROWTH;
  if (x->limit > MOST_ROWS) x->limit = MOST_ROWS;
  for (int i = 0; i < x->count; i++) {
    const EachRow *row = &x->rows[i];
    if (row->item < 0) continue;
    x->texts[row->item].data = x->bytes + row->start[0];
    if (x->paired && row->start[1] != (size_t)ABSENT) x->pairs[row->item].data = x->bytes + row->start[1];
  }
}

void each_open(Each *x, Connection *c, sqlite3_value *sql, int most, const char *columns, bert_err *e) {
  bert_text text;
  value_text(sql, "sql", &text, e);
  x->rows = memory_new(MOST_ROWS, sizeof *x->rows, e);
  x->texts = memory_new(MOST_ROWS, sizeof *x->texts, e);
  int all = x->features ? 3 + x->features : most;
  inner_open(&x->inner, c, text, x->features ? all : 2, all, columns, e);
  if (x->features) x->numbers = memory_new((size_t)MOST_ROWS * (size_t)x->features, sizeof *x->numbers, e);
  x->paired = !e->code && sqlite3_column_count(x->inner.statement) >= 3;
  if (x->paired) x->pairs = memory_new(MOST_ROWS, sizeof *x->pairs, e);
  x->limit = FIRST_ROWS;
}

int each_next(Each *x, bert_err *e) {
  if (e->code || (x->count && ++x->at < x->count)) return 0;
  read_window(x, e);
  return 1;
}

void each_close(Each *x) {
  inner_close(&x->inner);
  clear_window(x);
  sqlite3_free(x->rows);
  sqlite3_free(x->texts);
  sqlite3_free(x->pairs);
  sqlite3_free(x->bytes);
  sqlite3_free(x->numbers);
  memset(x, 0, sizeof *x);
}
