/* train_attend.c -- self-attention, forward and backward, with dropout of its weights.
** Layer: nn. Uses: base kernel.
**
**    P = softmax(c Q K^T),  W = drop(P),  O = W V            of each head over each row, c = 1 / sqrt(D)
**    dV = W^T dO,  dW = dO V^T,  dS = c (W dW - P (W . dW)),  dQ = dS K,  dK = dS^T Q
**
** Queries are those of the tokens whose states the layer makes; of the last layer these may be few (train.h), and stand in
** the first rows of qkv, while keys and values stand in the rows of their tokens.
**
** (Vaswani et al. 2017, 3.2.1.) A (row, head) pair is one rank's work, with its n x n matrices in that rank's own
** scratch; the weights are computed again on the way back rather than kept, which costs 2 n D of the 10 n D and saves T
** n A floats a layer. */
#include <math.h>
#include <string.h>

#include "nn/train.h"

/* n rounded up to whole panels. */
static size_t wide(int n) { return (size_t)kernel_panels(n) * KERNEL_PANEL; }

/* Of a pair: P, W or dP, and one side of a product in panels. */
size_t train_attend_floats(int longest, int d) {
  size_t n = (size_t)longest, side = n > (size_t)d ? n : (size_t)d;
  return mem_size(3 * n, wide(longest), side * (wide(longest) > wide(d) ? wide(longest) : wide(d)));
}

/* One head over one row: m queries, n keys. */
typedef struct {
  int m, n, d;
  int first;            /* the row's first token */
  const int32_t *token; /* [m]: the queries' tokens; NULL: all of the row */
  size_t stride;        /* of q, k, v and their gradients */
  const float *q, *k, *v;
  float scale;
  size_t across;        /* of the matrices: n in whole panels */
  float *p, *w, *dp, *side, *gemm;
  const KernelDrop *drop;
} Pair;

/* y[m][n] = x[m][k] w, w in panels at a->side. */
static void multiply(const Pair *a, float *y, size_t y_stride, const float *x, size_t x_stride, int transposed, int m,
                     int n, int k) {
  KernelGemm g = {.y = y,
                  .y_stride = y_stride,
                  .x = x,
                  .x_stride = x_stride,
                  .w = a->side,
                  .m = m,
                  .n = n,
                  .k = k,
                  .last = kernel_panels(n),
                  .scratch = a->gemm,
                  .transposed = transposed};
  kernels()->gemm(&g);
}

/* y[m][n] = x[m][d] z[n][d]^T, y in whole panels. */
static void outer(const Pair *a, float *y, const float *x, size_t x_stride, const float *z) {
  kernels()->pack(a->side, z, a->stride, 0, a->n, a->d);
  multiply(a, y, a->across, x, x_stride, 0, a->m, (int)a->across, a->d);
}

/* y[m][d] = x[m][n] z[n][d], of a matrix; or y[n][d] = x^T z[m][d]. */
static void inner(const Pair *a, float *y, size_t y_stride, const float *x, int transposed, const float *z,
                  size_t z_stride) {
  int m = transposed ? a->n : a->m, k = transposed ? a->m : a->n;
  kernels()->pack_rows(a->side, z, z_stride, a->d, k);
  multiply(a, y, y_stride, x, a->across, transposed, m, a->d, k);
}

/* P, and W at `w`, which may be P's place; returns W. */
static const float *weigh(const Pair *a, float *w) {
  outer(a, a->p, a->q, a->stride, a->k);
  kernels()->softmax(a->p, a->across, a->m, a->n, a->scale);
  if (!a->drop) return a->p;
  for (int i = 0; i < a->m; i++) {
    int query = a->token ? a->token[i] - a->first : i;
    size_t at = (size_t)i * a->across;
    kernels()->dropout(w + at, a->p + at, (size_t)a->n, a->drop, (uint32_t)query * (uint32_t)a->n);
  }
  return w;
}

/* Where token t stands among those, or would stand. */
static int place_of(const TrainTokens *t, int token) {
  int from = 0, to = t->count;
  if (!t->token) return token;
  while (from < to) {
    int middle = from + (to - from) / 2;
    if (t->token[middle] < token) from = middle + 1;
    else to = middle;
  }
  return from;
}

/* The pair of that number; *query: which of the layer's queries is its first. */
static Pair pair_of(const TrainPass *t, int layer, int item, float *own, KernelDrop *drop, int *query) {
  const TrainEncoder *n = t->net;
  int row = item / n->heads, head = item % n->heads, d = n->hidden / n->heads, first = t->batch->start[row];
  TrainTokens made = train_made(t, layer);
  size_t H = (size_t)n->hidden;
  *query = place_of(&made, first);
  Pair a = {.m = place_of(&made, t->batch->start[row + 1]) - *query, .n = t->batch->start[row + 1] - first, .d = d,
            .first = first, .token = made.token ? made.token + *query : NULL, .stride = 3 * H,
            .scale = 1.0f / sqrtf((float)d), .gemm = own};
  a.q = t->scratch->kept[layer].qkv + (size_t)*query * 3 * H + (size_t)(head * d);
  a.k = t->scratch->kept[layer].qkv + (size_t)first * 3 * H + H + (size_t)(head * d);
  a.v = a.k + H;
  a.across = wide(a.n);
  a.p = own + PRODUCT_OWN;
  a.w = a.p + (size_t)a.n * a.across;
  a.dp = a.w + (size_t)a.n * a.across;
  a.side = a.dp + (size_t)a.n * a.across;
  a.drop = train_drop(t, DROP_ATTENTION, layer, (uint64_t)item, n->attention_dropout, drop);
  return a;
}

/* The outputs of l from `first` on. */
static TrainLinear part_of(const TrainLinear *l, int first, int out) {
  return (TrainLinear){.in = l->in, .out = out, .w = l->w + (size_t)first * (size_t)l->in, .b = l->b + (size_t)first,
                       .stride = (size_t)l->out};
}

/* Queries, keys and values of the layer; the states that queries were made of, one a query, which the layer adds its own to. */
static const float *make_qkv(const TrainPass *t, int layer, const TrainTokens *made, const Team *team) {
  const TrainEncoder *n = t->net;
  const TrainLinear *l = &n->layer[layer].qkv;
  const KeptLayer *k = &t->scratch->kept[layer];
  float *own = t->scratch->own[team->rank], *x = t->scratch->dropped;
  int T = t->batch->tokens, H = n->hidden;
  if (!made->token) {
    train_linear(n->params, l, k->qkv, k->x, (size_t)H, T, own, team);
    return k->x;
  }
  TrainLinear queries = part_of(l, 0, H), rest = part_of(l, H, 2 * H);
  train_gather(x, k->x, made->token, made->count, H, team);
  team_barrier(team);
  train_linear(n->params, &queries, k->qkv, x, (size_t)H, made->count, own, team);
  train_linear(n->params, &rest, k->qkv + H, k->x, (size_t)H, T, own, team);
  return x;
}

void train_attend(const TrainPass *t, int layer, const Team *team) {
  const TrainEncoder *n = t->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = t->scratch;
  KeptLayer *k = &s->kept[layer];
  TrainTokens made = train_made(t, layer);
  float *own = s->own[team->rank];
  int H = n->hidden, items = t->batch->rows * n->heads;
  KernelDrop d;
  const float *x = make_qkv(t, layer, &made, team);
  team_barrier(team);
  for (int i = team->rank, query; i < items; i += team->size) {
    Pair a = pair_of(t, layer, i, own, &d, &query);
    inner(&a, k->context + (size_t)query * (size_t)H + (size_t)(i % n->heads * a.d), (size_t)H, weigh(&a, a.p), 0, a.v, a.stride);
  }
  team_barrier(team);
  train_linear(n->params, &l->project, s->between, k->context, (size_t)H, made.count, own, team);
  team_barrier(team);
  TrainDrop drop = {train_drop(t, DROP_PROJECT, layer, 0, n->project_dropout, &d), made.token};
  train_norm(n->params, &l->attention_norm, k->middle, &k->attention, s->between, &drop, x, made.count, H, n->epsilon, team);
  team_barrier(team);
}

/* Gradients of a pair's q, k and v, out of dcontext (rows H apart). */
static void pair_back(const Pair *a, float *dq, float *dk, float *dv, const float *dcontext, size_t H) {
  if (a->m == 0) { /* no query reads this row */
    for (size_t i = 0; i < (size_t)a->n; i++) {
      memset(dk + i * a->stride, 0, (size_t)a->d * sizeof *dk);
      memset(dv + i * a->stride, 0, (size_t)a->d * sizeof *dv);
    }
    return;
  }
  const float *w = weigh(a, a->w);
  inner(a, dv, a->stride, w, 1, dcontext, H);
  outer(a, a->dp, dcontext, H, a->v);
  kernels()->softmax_back(a->dp, a->p, w, a->across, a->m, a->n, a->scale);
  inner(a, dq, a->stride, a->dp, 0, a->k, a->stride);
  inner(a, dk, a->stride, a->dp, 1, a->q, a->stride);
}

/* s->dx, the gradient that goes past attention, becomes that of the layer's x; dqkv as qkv stands. */
static void qkv_back(const TrainPass *t, int layer, const TrainTokens *made, const float *dqkv, const Team *team) {
  const TrainEncoder *n = t->net;
  const TrainLinear *l = &n->layer[layer].qkv;
  TrainScratch *s = t->scratch;
  const float *x = s->kept[layer].x;
  float *own = s->own[team->rank];
  int T = t->batch->tokens, H = n->hidden;
  if (!made->token) {
    train_linear_back(n->params, l, s->dx, (size_t)H, 1, dqkv, x, (size_t)H, T, own, team);
    team_barrier(team);
    return;
  }
  TrainLinear queries = part_of(l, 0, H), rest = part_of(l, H, 2 * H);
  train_gather(s->wide, x, made->token, made->count, H, team);
  train_copy_rows(s->between, s->dx, made->count, H, team);
  team_barrier(team);
  train_linear_back(n->params, &queries, s->between, (size_t)H, 1, dqkv, s->wide, (size_t)H, made->count, own, team);
  size_t from = train_rows(team, T, H, team->rank), to = train_rows(team, T, H, team->rank + 1);
  memset(s->dx + from, 0, (to - from) * sizeof *s->dx);
  team_barrier(team);
  train_scatter(s->dx, s->between, made->token, made->count, H, team);
  team_barrier(team);
  train_linear_back(n->params, &rest, s->dx, (size_t)H, 1, dqkv + H, x, (size_t)H, T, own, team);
  team_barrier(team);
}

/* s->dx is the gradient of what goes into the normalisation: of the projection, where s->dropped has it as it was dropped, and
** of x that goes past it. */
void train_attend_back(const TrainPass *t, int layer, const Team *team) {
  const TrainEncoder *n = t->net;
  TrainScratch *s = t->scratch;
  KeptLayer *k = &s->kept[layer];
  TrainTokens made = train_made(t, layer);
  float *own = s->own[team->rank], *dcontext = s->between, *dqkv = s->dwide;
  int items = t->batch->rows * n->heads;
  size_t H = (size_t)n->hidden;
  KernelDrop d;
  const float *d_project = train_drop(t, DROP_PROJECT, layer, 0, n->project_dropout, &d) ? s->dropped : s->dx;
  train_linear_back(n->params, &n->layer[layer].project, dcontext, H, 0, d_project, k->context, H, made.count, own, team);
  team_barrier(team);
  for (int i = team->rank, query; i < items; i += team->size) {
    Pair a = pair_of(t, layer, i, own, &d, &query);
    size_t head = (size_t)(i % n->heads * a.d);
    float *dk = dqkv + (size_t)a.first * a.stride + H + head;
    pair_back(&a, dqkv + (size_t)query * a.stride + head, dk, dk + H, dcontext + (size_t)query * H + head, H);
  }
  team_barrier(team);
  qkv_back(t, layer, &made, dqkv, team);
}
