/* map.h -- vectors as points of a plane, coloured by label.
** Layer: draw. Uses: base.
**
**    vectors, labels -> pca.h -> points; legend on the right
**
** Up to LEGEND labels each have a colour and a shape. Of more labels the most frequent have, and the others share grey;
** unless most points have a label of their own: then labels are the points' names, written beside them where there is room.
** Both axes have one scale, so distances can be compared. bert.h says what the functions do, under the names bert_map_… */
#ifndef DRAW_MAP_H
#define DRAW_MAP_H

#include "draw/names.h"

typedef struct bert_map {
  int dimensions, count;
  Buf vectors; /* float [count][dimensions] */
  Buf labels;  /* int [count]: an index of names, or -1 */
  Names names;
  Buf svg;
} Map;

Map *map_new(bert_err *e);
void map_add(Map *m, const float *v, int n, const bert_text *label, bert_err *e);
bert_text map_draw(Map *m, const bert_progress *progress, bert_err *e);
void map_free(Map *m);

#endif
