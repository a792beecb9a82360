/* options.c -- what the glue itself reads of an `options` argument: names of models.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT * FROM bert_evaluate('classify', 'SELECT body, label FROM t', '{"model":"m"}');   -- the model m
**    SELECT * FROM bert_evaluate('classify', 'SELECT body, label FROM t');                    -- the model default
**
** All else in it is the engine's, which also refuses keys that nobody knows. */
#include "ext.h"

#include <string.h>

char *options_text(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  sqlite3_stmt *s = NULL;
  char *text = NULL;
  if (e->code || !options) return NULL;
  int rc = sqlite3_prepare_v2(connection_db(c), "SELECT json_extract(?1, '$.' || ?2)", -1, &s, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_bind_value(s, 1, options);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
  if (rc == SQLITE_OK) rc = sqlite3_step(s);
  int type = rc == SQLITE_ROW ? sqlite3_column_type(s, 0) : SQLITE_NULL;
  if (rc == SQLITE_NOMEM || rc == SQLITE_INTERRUPT)
    error_set(e, rc == SQLITE_NOMEM ? BERT_NOMEM : BERT_INTERRUPT, "%s", sqlite3_errstr(rc));
  else if (rc != SQLITE_ROW) error_set(e, BERT_ARGUMENT, "options: %s", sqlite3_errmsg(connection_db(c)));
  else if (type != SQLITE_NULL && type != SQLITE_TEXT)
    error_set(e, BERT_ARGUMENT, "options: %s: found %s, wanted TEXT", key, value_shown(sqlite3_column_value(s, 0)).text);
  else if (type == SQLITE_TEXT && !(text = sqlite3_mprintf("%s", sqlite3_column_text(s, 0))))
    error_set(e, BERT_NOMEM, "out of memory");
  sqlite3_finalize(s);
  return text;
}

Loaded *options_model(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  char *name = options_text(c, options, key, e);
  if (e->code) return NULL;
  bert_text text = {name ? name : "default", strlen(name ? name : "default")};
  Loaded *m = connection_model_named(c, text, e);
  sqlite3_free(name);
  if (m) connection_hold(m);
  return m;
}
