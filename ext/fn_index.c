/* fn_index.c -- functions on indexes: 'rebuild' in steps that are committed one by one, and the memory of all indexes.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT bert_index_rebuild('notes_index');   -- 731000: vectors made; it went on where it was stopped, or killed
**    SELECT bert_index_memory(500000000);        -- bytes that this process may remember of the blocks of all indexes
**
** Each step of a rebuild is an INSERT of the command 'rebuild' that embeds 2048 texts, and SQLite commits it as any other
** statement. Nothing is locked between two of them, and others who wait to write get a turn then. Within a transaction
** (BEGIN) it is part of that one, like the command. */
#include "vtab_index.h"

static void failed(Call *call, int rc, bert_err *e) {
  call->rc = rc;
  error_sqlite(e, connection_db(call->connection), rc);
}

static sqlite3_stmt *prepare(Call *call, const IndexTable *t, bert_err *e) {
  sqlite3_stmt *s = NULL;
  char *sql = sqlite3_mprintf("INSERT INTO \"%w\".\"%w\"(\"%w\", rank) VALUES ('rebuild', ?1)", t->schema, t->name,
                              t->name);
  if (!sql) error_set(e, BERT_NOMEM, "out of memory");
  int rc = e->code ? SQLITE_OK : sqlite3_prepare_v2(connection_db(call->connection), sql, -1, &s, NULL);
  if (rc != SQLITE_OK) failed(call, rc, e);
  sqlite3_free(sql);
  return s;
}

void fn_index_rebuild(Call *call, bert_err *e) {
  enum { TURN = 100 }; /* ms: at least as often SQLite's busy handler looks */
  sqlite3 *db = connection_db(call->connection);
  const char *name = value_string(call->values[0], "index", e);
  sqlite3_stmt *held, *s = NULL;
  IndexSteps steps = {.job = NULL};
  if (!name) return;
  IndexTable *t = index_find(call->connection, name, &held, e);
  if (t) s = prepare(call, t, e);
  while (!e->code && !steps.is_complete) {
    sqlite3_bind_pointer(s, 1, &steps, INDEX_STEPS, NULL);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_DONE) rc = sqlite3_reset(s);
    if (rc != SQLITE_OK) failed(call, rc, e);
    else if (!steps.is_complete && sqlite3_get_autocommit(db)) sqlite3_sleep(TURN);
  }
  index_job_end(steps.job);
  sqlite3_finalize(s);
  sqlite3_finalize(held);
  if (!e->code) sqlite3_result_int64(call->context, steps.made);
}

/* No command of a table, as those may stand in a schema's triggers, and this is the process's. */
void fn_index_memory(Call *call, bert_err *e) {
  sqlite3_int64 bytes = value_integer(fn_value(call, 0), -1, 0, INT64_MAX, "bytes", e);
  bert_cache_info info;
  if (bytes >= 0 && !e->code) bert_cache_limit(bytes);
  bert_cache_describe(&info);
  if (!e->code) sqlite3_result_int64(call->context, info.limit);
}
