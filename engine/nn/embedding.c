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

/* x[H] = the word embedding of an id. */
static void word_row(float *x, const Embedding *m, int32_t id, int hidden) {
  if (m->word) {
    memcpy(x, m->word + (size_t)id * (size_t)hidden, (size_t)hidden * sizeof *x);
    return;
  }
  const int8_t *q = m->word8 + (size_t)id * (size_t)kernel_depth8(hidden);
  const float *scale = m->word_scale + (size_t)id * (size_t)kernel_groups(hidden);
  for (int i = 0; i < hidden; i++) x[i] = (float)q[i] * scale[i / KERNEL_GROUP];
}

void embed_tokens(const Encoder *n, const Batch *b, Scratch *s, const Team *team) {
  const Embedding *m = &n->embedding;
  int from = team_start(team, b->tokens, team->rank), to = team_start(team, b->tokens, team->rank + 1);
  int row = from < to ? row_of(b, from) : 0;
  size_t H = (size_t)n->hidden;
  for (int t = from; t < to; t++) {
    while (t >= b->start[row + 1]) row++;
    const float *type = m->type + (size_t)b->types[t] * H;
    const float *position = m->position + (size_t)(t - b->start[row] + m->first_position) * H;
    float *x = s->x + (size_t)t * H;
    word_row(x, m, b->ids[t], n->hidden);
    for (size_t i = 0; i < H; i++) x[i] = x[i] + type[i] + position[i];
  }
  float *x = s->x + (size_t)from * H;
  kernels()->layernorm(x, x, NULL, m->norm.gamma, m->norm.beta, to - from, n->hidden, n->epsilon);
  team_barrier(team);
}
