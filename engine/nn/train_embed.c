/* train_embed.c -- embeddings, forward and backward.
** Layer: nn. Uses: base kernel.
**
**    x = drop(norm(word[id] + position[at] + type[segment]))
**
** The gradient of a table is that of the rows that the batch has: each rank adds up its columns of all tokens, first
** token first. */
#include "nn/train.h"

static Embedding view(const TrainEncoder *n) {
  const float *w = n->params->w;
  return (Embedding){.pad = n->pad,
                     .first_position = n->first_position,
                     .word = (float *)w + n->word,
                     .position = (float *)w + n->position,
                     .type = n->types ? (float *)w + n->type : NULL};
}

void train_embed(const TrainPass *p, const Team *team) {
  const TrainEncoder *n = p->net;
  TrainScratch *s = p->scratch;
  Embedding m = view(n);
  int T = p->batch->tokens, H = n->hidden;
  int from = team_start(team, T, team->rank), to = team_start(team, T, team->rank + 1);
  float *x = n->layers ? s->kept[0].x : s->x;
  KernelDrop d;
  embed_sums(s->between + (size_t)from * (size_t)H, s->position, &m, p->batch, H, from, to);
  train_norm(n->params, &n->norm, x, &s->embedded, s->between, NULL, NULL, T, H, n->epsilon, team);
  train_drop_rows(x, T, H, train_drop(p, DROP_EMBEDDING, 0, 0, n->dropout, &d), team);
  team_barrier(team);
}

/* table[row[t]] += columns from … to-1 of d[t], t ascending. */
static void scatter(float *table, const int32_t *row, const uint8_t *small_row, const float *d, int tokens,
                    int hidden, int from, int to) {
  for (int t = 0; t < tokens; t++) {
    float *to_row = table + (size_t)(row ? row[t] : small_row[t]) * (size_t)hidden;
    const float *x = d + (size_t)t * (size_t)hidden;
    for (int i = from; i < to; i++) to_row[i] += x[i];
  }
}

void train_embed_back(const TrainPass *p, const Team *team) {
  const TrainEncoder *n = p->net;
  const Batch *b = p->batch;
  TrainScratch *s = p->scratch;
  int T = b->tokens, H = n->hidden;
  int from = team_start(team, H, team->rank), to = team_start(team, H, team->rank + 1);
  KernelDrop d;
  const KernelDrop *drop = train_drop(p, DROP_EMBEDDING, 0, 0, n->dropout, &d);
  train_drop_rows(s->dx, T, H, drop, team);
  if (drop) team_barrier(team);
  train_norm_back(n->params, &n->norm, s->between, NULL, NULL, s->dx, &s->embedded, T, H, team);
  team_barrier(team);
  float *g = n->params->g;
  if (params_move(n->params, n->word, 1)) scatter(g + n->word, b->ids, NULL, s->between, T, H, from, to);
  if (params_move(n->params, n->position, 1)) scatter(g + n->position, s->position, NULL, s->between, T, H, from, to);
  if (n->types && params_move(n->params, n->type, 1)) scatter(g + n->type, NULL, b->types, s->between, T, H, from, to);
  const ParamBlock *words = params_at(n->params, n->word);
  for (int t = 0; words->rows && team->rank == 0 && t < T; t++) words->touched[b->ids[t]] = 1;
  team_barrier(team);
}
