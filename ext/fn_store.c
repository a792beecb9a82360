/* fn_store.c -- models out of memory: into a directory, into the database, out of the database.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_save('m', 'models/mine');   -- m@5b0d6e1f9a3c2748: a directory that transformers opens too
**    SELECT bert_store('m');                 -- m@5b0d6e1f9a3c2748: now the database has it, as stored.c says
**
** bert_drop takes it out of the database again. Both are writes like any other: part of a transaction, undone by its
** rollback. The directory of bert_save must be new or empty. */
#include "ext.h"

#include <string.h>

/* name@hash, where `name` may have a hash already. */
static void result_hash(Call *call, const char *name, const char *hash, bert_err *e) {
  int size = name ? (int)strcspn(name, "@") : 0;
  char *text = e->code ? NULL : sqlite3_mprintf("%.*s%s%s", size, name, *hash ? "@" : "", hash);
  if (text) sqlite3_result_text(call->context, text, -1, sqlite3_free);
  else error_set(e, BERT_NOMEM, "out of memory");
}

/* The loaded (or stored) model that the first argument names, with its hash or without. */
static Loaded *take_model(Call *call, const char **name, bert_err *e) {
  *name = value_string(call->values[0], "name", e);
  return connection_model(call->connection, call->values[0], FOR_NOTHING, e);
}

/* The second argument, or main. */
static const char *take_schema(Call *call, bert_err *e) {
  bert_text text;
  sqlite3_value *v = fn_value(call, 1);
  return value_text(v, "schema", &text, e) ? value_string(v, "schema", e) : "main";
}

void fn_save(Call *call, bert_err *e) {
  const char *name, *directory = value_string(call->values[1], "directory", e);
  Watch watch;
  Loaded *m = take_model(call, &name, e);
  if (!m) return;
  watch_start(&watch, connection_db(call->connection));
  bert_model_save_directory(m->model, directory, &watch.progress, e);
  watch_stop(&watch);
  result_hash(call, name, m->info.hash, e);
}

/* A name that is looked for in databases. */
static void check_name(const char *name, bert_err *e) {
  if (e->code) return;
  connection_check_name((bert_text){name, strlen(name)}, e);
  if (!strcmp(name, "default"))
    error_set(e, BERT_ARGUMENT, "'default' is never looked for in a database, wanted another name: load it under one");
}

void fn_store(Call *call, bert_err *e) {
  const char *name, *schema = take_schema(call, e);
  Loaded *m = take_model(call, &name, e);
  check_name(name, e);
  if (e->code) return;
  connection_hold(m);
  stored_put(call->connection, (bert_text){name, strlen(name)}, schema, m->model, e);
  result_hash(call, name, m->info.hash, e);
  connection_drop(call->connection, m);
}

void fn_drop(Call *call, bert_err *e) {
  const char *name = value_string(call->values[0], "name", e), *schema = take_schema(call, e);
  Stored stored = {.stamp = {0}};
  if (!e->code) stored_remove(call->connection, (bert_text){name, strlen(name)}, schema, &stored, e);
  if (!e->code) result_hash(call, name, stored.hash, e);
}
