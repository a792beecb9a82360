/* inner.c -- SQL handed in as an argument: checked, prepared on the same connection, stepped.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT * FROM bert_embed_each('SELECT id, body FROM notes; -- all of them');   -- runs
**    SELECT * FROM bert_embed_each('SELECT 1, 2; DROP TABLE notes');                -- Error: … a second statement …
**
** It is one SELECT (or VALUES, or WITH … SELECT), and runs as `SELECT * FROM (sql)`. What is not a query never reaches
** sqlite3_prepare, since some PRAGMAs act when they are prepared: the scan below finds where the statement ends and
** that its parentheses balance, so it cannot close ours. The statement sees the database as the one around it does;
** rows that the outer statement writes into a table that the inner one is reading may or may not come up, as always in
** SQLite. */
#include "ext.h"

#include <string.h>

/* ---- finding the statement's end -------------------------------------------------------------------------------- */

static int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'); }

/* The end of what starts at p: a comment, a quoted string or name, else one byte; NULL where it has no end. */
static const char *skip_piece(const char *p, const char *past) {
  const char *q;
  if (p[0] == '-' && p + 1 < past && p[1] == '-') {
    q = memchr(p, '\n', (size_t)(past - p));
    return q ? q + 1 : past;
  }
  if (p[0] == '/' && p + 1 < past && p[1] == '*') {
    for (q = p + 2; q + 1 < past; q++)
      if (q[0] == '*' && q[1] == '/') return q + 2;
    return NULL;
  }
  if (p[0] != '\'' && p[0] != '"' && p[0] != '`' && p[0] != '[') return p + 1;
  q = memchr(p + 1, p[0] == '[' ? ']' : p[0], (size_t)(past - p - 1));
  return q ? q + 1 : NULL; /* a doubled quote is two strings in a row, which ends at the same place */
}

static int is_comment(const char *p, const char *past) {
  return p + 1 < past && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'));
}

/* Past the spaces and comments (and semicolons, when asked) at p; NULL where a comment has no end. */
static const char *skip_blank(const char *p, const char *past, int semicolons) {
  while (p && p < past && (is_space(*p) || is_comment(p, past) || (semicolons && *p == ';'))) p = skip_piece(p, past);
  return p;
}

static int starts_query(const char *p, const char *past) {
  static const char *const words[] = {"SELECT", "VALUES", "WITH"};
  for (int i = 0; i < 3; i++) {
    size_t n = strlen(words[i]);
    if ((size_t)(past - p) >= n && !sqlite3_strnicmp(p, words[i], (int)n)) return 1;
  }
  return 0;
}

static void set_wrong(bert_err *e, const char *what, const char *p, const char *past) {
  error_set(e, BERT_ARGUMENT, "the SQL %s '%.*s', wanted one SELECT", what, error_shown(p, (size_t)(past - p), 40), p);
}

/* How many bytes of sql are its one statement, without what may follow it. */
static size_t statement_size(bert_text sql, bert_err *e) {
  const char *start = sql.data, *past = start + sql.size, *p = skip_blank(start, past, 0);
  int open = 0;
  if (sql.size && memchr(start, 0, sql.size)) error_set(e, BERT_ARGUMENT, "the SQL has a NUL character inside");
  else if (!p || p == past) error_set(e, BERT_ARGUMENT, "the SQL is empty, wanted one SELECT");
  else if (!starts_query(p, past)) set_wrong(e, "starts with", p, past);
  while (!e->code && p < past && *p != ';') {
    const char *q = skip_piece(p, past);
    if (!q) set_wrong(e, "has no end to", p, past);
    else if (*p == '(') open++;
    else if (*p == ')' && --open < 0) set_wrong(e, "closes what it has not opened:", p, past);
    p = q;
  }
  if (e->code) return 0;
  const char *rest = skip_blank(p, past, 1);
  if (!rest) set_wrong(e, "has no end to", p, past);
  else if (rest < past) set_wrong(e, "has a second statement:", rest, past);
  return (size_t)(p - start);
}

int inner_is_query(const char *text) {
  const char *past = text + strlen(text), *p = skip_blank(text, past, 0);
  if (!p || !starts_query(p, past)) return 0;
  while ((*p | 32) >= 'a' && (*p | 32) <= 'z') p++;
  return is_space(*p) || *p == '(' || is_comment(p, past);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static void set_failed(Inner *inner, int rc, bert_err *e) {
  inner->rc = rc;
  error_sqlite(e, connection_db(inner->connection), rc);
}

/* It failed after rows had come, maybe. */
static void set_stopped(Inner *inner, int rc, bert_err *e) {
  char where[64];
  set_failed(inner, rc, e);
  sqlite3_snprintf(sizeof where, where, "the SQL fails after %lld row%s", inner->rows, inner->rows == 1 ? "" : "s");
  error_within(e, where);
}

static void check_columns(const Inner *inner, int fewest, int most, const char *columns, bert_err *e) {
  int n = sqlite3_column_count(inner->statement);
  char found[160] = "", wanted[24];
  if (n >= fewest && n <= most) return;
  for (int i = 0; i < n && strlen(found) < 120; i++) {
    size_t size = strlen(found);
    const char *name = sqlite3_column_name(inner->statement, i);
    sqlite3_snprintf((int)(sizeof found - size), found + size, "%s%.30s", i ? ", " : "", name ? name : "?");
  }
  sqlite3_snprintf(sizeof wanted, wanted, fewest == most ? "%d" : "%d to %d", fewest, most);
  error_set(e, BERT_ARGUMENT, "the SQL gives %d column%s (%s), wanted %s: %s", n, n == 1 ? "" : "s", found, wanted,
            columns);
}

void inner_open(Inner *inner, Connection *c, bert_text sql, int fewest, int most, const char *columns, bert_err *e) {
  *inner = (Inner){.connection = c};
  if (!e->code && *connection_depth(c) >= INNER_DEPTH_MAX)
    error_set(e, BERT_ARGUMENT, "SQL within SQL nested %d deep, at most %d are taken", *connection_depth(c) + 1,
              INNER_DEPTH_MAX);
  size_t size = e->code ? 0 : statement_size(sql, e);
  if (e->code) return;
  /* The line's end closes a comment that has none of its own. */
  char *wrapped = sqlite3_mprintf("SELECT * FROM (%.*s\n)", (int)size, sql.data);
  if (!wrapped) {
    error_set(e, BERT_NOMEM, "out of memory");
    return;
  }
  int rc = sqlite3_prepare_v2(connection_db(c), wrapped, -1, &inner->statement, NULL);
  sqlite3_free(wrapped);
  if (rc != SQLITE_OK) set_failed(inner, rc, e);
  else if (!sqlite3_stmt_readonly(inner->statement))
    error_set(e, BERT_ARGUMENT, "the SQL writes, wanted a SELECT that only reads");
  else check_columns(inner, fewest, most, columns, e);
}

int inner_step(Inner *inner, bert_err *e) {
  if (e->code || !inner->statement) return 0;
  int *depth = connection_depth(inner->connection);
  ++*depth;
  int rc = sqlite3_step(inner->statement);
  --*depth;
  inner->rows += rc == SQLITE_ROW;
  if (rc == SQLITE_ROW) return 1;
  if (rc != SQLITE_DONE) set_stopped(inner, rc, e);
  inner_close(inner); /* another step would start it anew */
  return 0;
}

void inner_close(Inner *inner) {
  sqlite3_finalize(inner->statement);
  inner->statement = NULL;
}

int inner_columns(Connection *c, sqlite3_value *sql, int *rc, bert_err *e) {
  Inner inner = {0};
  bert_text text = {NULL, 0};
  value_text(sql, "sql", &text, e);
  inner_open(&inner, c, text, 0, 1 << 16, "any", e);
  int n = e->code ? 0 : sqlite3_column_count(inner.statement);
  *rc = inner.rc;
  inner_close(&inner);
  return n;
}
