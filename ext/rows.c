/* rows.c -- all rows of a query, copied, for what reads them long after it has ended.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT * FROM bert_evaluate('classify', 'SELECT body, label FROM reviews', '{"model":"m"}');
**    SELECT * FROM bert_train_vocab('SELECT body FROM notes');
**
** Training lasts for hours, and a read transaction held that long makes a later write of this connection fail once
** another one has committed: so the rows are copied first, and the query is over before the work begins. Memory is the
** rows' own size; at most 2 GiB are taken (engine/base/rows.h). */
#include "ext.h"

static bert_rows *new_rows(const Inner *inner, bert_err *e) {
  const char **names = memory_new((size_t)sqlite3_column_count(inner->statement), sizeof *names, e);
  int n = e->code ? 0 : sqlite3_column_count(inner->statement);
  for (int i = 0; i < n; i++) {
    names[i] = sqlite3_column_name(inner->statement, i);
    if (!names[i]) error_set(e, BERT_NOMEM, "out of memory");
  }
  bert_rows *r = e->code ? NULL : bert_rows_new(n, names, e);
  sqlite3_free(names);
  return r;
}

static void add_cell(bert_rows *r, sqlite3_stmt *s, int i, bert_err *e) {
  int type = sqlite3_column_type(s, i);
  if (type == SQLITE_NULL) bert_rows_null(r, e);
  else if (type == SQLITE_INTEGER) bert_rows_integer(r, sqlite3_column_int64(s, i), e);
  else if (type == SQLITE_FLOAT) bert_rows_real(r, sqlite3_column_double(s, i), e);
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) return;
  bert_text x = {type == SQLITE_TEXT ? (const char *)sqlite3_column_text(s, i) : sqlite3_column_blob(s, i), 0};
  x.size = (size_t)sqlite3_column_bytes(s, i);
  if (!x.data && (x.size || type == SQLITE_TEXT)) error_set(e, BERT_NOMEM, "out of memory");
  else if (type == SQLITE_TEXT) bert_rows_text(r, x, e);
  else bert_rows_blob(r, x, e);
}

bert_rows *rows_copy(Connection *c, sqlite3_value *sql, int fewest, int most, const char *columns, int *rc,
                     bert_err *e) {
  bert_text text;
  value_text(sql, "sql", &text, e);
  return rows_copy_text(c, text, fewest, most, columns, rc, e);
}

bert_rows *rows_copy_text(Connection *c, bert_text text, int fewest, int most, const char *columns, int *rc,
                          bert_err *e) {
  Inner inner = {0};
  inner_open(&inner, c, text, fewest, most, columns, e);
  bert_rows *r = e->code ? NULL : new_rows(&inner, e);
  while (inner_step(&inner, e)) {
    int n = sqlite3_column_count(inner.statement);
    for (int i = 0; i < n; i++) add_cell(r, inner.statement, i, e);
  }
  *rc = inner.rc;
  inner_close(&inner);
  if (!e->code) return r;
  bert_rows_free(r);
  return NULL;
}
