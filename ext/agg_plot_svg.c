/* agg_plot_svg.c -- bert_plot_svg: a picture of y over x, a line for each series.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_plot_svg(step, loss) FROM steps;                       -- <svg …: the loss curve
**    SELECT bert_plot_svg(step, log10(loss), run) FROM steps;           -- a line for each run, on a logarithmic scale
**
** The picture is SVG text. Points are joined by rising x; one whose x or y is NULL is left out, a series that is NULL has
** no name. Scales are linear. At most 1,000,000 points; memory: 24 bytes each. */
#include "ext.h"

static void *new(bert_err *e) { return bert_plot_new(e); }
static void free_plot(void *state) { bert_plot_free(state); }

/* The number of a value: 0 where it is NULL or an error. */
static int take_number(sqlite3_value *v, const char *what, double *out, bert_err *e) {
  int type = sqlite3_value_numeric_type(v);
  if (e->code || type == SQLITE_NULL) return 0;
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
    error_set(e, BERT_ARGUMENT, "%s is %s, wanted a number", what, value_shown(v).text);
  *out = sqlite3_value_double(v);
  return !e->code;
}

static void step(Call *call, void *state, bert_err *e) {
  double x, y;
  bert_text series;
  if (!take_number(call->values[0], "x", &x, e) || !take_number(call->values[1], "y", &y, e)) return;
  int named = value_text(fn_value(call, 2), "series", &series, e);
  bert_plot_add(state, x, y, named ? &series : NULL, e);
}

static bert_text finish(Call *call, void *state, bert_err *e) {
  (void)call;
  return bert_plot_draw(state, e);
}

const Aggregate aggregate_plot_svg = {
    "bert_plot_svg", 2, 3, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, new, step, finish, free_plot};
