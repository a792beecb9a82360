/* train_head.c -- heads on tokens, forward and backward; see train_head.h.
** Layer: nn. Uses: base kernel. */
#include "nn/train_head.h"

#include <string.h>

/* ---- room -------------------------------------------------------------------------------------------------------- */

static float *take(HeadScratch *s, size_t *used, size_t n) {
  float *p = s->block ? s->block + *used : NULL;
  *used = mem_size(1, *used, (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES);
  return p;
}

static size_t share_out(HeadScratch *s, const TrainHead *h, const TrainBatch *b, int hidden) {
  size_t R = (size_t)b->tokens.rows, T = (size_t)b->tokens.tokens, H = (size_t)hidden, C = (size_t)b->chosen, used = 0;
  size_t J = H + (size_t)h->feature_count, U = (size_t)h->units, judged = T + R + C;
  if (h->kind == TRAIN_VECTOR) {
    J = 3 * H;
    U = U > R ? U : R; /* the scores of all against all */
  }
  if (h->kind == TRAIN_TOKENS) R = T, J = H;
  if (h->kind == TRAIN_GIVEN) H = 0;
  s->in = take(s, &used, mem_size(R, H, 0));
  s->d_in = take(s, &used, mem_size(R, H, 0));
  s->before = take(s, &used, mem_size(R, H, 0));
  s->joined = take(s, &used, mem_size(R, J, 0));
  s->d_joined = take(s, &used, mem_size(R, J, 0));
  s->logits = take(s, &used, mem_size(R, U, 0));
  if (h->kind == TRAIN_VECTOR) {
    s->lengths = take(s, &used, R);
    s->d_pooled = take(s, &used, R * H);
  }
  if (h->kind == TRAIN_FILL) {
    s->fill_in = take(s, &used, C * H);
    s->fill_before = take(s, &used, C * H);
    s->fill_between = take(s, &used, C * H);
    s->fill_state = take(s, &used, C * H);
    s->d_fill = take(s, &used, C * H);
    s->fill_kept.hat = take(s, &used, C * H);
    s->fill_kept.scale = take(s, &used, C);
    s->fill_logits = take(s, &used, mem_size(C, (size_t)h->decoder.out, 0));
  }
  if (b->soft) s->soft = take(s, &used, h->kind == TRAIN_FILL ? mem_size(C, (size_t)h->decoder.out, 0) : mem_size(R, U, 0));
  s->loss = take(s, &used, judged);
  s->first = (int32_t *)take(s, &used, (size_t)b->tokens.rows);
  s->place = (int32_t *)take(s, &used, T);
  s->tokens = (int32_t *)take(s, &used, T);
  s->chosen = (int32_t *)take(s, &used, C);
  s->right = (uint8_t *)take(s, &used, judged);
  return used;
}

void head_release(HeadScratch *s) {
  mem_pages_free(s->block, s->bytes);
  *s = (HeadScratch){0};
}

/* ---- which states are read --------------------------------------------------------------------------------------- */

/* s->first and s->chosen: the rows of x, those of the tokens wanted, that first tokens and chosen ones have. */
static void place(HeadScratch *s, const TrainBatch *b) {
  int T = b->tokens.tokens, R = b->tokens.rows, first = b->next != NULL;
  memset(s->place, 0, (size_t)T * sizeof *s->place);
  for (int i = 0; i < b->chosen; i++) s->place[b->position[i]] = 1;
  for (int r = 0; first && r < R; r++) s->place[b->tokens.start[r]] = 1;
  for (int t = 0; t < T; t++)
    if (s->place[t]) {
      s->place[t] = s->wanted.count;
      s->tokens[s->wanted.count++] = t;
    }
  for (int i = 0; i < b->chosen; i++) s->chosen[i] = s->place[b->position[i]];
  for (int r = 0; first && r < R; r++) s->first[r] = s->place[b->tokens.start[r]];
}

static void want(HeadScratch *s, const TrainHead *h, const TrainBatch *b) {
  int R = b->tokens.rows;
  s->wanted = (TrainTokens){b->tokens.tokens, NULL};
  if (h->kind == TRAIN_FILL) {
    s->wanted = (TrainTokens){0, s->tokens};
    place(s, b);
  }
  if (h->kind == TRAIN_FIRST || (h->kind == TRAIN_VECTOR && h->pooling == POOLING_CLS)) {
    s->wanted = (TrainTokens){R, b->tokens.start};
    for (int r = 0; r < R; r++) s->first[r] = r;
  }
}

void head_reserve(HeadScratch *s, const TrainHead *h, const TrainBatch *b, int hidden, bert_err *e) {
  if (e->code) return;
  HeadScratch sized = {0};
  size_t bytes = mem_size(share_out(&sized, h, b, hidden), sizeof(float), 0);
  if (bytes > s->bytes) {
    head_release(s);
    s->block = mem_pages(bytes, e);
    s->bytes = s->block ? bytes : 0;
  }
  if (e->code) return;
  share_out(s, h, b, hidden);
  want(s, h, b);
}

/* ---- sums over a batch ------------------------------------------------------------------------------------------- */

static double sum_of(const float *loss, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (double)loss[i];
  return sum;
}

static int64_t count_of(const uint8_t *right, int n) {
  int64_t count = 0;
  for (int i = 0; i < n; i++) count += right[i];
  return count;
}

/* ---- TRAIN_FIRST: a label of a row ------------------------------------------------------------------------------- */

/* joined[R][hidden + features] = what `out` takes: [activation(dense(x of the first tokens)), features], dropped. */
static void first_forward(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s,
                          const Team *team) {
  int R = b->tokens.rows, H = p->net->hidden, f = h->feature_count;
  size_t J = (size_t)(H + f);
  float *own = p->scratch->own[team->rank];
  KernelDrop d;
  train_gather(s->in, p->scratch->x, s->first, R, H, team);
  train_drop_rows(s->in, R, H, train_drop(p, DROP_HEAD, 0, 0, h->drop_in, &d), team);
  team_barrier(team);
  train_linear(p->net->params, &h->dense, s->before, s->in, (size_t)H, R, own, team);
  team_barrier(team);
  for (int i = team_start(team, R, team->rank); i < team_start(team, R, team->rank + 1); i++) {
    float *to = s->joined + (size_t)i * J;
    kernels()->activate(to, s->before + (size_t)i * (size_t)H, (size_t)H, h->activation);
    for (int k = 0; k < f; k++) to[H + k] = h->feature_scale * b->features[(size_t)i * (size_t)f + (size_t)k];
  }
  train_drop_rows(s->joined, R, (int)J, train_drop(p, DROP_HEAD, 1, 0, h->drop_out, &d), team);
  team_barrier(team);
  train_linear(p->net->params, &h->out, s->logits, s->joined, J, R, own, team);
  team_barrier(team);
}

/* s->logits being their gradient; adds to dx. */
static void first_back(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, const Team *team) {
  int R = b->tokens.rows, H = p->net->hidden, J = H + h->feature_count;
  float *own = p->scratch->own[team->rank];
  KernelDrop d;
  train_linear_back(p->net->params, &h->out, s->d_joined, (size_t)J, 0, s->logits, s->joined, (size_t)J, R, own, team);
  team_barrier(team);
  train_drop_rows(s->d_joined, R, J, train_drop(p, DROP_HEAD, 1, 0, h->drop_out, &d), team);
  for (int i = team_start(team, R, team->rank); i < team_start(team, R, team->rank + 1); i++) {
    size_t at = (size_t)i * (size_t)H;
    memmove(s->d_in + at, s->d_joined + (size_t)i * (size_t)J, (size_t)H * sizeof *s->d_in);
    kernels()->activate_back(s->d_in + at, s->before + at, (size_t)H, h->activation);
  }
  team_barrier(team);
  /* d_joined has room for the gradient of `in`: its rows are at least as long */
  train_linear_back(p->net->params, &h->dense, s->d_joined, (size_t)H, 0, s->d_in, s->in, (size_t)H, R, own, team);
  team_barrier(team);
  train_drop_rows(s->d_joined, R, H, train_drop(p, DROP_HEAD, 0, 0, h->drop_in, &d), team);
  team_barrier(team);
  train_scatter(p->scratch->dx, s->d_joined, s->first, R, H, team);
  team_barrier(team);
}

/* Logits to gradients, the rank's rows; label NULL: the batch's values; soft: a teacher's, or NULL. */
static void first_loss(const TrainHead *h, const TrainBatch *b, HeadScratch *s, const int32_t *label, float *soft,
                       float weight, const Team *team) {
  int R = b->tokens.rows, U = h->units;
  float every = weight / (float)U;
  for (int i = team_start(team, R, team->rank); i < team_start(team, R, team->rank + 1); i++) {
    size_t at = (size_t)i * (size_t)U;
    float *x = s->logits + at, *taught = soft ? soft + at : NULL, *room = soft ? s->soft + at : NULL;
    s->right[i] = 0;
    if (label) s->loss[i] = loss_judge_class(h, x, taught, U, label[i], weight, room, &s->right[i]);
    else s->loss[i] = loss_judge_values(h, x, taught, U, b->value + at, every);
  }
  team_barrier(team);
}

/* first_loss, and what it comes to; ends behind a barrier. */
static void first_judge(const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w, TrainResult *out,
                        const Team *team) {
  int R = b->tokens.rows;
  first_loss(h, b, s, h->loss == LOSS_CLASS ? b->label : NULL, b->soft, w.example, team);
  if (team->rank == 0) {
    out->loss += sum_of(s->loss, R) * (double)w.example / (h->loss == LOSS_CLASS ? 1 : h->units);
    out->right += count_of(s->right, R);
    out->judged += h->loss == LOSS_CLASS ? R : 0;
  }
}

static void first_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                       TrainResult *out, const Team *team) {
  first_forward(p, h, b, s, team);
  first_judge(h, b, s, w, out, team);
  first_back(p, h, b, s, team);
}

/* ---- TRAIN_GIVEN: a label of a vector ---------------------------------------------------------------------------- */

static void given_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                       TrainResult *out, const Team *team) {
  int R = b->tokens.rows;
  size_t J = (size_t)h->feature_count;
  float *own = p->scratch->own[team->rank];
  train_linear(p->net->params, &h->out, s->logits, b->features, J, R, own, team);
  team_barrier(team);
  first_judge(h, b, s, w, out, team);
  train_linear_back(p->net->params, &h->out, s->d_joined, J, 0, s->logits, b->features, J, R, own, team);
}

/* ---- TRAIN_TOKENS: a label, or start and end, of each token ------------------------------------------------------ */

static void tag_loss(const TrainHead *h, const TrainBatch *b, HeadScratch *s, float weight, const Team *team) {
  int T = b->tokens.tokens, U = h->units;
  for (int t = team_start(team, T, team->rank); t < team_start(team, T, team->rank + 1); t++) {
    float *x = s->logits + (size_t)t * (size_t)U;
    size_t at = (size_t)t * (size_t)U;
    float *soft = b->soft ? b->soft + at : NULL, *room = soft ? s->soft + at : NULL;
    s->loss[t] = 0, s->right[t] = 0;
    if (b->target[t] == TARGET_NONE) memset(x, 0, (size_t)U * sizeof *x);
    else s->loss[t] = loss_judge_class(h, x, soft, U, b->target[t], weight, room, &s->right[t]);
  }
}

/* The start's and the end's logits of a row each by itself; half the loss each. */
static void span_loss(const TrainHead *h, const TrainBatch *b, HeadScratch *s, float weight, const Team *team) {
  int R = b->tokens.rows;
  for (int r = team_start(team, R, team->rank); r < team_start(team, R, team->rank + 1); r++) {
    int from = b->tokens.start[r], n = b->tokens.start[r + 1] - from;
    float *column = s->before + from; /* [T][H] is room for one number a token */
    float *soft = b->soft ? s->soft + 2 * (size_t)from : NULL, *room = soft ? soft + n : NULL;
    uint8_t both[2];
    s->loss[r] = 0;
    for (int side = 0; side < 2; side++) {
      float *x = s->logits + (size_t)from * 2 + side;
      for (int i = 0; i < n; i++) column[i] = x[2 * i];
      for (int i = 0; soft && i < n; i++) soft[i] = b->soft[2 * (size_t)(from + i) + (size_t)side];
      s->loss[r] += loss_judge_class(h, column, soft, n, (side ? b->past : b->label)[r], weight / 2, room, &both[side]) / 2;
      for (int i = 0; i < n; i++) x[2 * i] = column[i];
    }
    s->right[r] = both[0] && both[1];
  }
}

static void tokens_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                        TrainResult *out, const Team *team) {
  int T = b->tokens.tokens, H = p->net->hidden, judged = 0, n = h->loss == LOSS_TAG ? T : b->tokens.rows;
  float *own = p->scratch->own[team->rank], *dx = p->scratch->dx;
  KernelDrop d;
  const KernelDrop *drop = train_drop(p, DROP_HEAD, 0, 0, h->drop_in, &d);
  train_copy_rows(s->in, p->scratch->x, T, H, team);
  train_drop_rows(s->in, T, H, drop, team);
  team_barrier(team);
  train_linear(p->net->params, &h->out, s->logits, s->in, (size_t)H, T, own, team);
  team_barrier(team);
  if (h->loss == LOSS_TAG) tag_loss(h, b, s, w.token, team);
  else span_loss(h, b, s, w.example, team);
  team_barrier(team);
  if (team->rank == 0) {
    for (int t = 0; h->loss == LOSS_TAG && t < T; t++) judged += b->target[t] != TARGET_NONE;
    if (h->loss == LOSS_SPAN) judged = n;
    out->loss += sum_of(s->loss, n) * (double)(h->loss == LOSS_TAG ? w.token : w.example);
    out->right += count_of(s->right, n);
    out->judged += judged;
  }
  train_linear_back(p->net->params, &h->out, dx, (size_t)H, 0, s->logits, s->in, (size_t)H, T, own, team);
  team_barrier(team);
  train_drop_rows(dx, T, H, drop, team);
  team_barrier(team);
}

/* ---- TRAIN_FILL: words behind masks ------------------------------------------------------------------------------ */

static void fill_forward(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s,
                         const Team *team) {
  int C = b->chosen, H = p->net->hidden;
  const Params *q = p->net->params;
  float *own = p->scratch->own[team->rank];
  train_gather(s->fill_in, p->scratch->x, s->chosen, C, H, team);
  team_barrier(team);
  train_linear(q, &h->fill_dense, s->fill_before, s->fill_in, (size_t)H, C, own, team);
  team_barrier(team);
  train_activate(s->fill_between, s->fill_before, C, H, h->fill_activation, team);
  train_norm(q, &h->fill_norm, s->fill_state, &s->fill_kept, s->fill_between, NULL, NULL, C, H, p->net->epsilon, team);
  team_barrier(team);
  train_linear(q, &h->decoder, s->fill_logits, s->fill_state, (size_t)H, C, own, team);
  team_barrier(team);
}

static void fill_back(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, const Team *team) {
  int C = b->chosen, H = p->net->hidden;
  const Params *q = p->net->params;
  float *own = p->scratch->own[team->rank];
  train_linear_back(q, &h->decoder, s->d_fill, (size_t)H, 0, s->fill_logits, s->fill_state, (size_t)H, C, own, team);
  team_barrier(team);
  train_norm_back(q, &h->fill_norm, s->fill_between, NULL, NULL, s->d_fill, &s->fill_kept, C, H, team);
  team_barrier(team);
  train_activate_back(s->fill_between, s->fill_before, C, H, h->fill_activation, team);
  team_barrier(team);
  train_linear_back(q, &h->fill_dense, s->d_fill, (size_t)H, 0, s->fill_between, s->fill_in, (size_t)H, C, own, team);
  team_barrier(team);
  train_scatter(p->scratch->dx, s->d_fill, s->chosen, C, H, team);
  team_barrier(team);
}

static void fill_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                      TrainResult *out, const Team *team) {
  int C = b->chosen, V = h->decoder.out, R = b->tokens.rows;
  if (C > 0) {
    fill_forward(p, h, b, s, team);
    for (int i = team_start(team, C, team->rank); i < team_start(team, C, team->rank + 1); i++) {
      size_t at = (size_t)i * (size_t)V;
      float *soft = b->soft ? b->soft + at : NULL, *room = soft ? s->soft + at : NULL;
      s->loss[i] = loss_judge_class(h, s->fill_logits + at, soft, V, b->target[i], w.token, room, &s->right[i]);
    }
    team_barrier(team);
    if (team->rank == 0) {
      out->fill_loss += sum_of(s->loss, C) * (double)w.token;
      out->right += count_of(s->right, C);
      out->judged += C;
    }
    fill_back(p, h, b, s, team);
  }
  if (b->next) {
    first_forward(p, h, b, s, team);
    first_loss(h, b, s, b->next, NULL, w.example, team);
    if (team->rank == 0) {
      out->next_loss += sum_of(s->loss, R) * (double)w.example;
      out->next_right += count_of(s->right, R);
      out->next_judged += R;
    }
    first_back(p, h, b, s, team);
  }
  if (team->rank == 0) out->loss = out->fill_loss + out->next_loss;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

void head_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
               TrainResult *out, const Team *team) {
  int n = s->wanted.count, H = p->net->hidden;
  size_t from = train_rows(team, n, H, team->rank), to = train_rows(team, n, H, team->rank + 1);
  memset(p->scratch->dx + from, 0, (to - from) * sizeof(float));
  team_barrier(team);
  switch (h->kind) {
    case TRAIN_FIRST: first_step(p, h, b, s, w, out, team); break;
    case TRAIN_TOKENS: tokens_step(p, h, b, s, w, out, team); break;
    case TRAIN_FILL: fill_step(p, h, b, s, w, out, team); break;
    case TRAIN_VECTOR: vector_step(p, h, b, s, w, out, team); break;
    case TRAIN_GIVEN: given_step(p, h, b, s, w, out, team); break;
  }
  team_barrier(team);
}
