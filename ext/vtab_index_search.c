/* vtab_index_search.c -- the nearest rows: what the engine searches, as one snapshot of the shadow tables has it.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT rowid, distance FROM v WHERE embedding MATCH ? AND k = 10;
**    SELECT rowid, distance FROM v WHERE embedding MATCH ? AND distance < 0.3;   -- however many there are
**
**    map       the blocks with their stamps, read again only when the table's stamp is another
**    filter    a bit for each place that may be found, from SQL on t_rows; none where there are no conditions
**
** The engine remembers blocks by stamp for the whole process, so a search of what it knows reads one row of t_config,
** and the vectors of the few rows that come near the k-th. */
#include "vtab_index.h"

#include <math.h>
#include <string.h>

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static void add_to_map(IndexTable *t, sqlite3_stmt *s, bert_err *e) {
  size_t n = (size_t)t->map_count + 1;
  if (!index_is_block(sqlite3_column_int64(s, 0)))
    index_damaged(t, e, "a block has number %lld", (long long)sqlite3_column_int64(s, 0));
  if (!memory_grow(&t->map, &t->map_room, n, sizeof *t->map, e)) return;
  if (!memory_grow(&t->partitions, &t->partitions_room, n, sizeof *t->partitions, e)) return;
  if (!memory_grow(&t->lists, &t->lists_room, n, sizeof *t->lists, e)) return;
  if (!memory_grow(&t->counts, &t->counts_room, n, sizeof *t->counts, e)) return;
  t->map[t->map_count] =
      (bert_block){.block = sqlite3_column_int64(s, 0), .stamp = (uint64_t)sqlite3_column_int64(s, 1)};
  t->partitions[t->map_count] = sqlite3_column_int64(s, 2);
  t->lists[t->map_count] = sqlite3_column_int64(s, 3);
  t->counts[t->map_count] = sqlite3_column_int(s, 4);
  t->live += t->counts[t->map_count];
  t->map_count++;
}

static void read_list_map(IndexTable *t, bert_err *e) {
  t->list_map_count = 0;
  t->list_count = t->columns.approximate ? (int)index_get_config(t, "lists", 0, e) : 0;
  if (t->list_count < 0 || t->list_count > 1 << 20)
    index_damaged(t, e, "%s_config says %d lists", t->name, t->list_count);
  if (t->list_count) index_read_reach(t, e);
  sqlite3_stmt *s = t->list_count ? index_sql(t, SQL_ALL_LISTS, e) : NULL;
  while (s && index_step(t, s, e)) {
    if (memory_grow(&t->list_map, &t->list_map_room, (size_t)t->list_map_count + 1, sizeof *t->list_map, e))
      t->list_map[t->list_map_count++] =
          (bert_block){.block = sqlite3_column_int64(s, 0), .stamp = (uint64_t)sqlite3_column_int64(s, 1)};
  }
}

void index_refresh(IndexTable *t, bert_err *e) {
  uint64_t stamp = (uint64_t)index_get_config(t, "stamp", 0, e);
  if (e->code || (stamp == t->stamp && stamp && t->is_config_known)) return;
  index_read_config(t, e);
  sqlite3_stmt *s = index_sql(t, SQL_ALL_BLOCKS, e);
  t->stamp = 0;
  t->map_count = 0;
  t->live = 0;
  while (s && index_step(t, s, e)) add_to_map(t, s, e);
  read_list_map(t, e);
  if (!e->code) t->stamp = stamp;
}

void index_want_models(const IndexTable *t, int models, bert_err *e) {
  if (t->models != models)
    error_set(e, BERT_ARGUMENT, "the rows were embedded by another model while they were searched, wanted: search again");
}

/* ---- filters ----------------------------------------------------------------------------------------------------- */

static int find_block(const IndexFilter *f, int64_t block) {
  int low = 0, high = f->count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (f->blocks[middle] < block) low = middle + 1;
    else high = middle;
  }
  return low < f->count && f->blocks[low] == block ? low : -1;
}

static void allow_partitions(IndexTable *t, IndexFilter *f, bert_err *e) {
  memset(f->is_open, 0, (size_t)f->count);
  while (index_step(t, f->partitions, e)) {
    sqlite3_int64 id = sqlite3_column_int64(f->partitions, 0);
    for (int i = 0; i < f->count; i++)
      if (t->partitions[i] == id) f->is_open[i] = 1;
  }
}

static void allow_rows(IndexTable *t, IndexFilter *f, bert_err *e) {
  int64_t block = -1;
  int at = -1;
  while (index_step(t, f->rows, e)) {
    sqlite3_int64 slot = sqlite3_column_int64(f->rows, 0);
    if (slot / BERT_BLOCK_SLOTS != block) at = find_block(f, block = slot / BERT_BLOCK_SLOTS);
    if (at < 0 || slot < 0) index_damaged(t, e, "a row has slot %lld, whose block is missing", (long long)slot);
    else index_add_place(&f->places[at], (int)(slot % BERT_BLOCK_SLOTS));
  }
}

static void clear(IndexFilter *f) {
  sqlite3_free(f->blocks);
  sqlite3_free(f->places);
  sqlite3_free(f->is_open);
  f->blocks = NULL;
  f->places = NULL;
  f->is_open = NULL;
}

static void fill(IndexTable *t, IndexFilter *f, bert_err *e) {
  clear(f);
  f->stamp = t->stamp;
  f->count = t->map_count;
  f->blocks = memory_new((size_t)f->count + 1, sizeof *f->blocks, e);
  f->is_open = memory_new((size_t)f->count + 1, 1, e);
  if (f->rows) f->places = memory_new((size_t)f->count + 1, sizeof *f->places, e);
  for (int i = 0; i < f->count && !e->code; i++) f->blocks[i] = t->map[i].block, f->is_open[i] = 1;
  if (f->partitions && !e->code) allow_partitions(t, f, e);
  if (f->rows && !e->code) allow_rows(t, f, e);
}

void index_filter_make(IndexTable *t, IndexFilter *f, int plan, const char *text, sqlite3_value **values, bert_err *e) {
  if (e->code || !(plan & (PLAN_ROWS | PLAN_PARTITIONS))) return;
  f->is_set = 1;
  if (plan & PLAN_PARTITIONS) f->partitions = index_where(t, WHERE_PARTITIONS, text, values, e);
  if (plan & PLAN_ROWS) f->rows = index_where(t, WHERE_SLOTS, text, values, e);
  if (!e->code) fill(t, f, e);
}

void index_filter_renew(IndexTable *t, IndexFilter *f, bert_err *e) {
  if (f->is_set && f->stamp != t->stamp && !e->code) fill(t, f, e);
}

void index_filter_free(IndexTable *t, IndexFilter *f) {
  index_give_back(t, f->rows);
  index_give_back(t, f->partitions);
  clear(f);
  *f = (IndexFilter){.is_set = 0};
}

/* ---- searching --------------------------------------------------------------------------------------------------- */

static int read_codes(void *context, int64_t block, const void **data, size_t *size) {
  IndexReading *r = context;
  sqlite3_stmt *s = index_sql(r->t, SQL_GET_CODES, r->e);
  if (!s) return 1;
  sqlite3_bind_int64(s, 1, block);
  if (!index_step(r->t, s, r->e)) {
    index_damaged(r->t, r->e, "block %lld of the codes is missing", (long long)block);
    return 1;
  }
  *data = sqlite3_column_blob(s, 0);
  *size = (size_t)sqlite3_column_bytes(s, 0);
  if (!*data) index_damaged(r->t, r->e, "block %lld of the codes is empty", (long long)block);
  return r->e->code != BERT_OK;
}

static int read_vectors(void *context, const int64_t *slots, int n, float *out) {
  IndexReading *r = context;
  index_read_vectors(r->t, slots, n, out, r->e);
  return r->e->code != BERT_OK;
}

/* The blocks of the map that the filter and the lists (NULL: all; else the wanted ones) leave; how many. */
static int pick_blocks(const IndexTable *t, const IndexFilter *f, const unsigned char *lists, bert_block *out) {
  int n = 0;
  for (int i = 0; i < t->map_count; i++) {
    if (lists && lists[t->lists[i] > 0 && t->lists[i] <= t->list_count ? t->lists[i] : 0] != LIST_WANTED) continue;
    if (f && f->is_set && !f->is_open[i]) continue;
    out[n] = t->map[i];
    if (f && f->places) {
      const IndexPlaces *p = &f->places[i];
      int any = 0;
      for (int w = 0; w < INDEX_WORDS && !any; w++) any = p->bits[w] != 0;
      if (!any) continue;
      out[n].allowed = p->bits;
    }
    n++;
  }
  return n;
}

void index_ask(IndexTable *t, bert_scope *scope, const float *queries, int n, bert_hits *hits, const bert_progress *progress,
               bert_err *e) {
  bert_err failed = {0}, within = {0};
  IndexReading reading = {t, &within};
  scope->store.context = &reading;
  bert_search(scope, queries, n, hits, progress, &failed);
  if (within.code) error_set(e, within.code, "%s", within.text);
  else if (failed.code == BERT_FORMAT) index_damaged(t, e, "%s", failed.text);
  else if (failed.code) error_set(e, failed.code, "%s", failed.text);
}

static void search(IndexTable *t, const float *queries, int n, const IndexFilter *filter, const unsigned char *lists,
                   sqlite3_int64 k, double most, bert_hits *hits, bert_err *e) {
  bert_block *blocks = memory_new((size_t)t->map_count + 1, sizeof *blocks, e);
  Watch watch;
  if (!blocks) return;
  bert_scope scope =
      {.dimensions = t->dimensions, .blocks = blocks, .count = pick_blocks(t, filter, lists, blocks), .k = k,
                      .most = most, .store = {NULL, read_codes, read_vectors}};
  watch_start(&watch, t->db);
  index_ask(t, &scope, queries, n, hits, &watch.progress, e);
  watch_stop(&watch);
  sqlite3_reset(t->statements[SQL_GET_CODES]);
  sqlite3_free(blocks);
}

/* Whether the filter leaves so few rows that looking at them all is quick. */
static int leaves_few(const IndexTable *t, const IndexFilter *f) {
  enum { SHARE = 16 };
  sqlite3_int64 n = 0;
  if (!f || !f->places) return 0;
  for (int i = 0; i < f->count; i++)
    for (int w = 0; w < INDEX_WORDS; w++) n += __builtin_popcount(f->places[i].bits[w]);
  return n < t->live / SHARE;
}

static int is_nearer(const bert_hit *x, const bert_hit *y) {
  return x->distance != y->distance ? x->distance < y->distance : x->rowid < y->rowid;
}

/* Of the hits and the others, which are different rows, the nearest, as many as there are hits. */
static void merge(bert_hits *hits, const bert_hits *others) {
  int64_t a = 0, b = 0;
  for (int64_t i = 0; i < hits->n; i++)
    if (b < others->n && is_nearer(&others->hit[b], &hits->hit[a])) b++;
    else a++;
  for (int64_t i = hits->n - 1; b > 0; i--)
    hits->hit[i] = a > 0 && is_nearer(&others->hit[b - 1], &hits->hit[a - 1]) ? hits->hit[--a] : others->hit[--b];
}

/* One query of an approximate index: its lists alone; all of them, where the first ones hold fewer than k rows that may
** be found. */
static void search_lists(IndexTable *t, const float *query, const IndexFilter *filter, sqlite3_int64 k, double most,
                         bert_hits *hits, bert_err *e) {
  unsigned char *lists = most < INFINITY || leaves_few(t, filter) ? NULL : index_first_lists(t, query, k, e);
  bert_hits others = {NULL, 0};
  search(t, query, 1, filter, lists, k, most, hits, e);
  if (lists && hits->n < k && !e->code) {
    bert_hits_free(hits);
    search(t, query, 1, filter, NULL, k, most, hits, e);
  } else if (lists && k > 0 && !e->code) {
    double last = hits->hit[k - 1].distance;
    if (index_more_lists(t, query, last, lists, e)) search(t, query, 1, filter, lists, k, last, &others, e);
    merge(hits, &others);
    bert_hits_free(&others);
  }
  sqlite3_free(lists);
}

void index_search(IndexTable *t, const float *queries, int n, IndexFilter *filter, sqlite3_int64 k, double most,
                  int nearly, bert_hits *hits, bert_err *e) {
  memset(hits, 0, (size_t)n * sizeof *hits);
  nearly = nearly && t->list_count;
  if (!nearly) search(t, queries, n, filter, NULL, k, most, hits, e);
  for (int i = 0; i < n && nearly && !e->code; i++)
    search_lists(t, queries + (size_t)i * (size_t)t->dimensions, filter, k, most, &hits[i], e);
}
