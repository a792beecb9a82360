/* tvf.c -- table functions: one eponymous virtual table for all of them, driven by their rows in bert_ext.c.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT n.id, t.token FROM notes n, bert_tokens(n.body) t;   -- the tokens of each note
**    SELECT * FROM bert_tokens;   -- Error: bert_tokens: 0 arguments, wanted 1 to 3: text, pair, model
**
**    CREATE TABLE x(position, token, …, text_ HIDDEN, pair_ HIDDEN, model_ HIDDEN)
**                   columns of the row   arguments, in order
**
** An argument's column has a _ after its name, so that in FROM t, bert_tokens(text), and in (SELECT … FROM bert_tokens(text))
** too, text is t's column. "text, =layer": one with = before it keeps its name, as queries say `layer = 3`.
**
** SQLite turns f(a, b) into `text_ = a AND pair_ = b`. Which of these a plan can use comes as a bit mask in idxNum. An
** argument that depends on a table read later makes the plan impossible (SQLITE_CONSTRAINT); one that is missing is an
** error when the scan starts, not when it is planned, as another branch of an OR may still give it. A required
** argument that is NULL gives no rows, or, of what is to do something (training), an error. What a kind of cursor adds is
** open, next, column, close (ext.h).
**
**    "=layer INTEGER, …"   a column with = before it is a key: where the query says `layer = 3`, the cursor is told and may
**                          leave other rows out; SQLite compares those that come all the same */
#include "ext.h"

#include <string.h>

typedef struct {
  Connection *connection;
  const TableFunction *table;
} Registered;

typedef struct {
  sqlite3_vtab base;
  const Registered *registered;
} Table;

/* How many names a comma-separated list has. */
static int count_names(const char *list) {
  int n = *list != 0;
  for (; *list; list++) n += *list == ',';
  return n;
}

static int fail(sqlite3_vtab *table, const char *name, int rc, const bert_err *e) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = error_text(name, e);
  if (!rc) rc = error_rc(e);
  return rc == SQLITE_ERROR && !table->zErrMsg ? SQLITE_NOMEM : rc;
}

/* ---- planning --------------------------------------------------------------------------------------------------- */

/* 1 if column i has = before it. */
static int is_key(const char *columns, int i) {
  for (; i > 0 && *columns; columns++) i -= *columns == ',';
  return columns[strspn(columns, " ")] == '=';
}

/* The columns without their =, and "text_ HIDDEN, layer HIDDEN" from "text, =layer". */
static char *declaration(const TableFunction *t) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  sqlite3_str_appendall(s, "CREATE TABLE x(");
  for (const char *p = t->columns; *p; p++)
    if (*p != '=') sqlite3_str_appendchar(s, 1, *p);
  for (const char *p = t->arguments; *p;) {
    int plain = *p == '=';
    size_t n = strcspn(p += plain, ",");
    sqlite3_str_appendf(s, ", \"%.*s%s\" HIDDEN", (int)n, p, plain ? "" : "_");
    p += n;
    p += strspn(p, ", ");
  }
  sqlite3_str_appendall(s, ")");
  return sqlite3_str_finish(s);
}

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                         char **message) {
  const Registered *r = aux;
  (void)argc;
  (void)argv;
  (void)message;
  char *sql = declaration(r->table);
  int rc = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
  sqlite3_free(sql);
  int risk = r->table->risk & ~TVF_STRICT;
  if (rc == SQLITE_OK && risk) rc = sqlite3_vtab_config(db, risk);
  if (rc != SQLITE_OK) return rc;
  Table *t = sqlite3_malloc64(sizeof *t);
  if (!t) return SQLITE_NOMEM;
  *t = (Table){.registered = r};
  *out = &t->base;
  return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

/* The bit in idxNum of a column of the table: arguments first, then keys; -1 for others. */
static int bit_of(const TableFunction *t, int column) {
  int argument = column - count_names(t->columns);
  if (argument >= 0) return argument;
  return column >= 0 && column < TVF_KEYS_MAX && is_key(t->columns, column) ? TVF_ARGUMENTS_MAX + column : -1;
}

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *plan) {
  enum { ARGUMENTS = (1 << TVF_ARGUMENTS_MAX) - 1 };
  const TableFunction *t = ((Table *)vtab)->registered->table;
  int given = 0, unusable = 0, used = 0, from[TVF_ARGUMENTS_MAX + TVF_KEYS_MAX];
  for (int i = 0; i < plan->nConstraint; i++) {
    int bit = bit_of(t, plan->aConstraint[i].iColumn);
    if (bit < 0 || plan->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!plan->aConstraint[i].usable) {
      unusable |= 1 << bit;
    } else if (!(given & 1 << bit)) {
      given |= 1 << bit;
      from[bit] = i;
    }
  }
  if (unusable & ~given & ARGUMENTS) return SQLITE_CONSTRAINT;
  for (int bit = 0; bit < TVF_ARGUMENTS_MAX + TVF_KEYS_MAX; bit++) {
    if (!(given & 1 << bit)) continue;
    plan->aConstraintUsage[from[bit]].argvIndex = ++used;
    plan->aConstraintUsage[from[bit]].omit = bit < TVF_ARGUMENTS_MAX;
  }
  int required = (1 << t->required) - 1;
  plan->idxNum = given;
  plan->estimatedCost = (given & required) == required ? (given & ~ARGUMENTS ? 900 : 1000) : 1e12;
  plan->estimatedRows = given & ~ARGUMENTS ? 10 : 100;
  return SQLITE_OK;
}

/* ---- scanning --------------------------------------------------------------------------------------------------- */

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
  const Registered *r = ((Table *)table)->registered;
  bert_err e = {0};
  Cursor *c = memory_new(1, r->table->kind->size, &e);
  if (!c) return SQLITE_NOMEM;
  c->connection = r->connection;
  c->table = r->table;
  *out = &c->base;
  return SQLITE_OK;
}

static void clear(Cursor *c) {
  c->table->kind->close(c);
  for (int i = 0; i < TVF_ARGUMENTS_MAX; i++) {
    sqlite3_value_free(c->arguments[i]);
    c->arguments[i] = NULL;
  }
  for (int i = 0; i < TVF_KEYS_MAX; i++) {
    sqlite3_value_free(c->keys[i]);
    c->keys[i] = NULL;
  }
  c->row = c->done = c->rc = 0;
}

static int close_cursor(sqlite3_vtab_cursor *cursor) {
  clear((Cursor *)cursor);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* A copy of v, or NULL for an SQL NULL. */
static sqlite3_value *copy_value(sqlite3_value *v, bert_err *e) {
  if (sqlite3_value_type(v) == SQLITE_NULL) return NULL;
  sqlite3_value *copy = sqlite3_value_dup(v);
  if (!copy) error_set(e, BERT_NOMEM, "out of memory");
  return copy;
}

static void set_wrong_count(const TableFunction *t, int count, bert_err *e) {
  char names[80];
  size_t n = 0;
  for (const char *p = t->arguments; *p && n + 1 < sizeof names; p++)
    if (*p != '=') names[n++] = *p;
  names[n] = 0;
  char wanted[24];
  int most = count_names(t->arguments);
  sqlite3_snprintf(sizeof wanted, wanted, most > t->required ? "%d to %d" : "%d", t->required, most);
  error_set(e, BERT_ARGUMENT, "%d argument%s, wanted %s: %s", count, count == 1 ? "" : "s", wanted, names);
}

static void refuse_null(const TableFunction *t, int argument, bert_err *e) {
  const char *name = t->arguments;
  for (; argument > 0; name++) argument -= *name == ',';
  name += strspn(name, " =");
  error_set(e, BERT_ARGUMENT, "%.*s is NULL, wanted TEXT", (int)strcspn(name, ","), name);
}

/* Copies the arguments and keys; 1 where a required one or a key is NULL. */
static int take_arguments(Cursor *c, int given, sqlite3_value **values, bert_err *e) {
  const TableFunction *t = c->table;
  int is_null = 0, count = 0;
  for (int a = 0; a < TVF_ARGUMENTS_MAX; a++) {
    if (!(given & 1 << a)) continue;
    c->arguments[a] = copy_value(values[count++], e);
    is_null |= !c->arguments[a] && a < t->required;
    if (!c->arguments[a] && a < t->required && t->risk & TVF_STRICT) refuse_null(t, a, e);
  }
  for (int k = 0, at = count; k < TVF_KEYS_MAX; k++) {
    if (!(given & 1 << (TVF_ARGUMENTS_MAX + k))) continue;
    c->keys[k] = copy_value(values[at++], e);
    is_null |= !c->keys[k];
  }
  int required = (1 << t->required) - 1;
  if ((given & required) != required) set_wrong_count(t, count, e);
  return is_null;
}

static int finish(Cursor *c, const bert_err *e) {
  if (!e->code) return SQLITE_OK;
  c->done = 1;
  return fail(c->base.pVtab, c->table->name, c->rc, e);
}

static int filter(sqlite3_vtab_cursor *cursor, int given, const char *unused, int argc, sqlite3_value **values) {
  Cursor *c = (Cursor *)cursor;
  bert_err e = {0};
  (void)unused;
  (void)argc;
  clear(c);
  c->done = take_arguments(c, given, values, &e);
  if (!e.code && !c->done) c->table->kind->open(c, &e);
  return finish(c, &e);
}

static int next(sqlite3_vtab_cursor *cursor) {
  Cursor *c = (Cursor *)cursor;
  bert_err e = {0};
  c->row++;
  c->table->kind->next(c, &e);
  return finish(c, &e);
}

static int eof(sqlite3_vtab_cursor *cursor) { return ((Cursor *)cursor)->done; }

static int column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i) {
  Cursor *c = (Cursor *)cursor;
  int argument = i - count_names(c->table->columns);
  if (argument < 0) c->table->kind->column(c, context, i);
  else if (c->arguments[argument]) sqlite3_result_value(context, c->arguments[argument]);
  return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out) {
  *out = ((Cursor *)cursor)->row;
  return SQLITE_OK;
}

/* ---- registering ------------------------------------------------------------------------------------------------ */

/* Without xCreate: it is there under its own name, and CREATE VIRTUAL TABLE makes no other. */
static const sqlite3_module module = {
    .xConnect = connect_table, .xBestIndex = best_index, .xDisconnect = disconnect_table, .xOpen = open_cursor,
    .xClose = close_cursor,    .xFilter = filter,        .xNext = next,                   .xEof = eof,
    .xColumn = column,         .xRowid = rowid,
};

static void forget(void *p) {
  Registered *r = p;
  connection_release(r->connection);
  sqlite3_free(r);
}

int tvf_register(Connection *c, const TableFunction *t) {
  bert_err e = {0};
  Registered *r = memory_new(1, sizeof *r, &e);
  if (!r) return SQLITE_NOMEM;
  *r = (Registered){c, t};
  connection_ref(c);
  /* On failure SQLite calls forget itself. */
  return sqlite3_create_module_v2(connection_db(c), t->name, &module, r, forget);
}
