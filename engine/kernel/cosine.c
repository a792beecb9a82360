/* cosine.c -- see cosine.h.
** Layer: kernel. Uses: kernel.h. */
#include "kernel/cosine.h"

#include <math.h>

#include "kernel/kernel.h"

/* For vectors whose squares leave the range of floats; they are well inside that of doubles. */
static double cosine_in_double(const float *v, const float *w, int n) {
  double vw = 0, vv = 0, ww = 0;
  for (int i = 0; i < n; i++) {
    vw += (double)v[i] * w[i];
    vv += (double)v[i] * v[i];
    ww += (double)w[i] * w[i];
  }
  double lengths = sqrt(vv) * sqrt(ww), cosine = lengths > 0 ? vw / lengths : 0;
  return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

double cosine_of(const float *v, const float *w, int n) {
  float vw, vv, ww;
  kernels()->dot(&vw, v, w, n);
  kernels()->dot(&vv, v, v, n);
  kernels()->dot(&ww, w, w, n);
  const float LITTLE = 1e-30f, MUCH = 1e30f;
  if (!(vv > LITTLE && vv < MUCH && ww > LITTLE && ww < MUCH)) return cosine_in_double(v, w, n);
  double lengths = sqrt((double)vv) * sqrt((double)ww), cosine = lengths > 0 ? vw / lengths : 0;
  return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}
