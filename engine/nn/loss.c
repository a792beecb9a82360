/* loss.c -- losses of a row of logits; see train_head.h.
** Layer: nn. Uses: base kernel.
**
** Gradients are in float, by the kernels; what is shown of a loss is summed in double. */
#include <math.h>

#include "nn/train_head.h"

float loss_class(float *x, int n, int target, float share, uint8_t *right) {
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best]) best = i;
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
