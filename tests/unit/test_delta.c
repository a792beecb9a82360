/* test_delta.c -- matrices as differences of 2 bits: how near they come, and that they can be computed with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/delta.h"
#include "test.h"

enum { IN = 300, OUT = 70 }; /* neither fills its groups or panels */

/* w[OUT][IN] as panels; free what it points to. */
static Panels8 panels(const float *w) {
  Panels8 p = {.panels = calloc(kernel_panel_bytes8(IN, OUT), 1),
               .scale = calloc(kernel_panel_scales(IN, OUT), sizeof(float)),
               .sum = calloc(kernel_panel_scales(IN, OUT), sizeof(int32_t))};
  if (w) kernel_pack8(&p, w, IN, 0, OUT, IN);
  return p;
}

static void drop(Panels8 *p) {
  free(p->panels);
  free(p->scale);
  free(p->sum);
}

static void row(const Panels8 *p, int r, float out[IN]) {
  int8_t q[IN];
  float scale[(IN + KERNEL_GROUP - 1) / KERNEL_GROUP];
  kernel_unpack8(q, scale, p, r, 0, IN, IN);
  for (int i = 0; i < IN; i++) OK(q[i] >= -127);
  kernel_scale8(out, q, scale, IN);
}

/* About normal, of deviation 1. */
static float normal(Rng *r) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += rng_unit(rng_next(r));
  return (float)sum;
}

/* The length of what is left, of that of the difference of `size` to a base of deviation 1. */
static double left(float size, int zero_row) {
  static float base[OUT * IN], w[OUT * IN];
  Rng r = rng_stream(7, 0);
  for (int i = 0; i < OUT * IN; i++) {
    base[i] = i / IN == zero_row ? 0 : normal(&r);
    w[i] = base[i] + size * normal(&r);
  }
  Panels8 from = panels(base), whole = panels(w), made = panels(NULL);
  uint8_t *codes = malloc(delta_codes(IN, OUT)), *steps = malloc(kernel_panel_scales(IN, OUT));
  delta_make(codes, steps, &whole, &from, IN, OUT);
  delta_add(&made, &from, codes, steps, IN, OUT);
  double off = 0, all = 0;
  for (int i = 0; i < OUT; i++) {
    float x[IN], y[IN];
    row(&made, i, x);
    row(&whole, i, y);
    for (int k = 0; k < IN && i != zero_row; k++) {
      off += (x[k] - y[k]) * (x[k] - y[k]);
      all += (y[k] - base[i * IN + k]) * (y[k] - base[i * IN + k]);
    }
    if (i == zero_row)
      for (int k = 0; k < IN; k++) EQ(x[k] == 0, 1);
  }
  Panels8 again = panels(NULL); /* sums are those of the integers */
  for (int i = 0; i < OUT; i++) {
    int8_t q[IN];
    float scale[(IN + KERNEL_GROUP - 1) / KERNEL_GROUP];
    kernel_unpack8(q, scale, &made, i, 0, IN, IN);
    kernel_repack8(&again, q, scale, i, 0, IN, IN);
    for (int g = 0; g < kernel_groups(IN); g++) {
      size_t at = ((size_t)(i / KERNEL_PANEL) * (size_t)kernel_groups(IN) + (size_t)g) * KERNEL_PANEL + (size_t)(i % KERNEL_PANEL);
      EQ(made.sum[at], again.sum[at]);
    }
  }
  drop(&from), drop(&whole), drop(&made), drop(&again);
  free(codes);
  free(steps);
  return all > 0 ? sqrt(off / all) : 0;
}

/* 2 bits leave 0.34 of a normal difference; integers of the base add the rounding, which tells where it is small. */
TEST(delta_comes_near) {
  OK(left(0.3F, -1) < 0.36);
  OK(left(0.1F, -1) < 0.37);
  OK(left(0.02F, -1) < 0.8);
}

TEST(delta_of_a_row_of_zeros_is_zeros) { OK(left(0.1F, 5) < 0.37); }

TEST(delta_of_what_is_equal_leaves_it) { OK(left(0, -1) == 0); }
