/* encoder.c -- a batch through the layers; scratch; the parts that attention and feed-forward share.
** Layer: nn. Uses: base kernel.
**
** Cost: 2 T (4 H^2 + 2 H F) operations a layer in matrix products, 4 T H longest at most in attention. Scratch is about
** T (6 H + F) floats for the team and 0.3 MiB a rank. */
#include "nn/encoder.h"

#include <string.h>

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Floats of one rank's own part: gemm's packing, then attention's panels and scores. */
static size_t own_floats(const Encoder *n, int longest) {
  return round_up(KERNEL_SCRATCH + attention_own_floats(n, longest), KERNEL_LANES);
}

void scratch_fini(Scratch *s) {
  mem_pages_free(s->block, s->bytes);
  mem_free(s->own);
  *s = (Scratch){0};
}

void scratch_reserve(Scratch *s, const Encoder *n, int tokens, int longest, int ranks, bert_err *e) {
  if (e->code || (s->block && tokens <= s->tokens && longest <= s->longest && ranks <= s->ranks)) return;
  if (tokens < s->tokens) tokens = s->tokens;
  if (longest < s->longest) longest = s->longest;
  if (ranks < s->ranks) ranks = s->ranks;
  scratch_fini(s);
  size_t T = (size_t)tokens, H = (size_t)n->hidden, F = (size_t)n->inner;
  /* Each array begins on a cache line of its own, with two between: ranks write to neighbouring arrays. */
  size_t narrow = round_up(T * H, KERNEL_LANES) + KERNEL_PANEL, wide = round_up(T * F, KERNEL_LANES) + KERNEL_PANEL;
  size_t qkv = round_up(T * H * 3, KERNEL_LANES) + KERNEL_PANEL, own = own_floats(n, longest);
  int widest = n->hidden > n->inner ? n->hidden : n->inner;
  size_t q = round_up(T * (size_t)kernel_depth8(widest) / sizeof(float) + 1, KERNEL_LANES);
  size_t q_scale = round_up(T * (size_t)kernel_groups(widest), KERNEL_LANES);
  size_t floats = mem_size(own, (size_t)ranks, 3 * narrow + qkv + wide + q + q_scale);
  s->own = mem_new((size_t)ranks, sizeof *s->own, e);
  s->bytes = mem_size(floats, sizeof(float), 0);
  s->block = mem_pages(s->bytes, e);
  if (e->code) {
    scratch_fini(s);
    return;
  }
  float *p = s->block;
  s->x = p, p += narrow;
  s->context = p, p += narrow;
  s->sum = p, p += narrow;
  s->qkv = p, p += qkv;
  s->wide = p, p += wide;
  s->q = (int8_t *)p, p += q;
  s->q_scale = p, p += q_scale;
  for (int r = 0; r < ranks; r++, p += own) s->own[r] = p;
  s->tokens = tokens;
  s->longest = longest;
  s->ranks = ranks;
}

/* The product in 8 bits: the team quantizes x together, a share of the rows each, before any rank multiplies. */
static void linear8(float *y, size_t y_stride, const float *x, size_t x_stride, const Linear *l, int m,
                    KernelActivation activation, Scratch *s, const Team *team) {
  int from = team_start(team, m, team->rank), to = team_start(team, m, team->rank + 1), panels = kernel_panels(l->out);
  kernels()->quantize(s->q + (size_t)from * (size_t)kernel_depth8(l->in),
                      s->q_scale + (size_t)from * (size_t)kernel_groups(l->in), x + (size_t)from * x_stride, x_stride,
                      to - from, l->in);
  team_barrier(team);
  KernelGemm8 g = {.y = y,
                   .y_stride = y_stride,
                   .x = s->q,
                   .x_scale = s->q_scale,
                   .w = l->panels8.panels,
                   .w_scale = l->panels8.scale,
                   .w_sum = l->panels8.sum,
                   .bias = l->bias,
                   .m = m,
                   .n = l->out,
                   .k = l->in,
                   .first = team_start(team, panels, team->rank),
                   .last = team_start(team, panels, team->rank + 1),
                   .activation = activation,
                   .scratch = s->own[team->rank]};
  if (g.first < g.last) kernels()->gemm8(&g);
}

void linear(float *y, size_t y_stride, const float *x, size_t x_stride, const Linear *l, int m,
            KernelActivation activation, Scratch *s, const Team *team) {
  if (!l->panels) {
    linear8(y, y_stride, x, x_stride, l, m, activation, s, team);
    return;
  }
  int panels = kernel_panels(l->out);
  KernelGemm g = {.y = y,
                  .y_stride = y_stride,
                  .x = x,
                  .x_stride = x_stride,
                  .w = l->panels,
                  .bias = l->bias,
                  .m = m,
                  .n = l->out,
                  .k = l->in,
                  .first = team_start(team, panels, team->rank),
                  .last = team_start(team, panels, team->rank + 1),
                  .activation = activation,
                  .scratch = s->own[team->rank]};
  if (g.first < g.last) kernels()->gemm(&g);
}

void norm_rows(float *y, const float *x, const float *residual, const Norm *n, int m, int hidden, float epsilon,
               const Team *team) {
  int from = team_start(team, m, team->rank), to = team_start(team, m, team->rank + 1);
  size_t at = (size_t)from * (size_t)hidden;
  kernels()->layernorm(y + at, x + at, residual ? residual + at : NULL, n->gamma, n->beta, to - from, hidden, epsilon);
}

int encoder_stopped(const Stop *stop, const Team *team) {
  if (!stop) return 0;
  if (team->rank == 0 && stop->asks && progress_stopped(stop->progress))
    __atomic_store_n(stop->stopped, 1, __ATOMIC_RELAXED);
  if (team->size > 1) team_barrier(team);
  return __atomic_load_n(stop->stopped, __ATOMIC_RELAXED);
}

void encoder_forward(const Encoder *n, const Batch *b, int layers, Scratch *s, const Stop *stop, const Team *team) {
  embed_tokens(n, b, s, team);
  for (int i = 0; i < layers; i++) {
    if (encoder_stopped(stop, team)) return;
    attend(n, &n->layer[i], b, s, team);
    if (encoder_stopped(stop, team)) return;
    feed_forward(n, &n->layer[i], b, s, team);
  }
}
