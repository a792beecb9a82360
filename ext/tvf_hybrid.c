/* tvf_hybrid.c -- bert_hybrid: by meaning and by words, joined.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT rowid, score, index_rank, fts_rank FROM bert_hybrid('notes_index', 'notes_fts', 'reset my password', 10);
**    SELECT body FROM bert_hybrid('notes_index', 'notes_fts', ?, 5) h JOIN notes n ON id = h.rowid ORDER BY score DESC;
**
** Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): score = 1/(60 + index_rank) + 1/(60 + fts_rank), where a
** rank is NULL if the row is not among the first of that list, of which four times k are read, at least 64. Equal
** scores come by rowid. The query is text: FTS5 looks for rows with any of its words, best first by its own rank. */
#include "vtab_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX, FTS5_TABLE, QUERY, K }; /* arguments */
enum { SMOOTHING = 60, TIMES = 4, DEPTH_LEAST = 64 };

typedef struct {
  sqlite3_int64 rowid, index_rank, fts_rank; /* 0: not in that list */
  double score;
} Fused;

typedef struct {
  Cursor cursor;
  Fused *rows;
  size_t room;
  sqlite3_int64 count;
} Hybrid;

static void add(Hybrid *h, sqlite3_int64 rowid, sqlite3_int64 index_rank, sqlite3_int64 fts_rank, bert_err *e) {
  if (!memory_grow(&h->rows, &h->room, (size_t)h->count + 1, sizeof *h->rows, e)) return;
  h->rows[h->count++] = (Fused){rowid, index_rank, fts_rank, 0};
}

/* ---- the two lists ----------------------------------------------------------------------------------------------- */

static void search_index(Hybrid *h, const char *name, sqlite3_value *query, sqlite3_int64 depth, bert_err *e) {
  sqlite3_stmt *held;
  IndexTable *t = index_find(h->cursor.connection, name, &held, e);
  bert_hits hits = {NULL, 0};
  if (!t) return;
  t->rc = 0;
  index_flush(t, e);
  index_refresh(t, e);
  const float *q = e->code ? NULL : index_query_vector(t, query, e);
  if (q) index_search(t, q, 1, NULL, depth < t->live ? depth : t->live, INFINITY, 1, &hits, e);
  for (int64_t i = 0; i < hits.n; i++) add(h, hits.hit[i].rowid, i + 1, 0, e);
  h->cursor.rc = t->rc;
  bert_hits_free(&hits);
  sqlite3_finalize(held);
}

static int is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* "a" OR "b" …: any of the words, whatever else the text has, which FTS5 would take for syntax. NULL: none, or no
** memory. */
static char *any_word(bert_text text, bert_err *e) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  for (size_t i = 0; i < text.size;) {
    size_t from = i;
    while (i < text.size && is_word(text.data[i])) i++;
    if (i > from)
      sqlite3_str_appendf(s, "%s\"%.*s\"", sqlite3_str_length(s) ? " OR " : "", (int)(i - from), text.data + from);
    else i++;
  }
  if (sqlite3_str_errcode(s) == SQLITE_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
  return sqlite3_str_finish(s);
}

static char *words_sql(const char *text, bert_err *e) {
  IndexName name;
  index_name_read(&name, text, e);
  char *table = e->code ? NULL : index_name_quoted(&name), *sql = NULL;
  if (table)
    sql = sqlite3_mprintf("SELECT rowid FROM %s WHERE \"%w\" MATCH ?1 ORDER BY rank LIMIT ?2", table, name.table);
  if (!sql) error_set(e, BERT_NOMEM, "out of memory");
  sqlite3_free(table);
  index_name_free(&name);
  return sql;
}

static void search_words(Hybrid *h, const char *name, bert_text query, sqlite3_int64 depth, bert_err *e) {
  sqlite3 *db = connection_db(h->cursor.connection);
  char *words = any_word(query, e), *sql = words_sql(name, e);
  sqlite3_stmt *s = NULL;
  int rc = e->code || !words ? SQLITE_OK : sqlite3_prepare_v2(db, sql, -1, &s, NULL);
  if (s) {
    sqlite3_bind_text(s, 1, words, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, depth);
    for (sqlite3_int64 rank = 1; (rc = sqlite3_step(s)) == SQLITE_ROW && !e->code; rank++)
      add(h, sqlite3_column_int64(s, 0), 0, rank, e);
  }
  if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
    h->cursor.rc = rc;
    error_set(e, rc == SQLITE_NOMEM ? BERT_NOMEM : rc == SQLITE_INTERRUPT ? BERT_INTERRUPT : BERT_ARGUMENT, "%s: %s",
              name, sqlite3_errmsg(db));
  }
  sqlite3_finalize(s);
  sqlite3_free(sql);
  sqlite3_free(words);
}

/* ---- joining ----------------------------------------------------------------------------------------------------- */

static int by_rowid(const void *a, const void *b) {
  const Fused *x = a, *y = b;
  if (x->rowid != y->rowid) return x->rowid < y->rowid ? -1 : 1;
  return (x->fts_rank > y->fts_rank) - (x->fts_rank < y->fts_rank);
}

static int by_score(const void *a, const void *b) {
  const Fused *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x->rowid > y->rowid) - (x->rowid < y->rowid);
}

static double share(sqlite3_int64 rank) { return rank ? 1.0 / (double)(SMOOTHING + rank) : 0; }

static void fuse(Hybrid *h, sqlite3_int64 k) {
  sqlite3_int64 n = 0;
  if (h->count == 0) return;
  qsort(h->rows, (size_t)h->count, sizeof *h->rows, by_rowid);
  for (sqlite3_int64 i = 0; i < h->count; i++) {
    Fused x = h->rows[i];
    if (n && h->rows[n - 1].rowid == x.rowid) h->rows[n - 1].fts_rank = x.fts_rank; /* the index's came first */
    else h->rows[n++] = x;
  }
  for (sqlite3_int64 i = 0; i < n; i++) h->rows[i].score = share(h->rows[i].index_rank) + share(h->rows[i].fts_rank);
  qsort(h->rows, (size_t)n, sizeof *h->rows, by_score);
  h->count = n < k ? n : k;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void open(Cursor *c, bert_err *e) {
  Hybrid *h = (Hybrid *)c;
  bert_text query;
  const char *index = value_string(c->arguments[INDEX], "index", e);
  const char *table = value_string(c->arguments[FTS5_TABLE], "fts5_table", e);
  sqlite3_int64 k = value_integer(c->arguments[K], 0, 0, INT32_MAX, "k", e);
  value_text(c->arguments[QUERY], "query", &query, e);
  if (e->code) return;
  sqlite3_int64 depth = k * TIMES < DEPTH_LEAST ? DEPTH_LEAST : k * TIMES;
  search_index(h, index, c->arguments[QUERY], depth, e);
  if (!e->code) search_words(h, table, query, depth, e);
  if (!e->code) fuse(h, k);
  c->done = h->count == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Hybrid *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Fused *x = &((Hybrid *)c)->rows[c->row];
  switch (i) {
    case 0: sqlite3_result_int64(context, x->rowid); break;
    case 1: sqlite3_result_double(context, x->score); break;
    case 2:
      if (x->index_rank) sqlite3_result_int64(context, x->index_rank);
      break;
    case 3:
      if (x->fts_rank) sqlite3_result_int64(context, x->fts_rank);
      break;
  }
}

static void close(Cursor *c) {
  Hybrid *h = (Hybrid *)c;
  sqlite3_free(h->rows);
  h->rows = NULL;
  h->room = 0;
  h->count = 0;
}

const CursorKind tvf_hybrid = {sizeof(Hybrid), open, next, column, close};
