/* tvf_search_each.c -- bert_search_each: the nearest rows to each row of a query, in one pass over the index.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT key, rowid, distance FROM bert_search_each('notes_index', 'SELECT id, question FROM questions', 3);
**    SELECT a.key, a.rowid FROM bert_search_each('main.v', 'SELECT rowid, embedding FROM w', 1) a WHERE distance < 0.2;
**
** The query gives a key and a text or vector. Its rows come in windows of 256; the texts of a window are embedded
** together, and each block of codes is read once for all of them. A row whose text is NULL finds nothing. Keys come
** back as they were, in the query's order, each with its rows by rising distance. */
#include "vtab_index.h"

#include <math.h>
#include <string.h>

enum { INDEX, SQL, K }; /* arguments */
enum { WINDOW = 256 };

typedef struct {
  Cursor cursor;
  IndexTable *table;
  sqlite3_stmt *held; /* keeps the table from going away */
  Inner inner;
  sqlite3_int64 k;
  int models;                     /* see index_want_models */
  int count, at;                  /* rows of the window, and which of them is the current one */
  sqlite3_int64 hit;              /* which of its hits */
  sqlite3_value *keys[WINDOW];
  sqlite3_value *texts[WINDOW];   /* what is still to be embedded, else NULL */
  int items[WINDOW];              /* which vector is the row's, or -1: nothing to look for */
  float *vectors;                 /* [WINDOW][dimensions] */
  int item_count;
  bert_hits hits[WINDOW];         /* of each vector */
} SearchEach;

static void clear_window(SearchEach *x) {
  for (int i = 0; i < x->count; i++) {
    sqlite3_value_free(x->keys[i]);
    sqlite3_value_free(x->texts[i]);
  }
  for (int i = 0; i < x->item_count; i++) bert_hits_free(&x->hits[i]);
  x->count = x->at = x->item_count = 0;
  x->hit = 0;
}

static void read_row(SearchEach *x, bert_err *e) {
  IndexTable *t = x->table;
  int i = x->count++;
  sqlite3_value *v = sqlite3_column_value(x->inner.statement, 1);
  int type = sqlite3_value_type(v);
  x->keys[i] = sqlite3_value_dup(sqlite3_column_value(x->inner.statement, 0));
  x->texts[i] = NULL;
  x->items[i] = type == SQLITE_NULL ? -1 : x->item_count;
  if (!x->keys[i]) error_set(e, BERT_NOMEM, "out of memory");
  if (type == SQLITE_NULL || e->code) return;
  if (t->columns.vector < 0 && type != SQLITE_BLOB) {
    x->texts[i] = sqlite3_value_dup(v);
    if (!x->texts[i]) error_set(e, BERT_NOMEM, "out of memory");
  } else {
    const float *q = index_query_vector(t, v, e);
    if (q) memcpy(x->vectors + (size_t)x->item_count * (size_t)t->dimensions, q, (size_t)t->dimensions * sizeof *q);
  }
  x->item_count++;
}

/* The vectors of the window's texts, which stand where others do not. */
static void embed_window(SearchEach *x, bert_err *e) {
  IndexTable *t = x->table;
  size_t d = (size_t)t->dimensions;
  bert_text *texts = memory_new(WINDOW, sizeof *texts, e);
  int n = 0;
  for (int i = 0; i < x->count && !e->code; i++)
    if (x->texts[i]) value_text(x->texts[i], "the text", &texts[n++], e);
  float *made = n ? memory_new((size_t)n * d, sizeof *made, e) : NULL;
  if (n) index_query_texts(t, texts, n, made, e);
  for (int i = 0, from = 0; i < x->count && n && !e->code; i++)
    if (x->texts[i]) memcpy(x->vectors + (size_t)x->items[i] * d, made + (size_t)from++ * d, d * sizeof *made);
  sqlite3_free(made);
  sqlite3_free(texts);
}

static void read_window(SearchEach *x, bert_err *e) {
  clear_window(x);
  x->table->rc = 0;
  index_want_models(x->table, x->models, e);
  while (x->count < WINDOW && inner_step(&x->inner, e)) read_row(x, e);
  embed_window(x, e);
  index_flush(x->table, e);
  index_refresh(x->table, e);
  index_want_models(x->table, x->models, e);
  if (x->item_count && x->k && !e->code)
    index_search(x->table, x->vectors, x->item_count, NULL, x->k, INFINITY, 1, x->hits, e);
  else memset(x->hits, 0, sizeof x->hits);
  x->cursor.rc = x->inner.rc ? x->inner.rc : x->table->rc;
}

/* To the first hit from here on. */
static void settle(SearchEach *x, bert_err *e) {
  while (!e->code) {
    for (; x->at < x->count; x->at++, x->hit = 0)
      if (x->items[x->at] >= 0 && x->hit < x->hits[x->items[x->at]].n) return;
    if (x->count < WINDOW && x->cursor.row >= 0 && !x->inner.statement) break;
    read_window(x, e);
    if (x->count == 0) break;
  }
  x->cursor.done = 1;
}

static void next(Cursor *c, bert_err *e) {
  SearchEach *x = (SearchEach *)c;
  x->hit++;
  settle(x, e);
}

static void open(Cursor *c, bert_err *e) {
  SearchEach *x = (SearchEach *)c;
  bert_text sql;
  const char *name = value_string(c->arguments[INDEX], "index", e);
  x->table = name ? index_find(c->connection, name, &x->held, e) : NULL;
  x->k = value_integer(c->arguments[K], 0, 0, INT64_MAX, "k", e);
  value_text(c->arguments[SQL], "sql", &sql, e);
  inner_open(&x->inner, c->connection, sql, 2, 2, "key, text or vector", e);
  c->rc = x->inner.rc;
  if (e->code) return;
  x->table->rc = 0;
  index_flush(x->table, e);
  index_refresh(x->table, e);
  if (x->k > x->table->live) x->k = x->table->live;
  x->models = x->table->models;
  x->vectors = memory_new(WINDOW, (size_t)x->table->dimensions * sizeof(float), e);
  settle(x, e);
  c->rc = x->inner.rc ? x->inner.rc : x->table->rc;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const SearchEach *x = (SearchEach *)c;
  const bert_hit *h = &x->hits[x->items[x->at]].hit[x->hit];
  switch (i) {
    case 0: sqlite3_result_value(context, x->keys[x->at]); break;
    case 1: sqlite3_result_int64(context, h->rowid); break;
    case 2: sqlite3_result_double(context, h->distance); break;
    case 3: sqlite3_result_int64(context, x->hit + 1); break;
  }
}

static void close(Cursor *c) {
  SearchEach *x = (SearchEach *)c;
  clear_window(x);
  inner_close(&x->inner);
  sqlite3_free(x->vectors);
  sqlite3_finalize(x->held);
  x->vectors = NULL;
  x->held = NULL;
  x->table = NULL;
}

const CursorKind tvf_search_each = {sizeof(SearchEach), open, next, column, close};
