/* vtab_index_find.c -- tables that a function is given by name.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT * FROM bert_search_each('notes_index', 'SELECT id, question FROM questions', 3);
**    SELECT * FROM bert_search_each('"my.file"."an index"', 'SELECT id, question FROM questions', 3);
**
** A name is `table` or `schema.table`. Each part may be quoted as in SQL ("…", `…` or […]), and has to be where it holds a
** dot or begins with such a quote. */
#include "vtab_index.h"

#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* The part at *p, which goes past it; freed by sqlite3_free. NULL on error. */
static char *take_part(const char **p, bert_err *e) {
  const char *q = *p;
  char close = *q == '"' || *q == '`' ? *q : *q == '[' ? ']' : 0;
  char *out = memory_new(strlen(q) + 1, 1, e);
  size_t n = 0;
  if (!out) return NULL;
  if (!close) {
    n = strcspn(q, ".");
    memcpy(out, q, n);
    *p = q + n;
    return out;
  }
  for (q++; *q && (*q != close || (q[1] == close && close != ']')); q++) {
    out[n++] = *q;
    q += *q == close;
  }
  if (!*q) error_set(e, BERT_ARGUMENT, "the name %s has a quote without end", *p);
  *p = q + (*q == close);
  return out;
}

void index_name_read(IndexName *name, const char *text, bert_err *e) {
  const char *p = text;
  *name = (IndexName){.schema = NULL};
  if (e->code) return;
  name->table = take_part(&p, e);
  if (*p == '.' && !e->code) {
    p++;
    name->schema = name->table;
    name->table = take_part(&p, e);
  }
  if (*p && !e->code)
    error_set(e, BERT_ARGUMENT, "the name %s goes on with '%s', wanted table or schema.table, in double quotes where one "
              "has a dot", text, p);
}

void index_name_free(IndexName *name) {
  sqlite3_free(name->schema);
  sqlite3_free(name->table);
  *name = (IndexName){.schema = NULL};
}

char *index_name_quoted(const IndexName *name) {
  return name->schema ? sqlite3_mprintf("\"%w\".\"%w\"", name->schema, name->table)
                      : sqlite3_mprintf("\"%w\"", name->table);
}

/* ---- indexes ----------------------------------------------------------------------------------------------------- */

/* The index of a name among those in use; of two, that of the schema which SQLite would look into first. */
static IndexTable *find_used(Connection *c, const char *schema, const char *name) {
  IndexTable *best = NULL;
  for (IndexTable *t = *connection_indexes(c); t; t = t->next) {
    if (sqlite3_stricmp(t->name, name) || (schema && sqlite3_stricmp(t->schema, schema))) continue;
    if (!best || !sqlite3_stricmp(t->schema, "temp") ||
        (!sqlite3_stricmp(t->schema, "main") && sqlite3_stricmp(best->schema, "temp")))
      best = t;
  }
  return best;
}

IndexTable *index_find(Connection *c, const char *text, sqlite3_stmt **held, bert_err *e) {
  IndexName name;
  *held = NULL;
  index_name_read(&name, text, e);
  char *quoted = e->code ? NULL : index_name_quoted(&name);
  char *sql = quoted ? sqlite3_mprintf("SELECT rowid FROM %s", quoted) : NULL;
  if (!sql) error_set(e, BERT_NOMEM, "out of memory");
  int rc = e->code ? SQLITE_OK : sqlite3_prepare_v2(connection_db(c), sql, -1, held, NULL); /* connects it, too */
  if (rc == SQLITE_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
  IndexTable *t = e->code || rc != SQLITE_OK ? NULL : find_used(c, name.schema, name.table);
  if (!t) error_set(e, BERT_ARGUMENT, "no index called '%s', wanted the name of a table made by bert_index", text);
  index_name_free(&name);
  sqlite3_free(quoted);
  sqlite3_free(sql);
  if (t) return t;
  sqlite3_finalize(*held);
  *held = NULL;
  return NULL;
}
