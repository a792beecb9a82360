/* aggregate.c -- runs an aggregate: its state from the first row to the result, its error.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT length(bert_plot_svg(step, loss)) > 0 FROM steps;       -- 1; NULL where there is no row
**    SELECT bert_plot_svg(step, loss) OVER () FROM steps;           -- Error: may not be used as a window function
**
** The state lives in the engine's heap, from the first row until SQLite calls `last`, which it does once for each group
** that had a row, also when the statement fails or is stopped midway. */
#include "ext.h"

typedef struct {
  Connection *connection;
  const Aggregate *aggregate;
} Registered;

/* What SQLite keeps for a group, zeros at first. */
typedef struct {
  void *state;
  int failed;
} Group;

static void step(sqlite3_context *context, int count, sqlite3_value **values) {
  const Registered *r = sqlite3_user_data(context);
  Call call = {context, r->connection, count, values, SQLITE_OK};
  bert_err e = {0};
  Group *g = sqlite3_aggregate_context(context, sizeof *g);
  if (!g) {
    sqlite3_result_error_nomem(context);
    return;
  }
  if (!g->state) g->state = r->aggregate->new(&e);
  if (g->state) r->aggregate->step(&call, g->state, &e);
  if (!e.code) return;
  g->failed = 1;
  fn_error(context, r->aggregate->name, &e);
}

static void last(sqlite3_context *context) {
  const Registered *r = sqlite3_user_data(context);
  Call call = {context, r->connection, 0, NULL, SQLITE_OK};
  bert_err e = {0};
  Group *g = sqlite3_aggregate_context(context, 0);
  if (!g || !g->state) return;
  bert_text text = g->failed ? (bert_text){NULL, 0} : r->aggregate->finish(&call, g->state, &e);
  if (e.code) fn_error(context, r->aggregate->name, &e);
  else if (text.size) sqlite3_result_text64(context, text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
  r->aggregate->free(g->state);
  g->state = NULL;
}

static void forget(void *p) {
  Registered *r = p;
  connection_release(r->connection);
  sqlite3_free(r);
}

static int register_count(Connection *c, const Aggregate *a, int count) {
  bert_err e = {0};
  Registered *r = memory_new(1, sizeof *r, &e);
  if (!r) return SQLITE_NOMEM;
  *r = (Registered){c, a};
  connection_ref(c);
  /* On failure SQLite calls forget itself. */
  return sqlite3_create_function_v2(connection_db(c), a->name, count, SQLITE_UTF8 | a->flags, r, NULL, step, last,
                                    forget);
}

int aggregate_register(Connection *c, const Aggregate *a) {
  int rc = SQLITE_OK;
  for (int n = a->fewest; rc == SQLITE_OK && n <= a->most; n++) rc = register_count(c, a, n);
  return rc;
}
