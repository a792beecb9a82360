/* number.c -- see number.h.
** Layer: base. Uses: json. */
#include "base/number.h"

#include <stdio.h>

#include "base/json.h"

int number_print(float x, char out[NUMBER_ROOM]) {
  int n = 0;
  for (int digits = 6; digits <= 9; digits++) {
    n = snprintf(out, NUMBER_ROOM, "%.*g", digits, (double)x);
    /* The locale's decimal point, one byte in every locale that matters, is the only character that is none of ours. */
    for (int i = 0; i < n; i++)
      if (!((out[i] >= '0' && out[i] <= '9') || out[i] == '-' || out[i] == '+' || out[i] == 'e')) out[i] = '.';
    if ((float)json_parse_number(out, (size_t)n) == x) break;
  }
  return n;
}
