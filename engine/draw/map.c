/* map.c -- see map.h.
** Layer: draw. Uses: base. */
#include "draw/map.h"

#include "draw/legend.h"
#include "draw/pca.h"
#include "draw/svg.h"

enum {
  POINTS_MAX = 10000,
  NUMBERS_MAX = 1 << 24, /* of all vectors: 64 MiB */
  SIDE = 560,            /* of the square that the points lie in */
  LEFT = 24, TOP = 56, EDGE = 12, BOTTOM = 44,
  NAMES_MAX = 400        /* written beside points */
};

Map *map_new(bert_err *e) { return mem_new(1, sizeof(Map), e); }

void map_free(Map *m) {
  if (!m) return;
  buf_fini(&m->vectors);
  buf_fini(&m->labels);
  buf_fini(&m->svg);
  names_fini(&m->names);
  mem_free(m);
}

void map_add(Map *m, const float *v, int n, const bert_text *label, bert_err *e) {
  if (e->code) return;
  if (!m->count) m->dimensions = n;
  if (n != m->dimensions)
    err_set(e, BERT_ARGUMENT, "a vector of %d numbers after %d of %d, wanted as many: are they of one model?", n, m->count,
            m->dimensions);
  if (m->count == POINTS_MAX || m->vectors.size / sizeof *v + (size_t)n > NUMBERS_MAX)
    err_set(e, BERT_ARGUMENT, "more than %d vectors of %d numbers, wanted a sample: at most %d vectors, %d numbers in all",
            m->count, n, POINTS_MAX, NUMBERS_MAX);
  int name = label && !e->code ? names_add(&m->names, *label, e) : -1;
  buf_add(&m->vectors, v, (size_t)n * sizeof *v, e);
  buf_add(&m->labels, &name, sizeof name, e);
  m->count += !e->code;
}

/* ---- the plane ---------------------------------------------------------------------------------------------------- */

/* Where the points are on paper. */
typedef struct {
  double scale, x, y; /* paper = x + scale * at */
} Plane;

static Plane plane_of(const Pca *p, int n) {
  double low[2] = {0, 0}, high[2] = {0, 0};
  for (int r = 0; r < n; r++)
    for (int i = 0; i < 2; i++) {
      if (r == 0 || p->at[r][i] < low[i]) low[i] = p->at[r][i];
      if (r == 0 || p->at[r][i] > high[i]) high[i] = p->at[r][i];
    }
  double wide = high[0] - low[0] > high[1] - low[1] ? high[0] - low[0] : high[1] - low[1];
  Plane q = {.scale = wide > 0 ? (SIDE - 2.0 * EDGE) / wide : 0};
  q.x = LEFT + SIDE / 2.0 - q.scale * (low[0] + high[0]) / 2;
  q.y = TOP + SIDE / 2.0 + q.scale * (low[1] + high[1]) / 2;
  return q;
}

static void draw_frame(Map *m, const Pca *p, const Plane *q, bert_err *e) {
  static const char *const ORDINAL[] = {"first", "second"};
  double right = LEFT + SIDE, bottom = TOP + SIDE;
  svg_put(&m->svg, e, "<g class=\"g\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", LEFT, TOP, SIDE, SIDE);
  svg_put(&m->svg, e, "<path stroke-dasharray=\"2 4\" d=\"M%n %nV%nM%n %nH%n\"/></g>\n", q->x, (double)TOP, bottom,
          (double)LEFT, q->y, right);
  for (int i = 0; i < 2; i++) {
    if (i == 0) svg_put(&m->svg, e, "<text class=\"s m\" x=\"%n\" y=\"%n\">", LEFT + SIDE / 2.0, bottom + 20);
    else svg_put(&m->svg, e, "<text class=\"s m\" transform=\"translate(%n %n)rotate(-90)\">", LEFT - 9.0, TOP + SIDE / 2.0);
    svg_put(&m->svg, e, "%s principal component: %n %% of the variance</text>\n", ORDINAL[i],
            (double)(int)(p->share[i] * 1000 + 0.5) / 10);
  }
}

static void draw_points(Map *m, const Pca *p, const Plane *q, bert_err *e) {
  const int *label = (const int *)m->labels.data;
  double radius = m->count <= 300 ? 5 : m->count <= 2000 ? 3.5 : 2.4;
  for (int r = 0; r < m->count && !e->code; r++) {
    bert_text text = label[r] < 0 ? (bert_text){NULL, 0} : names_text(&m->names, label[r]);
    svg_mark(&m->svg, label[r] < 0 ? SVG_NO_STYLE : names_at(&m->names, label[r])->style, q->x + q->scale * p->at[r][0],
             q->y - q->scale * p->at[r][1], radius, label[r] < 0 ? NULL : &text, e);
  }
}

/* ---- names beside points ------------------------------------------------------------------------------------------ */

typedef struct {
  double left, top, right, bottom;
} Box;

/* Text of that width right of a point, left of it, under it or over it. */
enum { RIGHT, LEFT_OF, UNDER, OVER, PLACES };

static Box place_name(int place, double x, double y, double wide) {
  enum { AWAY = 8, HALF = 7 };
  double middle = place == UNDER ? y + 2 * AWAY : place == OVER ? y - 2 * AWAY : y;
  double left = place == RIGHT ? x + AWAY : place == LEFT_OF ? x - AWAY - wide : x - wide / 2;
  return (Box){left, middle - HALF, left + wide, middle + HALF};
}

static int overlaps(const Box *box, int n, Box b) {
  for (int i = 0; i < n; i++)
    if (b.left < box[i].right && box[i].left < b.right && b.top < box[i].bottom && box[i].top < b.bottom) return 1;
  return 0;
}

/* 1 if a point of paper lies in the box. */
static int covers(const Pca *p, const Plane *q, int n, Box b) {
  for (int r = 0; r < n; r++) {
    double x = q->x + q->scale * p->at[r][0], y = q->y - q->scale * p->at[r][1];
    if (x > b.left && x < b.right && y > b.top && y < b.bottom) return 1;
  }
  return 0;
}

/* In order, each where those before leave room and no point lies; there may be no such place. */
static void draw_names(Map *m, const Pca *p, const Plane *q, double width, bert_err *e) {
  const int *label = (const int *)m->labels.data;
  Box box[NAMES_MAX];
  int n = 0;
  for (int r = 0; r < m->count && n < NAMES_MAX && !e->code; r++) {
    if (label[r] < 0) continue;
    bert_text text = names_text(&m->names, label[r]);
    double x = q->x + q->scale * p->at[r][0], y = q->y - q->scale * p->at[r][1], wide = svg_width(text);
    for (int place = RIGHT; place < PLACES; place++) {
      Box b = place_name(place, x, y, wide);
      if (b.left < 0 || b.right > width || overlaps(box, n, b) || covers(p, q, m->count, b)) continue;
      box[n++] = b;
      svg_put(&m->svg, e, "<text class=\"o%s\" x=\"%n\" y=\"%n\">%c</text>\n",
              place == RIGHT ? "" : place == LEFT_OF ? " e" : " m",
              place == RIGHT ? b.left : place == LEFT_OF ? b.right : x, b.top + 11, &text);
      break;
    }
  }
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

bert_text map_draw(Map *m, const bert_progress *progress, bert_err *e) {
  enum { MARGIN = 24, NAMES_WIDTH = 760 };
  Pca p;
  Legend l;
  int labelled = 0, labels = names_count(&m->names);
  if (!m->count) return (bert_text){NULL, 0};
  legend_choose(&l, &m->names);
  for (int i = 0; i < labels; i++) labelled += names_at(&m->names, i)->count;
  int named = labels > LEGEND_MAX && labelled < 2 * labels;
  double legend = labels && !named ? legend_width(&l, &m->names) + MARGIN : 0;
  double width = named ? NAMES_WIDTH : LEFT + SIDE + legend + MARGIN, right = LEFT + SIDE + MARGIN;
  for (int i = 0; i < labels && named; i++) names_at(&m->names, i)->style = 0;
  m->svg.size = 0;
  pca_run(&p, (const float *)m->vectors.data, m->count, m->dimensions, progress, e);
  if (e->code) return (bert_text){NULL, 0};
  Plane q = plane_of(&p, m->count);
  svg_begin(&m->svg, width, TOP + SIDE + BOTTOM, "map of vectors", e);
  svg_put(&m->svg, e, "<text class=\"h\" x=\"%d\" y=\"26\">%d vectors of %d dimensions</text>\n", LEFT, m->count,
          m->dimensions);
  svg_put(&m->svg, e, "<text class=\"s\" x=\"%d\" y=\"44\">their two principal components</text>\n", LEFT);
  draw_frame(m, &p, &q, e);
  draw_points(m, &p, &q, e);
  if (named) draw_names(m, &p, &q, width, e);
  else if (labels) legend_draw(&m->svg, &l, &m->names, right, TOP + 14, 0, labelled < m->count, e);
  svg_end(&m->svg, e);
  mem_free(p.at);
  return (bert_text){m->svg.data, e->code ? 0 : m->svg.size};
}
