/* loss.c -- losses of a row of logits; see train_head.h.
** Layer: nn. Uses: base kernel.
**
** Gradients are in float, by the kernels; what is shown of a loss is summed in double. */
#include <math.h>
#include <string.h>

#include "nn/train_head.h"

static int largest(const float *x, int n) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

float loss_class(float *x, int n, int target, float share, uint8_t *right) {
  int best = largest(x, n);
  double below = (double)x[best] - (double)x[target];
  *right = best == target;
  kernels()->softmax(x, (size_t)n, 1, n, 1.0f);
  float loss = (float)(below - log((double)x[best]));
  x[target] -= 1.0f;
  for (int i = 0; i < n; i++) x[i] *= share;
  return loss;
}

float loss_binary(float *x, const float *y, int n, float share) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    float two[2] = {x[i], 0};
    double logit = (double)x[i];
    sum += (logit > 0 ? logit : 0) - logit * (double)y[i] + log1p(exp(-fabs(logit)));
    kernels()->softmax(two, 2, 1, 2, 1.0f);
    x[i] = (two[0] - y[i]) * share;
  }
  return (float)sum;
}

float loss_number(float *x, const float *y, int n, float share) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    float off = x[i] - y[i];
    sum += (double)off * (double)off;
    x[i] = 2 * off * share;
  }
  return (float)sum;
}

/* p[n] = softmax(x / T); returns the logarithm of the sum of exp(x / T). */
static double soften(float *p, const float *x, int n, float temperature) {
  int best = largest(x, n);
  memcpy(p, x, (size_t)n * sizeof *p);
  kernels()->softmax(p, (size_t)n, 1, n, 1 / temperature);
  return (double)x[best] / (double)temperature - log((double)p[best]);
}

/* y[n], a teacher's logits, become the gradient, by the logits x[n], of T^2 times the divergence of softmax(x / T) from
** softmax(y / T), times share; returns T^2 times the divergence. room[n]. */
static float soft_class(float *y, const float *x, int n, float temperature, float share, float *room) {
  double sum = 0, T = (double)temperature, scale = soften(room, y, n, temperature);
  for (int i = 0; i < n; i++) sum += (double)room[i] * ((double)y[i] - (double)x[i]) / T;
  sum += soften(y, x, n, temperature) - scale;
  for (int i = 0; i < n; i++) y[i] = (y[i] - room[i]) * temperature * share;
  return (float)(T * T * (sum > 0 ? sum : 0)); /* rounding may leave less than nothing */
}

/* Likewise of the sigmoid of each: the sum of n divergences. */
static float soft_binary(float *y, const float *x, int n, float temperature, float share) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    float mine[2] = {x[i], 0}, wanted[2] = {y[i], 0}, room[2];
    sum += (double)soft_class(wanted, mine, 2, temperature, share, room);
    y[i] = wanted[0];
  }
  return (float)sum;
}

/* loss_number beside a teacher's numbers y, which become the gradient. */
static float soft_number(float *y, const float *x, int n, float share) {
  float sum = 0;
  for (int i = 0; i < n; i++) {
    float off = x[i] - y[i];
    sum += off * off;
    y[i] = 2 * off * share;
  }
  return sum;
}

/* ---- beside a teacher -------------------------------------------------------------------------------------------- */

/* What the truth counts of an example's loss, where it is known or not, and what the teacher's logits do. */
typedef struct {
  float truth, teacher;
} Shares;

static Shares shares_of(const TrainHead *h, const float *soft, int known) {
  if (!soft) return (Shares){1, 0};
  return known ? (Shares){1 - h->alpha, h->alpha} : (Shares){0, 1};
}

float loss_judge_class(const TrainHead *h, float *x, float *soft, int n, int target, float weight, float *room,
                       uint8_t *right) {
  Shares of = shares_of(h, soft, target >= 0);
  if (target < 0) target = largest(soft, n);
  float taught = soft ? of.teacher * soft_class(soft, x, n, h->temperature, of.teacher * weight, room) : 0;
  float loss = of.truth * loss_class(x, n, target, of.truth * weight, right) + taught;
  for (int i = 0; soft && i < n; i++) x[i] += soft[i];
  return loss;
}

float loss_judge_values(const TrainHead *h, float *x, float *soft, int n, const float *y, float weight) {
  int known = !isnan(y[0]), binary = h->loss == LOSS_BINARY;
  Shares of = shares_of(h, soft, known);
  float loss = 0, share = of.teacher * weight;
  if (soft) loss = binary ? soft_binary(soft, x, n, h->temperature, share) : soft_number(soft, x, n, share);
  loss *= of.teacher;
  if (!known) memset(x, 0, (size_t)n * sizeof *x);
  else if (binary) loss += of.truth * loss_binary(x, y, n, of.truth * weight);
  else loss += of.truth * loss_number(x, y, n, of.truth * weight);
  for (int i = 0; soft && i < n; i++) x[i] += soft[i];
  return loss;
}
