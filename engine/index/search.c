/* search.c -- see search.h.
** Layer: index. Uses: base fetch.h scan.h rescore.h.
**
**    queries -> turned, coded                                       (code.h)
**    blocks  -> a lot of them at a time                             (fetch.h)
**               each scanned by whatever thread is free, then
**               what was put off, a query a thread                  (scan.h)
**    what each thread found -> joined, rescored, sorted             (rescore.h)
**
** Many queries go in groups, for their sums are to stay in cache. */
#include "index/search.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "index/fetch.h"
#include "index/rescore.h"
#include "index/scan.h"

enum { GROUP = 128 };

typedef struct {
  const bert_scope *scope;
  Scan scan;
  int threads;
  double *turned;   /* [dimensions] */
  float *floats;    /* [count][depth]: the queries' own arrays */
  Found *found;     /* [threads][count] */
  int32_t *sums;    /* [threads][scan_sums] */
  bert_err *error;  /* [threads] */
  Fetch fetch;
  const bert_progress *progress;
  atomic_int stop;
} Search;

/* ---- queries --------------------------------------------------------------------------------------------------------- */

static void prepare(Search *s, const float *queries, bert_err *e) {
  int dimensions = s->scope->dimensions, depth = s->scan.depth;
  double floor = 1 - s->scope->most - s->scan.slack;
  for (int q = 0; q < s->scan.count && !e->code; q++) {
    const float *x = queries + (size_t)q * (size_t)dimensions;
    ScanQuery *query = &s->scan.query[q];
    for (int i = 0; i < dimensions; i++)
      if (!isfinite(x[i])) return err_set(e, BERT_ARGUMENT, "query %d: element %d is not a finite number", q, i);
    query->code.q8 = s->scan.q8 + (size_t)q * (size_t)depth;
    query->code.q = s->floats + (size_t)q * (size_t)depth;
    query->zero = !code_turn(s->turned, x, dimensions);
    if (!query->zero) code_query(&query->code, s->turned, dimensions);
    atomic_init(&query->threshold, floor < -2 ? -2.0f : (float)floor);
  }
}

static void search_fini(Search *s) {
  for (int i = 0; s->found && i < s->threads * s->scan.count; i++) {
    mem_free(s->found[i].found.at);
    mem_free(s->found[i].later.at);
    mem_free(s->found[i].best.at);
    mem_free(s->found[i].nearest.at);
  }
  mem_free(s->found), mem_free(s->sums), mem_free(s->error);
  fetch_fini(&s->fetch);
  mem_free(s->scan.query), mem_free(s->scan.q8), mem_free(s->floats), mem_free(s->turned);
}

static void search_init(Search *s, const bert_scope *scope, const float *queries, int count, bert_err *e) {
  size_t n = (size_t)count, depth = (size_t)code_depth(scope->dimensions);
  s->scope = scope;
  s->threads = scope->threads > 0 ? scope->threads : pool_threads();
  if (s->threads > scope->count) s->threads = scope->count > 0 ? scope->count : 1;
  size_t k = scope->k < 0 ? 0 : (uint64_t)scope->k > SIZE_MAX / 8 ? SIZE_MAX / 8 : (size_t)scope->k;
  s->scan = (Scan){.count = count, .depth = (int)depth, .estimate = !scope->store.vectors, .k = k,
                   .slack = code_slack(scope->dimensions)};
  s->scan.query = mem_new(n, sizeof *s->scan.query, e);
  s->scan.q8 = mem_new(n, depth, e);
  s->floats = mem_new(n, depth * sizeof *s->floats, e);
  s->turned = mem_new((size_t)scope->dimensions, sizeof *s->turned, e);
  s->found = mem_new((size_t)s->threads * n, sizeof *s->found, e);
  s->sums = mem_new((size_t)s->threads, scan_sums(&s->scan) * sizeof *s->sums, e);
  s->error = mem_new((size_t)s->threads, sizeof *s->error, e);
  fetch_init(&s->fetch, scope, e);
  if (e->code) return;
  /* Where no more than k rows are there, all are among the nearest and no threshold is worth its keeping. */
  size_t rows = (size_t)scope->count * BERT_BLOCK_SLOTS;
  for (int i = 0; i < s->threads * count; i++) s->found[i].best.most = s->found[i].nearest.most = k < rows ? k : 0;
  if (k >= rows) s->scan.k = 0;
  prepare(s, queries, e);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------- */

static int stopped(void *context) {
  Search *s = context;
  if (s->progress && s->progress->stop && s->progress->stop(s->progress->context)) atomic_store(&s->stop, 1);
  return atomic_load(&s->stop);
}
static void pause_search(void *context) { stopped(context); }

static Lot lot_of(const Search *s) { return (Lot){s->fetch.block, s->scope->blocks + s->fetch.first}; }

static void scan_task(void *context, int i, int worker) {
  Search *s = context;
  Lot lot = lot_of(s);
  Worker w = {s->found + (size_t)worker * (size_t)s->scan.count, s->sums + (size_t)worker * scan_sums(&s->scan),
              worker ? NULL : pause_search, s, &s->stop, &s->error[worker]};
  if (worker == 0) pause_search(s);
  if (!atomic_load(&s->stop) && !s->error[worker].code) scan_block(&s->scan, &lot, i, &w);
}

/* What all threads put off for query q. */
static void later_task(void *context, int q, int worker) {
  Search *s = context;
  Lot lot = lot_of(s);
  if (worker == 0) pause_search(s);
  for (int t = 0; t < s->threads && !atomic_load(&s->stop); t++)
    scan_later(&s->scan, &lot, q, &s->found[(size_t)t * (size_t)s->scan.count + (size_t)q], &s->error[worker]);
}

static void scan_lot(Search *s, bert_err *e) {
  for (int i = 0; i < s->threads * s->scan.count; i++) s->found[i].threshold = NAN;
  s->scan.widest = 0;
  for (int i = 0; i < s->fetch.n && s->scan.estimate; i++)
    s->scan.widest = fmax(s->scan.widest, s->fetch.block[i]->widest8);
  pool_each(s->threads, s->fetch.n, scan_task, pause_search, s);
  pool_each(s->threads, s->scan.count, later_task, pause_search, s);
  for (int i = 0; i < s->threads; i++)
    if (s->error[i].code) err_set(e, s->error[i].code, "%s", s->error[i].text);
  if (atomic_load(&s->stop)) err_set(e, BERT_INTERRUPT, "interrupted");
}

/* ---- the answer ------------------------------------------------------------------------------------------------------- */

/* What all threads found for query q, in the first one's array. */
static Candidates *join(Search *s, int q, bert_err *e) {
  Candidates *all = &s->found[q].found;
  Best *best = &s->found[q].best;
  for (int t = 1; t < s->threads; t++) {
    const Found *other = &s->found[(size_t)t * (size_t)s->scan.count + (size_t)q];
    for (size_t i = 0; i < other->best.n && !e->code; i++) best_push(best, other->best.at[i], e);
    for (size_t i = 0; i < other->found.n && !e->code; i++) candidates_add(all, &other->found.at[i], -2, e);
  }
  if (!e->code && s->scan.k && best->n == s->scan.k) scan_raise(&s->scan.query[q], best->at[0]);
  candidates_prune(all, atomic_load(&s->scan.query[q].threshold));
  return all;
}

static void search_group(const bert_scope *scope, const float *queries, int count, bert_hits *out,
                         const bert_progress *progress, bert_err *e) {
  Search s = {.progress = progress};
  Candidates *all[GROUP];
  search_init(&s, scope, queries, count, e);
  while (fetch_next(&s.fetch, stopped, &s, e)) scan_lot(&s, e);
  for (int q = 0; q < count && !e->code; q++) all[q] = join(&s, q, e);
  if (!e->code) rescore(scope, queries, count, all, out, progress, e);
  search_fini(&s);
}

void search(const bert_scope *scope, const float *queries, int count, bert_hits *out, const bert_progress *progress,
            bert_err *e) {
  memset(out, 0, (size_t)count * sizeof *out);
  if (e->code) return;
  if (scope->dimensions < 1 || scope->dimensions > BERT_DIMENSIONS_MAX)
    return err_set(e, BERT_ARGUMENT, "search: %d dimensions, wanted 1 to %d", scope->dimensions, BERT_DIMENSIONS_MAX);
  if (isnan(scope->most)) return err_set(e, BERT_ARGUMENT, "search: the largest distance is not a number");
  for (int q = 0, n; q < count && !e->code && scope->k > 0; q += n) {
    n = count - q < GROUP ? count - q : GROUP;
    search_group(scope, queries + (size_t)q * (size_t)scope->dimensions, n, out + q, progress, e);
  }
  for (int q = 0; q < count && e->code; q++) search_hits_free(&out[q]);
}

void search_hits_free(bert_hits *hits) {
  mem_free(hits->hit);
  *hits = (bert_hits){NULL, 0};
}
