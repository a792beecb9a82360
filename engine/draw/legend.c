/* legend.c -- see legend.h.
** Layer: draw. Uses: base. */
#include "draw/legend.h"

#include <string.h>

#include "draw/svg.h"

enum { MARK = 22 }; /* from the left to the text */

static int rarer(const Names *names, int a, int b) { return names_at(names, a)->count < names_at(names, b)->count; }

static int after(const Names *names, int a, int b) {
  bert_text s = names_text(names, a), t = names_text(names, b);
  size_t n = s.size < t.size ? s.size : t.size;
  int order = n ? memcmp(s.data, t.data, n) : 0;
  return order ? order > 0 : s.size > t.size;
}

/* Puts a name into list[n] (n of at most `most`), which is kept in order; returns the new n. What goes past the end is
** lost. */
static int insert(int *list, int n, int most, int name, const Names *names, int (*behind)(const Names *, int, int)) {
  int at = n < most ? n : most;
  while (at > 0 && behind(names, list[at - 1], name)) at--;
  if (at == most) return n;
  int moved = (n < most ? n : most - 1) - at;
  memmove(list + at + 1, list + at, (size_t)moved * sizeof *list);
  list[at] = name;
  return n < most ? n + 1 : n;
}

void legend_choose(Legend *l, Names *names) {
  int all = names_count(names), most = all <= LEGEND_MAX ? all : LEGEND_MAX - 1, frequent[LEGEND_MAX], n = 0;
  *l = (Legend){.count = most, .others = all - most};
  for (int i = 0; i < all; i++) {
    names_at(names, i)->style = SVG_NO_STYLE;
    n = insert(frequent, n, most, i, names, rarer);
  }
  for (int i = 0, count = 0; i < n; i++) count = insert(l->shown, count, most, frequent[i], names, after);
  for (int i = 0; i < n; i++) names_at(names, l->shown[i])->style = i;
}

static void row(Buf *b, int style, int line, double x, double y, bert_err *e) {
  if (!line) svg_mark(b, style, x + 7, y - 4, 5, NULL, e);
  else svg_line_style(b, style, e), svg_put(b, e, " d=\"M%n %nh16\"/>\n", x, y - 4);
}

void legend_draw(Buf *b, const Legend *l, const Names *names, double x, double y, int lines, int without, bert_err *e) {
  for (int i = 0; i < l->count; i++, y += LEGEND_ROW) {
    bert_text text = names_text(names, l->shown[i]);
    row(b, i, lines, x, y, e);
    svg_put(b, e, "<text x=\"%n\" y=\"%n\">%c</text>\n", x + MARK, y, &text);
  }
  if (l->others) {
    row(b, SVG_NO_STYLE, lines, x, y, e);
    svg_put(b, e, "<text class=\"s\" x=\"%n\" y=\"%n\">%d others</text>\n", x + MARK, y, l->others);
    y += LEGEND_ROW;
  }
  if (!without) return;
  row(b, SVG_NO_STYLE, lines, x, y, e);
  svg_put(b, e, "<text class=\"s\" x=\"%n\" y=\"%n\">%s</text>\n", x + MARK, y, lines ? "(no name)" : "(no label)");
}

double legend_width(const Legend *l, const Names *names) {
  double widest = 60;
  for (int i = 0; i < l->count; i++) {
    double width = svg_width(names_text(names, l->shown[i]));
    if (width > widest) widest = width;
  }
  return MARK + widest;
}
