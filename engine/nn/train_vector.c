/* train_vector.c -- sentence vectors and their losses, forward and backward; see train_head.h.
** Layer: nn. Uses: base kernel.
**
**    x[T][H] -> a row's tokens pooled -> u[R][H] (u / |u|) -> a loss over an example's vectors, or all
**
** (Reimers, Gurevych 2019; multiple negatives: Henderson et al. 2017, as sentence-transformers has them: cosine times a
** scale, symmetric.) Losses compare vectors by cosine where they are about angles, whatever their lengths. A batch has
** tens of vectors, so what is between them is rank 0's work; what goes over tokens is shared. */
#include <math.h>
#include <string.h>

#include "nn/train_head.h"

/* torch's least length. */
static const float SHORTEST = 1e-12f;

static float dot(const float *v, const float *w, int n) {
  float sum;
  kernels()->dot(&sum, v, w, n);
  return sum;
}

static float length_of(const float *v, int n) {
  float length = sqrtf(dot(v, v, n));
  return length > SHORTEST ? length : SHORTEST;
}

static void add_times(float *to, float factor, const float *v, int n) {
  for (int i = 0; i < n; i++) to[i] += factor * v[i];
}

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* A row's states: of all its tokens, or of its first one, where that is all that is read. */
static const float *states_of(const TrainHead *h, const Batch *b, const float *x, int row, int hidden, int *n) {
  int first = h->pooling == POOLING_CLS;
  *n = first ? 1 : b->start[row + 1] - b->start[row];
  return x + (size_t)(first ? row : b->start[row]) * (size_t)hidden;
}

static void pool(const TrainHead *h, const Batch *b, float *to, const float *x, int row, int hidden) {
  int n;
  const float *from = states_of(h, b, x, row, hidden, &n);
  pooling_apply(to, from, n, 0, hidden, &(Pooling){1, {h->pooling}});
}

/* The largest number of a column takes its gradient alone, the first of those that are equal. dx has zeros at first. */
static void largest_back(float *dx, const float *x, const float *d, int n, size_t hidden) {
  for (size_t i = 0; i < hidden; i++) {
    size_t best = i;
    for (size_t at = i; at < (size_t)n * hidden; at += hidden)
      if (x[at] > x[best]) best = at;
    dx[best] = d[i];
  }
}

/* dx, of x. */
static void pool_back(const TrainHead *h, const Batch *b, float *dx, const float *x, const float *d, int row, int hidden) {
  int n;
  const float *from = states_of(h, b, x, row, hidden, &n);
  float *to = dx + (from - x);
  if (h->pooling == POOLING_MAX) {
    largest_back(to, from, d, n, (size_t)hidden);
    return;
  }
  for (int t = 0; t < n; t++, to += hidden)
    for (int i = 0; i < hidden; i++) to[i] = d[i] / (float)n;
}

/* d = the gradient of v, out of that of u = v / length: (d - u (u . d)) / length. */
static void normalize_back(float *d, const float *u, float length, int n) {
  float along = dot(u, d, n);
  for (int i = 0; i < n; i++) d[i] = (d[i] - u[i] * along) / length;
}

/* ---- losses: vectors u[R][H] to their gradients d[R][H], zeros at first ------------------------------------------ */

/* d of both sides of a cosine, from its own gradient. */
static void cosine_back(float *du, float *dv, const float *u, const float *v, float cosine, float gradient, int n) {
  float a = length_of(u, n), b = length_of(v, n);
  add_times(du, gradient / (a * b), v, n);
  add_times(du, -gradient * cosine / (a * a), u, n);
  add_times(dv, gradient / (a * b), u, n);
  add_times(dv, -gradient * cosine / (b * b), v, n);
}

static float cosine_of(const float *u, const float *v, int n) {
  return dot(u, v, n) / (length_of(u, n) * length_of(v, n));
}

static double cosine_loss(const TrainBatch *b, const float *u, float *d, int H, float weight) {
  double sum = 0;
  int B = b->examples;
  for (int i = 0; i < B; i++) {
    size_t at = (size_t)i * (size_t)H, other = (size_t)(B + i) * (size_t)H;
    float cosine = cosine_of(u + at, u + other, H), off = cosine - b->value[i];
    sum += (double)off * (double)off;
    cosine_back(d + at, d + other, u + at, u + other, cosine, 2 * off * weight, H);
  }
  return sum * (double)weight;
}

/* Scores of each first text against all others, and, half and half, of each second text against all first ones. */
static double ranking_loss(const TrainHead *h, const TrainBatch *b, const float *u, float *d, HeadScratch *s, int H,
                           float weight, TrainResult *out) {
  int B = b->examples, others = B * (b->towers - 1);
  float *score = s->logits, *back = s->logits + (size_t)B * (size_t)others; /* [B][others], [B][B]: within R x R */
  double sum = 0;
  for (int i = 0; i < B; i++)
    for (int j = 0; j < others; j++) {
      float x = h->scale * cosine_of(u + (size_t)i * (size_t)H, u + (size_t)(B + j) * (size_t)H, H);
      score[i * others + j] = x;
      if (j < B) back[j * B + i] = x;
    }
  for (int i = 0; i < B; i++) {
    uint8_t unused;
    float *row = score + (size_t)i * (size_t)others;
    sum += (double)loss_class(row, others, i, weight / 2, &s->right[i]) / 2;
    sum += (double)loss_class(back + i * B, B, i, weight / 2, &unused) / 2;
    out->right += s->right[i];
  }
  out->judged += B;
  for (int i = 0; i < B; i++)
    for (int j = 0; j < others; j++) {
      size_t at = (size_t)i * (size_t)H, other = (size_t)(B + j) * (size_t)H;
      float gradient = h->scale * (score[i * others + j] + (j < B ? back[j * B + i] : 0));
      cosine_back(d + at, d + other, u + at, u + other, cosine_of(u + at, u + other, H), gradient, H);
    }
  return sum * (double)weight;
}

/* |u - v|, with torch's epsilon added to each difference; `to`[n] = its gradient. */
static float distance_of(float *to, const float *u, const float *v, int n) {
  for (int i = 0; i < n; i++) to[i] = u[i] - v[i] + 1e-6f;
  float length = length_of(to, n);
  for (int i = 0; i < n; i++) to[i] /= length;
  return length;
}

static double triplet_loss(const TrainHead *h, const TrainBatch *b, const float *u, float *d, HeadScratch *s, int H,
                           float weight, TrainResult *out) {
  int B = b->examples;
  double sum = 0;
  float each = weight, *toward = s->in, *away = s->in + H;
  for (int i = 0; i < B; i++) {
    size_t a = (size_t)i * (size_t)H, p = (size_t)(B + i) * (size_t)H, n = (size_t)(2 * B + i) * (size_t)H;
    float near = distance_of(toward, u + a, u + p, H), far = distance_of(away, u + a, u + n, H);
    float loss = near - far + h->margin;
    out->right += near < far;
    if (loss <= 0) continue;
    sum += (double)loss;
    add_times(d + a, each, toward, H), add_times(d + p, -each, toward, H);
    add_times(d + a, -each, away, H), add_times(d + n, each, away, H);
  }
  out->judged += B;
  return sum * (double)weight;
}

static double vector_loss(const TrainBatch *b, const float *u, float *d, int H, float weight) {
  double sum = 0;
  int R = b->tokens.rows;
  for (int i = 0; i < R; i++) {
    float *row = d + (size_t)i * (size_t)H;
    memcpy(row, u + (size_t)i * (size_t)H, (size_t)H * sizeof *row);
    sum += (double)loss_number(row, b->value + (size_t)i * (size_t)H, H, weight / (float)H);
  }
  return sum * (double)weight / H;
}

/* ---- LOSS_PAIR: a product with (u, v, |u - v|), shared by the team ----------------------------------------------- */

static double pair_loss(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, const float *u,
                        float *d, float weight, TrainResult *out, const Team *team) {
  int B = b->examples, H = p->net->hidden, U = h->units;
  float *own = p->scratch->own[team->rank];
  double sum = 0;
  size_t W = 3 * (size_t)H;
  for (int i = team_start(team, B, team->rank); i < team_start(team, B, team->rank + 1); i++) {
    float *to = s->joined + (size_t)i * W;
    const float *one = u + (size_t)i * (size_t)H, *two = u + (size_t)(B + i) * (size_t)H;
    memcpy(to, one, (size_t)H * sizeof *to);
    memcpy(to + H, two, (size_t)H * sizeof *to);
    for (int j = 0; j < H; j++) to[2 * H + j] = fabsf(one[j] - two[j]);
  }
  team_barrier(team);
  train_linear(p->net->params, &h->out, s->logits, s->joined, W, B, own, team);
  team_barrier(team);
  for (int i = 0; team->rank == 0 && i < B; i++) {
    sum += (double)loss_class(s->logits + (size_t)i * (size_t)U, U, b->label[i], weight, &s->right[i]);
    out->right += s->right[i];
    out->judged++;
  }
  team_barrier(team);
  train_linear_back(p->net->params, &h->out, s->d_joined, W, 0, s->logits, s->joined, W, B, own, team);
  team_barrier(team);
  for (int i = team_start(team, B, team->rank); i < team_start(team, B, team->rank + 1); i++) {
    const float *from = s->d_joined + (size_t)i * W;
    const float *one = u + (size_t)i * (size_t)H, *two = u + (size_t)(B + i) * (size_t)H;
    float *d_one = d + (size_t)i * (size_t)H, *d_two = d + (size_t)(B + i) * (size_t)H;
    for (int j = 0; j < H; j++) {
      float off = one[j] - two[j], side = off > 0 ? 1.0f : off < 0 ? -1.0f : 0.0f;
      d_one[j] += from[j] + side * from[2 * H + j];
      d_two[j] += from[H + j] - side * from[2 * H + j];
    }
  }
  return sum * (double)weight;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static double loss_of(const TrainHead *h, const TrainBatch *b, const float *u, float *d, HeadScratch *s, int H,
                      float weight, TrainResult *out) {
  switch (h->loss) {
    case LOSS_COSINE: return cosine_loss(b, u, d, H, weight);
    case LOSS_RANKING: return ranking_loss(h, b, u, d, s, H, weight, out);
    case LOSS_TRIPLET: return triplet_loss(h, b, u, d, s, H, weight, out);
    default: return vector_loss(b, u, d, H, weight);
  }
}

void vector_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                 TrainResult *out, const Team *team) {
  int R = b->tokens.rows, H = p->net->hidden;
  int from = team_start(team, R, team->rank), to = team_start(team, R, team->rank + 1);
  float *u = s->before, *d = s->d_pooled;
  for (int r = from; r < to; r++) {
    float *v = u + (size_t)r * (size_t)H;
    pool(h, &b->tokens, v, p->scratch->x, r, H);
    s->lengths[r] = length_of(v, H);
    for (int i = 0; h->normalizes && i < H; i++) v[i] /= s->lengths[r];
    memset(d + (size_t)r * (size_t)H, 0, (size_t)H * sizeof *d);
  }
  team_barrier(team);
  if (h->loss == LOSS_PAIR) {
    double loss = pair_loss(p, h, b, s, u, d, w.example, out, team);
    if (team->rank == 0) out->loss += loss;
  } else if (team->rank == 0) {
    out->loss += loss_of(h, b, u, d, s, H, w.example, out);
  }
  team_barrier(team);
  for (int r = from; r < to; r++) {
    float *v = d + (size_t)r * (size_t)H;
    if (h->normalizes) normalize_back(v, u + (size_t)r * (size_t)H, s->lengths[r], H);
    pool_back(h, &b->tokens, p->scratch->dx, p->scratch->x, v, r, H);
  }
}
