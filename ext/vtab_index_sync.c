/* vtab_index_sync.c -- brings an index in line with its content: the work of 'rebuild' and 'reembed'.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('reembed');              -- what has changed since it was embedded
**    INSERT INTO notes_index(notes_index, rank) VALUES ('reembed', 1000);  -- again and again: work that may be cut off
**
** Each row's text is hashed with the model; where the hash is the row's and it has a vector, nothing is done, so a
** second run goes on where the first one stopped, and what is embedded goes to the engine in batches of 2048. After
** another model was loaded, all rows lose their vectors first: those of two models are never compared. */
#include "vtab_index.h"

#include <string.h>

/* Takes the model as it is now for the table's; where it is another one, every vector goes. */
static void adopt_model(IndexTable *t, bert_err *e) {
  Loaded *m = index_model_any(t, e);
  if (!m || !strcmp(m->info.hash, t->model_hash)) return;
  index_delete_all(t, 0, e);
  index_forget_question(t);
  t->dimensions = m->info.dimensions;
  memcpy(t->model_hash, m->info.hash, sizeof t->model_hash);
  index_set_config(t, "dimensions", t->dimensions, e);
  index_set_config_text(t, "model_hash", t->model_hash, e);
}

/* rowid, then each column: of the content table, or of t_rows with t_content. */
static sqlite3_stmt *open_source(IndexTable *t, int is_external, bert_err *e) {
  const IndexSchema *x = &t->columns;
  if (e->code) return NULL;
  sqlite3_str *s = sqlite3_str_new(t->db);
  sqlite3_str_appendf(s, is_external ? "SELECT o.\"%w\"" : "SELECT o.id",
                      x->content_rowid ? x->content_rowid : "rowid");
  for (int i = 0; i < x->count; i++) {
    if (is_external) sqlite3_str_appendf(s, ", o.\"%w\"", x->columns[i].name);
    else if (x->columns[i].kind == INDEX_TEXT) sqlite3_str_appendf(s, ", o.c%d", i);
    else sqlite3_str_appendall(s, ", NULL");
  }
  if (is_external) sqlite3_str_appendf(s, " FROM \"%w\".\"%w\" o", t->schema, x->content);
  else sqlite3_str_appendf(s, " FROM \"%w\".\"%w_content\" o", t->schema, t->name);
  return index_prepare(t, sqlite3_str_finish(s), 0, e);
}

static sqlite3_int64 count_source(IndexTable *t, int is_external, bert_err *e) {
  sqlite3_int64 n = 0;
  if (e->code) return 0;
  char *sql = is_external ? sqlite3_mprintf("SELECT count(*) FROM \"%w\".\"%w\"", t->schema, t->columns.content)
                          : sqlite3_mprintf("SELECT count(*) FROM \"%w\".\"%w_content\"", t->schema, t->name);
  sqlite3_stmt *s = index_prepare(t, sql, 0, e);
  if (s && index_step(t, s, e)) n = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return n;
}

/* Rows that the content table has no more. */
static void remove_strays(IndexTable *t, bert_err *e) {
  enum { AT_ONCE = 256 };
  sqlite3_int64 ids[AT_ONCE];
  int n = AT_ONCE;
  const char *key = t->columns.content_rowid ? t->columns.content_rowid : "rowid";
  while (n == AT_ONCE && !e->code) {
    sqlite3_stmt *s =
        index_prepare(t, sqlite3_mprintf("SELECT id FROM \"%w\".\"%w_rows\" r WHERE NOT EXISTS "
                                         "(SELECT 1 FROM \"%w\".\"%w\" o "
                                                       "WHERE o.\"%w\" = r.id) LIMIT %d", t->schema, t->name, t->schema,
                                                       t->columns.content, key, AT_ONCE), 0, e);
    for (n = 0; s && n < AT_ONCE && index_step(t, s, e); n++) ids[n] = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    for (int i = 0; i < n && !e->code; i++) index_delete_row(t, ids[i], e);
  }
}

static int take_row(IndexTable *t, sqlite3_stmt *s, int is_external, sqlite3_value **values, bert_err *e) {
  for (int i = 0; i < t->columns.count; i++) values[i] = sqlite3_column_value(s, i + 1);
  if (is_external && sqlite3_column_type(s, 0) != SQLITE_INTEGER) {
    error_set(e, BERT_ARGUMENT, "%s of %s is %s, wanted an integer",
              t->columns.content_rowid ? t->columns.content_rowid : "rowid",
              t->columns.content, value_shown(sqlite3_column_value(s, 0)).text);
    return 0;
  }
  sqlite3_int64 rowid = sqlite3_column_int64(s, 0);
  return is_external ? index_put_row(t, rowid, values, e) : index_renew_row(t, rowid, values, e);
}

void index_sync(IndexTable *t, const char *command, sqlite3_int64 most, bert_err *e) {
  int is_external = t->columns.content && *t->columns.content;
  if (t->columns.vector < 0) adopt_model(t, e);
  sqlite3_value **values = memory_new((size_t)t->columns.count + 1, sizeof *values, e);
  sqlite3_int64 made = 0, seen = 0;
  IndexJob *job = index_job_start(t, command, count_source(t, is_external, e), e);
  sqlite3_stmt *s = open_source(t, is_external, e);
  int is_done = 0;
  while (!e->code && (most < 0 || made < most) && !(is_done = !index_step(t, s, e))) {
    made += take_row(t, s, is_external, values, e);
    index_job_step(job, ++seen - t->waiting_count);
  }
  sqlite3_finalize(s);
  if (is_done && is_external) remove_strays(t, e);
  index_embed_waiting(t, e);
  index_job_step(job, seen);
  index_flush(t, e);
  index_job_end(job);
  sqlite3_free(values);
}
