/* vtab_index_store.c -- the shadow tables of an index, and the statements on them.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT key, value FROM notes_index_config WHERE key = 'dimensions';   -- dimensions|384
**    SELECT name FROM pragma_table_list WHERE type = 'shadow';             -- notes_index_rows, notes_index_blocks, …
**
** What stands in which is drawn in vtab_index.h. Statements are prepared when first needed and kept; whoever takes one
** steps it to its end or resets it, as an open one holds a read transaction. */
#include "vtab_index.h"

#include <stdarg.h>
#include <string.h>

enum { FORMAT = 2 }; /* of the shadow tables and the codes in them; 1 turned vectors by other signs */

/* ---- errors ------------------------------------------------------------------------------------------------------ */

void index_failed(IndexTable *t, int rc, bert_err *e) {
  bert_code code = rc == SQLITE_INTERRUPT ? BERT_INTERRUPT : rc == SQLITE_NOMEM ? BERT_NOMEM : BERT_IO;
  if (e->code) return;
  t->rc = rc;
  error_set(e, code, "%s", sqlite3_errmsg(t->db));
}

void index_damaged(IndexTable *t, bert_err *e, const char *format, ...) {
  if (e->code) return;
  va_list ap;
  va_start(ap, format);
  char *text = sqlite3_vmprintf(format, ap);
  va_end(ap);
  t->rc = SQLITE_CORRUPT_VTAB;
  error_set(e, BERT_FORMAT, "the shadow tables are damaged: %s", text ? text : "");
  sqlite3_free(text);
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static const char *const texts[SQL_COUNT] = {
    [SQL_GET_CONFIG] = "SELECT value FROM \"%w\".\"%w_config\" WHERE key = ?1",
    [SQL_SET_CONFIG] = "REPLACE INTO \"%w\".\"%w_config\"(key, value) VALUES (?1, ?2)",
    [SQL_GET_ROW] = "SELECT slot, hash, \"partition\" FROM \"%w\".\"%w_rows\" WHERE id = ?1",
    [SQL_DELETE_ROW] = "DELETE FROM \"%w\".\"%w_rows\" WHERE id = ?1",
    [SQL_LAST_ROW] = "SELECT max(id) FROM \"%w\".\"%w_rows\"",
    [SQL_SET_SLOT] = "UPDATE \"%w\".\"%w_rows\" SET slot = ?2 WHERE id = ?1",
    [SQL_SET_MEANING] = "UPDATE \"%w\".\"%w_rows\" SET slot = ?2, hash = ?3 WHERE id = ?1",
    [SQL_DELETE_CONTENT] = "DELETE FROM \"%w\".\"%w_content\" WHERE id = ?1",
    [SQL_LAST_BLOCK] = "SELECT max(block) FROM \"%w\".\"%w_blocks\"",
    [SQL_FREE_BLOCKS] =
        "SELECT block FROM \"%w\".\"%w_blocks\" WHERE \"partition\" = ?1 AND list = ?2 AND count < ?3 AND block > ?4",
    [SQL_GET_BLOCK] = "SELECT \"partition\", list, count, places FROM \"%w\".\"%w_blocks\" WHERE block = ?1",
    [SQL_PUT_BLOCK] = ("REPLACE INTO \"%w\".\"%w_blocks\"(block, stamp, \"partition\", list, count, places) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
    [SQL_DELETE_BLOCK] = "DELETE FROM \"%w\".\"%w_blocks\" WHERE block = ?1",
    [SQL_ALL_BLOCKS] = "SELECT block, stamp, \"partition\", list, count FROM \"%w\".\"%w_blocks\" ORDER BY block",
    [SQL_GET_CODES] = "SELECT data FROM \"%w\".\"%w_codes\" WHERE block = ?1",
    [SQL_PUT_CODES] = "REPLACE INTO \"%w\".\"%w_codes\"(block, data) VALUES (?1, ?2)",
    [SQL_DELETE_CODES] = "DELETE FROM \"%w\".\"%w_codes\" WHERE block = ?1",
    [SQL_GET_PART] = "SELECT data FROM \"%w\".\"%w_vectors\" WHERE part = ?1",
    [SQL_PUT_PART] = "REPLACE INTO \"%w\".\"%w_vectors\"(part, data) VALUES (?1, ?2)",
    [SQL_ALL_LISTS] = "SELECT block, stamp FROM \"%w\".\"%w_lists\" ORDER BY block",
    [SQL_GET_LISTS] = "SELECT data FROM \"%w\".\"%w_lists\" WHERE block = ?1",
    [SQL_PUT_LISTS] = "REPLACE INTO \"%w\".\"%w_lists\"(block, stamp, data, centroids) VALUES (?1, ?2, ?3, ?4)",
    [SQL_GET_CENTROIDS] = "SELECT centroids FROM \"%w\".\"%w_lists\" ORDER BY block",
    [SQL_DELETE_PARTS] = "DELETE FROM \"%w\".\"%w_vectors\" WHERE part BETWEEN ?1 AND ?2",
};

/* Appends each column of a kind, by a format that takes its number. */
static int append_kind(const IndexTable *t, sqlite3_str *s, IndexKind kind, const char *format) {
  int n = 0;
  for (int i = 0; i < t->columns.count; i++)
    if (t->columns.columns[i].kind == kind) sqlite3_str_appendf(s, format, i), n++;
  return n;
}

static void append_row_values(const IndexTable *t, sqlite3_str *s) {
  int n = 4;
  for (int i = 0; i < t->columns.count; i++)
    if (t->columns.columns[i].kind == INDEX_METADATA) sqlite3_str_appendf(s, ", ?%d", ++n);
}

static void append_put_row(const IndexTable *t, sqlite3_str *s) {
  sqlite3_str_appendf(s, "INSERT INTO \"%w\".\"%w_rows\"(id, slot, hash, \"partition\"", t->schema, t->name);
  append_kind(t, s, INDEX_METADATA, ", c%d");
  sqlite3_str_appendall(s, ") VALUES (?1, ?2, ?3, ?4");
  append_row_values(t, s);
  sqlite3_str_appendall(s, ")");
}

static void append_change_row(const IndexTable *t, sqlite3_str *s) {
  int n = 4;
  sqlite3_str_appendf(s, "UPDATE \"%w\".\"%w_rows\" SET id = ?1, slot = ?2, hash = ?3, \"partition\" = ?4", t->schema,
                      t->name);
  for (int i = 0; i < t->columns.count; i++)
    if (t->columns.columns[i].kind == INDEX_METADATA) sqlite3_str_appendf(s, ", c%d = ?%d", i, ++n);
  sqlite3_str_appendf(s, " WHERE id = ?%d", n + 1);
}

static void append_put_content(const IndexTable *t, sqlite3_str *s) {
  int n = 0;
  sqlite3_str_appendf(s, "REPLACE INTO \"%w\".\"%w_content\"(id", t->schema, t->name);
  for (int i = 0; i < t->columns.count; i++)
    if (index_in_content(&t->columns, i)) sqlite3_str_appendf(s, ", c%d", i), n++;
  sqlite3_str_appendall(s, ") VALUES (?1");
  for (int i = 0; i < n; i++) sqlite3_str_appendf(s, ", ?%d", i + 2);
  sqlite3_str_appendall(s, ")");
}

/* slot, hash, partition, then a result for each column, from wherever it is. */
static void append_get_columns(const IndexTable *t, sqlite3_str *s) {
  const IndexSchema *x = &t->columns;
  int own = 0, others = 0;
  sqlite3_str_appendall(s, "SELECT r.slot, r.hash, r.\"partition\"");
  for (int i = 0; i < x->count; i++) {
    IndexKind kind = x->columns[i].kind;
    if (kind == INDEX_METADATA) sqlite3_str_appendf(s, ", r.c%d", i);
    else if (kind == INDEX_PARTITION) sqlite3_str_appendf(s, ", p.c%d", i);
    else if (index_in_content(x, i)) sqlite3_str_appendf(s, ", c.c%d", i), own = 1;
    else if (kind != INDEX_VECTOR && index_is_external(x))
      sqlite3_str_appendf(s, ", o.\"%w\"", x->columns[i].name), others = 1;
    else sqlite3_str_appendall(s, ", NULL");
  }
  sqlite3_str_appendf(s, " FROM \"%w\".\"%w_rows\" r", t->schema, t->name);
  if (own) sqlite3_str_appendf(s, " LEFT JOIN \"%w\".\"%w_content\" c ON c.id = r.id", t->schema, t->name);
  if (others)
    sqlite3_str_appendf(s, " LEFT JOIN \"%w\".\"%w\" o ON o.\"%w\" = r.id", t->schema, x->content,
                        x->content_rowid ? x->content_rowid : "rowid");
  if (index_has_kind(x, INDEX_PARTITION))
    sqlite3_str_appendf(s, " LEFT JOIN \"%w\".\"%w_partitions\" p ON p.id = r.\"partition\"", t->schema, t->name);
  sqlite3_str_appendall(s, " WHERE r.id = ?1");
}

static void append_find_partition(const IndexTable *t, sqlite3_str *s) {
  int n = 0;
  sqlite3_str_appendf(s, "SELECT id FROM \"%w\".\"%w_partitions\" WHERE 1", t->schema, t->name);
  for (int i = 0; i < t->columns.count; i++)
    if (t->columns.columns[i].kind == INDEX_PARTITION) sqlite3_str_appendf(s, " AND c%d COLLATE BINARY IS ?%d", i, ++n);
}

static void append_put_partition(const IndexTable *t, sqlite3_str *s) {
  sqlite3_str_appendf(s, "INSERT INTO \"%w\".\"%w_partitions\"(id", t->schema, t->name);
  int n = append_kind(t, s, INDEX_PARTITION, ", c%d");
  sqlite3_str_appendall(s, ") VALUES (NULL");
  for (int i = 1; i <= n; i++) sqlite3_str_appendf(s, ", ?%d", i);
  sqlite3_str_appendall(s, ")");
}

static char *text_of(const IndexTable *t, IndexSql which) {
  if (texts[which]) return sqlite3_mprintf(texts[which], t->schema, t->name);
  sqlite3_str *s = sqlite3_str_new(t->db);
  switch (which) {
    case SQL_PUT_ROW: append_put_row(t, s); break;
    case SQL_CHANGE_ROW: append_change_row(t, s); break;
    case SQL_PUT_CONTENT: append_put_content(t, s); break;
    case SQL_GET_COLUMNS: append_get_columns(t, s); break;
    case SQL_FIND_PARTITION: append_find_partition(t, s); break;
    default: append_put_partition(t, s); break;
  }
  return sqlite3_str_finish(s);
}

sqlite3_stmt *index_prepare(IndexTable *t, char *sql, unsigned flags, bert_err *e) {
  sqlite3_stmt *s = NULL;
  if (!sql) error_set(e, BERT_NOMEM, "out of memory");
  int rc = e->code ? SQLITE_OK : sqlite3_prepare_v3(t->db, sql, -1, flags, &s, NULL);
  sqlite3_free(sql);
  if (rc != SQLITE_OK) index_failed(t, rc, e);
  return s;
}

sqlite3_stmt *index_sql(IndexTable *t, IndexSql which, bert_err *e) {
  if (e->code) return NULL;
  sqlite3_stmt **s = &t->statements[which];
  if (*s) sqlite3_reset(*s);
  else *s = index_prepare(t, text_of(t, which), SQLITE_PREPARE_PERSISTENT, e);
  return *s;
}

int index_step(IndexTable *t, sqlite3_stmt *s, bert_err *e) {
  if (e->code) { /* what came of its last row: no statement is left open for that */
    sqlite3_reset(s);
    return 0;
  }
  t->own_statements++;
  int rc = sqlite3_step(s);
  t->own_statements--;
  if (rc == SQLITE_ROW) return 1;
  if (rc != SQLITE_DONE) index_failed(t, rc, e);
  sqlite3_reset(s);
  return 0;
}

void index_run(IndexTable *t, sqlite3_stmt *s, bert_err *e) {
  while (index_step(t, s, e)) continue;
}

void index_exec(IndexTable *t, const char *format, bert_err *e) {
  if (e->code) return;
  sqlite3_stmt *s = index_prepare(t, sqlite3_mprintf(format, t->schema, t->name), 0, e);
  if (!e->code) index_run(t, s, e);
  sqlite3_finalize(s);
}

void index_finalize(IndexTable *t) {
  for (int i = 0; i < SQL_COUNT; i++) sqlite3_finalize(t->statements[i]);
  for (int i = 0; i < INDEX_FILTERS_KEPT; i++) sqlite3_finalize(t->filters[i]);
  memset(t->statements, 0, sizeof t->statements);
  memset(t->filters, 0, sizeof t->filters);
  t->row_owner = NULL;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

const char *const index_shadows[] =
    {"config", "partitions", "blocks", "codes", "vectors", "rows", "content", "lists", NULL};

/* CREATE TABLE of a shadow table with the columns that `has` says, typed as declared. */
static void create_with_columns(IndexTable *t, const char *shadow, const char *first,
                                int (*has)(const IndexSchema *, int), bert_err *e) {
  if (e->code) return;
  sqlite3_str *s = sqlite3_str_new(t->db);
  int n = 0;
  sqlite3_str_appendf(s, "CREATE TABLE \"%w\".\"%w_%s\"(%s", t->schema, t->name, shadow, first);
  for (int i = 0; i < t->columns.count; i++)
    if (has(&t->columns, i)) sqlite3_str_appendf(s, ", c%d %s", i, t->columns.columns[i].type), n++;
  sqlite3_str_appendall(s, ")");
  char *sql = sqlite3_str_finish(s);
  if (n == 0 && strcmp(shadow, "rows")) {
    sqlite3_free(sql);
    return;
  }
  sqlite3_stmt *statement = index_prepare(t, sql, 0, e);
  if (!e->code) index_run(t, statement, e);
  sqlite3_finalize(statement);
}

static int is_metadata(const IndexSchema *s, int i) { return s->columns[i].kind == INDEX_METADATA; }
static int is_partition(const IndexSchema *s, int i) { return s->columns[i].kind == INDEX_PARTITION; }

static void create_index(IndexTable *t, const char *shadow, const char *columns, bert_err *e) {
  char *sql = sqlite3_mprintf("CREATE INDEX \"%w\".\"%w_%s_%llx\" ON \"%w_%s\"(%s)", t->schema, t->name, shadow,
                              (unsigned long long)index_random(), t->name, shadow, columns);
  sqlite3_stmt *s = index_prepare(t, sql, 0, e);
  if (!e->code) index_run(t, s, e);
  sqlite3_finalize(s);
}

/* One for free places, and one for each metadata column, which finds the slots of a condition without the table. ALTER
** TABLE renames no index of a shadow table, so their names are random: the table's old name stays free for another one.
** */
static void create_indexes(IndexTable *t, bert_err *e) {
  create_index(t, "blocks", "\"partition\", list, count", e);
  for (int i = 0; i < t->columns.count && !e->code; i++) {
    char columns[32];
    if (t->columns.columns[i].kind != INDEX_METADATA) continue;
    sqlite3_snprintf(sizeof columns, columns, "c%d, slot", i);
    create_index(t, "rows", columns, e);
  }
}

void index_store_create(IndexTable *t, bert_err *e) {
  index_exec(t, "CREATE TABLE \"%w\".\"%w_config\"(key TEXT PRIMARY KEY, value) WITHOUT ROWID", e);
  index_exec(t, "CREATE TABLE \"%w\".\"%w_blocks\"(block INTEGER PRIMARY KEY, stamp INTEGER, \"partition\" INTEGER, "
                "list INTEGER, count INTEGER, places BLOB)", e);
  index_exec(t, "CREATE TABLE \"%w\".\"%w_codes\"(block INTEGER PRIMARY KEY, data BLOB)", e);
  index_exec(t, "CREATE TABLE \"%w\".\"%w_vectors\"(part INTEGER PRIMARY KEY, data BLOB)", e);
  if (t->columns.approximate)
    index_exec(t, "CREATE TABLE \"%w\".\"%w_lists\"(block INTEGER PRIMARY KEY, stamp INTEGER, data BLOB, "
                  "centroids BLOB)", e);
  create_with_columns(t, "rows", "id INTEGER PRIMARY KEY, slot INTEGER, hash INTEGER, \"partition\" INTEGER",
                      is_metadata, e);
  create_with_columns(t, "partitions", "id INTEGER PRIMARY KEY", is_partition, e);
  create_with_columns(t, "content", "id INTEGER PRIMARY KEY", index_in_content, e);
  create_indexes(t, e);
  index_set_config(t, "format", FORMAT, e);
  index_set_config(t, "dimensions", t->dimensions, e);
  index_set_config_text(t, "model_hash", t->model_hash, e);
  index_set_config(t, "stamp", (sqlite3_int64)index_random(), e);
}

void index_store_drop(IndexTable *t, bert_err *e) {
  index_finalize(t);
  for (int i = 0; index_shadows[i] && !e->code; i++) {
    char *sql = sqlite3_mprintf("DROP TABLE IF EXISTS \"%w\".\"%w_%s\"", t->schema, t->name, index_shadows[i]);
    sqlite3_stmt *s = index_prepare(t, sql, 0, e);
    if (!e->code) index_run(t, s, e);
    sqlite3_finalize(s);
  }
}

void index_store_rename(IndexTable *t, const char *name, bert_err *e) {
  index_finalize(t);
  for (int i = 0; index_shadows[i] && !e->code; i++) {
    char *table = sqlite3_mprintf("%s_%s", t->name, index_shadows[i]);
    int there = table &&
        sqlite3_table_column_metadata(t->db, t->schema, table, NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
    char *sql =
        sqlite3_mprintf("ALTER TABLE \"%w\".\"%w\" RENAME TO \"%w_%s\"", t->schema, table, name, index_shadows[i]);
    sqlite3_free(table);
    if (!there) {
      sqlite3_free(sql);
      continue;
    }
    sqlite3_stmt *s = index_prepare(t, sql, 0, e);
    if (!e->code) index_run(t, s, e);
    sqlite3_finalize(s);
  }
}

/* ---- the configuration ------------------------------------------------------------------------------------------- */

sqlite3_int64 index_get_config(IndexTable *t, const char *key, sqlite3_int64 otherwise, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_GET_CONFIG, e);
  if (!s) return otherwise;
  sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
  if (index_step(t, s, e)) otherwise = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  return otherwise;
}

void index_set_config(IndexTable *t, const char *key, sqlite3_int64 value, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_SET_CONFIG, e);
  if (!s) return;
  sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_int64(s, 2, value);
  index_run(t, s, e);
}

void index_set_config_text(IndexTable *t, const char *key, const char *value, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_SET_CONFIG, e);
  if (!s) return;
  sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_text(s, 2, value, -1, SQLITE_TRANSIENT);
  index_run(t, s, e);
}

void index_set_model(IndexTable *t, int dimensions, const char *hash) {
  if (dimensions == t->dimensions && !strcmp(hash, t->model_hash)) return;
  t->dimensions = dimensions;
  sqlite3_snprintf(sizeof t->model_hash, t->model_hash, "%s", hash);
  t->models++;
  index_forget_question(t);
}

void index_read_config(IndexTable *t, bert_err *e) {
  sqlite3_int64 format = index_get_config(t, "format", 0, e), dimensions = index_get_config(t, "dimensions", 0, e);
  if (!e->code && format != FORMAT)
    index_damaged(t, e, "%s_config says format %lld, wanted %d", t->name, (long long)format, FORMAT);
  if (!e->code && (dimensions < 1 || dimensions > INDEX_DIMENSIONS_MAX ||
                   (t->columns.vector >= 0 && dimensions != t->columns.dimensions)))
    index_damaged(t, e, "%s_config says %lld dimensions", t->name, (long long)dimensions);
  sqlite3_stmt *s = index_sql(t, SQL_GET_CONFIG, e);
  if (!s) return;
  sqlite3_bind_text(s, 1, "model_hash", -1, SQLITE_STATIC);
  const char *hash = index_step(t, s, e) ? (const char *)sqlite3_column_text(s, 0) : NULL;
  char own[sizeof t->model_hash];
  sqlite3_snprintf(sizeof own, own, "%s", hash ? hash : "");
  sqlite3_reset(s);
  if (e->code) return;
  index_set_model(t, (int)dimensions, own);
  t->is_config_known = 1;
}

void index_need_config(IndexTable *t, bert_err *e) {
  if (!t->is_config_known) index_read_config(t, e);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

uint64_t index_random(void) {
  uint64_t x = 0;
  while (x == 0) sqlite3_randomness(sizeof x, &x);
  return x;
}

static uint64_t stirred(uint64_t h, uint64_t word) {
  h = (h ^ word) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

uint64_t index_hash(const void *data, size_t size, uint64_t seed) {
  const unsigned char *p = data;
  uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3}, word;
  size_t left = size;
  for (; left >= 32; p += 32, left -= 32) /* four lanes, as one would wait for its multiplications */
    for (int i = 0; i < 4; i++) lane[i] = stirred(lane[i], index_get64(p + i * 8));
  for (; left > 0; left -= left < 8 ? left : 8, p += 8) {
    word = 0;
    for (size_t b = left < 8 ? left : 8; b-- > 0;) word = word << 8 | p[b];
    lane[0] = stirred(lane[0], word);
  }
  uint64_t h = stirred(size, lane[0]);
  for (int i = 1; i < 4; i++) h = stirred(h, lane[i]);
  return stirred(h, 0);
}
