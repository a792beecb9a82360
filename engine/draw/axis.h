/* axis.h -- a scale with round ticks.
** Layer: draw. Uses: nothing.
**
**    3.2 … 17.9  ->  0 5 10 15 20          steps are 1, 2 or 5 times a power of ten
*/
#ifndef DRAW_AXIS_H
#define DRAW_AXIS_H

#include <stdint.h>

enum { AXIS_TEXT = 32 };

/* The largest magnitude that an axis shows: what float32 holds, so that values can be printed as such. */
#define AXIS_MAX 1e38

typedef struct {
  int64_t first, last; /* ticks are first … last times step */
  int digit, exponent; /* step = digit * 10^exponent */
  double step;
} Axis;

/* An axis over low … high, both within AXIS_MAX, that has about so many ticks and begins and ends with one. Where both
** are the same it goes a little beyond on both sides. */
Axis axis_over(double low, double high, int about);

/* Where v stands between the first tick (0) and the last (1). */
double axis_part(const Axis *a, double v);

/* The text of tick i from `first` on: "0.25", "-3", "2.5e7"; NUL-terminated. */
void axis_text(const Axis *a, int64_t i, char out[AXIS_TEXT]);

#endif
