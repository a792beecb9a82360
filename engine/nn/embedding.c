/* embedding.c -- the sum of word, type and position embeddings, normalised.
** Layer: nn. Uses: base kernel. */
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

void embed_tokens(const Encoder *n, const Batch *b, Scratch *s, const Team *team) {
  const Embedding *m = &n->embedding;
  int from = team_start(team, b->tokens, team->rank), to = team_start(team, b->tokens, team->rank + 1);
  int row = from < to ? row_of(b, from) : 0;
  size_t H = (size_t)n->hidden;
  for (int t = from; t < to; t++) {
    while (t >= b->start[row + 1]) row++;
    const float *word = m->word + (size_t)b->ids[t] * H, *type = m->type + (size_t)b->types[t] * H;
    const float *position = m->position + (size_t)(t - b->start[row] + m->first_position) * H;
    float *x = s->x + (size_t)t * H;
    for (size_t i = 0; i < H; i++) x[i] = word[i] + type[i] + position[i];
  }
  float *x = s->x + (size_t)from * H;
  kernels()->layernorm(x, x, NULL, m->norm.gamma, m->norm.beta, to - from, n->hidden, n->epsilon);
  team_barrier(team);
}
