/* vtab_index_salvage.c -- vectors that an interrupted command had made, for the next one of the connection.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('rebuild');   -- Ctrl-C: … interrupted; 731000 vectors are kept …
**    INSERT INTO notes_index(notes_index) VALUES ('rebuild');   -- goes on from there
**
** SQLite undoes a statement that is interrupted, whatever it had written. So the vectors of a 'rebuild' or 'reembed' are
** put into a temporary database besides, a file that SQLite deletes with its connection, by the hash of their text and
** model; they are taken from there, instead of embedded, until such a command is committed. Where that database cannot
** be had (memory, disk, a build whose temporary files are memory) there is none, and nothing else changes.
**
** Cost: 10 us and the vector's bytes a row. */
#include "vtab_index.h"

#include <string.h>

struct IndexSalvage {
  sqlite3 *db; /* NULL: could not be had, or is lost */
  sqlite3_stmt *put, *get;
  sqlite3_int64 count;
};

static void lose(IndexSalvage *x) {
  sqlite3_finalize(x->put);
  sqlite3_finalize(x->get);
  sqlite3_close(x->db);
  *x = (IndexSalvage){.db = NULL};
}

void index_salvage_forget(Connection *c) {
  IndexSalvage **x = connection_salvage(c);
  if (!*x) return;
  lose(*x);
  sqlite3_free(*x);
  *x = NULL;
}

/* Of the connection, made when first asked for; NULL where it cannot be had. */
static IndexSalvage *take(Connection *c) {
  enum { FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX };
  IndexSalvage **x = connection_salvage(c);
  if (*x) return (*x)->db ? *x : NULL;
  bert_err e = {0};
  *x = memory_new(1, sizeof **x, &e);
  if (!*x || sqlite3_compileoption_used("TEMP_STORE=3")) return NULL;
  int rc = sqlite3_open_v2("", &(*x)->db, FLAGS, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec((*x)->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE v(a, b, data); "
                                "CREATE UNIQUE INDEX i ON v(a, b); BEGIN", NULL, NULL, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_prepare_v2((*x)->db, "INSERT OR IGNORE INTO v VALUES (?1, ?2, ?3)", -1, &(*x)->put, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_prepare_v2((*x)->db, "SELECT data FROM v WHERE a = ?1 AND b = ?2", -1, &(*x)->get, NULL);
  if (rc != SQLITE_OK) lose(*x);
  return (*x)->db ? *x : NULL;
}

/* 128 bits tell a text and its model from all others. */
static void bind_key(const IndexTable *t, sqlite3_stmt *s, const char *text, size_t size) {
  sqlite3_int64 a = index_text_hash(t, text, size);
  sqlite3_bind_int64(s, 1, a);
  sqlite3_bind_int64(s, 2, (sqlite3_int64)index_hash(text, size, ~(uint64_t)a));
}

int index_salvage_get(IndexTable *t, const char *text, size_t size, float *v) {
  IndexSalvage *x = take(t->connection);
  size_t bytes = (size_t)t->dimensions * sizeof *v;
  if (!x || x->count == 0) return 0;
  bind_key(t, x->get, text, size);
  int found = sqlite3_step(x->get) == SQLITE_ROW && (size_t)sqlite3_column_bytes(x->get, 0) == bytes;
  if (found) memcpy(v, sqlite3_column_blob(x->get, 0), bytes);
  sqlite3_reset(x->get);
  return found;
}

void index_salvage_put(IndexTable *t, const char *text, size_t size, const float *v) {
  IndexSalvage *x = take(t->connection);
  if (!x) return;
  bind_key(t, x->put, text, size);
  sqlite3_bind_blob64(x->put, 3, v, (size_t)t->dimensions * sizeof *v, SQLITE_STATIC);
  sqlite3_step(x->put);
  if (sqlite3_reset(x->put) != SQLITE_OK) lose(x);
  else x->count += sqlite3_changes(x->db);
}

char *index_salvage_text(const IndexTable *t) {
  const IndexSalvage *x = *connection_salvage(t->connection);
  if (!t->is_salvaging || !x || x->count == 0) return NULL;
  return sqlite3_mprintf("bert_index %s: interrupted; %lld vectors are kept, and the command goes on from there when it "
                         "is run again by this connection", t->name, x->count);
}
