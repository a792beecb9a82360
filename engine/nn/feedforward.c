/* feedforward.c -- the position-wise feed-forward part of a layer.
** Layer: nn. Uses: base kernel.
**
** A team of one goes through the rows KERNEL_ROWS at a time, so that the inner states (112 x F floats) stay in cache
** between the two products; a larger team meets at barriers, and so takes all rows at once. */
#include "nn/encoder.h"

void feed_forward(const Encoder *n, const Layer *l, const Batch *b, Scratch *s, const Team *team) {
  size_t H = (size_t)n->hidden, F = (size_t)n->inner;
  int step = team->size == 1 ? KERNEL_ROWS : b->tokens;
  for (int from = 0; from < b->tokens; from += step) {
    int m = b->tokens - from < step ? b->tokens - from : step;
    float *x = s->x + (size_t)from * H;
    linear(s->wide, F, x, H, &l->inner, m, n->activation, s, team);
    team_barrier(team);
    linear(s->sum, H, s->wide, F, &l->outer, m, KERNEL_NONE, s, team);
    team_barrier(team);
    norm_rows(x, s->sum, x, &l->output_norm, m, n->hidden, n->epsilon, team);
    team_barrier(team);
  }
}
