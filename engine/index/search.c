/* search.c -- see search.h.
** Layer: index. Uses: base fetch.h scan.h rescore.h.
**
**    queries -> turned, coded                                       (code.h)
**    blocks  -> a lot of them at a time                             (fetch.h)
**               each scanned by whatever thread is free, then
**               what was put off, a query a thread                  (scan.h)
**    what each thread found -> joined, rescored, sorted             (rescore.h)
**
** Many queries go in groups, for their sums are to stay in cache. Vectors are asked for by the calling thread alone, so it
** begins with that while the others are at what was put off for later queries. */
#include "index/search.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "index/fetch.h"
#include "index/rescore.h"
#include "index/scan.h"

enum { GROUP = 128 };
/* So many queries are worth a sample: every so manieth block of the first lot, up to a number of them, where it has so many
** rows for each that is sought. */
enum { SAMPLE_QUERIES = 4, SAMPLE_STEP = 8, SAMPLE_MOST = 16, SAMPLE_ROWS = 64 };
/* Queries that are rescored together before all are scanned: enough to forget what asking for vectors costs by itself. */
enum { TOGETHER = 8 };

typedef struct {
  const bert_scope *scope;
  const float *queries;
  Scan scan;
  int threads;
  float *floats;    /* [count][depth]: the queries' own arrays */
  int8_t *bytes;    /* [threads][depth] */
  double *turned;   /* [threads][dimensions] */
  Found *found;     /* [threads][count] */
  KernelPassed *passed; /* [threads][scan_room] */
  KernelBound *bound;   /* [threads][count] */
  bert_err *error;  /* [threads] */
  Fetch fetch;
  const bert_progress *progress;
  atomic_int stop;
  atomic_int scanned[GROUP]; /* whether nothing more will be found for a query */
  int answered;              /* queries before this one are */
  bert_hits *out;
} Search;

/* ---- queries --------------------------------------------------------------------------------------------------------- */

static void prepare_query(void *context, int q, int worker) {
  Search *s = context;
  size_t d = (size_t)s->scope->dimensions;
  int depth = s->scan.depth;
  int8_t *bytes = s->bytes + (size_t)worker * (size_t)depth;
  double *turned = s->turned + (size_t)worker * d, floor = 1 - s->scope->most - s->scan.slack;
  ScanQuery *query = &s->scan.query[q];
  query->code.q = s->floats + (size_t)q * (size_t)depth;
  query->zero = !code_turn(turned, s->queries + (size_t)q * d, s->scope->dimensions);
  if (query->zero) memset(bytes, 0, d);
  else code_query(&query->code, bytes, turned, s->scope->dimensions);
  atomic_init(&query->threshold, floor < -2 ? -2.0f : (float)floor);
  for (int k = 0; k < depth; k += 4) memcpy(s->scan.q8 + kernel_query_at(q, k, depth), bytes + k, 4);
}

static void prepare(Search *s, bert_err *e) {
  int d = s->scope->dimensions;
  for (int q = 0; q < s->scan.count && !e->code; q++)
    for (int i = 0; i < d; i++)
      if (!isfinite(s->queries[(size_t)q * (size_t)d + (size_t)i]))
        return err_set(e, BERT_ARGUMENT, "query %d: element %d is not a finite number", q, i);
  if (!e->code) pool_each(s->threads, s->scan.count, prepare_query, NULL, s);
}

static void search_fini(Search *s) {
  for (int i = 0; s->found && i < s->threads * s->scan.count; i++) {
    mem_free(s->found[i].found.at);
    mem_free(s->found[i].later.at);
    mem_free(s->found[i].best.at);
    mem_free(s->found[i].nearest.at);
  }
  mem_free(s->found), mem_free(s->passed), mem_free(s->bound), mem_free(s->error);
  fetch_fini(&s->fetch);
  mem_free(s->scan.query), mem_free(s->scan.q8), mem_free(s->bytes), mem_free(s->floats), mem_free(s->turned);
}

static void search_init(Search *s, const bert_scope *scope, const float *queries, int count, bert_err *e) {
  size_t n = (size_t)count, depth = (size_t)code_depth(scope->dimensions);
  s->scope = scope, s->queries = queries;
  s->threads = scope->threads > 0 ? scope->threads : pool_threads();
  if (s->threads > scope->count) s->threads = scope->count > 0 ? scope->count : 1;
  size_t k = scope->k < 0 ? 0 : (uint64_t)scope->k > SIZE_MAX / 8 ? SIZE_MAX / 8 : (size_t)scope->k;
  s->scan = (Scan){.count = count, .depth = (int)depth, .estimate = !scope->store.vectors, .k = k,
                   .slack = code_slack(scope->dimensions)};
  s->scan.query = mem_new(n, sizeof *s->scan.query, e);
  s->scan.q8 = mem_new(kernel_query_numbers(count, (int)depth), 1, e);
  s->bytes = mem_new((size_t)s->threads, depth, e);
  s->floats = mem_new(n, depth * sizeof *s->floats, e);
  s->turned = mem_new((size_t)s->threads, (size_t)scope->dimensions * sizeof *s->turned, e);
  s->found = mem_new((size_t)s->threads * n, sizeof *s->found, e);
  s->passed = mem_new((size_t)s->threads, scan_room(&s->scan) * sizeof *s->passed, e);
  s->bound = mem_new((size_t)s->threads, n * sizeof *s->bound, e);
  s->error = mem_new((size_t)s->threads, sizeof *s->error, e);
  fetch_init(&s->fetch, scope, e);
  if (e->code) return;
  /* Where no more than k rows are there, all are among the nearest and no threshold is worth its keeping. */
  size_t rows = (size_t)scope->count * BERT_BLOCK_SLOTS;
  for (int i = 0; i < s->threads * count; i++) s->found[i].best.most = s->found[i].nearest.most = k < rows ? k : 0;
  if (k >= rows) s->scan.k = 0;
  prepare(s, e);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------- */

static int stopped(void *context) {
  Search *s = context;
  if (progress_stopped(s->progress)) atomic_store(&s->stop, 1);
  return atomic_load(&s->stop);
}
static void pause_search(void *context) { stopped(context); }

static Found *found_by(const Search *s, int thread, int q) {
  return &s->found[(size_t)thread * (size_t)s->scan.count + (size_t)q];
}

static Lot lot_of(const Search *s) { return (Lot){s->fetch.block, s->scope->blocks + s->fetch.first}; }

static void scan_task(void *context, int i, int worker) {
  Search *s = context;
  Lot lot = lot_of(s);
  size_t first = (size_t)worker * (size_t)s->scan.count;
  Worker w = {found_by(s, worker, 0), s->passed + (size_t)worker * scan_room(&s->scan), s->bound + first,
              worker ? NULL : pause_search, s, &s->stop, &s->error[worker]};
  if (worker == 0) pause_search(s);
  if (!atomic_load(&s->stop) && !s->error[worker].code) scan_block(&s->scan, &lot, i, &w);
}

static void best_join(Best *best, const Best *other, bert_err *e) {
  for (size_t i = 0; i < other->n && !e->code; i++) best_push(best, other->at[i], e);
}

/* ---- a sample --------------------------------------------------------------------------------------------------------- */

static void sample_task(void *context, int i, int worker) { scan_task(context, i * SAMPLE_STEP + SAMPLE_STEP / 2, worker); }

/* Of what the threads found for query q: a threshold. All is forgotten but how near rows are by 4 bits. */
static void sampled_task(void *context, int q, int worker) {
  Search *s = context;
  bert_err *e = &s->error[worker];
  Found *first = found_by(s, 0, q);
  Lot lot = lot_of(s);
  for (int t = 1; t < s->threads; t++) best_join(&first->nearest, &found_by(s, t, q)->nearest, e);
  for (int t = 0; t < s->threads && !e->code; t++)
    scan_later(&s->scan, &lot, q, &found_by(s, t, q)->later, first, e);
  first->found.n = first->best.n = 0;
}

/* Thresholds for many queries, from some of the blocks. These are read once more, with all the others; but the rows that pass
** before a threshold has risen cost more, where a multiplication is shared. */
static void sample(Search *s) {
  int blocks = s->fetch.n / SAMPLE_STEP < SAMPLE_MOST ? s->fetch.n / SAMPLE_STEP : SAMPLE_MOST;
  size_t rows = (size_t)blocks * BERT_BLOCK_SLOTS;
  if (s->scan.count < SAMPLE_QUERIES || s->fetch.first > 0 || !s->scan.k || s->scan.k > rows / SAMPLE_ROWS) return;
  s->scan.sampling = 1;
  pool_each(s->threads, blocks, sample_task, pause_search, s);
  pool_each(s->threads, s->scan.count, sampled_task, pause_search, s);
  s->scan.sampling = 0;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------- */

/* What all threads found for query q, in the first one's array. */
static Candidates *join(Search *s, int q, bert_err *e) {
  Candidates *all = &found_by(s, 0, q)->found;
  Best *best = &found_by(s, 0, q)->best;
  for (int t = 1; t < s->threads; t++) {
    const Found *other = found_by(s, t, q);
    best_join(best, &other->best, e);
    for (size_t i = 0; i < other->found.n && !e->code; i++) candidates_add(all, &other->found.at[i], -2, e);
  }
  if (!e->code && s->scan.k && best->n == s->scan.k) scan_raise(&s->scan.query[q], best->at[0]);
  candidates_prune(all, atomic_load(&s->scan.query[q].threshold));
  return all;
}

/* Answers the next queries for which all is scanned, if they are `least` or more. */
static void answer(Search *s, int least, bert_err *e) {
  Candidates *all[GROUP];
  int first = s->answered, n = 0;
  while (first + n < s->scan.count && atomic_load_explicit(&s->scanned[first + n], memory_order_acquire)) n++;
  if (n < least) return;
  for (int i = 0; i < n && !e->code; i++) all[i] = join(s, first + i, e);
  if (!e->code)
    rescore(s->scope, s->queries + (size_t)first * (size_t)s->scope->dimensions, n, all, s->out + first, s->progress, e);
  s->answered += n;
}

/* ---- lots of blocks ----------------------------------------------------------------------------------------------------- */

/* What all threads put off for query q. */
static void later_task(void *context, int q, int worker) {
  Search *s = context;
  bert_err *e = &s->error[worker];
  Lot lot = lot_of(s);
  if (worker == 0) pause_search(s);
  for (int t = 0; t < s->threads && !atomic_load(&s->stop); t++)
    scan_later(&s->scan, &lot, q, &found_by(s, t, q)->later, found_by(s, t, q), e);
  if (e->code || atomic_load(&s->stop) || s->fetch.first + s->fetch.n < s->scope->count) return;
  atomic_store_explicit(&s->scanned[q], 1, memory_order_release);
  if (worker == 0 && s->threads > 1) answer(s, TOGETHER, e);
}

static void scan_lot(Search *s, bert_err *e) {
  for (int i = 0; i < s->threads * s->scan.count; i++) s->found[i].threshold = NAN;
  s->scan.widest = 0;
  for (int i = 0; i < s->fetch.n && s->scan.estimate; i++)
    s->scan.widest = fmax(s->scan.widest, s->fetch.block[i]->widest8);
  sample(s);
  pool_each(s->threads, s->fetch.n, scan_task, pause_search, s);
  pool_each(s->threads, s->scan.count, later_task, pause_search, s);
  for (int i = 0; i < s->threads; i++)
    if (s->error[i].code) err_set(e, s->error[i].code, "%s", s->error[i].text);
  if (atomic_load(&s->stop)) err_set(e, BERT_INTERRUPT, "interrupted");
}

static void search_group(const bert_scope *scope, const float *queries, int count, bert_hits *out,
                         const bert_progress *progress, bert_err *e) {
  Search s = {.progress = progress, .out = out};
  search_init(&s, scope, queries, count, e);
  while (fetch_next(&s.fetch, stopped, &s, e)) scan_lot(&s, e);
  for (int q = s.answered; q < count; q++) atomic_store(&s.scanned[q], 1); /* also where there are no blocks */
  if (!e->code && s.answered < count) answer(&s, 1, e);
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
