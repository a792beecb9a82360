/* options.c -- what the glue itself reads of an `options` argument: names of models.
** Layer: ext. Uses: bert.h, bar.h, ext.h.
**
**    SELECT * FROM bert_evaluate('classify', 'SELECT body, label FROM t', '{"model":"m"}');   -- the model m
**    SELECT * FROM bert_evaluate('classify', 'SELECT body, label FROM t');                    -- the model default
**
** All else in it is the engine's, which also refuses keys that nobody knows. */
#include "bar.h"
#include "ext.h"

#include <string.h>

/* A statement that stands on the member of that key, to be finalized; NULL on error, or where there are no options. */
static sqlite3_stmt *member(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  sqlite3_stmt *s = NULL;
  if (e->code || !options) return NULL;
  int rc = sqlite3_prepare_v2(connection_db(c), "SELECT json_extract(?1, '$.' || ?2), json_type(?1, '$.' || ?2)", -1, &s, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_bind_value(s, 1, options);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text(s, 2, key, -1, SQLITE_STATIC);
  if (rc == SQLITE_OK) rc = sqlite3_step(s);
  if (rc == SQLITE_NOMEM || rc == SQLITE_INTERRUPT)
    error_set(e, rc == SQLITE_NOMEM ? BERT_NOMEM : BERT_INTERRUPT, "%s", sqlite3_errstr(rc));
  else if (rc != SQLITE_ROW) error_set(e, BERT_ARGUMENT, "options: %s", sqlite3_errmsg(connection_db(c)));
  if (!e->code) return s;
  sqlite3_finalize(s);
  return NULL;
}

static void refuse(sqlite3_stmt *s, const char *key, const char *wanted, bert_err *e) {
  Shown found = value_shown(sqlite3_column_value(s, 0));
  error_set(e, BERT_ARGUMENT, "options: %s: found %s, wanted %s", key, found.text, wanted);
}

/* The text of a member that is NULL or of that JSON type. */
static char *text_of(Connection *c, sqlite3_value *options, const char *key, const char *type, const char *wanted,
                     bert_err *e) {
  sqlite3_stmt *s = member(c, options, key, e);
  const char *found = s ? (const char *)sqlite3_column_text(s, 1) : NULL;
  char *text = NULL;
  int is_null = !s || sqlite3_column_type(s, 0) == SQLITE_NULL;
  if (!is_null && !found) error_set(e, BERT_NOMEM, "out of memory");
  else if (!is_null && strcmp(found, type)) refuse(s, key, wanted, e);
  else if (!is_null && !(text = sqlite3_mprintf("%s", sqlite3_column_text(s, 0))))
    error_set(e, BERT_NOMEM, "out of memory");
  sqlite3_finalize(s);
  return text;
}

char *options_text(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  return text_of(c, options, key, "text", "TEXT", e);
}

char *options_object(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  return text_of(c, options, key, "object", "a JSON object", e);
}

sqlite3_int64 options_integer(Connection *c, sqlite3_value *options, const char *key, sqlite3_int64 otherwise,
                              bert_err *e) {
  sqlite3_stmt *s = member(c, options, key, e);
  int type = s ? sqlite3_column_type(s, 0) : SQLITE_NULL;
  sqlite3_int64 x = type == SQLITE_INTEGER ? sqlite3_column_int64(s, 0) : otherwise;
  if (type != SQLITE_NULL && type != SQLITE_INTEGER) refuse(s, key, "an INTEGER", e);
  sqlite3_finalize(s);
  return x;
}

int options_has(Connection *c, sqlite3_value *options, const char *key, bert_err *e) {
  sqlite3_stmt *s = member(c, options, key, e);
  int has = s && sqlite3_column_type(s, 0) != SQLITE_NULL;
  sqlite3_finalize(s);
  return has;
}

int options_bar(Connection *c, sqlite3_value *options, bert_err *e) {
  sqlite3_stmt *s = member(c, options, "progress", e);
  int type = s ? sqlite3_column_type(s, 0) : SQLITE_NULL, x = s ? sqlite3_column_int(s, 0) : 0;
  if (type != SQLITE_NULL && (type != SQLITE_INTEGER || x < 0 || x > 1)) refuse(s, "progress", "true or false", e);
  sqlite3_finalize(s);
  return type == SQLITE_NULL ? BAR_UNSAID : x;
}

static Loaded *model(Connection *c, sqlite3_value *options, const char *key, const char *otherwise, Purpose purpose,
                     bert_err *e) {
  char *own = options_text(c, options, key, e);
  const char *name = own ? own : otherwise;
  Loaded *m = e->code || !name ? NULL : connection_model_named(c, (bert_text){name, strlen(name)}, purpose, e);
  sqlite3_free(own);
  if (m) connection_hold(m);
  return m;
}

Loaded *options_model(Connection *c, sqlite3_value *options, const char *key, Purpose purpose, bert_err *e) {
  return model(c, options, key, "default", purpose, e);
}

Loaded *options_model_if(Connection *c, sqlite3_value *options, const char *key, Purpose purpose, bert_err *e) {
  return model(c, options, key, NULL, purpose, e);
}
