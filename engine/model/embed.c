/* embed.c -- texts to sentence vectors.
** Layer: model. Uses: base kernel text nn.
**
**    texts -> tokens, an Item each (or one a window) -> sorted by length, longest first -> chunks of about CHUNK tokens
**          -> the encoder, chunks shared out among threads -> pooled, Dense, normalised -> out
**
** Rows of a chunk stand one after the other without padding. With fewer chunks than threads all threads share each chunk
** (a team); else each takes whole chunks, which needs no barrier. Neither changes a bit of any vector.
** Memory: the tokens of all texts of the call (10 bytes each), and scratch of each thread (encoder.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/vector.h"

/* Tokens of a chunk: enough rows to read each weight panel rarely, few enough that the states of a chunk stay in L2. */
enum { CHUNK = 224 };

/* The tokens of one text, or of one of its windows. */
typedef struct {
  int text;
  size_t first; /* of its tokens in ids */
  int n;
  int skip;     /* tokens of the prompt that do not count in the pooling */
} Item;

typedef struct {
  int first_item;
  Batch batch;
} Chunk;

/* What the threads share while a call runs. */
typedef struct {
  Session *session;
  const Item *items;
  Chunk *chunks;
  float *out;      /* [texts][dimensions], or of windows where there are any: by_item */
  int by_item;
  float *pooled;   /* [threads][2][widest] */
  size_t widest;
  Chunk *shared;   /* a team's chunk */
  Stop stop;
  int stopped;
  int broken;      /* 1 + the text whose vector is not finite */
} Job;

/* ---- texts to items ------------------------------------------------------------------------------------------------- */

static void add_item(Session *s, Item item, bert_err *e) { buf_add(&s->items, &item, sizeof item, e); }

static void add_tokens(Session *s, const Encoding *c, int from, int n, bert_err *e) {
  buf_add(&s->ids, c->ids + from, (size_t)n * sizeof *c->ids, e);
  buf_add(&s->types, c->types + from, (size_t)n * sizeof *c->types, e);
}

/* Windows that share nothing, each between the special tokens of the whole. */
static void add_windows(Session *s, const Encoding *c, int text, int skip, bert_err *e) {
  int lead = 0, trail = 0;
  while (lead < c->n && c->special[lead]) lead++;
  while (trail < c->n - lead && c->special[c->n - 1 - trail]) trail++;
  int room = s->model->max_tokens - lead - trail, end = c->n - trail;
  for (int from = lead; (from < end || from == lead) && !e->code; from += room) {
    int n = end - from < room ? end - from : room;
    Item item = {text, s->ids.size / sizeof *c->ids, lead + n + trail, from == lead ? skip : 0};
    add_tokens(s, c, 0, lead, e);
    add_tokens(s, c, from, n, e);
    add_tokens(s, c, end, trail, e);
    add_item(s, item, e);
  }
}

static void add_text(Session *s, int index, bert_text text, int skip, bert_err *e) {
  const Model *m = s->model;
  Encoding c;
  int window = m->options.on_long == ON_LONG_MEAN ? 0 : m->max_tokens;
  tokenizer_encode(m->tokenizer, s->tokens, text, NULL, window, 0, &c, e);
  if (e->code) return;
  if (m->options.on_long == ON_LONG_ERROR && c.total > m->max_tokens)
    err_set(e, BERT_ARGUMENT, "found a text of %lld tokens, wanted at most the model's %d (its option on_long is error)",
            (long long)c.total, m->max_tokens);
  if (m->options.on_long == ON_LONG_MEAN && c.n > m->max_tokens) {
    add_windows(s, &c, index, skip, e);
    return;
  }
  Item item = {index, s->ids.size / sizeof *c.ids, c.n, skip < c.n ? skip : c.n - 1};
  add_tokens(s, &c, 0, c.n, e);
  add_item(s, item, e);
}

/* Tokens at the start of a text that are the prompt's, [CLS] included: those of the prompt alone, less the last [SEP]. */
static int prompt_tokens(Session *s, bert_text prompt, bert_err *e) {
  const Model *m = s->model;
  if (prompt.size == 0 || m->sentence.include_prompt) return 0;
  Encoding c;
  tokenizer_encode(m->tokenizer, s->tokens, prompt, NULL, m->max_tokens, 0, &c, e);
  if (e->code) return 0;
  return c.n > 0 && c.special[c.n - 1] ? c.n - 1 : c.n;
}

static void make_items(Session *s, const bert_text *texts, int n, bert_text prompt, bert_err *e) {
  s->ids.size = s->types.size = s->items.size = 0;
  int skip = prompt_tokens(s, prompt, e);
  for (int i = 0; i < n && !e->code; i++) {
    bert_text text = texts[i];
    if (prompt.size) {
      s->text.size = 0;
      buf_add(&s->text, prompt.data, prompt.size, e);
      buf_add(&s->text, text.data, text.size, e);
      text = (bert_text){s->text.data, s->text.size};
    }
    add_text(s, i, text, skip, e);
  }
}

/* ---- items to chunks ------------------------------------------------------------------------------------------------ */

static int longer_first(const void *a, const void *b) {
  const Item *p = a, *q = b;
  if (p->n != q->n) return p->n > q->n ? -1 : 1;
  return p->first < q->first ? -1 : p->first > q->first;
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
    int first = i;
    *starts++ = 0;
    do {
      size_t n = (size_t)items[i].n;
      memcpy(ids, from_ids + items[i].first, n * sizeof *ids);
      memcpy(types, from_types + items[i].first, n);
      ids += n, types += n, b.tokens += items[i].n, b.rows++, i++;
      *starts++ = b.tokens;
    } while (i < count && b.tokens + items[i].n <= CHUNK);
    chunks[made++] = (Chunk){first, b};
  }
  return made;
}

/* ---- chunks to vectors ------------------------------------------------------------------------------------------------ */

/* v[n] / max(|v|, 1e-12), as torch's normalize. */
static void normalize(float *v, int n) {
  float square;
  kernels()->dot(&square, v, v, n);
  float length = sqrtf(square) > 1e-12f ? sqrtf(square) : 1e-12f;
  for (int i = 0; i < n; i++) v[i] /= length;
}

/* out[dimensions] from the states x[n][H] of one item. Dense products are in float, and need no more of a Scratch than the
** rank's own part. */
static void finish_item(const Model *m, const float *x, const Item *item, float *pooled, size_t widest, float *own,
                        float *out) {
  static const Team ALONE = {0, 1, NULL};
  Scratch mine = {.own = &own};
  float *from = pooled, *to = pooled + widest;
  pooling_apply(from, x, item->n, item->skip, m->encoder.hidden, &m->pooling);
  for (int i = 0; i < m->sentence.dense_count; i++) {
    const Linear *l = &m->dense[i].linear;
    linear(to, (size_t)l->out, from, (size_t)l->in, l, 1, m->dense[i].activation, &mine, &ALONE);
    float *swap = from;
    from = to, to = swap;
  }
  if (m->sentence.normalize) normalize(from, m->dimensions);
  memcpy(out, from, (size_t)m->dimensions * sizeof *out);
}

/* The rank's share of the chunk's rows, from states to vectors. */
static void finish_rows(Job *job, const Chunk *c, const Scratch *s, int worker, const Team *team) {
  const Model *m = job->session->model;
  size_t H = (size_t)m->encoder.hidden, width = (size_t)m->dimensions;
  for (int r = team->rank; r < c->batch.rows; r += team->size) {
    int index = c->first_item + r;
    const Item *item = &job->items[index];
    float *out = job->out + (size_t)(job->by_item ? index : item->text) * width;
    finish_item(m, s->x + (size_t)c->batch.start[r] * H, item, job->pooled + (size_t)worker * 2 * job->widest,
                job->widest, s->own[team->rank], out);
    if (!vector_finite(out, m->dimensions)) __atomic_store_n(&job->broken, item->text + 1, __ATOMIC_RELAXED);
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
  if (job->stop.stop && job->stop.stop(job->stop.context)) __atomic_store_n(&job->stopped, 1, __ATOMIC_RELAXED);
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

/* ---- all of it ---------------------------------------------------------------------------------------------------------- */

/* out[text] = the mean of its windows' vectors, normalised anew where the model normalises. Items are in any order; each
** text has at least one. */
static void average_windows(const Model *m, const Item *items, int count, const float *vectors, float *out, int texts,
                            int *windows) {
  size_t width = (size_t)m->dimensions;
  memset(out, 0, (size_t)texts * width * sizeof *out);
  memset(windows, 0, (size_t)texts * sizeof *windows);
  for (int i = 0; i < count; i++) windows[items[i].text]++;
  for (int i = 0; i < count; i++) {
    const float *from = vectors + (size_t)i * width;
    float *to = out + (size_t)items[i].text * width, share = 1.0f / (float)windows[items[i].text];
    if (windows[items[i].text] == 1) memcpy(to, from, width * sizeof *to); /* its own bits, -0 included */
    else
      for (size_t j = 0; j < width; j++) to[j] += from[j] * share;
  }
  for (int t = 0; t < texts; t++)
    if (windows[t] > 1 && m->sentence.normalize) normalize(out + (size_t)t * width, m->dimensions);
}

/* Numbers of the widest vector between pooling and the end. */
static size_t widest(const Model *m) {
  int width = m->encoder.hidden * m->pooling.count;
  for (int i = 0; i < m->sentence.dense_count; i++)
    if (m->dense[i].linear.out > width) width = m->dense[i].linear.out;
  return (size_t)width;
}

void embed_texts(Session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                 const bert_progress *progress, bert_err *e) {
  if (e->code || n <= 0) return;
  const Model *m = s->model;
  make_items(s, texts, n, prompt ? *prompt : model_default_prompt(m), e);
  Item *items = (Item *)s->items.data;
  int count = (int)(s->items.size / sizeof *items);
  int chunks = e->code ? 0 : make_chunks(s, items, count, e);
  Job job = {.session = s, .items = items, .chunks = (Chunk *)s->chunks.data, .out = out, .widest = widest(m)};
  job.stop = (Stop){progress ? progress->stop : NULL, progress ? progress->context : NULL, 0, &job.stopped};
  job.by_item = count > n;
  s->vectors.size = s->pooled.size = 0;
  job.pooled = buf_room(&s->pooled, mem_size(2 * sizeof(float) * (size_t)s->threads, job.widest, 0), e);
  size_t windows = job.by_item ? mem_size((size_t)count * sizeof(float), (size_t)m->dimensions, 0) : 0;
  float *vectors = buf_room(&s->vectors, mem_size((size_t)n, sizeof(int), windows), e);
  if (e->code) return;
  if (job.by_item) job.out = vectors;
  run_chunks(&job, chunks, items[0].n, e);
  if (job.stopped) err_set(e, BERT_INTERRUPT, "interrupted");
  if (job.broken)
    err_set(e, BERT_FORMAT, "the model's vector of text %d of %d is not finite", job.broken, n);
  if (job.by_item && !e->code)
    average_windows(m, items, count, vectors, out, n, (int *)((char *)vectors + windows));
}
