/* vtab_index_scan.c -- cursors of an index: rows by rising distance, or by rowid.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT rowid, distance FROM notes_index WHERE body MATCH 'printer' LIMIT 10;   -- streams by rising distance
**    SELECT rowid, category FROM notes_index WHERE category IS NOT NULL;            -- by rowid; distance is NULL
**
** Where k is not given, a search asks for some rows (as many as LIMIT, where SQLite tells), and, when these are used
** up, for eight times as many, going on after the last one: the nearest 64 are the first of the nearest 512. So a
** filter that only SQLite can judge loses no rows, and a table that changes meanwhile gives no row twice. */
#include "vtab_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ASKED = 32, GROWTH = 8 };

typedef struct {
  sqlite3_vtab_cursor base;
  int done, plan;
  sqlite3_int64 rowid;

  sqlite3_stmt *rows; /* of a scan, else NULL */

  /* Of a search. */
  float *query;
  int models; /* see index_want_models */
  IndexFilter filter;
  sqlite3_int64 k, left, asked; /* k as given, or -1; how many may still come; how many the last search was asked for */
  double most, least;           /* distances wanted: */
  int is_below, is_above;       /* < most, > least, not <=, >= */
  bert_hits hits;
  sqlite3_int64 at;
  int is_last; /* no search after this one */
  int is_near;        /* the last search was one of an approximate index, which may have left rows out */
  int has_last;       /* rows up to (distance, rowid) have been given */
  sqlite3_int64 *given; /* rows that a search gave which may have left others out, ascending */
  sqlite3_int64 given_count;
  double distance;
  sqlite3_int64 rank;
} IndexCursor;

static IndexTable *table_of(IndexCursor *c) { return (IndexTable *)c->base.pVtab; }

int index_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out) {
  bert_err e = {0};
  (void)vtab;
  IndexCursor *c = memory_new(1, sizeof *c, &e);
  if (!c) return SQLITE_NOMEM;
  *out = &c->base;
  return SQLITE_OK;
}

/* Lets go of the row whose columns were read. */
static void leave_row(IndexTable *t, const IndexCursor *c) {
  if (t->row_owner != c) return;
  sqlite3_reset(t->statements[SQL_GET_COLUMNS]);
  t->row_owner = NULL;
}

static void clear(IndexCursor *c) {
  IndexTable *t = table_of(c);
  leave_row(t, c);
  index_give_back(t, c->rows);
  sqlite3_free(c->query);
  sqlite3_free(c->given);
  index_filter_free(t, &c->filter);
  bert_hits_free(&c->hits);
  *c = (IndexCursor){.base = c->base};
}

int index_close(sqlite3_vtab_cursor *cursor) {
  clear((IndexCursor *)cursor);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- a search ---------------------------------------------------------------------------------------------------- */

static void search(IndexCursor *c, bert_err *e) {
  IndexTable *t = table_of(c);
  index_flush(t, e);
  index_refresh(t, e);
  index_want_models(t, c->models, e);
  index_filter_renew(t, &c->filter, e);
  if (c->asked >= t->live) c->asked = t->live, c->is_last = 1;
  bert_hits_free(&c->hits);
  c->at = 0;
  if (c->asked == 0 || e->code) return;
  index_search(t, c->query, 1, &c->filter, c->asked, c->most, c->is_near, &c->hits, e);
  if (c->hits.n < c->asked) c->is_last = 1;
}

static int by_value(const void *a, const void *b) {
  const sqlite3_int64 *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* An approximate index goes on with exact searches, which find what the first one left out, too. */
static void go_on_exactly(IndexCursor *c, bert_err *e) {
  c->is_near = c->has_last = 0;
  c->given = memory_new((size_t)c->hits.n + 1, sizeof *c->given, e);
  for (int64_t i = 0; i < c->hits.n && !e->code; i++) c->given[c->given_count++] = c->hits.hit[i].rowid;
  if (c->given_count) qsort(c->given, (size_t)c->given_count, sizeof *c->given, by_value);
}

/* Whether a hit comes after the row that the cursor stands on, and is as far away as is wanted. */
static int is_due(const IndexCursor *c, const bert_hit *h) {
  sqlite3_int64 rowid = h->rowid;
  if (c->given_count && bsearch(&rowid, c->given, (size_t)c->given_count, sizeof rowid, by_value)) return 0;
  if (c->has_last && (h->distance < c->distance || (h->distance == c->distance && h->rowid <= c->rowid))) return 0;
  return c->is_above ? h->distance > c->least : h->distance >= c->least;
}

static void next_hit(IndexCursor *c, bert_err *e) {
  while (!e->code && c->left > 0) {
    for (; c->at < c->hits.n; c->at++) {
      const bert_hit *h = &c->hits.hit[c->at];
      if (c->is_below && h->distance >= c->most) break;
      if (!is_due(c, h)) continue;
      c->rowid = h->rowid;
      c->distance = h->distance;
      c->has_last = 1;
      c->rank++;
      c->left--;
      c->at++;
      return;
    }
    if (c->is_last || c->at < c->hits.n) break;
    if (c->is_near && table_of(c)->columns.approximate) go_on_exactly(c, e);
    c->asked = c->asked > INT64_MAX / GROWTH ? INT64_MAX : c->asked * GROWTH;
    search(c, e);
  }
  c->done = 1;
}

/* A bound of distance as SQLite compares it: NULL fulfils nothing, and a text is more than any number. */
static double bound(sqlite3_value *v, int is_upper, int *none) {
  int type = sqlite3_value_numeric_type(v);
  if (type == SQLITE_NULL) *none = 1;
  if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) return sqlite3_value_double(v);
  if (!is_upper) *none = 1;
  return is_upper ? INFINITY : -INFINITY;
}

/* Reads what comes before the conditions; returns how many. *none: there can be no rows. */
static int read_arguments(IndexCursor *c, int plan, sqlite3_value **argv, int *none, bert_err *e) {
  IndexTable *t = table_of(c);
  sqlite3_int64 hint = -1, offset = 0;
  int n = 0;
  c->most = INFINITY;
  c->least = -INFINITY;
  for (int bit = PLAN_MATCH; bit <= PLAN_OFFSET; bit <<= 1) {
    if (!(plan & bit)) continue;
    sqlite3_value *v = argv[n++];
    const float *q;
    double x;
    switch (bit) {
      case PLAN_MATCH:
        q = index_query_vector(t, v, e);
        c->query = q ? memory_new((size_t)t->dimensions, sizeof *q, e) : NULL;
        if (c->query) memcpy(c->query, q, (size_t)t->dimensions * sizeof *q);
        else *none = 1;
        break;
      case PLAN_K:
        c->k = value_integer(v, -1, 0, INT64_MAX, "k", e);
        if (c->k < 0) *none = 1;
        break;
      case PLAN_BELOW:
      case PLAN_UP_TO:
        x = bound(v, 1, none);
        if (x <= c->most) c->is_below = bit == PLAN_BELOW || (x == c->most && c->is_below);
        if (x < c->most) c->most = x;
        break;
      case PLAN_ABOVE:
      case PLAN_FROM:
        x = bound(v, 0, none);
        if (x > c->least || bit == PLAN_ABOVE) c->is_above = bit == PLAN_ABOVE || (x == c->least && c->is_above);
        if (x > c->least) c->least = x;
        break;
      case PLAN_LIMIT: hint = sqlite3_value_int64(v); break;
      default: offset = sqlite3_value_int64(v); break;
    }
  }
  c->asked = hint >= 0 && hint < 1 << 20 && offset >= 0 && offset < 1 << 20 ? hint + offset : FIRST_ASKED;
  if (c->asked < 1) c->asked = 1;
  c->is_near = (plan & (PLAN_K | PLAN_LIMIT)) && c->least == -INFINITY; /* who wants all rows wants them in order */
  return n;
}

static void start_search(IndexCursor *c, int plan, const char *text, sqlite3_value **argv, bert_err *e) {
  IndexTable *t = table_of(c);
  int none = 0;
  c->k = -1;
  index_flush(t, e);
  index_refresh(t, e);
  if (e->code) return;
  c->models = t->models;
  int n = read_arguments(c, plan, argv, &none, e);
  c->left = plan & PLAN_K ? c->k : INT64_MAX;
  c->done = none;
  if (e->code || none) return;
  index_filter_make(t, &c->filter, plan, text, argv + n, e);
  if (plan & PLAN_K && c->least == -INFINITY) {
    c->asked = c->k;
    c->is_last = 1;
  }
  search(c, e);
  next_hit(c, e);
}

/* ---- a scan ------------------------------------------------------------------------------------------------------ */

static void next_row(IndexCursor *c, bert_err *e) {
  c->done = !index_step(table_of(c), c->rows, e);
  if (!c->done) c->rowid = sqlite3_column_int64(c->rows, 0);
}

static void start_scan(IndexCursor *c, int plan, const char *text, sqlite3_value **argv, bert_err *e) {
  IndexTable *t = table_of(c);
  if (plan & PLAN_K) error_set(e, BERT_ARGUMENT, "k is given without what it counts, wanted: … MATCH … AND k = …");
  index_refresh(t, e);
  c->rows = index_where(t, plan & PLAN_DESCENDING ? WHERE_ROWS_DESCENDING : WHERE_ROWS, text, argv, e);
  if (c->rows) next_row(c, e);
}

/* ---- xFilter and what follows ------------------------------------------------------------------------------------ */

static int finish(IndexCursor *c, const bert_err *e) {
  if (e->code) c->done = 1;
  return index_fail(table_of(c), e);
}

int index_filter(sqlite3_vtab_cursor *cursor, int plan, const char *text, int argc, sqlite3_value **argv) {
  IndexCursor *c = (IndexCursor *)cursor;
  bert_err e = {0};
  (void)argc;
  clear(c);
  c->plan = plan;
  table_of(c)->rc = 0;
  index_want_idle(table_of(c), &e);
  if (plan & PLAN_MATCH) start_search(c, plan, text, argv, &e);
  else start_scan(c, plan, text, argv, &e);
  return finish(c, &e);
}

int index_next(sqlite3_vtab_cursor *cursor) {
  IndexCursor *c = (IndexCursor *)cursor;
  bert_err e = {0};
  table_of(c)->rc = 0;
  leave_row(table_of(c), c);
  if (c->rows) next_row(c, &e);
  else next_hit(c, &e);
  return finish(c, &e);
}

int index_eof(sqlite3_vtab_cursor *cursor) { return ((IndexCursor *)cursor)->done; }

int index_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out) {
  *out = ((IndexCursor *)cursor)->rowid;
  return SQLITE_OK;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* The row's columns, read when the first of them is asked for. */
static sqlite3_stmt *read_row(IndexTable *t, IndexCursor *c, bert_err *e) {
  if (t->row_owner == c) return t->statements[SQL_GET_COLUMNS];
  sqlite3_stmt *s = index_sql(t, SQL_GET_COLUMNS, e);
  t->row_owner = NULL;
  if (!s) return NULL;
  sqlite3_bind_int64(s, 1, c->rowid);
  if (!index_step(t, s, e)) return NULL; /* deleted meanwhile: its columns are NULL */
  t->row_owner = c;
  return s;
}

static void user_column(IndexTable *t, IndexCursor *c, sqlite3_context *context, int i, bert_err *e) {
  if (t->columns.columns[i].kind != INDEX_METADATA && t->columns.columns[i].kind != INDEX_PARTITION &&
      sqlite3_vtab_nochange(context))
    return;
  if (i == t->columns.vector) {
    sqlite3_int64 slot = index_slot_of(t, c->rowid, e); /* now: it may have moved since it was found */
    const float *v = slot >= 0 ? index_get_vector(t, slot, e) : NULL;
    if (v) index_result_vector(t, context, v);
    return;
  }
  sqlite3_stmt *s = read_row(t, c, e);
  if (s) sqlite3_result_value(context, sqlite3_column_value(s, i + 3));
}

int index_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i) {
  IndexCursor *c = (IndexCursor *)cursor;
  IndexTable *t = table_of(c);
  bert_err e = {0};
  int is_search = !c->rows;
  t->rc = 0;
  if (i >= t->columns.count && sqlite3_vtab_nochange(context)) return SQLITE_OK;
  switch (i - t->columns.count) {
    case HIDDEN_TABLE: break;
    case HIDDEN_K:
      if (c->k >= 0 && is_search) sqlite3_result_int64(context, c->k);
      break;
    case HIDDEN_DISTANCE:
      if (is_search) sqlite3_result_double(context, c->distance);
      break;
    case HIDDEN_RANK:
      if (is_search) sqlite3_result_int64(context, c->rank);
      break;
    default: user_column(t, c, context, i, &e);
  }
  return index_fail(t, &e);
}
