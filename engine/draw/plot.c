/* plot.c -- see plot.h.
** Layer: draw. Uses: base. */
#include "draw/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "draw/axis.h"
#include "draw/legend.h"
#include "draw/svg.h"

enum {
  POINTS_MAX = 1000000,
  MARKED = 60, /* a series of up to so many points has marks */
  WIDTH = 640, HEIGHT = 360, TOP = 20, MARGIN = 24, X_TICKS = 8, Y_TICKS = 6
};

typedef struct {
  double x, y;
  int series; /* an index of names, or -1 */
  int order;
} Point;

/* The paper: x from left on, y from TOP on down. */
typedef struct {
  Axis x, y;
  double left;
} Frame;

Plot *plot_new(bert_err *e) { return mem_new(1, sizeof(Plot), e); }

void plot_free(Plot *p) {
  if (!p) return;
  buf_fini(&p->points);
  buf_fini(&p->svg);
  names_fini(&p->names);
  mem_free(p);
}

static void check(const char *what, double v, bert_err *e) {
  if (!(fabs(v) <= AXIS_MAX)) err_set(e, BERT_ARGUMENT, "%s is infinite or past 1e38, wanted what can be drawn", what);
}

void plot_add(Plot *p, double x, double y, const bert_text *series, bert_err *e) {
  if (e->code) return;
  check("x", x, e);
  check("y", y, e);
  if (p->count == POINTS_MAX)
    err_set(e, BERT_ARGUMENT, "more than %d points, wanted a sample of them, or GROUP BY", POINTS_MAX);
  Point new = {x, y, series && !e->code ? names_add(&p->names, *series, e) : -1, p->count};
  buf_add(&p->points, &new, sizeof new, e);
  p->count += !e->code;
}

/* ---- the frame ---------------------------------------------------------------------------------------------------- */

static double place_x(const Frame *f, double x) { return f->left + WIDTH * axis_part(&f->x, x); }
static double place_y(const Frame *f, double y) { return TOP + HEIGHT * (1 - axis_part(&f->y, y)); }

static Frame frame_of(const Plot *p) {
  const Point *a = (const Point *)p->points.data;
  Point low = {0}, high = {0};
  for (int i = 0; i < p->count; i++) {
    if (i == 0 || a[i].x < low.x) low.x = a[i].x;
    if (i == 0 || a[i].y < low.y) low.y = a[i].y;
    if (i == 0 || a[i].x > high.x) high.x = a[i].x;
    if (i == 0 || a[i].y > high.y) high.y = a[i].y;
  }
  Frame f = {axis_over(low.x, high.x, X_TICKS), axis_over(low.y, high.y, Y_TICKS), 0};
  for (int64_t i = f.y.first; i <= f.y.last; i++) {
    char text[AXIS_TEXT];
    axis_text(&f.y, i, text);
    size_t n = 0;
    while (text[n]) n++;
    double width = svg_width((bert_text){text, n}) + MARGIN + 8;
    if (width > f.left) f.left = width;
  }
  return f;
}

static void draw_frame(Plot *p, const Frame *f, bert_err *e) {
  char text[AXIS_TEXT];
  svg_put(&p->svg, e, "<path class=\"g\" d=\"");
  for (int64_t i = f->x.first; i <= f->x.last; i++)
    svg_put(&p->svg, e, "M%n %dv%d", place_x(f, (double)i * f->x.step), TOP, HEIGHT);
  for (int64_t i = f->y.first; i <= f->y.last; i++)
    svg_put(&p->svg, e, "M%n %nh%d", f->left, place_y(f, (double)i * f->y.step), WIDTH);
  svg_put(&p->svg, e, "\"/>\n");
  for (int64_t i = f->x.first; i <= f->x.last; i++) {
    axis_text(&f->x, i, text);
    svg_put(&p->svg, e, "<text class=\"s m\" x=\"%n\" y=\"%d\">%s</text>\n", place_x(f, (double)i * f->x.step),
            TOP + HEIGHT + 18, text);
  }
  for (int64_t i = f->y.first; i <= f->y.last; i++) {
    axis_text(&f->y, i, text);
    svg_put(&p->svg, e, "<text class=\"s e\" x=\"%n\" y=\"%n\">%s</text>\n", f->left - 8,
            place_y(f, (double)i * f->y.step) + 4, text);
  }
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static int by_series(const void *a, const void *b) {
  const Point *p = a, *q = b;
  if (p->series != q->series) return p->series < q->series ? -1 : 1;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  return p->order < q->order ? -1 : 1;
}

static void go_to(Plot *p, const Frame *f, const Point *a, int first, bert_err *e) {
  svg_put(&p->svg, e, "%s%n %n", first ? "M" : "L", place_x(f, a->x), place_y(f, a->y));
}

/* How many of a[n] lie in the first one's column of the paper. */
static int same_column(const Frame *f, const Point *a, int n) {
  int column = (int)place_x(f, a->x), k = 1;
  while (k < n && (int)place_x(f, a[k].x) == column) k++;
  return k;
}

/* First, lowest, highest and last of the points a[n] of a column, in their order. */
static void draw_column(Plot *p, const Frame *f, const Point *a, int n, int first, bert_err *e) {
  int low = 0, high = 0, last = -1;
  for (int i = 1; i < n; i++) {
    if (a[i].y < a[low].y) low = i;
    if (a[i].y > a[high].y) high = i;
  }
  const int keep[] = {0, low < high ? low : high, low < high ? high : low, n - 1};
  for (int i = 0; i < 4; i++) {
    if (keep[i] > last) go_to(p, f, a + keep[i], first && keep[i] == 0, e);
    last = keep[i];
  }
}

/* Whole numbers to the last digit: steps and times are such; others as a float has them. */
static void print_value(double v, char out[NUMBER_ROOM]) {
  if (v == floor(v) && fabs(v) < 1e13) snprintf(out, NUMBER_ROOM, "%.0f", v);
  else number_print((float)v, out);
}

static void draw_marks(Plot *p, const Frame *f, const Point *a, int n, int style, bert_err *e) {
  for (int i = 0; i < n; i++) {
    char x[NUMBER_ROOM], y[NUMBER_ROOM];
    print_value(a[i].x, x);
    print_value(a[i].y, y);
    svg_put(&p->svg, e, "<g><title>%s, %s</title>", x, y);
    svg_mark(&p->svg, style, place_x(f, a[i].x), place_y(f, a[i].y), 3.5, NULL, e);
    svg_put(&p->svg, e, "</g>\n");
  }
}

static void draw_series(Plot *p, const Frame *f, const Point *a, int n, bert_err *e) {
  int style = a->series >= 0 ? names_at(&p->names, a->series)->style : names_count(&p->names) ? SVG_NO_STYLE : 0;
  svg_line_style(&p->svg, style, e);
  svg_put(&p->svg, e, " d=\"");
  for (int i = 0, k; i < n && !e->code; i += k) {
    k = n > 4 * WIDTH ? same_column(f, a + i, n - i) : 1;
    draw_column(p, f, a + i, k, i == 0, e);
  }
  svg_put(&p->svg, e, "\"/>\n");
  if (n <= MARKED) draw_marks(p, f, a, n, style, e);
}

bert_text plot_draw(Plot *p, bert_err *e) {
  Legend l;
  Point *a = (Point *)p->points.data;
  int names = names_count(&p->names), without = 0;
  if (!p->count) return (bert_text){NULL, 0};
  legend_choose(&l, &p->names);
  qsort(a, (size_t)p->count, sizeof *a, by_series);
  Frame f = frame_of(p);
  double right = f.left + WIDTH + MARGIN, width = right + (names ? legend_width(&l, &p->names) + MARGIN : 0);
  int rows = l.count + 2, height = TOP + HEIGHT + 40;
  if (names && height < TOP + rows * LEGEND_ROW) height = TOP + rows * LEGEND_ROW;
  p->svg.size = 0;
  svg_begin(&p->svg, width, height, "plot", e);
  draw_frame(p, &f, e);
  for (int i = 0, n; i < p->count && !e->code; i += n) {
    for (n = 1; i + n < p->count && a[i + n].series == a[i].series; n++) continue;
    without |= a[i].series < 0;
    draw_series(p, &f, a + i, n, e);
  }
  if (names) legend_draw(&p->svg, &l, &p->names, right, TOP + 14, 1, without, e);
  svg_end(&p->svg, e);
  return (bert_text){p->svg.data, e->code ? 0 : p->svg.size};
}
