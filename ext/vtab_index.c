/* vtab_index.c -- bert_index: a virtual table that finds rows by meaning.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    CREATE VIRTUAL TABLE notes_index USING bert_index(body, category TEXT);
**    SELECT rowid, distance FROM notes_index WHERE body MATCH 'how do I reset my password' AND k = 10;
**
** This file is the module: making, opening, renaming and dropping a table, and its part in transactions. What else
** there is stands in vtab_index.h. A table is INNOCUOUS, as FTS5's are: triggers and views may use it whatever
** trusted_schema says, since it reads and writes its own shadow tables and its content alone. */
#include "vtab_index.h"

#include <string.h>

int index_fail(IndexTable *t, const bert_err *e) {
  if (t->is_rolled_back && !t->own_statements) index_discard(t);
  if (!e->code) return SQLITE_OK;
  char *name = sqlite3_mprintf("bert_index %s", t->name);
  sqlite3_free(t->base.zErrMsg);
  if (e->code == BERT_INTERRUPT) t->base.zErrMsg = index_salvage_text(t);
  else t->base.zErrMsg = name ? error_text(name, e) : NULL;
  t->is_salvaging = 0;
  sqlite3_free(name);
  int rc = t->rc ? t->rc : error_rc(e);
  return rc == SQLITE_ERROR && !t->base.zErrMsg ? SQLITE_NOMEM : rc;
}

void index_want_idle(const IndexTable *t, bert_err *e) {
  if (t->own_statements)
    error_set(e, BERT_ARGUMENT, "it is used by what it reads or writes itself, wanted content that is not made of the index");
}

/* ---- making and opening ------------------------------------------------------------------------------------------ */

static void free_table(IndexTable *t) {
  if (!t) return;
  IndexTable **at = connection_indexes(t->connection);
  while (*at && *at != t) at = &(*at)->next;
  if (*at) *at = t->next;
  index_finalize(t);
  index_discard(t);
  index_forget_question(t);
  index_schema_free(&t->columns);
  sqlite3_free(t->waiting);
  sqlite3_free(t->texts);
  sqlite3_free(t->map);
  sqlite3_free(t->partitions);
  sqlite3_free(t->lists);
  sqlite3_free(t->counts);
  sqlite3_free(t->list_map);
  sqlite3_free(t->schema);
  sqlite3_free(t->name);
  sqlite3_free(t->base.zErrMsg);
  sqlite3_free(t);
}

static IndexTable *new_table(sqlite3 *db, Connection *c, int argc, const char *const *argv, bert_err *e) {
  IndexTable *t = memory_new(1, sizeof *t, e);
  if (!t) return NULL;
  t->connection = c;
  t->db = db;
  t->columns.vector = -1;
  t->schema = sqlite3_mprintf("%s", argv[1]);
  t->name = sqlite3_mprintf("%s", argv[2]);
  if (!t->schema || !t->name) error_set(e, BERT_NOMEM, "out of memory");
  index_schema_read(&t->columns, argv[2], argc, argv, e);
  t->next = *connection_indexes(c);
  *connection_indexes(c) = t;
  return t;
}

static void declare(IndexTable *t, bert_err *e) {
  if (e->code) return;
  char *sql = index_schema_declaration(&t->columns, t->name);
  int rc = sql ? sqlite3_declare_vtab(t->db, sql) : SQLITE_NOMEM;
  sqlite3_free(sql);
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(t->db, SQLITE_VTAB_INNOCUOUS);
  if (rc == SQLITE_OK) rc = sqlite3_vtab_config(t->db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  if (rc != SQLITE_OK) index_failed(t, rc, e);
}

/* A new table takes its dimensions from its model, which therefore has to be there. */
static void settle_model(IndexTable *t, bert_err *e) {
  t->dimensions = t->columns.dimensions;
  if (t->columns.vector >= 0 || e->code) return;
  Loaded *m = index_model_any(t, e);
  if (!m) return;
  t->dimensions = m->info.dimensions;
  if (!t->dimensions)
    error_set(e, BERT_ARGUMENT, "the model %s reads no text, wanted one that gives vectors", m->shared->source);
  memcpy(t->model_hash, m->info.hash, sizeof t->model_hash);
}

static void check_content(IndexTable *t, bert_err *e) {
  const IndexSchema *s = &t->columns;
  if (e->code || !s->content || !*s->content) return;
  sqlite3_str *sql = sqlite3_str_new(t->db);
  sqlite3_str_appendf(sql, "SELECT o.\"%w\"", s->content_rowid ? s->content_rowid : "rowid");
  for (int i = 0; i < s->count; i++)
    if (i != s->vector) sqlite3_str_appendf(sql, ", o.\"%w\"", s->columns[i].name);
  sqlite3_str_appendf(sql, " FROM \"%w\".\"%w\" o", t->schema, s->content);
  sqlite3_finalize(index_prepare(t, sqlite3_str_finish(sql), 0, e));
}

static int open_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message,
                      int is_new) {
  bert_err e = {0};
  IndexTable *t = new_table(db, aux, argc, argv, &e);
  declare(t, &e);
  if (is_new && !e.code) {
    settle_model(t, &e);
    check_content(t, &e);
    index_store_create(t, &e);
  } /* else the configuration is read when it is needed, so that a damaged table can still be dropped */
  if (!e.code) {
    *out = &t->base;
    return SQLITE_OK;
  }
  int rc = t && t->rc ? t->rc : error_rc(&e);
  *message = error_text("bert_index", &e);
  free_table(t);
  return rc == SQLITE_ERROR && !*message ? SQLITE_NOMEM : rc;
}

static int create_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
  return open_table(db, aux, argc, argv, out, message, 1);
}

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                         char **message) {
  return open_table(db, aux, argc, argv, out, message, 0);
}

static int disconnect_table(sqlite3_vtab *vtab) {
  free_table((IndexTable *)vtab);
  return SQLITE_OK;
}

static int destroy_table(sqlite3_vtab *vtab) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  t->rc = 0;
  index_drop_triggers(t, &e);
  index_store_drop(t, &e);
  if (e.code) return index_fail(t, &e);
  free_table(t);
  return SQLITE_OK;
}

static int rename_table(sqlite3_vtab *vtab, const char *name) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  t->rc = 0;
  index_flush(t, &e);
  index_store_rename(t, name, &e);
  char *copy = sqlite3_mprintf("%s", name), *old = t->name;
  if (!copy) error_set(&e, BERT_NOMEM, "out of memory");
  if (!e.code) {
    t->name = copy;
    index_rename_triggers(t, &e);
  }
  if (t->name == copy) sqlite3_free(old);
  else sqlite3_free(copy);
  t->has_written = 0; /* SQLite makes another object of the table, which may have yet another name at COMMIT */
  return index_fail(t, &e);
}

static int is_shadow(const char *name) {
  for (int i = 0; index_shadows[i]; i++)
    if (!sqlite3_stricmp(name, index_shadows[i])) return 1;
  return 0;
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

/* Another connection may have written since the last one. */
static int begin(sqlite3_vtab *vtab) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  t->rc = 0;
  index_discard(t);
  t->is_config_known = 0;
  index_flush_twins(t, &e);
  return index_fail(t, &e);
}

static int write_pending(IndexTable *t) {
  bert_err e = {0};
  t->rc = 0;
  index_flush(t, &e);
  return index_fail(t, &e);
}

static int sync(sqlite3_vtab *vtab) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  t->rc = 0;
  if (!t->has_written && !t->is_changed) return SQLITE_OK;
  index_flush(t, &e);
  index_deal(t, 0, &e);
  return index_fail(t, &e);
}

/* SQLite undoes the transaction within one of our own statements where memory or the disk gives out: then whoever runs
** it still works on what is pending, and index_fail discards it. */
static int forget_pending(sqlite3_vtab *vtab) {
  IndexTable *t = (IndexTable *)vtab;
  t->has_salvaged = 0;
  t->is_rolled_back = 1;
  if (!t->own_statements) index_discard(t);
  return SQLITE_OK;
}

static int rollback(sqlite3_vtab *vtab) {
  ((IndexTable *)vtab)->is_config_known = 0; /* a reembed may have been undone */
  return forget_pending(vtab);
}

static int commit(sqlite3_vtab *vtab) {
  IndexTable *t = (IndexTable *)vtab;
  if (t->has_salvaged) index_salvage_forget(t->connection);
  return forget_pending(vtab);
}

static int savepoint(sqlite3_vtab *vtab, int n) {
  (void)n;
  return ((IndexTable *)vtab)->own_statements ? SQLITE_OK : write_pending((IndexTable *)vtab);
}

static int release(sqlite3_vtab *vtab, int n) {
  (void)vtab;
  (void)n;
  return SQLITE_OK;
}

/* What was pending at the savepoint had been written then, so all that is pending now came after it. */
static int rollback_to(sqlite3_vtab *vtab, int n) {
  IndexTable *t = (IndexTable *)vtab;
  (void)n;
  if (t->own_statements) return SQLITE_OK; /* one of them failed, and whoever runs it goes on from there */
  index_discard(t);
  t->is_config_known = 0; /* as in rollback */
  return SQLITE_OK;
}

/* ---- PRAGMA integrity_check -------------------------------------------------------------------------------------- */

static int integrity(sqlite3_vtab *vtab, const char *schema, const char *name, int flags, char **message) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  (void)schema;
  (void)name;
  (void)flags;
  t->rc = 0;
  char *found = index_check(t, &e);
  if (e.code == BERT_NOMEM || e.code == BERT_INTERRUPT) return index_fail(t, &e);
  const char *text = e.code ? e.text : found;
  *message = text ? sqlite3_mprintf("bert_index %s: %s", t->name, text) : NULL;
  sqlite3_free(found);
  return SQLITE_OK;
}

/* ---- the module -------------------------------------------------------------------------------------------------- */

/* Headers older than 3.44 lack xIntegrity, which comes after the members that they know. */
typedef struct {
  sqlite3_module base;
#if SQLITE_VERSION_NUMBER < 3044000
  int (*xIntegrity)(sqlite3_vtab *, const char *, const char *, int, char **);
#endif
} Module;

#define MEMBERS(version)                                                                                              \
  .iVersion = (version), .xCreate = create_table, .xConnect = connect_table, .xBestIndex = index_best,                 \
  .xDisconnect = disconnect_table, .xDestroy = destroy_table, .xOpen = index_open, .xClose = index_close,              \
  .xFilter = index_filter, .xNext = index_next, .xEof = index_eof, .xColumn = index_column, .xRowid = index_rowid,     \
  .xUpdate = index_update, .xBegin = begin, .xSync = sync, .xCommit = commit, .xRollback = rollback,             \
  .xRename = rename_table, .xSavepoint = savepoint, .xRelease = release, .xRollbackTo = rollback_to,                   \
  .xShadowName = is_shadow

static const sqlite3_module older = {MEMBERS(3)};
#if SQLITE_VERSION_NUMBER < 3044000
static const Module newer = {{MEMBERS(4)}, integrity};
#else
static const Module newer = {{MEMBERS(4), .xIntegrity = integrity}};
#endif

static void forget(void *p) { connection_release(p); }

int vtab_index_register(Connection *c) {
  const sqlite3_module *module = sqlite3_libversion_number() >= 3044000 ? &newer.base : &older;
  connection_ref(c);
  /* On failure it calls forget itself. */
  return sqlite3_create_module_v2(connection_db(c), "bert_index", module, c, forget);
}
