/* heads.c -- see heads.h.
** Layer: nn. Uses: base kernel. */
#include "nn/heads.h"

/* linear for one thread, which needs no more of a Scratch than its own part: a head's weights are never in 8 bits. */
static void product(float *y, const float *x, const Linear *l, int n, KernelActivation activation, float *own) {
  static const Team ALONE = {0, 1, NULL};
  Scratch mine = {.own = &own};
  linear(y, (size_t)l->out, x, (size_t)l->in, l, n, activation, &mine, &ALONE);
}

void head_first(float *logits, const float *x, const float *feature, const FirstHead *h, float *between, float *own) {
  product(between, x, &h->dense, 1, h->activation, own);
  product(logits, between, &h->out, 1, KERNEL_NONE, own);
  for (int u = 0; u < h->out.out; u++)
    for (int k = 0; k < h->features; k++) logits[u] += h->by_feature[u * h->features + k] * feature[k];
}

void head_tokens(float *logits, const float *x, int n, const Linear *l, float *own) {
  product(logits, x, l, n, KERNEL_NONE, own);
}

void head_fill_state(float *state, const float *x, const FillHead *h, float *between, float *own) {
  product(between, x, &h->dense, 1, h->activation, own);
  kernels()->layernorm(state, between, NULL, h->norm.gamma, h->norm.beta, 1, h->dense.out, h->epsilon);
}

void head_fill_logits(float *logits, const float *state, const FillHead *h, int vocabulary, float *row,
                      const Team *team) {
  int from = team_start(team, vocabulary, team->rank), to = team_start(team, vocabulary, team->rank + 1);
  int hidden = h->dense.out;
  for (int v = from; v < to; v++) {
    const float *word = h->decoder ? h->decoder + (size_t)v * (size_t)hidden : row;
    if (!h->decoder) embed_word(row, h->words, v, hidden);
    kernels()->dot(&logits[v], state, word, hidden);
    logits[v] += h->bias[v];
  }
}
