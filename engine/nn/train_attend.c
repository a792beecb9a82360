/* train_attend.c -- self-attention, forward and backward, with dropout of its weights.
** Layer: nn. Uses: base kernel.
**
**    P = softmax(c Q K^T),  W = drop(P),  O = W V            of each head over each row, c = 1 / sqrt(D)
**    dV = W^T dO,  dW = dO V^T,  dP = drop(dW),  dS = c P (dP - P . dP),  dQ = dS K,  dK = dS^T Q
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

/* One head over one row. */
typedef struct {
  int n, d;
  size_t stride;    /* of q, k, v and their gradients */
  const float *q, *k, *v;
  float scale;
  size_t across;    /* of the matrices: n in whole panels */
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

/* y[n][n] = x[n][d] z[n][d]^T, y in whole panels. */
static void outer(const Pair *a, float *y, const float *x, size_t x_stride, const float *z) {
  kernel_pack(a->side, z, a->stride, 0, a->n, a->d);
  multiply(a, y, a->across, x, x_stride, 0, a->n, (int)a->across, a->d);
}

/* y[n][d] = m[n][n] z[n][d], or of m^T. */
static void inner(const Pair *a, float *y, size_t y_stride, const float *m, int transposed, const float *z,
                  size_t z_stride) {
  kernel_pack_rows(a->side, z, z_stride, a->d, a->n);
  multiply(a, y, y_stride, m, a->across, transposed, a->n, a->d, a->n);
}

static void drop_matrix(const Pair *a, float *m) {
  for (int i = 0; a->drop && i < a->n; i++)
    kernels()->dropout(m + (size_t)i * a->across, (size_t)a->n, a->drop, (uint32_t)i * (uint32_t)a->n);
}

static void copy_matrix(const Pair *a, float *to, const float *from) {
  memcpy(to, from, (size_t)a->n * a->across * sizeof *to);
}

/* P, and W where it is another: returns W. */
static const float *weigh(const Pair *a) {
  outer(a, a->p, a->q, a->stride, a->k);
  kernels()->softmax(a->p, a->across, a->n, a->n, a->scale);
  if (!a->drop) return a->p;
  copy_matrix(a, a->w, a->p);
  drop_matrix(a, a->w);
  return a->w;
}

static Pair pair_of(const TrainPass *t, int layer, int item, float *own, KernelDrop *drop) {
  const TrainEncoder *n = t->net;
  int row = item / n->heads, head = item % n->heads, d = n->hidden / n->heads, first = t->batch->start[row];
  size_t H = (size_t)n->hidden;
  Pair a = {.n = t->batch->start[row + 1] - first, .d = d, .stride = 3 * H, .scale = 1.0f / sqrtf((float)d),
            .gemm = own};
  a.q = t->scratch->kept[layer].qkv + (size_t)first * 3 * H + (size_t)(head * d);
  a.k = a.q + H;
  a.v = a.k + H;
  a.across = wide(a.n);
  a.p = own + PRODUCT_OWN;
  a.w = a.p + (size_t)a.n * a.across;
  a.dp = a.w + (size_t)a.n * a.across;
  a.side = a.dp + (size_t)a.n * a.across;
  a.drop = train_drop(t, DROP_ATTENTION, layer, (uint64_t)item, n->attention_dropout, drop);
  return a;
}

void train_attend(const TrainPass *t, int layer, const Team *team) {
  const TrainEncoder *n = t->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = t->scratch;
  KeptLayer *k = &s->kept[layer];
  float *own = s->own[team->rank];
  int T = t->batch->tokens, H = n->hidden, items = t->batch->rows * n->heads;
  KernelDrop d;
  train_linear(n->params, &l->qkv, k->qkv, k->x, (size_t)H, T, own, team);
  team_barrier(team);
  for (int i = team->rank; i < items; i += team->size) {
    Pair a = pair_of(t, layer, i, own, &d);
    float *context = k->context + (size_t)t->batch->start[i / n->heads] * (size_t)H + (size_t)(i % n->heads * a.d);
    inner(&a, context, (size_t)H, weigh(&a), 0, a.v, a.stride);
  }
  team_barrier(team);
  train_linear(n->params, &l->project, s->between, k->context, (size_t)H, T, own, team);
  team_barrier(team);
  train_drop_rows(s->between, T, H, train_drop(t, DROP_PROJECT, layer, 0, n->dropout, &d), team);
  train_norm(n->params, &l->attention_norm, k->middle, &k->attention, s->between, k->x, T, H, n->epsilon, team);
  team_barrier(team);
}

/* Gradients of a pair's q, k, v into dqkv, out of dcontext (rows H apart). */
static void pair_back(const Pair *a, float *dq, const float *dcontext, size_t H) {
  const float *w = weigh(a);
  inner(a, dq + 2 * H, a->stride, w, 1, dcontext, H);
  outer(a, a->dp, dcontext, H, a->v);
  drop_matrix(a, a->dp);
  kernels()->softmax_back(a->dp, a->p, a->across, a->n, a->n, a->scale);
  inner(a, dq, a->stride, a->dp, 0, a->k, a->stride);
  inner(a, dq + H, a->stride, a->dp, 1, a->q, a->stride);
}

/* s->dx is the gradient of what goes into the normalisation: of the projection, and of x that goes past it. */
void train_attend_back(const TrainPass *t, int layer, const Team *team) {
  const TrainEncoder *n = t->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = t->scratch;
  KeptLayer *k = &s->kept[layer];
  float *own = s->own[team->rank], *d_project = s->dx;
  int T = t->batch->tokens, H = n->hidden, items = t->batch->rows * n->heads;
  KernelDrop d;
  const KernelDrop *drop = train_drop(t, DROP_PROJECT, layer, 0, n->dropout, &d);
  if (drop) {
    d_project = s->dropped;
    train_copy_rows(d_project, s->dx, T, H, team);
    train_drop_rows(d_project, T, H, drop, team);
    team_barrier(team);
  }
  float *dcontext = s->between, *dqkv = s->dwide;
  train_linear_back(n->params, &l->project, dcontext, (size_t)H, 0, d_project, k->context, (size_t)H, T, own, team);
  team_barrier(team);
  for (int i = team->rank; i < items; i += team->size) {
    Pair a = pair_of(t, layer, i, own, &d);
    size_t first = (size_t)t->batch->start[i / n->heads], head = (size_t)(i % n->heads * a.d);
    pair_back(&a, dqkv + first * 3 * (size_t)H + head, dcontext + first * (size_t)H + head, (size_t)H);
  }
  team_barrier(team);
  train_linear_back(n->params, &l->qkv, s->dx, (size_t)H, 1, dqkv, k->x, (size_t)H, T, own, team);
  team_barrier(team);
}
