/* inspect.c -- see inspect.h.
** Layer: nn. Uses: base kernel. */
#include "nn/inspect.h"

#include <math.h>

void inspect_attention(const Encoder *n, const Layer *l, const Batch *b, int first, int count, Scratch *s,
                       float *weights, const Team *team) {
  size_t H = (size_t)n->hidden, T = (size_t)b->tokens;
  int d = n->hidden / n->heads, rows = count * b->tokens;
  linear(s->qkv, 3 * H, s->x, H, &l->qkv, b->tokens, KERNEL_NONE, s, team);
  team_barrier(team);
  for (int i = team->rank; i < rows; i += team->size) {
    size_t head = (size_t)(first + i / b->tokens), from = (size_t)(i % b->tokens);
    const float *q = s->qkv + from * 3 * H + head * (size_t)d, *keys = s->qkv + H + head * (size_t)d;
    float *row = weights + (size_t)i * T;
    for (size_t to = 0; to < T; to++) kernels()->dot(&row[to], q, keys + to * 3 * H, d);
    kernels()->softmax(row, T, 1, b->tokens, 1.0f / sqrtf((float)d));
  }
  team_barrier(team);
}
