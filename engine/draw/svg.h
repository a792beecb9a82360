/* svg.h -- SVG as text: elements, escaped text, one palette for light and dark.
** Layer: draw. Uses: base.
**
**    svg_begin(&b, 400, 300, "a title", &e);
**    svg_put(&b, &e, "<circle cx=\"%n\" cy=\"%n\" r=\"%n\"><title>%t</title></circle>\n", 10.5, 20.0, 3.0, &label);
**    svg_end(&b, &e);
**
** A picture is one file without scripts, links or fonts of its own. Its style sheet has all colours, once for light and
** once for dark (prefers-color-scheme), under the class bert, so that a page may hold many pictures inline.
** Series are told apart by colour and shape: seven colours that colour-blind eyes can tell (after Okabe and Ito 2008),
** four shapes, 28 pairs. Numbers are written alike in every locale, on every machine. */
#ifndef DRAW_SVG_H
#define DRAW_SVG_H

#include "base/buf.h"

enum {
  SVG_STYLES = 28,     /* pairs of a colour and a shape: style s and s + SVG_STYLES look alike */
  SVG_NO_STYLE = -1,   /* grey */
  SVG_CHARACTERS = 40, /* of a text that %c writes */
  SVG_LONGEST = 1000,  /* of one that %t writes */
  SVG_SHADES = 9       /* classes w1 … w9 of strokes: an ink by its strength */
};

/* Appends the format, in which
**    %n  a double, to two decimals            %d  an int
**    %s  a C string as it stands              %t  a const bert_text *, any bytes, escaped, cut to SVG_LONGEST
**    %c  likewise, cut to SVG_CHARACTERS      %%  a percent sign
** What XML cannot hold (control characters, bytes that are not UTF-8) is written as U+FFFD. */
void svg_put(Buf *b, bert_err *e, const char *format, ...);

/* From the start of a picture of that size to where its elements go; and its end. */
void svg_begin(Buf *b, double width, double height, const char *title, bert_err *e);
void svg_end(Buf *b, bert_err *e);

/* The mark of a style around a point; `title`, shown where the mouse rests, may be NULL. */
void svg_mark(Buf *b, int style, double x, double y, double radius, const bert_text *title, bert_err *e);

/* The start of a path that is a line of a style, up to its other attributes: `<path class="l c3"`. */
void svg_line_style(Buf *b, int style, bert_err *e);

/* How wide characters of a text are drawn, about, in pixels at the style sheet's size; cut as %c cuts it. */
double svg_width(bert_text text);

#endif
