/* number.c -- see number.h.
** Layer: base. Uses: json. */
#include "base/number.h"

#include <stdio.h>

#include "base/json.h"

/* Copies a number with the locale's decimal point, of one byte or several, as a full stop; returns the length. */
static int plain_point(char *out, int room, const char *text, int n) {
  int used = 0, inside = 0;
  for (int i = 0; i < n && used < room - 1; i++) {
    int ours = (text[i] >= '0' && text[i] <= '9') || text[i] == '-' || text[i] == '+' || text[i] == 'e';
    if (ours) out[used++] = text[i];
    else if (!inside) out[used++] = '.';
    inside = !ours;
  }
  out[used] = 0;
  return used;
}

int number_print(float x, char out[NUMBER_ROOM]) {
  int n = 0;
  for (int digits = 6; digits <= 9; digits++) {
    char text[2 * NUMBER_ROOM];
    n = plain_point(out, NUMBER_ROOM, text, snprintf(text, sizeof text, "%.*g", digits, (double)x));
    if ((float)json_parse_number(out, (size_t)n) == x) break;
  }
  return n;
}

int number_print_double(double x, char out[NUMBER_DOUBLE_ROOM]) {
  char text[2 * NUMBER_DOUBLE_ROOM];
  return plain_point(out, NUMBER_DOUBLE_ROOM, text, snprintf(text, sizeof text, "%.17g", x));
}
