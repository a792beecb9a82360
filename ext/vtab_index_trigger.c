/* vtab_index_trigger.c -- triggers by which an index follows its content table.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('triggers');
**    SELECT name FROM sqlite_schema WHERE tbl_name = 'notes' AND type = 'trigger';   -- notes_index_INSERT, …
**
** They are the user's to see and to drop; one that he dropped is not made again until he asks. DROP TABLE of the index
** drops them, so that writing to the content goes on, and ALTER TABLE … RENAME renames them, as the index's old name is
** then free for another one. Under which name they were made is in t_config.
**
** REPLACE INTO notes that conflicts in another UNIQUE column than the key deletes a row without running triggers, unless
** PRAGMA recursive_triggers is on; 'reembed' finds the row that is left in the index. */
#include "vtab_index.h"

static const char *const events[] = {"INSERT", "UPDATE", "DELETE"};
enum { INSERTION, CHANGE, DELETION, EVENTS };

static void run_sql(IndexTable *t, char *sql, bert_err *e) {
  sqlite3_stmt *s = index_prepare(t, sql, 0, e);
  if (s) index_run(t, s, e);
  sqlite3_finalize(s);
}

static void append_names(const IndexTable *t, sqlite3_str *s, const char *format) {
  for (int i = 0; i < t->columns.count; i++)
    sqlite3_str_appendf(s, format, t->columns.columns[i].name, t->columns.columns[i].name);
}

static void append_insertion(const IndexTable *t, sqlite3_str *s) {
  const char *key = index_content_key(&t->columns);
  sqlite3_str_appendf(s, " INSERT OR REPLACE INTO \"%w\"(rowid", t->name);
  append_names(t, s, ", \"%w\"");
  sqlite3_str_appendf(s, ") SELECT new.\"%w\"", key);
  append_names(t, s, ", new.\"%w\"");
}

/* The row of an UPDATE is changed if the index has it, else put in. Nothing is done where no column of the index
** changes. */
static sqlite3_str *change(const IndexTable *t) {
  const char *key = index_content_key(&t->columns);
  sqlite3_str *s = sqlite3_str_new(t->db);
  sqlite3_str_appendf(s, "WHEN old.\"%w\" IS NOT new.\"%w\"", key, key);
  append_names(t, s, " OR old.\"%w\" COLLATE BINARY IS NOT new.\"%w\" COLLATE BINARY");
  sqlite3_str_appendf(s, " BEGIN UPDATE \"%w\" SET rowid = new.\"%w\"", t->name, key);
  append_names(t, s, ", \"%w\" = new.\"%w\"");
  sqlite3_str_appendf(s, " WHERE rowid = old.\"%w\";", key);
  append_insertion(t, s);
  sqlite3_str_appendf(s, " WHERE NOT EXISTS (SELECT 1 FROM \"%w\" WHERE rowid = new.\"%w\");", t->name, key);
  return s;
}

static sqlite3_str *insertion(const IndexTable *t) {
  sqlite3_str *s = sqlite3_str_new(t->db);
  sqlite3_str_appendall(s, "BEGIN");
  append_insertion(t, s);
  sqlite3_str_appendall(s, ";");
  return s;
}

static sqlite3_str *deletion(const IndexTable *t) {
  const char *key = index_content_key(&t->columns);
  sqlite3_str *s = sqlite3_str_new(t->db);
  sqlite3_str_appendf(s, "BEGIN DELETE FROM \"%w\" WHERE rowid = old.\"%w\";", t->name, key);
  return s;
}

static void create(IndexTable *t, int event, bert_err *e) {
  if (e->code) return;
  char *text = sqlite3_str_finish(event == INSERTION ? insertion(t) : event == CHANGE ? change(t) : deletion(t));
  const char *when = events[event];
  char *sql = !text ? NULL : sqlite3_mprintf("CREATE TRIGGER \"%w\".\"%w_%s\" AFTER %s ON \"%w\" %s END", t->schema,
                                             t->name, when, when, t->columns.content, text);
  sqlite3_free(text);
  run_sql(t, sql, e);
}

void index_create_triggers(IndexTable *t, bert_err *e) {
  if (!index_is_external(&t->columns)) {
    error_set(e, BERT_ARGUMENT, "'triggers' without a content= table, whose changes they would follow");
    return;
  }
  index_drop_triggers(t, e);
  for (int i = 0; i < EVENTS; i++) create(t, i, e);
  index_set_config_text(t, "triggers", t->name, e);
}

/* The name that the table had when they were made, freed by sqlite3_free; NULL: there are none, or on error. Where the
** configuration is lost, that of the table. */
static char *name_of_triggers(IndexTable *t, bert_err *e) {
  bert_err unread = {0};
  sqlite3_stmt *s = index_sql(t, SQL_GET_CONFIG, &unread);
  char *name = NULL;
  if (s) {
    sqlite3_bind_text(s, 1, "triggers", -1, SQLITE_STATIC);
    if (index_step(t, s, &unread) && !(name = sqlite3_mprintf("%s", sqlite3_column_text(s, 0))))
      error_set(&unread, BERT_NOMEM, "out of memory");
    sqlite3_reset(s);
  }
  if (unread.code == BERT_NOMEM || unread.code == BERT_INTERRUPT) *e = e->code ? *e : unread;
  else if (unread.code && !(name = sqlite3_mprintf("%s", t->name))) error_set(e, BERT_NOMEM, "out of memory");
  t->rc = 0;
  return name;
}

/* Drops the trigger of an event, if there is one of that name that writes to the index; whether there was. It may stand on
** a table that has been renamed since, and name the index as it was called then. */
static int drop(IndexTable *t, const char *name, int event, bert_err *e) {
  static const char sql[] = "SELECT 1 FROM \"%w\".sqlite_master WHERE type = 'trigger' AND name = '%q_%s' COLLATE NOCASE "
                            "AND (instr(sql, printf('\"%%w\"', %Q)) OR instr(sql, printf('\"%%w\"', %Q)))";
  sqlite3_stmt *s = NULL;
  if (!e->code) s = index_prepare(t, sqlite3_mprintf(sql, t->schema, name, events[event], name, t->name), 0, e);
  int is_there = s && index_step(t, s, e);
  sqlite3_finalize(s);
  if (is_there) run_sql(t, sqlite3_mprintf("DROP TRIGGER \"%w\".\"%w_%s\"", t->schema, name, events[event]), e);
  return is_there && !e->code;
}

void index_drop_triggers(IndexTable *t, bert_err *e) {
  if (!index_is_external(&t->columns) || e->code) return;
  char *name = name_of_triggers(t, e);
  for (int i = 0; i < EVENTS && name; i++) drop(t, name, i, e);
  sqlite3_free(name);
}

void index_rename_triggers(IndexTable *t, bert_err *e) {
  if (!index_is_external(&t->columns) || e->code) return;
  char *name = name_of_triggers(t, e);
  for (int i = 0; i < EVENTS && name; i++)
    if (drop(t, name, i, e)) create(t, i, e);
  if (name) index_set_config_text(t, "triggers", t->name, e);
  sqlite3_free(name);
}
