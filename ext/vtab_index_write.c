/* vtab_index_write.c -- INSERT, UPDATE, DELETE and REPLACE of an index's rows.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    REPLACE INTO notes_index(rowid, body, category) VALUES (7, 'restart the router', 'faq');
**    UPDATE notes_index SET category = 'news' WHERE rowid = 7;   -- embeds nothing: its text is the same
**
** What can be refused is refused before anything is written. A row's place among the shadow tables is written at once,
** so that conflicts and conditions see it; its vector waits (vtab_index_block.c), and its text for others to be
** embedded with. */
#include "vtab_index.h"

#include <string.h>

typedef struct {
  sqlite3_int64 slot; /* -1: none */
  int has_hash;
  sqlite3_int64 hash, partition;
} Row;

static int find_row(IndexTable *t, sqlite3_int64 rowid, Row *row, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_GET_ROW, e);
  if (!s) return 0;
  sqlite3_bind_int64(s, 1, rowid);
  if (!index_step(t, s, e)) return 0;
  row->slot = sqlite3_column_type(s, 0) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 0);
  row->has_hash = sqlite3_column_type(s, 1) != SQLITE_NULL;
  row->hash = sqlite3_column_int64(s, 1);
  row->partition = sqlite3_column_int64(s, 2);
  sqlite3_reset(s);
  if (row->slot != -1 && !index_is_block(row->slot / BERT_BLOCK_SLOTS))
    index_damaged(t, e, "row %lld has slot %lld", (long long)rowid, (long long)row->slot);
  return e->code == BERT_OK;
}

sqlite3_int64 index_slot_of(IndexTable *t, sqlite3_int64 rowid, bert_err *e) {
  Row row;
  return find_row(t, rowid, &row, e) ? row.slot : -1;
}

/* ---- pieces of a row --------------------------------------------------------------------------------------------- */

static int bind_kind(const IndexTable *t, sqlite3_stmt *s, IndexKind kind, int first, sqlite3_value **values) {
  for (int i = 0; i < t->columns.count; i++)
    if (t->columns.columns[i].kind == kind) sqlite3_bind_value(s, first++, values[i]);
  return first;
}

/* The number of the row's partition, new if nobody was in it; 0 in a table without partition keys. */
static sqlite3_int64 partition_of(IndexTable *t, sqlite3_value **values, bert_err *e) {
  sqlite3_int64 id = 0;
  if (!index_has_kind(&t->columns, INDEX_PARTITION)) return 0;
  sqlite3_stmt *s = index_sql(t, SQL_FIND_PARTITION, e);
  if (!s) return 0;
  bind_kind(t, s, INDEX_PARTITION, 1, values);
  if (index_step(t, s, e)) id = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  if (id || e->code || !(s = index_sql(t, SQL_PUT_PARTITION, e))) return id;
  bind_kind(t, s, INDEX_PARTITION, 1, values);
  index_run(t, s, e);
  return sqlite3_last_insert_rowid(t->db);
}

/* Inserts the row of t_rows, or changes that of `old`. */
static void put_row(IndexTable *t, IndexSql which, sqlite3_int64 old, sqlite3_int64 rowid, const Row *row,
                    sqlite3_value **values, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, which, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, rowid);
  if (row->slot >= 0) sqlite3_bind_int64(s, 2, row->slot);
  else sqlite3_bind_null(s, 2);
  if (row->has_hash) sqlite3_bind_int64(s, 3, row->hash);
  else sqlite3_bind_null(s, 3);
  sqlite3_bind_int64(s, 4, row->partition);
  int next = bind_kind(t, s, INDEX_METADATA, 5, values);
  if (which == SQL_CHANGE_ROW) sqlite3_bind_int64(s, next, old);
  index_run(t, s, e);
  sqlite3_clear_bindings(s);
}

static int has_content(const IndexTable *t) {
  for (int i = 0; i < t->columns.count; i++)
    if (index_in_content(&t->columns, i)) return 1;
  return 0;
}

static void put_content(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_PUT_CONTENT, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, rowid);
  for (int i = 0, n = 2; i < t->columns.count; i++)
    if (index_in_content(&t->columns, i)) sqlite3_bind_value(s, n++, values[i]);
  index_run(t, s, e);
  sqlite3_clear_bindings(s);
}

static void delete_by_id(IndexTable *t, IndexSql which, sqlite3_int64 rowid, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, which, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, rowid);
  index_run(t, s, e);
}

/* ---- inserting --------------------------------------------------------------------------------------------------- */

/* What a row is found by: its own vector, or the text that waits for one. */
typedef struct {
  const float *vector;
  int has_text;
  size_t start, size; /* in IndexTable.texts */
  sqlite3_int64 hash;
} Meaning;

static void read_meaning(IndexTable *t, sqlite3_value **values, Meaning *m, bert_err *e) {
  *m = (Meaning){.vector = NULL};
  if (t->columns.vector >= 0) {
    m->vector = index_own_vector(t, values[t->columns.vector], e);
    return;
  }
  m->has_text = index_join_text(t, values, &m->start, &m->size, e);
  if (m->has_text) index_model(t, e); /* a missing one is found out now, not at COMMIT */
  if (m->has_text && !e->code) m->hash = index_text_hash(t, t->texts + m->start, m->size);
}

static void place_meaning(IndexTable *t, sqlite3_int64 slot, sqlite3_int64 rowid, const Meaning *m, bert_err *e) {
  t->new_vectors++;
  if (m->vector) index_put_vector(t, slot, rowid, m->vector, e);
  else if (m->has_text) index_wait(t, slot, rowid, m->start, m->size, e);
}

static void insert_row(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e) {
  Meaning m;
  t->is_changed = 1;
  read_meaning(t, values, &m, e);
  Row row = {-1, m.has_text, m.hash, partition_of(t, values, e)};
  if (!e->code && (m.vector || m.has_text)) row.slot = index_take_slot(t, row.partition, 0, rowid, e);
  put_row(t, SQL_PUT_ROW, 0, rowid, &row, values, e);
  if (has_content(t)) put_content(t, rowid, values, e);
  if (row.slot >= 0) place_meaning(t, row.slot, rowid, &m, e);
  if (!e->code && t->last_rowid_known && rowid > t->last_rowid) t->last_rowid = rowid;
}

/* ---- deleting ---------------------------------------------------------------------------------------------------- */

void index_delete_row(IndexTable *t, sqlite3_int64 rowid, bert_err *e) {
  Row row;
  if (!find_row(t, rowid, &row, e)) return;
  t->is_changed = 1;
  if (row.slot >= 0) index_free_slot(t, row.slot, e);
  delete_by_id(t, SQL_DELETE_ROW, rowid, e);
  if (has_content(t)) delete_by_id(t, SQL_DELETE_CONTENT, rowid, e);
  if (t->last_rowid_known && rowid == t->last_rowid) t->last_rowid_known = 0;
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

/* Whether an UPDATE gives a new value to a column of these kinds. */
static int changes(const IndexTable *t, sqlite3_value **values, IndexKind a, IndexKind b) {
  for (int i = 0; i < t->columns.count; i++) {
    IndexKind kind = t->columns.columns[i].kind;
    if ((kind == a || kind == b) && !sqlite3_value_nochange(values[i])) return 1;
  }
  return 0;
}

/* full[i] = values[i], or, where the UPDATE leaves it alone, a copy of what is there, which owned[i] then is. A text
** that nobody keeps is only wanted where another one of the row changes. */
static void complete(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, sqlite3_value **full,
                     sqlite3_value **owned, int needs_text, bert_err *e) {
  sqlite3_stmt *s = NULL;
  for (int i = 0; i < t->columns.count && !e->code; i++) {
    full[i] = values[i];
    if (i == t->columns.vector || !sqlite3_value_nochange(values[i])) continue;
    int is_lost = t->columns.columns[i].kind == INDEX_TEXT && index_is_contentless(&t->columns);
    if (is_lost && !needs_text) continue;
    if (is_lost)
      error_set(e, BERT_ARGUMENT, "the text of %s is not kept (content=''), wanted a value for it, too",
                t->columns.columns[i].name);
    if (!s && (s = index_sql(t, SQL_GET_COLUMNS, e))) {
      t->row_owner = NULL;
      sqlite3_bind_int64(s, 1, rowid);
      if (!index_step(t, s, e)) return;
    }
    if (e->code) break;
    full[i] = owned[i] = sqlite3_value_dup(sqlite3_column_value(s, i + 3));
    if (!owned[i]) error_set(e, BERT_NOMEM, "out of memory");
  }
  sqlite3_reset(s);
}

/* Moves a vector that stays what it is to another partition or rowid. */
static void move_vector(IndexTable *t, Row *row, sqlite3_int64 partition, sqlite3_int64 rowid, bert_err *e) {
  if (row->slot < 0) return;
  index_embed_waiting(t, e);
  if (partition == row->partition) {
    index_put_vector(t, row->slot, rowid, NULL, e);
    return;
  }
  const float *v = index_get_vector(t, row->slot, e);
  float *copy = memory_new((size_t)t->dimensions, sizeof *copy, e);
  if (copy && v) memcpy(copy, v, (size_t)t->dimensions * sizeof *copy);
  index_free_slot(t, row->slot, e);
  if (!e->code) row->slot = index_take_slot(t, partition, 0, rowid, e);
  if (!e->code) index_put_vector(t, row->slot, rowid, copy, e);
  sqlite3_free(copy);
}

/* Another vector or text, or none: in the slot that there is, where it may stay. */
static void change_meaning(IndexTable *t, Row *row, sqlite3_int64 partition, sqlite3_int64 rowid, const Meaning *m,
                           bert_err *e) {
  int wanted = m->vector || m->has_text;
  if (row->slot >= 0 && (!wanted || partition != row->partition)) {
    index_free_slot(t, row->slot, e);
    row->slot = -1;
  }
  if (wanted && row->slot < 0 && !e->code)
    row->slot = index_take_slot(t, partition, 0, rowid, e);
  row->has_hash = m->has_text;
  row->hash = m->hash;
  if (wanted) place_meaning(t, row->slot, rowid, m, e);
}

static void change_row(IndexTable *t, sqlite3_int64 old, sqlite3_int64 rowid, Row *row, sqlite3_value **values,
                       bert_err *e) {
  sqlite3_value **full = memory_new((size_t)t->columns.count * 2 + 1, sizeof *full, e);
  sqlite3_value **owned = full + t->columns.count;
  IndexKind source = t->columns.vector >= 0 ? INDEX_VECTOR : INDEX_TEXT;
  int is_new = changes(t, values, source, source);
  int content = has_content(t) && (old != rowid || changes(t, values, INDEX_TEXT, INDEX_AUXILIARY));
  Meaning m = {.vector = NULL};
  if (!full) return;
  t->is_changed = 1;
  if (content || (is_new && t->columns.vector < 0)) complete(t, old, values, full, owned, is_new, e);
  else memcpy(full, values, (size_t)t->columns.count * sizeof *full);
  sqlite3_int64 partition = partition_of(t, values, e);
  if (is_new) read_meaning(t, full, &m, e);
  if (m.has_text && row->has_hash && row->slot >= 0 && m.hash == row->hash) is_new = 0;
  if (is_new && !e->code) change_meaning(t, row, partition, rowid, &m, e);
  else if (partition != row->partition || old != rowid) move_vector(t, row, partition, rowid, e);
  row->partition = partition;
  put_row(t, SQL_CHANGE_ROW, old, rowid, row, values, e);
  if (content && old != rowid) delete_by_id(t, SQL_DELETE_CONTENT, old, e);
  if (content) put_content(t, rowid, full, e);
  if (t->last_rowid_known && rowid > t->last_rowid) t->last_rowid = rowid;
  for (int i = 0; i < t->columns.count; i++) sqlite3_value_free(owned[i]);
  sqlite3_free(full);
}

int index_renew_row(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e) {
  Row row;
  Meaning m;
  if (!find_row(t, rowid, &row, e)) return 0;
  read_meaning(t, values, &m, e);
  if (e->code || (m.has_text == row.has_hash && m.has_text == (row.slot >= 0) && m.hash == row.hash)) return 0;
  change_meaning(t, &row, row.partition, rowid, &m, e);
  sqlite3_stmt *s = index_sql(t, SQL_SET_MEANING, e);
  if (!s) return 0;
  sqlite3_bind_int64(s, 1, rowid);
  if (row.slot >= 0) sqlite3_bind_int64(s, 2, row.slot);
  else sqlite3_bind_null(s, 2);
  if (row.has_hash) sqlite3_bind_int64(s, 3, row.hash);
  else sqlite3_bind_null(s, 3);
  index_run(t, s, e);
  return m.has_text;
}

int index_put_row(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e) {
  Row row;
  sqlite3_int64 before = t->new_vectors;
  if (find_row(t, rowid, &row, e)) change_row(t, rowid, rowid, &row, values, e);
  else insert_row(t, rowid, values, e);
  return t->new_vectors > before;
}

/* ---- rowids ------------------------------------------------------------------------------------------------------ */

static sqlite3_int64 last_rowid(IndexTable *t, bert_err *e) {
  if (t->last_rowid_known) return t->last_rowid;
  sqlite3_stmt *s = index_sql(t, SQL_LAST_ROW, e);
  t->last_rowid = 0;
  if (s && index_step(t, s, e)) t->last_rowid = sqlite3_column_int64(s, 0);
  t->last_rowid_known = !e->code && sqlite3_column_type(s, 0) != SQLITE_NULL;
  sqlite3_reset(s);
  return t->last_rowid;
}

static sqlite3_int64 given_rowid(IndexTable *t, sqlite3_value *v, bert_err *e) {
  if (sqlite3_value_numeric_type(v) == SQLITE_INTEGER) return sqlite3_value_int64(v);
  error_set(e, BERT_ARGUMENT, "the rowid is %s, wanted an integer", value_shown(v).text);
  t->rc = SQLITE_MISMATCH;
  return 0;
}

static sqlite3_int64 new_rowid(IndexTable *t, bert_err *e) {
  sqlite3_int64 last = last_rowid(t, e);
  if (last < INT64_MAX) return last + 1;
  error_set(e, BERT_ARGUMENT, "the largest rowid is taken, wanted one given");
  t->rc = SQLITE_FULL;
  return 0;
}

/* Whether a rowid is taken; where it may not be, that is a conflict. */
static int is_taken(IndexTable *t, sqlite3_int64 rowid, bert_err *e) {
  Row row;
  if (e->code || (t->last_rowid_known && rowid > t->last_rowid) || !find_row(t, rowid, &row, e)) return 0;
  if (sqlite3_vtab_on_conflict(t->db) == SQLITE_REPLACE) return 1;
  error_set(e, BERT_ARGUMENT, "UNIQUE constraint failed: %s.rowid (%lld is there already)", t->name, (long long)rowid);
  t->rc = SQLITE_CONSTRAINT;
  return 0;
}

/* ---- xUpdate ----------------------------------------------------------------------------------------------------- */

/* The hidden columns are a search's; only rank has a meaning in a write, beside a command. */
static void check_hidden(sqlite3_value **hidden, bert_err *e) {
  static const char *const names[HIDDEN_COUNT] = {[HIDDEN_K] = "k", [HIDDEN_DISTANCE] = "distance", [HIDDEN_RANK] = "rank"};
  for (int i = 0; i < HIDDEN_COUNT; i++)
    if (names[i] && !sqlite3_value_nochange(hidden[i]) && sqlite3_value_type(hidden[i]) != SQLITE_NULL)
      error_set(e, BERT_ARGUMENT, "%s is given as %s, but only a search has it", names[i], value_shown(hidden[i]).text);
}

static void insert(IndexTable *t, sqlite3_value **argv, sqlite3_int64 *rowid, bert_err *e) {
  sqlite3_value **values = argv + 2, **hidden = values + t->columns.count;
  if (sqlite3_value_type(hidden[HIDDEN_TABLE]) != SQLITE_NULL) {
    index_command(t, hidden[HIDDEN_TABLE], hidden[HIDDEN_RANK], e);
    return;
  }
  check_hidden(hidden, e);
  last_rowid(t, e); /* rowids above it need no looking up */
  int is_given = sqlite3_value_type(argv[1]) != SQLITE_NULL;
  *rowid = is_given ? given_rowid(t, argv[1], e) : new_rowid(t, e);
  if (is_given && is_taken(t, *rowid, e)) index_put_row(t, *rowid, values, e);
  else if (!e->code) insert_row(t, *rowid, values, e);
}

static void update(IndexTable *t, sqlite3_value **argv, bert_err *e) {
  sqlite3_int64 old = sqlite3_value_int64(argv[0]), rowid = given_rowid(t, argv[1], e);
  Row row;
  check_hidden(argv + 2 + t->columns.count, e);
  if (rowid != old && is_taken(t, rowid, e)) index_delete_row(t, rowid, e);
  if (find_row(t, old, &row, e)) change_row(t, old, rowid, &row, argv + 2, e);
}

int index_update(sqlite3_vtab *vtab, int argc, sqlite3_value **argv, sqlite3_int64 *rowid) {
  IndexTable *t = (IndexTable *)vtab;
  bert_err e = {0};
  sqlite3_int64 last = sqlite3_last_insert_rowid(t->db);
  t->rc = 0;
  index_want_idle(t, &e);
  index_need_config(t, &e);
  if (argc == 1) index_delete_row(t, sqlite3_value_int64(argv[0]), &e);
  else if (sqlite3_value_type(argv[0]) == SQLITE_NULL) insert(t, argv, rowid, &e);
  else update(t, argv, &e);
  sqlite3_set_last_insert_rowid(t->db, last); /* SQLite sets it to *rowid where it is an INSERT */
  return index_fail(t, &e);
}
