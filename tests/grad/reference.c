/* reference.c -- see reference.h. Plain loops; the sizes are tiny. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *zeros(size_t n) { return calloc(n ? n : 1, sizeof(double)); }

/* y[m][out] = x[m][in] w^T + b */
static double *affine(const Reference *r, const TrainLinear *l, const double *x, int m) {
  double *y = zeros((size_t)(m * l->out));
  for (int i = 0; i < m; i++)
    for (int o = 0; o < l->out; o++) {
      double sum = l->b == PARAM_NONE ? 0 : r->w[l->b + (size_t)o];
      for (int k = 0; k < l->in; k++) sum += x[i * l->in + k] * r->w[l->w + (size_t)(o * l->in + k)];
      y[i * l->out + o] = sum;
    }
  return y;
}

static void norm(const Reference *r, const TrainNorm *n, double *x, int m, int h) {
  for (int i = 0; i < m; i++, x += h) {
    double mean = 0, square = 0;
    for (int j = 0; j < h; j++) mean += x[j] / h;
    for (int j = 0; j < h; j++) square += (x[j] - mean) * (x[j] - mean) / h;
    double scale = 1 / sqrt(square + (double)r->pass->net->epsilon);
    for (int j = 0; j < h; j++) x[j] = (x[j] - mean) * scale * r->w[n->gamma + (size_t)j] + r->w[n->beta + (size_t)j];
  }
}

static void activation(double *x, int n, KernelActivation a) {
  for (int i = 0; i < n; i++)
    switch (a) {
      case KERNEL_GELU: x[i] *= 0.5 * (1 + erf(x[i] / sqrt(2))); break;
      case KERNEL_GELU_TANH: x[i] *= 0.5 * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x[i]
          + 0.044715 * x[i] * x[i] * x[i]))); break;
      case KERNEL_RELU: x[i] = x[i] > 0 ? x[i] : 0; break;
      case KERNEL_TANH: x[i] = tanh(x[i]); break;
      case KERNEL_NONE: break;
    }
}

/* x[n] times the mask of elements first … of that site. */
static void drop(double *x, int n, uint32_t first, const KernelDrop *d) {
  for (int i = 0; d && i < n; i++) {
    float one = 1;
    kernels_at(0)->dropout(&one, &one, 1, d, first + (uint32_t)i);
    x[i] *= (double)one;
  }
}

static void drop_site(const Reference *r, double *x, int n, DropSite site, int layer, float p) {
  KernelDrop d;
  drop(x, n, 0, train_drop(r->pass, site, layer, 0, p, &d));
}

static void add(double *x, const double *y, int n) {
  for (int i = 0; i < n; i++) x[i] += y[i];
}

static double *embedded(const Reference *r) {
  const TrainEncoder *n = r->pass->net;
  const Batch *b = &r->batch->tokens;
  int H = n->hidden;
  double *x = zeros((size_t)(b->tokens * H));
  for (int row = 0; row < b->rows; row++)
    for (int t = b->start[row]; t < b->start[row + 1]; t++)
      for (int j = 0; j < H; j++) {
        x[t * H + j] = r->w[n->word + (size_t)(b->ids[t] * H + j)];
        x[t * H + j] += r->w[n->position + (size_t)((t - b->start[row] + n->first_position) * H + j)];
        if (n->types) x[t * H + j] += r->w[n->type + (size_t)(b->types[t] * H + j)];
      }
  norm(r, &n->norm, x, b->tokens, H);
  drop_site(r, x, b->tokens * H, DROP_EMBEDDING, 0, n->dropout);
  return x;
}

static void attend_row(const Reference *r, int layer, double *context, const double *qkv, int row, int head) {
  const TrainEncoder *n = r->pass->net;
  const Batch *b = &r->batch->tokens;
  int H = n->hidden, d = H / n->heads, from = b->start[row], count = b->start[row + 1] - from;
  KernelDrop where;
  const KernelDrop *mask = train_drop(r->pass, DROP_ATTENTION, layer, (uint64_t)(row * n->heads + head),
                                      n->attention_dropout, &where);
  double *p = zeros((size_t)count);
  for (int i = 0; i < count; i++) {
    const double *q = qkv + (from + i) * 3 * H + head * d;
    double sum = 0;
    for (int j = 0; j < count; j++) {
      const double *k = qkv + (from + j) * 3 * H + H + head * d;
      double dot = 0;
      for (int c = 0; c < d; c++) dot += q[c] * k[c];
      p[j] = exp(dot / sqrt(d));
      sum += p[j];
    }
    for (int j = 0; j < count; j++) p[j] /= sum;
    drop(p, count, (uint32_t)(i * count), mask);
    for (int j = 0; j < count; j++)
      for (int c = 0; c < d; c++) context[(from + i) * H + head * d + c] += p[j] * qkv[(from + j) * 3 * H + 2 * H
                                                                                       + head * d + c];
  }
  free(p);
}

static double *states(const Reference *r) {
  const TrainEncoder *n = r->pass->net;
  const Batch *b = &r->batch->tokens;
  int T = b->tokens, H = n->hidden;
  double *x = embedded(r);
  for (int i = 0; i < n->layers; i++) {
    const TrainLayer *l = &n->layer[i];
    double *qkv = affine(r, &l->qkv, x, T), *context = zeros((size_t)(T * H));
    for (int row = 0; row < b->rows; row++)
      for (int head = 0; head < n->heads; head++) attend_row(r, i, context, qkv, row, head);
    double *middle = affine(r, &l->project, context, T);
    drop_site(r, middle, T * H, DROP_PROJECT, i, n->project_dropout);
    add(middle, x, T * H);
    norm(r, &l->attention_norm, middle, T, H);
    double *inner = affine(r, &l->inner, middle, T);
    activation(inner, T * n->inner, n->activation);
    double *y = affine(r, &l->outer, inner, T);
    drop_site(r, y, T * H, DROP_OUTER, i, n->dropout);
    add(y, middle, T * H);
    norm(r, &l->output_norm, y, T, H);
    free(x), free(qkv), free(context), free(middle), free(inner);
    x = y;
  }
  return x;
}

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static double entropy(const double *x, int stride, int n, int target) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += exp(x[i * stride]);
  return log(sum) - x[target * stride];
}

/* T^2 KL(softmax(y / T), softmax(x / T)) */
static double divergence(const double *x, const float *y, int stride, int n, double T) {
  double mine = 0, wanted = 0, sum = 0;
  for (int i = 0; i < n; i++) mine += exp(x[i * stride] / T), wanted += exp((double)y[i * stride] / T);
  for (int i = 0; i < n; i++) {
    double p = exp((double)y[i * stride] / T) / wanted;
    sum += p * (log(p) - x[i * stride] / T + log(mine));
  }
  return T * T * sum;
}

/* The truth's part and the teacher's, of a target; soft NULL: no teacher. */
static double mixed(const Reference *r, const double *x, const float *soft, int stride, int n, int target) {
  double alpha = soft ? target < 0 ? 1 : (double)r->head->alpha : 0;
  return (alpha < 1 ? (1 - alpha) * entropy(x, stride, n, target) : 0) +
         (soft ? alpha * divergence(x, soft, stride, n, (double)r->head->temperature) : 0);
}

static double mixed_number(const Reference *r, double x, double y, const float *soft) {
  double alpha = soft ? isnan(y) ? 1 : (double)r->head->alpha : 0, two[2] = {x, 0}, loss = 0;
  float wanted[2] = {soft ? *soft : 0, 0};
  int binary = r->head->loss == LOSS_BINARY;
  if (alpha < 1) loss += (1 - alpha) * (binary ? log(1 + exp(x)) - y * x : (x - y) * (x - y));
  if (soft && binary) loss += alpha * divergence(two, wanted, 1, 2, (double)r->head->temperature);
  if (soft && !binary) loss += alpha * (x - (double)*soft) * (x - (double)*soft);
  return loss;
}

/* Of a label, or numbers, of each row. */
static double judged(const Reference *r, const double *logits, const int32_t *label, const float *soft) {
  const TrainBatch *b = r->batch;
  int R = b->tokens.rows, U = r->head->units;
  double loss = 0;
  for (int i = 0; i < R; i++)
    for (int u = 0; u < (label ? 1 : U); u++)
      if (label) loss += mixed(r, logits + i * U, soft ? soft + i * U : NULL, 1, U, label[i]) / R;
      else loss += mixed_number(r, logits[i * U + u], (double)b->value[i * U + u], soft ? soft + i * U + u : NULL) / (R * U);
  return loss;
}

static double first_loss(const Reference *r, const double *x, const int32_t *label, const float *soft) {
  const TrainHead *h = r->head;
  const TrainBatch *b = r->batch;
  int R = b->tokens.rows, H = r->pass->net->hidden, f = h->feature_count, J = H + f;
  double *in = zeros((size_t)(R * H)), *joined = zeros((size_t)(R * J)), loss = 0;
  for (int i = 0; i < R; i++) memcpy(in + i * H, x + b->tokens.start[i] * H, (size_t)H * sizeof *in);
  drop_site(r, in, R * H, DROP_HEAD, 0, h->drop_in);
  double *dense = affine(r, &h->dense, in, R);
  activation(dense, R * H, h->activation);
  for (int i = 0; i < R; i++)
    for (int j = 0; j < J; j++) joined[i * J + j] = j < H ? dense[i * H + j] : (double)(h->feature_scale * b->features[i * f + j - H]);
  drop_site(r, joined, R * J, DROP_HEAD, 1, h->drop_out);
  double *logits = affine(r, &h->out, joined, R);
  loss = judged(r, logits, label, soft);
  free(in), free(joined), free(dense), free(logits);
  return loss;
}

static double given_loss(const Reference *r) {
  const TrainHead *h = r->head;
  const TrainBatch *b = r->batch;
  int n = b->tokens.rows * h->feature_count;
  double *x = zeros((size_t)n);
  for (int i = 0; i < n; i++) x[i] = (double)b->features[i];
  double *logits = affine(r, &h->out, x, b->tokens.rows);
  double loss = judged(r, logits, h->loss == LOSS_CLASS ? b->label : NULL, NULL);
  free(x), free(logits);
  return loss;
}

static double tokens_loss(const Reference *r, double *x) {
  const TrainHead *h = r->head;
  const TrainBatch *b = r->batch;
  const float *soft = r->soft;
  int T = b->tokens.tokens, U = h->units, judged = 0;
  double loss = 0;
  drop_site(r, x, T * r->pass->net->hidden, DROP_HEAD, 0, h->drop_in);
  double *logits = affine(r, &h->out, x, T);
  for (int t = 0; h->loss == LOSS_TAG && t < T; t++) {
    if (b->target[t] == TARGET_NONE) continue;
    loss += mixed(r, logits + t * U, soft ? soft + t * U : NULL, 1, U, b->target[t]);
    judged++;
  }
  if (judged) loss /= judged;
  for (int i = 0; h->loss == LOSS_SPAN && i < b->tokens.rows; i++) {
    int from = b->tokens.start[i], n = b->tokens.start[i + 1] - from;
    for (int side = 0; side < 2; side++)
      loss += mixed(r, logits + from * 2 + side, soft ? soft + from * 2 + side : NULL, 2, n,
                    (side ? b->past : b->label)[i]) / (2 * b->tokens.rows);
  }
  free(logits);
  return loss;
}

static double fill_loss(const Reference *r, const double *x) {
  const TrainHead *h = r->head;
  const TrainBatch *b = r->batch;
  int C = b->chosen, H = r->pass->net->hidden;
  double *in = zeros((size_t)(C * H)), loss = 0;
  for (int i = 0; i < C; i++) memcpy(in + i * H, x + b->position[i] * H, (size_t)H * sizeof *in);
  double *state = affine(r, &h->fill_dense, in, C);
  activation(state, C * H, h->fill_activation);
  norm(r, &h->fill_norm, state, C, H);
  double *logits = affine(r, &h->decoder, state, C);
  int V = h->decoder.out;
  for (int i = 0; i < C; i++) loss += mixed(r, logits + i * V, r->soft ? r->soft + i * V : NULL, 1, V, b->target[i]) / C;
  if (b->next) loss += first_loss(r, x, b->next, NULL);
  free(in), free(state), free(logits);
  return loss;
}

static double dot(const double *u, const double *v, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += u[i] * v[i];
  return sum;
}
static double cosine(const double *u, const double *v, int n) { return dot(u, v, n) / sqrt(dot(u, u, n) * dot(v, v,
                                                                                                              n)); }
static double distance(const double *u, const double *v, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (u[i] - v[i] + 1e-6) * (u[i] - v[i] + 1e-6);
  return sqrt(sum);
}

static double ranking(const TrainHead *h, const TrainBatch *b, const double *u, int H) {
  int B = b->examples, others = B * (b->towers - 1);
  double *score = zeros((size_t)(B * others)), loss = 0;
  for (int i = 0; i < B; i++)
    for (int j = 0; j < others; j++) score[i * others + j] = (double)h->scale * cosine(u + i * H, u + (B + j) * H, H);
  for (int i = 0; i < B; i++)
    loss += (entropy(score + i * others, 1, others, i) + entropy(score + i, others, B, i)) / (2 * B);
  free(score);
  return loss;
}

static double vector_loss(const Reference *r, const double *x) {
  const TrainHead *h = r->head;
  const TrainBatch *b = r->batch;
  int R = b->tokens.rows, B = b->examples, H = r->pass->net->hidden;
  double *u = zeros((size_t)(R * H)), *joined = zeros((size_t)(B * 3 * H)), *logits = NULL, loss = 0;
  for (int i = 0; i < R; i++) {
    int from = b->tokens.start[i], n = h->pooling == POOLING_CLS ? 1 : b->tokens.start[i + 1] - from;
    for (int t = 0; t < n; t++)
      for (int j = 0; j < H; j++) {
        double state = x[(from + t) * H + j], *to = &u[i * H + j];
        if (h->pooling == POOLING_MAX) *to = t && *to > state ? *to : state;
        else *to += state / n;
      }
    double length = sqrt(dot(u + i * H, u + i * H, H));
    for (int j = 0; h->normalizes && j < H; j++) u[i * H + j] /= length;
  }
  for (int i = 0; i < B; i++) {
    const double *one = u + i * H, *two = u + (B + i) * H;
    double off = h->loss == LOSS_COSINE ? cosine(one, two, H) - (double)b->value[i] : 0;
    double gap = h->loss == LOSS_TRIPLET ? distance(one, two, H) - distance(one, u + (2 * B + i) * H,
                                                                            H) + (double)h->margin : 0;
    loss += (off * off + (gap > 0 ? gap : 0)) / B;
    for (int j = 0; h->loss == LOSS_PAIR && j < H; j++) {
      joined[i * 3 * H + j] = one[j], joined[i * 3 * H + H + j] = two[j];
      joined[i * 3 * H + 2 * H + j] = fabs(one[j] - two[j]);
    }
  }
  if (h->loss == LOSS_PAIR) {
    logits = affine(r, &h->out, joined, B);
    for (int i = 0; i < B; i++) loss += entropy(logits + i * h->units, 1, h->units, b->label[i]) / B;
  }
  if (h->loss == LOSS_RANKING) loss = ranking(h, b, u, H);
  for (int i = 0; h->loss == LOSS_VECTOR && i < R * H; i++)
    loss += (u[i] - (double)b->value[i]) * (u[i] - (double)b->value[i]) / (R * H);
  free(u), free(joined), free(logits);
  return loss;
}

double reference_loss(const Reference *r) {
  double *x = states(r), loss = 0;
  switch (r->head->kind) {
    case TRAIN_FIRST: loss = first_loss(r, x, r->head->loss == LOSS_CLASS ? r->batch->label : NULL, r->soft); break;
    case TRAIN_TOKENS: loss = tokens_loss(r, x); break;
    case TRAIN_FILL: loss = fill_loss(r, x); break;
    case TRAIN_VECTOR: loss = vector_loss(r, x); break;
    case TRAIN_GIVEN: loss = given_loss(r); break;
  }
  free(x);
  return loss;
}
