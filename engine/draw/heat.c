/* heat.c -- see heat.h.
** Layer: draw. Uses: base. */
#include "draw/heat.h"

#include <math.h>

#include "draw/svg.h"

enum {
  CELLS_MAX = 600000, /* weights drawn in all */
  SHOWN_MAX = 64,
  SHOWN_MIN = 8,
  EDGE = 24,
  HEADING = 52,
  GAP = 6,         /* between maps */
  ROW_TITLE = 56,  /* "layer 11" */
  GRID_WIDTH = 1200,
  LEGEND_HIGH = 150,
  KEY_MAX = 18, KEY_MIN = 13 /* pixels a token of the mean's map, which has names */
};

int heat_tokens(int maps) {
  int n = SHOWN_MAX;
  while (n > SHOWN_MIN && (int64_t)n * n * maps > CELLS_MAX) n--;
  return n;
}

/* How long the longest of the tokens shown is. */
static double name_width(const Heat *h) {
  double widest = 0;
  for (int t = 0; t < h->shown; t++)
    if (svg_width(h->token[t]) > widest) widest = svg_width(h->token[t]);
  return widest;
}

void heat_init(Heat *h, int layers, int heads, const bert_text *token, int tokens, bert_err *e) {
  int most = heat_tokens(layers * heads);
  *h = (Heat){.layers = layers, .heads = heads, .token = token, .tokens = tokens};
  h->shown = tokens < most ? tokens : most;
  h->mean = mem_new((size_t)h->shown * (size_t)h->shown, sizeof *h->mean, e);
  double side = (double)(GRID_WIDTH - ROW_TITLE) / heads - GAP;
  h->cell = floor(side / h->shown);
  if (h->cell < 1) h->cell = 1;
  if (h->cell > 12) h->cell = 12;
  h->key = h->shown > 24 ? KEY_MIN : KEY_MAX;
  h->left = EDGE + ROW_TITLE;
  double key = h->key * h->shown > LEGEND_HIGH ? h->key * h->shown : LEGEND_HIGH;
  h->top = HEADING + name_width(h) + key + 76;
}

void heat_fini(Heat *h) {
  buf_fini(&h->grid);
  mem_free(h->mean);
}

/* ---- maps --------------------------------------------------------------------------------------------------------- */

/* The ink of a weight: 0 … SVG_SHADES. */
static int shade(double weight) {
  int s = (int)(sqrt(weight) * (SVG_SHADES + 1));
  return s < 0 ? 0 : s > SVG_SHADES ? SVG_SHADES : s;
}

/* A map of ink[n][n] in cells of a unit: runs of equal ink as lines, a path for each ink. */
static void draw_map(Buf *b, const uint8_t *ink, int n, bert_err *e) {
  for (int s = 1; s <= SVG_SHADES; s++) {
    int any = 0;
    for (int y = 0; y < n; y++)
      for (int x = 0, past; x < n; x = past) {
        for (past = x + 1; past < n && ink[y * n + past] == ink[y * n + x]; past++) continue;
        if (ink[y * n + x] != s) continue;
        if (!any++) svg_put(b, e, "<path class=\"w w%d\" d=\"", s);
        svg_put(b, e, "M%d %dh%d", x, y, past - x);
      }
    if (any) svg_put(b, e, "\"/>");
  }
}

static void begin_map(Buf *b, double x, double y, double cell, int n, bert_err *e) {
  svg_put(b, e, "<g transform=\"translate(%n %n)scale(%n)\"><path class=\"g\" stroke-width=\"%n\" d=\"M0 0h%dv%dh-%dz\"/>", x,
          y, cell, 1 / cell, n, n, n);
  svg_put(b, e, "<g transform=\"translate(0 .5)\">");
}

/* What token `from` looks at most: row[tokens] of its weights. */
static void row_title(const Heat *h, Buf *b, int layer, int head, int from, const float *row, bert_err *e) {
  enum { BEST = 3 };
  int best[BEST], n = 0;
  for (int t = 0; t < h->tokens; t++) {
    int at = n < BEST ? n++ : row[t] > row[best[BEST - 1]] ? BEST - 1 : BEST;
    if (at == BEST) continue;
    for (; at > 0 && row[best[at - 1]] < row[t]; at--) best[at] = best[at - 1];
    best[at] = t;
  }
  svg_put(b, e, "<path d=\"M0 %dh%dv1h-%dz\"><title>layer %d head %d: %c →", from, h->shown, h->shown, layer, head,
          &h->token[from]);
  for (int i = 0; i < n; i++) svg_put(b, e, "%s %c %n", i ? "," : "", &h->token[best[i]], (double)row[best[i]]);
  svg_put(b, e, "</title></path>");
}

static void head_map(Heat *h, int layer, int head, const float *weights, bert_err *e) {
  uint8_t ink[SHOWN_MAX * SHOWN_MAX] = {0};
  int n = h->shown;
  double side = n * h->cell + GAP;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      double weight = (double)weights[(size_t)y * (size_t)h->tokens + (size_t)x];
      ink[y * n + x] = (uint8_t)shade(weight);
      h->mean[y * n + x] += weight;
    }
  begin_map(&h->grid, h->left + head * side, h->top + layer * side, h->cell, n, e);
  draw_map(&h->grid, ink, n, e);
  svg_put(&h->grid, e, "</g><g class=\"t\">");
  for (int y = 0; y < n && !e->code; y++)
    row_title(h, &h->grid, layer, head, y, weights + (size_t)y * (size_t)h->tokens, e);
  svg_put(&h->grid, e, "</g></g>\n");
}

void heat_layer(Heat *h, int layer, const float *weights, bert_err *e) {
  if (e->code) return;
  size_t map = (size_t)h->tokens * (size_t)h->tokens;
  double side = h->shown * h->cell + GAP;
  svg_put(&h->grid, e, "<text class=\"s e\" x=\"%n\" y=\"%n\">layer %d</text>\n", h->left - 8,
          h->top + layer * side + side / 2 + 2, layer);
  for (int head = 0; head < h->heads && !e->code; head++) head_map(h, layer, head, weights + (size_t)head * map, e);
}

/* ---- the picture -------------------------------------------------------------------------------------------------- */

/* The mean over all heads, its tokens named at the left and on top. */
static void draw_key(const Heat *h, Buf *b, double left, double top, bert_err *e) {
  uint8_t ink[SHOWN_MAX * SHOWN_MAX] = {0};
  for (int i = 0; i < h->shown * h->shown; i++) ink[i] = (uint8_t)shade(h->mean[i] / (h->layers * h->heads));
  for (int t = 0; t < h->shown; t++) {
    double middle = (t + 0.5) * h->key + 4;
    svg_put(b, e, "<text class=\"e\" x=\"%n\" y=\"%n\">%c</text>", left - 6, top + middle, &h->token[t]);
    svg_put(b, e, "<text transform=\"translate(%n %n)rotate(-90)\">%c</text>\n", left + middle, top - 6, &h->token[t]);
  }
  begin_map(b, left, top, h->key, h->shown, e);
  draw_map(b, ink, h->shown, e);
  svg_put(b, e, "</g></g>\n");
}

/* What the inks mean. */
static void draw_legend(Buf *b, double x, double y, bert_err *e) {
  enum { WIDE = 26, HIGH = 14 };
  static const char *const LIMIT[SVG_SHADES] = {".01", ".04", ".09", ".16", ".25", ".36", ".49", ".64", ".81"};
  svg_put(b, e, "<text class=\"s\" x=\"%n\" y=\"%n\">weight, from</text>\n", x, y);
  for (int s = 1; s <= SVG_SHADES; s++) {
    svg_put(b, e, "<path class=\"w w%d\" stroke-width=\"%d\" d=\"M%n %nh%d\"/>", s, HIGH, x, y + 16 + (s - 1) * HIGH, WIDE);
    svg_put(b, e, "<text class=\"s\" x=\"%n\" y=\"%n\">%s</text>\n", x + WIDE + 8, y + 20 + (s - 1) * HIGH, LIMIT[s - 1]);
  }
}

static void draw_heads(const Heat *h, Buf *b, bert_err *e) {
  double side = h->shown * h->cell + GAP;
  for (int head = 0; head < h->heads; head++)
    svg_put(b, e, "<text class=\"s m\" x=\"%n\" y=\"%n\">%s%d</text>\n", h->left + head * side + (side - GAP) / 2,
            h->top - 8, side < 54 ? "" : "head ", head);
}

void heat_draw(const Heat *h, Buf *out, bert_err *e) {
  enum { LEGEND = 150, TITLE = 560 };
  if (e->code) return;
  double side = h->shown * h->cell + GAP, names = name_width(h), key = h->key * h->shown, left = EDGE + names + 6;
  double width = h->left + h->heads * side + EDGE, top = HEADING + names + 6, beside = left + key + 24;
  if (width < beside + LEGEND) width = beside + LEGEND;
  if (width < TITLE) width = TITLE;
  svg_begin(out, width, h->top + h->layers * side + EDGE, "attention", e);
  svg_put(out, e, "<text class=\"h\" x=\"%d\" y=\"26\">Attention: %d layer%s, %d head%s, %d tokens</text>\n", EDGE, h->layers,
          h->layers == 1 ? "" : "s", h->heads, h->heads == 1 ? "" : "s", h->tokens);
  svg_put(out, e, "<text class=\"s\" x=\"%d\" y=\"44\">a row: the token that looks; a column: the one looked at", EDGE);
  if (h->shown < h->tokens) svg_put(out, e, "; the first %d tokens are shown", h->shown);
  svg_put(out, e, "</text>\n");
  draw_key(h, out, left, top, e);
  svg_put(out, e, "<text class=\"s m\" x=\"%n\" y=\"%n\">mean of all heads</text>\n", left + key / 2, top + key + 18);
  draw_legend(out, beside, top + 10, e);
  draw_heads(h, out, e);
  buf_add(out, h->grid.data, h->grid.size, e);
  svg_end(out, e);
}
