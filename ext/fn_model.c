/* fn_model.c -- loads and forgets models, and says what build this is.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_load('m', 'models/minilm');   -- m@5b0d6e1f9a3c2748: in a schema, this pins the model
**    SELECT bert_unload('m');                  -- m@5b0d6e1f9a3c2748
**
** Loading under a name that is taken replaces the model there, once the new one is open. Names belong to the
** connection and are no part of a transaction. */
#include "ext.h"

#include <string.h>

static void result_name(Call *call, bert_text name, const bert_model_info *info, bert_err *e) {
  char *text = sqlite3_mprintf("%.*s@%s", (int)name.size, name.data, info->hash);
  if (text) sqlite3_result_text(call->context, text, -1, sqlite3_free);
  else error_set(e, BERT_NOMEM, "out of memory");
}

static bert_text take_name(Call *call, bert_err *e) {
  const char *name = value_string(call->values[0], "name", e);
  return (bert_text){name, name ? strlen(name) : 0};
}

void fn_load(Call *call, bert_err *e) {
  bert_text name = take_name(call, e), options;
  const char *path = value_string(call->values[1], "path", e), *json = NULL;
  sqlite3_value *third = fn_value(call, 2);
  if (value_text(third, "options", &options, e)) json = value_string(third, "options", e);
  if (!e->code) connection_check_name(name, e); /* before the model is read */
  Loaded *m = connection_name(call->connection, name, registry_open(path, json, e), e);
  if (m) result_name(call, name, &m->info, e);
}

void fn_unload(Call *call, bert_err *e) {
  bert_text name = take_name(call, e);
  Loaded *m = connection_forget(call->connection, name, e);
  if (m) result_name(call, name, &m->info, e);
  connection_drop(call->connection, m);
}

#if defined(__x86_64__) || defined(_M_X64)
#define MACHINE "x86_64"
#elif defined(__aarch64__) || defined(_M_ARM64)
#define MACHINE "aarch64"
#else
#define MACHINE "other"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "another compiler"
#endif

void fn_version(Call *call, bert_err *e) {
  (void)e;
  char *text = sqlite3_mprintf("%s (arithmetic %d, %s, %s)", BERT_VERSION, BERT_ARITHMETIC, MACHINE, COMPILER);
  if (text) sqlite3_result_text(call->context, text, -1, sqlite3_free);
  else sqlite3_result_error_nomem(call->context);
}
