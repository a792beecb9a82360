/* logits.c -- see logits.h.
** Layer: model. Uses: base kernel text nn. */
#include "model/logits.h"

#include "model/vector.h"
#include "nn/product.h"

typedef struct {
  const Linear *head;
  float *logits;
} Job;

static int finish_row(void *context, const Row *row) {
  const Job *job = context;
  float *to = job->logits + row->item->first * (size_t)job->head->out;
  head_tokens(to, row->x, row->item->n, job->head, row->own);
  return vector_finite(to, row->item->n * job->head->out);
}

const float *logits_run(Session *s, const Linear *head, const bert_progress *progress, bert_err *e) {
  Job job = {.head = head};
  s->vectors.size = 0;
  job.logits = buf_room(&s->vectors, mem_size(s->ids.size / sizeof(int32_t), (size_t)head->out * sizeof(float), 0), e);
  if (e->code) return NULL;
  Finish finish = {finish_row, &job};
  int broken = batch_run(s, &finish, progress, e);
  if (broken) err_set(e, BERT_FORMAT, "%s: the model's output is not finite", s->model->source);
  return e->code ? NULL : job.logits;
}

/* ---- masked words ------------------------------------------------------------------------------------------------ */

typedef struct {
  const Model *model;
  const Batch *batch;
  const int32_t *position;
  int chosen;
  float *state;   /* [chosen][H], what the decoder takes */
  float *between; /* [threads][H] */
  float *logits;  /* [chosen][V] */
  float *own;     /* [threads][own_floats] */
} Masks;

static int finish_masks(void *context, const Row *row) {
  const Masks *j = context;
  size_t H = (size_t)j->model->encoder.hidden;
  int first = j->batch->start[row->item->text], good = 1;
  for (int k = 0; k < j->chosen; k++) {
    int t = j->position[k] - first;
    if (t < 0 || t >= row->item->n) continue;
    float *state = j->state + (size_t)k * H;
    head_fill_state(state, row->x + (size_t)t * H, &j->model->fill, j->between + (size_t)row->worker * H, row->own);
    good &= vector_finite(state, (int)H);
  }
  return good;
}

/* Words whose logits a rank makes at once: where the table is in 8 bits, so many of its rows are read to f32. */
enum { PIECE = 256 };

/* Floats of a rank's own. */
static size_t own_floats(int hidden) { return PRODUCT_OWN + PIECE * (size_t)hidden; }

/* As head_fill_logits, of many states at once. */
static void decode(void *context, const Team *team) {
  static const Team ALONE = {0, 1, NULL};
  const Masks *j = context;
  const FillHead *h = &j->model->fill;
  int V = j->model->config.vocabulary, H = j->model->encoder.hidden, pieces = (V + PIECE - 1) / PIECE;
  float *own = j->own + (size_t)team->rank * own_floats(H), *row = own + PRODUCT_OWN;
  for (int i = team_start(team, pieces, team->rank); i < team_start(team, pieces, team->rank + 1); i++) {
    int first = i * PIECE, n = V - first < PIECE ? V - first : PIECE;
    for (int v = 0; v < n && !h->decoder; v++) embed_word(row + (size_t)v * (size_t)H, h->words, first + v, H);
    Product p = {.y = j->logits + first, .y_stride = (size_t)V, .x = j->state, .x_stride = (size_t)H,
                 .w = h->decoder ? h->decoder + (size_t)first * (size_t)H : row, .w_stride = (size_t)H,
                 .m = j->chosen, .n = n, .k = H, .w_transposed = 1};
    product(&p, own, &ALONE);
    for (int k = 0; k < j->chosen; k++)
      for (int v = first; v < first + n; v++) j->logits[(size_t)k * (size_t)V + (size_t)v] += h->bias[v];
  }
}

const float *logits_masks(Session *s, const Batch *b, const int32_t *position, int chosen,
                          const bert_progress *progress, bert_err *e) {
  const Model *m = s->model;
  size_t C = (size_t)chosen, H = (size_t)m->encoder.hidden, V = (size_t)m->config.vocabulary, R = (size_t)s->threads;
  Masks j = {.model = m, .batch = b, .position = position, .chosen = chosen};
  size_t own = mem_size(R, own_floats(m->encoder.hidden) * sizeof(float), 0);
  s->vectors.size = 0;
  batch_add(s, b, e);
  j.logits = buf_room(&s->vectors, mem_size(C * V + (C + R) * H, sizeof(float), 0), e);
  j.own = mem_pages(own, e);
  if (!e->code) {
    j.state = j.logits + C * V;
    j.between = j.state + C * H;
    Finish finish = {finish_masks, &j};
    int broken = batch_run(s, &finish, progress, e);
    if (!e->code && !broken && chosen) pool_team(s->threads, decode, &j);
    if (!e->code && (broken || !vector_finite(j.logits, (int)(C * V))))
      err_set(e, BERT_FORMAT, "%s: the model's output is not finite", m->source);
  }
  mem_pages_free(j.own, own);
  return e->code ? NULL : j.logits;
}
