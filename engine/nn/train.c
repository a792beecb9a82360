/* train.c -- see train.h: the passes, their room, and what the parts share.
** Layer: nn. Uses: base kernel. */
#include "nn/train.h"

#include <string.h>

#include "base/hash.h"

/* ---- room -------------------------------------------------------------------------------------------------------- */

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* The next n floats of the block, at a cache line; counts alone where there is none. */
static float *take(TrainScratch *s, size_t *used, size_t n) {
  float *p = s->block ? s->block + *used : NULL;
  *used = mem_size(1, *used, round_up(n, KERNEL_LANES));
  return p;
}

static Normed take_normed(TrainScratch *s, size_t *used, size_t T, size_t H) {
  Normed n;
  n.hat = take(s, used, mem_size(T, H, 0));
  n.scale = take(s, used, T);
  return n;
}

/* The same walk counts the block and then shares it out. */
static size_t share_out(TrainScratch *s, const TrainEncoder *n, int tokens, int longest, int ranks) {
  size_t T = (size_t)tokens, H = (size_t)n->hidden, F = (size_t)n->inner, used = 0, wide = F > 3 * H ? F : 3 * H;
  s->embedded = take_normed(s, &used, T, H);
  for (int i = 0; i < n->layers; i++) {
    KeptLayer *k = &s->kept[i];
    k->x = take(s, &used, T * H);
    k->qkv = take(s, &used, T * 3 * H);
    k->context = take(s, &used, T * H);
    k->attention = take_normed(s, &used, T, H);
    k->middle = take(s, &used, T * H);
    k->inner = take(s, &used, T * F);
    k->output = take_normed(s, &used, T, H);
  }
  s->position = (int32_t *)take(s, &used, T);
  s->x = take(s, &used, T * H);
  s->dx = take(s, &used, T * H);
  s->between = take(s, &used, T * H);
  s->dropped = take(s, &used, T * H);
  s->wide = take(s, &used, T * wide);
  s->dwide = take(s, &used, T * wide);
  size_t own = mem_size(1, PRODUCT_OWN, train_attend_floats(longest, n->hidden / n->heads));
  for (int r = 0; r < ranks; r++) s->own[r] = take(s, &used, own);
  return used;
}

void train_release(TrainScratch *s) {
  mem_pages_free(s->block, s->bytes);
  mem_free(s->kept);
  mem_free(s->own);
  *s = (TrainScratch){0};
}

void train_reserve(TrainScratch *s, const TrainEncoder *n, int tokens, int longest, int ranks, bert_err *e) {
  if (e->code || (s->block && tokens <= s->tokens && longest <= s->longest && ranks <= s->ranks)) return;
  if (tokens < s->tokens) tokens = s->tokens;
  if (longest < s->longest) longest = s->longest;
  if (ranks < s->ranks) ranks = s->ranks;
  train_release(s);
  s->kept = mem_new((size_t)n->layers, sizeof *s->kept, e);
  s->own = mem_new((size_t)ranks, sizeof *s->own, e);
  if (!e->code) s->bytes = mem_size(share_out(s, n, tokens, longest, ranks), sizeof(float), 0);
  s->block = e->code ? NULL : mem_pages(s->bytes, e);
  if (e->code) {
    train_release(s);
    return;
  }
  share_out(s, n, tokens, longest, ranks);
  s->tokens = tokens;
  s->longest = longest;
  s->ranks = ranks;
}

/* ---- the passes -------------------------------------------------------------------------------------------------- */

int train_forward(const TrainPass *p, const Team *team) {
  TrainScratch *s = p->scratch;
  train_embed(p, team);
  for (int i = 0; i < p->net->layers; i++) {
    if (encoder_stopped(p->stop, team)) return 0;
    train_attend(p, i, team);
    if (encoder_stopped(p->stop, team)) return 0;
    train_feed(p, i, i + 1 < p->net->layers ? s->kept[i + 1].x : s->x, team);
  }
  return 1;
}

int train_backward(const TrainPass *p, const Team *team) {
  const TrainEncoder *n = p->net;
  for (int i = n->layers; i-- > 0;) {
    if (!params_move(n->params, n->word, train_layer_end(n, i))) return 1; /* nothing from here down is trained */
    if (encoder_stopped(p->stop, team)) return 0;
    train_feed_back(p, i, team);
    if (encoder_stopped(p->stop, team)) return 0;
    train_attend_back(p, i, team);
  }
  if (params_move(n->params, n->word, train_layer_end(n, -1))) train_embed_back(p, team);
  return 1;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

static size_t stride_of(const TrainLinear *l) { return l->stride ? l->stride : (size_t)l->out; }

void train_linear(const Params *p, const TrainLinear *l, float *y, const float *x, size_t x_stride, int m, float *own,
                  const Team *team) {
  train_activated(p, l, y, NULL, KERNEL_NONE, x, x_stride, m, own, team);
}

void train_activated(const Params *p, const TrainLinear *l, float *y, float *activated, KernelActivation a, const float *x,
                     size_t x_stride, int m, float *own, const Team *team) {
  Product forward = {.y = y,
                     .y_stride = stride_of(l),
                     .x = x,
                     .x_stride = x_stride,
                     .w = p->w + l->w,
                     .w_stride = (size_t)l->in,
                     .bias = l->b == PARAM_NONE ? NULL : p->w + l->b,
                     .m = m,
                     .n = l->out,
                     .k = l->in,
                     .w_transposed = 1,
                     .activation = a,
                     .activated = activated};
  product(&forward, own, team);
}

/* The rank's share of n columns, in whole lanes. */
static int column_start(const Team *team, int n, int rank) {
  int at = team_start(team, (n + KERNEL_LANES - 1) / KERNEL_LANES, rank) * KERNEL_LANES;
  return at < n ? at : n;
}

/* sum[n] += columns of x[m][stride], times `times`; the rank's columns. */
static void sum_columns(float *sum, const float *x, const float *times, size_t stride, int m, int n, const Team *team) {
  int from = column_start(team, n, team->rank), to = column_start(team, n, team->rank + 1);
  if (from < to) kernels()->column_sums(sum + from, x + from, times ? times + from : NULL, stride, m, to - from);
}

static void back(const Params *p, const TrainLinear *l, float *dx, size_t dx_stride, int add, const float *dy, const float *x,
                 size_t x_stride, KernelActivation a, int m, float *own, const Team *team) {
  Product weights = {.y = p->g + l->w,
                     .y_stride = (size_t)l->in,
                     .x = dy,
                     .x_stride = stride_of(l),
                     .w = x,
                     .w_stride = x_stride,
                     .m = l->out,
                     .n = l->in,
                     .k = m,
                     .x_transposed = 1,
                     .add = 1,
                     .w_activation = a};
  if (params_move(p, l->w, weights.y_stride * (size_t)l->out)) product(&weights, own, team);
  if (l->b != PARAM_NONE && params_move(p, l->b, (size_t)l->out))
    sum_columns(p->g + l->b, dy, NULL, stride_of(l), m, l->out, team);
  if (!dx) return;
  Product inputs = {.y = dx,
                    .y_stride = dx_stride,
                    .x = dy,
                    .x_stride = stride_of(l),
                    .w = p->w + l->w,
                    .w_stride = (size_t)l->in,
                    .m = m,
                    .n = l->in,
                    .k = l->out,
                    .add = add,
                    .activation = a,
                    .slope = a == KERNEL_NONE ? NULL : x};
  product(&inputs, own, team);
}

void train_linear_back(const Params *p, const TrainLinear *l, float *dx, size_t dx_stride, int add, const float *dy,
                       const float *x, size_t x_stride, int m, float *own, const Team *team) {
  back(p, l, dx, dx_stride, add, dy, x, x_stride, KERNEL_NONE, m, own, team);
}

void train_activated_back(const Params *p, const TrainLinear *l, float *dx, const float *dy, const float *x, KernelActivation a,
                          int m, float *own, const Team *team) {
  back(p, l, dx, (size_t)l->in, 0, dy, x, (size_t)l->in, a, m, own, team);
}

/* ---- along rows -------------------------------------------------------------------------------------------------- */

/* Row i of y = that of x, dropped; drop->drop NULL: neither is touched. */
static void drop_row(const TrainDrop *drop, float *y, const float *x, int i, int width) {
  uint32_t token = (uint32_t)(drop->token ? drop->token[i] : i);
  size_t at = (size_t)i * (size_t)width;
  if (drop->drop) kernels()->dropout(y + at, x + at, (size_t)width, drop->drop, token * (uint32_t)width);
}

void train_norm(const Params *p, const TrainNorm *n, float *y, const Normed *k, float *x, const TrainDrop *drop,
                const float *residual, int m, int hidden, float epsilon, const Team *team) {
  int from = team_start(team, m, team->rank), to = team_start(team, m, team->rank + 1);
  size_t H = (size_t)hidden;
  for (int i = from; i < to; i++) {
    size_t at = (size_t)i * H;
    if (drop) drop_row(drop, x, x, i, hidden);
    kernels()->layernorm_keep(y + at, k->hat + at, k->scale + i, x + at, residual ? residual + at : NULL, p->w + n->gamma,
                              p->w + n->beta, 1, hidden, epsilon);
  }
}

void train_norm_back(const Params *p, const TrainNorm *n, float *dx, float *dropped, const TrainDrop *drop, const float *dy,
                     const Normed *k, int m, int hidden, const Team *team) {
  int from = team_start(team, m, team->rank), to = team_start(team, m, team->rank + 1);
  size_t H = (size_t)hidden;
  for (int i = from; i < to; i++) {
    size_t at = (size_t)i * H;
    kernels()->layernorm_back(dx + at, dy + at, k->hat + at, k->scale + i, p->w + n->gamma, 1, hidden);
    if (drop) drop_row(drop, dropped, dx, i, hidden);
  }
  if (params_move(p, n->gamma, 1)) sum_columns(p->g + n->gamma, dy, k->hat, H, m, hidden, team);
  if (params_move(p, n->beta, 1)) sum_columns(p->g + n->beta, dy, NULL, H, m, hidden, team);
}

const KernelDrop *train_drop(const TrainPass *t, DropSite site, int layer, uint64_t what, float p, KernelDrop *d) {
  if (!t->drops || p <= 0) return NULL;
  uint64_t place[] = {t->step, (uint64_t)site, (uint64_t)layer, what}, key = hash_bytes(place, sizeof place, t->seed);
  *d = (KernelDrop){{(uint32_t)key, (uint32_t)(key >> 32)}, (uint32_t)((double)p * 4294967296.0), 1.0f / (1.0f - p)};
  return d;
}

void train_copy_rows(float *y, const float *x, int m, int width, const Team *team) {
  size_t from = train_rows(team, m, width, team->rank), to = train_rows(team, m, width, team->rank + 1);
  memcpy(y + from, x + from, (to - from) * sizeof *y);
}

void train_drop_rows(float *x, int m, int width, const KernelDrop *d, const Team *team) {
  if (!d) return;
  size_t from = train_rows(team, m, width, team->rank), to = train_rows(team, m, width, team->rank + 1);
  kernels()->dropout(x + from, x + from, to - from, d, (uint32_t)from);
}

void train_gather(float *to, const float *x, const int32_t *at, int n, int width, const Team *team) {
  for (int i = team_start(team, n, team->rank); i < team_start(team, n, team->rank + 1); i++)
    memcpy(to + (size_t)i * (size_t)width, x + (size_t)at[i] * (size_t)width, (size_t)width * sizeof *to);
}

void train_scatter(float *x, const float *d, const int32_t *at, int n, int width, const Team *team) {
  int from = team_start(team, width, team->rank), to = team_start(team, width, team->rank + 1);
  for (int i = 0; i < n; i++, d += width) {
    float *row = x + (size_t)at[i] * (size_t)width;
    for (int j = from; j < to; j++) row[j] += d[j];
  }
}

void train_activate(float *y, const float *x, int m, int width, KernelActivation a, const Team *team) {
  size_t from = train_rows(team, m, width, team->rank), to = train_rows(team, m, width, team->rank + 1);
  kernels()->activate(y + from, x + from, to - from, a);
}

void train_activate_back(float *dy, const float *x, int m, int width, KernelActivation a, const Team *team) {
  size_t from = train_rows(team, m, width, team->rank), to = train_rows(team, m, width, team->rank + 1);
  kernels()->activate_back(dy + from, x + from, to - from, a);
}
