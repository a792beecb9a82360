/* train_feed.c -- the position-wise feed-forward part of a layer, forward and backward.
** Layer: nn. Uses: base kernel.
**
**    y = norm(drop(outer(activation(inner(middle)))) + middle)
**
** What is kept is inner(middle) before the activation; its activation is computed again on the way back, where it is packed.
** The way back ends with the gradient of what goes into attention's normalisation, in dx, and dropped as attention's output
** was, in dropped. */
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
  TrainDrop drop = {train_drop(p, DROP_OUTER, layer, 0, n->dropout, &d), made.token};
  train_activated(n->params, &l->inner, k->inner, s->wide, n->activation, k->middle, (size_t)H, T, own, team);
  team_barrier(team);
  train_linear(n->params, &l->outer, s->between, s->wide, (size_t)F, T, own, team);
  team_barrier(team);
  train_norm(n->params, &l->output_norm, y, &k->output, s->between, &drop, k->middle, T, H, n->epsilon, team);
  team_barrier(team);
}

void train_feed_back(const TrainPass *p, int layer, const Team *team) {
  const TrainEncoder *n = p->net;
  const TrainLayer *l = &n->layer[layer];
  TrainScratch *s = p->scratch;
  KeptLayer *k = &s->kept[layer];
  float *own = s->own[team->rank];
  TrainTokens made = train_made(p, layer);
  int T = made.count, H = n->hidden;
  KernelDrop d;
  TrainDrop drop = {train_drop(p, DROP_OUTER, layer, 0, n->dropout, &d), made.token};
  const float *d_outer = drop.drop ? s->dropped : s->between; /* between also goes past the feed-forward part, undropped */
  train_norm_back(n->params, &l->output_norm, s->between, s->dropped, &drop, s->dx, &k->output, T, H, team);
  team_barrier(team);
  train_activated_back(n->params, &l->outer, s->dwide, d_outer, k->inner, n->activation, T, own, team);
  team_barrier(team);
  train_linear_back(n->params, &l->inner, s->between, (size_t)H, 1, s->dwide, k->middle, (size_t)H, T, own, team);
  team_barrier(team);
  drop.drop = train_drop(p, DROP_PROJECT, layer, 0, n->dropout, &d);
  train_norm_back(n->params, &l->attention_norm, s->dx, s->dropped, &drop, s->between, &k->attention, T, H, team);
  team_barrier(team);
}
