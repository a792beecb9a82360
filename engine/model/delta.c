/* delta.c -- see delta.h.
** Layer: model. Uses: kernel. */
#include "model/delta.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 4, STEP_MAX = 255, STEPS_OF_ONE = 8 };

/* What a code adds to an integer. */
static int level(int code, int step) {
  int n = (2 * code - 3) * step; /* in sixteenths */
  return n >= 0 ? (n + STEPS_OF_ONE) / (2 * STEPS_OF_ONE) : -((STEPS_OF_ONE - n) / (2 * STEPS_OF_ONE));
}

static int within(int q) { return q > 127 ? 127 : q < -127 ? -127 : q; }

/* ---- making one -------------------------------------------------------------------------------------------------- */

/* The codes of a group by a step, and the squares' sum of what they leave; goal[n] is where base[n] should come to. */
static double choose(uint8_t *code, const float *goal, const int8_t *base, int n, int step) {
  double left = 0;
  for (int i = 0; i < n; i++) {
    double least = INFINITY;
    for (int c = 0; c < LEVELS; c++) {
      double off = goal[i] - within(base[i] + level(c, step));
      if (off * off < least) least = off * off, code[i] = (uint8_t)c;
    }
    left += least;
  }
  return left;
}

/* Returns the step. The best one for normal numbers is their deviation; those about it are tried. */
static uint8_t make_group(uint8_t *code, const float *goal, const int8_t *base, int n) {
  double squares = 0, best = INFINITY;
  uint8_t other[KERNEL_GROUP], chosen = 0;
  for (int i = 0; i < n; i++) squares += ((double)goal[i] - base[i]) * ((double)goal[i] - base[i]);
  double deviation = STEPS_OF_ONE * sqrt(squares / n);
  for (double part = 0.4; part < 1.45; part += 0.1) {
    double wanted = rint(part * deviation);
    int step = wanted < STEP_MAX ? (int)wanted : STEP_MAX;
    double left = choose(other, goal, base, n, step);
    if (left >= best) continue;
    best = left;
    chosen = (uint8_t)step;
    for (int i = 0; i < n; i++) code[i] = other[i];
  }
  return chosen;
}

void delta_make(uint8_t *codes, uint8_t *steps, const Panels8 *w, const Panels8 *base, int in, int out) {
  size_t depth = (size_t)kernel_depth8(in), groups = (size_t)kernel_groups(in);
  memset(codes, 0, delta_codes(in, out));
  memset(steps, 0, kernel_panel_scales(in, out));
  for (int r = 0; r < out; r++)
    for (int at = 0; at < in; at += KERNEL_GROUP) {
      int n = in - at < KERNEL_GROUP ? in - at : KERNEL_GROUP;
      size_t panel = (size_t)r / KERNEL_PANEL, column = (size_t)r % KERNEL_PANEL;
      int8_t q[KERNEL_GROUP], from[KERNEL_GROUP];
      float goal[KERNEL_GROUP], scale, unit;
      uint8_t code[KERNEL_GROUP];
      kernel_unpack8(q, &scale, w, r, at, n, in);
      kernel_unpack8(from, &unit, base, r, at, n, in);
      kernel_scale8(goal, q, &scale, n);
      for (int i = 0; i < n; i++) goal[i] = unit > 0 ? goal[i] / unit : 0; /* without a unit, all are 0 whatever is added */
      steps[(panel * groups + (size_t)(at / KERNEL_GROUP)) * KERNEL_PANEL + column] = make_group(code, goal, from, n);
      uint8_t *to = codes + (panel * depth + (size_t)at) / 4 * KERNEL_PANEL + column;
      for (int i = 0; i < n; i++) to[(size_t)(i / 4) * KERNEL_PANEL] |= (uint8_t)(code[i] << 2 * (i % 4));
    }
}

/* ---- reading one ------------------------------------------------------------------------------------------------- */

/* rows of four weights of the 32 columns of a panel. */
static void add_group(int8_t *w, int32_t *sum, const int8_t *base, const uint8_t *codes, const uint8_t *steps, int rows) {
  int8_t add[KERNEL_PANEL][LEVELS];
  int32_t total[KERNEL_PANEL] = {0};
  for (int c = 0; c < KERNEL_PANEL; c++)
    for (int code = 0; code < LEVELS; code++) add[c][code] = (int8_t)level(code, steps[c]);
  for (int i = 0; i < rows; i++)
    for (int c = 0; c < KERNEL_PANEL; c++, codes++)
      for (int k = 0; k < 4; k++) {
        *w = (int8_t)within(*base++ + add[c][*codes >> 2 * k & 3]);
        total[c] += *w++;
      }
  for (int c = 0; c < KERNEL_PANEL; c++) sum[c] = -128 * total[c];
}

void delta_add(const Panels8 *w, const Panels8 *base, const uint8_t *codes, const uint8_t *steps, int in, int out) {
  size_t depth = (size_t)kernel_depth8(in);
  memcpy(w->scale, base->scale, kernel_panel_scales(in, out) * sizeof *w->scale);
  for (size_t panel = 0, scales = 0; panel < (size_t)kernel_panels(out); panel++)
    for (size_t at = 0; at < depth; at += KERNEL_GROUP, scales += KERNEL_PANEL) {
      size_t n = depth - at < KERNEL_GROUP ? depth - at : KERNEL_GROUP, first = panel * depth + at;
      add_group(w->panels + first * KERNEL_PANEL, w->sum + scales, base->panels + first * KERNEL_PANEL,
                codes + first / 4 * KERNEL_PANEL, steps + scales, (int)n / 4);
    }
}
