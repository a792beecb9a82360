/* lists.c -- see lists.h.
** Layer: index. Uses: base kernel.
**
** A round: products of all vectors with all centroids (kernels()->gemm, a few rows at a time on whatever thread is free),
** the largest of each row, then each centroid is the mean of its vectors, each taken with length 1, in the order of rows.
** So the same input gives the same centroids on every machine with any number of threads. */
#include "index/lists.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/progress.h"
#include "kernel/kernel.h"

enum { ROUNDS = 10, ROWS = KERNEL_ROWS, MOST_LISTS = 1 << 20 };

typedef struct {
  const float *vectors;
  int64_t n;
  int dimensions, lists;
  float *panels;    /* of the centroids */
  float *products;  /* [threads][ROWS][lists] */
  float *scratch;   /* [threads][KERNEL_SCRATCH] */
  int threads;
  int32_t *list;
  float *product;   /* [n] with the own centroid, or NULL */
  const bert_progress *progress;
  atomic_int stop;
} Assign;

static void pause_assign(void *context) {
  Assign *a = context;
  if (progress_stopped(a->progress)) atomic_store(&a->stop, 1);
}

static void assign_rows(void *context, int task, int worker) {
  Assign *a = context;
  if (worker == 0) pause_assign(a);
  if (atomic_load(&a->stop)) return;
  int64_t first = (int64_t)task * ROWS, left = a->n - first;
  int m = left < ROWS ? (int)left : ROWS;
  float *y = a->products + (size_t)worker * ROWS * (size_t)a->lists;
  KernelGemm g = {.y = y, .y_stride = (size_t)a->lists, .x = a->vectors + (size_t)first * (size_t)a->dimensions,
                  .x_stride = (size_t)a->dimensions, .w = a->panels, .m = m, .n = a->lists, .k = a->dimensions,
                  .last = kernel_panels(a->lists), .scratch = a->scratch + (size_t)worker * KERNEL_SCRATCH};
  kernels()->gemm(&g);
  for (int r = 0; r < m; r++) {
    const float *row = y + (size_t)r * (size_t)a->lists;
    int best = 0;
    for (int i = 1; i < a->lists; i++)
      if (row[i] > row[best]) best = i;
    a->list[first + r] = best;
    if (a->product) a->product[first + r] = row[best];
  }
}

static void assign_init(Assign *a, bert_err *e) {
  size_t threads;
  int64_t tasks = (a->n + ROWS - 1) / ROWS;
  a->threads = pool_threads();
  if (a->threads > tasks) a->threads = tasks > 0 ? (int)tasks : 1;
  threads = (size_t)a->threads;
  a->panels = mem_pages(kernel_panel_floats(a->dimensions, a->lists) * sizeof(float), e);
  a->products = mem_pages(threads * ROWS * (size_t)a->lists * sizeof(float), e);
  a->scratch = mem_pages(threads * KERNEL_SCRATCH * sizeof(float), e);
}

static void assign_fini(Assign *a) {
  size_t threads = (size_t)a->threads;
  mem_pages_free(a->panels, kernel_panel_floats(a->dimensions, a->lists) * sizeof(float));
  mem_pages_free(a->products, threads * ROWS * (size_t)a->lists * sizeof(float));
  mem_pages_free(a->scratch, threads * KERNEL_SCRATCH * sizeof(float));
}

static void assign(Assign *a, const float *centroids, bert_err *e) {
  if (e->code) return;
  kernels()->pack(a->panels, centroids, (size_t)a->dimensions, 0, a->lists, a->dimensions);
  pool_each(a->threads, (int)((a->n + ROWS - 1) / ROWS), assign_rows, pause_assign, a);
  if (atomic_load(&a->stop)) err_set(e, BERT_INTERRUPT, "interrupted");
}

static void good_shape(int64_t n, int dimensions, int lists, bert_err *e) {
  if (lists < 1 || lists > MOST_LISTS) err_set(e, BERT_ARGUMENT, "lists: %d, wanted 1 to %d", lists, MOST_LISTS);
  else if (dimensions < 1 || dimensions > BERT_DIMENSIONS_MAX)
    err_set(e, BERT_ARGUMENT, "lists: %d dimensions, wanted 1 to %d", dimensions, BERT_DIMENSIONS_MAX);
  else if (n < 0 || n > (int64_t)INT32_MAX * ROWS) err_set(e, BERT_ARGUMENT, "lists: %lld vectors", (long long)n);
}

void lists_assign(const float *centroids, int lists, int dimensions, const float *vectors, int64_t n, int32_t *list,
                  const bert_progress *progress, bert_err *e) {
  good_shape(n, dimensions, lists, e);
  if (e->code) return;
  Assign a = {.vectors = vectors, .n = n, .dimensions = dimensions, .lists = lists, .list = list, .progress = progress};
  assign_init(&a, e);
  assign(&a, centroids, e);
  assign_fini(&a);
}

/* to[d] = from[d] at length 1, or zeros. */
static void unit(float *to, const double *from, int d) {
  double square = 0;
  for (int i = 0; i < d; i++) square += from[i] * from[i];
  double scale = square > 0 ? 1 / sqrt(square) : 0;
  for (int i = 0; i < d; i++) to[i] = (float)(from[i] * scale);
}

/* sum[d] += x[d] at length 1. */
static void add_unit(double *sum, const float *x, int d) {
  double square = 0;
  for (int i = 0; i < d; i++) square += (double)x[i] * x[i];
  double scale = square > 0 ? 1 / sqrt(square) : 0;
  for (int i = 0; i < d; i++) sum[i] += x[i] * scale;
}

/* A list without vectors begins anew at the vector that is worst off, which then is not taken again. */
static void reseed(Assign *a, int list, double *sum) {
  int64_t worst = 0;
  for (int64_t i = 1; i < a->n; i++)
    if (a->product[i] < a->product[worst]) worst = i;
  a->product[worst] = INFINITY;
  add_unit(sum + (size_t)list * (size_t)a->dimensions, a->vectors + (size_t)worst * (size_t)a->dimensions, a->dimensions);
}

/* Centroids as the means of their vectors. sum[lists][d], count[lists]. */
static void move(Assign *a, double *sum, int64_t *count, float *centroids) {
  size_t d = (size_t)a->dimensions, lists = (size_t)a->lists;
  memset(sum, 0, lists * d * sizeof *sum);
  memset(count, 0, lists * sizeof *count);
  for (int64_t i = 0; i < a->n; i++) {
    count[a->list[i]]++;
    add_unit(sum + (size_t)a->list[i] * d, a->vectors + (size_t)i * d, a->dimensions);
  }
  for (int l = 0; l < a->lists; l++) {
    if (!count[l]) reseed(a, l, sum);
    unit(centroids + (size_t)l * d, sum + (size_t)l * d, a->dimensions);
  }
}

void lists_train(const float *vectors, int64_t n, int dimensions, int lists, float *centroids,
                 const bert_progress *progress, bert_err *e) {
  good_shape(n, dimensions, lists, e);
  if (!e->code && n < lists) err_set(e, BERT_ARGUMENT, "lists: %lld vectors for %d lists", (long long)n, lists);
  if (e->code) return;
  size_t d = (size_t)dimensions;
  Assign a = {.vectors = vectors, .n = n, .dimensions = dimensions, .lists = lists, .progress = progress};
  assign_init(&a, e);
  a.list = mem_new((size_t)n, sizeof *a.list, e);
  a.product = mem_new((size_t)n, sizeof *a.product, e);
  double *sum = mem_new((size_t)lists * d, sizeof *sum, e);
  int64_t *count = mem_new((size_t)lists, sizeof *count, e);
  for (int l = 0; l < lists && !e->code; l++) {
    memset(sum, 0, d * sizeof *sum);
    add_unit(sum, vectors + (size_t)((2 * (int64_t)l + 1) * n / (2 * (int64_t)lists)) * d, dimensions);
    unit(centroids + (size_t)l * d, sum, dimensions);
  }
  for (int round = 0; round < ROUNDS && !e->code; round++) {
    assign(&a, centroids, e);
    if (!e->code) move(&a, sum, count, centroids);
  }
  assign_fini(&a);
  mem_free(a.list), mem_free(a.product), mem_free(sum), mem_free(count);
}
