/* attention.c -- scaled dot-product self-attention over each row of a batch.
** Layer: nn. Uses: base kernel.
**
** A team shares out the (row, head) pairs, those of the longest rows first as a batch has them; a pair is one call of the
** kernel (kernel/attend.h), which keeps its weights in cache: there is never an n x n matrix in memory. */
#include <math.h>

#include "nn/encoder.h"

size_t attention_own_floats(const Encoder *n, int longest) {
  return kernel_attend_floats(longest, n->hidden / n->heads);
}

void attend(const Encoder *n, const Layer *l, const Batch *b, Scratch *s, const Team *team) {
  size_t H = (size_t)n->hidden;
  float *own = s->own[team->rank] + KERNEL_SCRATCH;
  int d = n->hidden / n->heads;
  linear(s->qkv, 3 * H, s->x, H, &l->qkv, b->tokens, KERNEL_NONE, s, team);
  team_barrier(team);
  int items = b->rows * n->heads;
  for (int i = team->rank; i < items; i += team->size) {
    int row = i / n->heads, head = i % n->heads;
    size_t start = (size_t)b->start[row];
    const float *q = s->qkv + start * 3 * H + (size_t)head * (size_t)d;
    KernelAttend a = {.context = s->context + start * H + (size_t)head * (size_t)d,
                      .context_stride = H,
                      .q = q,
                      .k = q + H,
                      .v = q + 2 * H,
                      .stride = 3 * H,
                      .n = b->start[row + 1] - b->start[row],
                      .d = d,
                      .scale = 1.0f / sqrtf((float)d),
                      .scratch = own};
    kernels()->attend(&a);
  }
  team_barrier(team);
  linear(s->sum, H, s->context, H, &l->project, b->tokens, KERNEL_NONE, s, team);
  team_barrier(team);
  norm_rows(s->x, s->sum, s->x, &l->attention_norm, b->tokens, n->hidden, n->epsilon, team);
  team_barrier(team);
}
