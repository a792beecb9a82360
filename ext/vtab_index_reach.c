/* vtab_index_reach.c -- which lists of an approximate index a query looks into.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT rowid FROM v WHERE embedding MATCH ? AND k = 10;   -- the nearest lists, then those within reach
**    SELECT value FROM v_config WHERE key = 'reach';           -- 318000: in millionths, measured when rows were dealt
**
** A query looks into a few lists first. Let the k-th row that these gave have cosine c with it: nearer rows can be in any
** list, but hardly in one whose centroid is far farther away than the row. So it also looks into the lists whose centroid has
** a cosine of c - reach or more.
**
** How far that is depends on the table: in one of tight clusters the first lists hold all, in one of noise any list may. So
** it is measured whenever rows are dealt: some rows are searched for exactly, and reach is what all but MISSED of their
** neighbours need. A difference of cosines serves queries that are unlike the rows better than a number of lists would: such
** a query's rows are farther away, so that more lists are within reach. (Of 159,800 sentences, with what 0.995 of the
** sentences' neighbours need, the ten nearest to others of them, to questions and to a bank's customers' sentences were
** found at 0.99, 0.99 and 0.98; with a number of lists, at 0.99, 0.99 and 0.96.) */
#include "vtab_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are searched for, how many neighbours of each, and which share of these may be out of reach. */
enum { PROBES = 256, NEIGHBOURS = 10 };
static const double MISSED = 0.005;
/* Of a table that was dealt before reach was measured. */
enum { REACH_UNKNOWN = 400000 };
static const double REACH_UNIT = 1e-6;

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static int read_lists(void *context, int64_t block, const void **data, size_t *size) {
  IndexReading *r = context;
  sqlite3_stmt *s = index_sql(r->t, SQL_GET_LISTS, r->e);
  if (!s) return 1;
  sqlite3_bind_int64(s, 1, block);
  if (index_step(r->t, s, r->e)) {
    *data = sqlite3_column_blob(s, 0);
    *size = (size_t)sqlite3_column_bytes(s, 0);
    if (*data) return 0;
  }
  index_damaged(r->t, r->e, "block %lld of the lists is missing", (long long)block);
  return 1;
}

/* Marks the nearest n lists that are no farther away than `most`, where they are not marked yet; returns how many. */
static int mark_lists(IndexTable *t, const float *query, int64_t n, double most, unsigned char *lists, bert_err *e) {
  bert_hits hits = {NULL, 0};
  int marked = 0;
  if (e->code) return 0;
  bert_scope scope = {.dimensions = t->dimensions, .blocks = t->list_map, .count = t->list_map_count, .k = n, .most = most,
                      .store = {NULL, read_lists, NULL}};
  index_ask(t, &scope, query, 1, &hits, NULL, e);
  sqlite3_reset(t->statements[SQL_GET_LISTS]);
  for (int64_t i = 0; i < hits.n && !e->code; i++) {
    int64_t list = hits.hit[i].rowid;
    if (list <= 0 || list > t->list_count || lists[list]) continue;
    lists[list] = LIST_WANTED;
    marked++;
  }
  bert_hits_free(&hits);
  return marked;
}

static int first_lists(const IndexTable *t) {
  int n = t->list_count / 64;
  return n < 16 ? 16 : n > 64 ? 64 : n;
}

unsigned char *index_first_lists(IndexTable *t, const float *query, sqlite3_int64 k, bert_err *e) {
  enum { ROWS_EACH = 8 }; /* for each row that is sought */
  if (t->list_count == 0 || e->code || k > t->live * first_lists(t) / t->list_count / ROWS_EACH) return NULL;
  unsigned char *lists = memory_new((size_t)t->list_count + 1, 1, e);
  if (!lists) return NULL;
  lists[0] = LIST_WANTED;
  mark_lists(t, query, first_lists(t), INFINITY, lists, e);
  return lists;
}

int index_more_lists(IndexTable *t, const float *query, double distance, unsigned char *lists, bert_err *e) {
  for (int i = 0; i <= t->list_count; i++)
    if (lists[i] == LIST_WANTED) lists[i] = LIST_DONE;
  return mark_lists(t, query, INT64_MAX, distance + t->reach, lists, e);
}

void index_read_reach(IndexTable *t, bert_err *e) {
  t->reach = REACH_UNIT * (double)index_get_config(t, "reach", REACH_UNKNOWN, e);
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* Place number n, from 0, of those in use. */
static int place_of(const unsigned char *places, sqlite3_int64 n) {
  for (int i = 0; i < BERT_BLOCK_SLOTS; i++)
    if (places[i / 8] >> i % 8 & 1 && n-- == 0) return i;
  return -1;
}

/* Slots of rows from all over the table, ascending; how many. */
static int pick_rows(IndexTable *t, int64_t *slots, bert_err *e) {
  sqlite3_int64 step = t->live / PROBES + 1, before = 0, next = step / 2;
  int n = 0;
  for (int i = 0; i < t->map_count && !e->code; before += t->counts[i++]) {
    if (next >= before + t->counts[i]) continue;
    sqlite3_stmt *s = index_sql(t, SQL_GET_BLOCK, e);
    if (!s) break;
    sqlite3_bind_int64(s, 1, t->map[i].block);
    int is_there = index_step(t, s, e) && sqlite3_column_bytes(s, 3) == BERT_BLOCK_SLOTS / 8;
    for (; is_there && next < before + t->counts[i] && n < PROBES; next += step) {
      int place = place_of(sqlite3_column_blob(s, 3), next - before);
      if (place >= 0) slots[n++] = t->map[i].block * BERT_BLOCK_SLOTS + place;
    }
    sqlite3_reset(s);
    if (!is_there) index_damaged(t, e, "block %lld has no map of its places", (long long)t->map[i].block);
  }
  return n;
}

static int by_block(const void *a, const void *b) {
  const bert_block *x = a, *y = b;
  return (x->block > y->block) - (x->block < y->block);
}

/* The list of a slot's row; 0: none. */
static sqlite3_int64 list_of(const IndexTable *t, sqlite3_int64 slot) {
  bert_block key = {.block = slot / BERT_BLOCK_SLOTS};
  const bert_block *b = bsearch(&key, t->map, (size_t)t->map_count, sizeof key, by_block);
  sqlite3_int64 list = b ? t->lists[b - t->map] : 0;
  return list > 0 && list <= t->list_count ? list : 0;
}

/* gaps[] = how far the centroids of the lists of a row's neighbours are beyond the last of these; returns how many. */
static int measure(const IndexTable *t, const float *centroids, int64_t slot, const float *vector, const bert_hits *hits,
                   double *gaps) {
  const bert_hit *near[NEIGHBOURS];
  int n = 0, measured = 0;
  for (int64_t i = 0; i < hits->n && n < NEIGHBOURS; i++)
    if (hits->hit[i].slot != slot) near[n++] = &hits->hit[i];
  for (int i = 0; i < n; i++) {
    sqlite3_int64 list = list_of(t, near[i]->slot);
    if (!list) continue;
    const float *centroid = centroids + (size_t)(list - 1) * (size_t)t->dimensions;
    gaps[measured++] = 1 - bert_vector_cosine(vector, centroid, t->dimensions) - near[n - 1]->distance;
  }
  return measured;
}

static int by_size(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

void index_measure_reach(IndexTable *t, const float *centroids, bert_err *e) {
  int64_t slots[PROBES];
  double gaps[PROBES * NEIGHBOURS];
  bert_hits hits[PROBES] = {{NULL, 0}};
  int measured = 0;
  index_refresh(t, e);
  int n = e->code ? 0 : pick_rows(t, slots, e);
  float *vectors = memory_new((size_t)n + 1, (size_t)t->dimensions * sizeof *vectors, e);
  if (!e->code) index_read_vectors(t, slots, n, vectors, e);
  if (n && !e->code) index_search(t, vectors, n, NULL, NEIGHBOURS + 1, INFINITY, 0, hits, e);
  for (int i = 0; i < n; i++) {
    if (!e->code)
      measured += measure(t, centroids, slots[i], vectors + (size_t)i * (size_t)t->dimensions, &hits[i], gaps + measured);
    bert_hits_free(&hits[i]);
  }
  if (measured) {
    qsort(gaps, (size_t)measured, sizeof *gaps, by_size);
    double reach = fmax(0, gaps[(int)(measured * (1 - MISSED))]);
    index_set_config(t, "reach", llround(reach / REACH_UNIT), e);
    index_read_reach(t, e);
  }
  sqlite3_free(vectors);
}
