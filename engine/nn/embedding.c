/* embedding.c -- the sum of word, type and position embeddings, normalised.
** Layer: nn. Uses: base kernel. */
#include <string.h>

#include "nn/encoder.h"

/* The row that a token belongs to: the last that starts at or before it. */
static int row_of(const Batch *b, int token) {
  int low = 0, high = b->rows;
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (b->start[middle] <= token) low = middle;
    else high = middle;
  }
  return low;
}

void embed_word(float *x, const Embedding *m, int32_t id, int hidden) {
  if (m->word) {
    memcpy(x, m->word + (size_t)id * (size_t)hidden, (size_t)hidden * sizeof *x);
    return;
  }
  kernel_scale8(x, m->word8 + (size_t)id * (size_t)kernel_depth8(hidden),
                m->word_scale + (size_t)id * (size_t)kernel_groups(hidden), hidden);
}

/* x[n] += y[n], in pieces of a length that compilers know, and so use vectors for. */
static void add_row(float *restrict x, const float *restrict y, int n) {
  for (; n >= KERNEL_LANES; n -= KERNEL_LANES, x += KERNEL_LANES, y += KERNEL_LANES)
    for (int i = 0; i < KERNEL_LANES; i++) x[i] += y[i];
  for (int i = 0; i < n; i++) x[i] += y[i];
}

/* Tokens of b->ids[from … to-1] that stand at a position of their own. */
static int counted(const Embedding *m, const Batch *b, int from, int to) {
  int n = to - from;
  for (int t = from; m->pad >= 0 && t < to; t++) n -= b->ids[t] == m->pad;
  return n;
}

void embed_sums(float *x, int32_t *positions, const Embedding *m, const Batch *b, int hidden, int from, int to) {
  int row = from < to ? row_of(b, from) : 0;
  size_t H = (size_t)hidden;
  int next = from < to ? counted(m, b, b->start[row], from) : 0;
  for (int t = from; t < to; t++, x += H) {
    while (t >= b->start[row + 1]) row++, next = 0;
    int at = (b->ids[t] == m->pad ? -1 : next++) + m->first_position;
    if (positions) positions[t] = at;
    embed_word(x, m, b->ids[t], hidden);
    if (m->type) add_row(x, m->type + (size_t)b->types[t] * H, hidden);
    add_row(x, m->position + (size_t)at * H, hidden);
  }
}

void embed_tokens(const Encoder *n, const Batch *b, Scratch *s, const Team *team) {
  const Embedding *m = &n->embedding;
  int from = team_start(team, b->tokens, team->rank), to = team_start(team, b->tokens, team->rank + 1);
  float *x = s->x + (size_t)from * (size_t)n->hidden;
  embed_sums(x, NULL, m, b, n->hidden, from, to);
  kernels()->layernorm(x, x, NULL, m->norm.gamma, m->norm.beta, to - from, n->hidden, n->epsilon);
  team_barrier(team);
}
