/* train_feed.c -- the position-wise feed-forward part of a layer, forward and backward.
** Layer: nn. Uses: base kernel.
**
**    y = norm(drop(outer(activation(inner(middle)))) + middle)
**
** What is kept is inner(middle) before the activation; its activation is computed again on the way back. */
#include "nn/train.h"

void train_feed(const TrainPass *p, int layer, float *y, const Team *team) {
  const TrainEncoder *n = p->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = p->scratch;
  KeptLayer *k = &s->kept[layer];
  float *own = s->own[team->rank];
  TrainTokens made = train_made(p, layer);
  int T = made.count, H = n->hidden, F = n->inner;
  KernelDrop d;
  train_linear(n->params, &l->inner, k->inner, k->middle, (size_t)H, T, own, team);
  team_barrier(team);
  train_activate(s->wide, k->inner, T, F, n->activation, team);
  team_barrier(team);
  train_linear(n->params, &l->outer, s->between, s->wide, (size_t)F, T, own, team);
  team_barrier(team);
  train_drop_tokens(s->between, &made, H, train_drop(p, DROP_OUTER, layer, 0, n->dropout, &d), team);
  train_norm(n->params, &l->output_norm, y, &k->output, s->between, k->middle, T, H, n->epsilon, team);
  team_barrier(team);
}

void train_feed_back(const TrainPass *p, int layer, const Team *team) {
  const TrainEncoder *n = p->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = p->scratch;
  KeptLayer *k = &s->kept[layer];
  float *own = s->own[team->rank], *d_outer = s->between;
  TrainTokens made = train_made(p, layer);
  int T = made.count, H = n->hidden, F = n->inner;
  KernelDrop d;
  const KernelDrop *drop = train_drop(p, DROP_OUTER, layer, 0, n->dropout, &d);
  train_norm_back(n->params, &l->output_norm, s->between, s->dx, &k->output, T, H, team);
  team_barrier(team);
  if (drop) { /* between also goes past the feed-forward part, undropped */
    d_outer = s->dropped;
    train_copy_rows(d_outer, s->between, T, H, team);
    train_drop_tokens(d_outer, &made, H, drop, team);
  }
  train_activate(s->wide, k->inner, T, F, n->activation, team);
  team_barrier(team);
  train_linear_back(n->params, &l->outer, s->dwide, (size_t)F, 0, d_outer, s->wide, (size_t)F, T, own, team);
  team_barrier(team);
  train_activate_back(s->dwide, k->inner, T, F, n->activation, team);
  team_barrier(team);
  train_linear_back(n->params, &l->inner, s->between, (size_t)H, 1, s->dwide, k->middle, (size_t)H, T, own, team);
  team_barrier(team);
  train_norm_back(n->params, &l->attention_norm, s->dx, s->between, &k->attention, T, H, team);
  team_barrier(team);
}
