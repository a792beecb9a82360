/* pca.c -- see pca.h.
** Layer: draw. Uses: base. */
#include "draw/pca.h"

#include <math.h>
#include <string.h>

#include "base/progress.h"

enum { BLOCK = 4, ROUNDS = 100 };

typedef double Block[BLOCK]; /* the same coordinate of all directions side by side */

typedef struct {
  const float *x; /* [n][d] */
  int n, d;
  double *mean;   /* [d] */
  Block *v, *w;   /* [d]: directions, and what the covariance makes of them */
  double middle[BLOCK]; /* the mean along each direction */
} Work;

/* ---- directions --------------------------------------------------------------------------------------------------- */

static double product(const Block *a, int i, const Block *b, int j, int d) {
  double sum = 0;
  for (int k = 0; k < d; k++) sum += a[k][i] * b[k][j];
  return sum;
}

/* Makes the directions orthonormal (Gram and Schmidt, twice over, which is enough); one that vanishes becomes zeros. */
static void orthonormal(Block *v, int d) {
  for (int i = 0; i < BLOCK; i++) {
    double before = product(v, i, v, i, d);
    for (int pass = 0; pass < 2; pass++)
      for (int j = 0; j < i; j++) {
        double part = product(v, i, v, j, d);
        for (int k = 0; k < d; k++) v[k][i] -= part * v[k][j];
      }
    double square = product(v, i, v, i, d), scale = square > before * 1e-24 && square > 0 ? 1 / sqrt(square) : 0;
    for (int k = 0; k < d; k++) v[k][i] *= scale;
  }
}

/* Fixed numbers in [-1, 1) (Knuth's multiplicative congruence, high bits). */
static void begin(Block *v, int d) {
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (int k = 0; k < d; k++)
    for (int i = 0; i < BLOCK; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      v[k][i] = (double)(int32_t)(state >> 32) / 2147483648.0;
    }
  orthonormal(v, d);
}

static void set_middle(Work *w) {
  memset(w->middle, 0, sizeof w->middle);
  for (int k = 0; k < w->d; k++)
    for (int i = 0; i < BLOCK; i++) w->middle[i] += w->mean[k] * w->v[k][i];
}

/* Vector r along the directions, from the mean. */
static void along(const Work *w, int r, double out[BLOCK]) {
  const float *x = w->x + (size_t)r * (size_t)w->d;
  memset(out, 0, sizeof(Block));
  for (int k = 0; k < w->d; k++)
    for (int i = 0; i < BLOCK; i++) out[i] += (double)x[k] * w->v[k][i];
  for (int i = 0; i < BLOCK; i++) out[i] -= w->middle[i];
}

/* w = covariance v (times n - 1, which changes no direction). */
static void multiply(Work *w) {
  Block sum = {0};
  set_middle(w);
  memset(w->w, 0, (size_t)w->d * sizeof *w->w);
  for (int r = 0; r < w->n; r++) {
    const float *x = w->x + (size_t)r * (size_t)w->d;
    Block t;
    along(w, r, t);
    for (int k = 0; k < w->d; k++)
      for (int i = 0; i < BLOCK; i++) w->w[k][i] += (double)x[k] * t[i];
    for (int i = 0; i < BLOCK; i++) sum[i] += t[i];
  }
  for (int k = 0; k < w->d; k++)
    for (int i = 0; i < BLOCK; i++) w->w[k][i] -= w->mean[k] * sum[i];
}

/* ---- their variances ---------------------------------------------------------------------------------------------- */

/* Turns columns i and j of a symmetric matrix so that its element (i, j) vanishes (Jacobi), and q's with them. */
static void turn(double a[BLOCK][BLOCK], double q[BLOCK][BLOCK], int i, int j) {
  if (a[i][j] == 0) return;
  double theta = (a[j][j] - a[i][i]) / (2 * a[i][j]);
  double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
  for (int k = 0; k < BLOCK; k++) {
    double x = a[k][i], y = a[k][j];
    a[k][i] = c * x - s * y, a[k][j] = s * x + c * y;
  }
  for (int k = 0; k < BLOCK; k++) {
    double x = a[i][k], y = a[j][k];
    a[i][k] = c * x - s * y, a[j][k] = s * x + c * y;
  }
  for (int k = 0; k < BLOCK; k++) {
    double x = q[k][i], y = q[k][j];
    q[k][i] = c * x - s * y, q[k][j] = s * x + c * y;
  }
}

/* Turns v, of which w is the covariance's product, to directions of falling variance, and w with it. */
static void ritz(Work *w, double variance[BLOCK]) {
  enum { SWEEPS = 12 };
  double a[BLOCK][BLOCK], q[BLOCK][BLOCK] = {{0}};
  int order[BLOCK];
  for (int i = 0; i < BLOCK; i++)
    for (int j = 0; j <= i; j++) a[i][j] = a[j][i] = product(w->v, i, w->w, j, w->d);
  for (int i = 0; i < BLOCK; i++) q[i][i] = 1;
  for (int sweep = 0; sweep < SWEEPS; sweep++)
    for (int i = 0; i < BLOCK; i++)
      for (int j = i + 1; j < BLOCK; j++) turn(a, q, i, j);
  for (int i = 0; i < BLOCK; i++) {
    int at = i;
    for (; at > 0 && a[order[at - 1]][order[at - 1]] < a[i][i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  for (int i = 0; i < BLOCK; i++) variance[i] = a[order[i]][order[i]];
  for (int k = 0; k < w->d; k++) {
    Block v = {0}, x = {0};
    for (int i = 0; i < BLOCK; i++)
      for (int j = 0; j < BLOCK; j++) {
        v[i] += w->v[k][j] * q[j][order[i]];
        x[i] += w->w[k][j] * q[j][order[i]];
      }
    memcpy(w->v[k], v, sizeof v);
    memcpy(w->w[k], x, sizeof x);
  }
}

/* 1 when the first two directions no longer move: what the covariance makes of each lies along it. */
static int settled(const Work *w, const double variance[BLOCK]) {
  for (int i = 0; i < 2; i++) {
    double off = 0;
    for (int k = 0; k < w->d; k++) {
      double miss = w->w[k][i] - variance[i] * w->v[k][i];
      off += miss * miss;
    }
    if (sqrt(off) > 1e-5 * variance[0]) return 0;
  }
  return 1;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

/* The mean, and the whole variance times n - 1. */
static double measure(Work *w) {
  double whole = 0;
  for (int r = 0; r < w->n; r++)
    for (int k = 0; k < w->d; k++) w->mean[k] += (double)w->x[(size_t)r * (size_t)w->d + (size_t)k];
  for (int k = 0; k < w->d; k++) w->mean[k] /= w->n;
  for (int r = 0; r < w->n; r++)
    for (int k = 0; k < w->d; k++) {
      double off = (double)w->x[(size_t)r * (size_t)w->d + (size_t)k] - w->mean[k];
      whole += off * off;
    }
  return whole;
}

/* Of a direction and its opposite, the one whose largest part is positive. */
static double sign_of(const Block *v, int i, int d) {
  double largest = 0;
  for (int k = 0; k < d; k++)
    if (fabs(v[k][i]) > fabs(largest)) largest = v[k][i];
  return largest < 0 ? -1 : 1;
}

static void find(Work *w, Pca *p, const bert_progress *progress, bert_err *e) {
  double variance[BLOCK] = {0}, whole = measure(w);
  begin(w->v, w->d);
  for (int round = 0; round < ROUNDS && whole > 0; round++) {
    multiply(w);
    ritz(w, variance);
    if (settled(w, variance)) break;
    Block *swap = w->v;
    w->v = w->w, w->w = swap;
    orthonormal(w->v, w->d);
    progress_ask(progress, e);
    if (e->code) return;
  }
  double sign[2] = {sign_of(w->v, 0, w->d), sign_of(w->v, 1, w->d)};
  set_middle(w);
  for (int r = 0; r < w->n && whole > 0; r++) {
    Block t;
    along(w, r, t);
    for (int i = 0; i < 2; i++) p->at[r][i] = t[i] * sign[i];
  }
  for (int i = 0; i < 2; i++) p->share[i] = whole > 0 && variance[i] > 0 ? variance[i] / whole : 0;
}

void pca_run(Pca *p, const float *x, int n, int d, const bert_progress *progress, bert_err *e) {
  *p = (Pca){0};
  Work w = {.x = x, .n = n, .d = d};
  double *room = mem_new((size_t)d, (1 + 2 * BLOCK) * sizeof *room, e);
  p->at = mem_new((size_t)n, sizeof *p->at, e);
  if (!e->code) {
    w.v = (Block *)room;
    w.w = w.v + d;
    w.mean = (double *)(w.w + d);
    find(&w, p, progress, e);
  }
  mem_free(room);
  if (!e->code) return;
  mem_free(p->at);
  p->at = NULL;
}
