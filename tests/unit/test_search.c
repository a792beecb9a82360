/* test_search.c -- searching equals comparing with every vector, in rowids, order and distances, whatever the vectors. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "index/code.h"
#include "test.h"

/* ---- a table in memory ------------------------------------------------------------------------------------------------ */

enum { SLOTS = 256 };

typedef struct {
  int dimensions, n, blocks;
  float *vectors; /* [n][dimensions]; row i is slot i and has rowid_of(i) */
  uint8_t *data;  /* [blocks][bert_block_bytes] */
  bert_block *block;
  int reads, asked;
} Rows;

static uint32_t state;
static float uniform(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(int32_t)state / 2147483648.0f; /* -1 … 1 */
}
static float gauss(void) {
  float sum = 0;
  for (int i = 0; i < 12; i++) sum += uniform();
  return sum / 2;
}

/* Not in the order of slots, so that ties show it. */
static int64_t rowid_of(const Rows *r, int i) { return (int64_t)(r->n - i) * 3 - 50; }
static int row_of(int64_t slot) { return (int)(slot / BERT_BLOCK_SLOTS * SLOTS + slot % BERT_BLOCK_SLOTS); }

static int read_block(void *context, int64_t block, const void **data, size_t *size) {
  Rows *r = context;
  *size = bert_block_bytes(r->dimensions, SLOTS);
  *data = r->data + (size_t)block * *size;
  r->reads++;
  return 0;
}

static int read_vectors(void *context, const int64_t *slots, int n, float *out) {
  Rows *r = context;
  size_t d = (size_t)r->dimensions;
  for (int i = 0; i < n; i++) {
    if (i) OK(slots[i] > slots[i - 1]);
    memcpy(out + (size_t)i * d, r->vectors + (size_t)row_of(slots[i]) * d, d * sizeof *out);
  }
  r->asked += n;
  return 0;
}

static Rows rows_new(int dimensions, int n) {
  bert_err e = {0};
  Rows r = {.dimensions = dimensions, .n = n, .blocks = (n + SLOTS - 1) / SLOTS};
  r.vectors = mem_new((size_t)n, (size_t)dimensions * sizeof *r.vectors, &e);
  r.data = mem_new((size_t)r.blocks, bert_block_bytes(dimensions, SLOTS), &e);
  r.block = mem_new((size_t)r.blocks, sizeof *r.block, &e);
  GOOD(e);
  return r;
}

static void rows_encode(Rows *r) {
  bert_err e = {0};
  int places[SLOTS];
  int64_t rowids[SLOTS];
  size_t size = bert_block_bytes(r->dimensions, SLOTS);
  for (int b = 0; b < r->blocks; b++) {
    int first = b * SLOTS, n = r->n - first < SLOTS ? r->n - first : SLOTS;
    for (int i = 0; i < n; i++) places[i] = i, rowids[i] = rowid_of(r, first + i);
    bert_block_init(r->data + (size_t)b * size, r->dimensions, SLOTS);
    bert_block_put(r->data + (size_t)b * size, size, r->dimensions, places, rowids,
                   r->vectors + (size_t)first * (size_t)r->dimensions, n, &e);
    r->block[b] = (bert_block){b, 0, NULL};
  }
  GOOD(e);
}

static void rows_free(Rows *r) { mem_free(r->vectors), mem_free(r->data), mem_free(r->block); }

static bert_scope scope_of(Rows *r, int64_t k) {
  return (bert_scope){.dimensions = r->dimensions, .blocks = r->block, .count = r->blocks,
                      .store = {r, read_block, read_vectors}, .k = k, .most = INFINITY};
}

/* ---- brute force ------------------------------------------------------------------------------------------------------- */

static int by_distance(const void *a, const void *b) {
  const bert_hit *x = a, *y = b;
  if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
  return (x->rowid > y->rowid) - (x->rowid < y->rowid);
}

static int allowed_at(const Rows *r, int i) {
  const uint32_t *allowed = r->block[i / SLOTS].allowed;
  return !allowed || (allowed[i % SLOTS / 32] >> i % 32 & 1);
}

/* The answer to a scope of all rows, the slow way. */
static bert_hits compare_all(const Rows *r, const bert_scope *scope, const float *query) {
  bert_err e = {0};
  bert_hits all = {mem_new((size_t)r->n, sizeof *all.hit, &e), 0};
  for (int i = 0; i < r->n; i++) {
    double distance = 1 - bert_vector_cosine(r->vectors + (size_t)i * (size_t)r->dimensions, query, r->dimensions);
    if (allowed_at(r, i) && distance <= scope->most)
      all.hit[all.n++] = (bert_hit){i / SLOTS * BERT_BLOCK_SLOTS + i % SLOTS, rowid_of(r, i), distance};
  }
  qsort(all.hit, (size_t)all.n, sizeof *all.hit, by_distance);
  if (all.n > scope->k) all.n = scope->k;
  return all;
}

static void expect(const char *what, const Rows *r, const bert_scope *scope, const float *query, const bert_hits *found) {
  bert_hits wanted = compare_all(r, scope, query);
  int64_t n = wanted.n < found->n ? wanted.n : found->n;
  if (wanted.n != found->n)
    test_failed(__FILE__, __LINE__, "%s, %d dimensions: %lld found, wanted %lld", what, r->dimensions, (long long)found->n,
                (long long)wanted.n);
  for (int64_t i = 0; i < n; i++) {
    const bert_hit *f = &found->hit[i], *w = &wanted.hit[i];
    if (f->rowid == w->rowid && f->slot == w->slot && f->distance == w->distance) continue;
    test_failed(__FILE__, __LINE__, "%s, %d dimensions: at %lld row %lld at %.17g, wanted row %lld at %.17g", what, r->dimensions,
                (long long)i, (long long)f->rowid, f->distance, (long long)w->rowid, w->distance);
    break;
  }
  mem_free(wanted.hit);
}

static void search_case(const char *what, Rows *r, const bert_scope *scope, const float *queries, int count) {
  bert_err e = {0};
  bert_hits found[64];
  bert_search(scope, queries, count, found, NULL, &e);
  GOOD(e);
  for (int q = 0; q < count; q++) {
    expect(what, r, scope, queries + (size_t)q * (size_t)r->dimensions, &found[q]);
    bert_hits_free(&found[q]);
  }
}

/* ---- kinds of vectors --------------------------------------------------------------------------------------------------- */

typedef void Fill(float *x, int d, int i);

static void fill_random(float *x, int d, int i) {
  (void)i;
  for (int j = 0; j < d; j++) x[j] = gauss();
}
/* Seven centres, known by their number alone. */
static void fill_clustered(float *x, int d, int i) {
  uint32_t noise = state;
  state = (uint32_t)(i % 7) + 77;
  for (int j = 0; j < d; j++) x[j] = gauss() * 4;
  state = noise;
  for (int j = 0; j < d; j++) x[j] += gauss();
}
static void fill_duplicate(float *x, int d, int i) {
  for (int j = 0; j < d; j++) x[j] = (float)((i % 5 + 1) * (j % 3 - 1)) + (float)(i % 2) * 0.5f;
}
/* Lengths from 1e-38 to 1e38, and some of zeros. */
static void fill_lengths(float *x, int d, int i) {
  float scale = i % 11 ? powf(10, (float)(i % 39 * 2 - 38)) : 0;
  for (int j = 0; j < d; j++) x[j] = uniform() * scale;
}
static void fill_denormal(float *x, int d, int i) {
  for (int j = 0; j < d; j++) x[j] = (float)((i * 7 + j * 3) % 5 - 2) * 1.4e-45f;
}
/* One dimension, or two of very unlike size. */
static void fill_one_hot(float *x, int d, int i) {
  memset(x, 0, (size_t)d * sizeof *x);
  x[i % d] = i % 2 ? 1.0f : -2.0f;
  if (i % 3 == 0) x[(i * 5 + 1) % d] += 1e-4f;
}
static void fill_equal(float *x, int d, int i) {
  for (int j = 0; j < d; j++) x[j] = i % 2 ? 1.0f : -1.0f;
}
/* All within a last bit or two of one another. */
static void fill_near_ties(float *x, int d, int i) {
  for (int j = 0; j < d; j++) x[j] = 1.0f + (float)(j % 4) * 0.25f;
  x[i % d] = nextafterf(x[i % d], i % 3 ? 9.0f : -9.0f);
}
/* One dimension outweighs all others, as in some models. */
static void fill_outlier(float *x, int d, int i) {
  fill_random(x, d, i);
  x[d / 3] = 30 + gauss();
}

static const struct {
  const char *name;
  Fill *fill;
} KINDS[] = {{"random", fill_random},     {"clustered", fill_clustered}, {"duplicate", fill_duplicate}, {"lengths", fill_lengths},
             {"denormal", fill_denormal}, {"one-hot", fill_one_hot},     {"equal", fill_equal},         {"near ties", fill_near_ties},
             {"outlier", fill_outlier}};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static Rows rows_of(int kind, int dimensions, int n) {
  Rows r = rows_new(dimensions, n);
  state = (uint32_t)(kind * 1000 + dimensions);
  for (int i = 0; i < n; i++) KINDS[kind].fill(r.vectors + (size_t)i * (size_t)dimensions, dimensions, i);
  rows_encode(&r);
  return r;
}

TEST(search_equals_comparing_with_every_vector) {
  static const int DIMENSIONS[] = {1, 2, 3, 7, 8, 17, 64, 100, 384, 1000, 4100};
  for (int kind = 0; kind < KIND_COUNT; kind++)
    for (size_t i = 0; i < sizeof DIMENSIONS / sizeof *DIMENSIONS; i++) {
      int d = DIMENSIONS[i], n = d < 1000 ? 700 : 300;
      Rows r = rows_of(kind, d, n);
      float *queries = mem_new(4, (size_t)d * sizeof *queries, &(bert_err){0});
      KINDS[kind].fill(queries, d, 3);
      memcpy(queries + d, r.vectors + 5 * d, (size_t)d * sizeof *queries);
      fill_random(queries + 3 * d, d, 0); /* the third is of zeros */
      for (int64_t k = 1; k <= 1000; k = k * 6 + 4) {
        bert_scope scope = scope_of(&r, k);
        search_case(KINDS[kind].name, &r, &scope, queries, 4);
        search_case(KINDS[kind].name, &r, &scope, queries, 1);
      }
      bert_scope near = scope_of(&r, INT64_MAX);
      near.most = 0.7;
      search_case(KINDS[kind].name, &r, &near, queries, 4);
      mem_free(queries);
      rows_free(&r);
    }
}

TEST(search_finds_what_a_filter_leaves_and_only_that) {
  Rows r = rows_of(1, 64, 900);
  uint32_t allowed[4][BERT_BLOCK_SLOTS / 32];
  for (int every = 1; every <= 300; every = every * 3 + 1) { /* from all rows to three, so whole panels and single rows */
    memset(allowed, 0, sizeof allowed);
    for (int i = 0; i < r.n; i += every) allowed[i / SLOTS][i % SLOTS / 32] |= 1u << i % 32;
    for (int b = 0; b < r.blocks; b++) r.block[b].allowed = allowed[b];
    for (int64_t k = 1; k < 100; k *= 7) {
      bert_scope scope = scope_of(&r, k);
      search_case("filtered", &r, &scope, r.vectors, 3);
    }
  }
  rows_free(&r);
}

TEST(search_is_the_same_with_any_number_of_threads_and_queries) {
  Rows r = rows_of(1, 100, 1500);
  for (int threads = 1; threads <= 4; threads++)
    for (int count = 1; count <= 40; count += 13) {
      bert_scope scope = scope_of(&r, 5);
      scope.threads = threads;
      search_case("threads", &r, &scope, r.vectors + 200, count);
    }
  rows_free(&r);
}

/* From 8 blocks on, some of them are read first for the thresholds of many queries. */
TEST(search_of_many_queries_in_many_blocks_equals_comparing_with_every_vector) {
  for (int kind = 0; kind < KIND_COUNT; kind++) {
    Rows r = rows_of(kind, 40, 18 * SLOTS - 9);
    uint32_t allowed[18][BERT_BLOCK_SLOTS / 32] = {{0}};
    for (int i = 0; i < r.n; i += 1 + i / SLOTS % 4 * 30) allowed[i / SLOTS][i % SLOTS / 32] |= 1u << i % 32;
    for (int threads = 1; threads <= 3; threads++) {
      bert_scope scope = scope_of(&r, 1 + 15 * (threads % 3));
      scope.threads = threads;
      for (int b = 0; b < r.blocks; b++) r.block[b].allowed = NULL;
      search_case(KINDS[kind].name, &r, &scope, r.vectors + 40 * 100, 29);
      for (int b = 0; b < r.blocks; b++) r.block[b].allowed = allowed[b];
      search_case(KINDS[kind].name, &r, &scope, r.vectors + 40 * 100, 29);
      scope.most = 0.2;
      search_case(KINDS[kind].name, &r, &scope, r.vectors + 40 * 100, 29);
    }
    rows_free(&r);
  }
}

TEST(search_asks_for_few_vectors) {
  Rows r = rows_of(1, 384, 2000);
  bert_scope scope = scope_of(&r, 10);
  search_case("clustered", &r, &scope, r.vectors, 1);
  OK(r.asked < 200); /* of 285 in the query's own cluster */
  rows_free(&r);
}

TEST(search_without_vectors_ranks_by_codes) {
  bert_err e = {0};
  Rows r = rows_of(1, 100, 1500);
  bert_scope scope = scope_of(&r, 20);
  bert_hits found[3];
  scope.store.vectors = NULL;
  bert_search(&scope, r.vectors, 3, found, NULL, &e);
  GOOD(e);
  for (int q = 0; q < 3; q++) {
    EQ(found[q].n, 20);
    EQ(found[q].hit[0].rowid, rowid_of(&r, q));
    for (int64_t i = 0; i < found[q].n; i++) {
      double real = 1 - bert_vector_cosine(r.vectors + row_of(found[q].hit[i].slot) * 100, r.vectors + q * 100, 100);
      NEAR(found[q].hit[i].distance, real, 0.02);
      if (i) OK(found[q].hit[i].distance >= found[q].hit[i - 1].distance);
    }
    bert_hits_free(&found[q]);
  }
  /* All of them, and then the first of those: the same. */
  bert_hits all;
  scope.k = 1500;
  bert_search(&scope, r.vectors, 1, &all, NULL, &e);
  scope.k = 20, scope.threads = 3;
  bert_search(&scope, r.vectors, 1, found, NULL, &e);
  GOOD(e);
  for (int i = 0; i < 20; i++) EQ(found[0].hit[i].rowid, all.hit[i].rowid);
  bert_hits_free(&all), bert_hits_free(&found[0]);
  rows_free(&r);
}

/* ---- the cache ----------------------------------------------------------------------------------------------------------- */

TEST(cache_reads_a_block_once_and_again_when_its_stamp_changes) {
  Rows r = rows_of(0, 32, 1000);
  bert_cache_info info;
  bert_scope scope = scope_of(&r, 3);
  bert_cache_limit(1 << 24);
  for (int b = 0; b < r.blocks; b++) r.block[b].stamp = 1000 + (uint64_t)b;
  search_case("first", &r, &scope, r.vectors, 1);
  EQ(r.reads, r.blocks);
  search_case("again", &r, &scope, r.vectors, 1);
  EQ(r.reads, r.blocks);
  r.block[1].stamp = 77;
  search_case("one changed", &r, &scope, r.vectors, 1);
  EQ(r.reads, r.blocks + 1);
  bert_cache_describe(&info);
  EQ(info.blocks, r.blocks + 1);
  bert_cache_forget(77);
  bert_cache_forget(78);
  bert_cache_describe(&info);
  EQ(info.blocks, r.blocks);
  search_case("forgotten", &r, &scope, r.vectors, 1);
  EQ(r.reads, r.blocks + 2);
  bert_cache_limit(0);
  bert_cache_describe(&info);
  EQ(info.bytes, 0);
  search_case("nothing remembered", &r, &scope, r.vectors, 1);
  EQ(r.reads, 2 * r.blocks + 2);
  rows_free(&r);
}

TEST(cache_keeps_what_fits_of_a_table_that_is_larger) {
  Rows r = rows_of(0, 32, 2000);
  bert_cache_info info;
  bert_scope scope = scope_of(&r, 3);
  for (int b = 0; b < r.blocks; b++) r.block[b].stamp = 2000 + (uint64_t)b;
  bert_cache_limit(1 << 24);
  search_case("whole", &r, &scope, r.vectors, 1);
  bert_cache_describe(&info);
  int64_t half = info.bytes / 2;
  bert_cache_limit(half);
  for (int i = 0; i < 3; i++) search_case("half", &r, &scope, r.vectors, 1);
  r.reads = 0;
  search_case("half", &r, &scope, r.vectors, 1);
  EQ(r.reads, r.blocks / 2); /* not all: a scan does not push out what it read before */
  bert_cache_describe(&info);
  OK(info.bytes <= half);
  bert_cache_limit(0);
  rows_free(&r);
}

TEST(cache_takes_no_block_of_other_dimensions_for_one_of_its_stamp) {
  Rows a = rows_of(0, 32, 100), b = rows_of(0, 33, 100);
  bert_scope scope_a = scope_of(&a, 3), scope_b = scope_of(&b, 3);
  bert_cache_limit(1 << 24);
  a.block[0].stamp = b.block[0].stamp = 5;
  search_case("32", &a, &scope_a, a.vectors, 1);
  search_case("33", &b, &scope_b, b.vectors, 1);
  search_case("32", &a, &scope_a, a.vectors, 1);
  bert_cache_limit(0);
  rows_free(&a), rows_free(&b);
}

/* ---- what can go wrong --------------------------------------------------------------------------------------------------- */

static int stop_now(void *context) { return --*(int *)context < 0; }

TEST(search_stops_when_told) {
  Rows r = rows_of(0, 64, 1000);
  bert_scope scope = scope_of(&r, 3);
  bert_hits found = {0};
  int calls = 0, stopped = 0;
  for (int after = 0; after < 100; after++) {
    bert_err e = {0};
    calls = after;
    bert_search(&scope, r.vectors, 1, &found, &(bert_progress){.stop = stop_now, .context = &calls}, &e);
    if (!e.code) break;
    EQ(e.code, BERT_INTERRUPT);
    EQ(found.n, 0);
    stopped++;
  }
  OK(stopped > 3);
  bert_hits_free(&found);
  rows_free(&r);
}

static int fail_read(void *context, int64_t block, const void **data, size_t *size) {
  return block == 1 ? 1 : read_block(context, block, data, size);
}
static int fail_vectors(void *context, const int64_t *slots, int n, float *out) {
  (void)context, (void)slots, (void)n, (void)out;
  return 1;
}

TEST(search_says_what_cannot_be_read_or_asked) {
  Rows r = rows_of(0, 64, 1000);
  bert_hits found[2];
  bert_err e = {0};
  bert_scope scope = scope_of(&r, 3);
  scope.store.read = fail_read;
  bert_search(&scope, r.vectors, 1, found, NULL, &e);
  FAILS(e, BERT_IO, "block 1 of an index cannot be read");
  e = (bert_err){0}, scope = scope_of(&r, 3);
  scope.store.vectors = fail_vectors;
  bert_search(&scope, r.vectors, 1, found, NULL, &e);
  FAILS(e, BERT_IO, "vectors of an index cannot be read");
  EQ(found[0].n, 0);
  e = (bert_err){0}, scope = scope_of(&r, 3);
  r.vectors[64 + 9] = NAN;
  bert_search(&scope, r.vectors, 2, found, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "query 1: element 9");
  e = (bert_err){0};
  int place = 3;
  int64_t rowid = 1;
  bert_block_put(r.data, bert_block_bytes(64, SLOTS), 64, &place, &rowid, r.vectors + 64, 1, &e);
  FAILS(e, BERT_ARGUMENT, "element 9");
  rows_free(&r);
}

/* Codes a row, deals it to lists, and searches twice, once from the cache. */
static void all_at_once(Rows *r, int64_t *nearest, bert_err *e) {
  static float centroids[2 * 64];
  int32_t list[8];
  bert_hits found[2] = {{NULL, 0}, {NULL, 0}};
  bert_scope scope = scope_of(r, 40);
  scope.threads = 2;
  bert_cache_limit(1 << 24);
  bert_block_put(r->data, bert_block_bytes(64, SLOTS), 64, (int[]){0}, (int64_t[]){rowid_of(r, 0)}, r->vectors, 1, e);
  bert_centroids(r->vectors, 8, 64, 2, centroids, NULL, e);
  bert_assign(centroids, 2, 64, r->vectors, 8, list, NULL, e);
  bert_search(&scope, r->vectors, 2, found, NULL, e);
  bert_hits_free(&found[0]), bert_hits_free(&found[1]);
  bert_search(&scope, r->vectors, 2, found, NULL, e);
  OK(e->code || found[1].n == 40);
  if (!e->code) *nearest = found[1].hit[39].rowid;
  bert_hits_free(&found[0]), bert_hits_free(&found[1]);
  bert_cache_limit(0);
}

TEST(search_says_so_when_an_allocation_fails) {
  Rows r = rows_of(1, 64, 1000);
  int64_t wanted = 0, live = bert_test_live_allocations();
  bert_err good = {0};
  for (int b = 0; b < r.blocks; b++) r.block[b].stamp = 3000 + (uint64_t)b;
  all_at_once(&r, &wanted, &good);
  GOOD(good);
  int64_t last = 0;
  for (int forever = 1; forever >= 0; forever--)
    for (int64_t n = 1; forever ? !last : n < last; n++) {
      bert_err e = {0};
      int64_t found = wanted;
      bert_test_fail_allocation(n, forever);
      all_at_once(&r, &found, &e);
      bert_test_fail_allocation(0, 0);
      if (e.code) EQ(e.code, BERT_NOMEM);
      else if (forever) last = n;
      EQ(found, wanted);
      EQ(bert_test_live_allocations(), live);
    }
  OK(last > 30);
  rows_free(&r);
}

TEST(search_of_nothing_finds_nothing) {
  bert_err e = {0};
  bert_hits found = {0};
  float query[3] = {1, 2, 3};
  bert_scope scope = {.dimensions = 3, .k = 5, .most = INFINITY};
  bert_search(&scope, query, 1, &found, NULL, &e);
  GOOD(e);
  EQ(found.n, 0);
  bert_hits_free(&found);
}

/* ---- bytes of a block ------------------------------------------------------------------------------------------------------ */

TEST(block_keeps_rows_apart) {
  enum { D = 20, N = 40 };
  bert_err e = {0};
  float v[D], w[D];
  uint8_t data[16 + N * (32 + D)], before[sizeof data];
  int64_t rowid = -5, read = 0;
  int place = 7;
  EQ(bert_block_bytes(D, N), sizeof data);
  fill_random(v, D, 0), fill_random(w, D, 0);
  bert_block_init(data, D, N);
  EQ(bert_block_slots(data, sizeof data, D, &e), N);
  EQ(bert_block_rowid(data, sizeof data, D, 7, &read), 0);
  memcpy(before, data, sizeof data);
  bert_block_put(data, sizeof data, D, &place, &rowid, v, 1, &e);
  EQ(bert_block_rowid(data, sizeof data, D, 7, &read), 1);
  EQ(read, -5);
  OK(bert_block_holds(data, sizeof data, D, 7, -5, v, &e));
  OK(!bert_block_holds(data, sizeof data, D, 7, -5, w, &e) && !bert_block_holds(data, sizeof data, D, 7, -4, v, &e));
  size_t at = bert_block_offset(D, 7), end = at + bert_block_slot_bytes(D);
  OK(!memcmp(data, before, at) && !memcmp(data + end, before + end, sizeof data - end));
  bert_block_clear(data, sizeof data, D, 7, &e);
  OK(!memcmp(data, before, sizeof data));
  GOOD(e);
  place = N;
  bert_block_put(data, sizeof data, D, &place, &rowid, v, 1, &e);
  FAILS(e, BERT_ARGUMENT, "place 40 of 40");
}

TEST(block_every_flipped_bit_is_found) {
  enum { D = 9, N = 3, SIZE = 16 + N * (32 + D) };
  bert_err e = {0};
  uint8_t data[SIZE];
  float v[2 * D] = {0}; /* a code, and a vector of zeros; the third slot is empty */
  fill_random(v, D, 0);
  bert_block_init(data, D, N);
  bert_block_put(data, SIZE, D, (int[]){0, 1}, (int64_t[]){7, 8}, v, 2, &e);
  bert_block_check(data, SIZE, D, &e);
  GOOD(e);
  for (int bit = 0; bit < SIZE * 8; bit++) {
    data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    bert_err f = {0};
    bert_block_check(data, SIZE, D, &f);
    EQ(f.code, BERT_FORMAT);
    data[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (int size = 0; size < SIZE; size++) {
    bert_err f = {0};
    bert_block_check(data, (size_t)size, D, &f);
    EQ(f.code, BERT_FORMAT);
  }
}

/* ---- lists ----------------------------------------------------------------------------------------------------------------- */

TEST(centroids_of_clear_clusters_are_theirs) {
  enum { D = 24, N = 700, LISTS = 7 };
  bert_err e = {0};
  static float x[N * D], centroids[LISTS * D], again[LISTS * D];
  static int32_t list[N];
  state = 1;
  for (int i = 0; i < N; i++) fill_clustered(x + i * D, D, i);
  bert_centroids(x, N, D, LISTS, centroids, NULL, &e);
  bert_assign(centroids, LISTS, D, x, N, list, NULL, &e);
  GOOD(e);
  for (int i = 7; i < N; i++) EQ(list[i], list[i % 7]);
  for (int i = 0; i < 7; i++)
    for (int j = 0; j < i; j++) OK(list[i] != list[j]);
  bert_centroids(x, N, D, LISTS, again, NULL, &e);
  OK(!memcmp(centroids, again, sizeof again));
  bert_centroids(x, LISTS - 1, D, LISTS, again, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "6 vectors for 7 lists");
}

TEST(centroids_of_equal_vectors_are_that_vector) {
  bert_err e = {0};
  float x[5 * 2] = {3, 4, 3, 4, 3, 4, 3, 4, 3, 4}, centroids[3 * 2];
  bert_centroids(x, 5, 2, 3, centroids, NULL, &e);
  GOOD(e);
  for (int i = 0; i < 6; i++) NEAR(centroids[i], i % 2 ? 0.8 : 0.6, 1e-7);
}

TEST(elements_of_bits_are_plus_and_minus_one) {
  float out[16];
  EQ(bert_element_bytes(BERT_BIT, 16), 2);
  EQ(bert_element_bytes(BERT_BIT, 12), 0);
  EQ(bert_element_bytes(BERT_INT8, 12), 12);
  EQ(bert_element_bytes(BERT_FLOAT32, 12), 48);
  bert_element_floats(BERT_BIT, "\x05\x80", 16, out);
  for (int i = 0; i < 16; i++) EQ(out[i], i == 0 || i == 2 || i == 15 ? 1 : -1);
  bert_element_floats(BERT_INT8, "\xff\x7f", 2, out);
  EQ(out[0], -1);
  EQ(out[1], 127);
}
