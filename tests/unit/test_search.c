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
