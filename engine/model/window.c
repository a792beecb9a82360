/* window.c -- see window.h.
** Layer: model. Uses: base text. */
#include "model/window.h"

int window_end(const Encoding *c, int from, int last, int room) {
  int end = last - from <= room ? last : from + room;
  if (end == last) return end;
  int whole = end;
  while (whole > from && !c->whole[whole]) whole--;
  return whole > from ? whole : end;
}

int window_next(const Encoding *c, int from, int end, int overlap) {
  int next = end - overlap;
  if (next <= from) next = from + 1;
  while (next < end && !c->whole[next]) next++;
  return next;
}
