/* axis.c -- see axis.h.
** Layer: draw. Uses: nothing. */
#include "draw/axis.h"

#include <math.h>
#include <string.h>


/* 10^n by repeated products: libm's pow differs between machines in the last place. */
static double power(int n) {
  double x = 1;
  for (int i = n < 0 ? -n : n; i > 0; i--) x *= 10;
  return n < 0 ? 1 / x : x;
}

/* step = the least of 1, 2, 5 times a power of ten that is at least `least`. */
static void choose_step(Axis *a, double least) {
  static const int DIGITS[] = {1, 2, 5};
  int e = 0;
  while (power(e) > least && e > -60) e--;
  while (power(e + 1) <= least && e < 60) e++;
  for (;; e++)
    for (int i = 0; i < 3; i++) {
      a->digit = DIGITS[i], a->exponent = e;
      a->step = (double)a->digit * power(e);
      if (a->step >= least * (1 - 1e-9)) return;
    }
}

Axis axis_over(double low, double high, int about) {
  Axis a = {0};
  double size = fabs(low) > fabs(high) ? fabs(low) : fabs(high);
  if (!(high - low > size * 1e-9)) { /* closer than ticks could tell */
    double room = size > 1e-36 ? size / 10 : 1;
    low -= room, high += room;
  }
  choose_step(&a, (high - low) / about);
  a.first = (int64_t)floor(low / a.step + 1e-9);
  a.last = (int64_t)ceil(high / a.step - 1e-9);
  return a;
}

double axis_part(const Axis *a, double v) {
  return (v / a->step - (double)a->first) / (double)(a->last - a->first);
}

/* digits[n] with a point before the last `decimals`. */
static char *put_point(char *out, const char *digits, int n, int decimals) {
  if (n <= decimals) *out++ = '0';
  for (int i = 0; i < n - decimals; i++) *out++ = digits[i];
  if (decimals) *out++ = '.';
  for (int i = n; i < decimals; i++) *out++ = '0';
  for (int i = n > decimals ? n - decimals : 0; i < n; i++) *out++ = digits[i];
  return out;
}

/* The digits are exact: they come from whole numbers. */
void axis_text(const Axis *a, int64_t i, char out[AXIS_TEXT]) {
  enum { ZEROS = 5, DECIMALS = 6 };
  char digits[24];
  int n = 0, exponent = a->exponent;
  int64_t value = i * a->digit;
  uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
  for (uint64_t x = rest; x; x /= 10) n++;
  for (int k = n; k > 0; rest /= 10) digits[--k] = (char)('0' + rest % 10);
  if (value < 0) *out++ = '-';
  if (n == 0) {
    *out++ = '0';
  } else if (exponent < 0 && exponent >= -DECIMALS) {
    out = put_point(out, digits, n, -exponent);
  } else if (exponent >= 0 && n + exponent <= ZEROS + 1) {
    memcpy(out, digits, (size_t)n);
    memset(out + n, '0', (size_t)exponent);
    out += n + exponent;
  } else {
    while (n > 1 && digits[n - 1] == '0') n--, exponent++;
    out = put_point(out, digits, n, n - 1);
    exponent += n - 1;
    *out++ = 'e';
    if (exponent < 0) *out++ = '-';
    for (int left = exponent < 0 ? -exponent : exponent, unit = left >= 100 ? 100 : left >= 10 ? 10 : 1; unit; unit /= 10)
      *out++ = (char)('0' + left / unit % 10);
  }
  *out = 0;
}
