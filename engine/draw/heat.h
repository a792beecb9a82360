/* heat.h -- attention as small multiples: one heat map a head, layers down, heads across.
** Layer: draw. Uses: base.
**
**    mean of all heads, tokens named          | - - - |  legend
**    layer 0   [map] [map] [map] …            a map's rows are the tokens that look, its columns those looked at
**    layer 1   [map] [map] [map] …
**
** Ink is the weight's square root in SVG_SHADES steps, so that a weight of 0.02 is still seen; below 0.01 the paper is
** bare. Where the mouse rests, a map's row says its token and the three that it looks at most.
** What a browser draws is bounded: of a text past heat_tokens() the maps show the first tokens, and say so; weights stay
** those of the whole text. A weight costs at most 12 bytes, neighbours of equal ink share them. */
#ifndef DRAW_HEAT_H
#define DRAW_HEAT_H

#include "base/buf.h"

typedef struct {
  int layers, heads, tokens; /* tokens of the text */
  int shown;                 /* of them in each map */
  const bert_text *token;    /* [tokens] */
  Buf grid;                  /* the maps of the layers so far */
  double *mean;              /* [shown][shown]: sums over heads */
  double cell, left, top;    /* of the grid: pixels a token, and where it begins */
  double key;                /* pixels a token of the mean's map */
} Heat;

/* How many tokens maps of so many heads in all show. */
int heat_tokens(int maps);

void heat_init(Heat *h, int layers, int heads, const bert_text *token, int tokens, bert_err *e);
/* Layers in order: weights[heads][tokens][tokens]. */
void heat_layer(Heat *h, int layer, const float *weights, bert_err *e);
/* The whole picture, after all layers. */
void heat_draw(const Heat *h, Buf *out, bert_err *e);
void heat_fini(Heat *h);

#endif
