/* fn.c -- runs a scalar function: its row of the table, the call's arguments, its error.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_token_count();       -- Error: wrong number of arguments to function bert_token_count()
**    SELECT bert_token_count(x'41');  -- Error: bert_token_count: text is a BLOB of 1 byte, wanted TEXT */
#include "ext.h"

/* What SQLite keeps for a registered function. */
typedef struct {
  Connection *connection;
  const Function *function;
} Registered;

void fn_error(sqlite3_context *context, const char *name, const bert_err *e) {
  char *text = error_text(name, e);
  int rc = error_rc(e);
  if (text) sqlite3_result_error(context, text, -1);
  else sqlite3_result_error_code(context, rc == SQLITE_ERROR ? SQLITE_NOMEM : rc);
  sqlite3_free(text);
}

static void run(sqlite3_context *context, int count, sqlite3_value **values) {
  const Registered *r = sqlite3_user_data(context);
  Call call = {context, r->connection, count, values, SQLITE_OK};
  bert_err e = {0};
  Call **current = connection_call(r->connection), *outer = *current;
  *current = &call;
  r->function->run(&call, &e);
  *current = outer;
  if (e.code) fn_error(context, r->function->name, &e);
  if (e.code && call.rc) sqlite3_result_error_code(context, call.rc); /* the text stays */
}

static void forget(void *p) {
  Registered *r = p;
  connection_release(r->connection);
  sqlite3_free(r);
}

sqlite3_value *fn_value(const Call *call, int i) { return i < call->count ? call->values[i] : NULL; }

static int register_count(Connection *c, const Function *f, int count) {
  bert_err e = {0};
  Registered *r = memory_new(1, sizeof *r, &e);
  if (!r) return SQLITE_NOMEM;
  *r = (Registered){c, f};
  connection_ref(c);
  /* On failure SQLite calls forget itself. */
  return sqlite3_create_function_v2(connection_db(c), f->name, count, SQLITE_UTF8 | f->flags, r, run, NULL, NULL,
                                    forget);
}

int fn_register(Connection *c, const Function *f) {
  if (f->most < 0) return register_count(c, f, -1);
  int rc = SQLITE_OK;
  for (int n = f->fewest; rc == SQLITE_OK && n <= f->most; n++) rc = register_count(c, f, n);
  return rc;
}
