/* vtab_index_lists.c -- approximate search: rows dealt to lists, of which a query looks into the nearest.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    CREATE VIRTUAL TABLE v USING bert_index(embedding float[384], search='approximate');
**    SELECT rowid FROM v WHERE embedding MATCH ? AND k = 10;   -- nearly always the ten nearest
**
**    t_lists(block, stamp, data, centroids)   data: centroids as the engine searches them; rowid there: the list
**    t_blocks.list                            0: rows not dealt yet, which every query looks into
**
** Which others it looks into: vtab_index_reach.c.
**
** New rows go to list 0. At a COMMIT after which an eighth of all rows is there, and at 'optimize', they are dealt by
** the centroids that there are; those are made anew, and every row dealt again, when the table has grown fourfold. A
** query whose filter, k or distance asks for more than its lists hold is answered exactly. */
#include "vtab_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_LEAST = 4096, LISTS_MOST = 8192, SAMPLE_A_LIST = 50, GROWN = 4, UNDEALT_SHARE = 8, CHUNK = 8192 };

typedef struct {
  sqlite3_int64 slot, rowid, partition, list;
} Deal;

/* ---- centroids --------------------------------------------------------------------------------------------------- */

/* How many lists a table of that many rows has. */
static int lists_for(sqlite3_int64 rows) {
  double n = 2 * sqrt((double)rows);
  return n > LISTS_MOST ? LISTS_MOST : (int)n;
}

static void put_lists(IndexTable *t, sqlite3_int64 block, const float *centroids, int n, bert_err *e) {
  size_t d = (size_t)t->dimensions, size = bert_block_bytes(t->dimensions, n);
  unsigned char *data = memory_new(size, 1, e);
  int places[BERT_BLOCK_SLOTS];
  int64_t rowids[BERT_BLOCK_SLOTS];
  for (int i = 0; i < n; i++) places[i] = i, rowids[i] = block * BERT_BLOCK_SLOTS + i + 1;
  if (data) bert_block_init(data, t->dimensions, n);
  if (!e->code) bert_block_put(data, size, t->dimensions, places, rowids, centroids, n, e);
  sqlite3_stmt *s = index_sql(t, SQL_PUT_LISTS, e);
  if (s) {
    sqlite3_bind_int64(s, 1, block);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)index_random());
    sqlite3_bind_blob64(s, 3, data, size, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 4, centroids, (size_t)n * d * sizeof *centroids, SQLITE_STATIC);
    index_run(t, s, e);
    sqlite3_clear_bindings(s);
  }
  sqlite3_free(data);
}

static float *read_centroids(IndexTable *t, int lists, bert_err *e) {
  size_t d = (size_t)t->dimensions;
  float *out = memory_new((size_t)lists, d * sizeof *out, e);
  sqlite3_stmt *s = index_sql(t, SQL_GET_CENTROIDS, e);
  int n = 0;
  while (s && index_step(t, s, e)) {
    int bytes = sqlite3_column_bytes(s, 0), count = bytes / (int)(d * sizeof *out);
    if (n + count > lists || !sqlite3_column_blob(s, 0)) break;
    memcpy(out + (size_t)n * d, sqlite3_column_blob(s, 0), (size_t)count * d * sizeof *out);
    n += count;
  }
  sqlite3_reset(s);
  if (!e->code && n != lists) index_damaged(t, e, "%s_lists has %d centroids, wanted %d", t->name, n, lists);
  if (!e->code && !bert_vector_finite(out, lists * t->dimensions))
    index_damaged(t, e, "%s_lists has no finite centroids", t->name);
  if (!e->code) return out;
  sqlite3_free(out);
  return NULL;
}

static void read_rows(IndexTable *t, const Deal *rows, sqlite3_int64 step, int n, float *out, bert_err *e) {
  size_t d = (size_t)t->dimensions;
  for (int i = 0; i < n && !e->code; i++) {
    int64_t slot = rows[(sqlite3_int64)i * step].slot;
    index_read_vectors(t, &slot, 1, out + (size_t)i * d, e);
  }
}

static void train(IndexTable *t, const Deal *rows, sqlite3_int64 n, int lists, bert_err *e) {
  size_t d = (size_t)t->dimensions;
  sqlite3_int64 step = n / ((sqlite3_int64)lists * SAMPLE_A_LIST) > 1 ? n / ((sqlite3_int64)lists * SAMPLE_A_LIST) : 1;
  int sample = (int)(n / step);
  float *vectors = memory_new((size_t)sample, d * sizeof *vectors, e);
  float *centroids = memory_new((size_t)lists, d * sizeof *centroids, e);
  Watch watch;
  read_rows(t, rows, step, sample, vectors, e);
  watch_start(&watch, t->db);
  bert_centroids(vectors, sample, t->dimensions, lists, centroids, &watch.progress, e);
  watch_stop(&watch);
  index_exec(t, "DELETE FROM \"%w\".\"%w_lists\"", e);
  for (int i = 0; i < lists && !e->code; i += BERT_BLOCK_SLOTS)
    put_lists(t, i / BERT_BLOCK_SLOTS, centroids + (size_t)i * d,
              lists - i < BERT_BLOCK_SLOTS ? lists - i : BERT_BLOCK_SLOTS, e);
  index_set_config(t, "lists", lists, e);
  index_set_config(t, "trained", n, e);
  sqlite3_free(vectors);
  sqlite3_free(centroids);
}

static void assign(IndexTable *t, Deal *rows, sqlite3_int64 n, const float *centroids, int lists, bert_err *e) {
  float *vectors = memory_new(CHUNK, (size_t)t->dimensions * sizeof *vectors, e);
  int32_t *list = memory_new(CHUNK, sizeof *list, e);
  Watch watch;
  watch_start(&watch, t->db);
  for (sqlite3_int64 first = 0; first < n && !e->code; first += CHUNK) {
    int count = n - first < CHUNK ? (int)(n - first) : CHUNK;
    read_rows(t, rows + first, 1, count, vectors, e);
    if (!e->code) bert_assign(centroids, lists, t->dimensions, vectors, count, list, &watch.progress, e);
    for (int i = 0; i < count && !e->code; i++) rows[first + i].list = list[i] + 1;
  }
  watch_stop(&watch);
  sqlite3_free(vectors);
  sqlite3_free(list);
}

/* ---- dealing ----------------------------------------------------------------------------------------------------- */

static int by_list(const void *a, const void *b) {
  const Deal *x = a, *y = b;
  if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
  if (x->list != y->list) return x->list < y->list ? -1 : 1;
  return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The rows of the blocks of list 0, or of all; *n says how many. */
static Deal *gather(IndexTable *t, int all, sqlite3_int64 *n, bert_err *e) {
  Deal *rows = NULL;
  size_t room = 0;
  *n = 0;
  for (int i = 0; i < t->map_count && !e->code; i++) {
    size_t size;
    int64_t rowid;
    if (!all && t->lists[i] != 0) continue;
    unsigned char *codes = index_copy_codes(t, t->map[i].block, &size, e);
    int slots = e->code ? 0 : bert_block_slots(codes, size, t->dimensions, e);
    for (int p = 0; p < slots && !e->code; p++) {
      if (!bert_block_rowid(codes, size, t->dimensions, p, &rowid)) continue;
      if (memory_grow(&rows, &room, (size_t)*n + 1, sizeof *rows, e))
        rows[(*n)++] = (Deal){t->map[i].block * BERT_BLOCK_SLOTS + p, rowid, t->partitions[i], 0};
    }
    sqlite3_free(codes);
  }
  return rows;
}

static void move_rows(IndexTable *t, const Deal *rows, sqlite3_int64 n, bert_err *e) {
  t->only_after = index_last_block(t, e);
  for (sqlite3_int64 i = 0; i < n && !e->code; i++) {
    const float *v = index_get_vector(t, rows[i].slot, e);
    sqlite3_int64 to = e->code ? -1 : index_take_slot(t, rows[i].partition, rows[i].list, rows[i].rowid, e);
    index_put_vector(t, to, rows[i].rowid, v, e);
    index_set_slot(t, rows[i].rowid, to, e);
  }
  t->only_after = 0;
}

/* Deals the rows of list 0, or all, which are `rows_said` by what t_blocks counts. */
static void deal(IndexTable *t, int all, sqlite3_int64 rows_said, bert_err *e) {
  sqlite3_int64 n;
  Deal *rows = gather(t, all, &n, e);
  if (n != rows_said && !e->code)
    index_damaged(t, e, "%s_blocks counts %lld rows to be dealt, the codes have %lld", t->name, (long long)rows_said, (long long)n);
  int lists = (int)index_get_config(t, "lists", 0, e);
  if (all && !e->code) train(t, rows, n, lists = lists_for(n), e);
  float *centroids = read_centroids(t, lists, e);
  assign(t, rows, n, centroids, lists, e);
  if (n && !e->code) qsort(rows, (size_t)n, sizeof *rows, by_list);
  move_rows(t, rows, n, e);
  for (int i = 0; i < t->map_count && !e->code; i++)
    if (all || t->lists[i] == 0) index_delete_block(t, t->map[i].block, e);
  t->is_changed = 1;
  index_flush(t, e);
  index_measure_reach(t, centroids, e);
  sqlite3_free(centroids);
  sqlite3_free(rows);
}

void index_deal(IndexTable *t, int at_once, bert_err *e) {
  if (!t->columns.approximate || e->code) return;
  index_flush(t, e);
  index_refresh(t, e);
  sqlite3_int64 waiting = 0, trained;
  for (int i = 0; i < t->map_count; i++)
    if (t->lists[i] == 0) waiting += t->counts[i];
  if (waiting == 0 || t->live < ROWS_LEAST || e->code) return;
  if (!at_once && waiting < t->live / UNDEALT_SHARE) return;
  trained = index_get_config(t, "trained", 0, e);
  int all = trained == 0 || t->live / GROWN >= trained;
  if (!e->code) deal(t, all, all ? t->live : waiting, e);
}
