/* legend.h -- which style each label has, and the list that tells.
** Layer: draw. Uses: base. */
#ifndef DRAW_LEGEND_H
#define DRAW_LEGEND_H

#include "draw/names.h"

enum { LEGEND_MAX = 24, LEGEND_ROW = 20 };

typedef struct {
  int shown[LEGEND_MAX]; /* indices of names, in the order of the list; shown[i] has style i */
  int count;
  int others;            /* labels that share grey */
} Legend;

/* Sets every name's style. The most frequent labels are shown, sorted by their bytes. */
void legend_choose(Legend *l, Names *names);

/* Draws it from (x, y) down, with marks or (lines) strokes; `without`: points of no label, in grey, are shown too. */
void legend_draw(Buf *b, const Legend *l, const Names *names, double x, double y, int lines, int without, bert_err *e);

/* How wide it is. */
double legend_width(const Legend *l, const Names *names);

#endif
