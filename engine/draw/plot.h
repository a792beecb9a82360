/* plot.h -- lines through points: y over x, a line for each series.
** Layer: draw. Uses: base.
**
** Points of a series are joined by rising x, in whatever order they came. Few points have marks. Where a series has more of
** them than the paper has columns, each column keeps its first, lowest, highest and last, which looks the same: a picture of
** a million points is no larger than one of a few thousand. Both scales are linear (log10(y) makes the other kind).
** bert.h says what the functions do, under the names bert_plot_… */
#ifndef DRAW_PLOT_H
#define DRAW_PLOT_H

#include "draw/names.h"

typedef struct bert_plot {
  int count;
  Buf points; /* Point [count], see plot.c */
  Names names;
  Buf svg;
} Plot;

Plot *plot_new(bert_err *e);
void plot_add(Plot *p, double x, double y, const bert_text *series, bert_err *e);
bert_text plot_draw(Plot *p, bert_err *e);
void plot_free(Plot *p);

#endif
