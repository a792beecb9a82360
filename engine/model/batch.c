/* batch.c -- see batch.h.
** Layer: model. Uses: base kernel text nn. */
#include "model/batch.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of a chunk: enough rows to read each weight panel rarely, few enough that the states of a chunk stay in L2. The last
** chunks are smaller, so that no thread has long to wait for another at the end. */
enum { CHUNK = 224, LAST_CHUNK = 56 };

typedef struct {
  int first_item;
  Batch batch;
} Chunk;

/* What the threads share while a call runs. */
typedef struct {
  Session *session;
  const Item *items;
  Chunk *chunks;
  const Finish *finish;
  Chunk *shared;   /* a team's chunk */
  Stop stop;
  int stopped;
  int broken;      /* 1 + the text whose numbers are not finite */
} Job;

/* ---- items ------------------------------------------------------------------------------------------------------ */

void batch_clear(Session *s) { s->ids.size = s->types.size = s->items.size = 0; }

void batch_begin(Session *s, int text, int skip, bert_err *e) {
  Item item = {.text = text, .first = s->ids.size / sizeof(int32_t), .skip = skip};
  buf_add(&s->items, &item, sizeof item, e);
}

void batch_tokens(Session *s, const Encoding *c, int from, int n, bert_err *e) {
  buf_add(&s->ids, c->ids + from, (size_t)n * sizeof *c->ids, e);
  buf_add(&s->types, c->types + from, (size_t)n * sizeof *c->types, e);
  if (!e->code) ((Item *)(s->items.data + s->items.size))[-1].n += n;
}

void batch_add(Session *s, const Batch *b, bert_err *e) {
  batch_clear(s);
  for (int r = 0; r < b->rows && !e->code; r++) {
    Encoding c = {.ids = (int32_t *)b->ids, .types = (uint8_t *)b->types};
    batch_begin(s, r, 0, e);
    batch_tokens(s, &c, b->start[r], b->start[r + 1] - b->start[r], e);
  }
}

int batch_count(const Session *s) { return (int)(s->items.size / sizeof(Item)); }
const Item *batch_items(const Session *s) { return (const Item *)s->items.data; }

/* ---- items to chunks -------------------------------------------------------------------------------------------- */

static int longer_first(const void *a, const void *b) {
  const Item *p = a, *q = b;
  if (p->n != q->n) return p->n > q->n ? -1 : 1;
  return p->first < q->first ? -1 : p->first > q->first;
}

/* Tokens that the next chunk may have when so many are left for the threads to share. */
static int chunk_room(size_t left, int threads) {
  size_t share = left / (2 * (size_t)threads);
  return share > CHUNK ? CHUNK : share < LAST_CHUNK ? LAST_CHUNK : (int)share;
}

/* Copies the items' tokens in their sorted order, and cuts them into chunks; returns how many. */
static int make_chunks(Session *s, Item *items, int count, bert_err *e) {
  size_t total = s->ids.size / sizeof(int32_t);
  s->sorted_ids.size = s->sorted_types.size = s->starts.size = s->chunks.size = 0;
  int32_t *ids = buf_room(&s->sorted_ids, total * sizeof *ids, e);
  uint8_t *types = buf_room(&s->sorted_types, total, e);
  int32_t *starts = buf_room(&s->starts, mem_size(2 * sizeof *starts, (size_t)count, 0), e);
  Chunk *chunks = buf_room(&s->chunks, mem_size(sizeof *chunks, (size_t)count, 0), e);
  if (e->code) return 0;
  qsort(items, (size_t)count, sizeof *items, longer_first);
  const int32_t *from_ids = (const int32_t *)s->ids.data;
  const uint8_t *from_types = (const uint8_t *)s->types.data;
  int made = 0;
  for (int i = 0; i < count;) {
    Batch b = {.longest = items[i].n, .ids = ids, .types = types, .start = starts};
    int first = i, room = chunk_room(total - (size_t)(ids - (int32_t *)s->sorted_ids.data), s->threads);
    *starts++ = 0;
    do {
      size_t n = (size_t)items[i].n;
      memcpy(ids, from_ids + items[i].first, n * sizeof *ids);
      memcpy(types, from_types + items[i].first, n);
      ids += n, types += n, b.tokens += items[i].n, b.rows++, i++;
      *starts++ = b.tokens;
    } while (i < count && b.tokens + items[i].n <= room);
    chunks[made++] = (Chunk){first, b};
  }
  return made;
}

/* ---- chunks to states ------------------------------------------------------------------------------------------- */

/* The rank's share of the chunk's rows. */
static void finish_rows(Job *job, const Chunk *c, const Scratch *s, int worker, const Team *team) {
  size_t H = (size_t)job->session->model->encoder.hidden;
  for (int r = team->rank; r < c->batch.rows; r += team->size) {
    Row row = {.item = &job->items[c->first_item + r],
               .index = c->first_item + r,
               .x = s->x + (size_t)c->batch.start[r] * H,
               .worker = worker,
               .own = s->own[team->rank]};
    if (!job->finish->row(job->finish->context, &row))
      __atomic_store_n(&job->broken, row.item->text + 1, __ATOMIC_RELAXED);
  }
}

static void one_chunk(void *context, int i, int worker) {
  static const Team ALONE = {0, 1, NULL};
  Job *job = context;
  if (__atomic_load_n(&job->stopped, __ATOMIC_RELAXED)) return;
  Stop stop = job->stop;
  stop.asks = worker == 0;
  const Model *m = job->session->model;
  Scratch *s = &job->session->worker[worker];
  encoder_forward(&m->encoder, &job->chunks[i].batch, m->encoder.layers, s, &stop, &ALONE);
  if (!__atomic_load_n(&job->stopped, __ATOMIC_RELAXED)) finish_rows(job, &job->chunks[i], s, worker, &ALONE);
}

static void shared_chunk(void *context, const Team *team) {
  Job *job = context;
  const Model *m = job->session->model;
  Scratch *s = &job->session->worker[0];
  encoder_forward(&m->encoder, &job->shared->batch, m->encoder.layers, s, &job->stop, team);
  if (!__atomic_load_n(&job->stopped, __ATOMIC_RELAXED)) finish_rows(job, job->shared, s, team->rank, team);
}

static void while_waiting(void *context) {
  Job *job = context;
  if (progress_stopped(job->stop.progress)) __atomic_store_n(&job->stopped, 1, __ATOMIC_RELAXED);
}

static void run_chunks(Job *job, int count, int longest, bert_err *e) {
  Session *s = job->session;
  const Encoder *n = &s->model->encoder;
  int room = longest > CHUNK ? longest : CHUNK;
  if (count >= s->threads) {
    for (int i = 0; i < s->threads; i++) scratch_reserve(&s->worker[i], n, room, longest, 1, e);
    if (!e->code) pool_each(s->threads, count, one_chunk, while_waiting, job);
    return;
  }
  scratch_reserve(&s->worker[0], n, room, longest, s->threads, e);
  for (int i = 0; i < count && !e->code && !job->stopped; i++) {
    job->shared = &job->chunks[i];
    job->stop.asks = 1;
    pool_team(s->threads, shared_chunk, job);
  }
}

/* ---- what is still there ----------------------------------------------------------------------------------------- */

int batch_kept(const Session *s, const int32_t *ids, const uint8_t *types, int n) {
  return n > 0 && n == s->kept && !memcmp(ids, s->sorted_ids.data, (size_t)n * sizeof *ids) &&
         !memcmp(types, s->sorted_types.data, (size_t)n);
}

void batch_keep(Session *s, const int32_t *ids, const uint8_t *types, int n, bert_err *e) {
  s->sorted_ids.size = s->sorted_types.size = 0;
  void *to_ids = buf_room(&s->sorted_ids, (size_t)n * sizeof *ids, e);
  void *to_types = buf_room(&s->sorted_types, (size_t)n, e);
  if (e->code) return;
  memcpy(to_ids, ids, (size_t)n * sizeof *ids);
  memcpy(to_types, types, (size_t)n);
  s->kept = n;
}

void batch_forget(Session *s) { s->kept = 0; }

/* The one item's row again. */
static int finish_kept(Session *s, const Item *item, const Finish *finish) {
  Row row = {.item = item, .x = s->worker[0].x, .own = s->worker[0].own[0]};
  return finish->row(finish->context, &row) ? 0 : item->text + 1;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

int batch_run(Session *s, const Finish *finish, const bert_progress *progress, bert_err *e) {
  int count = e->code ? 0 : batch_count(s);
  if (!count) return 0;
  Item *items = (Item *)s->items.data;
  if (count == 1 && batch_kept(s, (const int32_t *)s->ids.data, (const uint8_t *)s->types.data, items[0].n))
    return finish_kept(s, &items[0], finish);
  batch_forget(s);
  int chunks = make_chunks(s, items, count, e);
  if (!e->code && items[count - 1].n < 1) err_set(e, BERT_ARGUMENT, "found no token in a text, wanted at least one");
  if (e->code) return 0;
  Job job = {.session = s, .items = items, .chunks = (Chunk *)s->chunks.data, .finish = finish};
  job.stop = (Stop){progress, 0, &job.stopped};
  run_chunks(&job, chunks, items[0].n, e);
  if (job.stopped) err_set(e, BERT_INTERRUPT, "interrupted");
  if (e->code) return 0;
  if (count == 1) s->kept = items[0].n;
  return job.broken;
}
