/* bench_search.c -- the engine's part of searching, without SQL: blocks and vectors in memory.
**
**    bench_search [ROWS [DIMENSIONS]]         (default: 100000 384)
**
** Rows are 1,000 centres with as much noise as they are long, queries rows with a little noise, k 10: what approximate
** indexes are measured with. Times are the best of three rounds over 50 queries. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bert.h"

enum { CENTRES = 1000, QUERIES = 50, K = 10, ROUNDS = 3 };

typedef struct {
  int n, d, blocks;
  float *x;         /* [n][d] */
  float *q;         /* [QUERIES][d] */
  uint8_t *data;    /* [blocks][block bytes] */
  size_t size;
  bert_block *block;
  int64_t *order;   /* slot -> row, where rows are dealt to lists; else NULL */
  int64_t asked;
} Table;

static uint64_t state = 1;
static float gauss(void) {
  int sum = 0;
  for (int i = 0; i < 2; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    for (uint64_t s = state >> 16, j = 0; j < 3; j++, s >>= 16) sum += (int)(s & 0xFFFF) - 32768;
  }
  return (float)sum * (1.0f / 46340.95f); /* six uniform numbers of variance 65536^2 / 12 */
}

static void *array(size_t n, size_t size) {
  void *p = calloc(n, size);
  if (!p) exit(fprintf(stderr, "no memory for %zu x %zu bytes\n", n, size));
  return p;
}

static void unit(float *x, int d) {
  double square = 0;
  for (int i = 0; i < d; i++) square += (double)x[i] * x[i];
  for (int i = 0; i < d; i++) x[i] = (float)(x[i] / sqrt(square));
}

static void check(const bert_err *e) {
  if (e->code) exit(fprintf(stderr, "%s\n", e->text));
}

static void make_vectors(Table *t) {
  size_t d = (size_t)t->d;
  float *centre = array(CENTRES * d, sizeof *centre);
  t->x = array((size_t)t->n * d, sizeof *t->x), t->q = array(QUERIES * d, sizeof *t->q);
  for (size_t i = 0; i < CENTRES * d; i++) centre[i] = gauss();
  for (int i = 0; i < t->n; i++) {
    float *x = t->x + (size_t)i * d;
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t c = (size_t)(state >> 33) % CENTRES;
    for (size_t j = 0; j < d; j++) x[j] = centre[c * d + j] + gauss();
    unit(x, t->d);
  }
  for (int i = 0; i < QUERIES; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const float *x = t->x + (size_t)(state >> 33) % (size_t)t->n * d;
    for (size_t j = 0; j < d; j++) t->q[(size_t)i * d + j] = x[j] + gauss() * 0.03f;
    unit(t->q + (size_t)i * d, t->d);
  }
  free(centre);
}

static int read_block(void *context, int64_t block, const void **data, size_t *size) {
  Table *t = context;
  *data = t->data + (size_t)block * t->size;
  *size = t->size;
  return 0;
}

static int read_vectors(void *context, const int64_t *slots, int n, float *out) {
  Table *t = context;
  size_t d = (size_t)t->d;
  for (int i = 0; i < n; i++) {
    int64_t row = t->order ? t->order[slots[i]] : slots[i];
    memcpy(out + (size_t)i * d, t->x + (size_t)row * d, d * sizeof *out);
  }
  t->asked += n;
  return 0;
}

static uint64_t stamps;

/* Rows row[n] into blocks from `block` on; returns how many it took. */
static int fill_blocks(Table *t, int block, const int64_t *row, int n) {
  bert_err e = {0};
  size_t d = (size_t)t->d;
  int places[BERT_BLOCK_SLOTS], blocks = 0;
  int64_t rowids[BERT_BLOCK_SLOTS];
  float *vectors = array(BERT_BLOCK_SLOTS * d, sizeof *vectors);
  for (int i = 0; i < n; i += BERT_BLOCK_SLOTS, blocks++) {
    int m = n - i < BERT_BLOCK_SLOTS ? n - i : BERT_BLOCK_SLOTS;
    for (int j = 0; j < m; j++) {
      places[j] = j, rowids[j] = row[i + j];
      memcpy(vectors + (size_t)j * d, t->x + (size_t)row[i + j] * d, d * sizeof *vectors);
      if (t->order) t->order[(size_t)(block + blocks) * BERT_BLOCK_SLOTS + (size_t)j] = row[i + j];
    }
    uint8_t *data = t->data + (size_t)(block + blocks) * t->size;
    bert_block_init(data, t->d, BERT_BLOCK_SLOTS);
    bert_block_put(data, t->size, t->d, places, rowids, vectors, m, &e);
    check(&e);
    t->block[block + blocks] = (bert_block){block + blocks, ++stamps, NULL};
  }
  free(vectors);
  return blocks;
}

static void room_for_blocks(Table *t, int blocks) {
  t->size = bert_block_bytes(t->d, BERT_BLOCK_SLOTS);
  t->data = array((size_t)blocks, t->size);
  t->block = array((size_t)blocks, sizeof *t->block);
}

static bert_scope scope_of(Table *t, int64_t k) {
  return (bert_scope){.dimensions = t->d, .blocks = t->block, .count = t->blocks, .store = {t, read_block, read_vectors}, .k = k,
                      .most = INFINITY};
}

/* Seconds a query; hits of the last round, to be freed, in found[QUERIES]. */
static double run_queries(Table *t, const bert_scope *scope, bert_hits *found) {
  bert_err e = {0};
  double best = 1e9;
  t->asked = 0;
  for (int round = 0; round < ROUNDS; round++) {
    double start = bench_now();
    for (int i = 0; i < QUERIES; i++) {
      if (round) bert_hits_free(&found[i]);
      bert_search(scope, t->q + (size_t)i * (size_t)t->d, 1, &found[i], NULL, &e);
    }
    check(&e);
    double seconds = (bench_now() - start) / QUERIES;
    if (seconds < best) best = seconds;
  }
  return best;
}

static void free_hits(bert_hits *found, int n) {
  for (int i = 0; i < n; i++) bert_hits_free(&found[i]);
}

static void bench_exact(Table *t, bert_hits *truth) {
  bert_err e = {0};
  bert_scope scope = scope_of(t, K);
  bert_hits found[2 * QUERIES];
  double start = bench_now();
  bert_search(&scope, t->q, 1, found, NULL, &e);
  check(&e);
  bert_hits_free(&found[0]);
  printf("exact, first query          %8.3f ms\n", (bench_now() - start) * 1e3);
  double one = run_queries(t, &scope, truth);
  printf("exact                       %8.3f ms a query, %.1f vectors asked for\n", one * 1e3,
         (double)t->asked / QUERIES / ROUNDS);
  float *twice = array(2 * QUERIES * (size_t)t->d, sizeof *twice);
  memcpy(twice, t->q, QUERIES * (size_t)t->d * sizeof *twice);
  memcpy(twice + QUERIES * (size_t)t->d, t->q, QUERIES * (size_t)t->d * sizeof *twice);
  double best = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    start = bench_now();
    bert_search(&scope, twice, 2 * QUERIES, found, NULL, &e);
    check(&e);
    if (bench_now() - start < best) best = bench_now() - start;
    free_hits(found, 2 * QUERIES);
  }
  free(twice);
  printf("exact, 100 in one pass      %8.3f ms, as %.1f single ones\n", best * 1e3, best / one);
  uint32_t *allowed = array((size_t)t->blocks * BERT_BLOCK_SLOTS / 32, sizeof *allowed);
  for (int i = 7; i < t->n; i += 100) allowed[i / 32] |= 1u << i % 32;
  for (int b = 0; b < t->blocks; b++) t->block[b].allowed = allowed + (size_t)b * BERT_BLOCK_SLOTS / 32;
  double filtered = run_queries(t, &scope, found);
  printf("exact, a filter keeps 1 %%   %8.3f ms a query, %.2f of one without\n", filtered * 1e3, filtered / one);
  free_hits(found, QUERIES);
  for (int b = 0; b < t->blocks; b++) t->block[b].allowed = NULL;
  free(allowed);
}

/* ---- lists ---------------------------------------------------------------------------------------------------------- */

typedef struct {
  int lists;
  int *first, *blocks; /* [lists] of the table of lists: its blocks */
  Table centroids;
} Lists;

static void bench_build(const Table *all, Table *t, Lists *l) {
  bert_err e = {0};
  size_t d = (size_t)t->d;
  int per = 50, sample = l->lists * per < t->n ? l->lists * per : t->n;
  float *some = array((size_t)sample * d, sizeof *some);
  for (int i = 0; i < sample; i++)
    memcpy(some + (size_t)i * d, all->x + (size_t)((int64_t)i * t->n / sample) * d, d * sizeof *some);
  double start = bench_now();
  l->centroids = (Table){.n = l->lists, .d = t->d, .x = array((size_t)l->lists * d, sizeof(float))};
  bert_centroids(some, sample, t->d, l->lists, l->centroids.x, NULL, &e);
  check(&e);
  double trained = bench_now();
  int32_t *list = array((size_t)t->n, sizeof *list);
  bert_assign(l->centroids.x, l->lists, t->d, all->x, t->n, list, NULL, &e);
  check(&e);
  double assigned = bench_now();
  room_for_blocks(t, t->n / BERT_BLOCK_SLOTS + l->lists + 1);
  t->order = array(((size_t)t->n / BERT_BLOCK_SLOTS + (size_t)l->lists + 1) * BERT_BLOCK_SLOTS, sizeof *t->order);
  int64_t *rows = array((size_t)t->n, sizeof *rows), *next = array((size_t)l->lists + 1, sizeof *next);
  for (int i = 0; i < t->n; i++) next[list[i] + 1]++;
  for (int i = 0; i < l->lists; i++) next[i + 1] += next[i];
  for (int i = 0; i < t->n; i++) rows[next[list[i]]++] = i;
  l->first = array((size_t)l->lists, sizeof *l->first), l->blocks = array((size_t)l->lists, sizeof *l->blocks);
  for (int i = 0; i < l->lists; i++) {
    int64_t from = i ? next[i - 1] : 0;
    l->first[i] = t->blocks;
    l->blocks[i] = fill_blocks(t, t->blocks, rows + from, (int)(next[i] - from));
    t->blocks += l->blocks[i];
  }
  for (int i = 0; i < l->lists; i++) rows[i] = i;
  room_for_blocks(&l->centroids, l->lists / BERT_BLOCK_SLOTS + 1);
  l->centroids.order = array((size_t)l->lists + BERT_BLOCK_SLOTS, sizeof *l->centroids.order);
  l->centroids.blocks = fill_blocks(&l->centroids, 0, rows, l->lists);
  double end = bench_now();
  printf("lists: %d, train %.2f s, assign %.2f s, code %.2f s: %.0f rows/s\n", l->lists, trained - start, assigned - trained,
         end - assigned, t->n / (end - start));
  free(some), free(list), free(rows), free(next);
}

static bert_hits search_lists(Table *t, Lists *l, const float *q, int probes) {
  static bert_block some[1 << 16];
  bert_err e = {0};
  bert_hits lists, found;
  bert_scope near = scope_of(&l->centroids, probes), scope = scope_of(t, K);
  near.store.vectors = NULL;
  near.threads = 1;
  bert_search(&near, q, 1, &lists, NULL, &e);
  check(&e);
  scope.count = 0;
  for (int64_t i = 0; i < lists.n; i++)
    for (int b = 0; b < l->blocks[lists.hit[i].rowid]; b++) some[scope.count++] = t->block[l->first[lists.hit[i].rowid] + b];
  scope.blocks = some;
  bert_search(&scope, q, 1, &found, NULL, &e);
  check(&e);
  bert_hits_free(&lists);
  return found;
}

static void bench_approximate(const Table *all, const bert_hits *truth, int lists) {
  Table t = {.n = all->n, .d = all->d, .x = all->x, .q = all->q};
  Lists l = {.lists = lists};
  bench_build(all, &t, &l);
  for (int probes = 1; probes <= 64; probes *= 2) {
    double best = 1e9;
    int same = 0;
    for (int round = 0; round <= ROUNDS; round++) {
      double start = bench_now();
      same = 0;
      for (int i = 0; i < QUERIES; i++) {
        bert_hits found = search_lists(&t, &l, t.q + (size_t)i * (size_t)t.d, probes);
        for (int64_t a = 0; a < found.n; a++)
          for (int64_t b = 0; b < truth[i].n; b++) same += found.hit[a].rowid == truth[i].hit[b].rowid;
        bert_hits_free(&found);
      }
      if (round && bench_now() - start < best) best = bench_now() - start;
    }
    printf("approximate, %2d lists        %8.3f ms a query, recall@%d %.4f\n", probes, best / QUERIES * 1e3, K,
           same / (double)(QUERIES * K));
  }
  free(t.data), free(t.block), free(t.order), free(l.first), free(l.blocks);
  free(l.centroids.x), free(l.centroids.data), free(l.centroids.block), free(l.centroids.order);
}

int main(int argc, char **argv) {
  Table t = {.n = argc > 1 ? atoi(argv[1]) : 100000, .d = argc > 2 ? atoi(argv[2]) : 384};
  if (t.n < 1 || t.d < 1) return fprintf(stderr, "usage: bench_search [ROWS [DIMENSIONS]]\n"), 2;
  bert_hits truth[QUERIES];
  make_vectors(&t);
  int64_t *rows = array((size_t)t.n, sizeof *rows);
  for (int i = 0; i < t.n; i++) rows[i] = i;
  room_for_blocks(&t, t.n / BERT_BLOCK_SLOTS + 1);
  double start = bench_now();
  t.blocks = fill_blocks(&t, 0, rows, t.n);
  printf("%d rows, %d dimensions, %d threads\ncoded                       %8.0f rows/s\n", t.n, t.d, bert_threads(),
         t.n / (bench_now() - start));
  bench_exact(&t, truth);
  bert_cache_info info;
  bert_cache_describe(&info);
  printf("memory                      %8.1f bytes a row; stored %.1f\n", (double)info.bytes / t.n,
         (double)t.blocks * (double)t.size / t.n);
  for (int lists = argc > 3 ? atoi(argv[3]) : 256; lists <= (argc > 3 ? atoi(argv[3]) : 1024); lists *= 2)
    bench_approximate(&t, truth, lists);
  free_hits(truth, QUERIES);
  bert_cache_limit(0);
  free(t.x), free(t.q), free(t.data), free(t.block), free(rows);
  return 0;
}
