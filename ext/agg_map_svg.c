/* agg_map_svg.c -- bert_map_svg: a picture of many vectors, like ones near each other.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_map_svg(embedding, category) FROM notes;                    -- <svg …: a point a note, coloured by category
**    SELECT writefile('map.svg', bert_map_svg(embedding, title)) FROM notes; -- in the sqlite3 shell: titles beside points
**
** The picture is SVG text, of the vectors' two principal components, and the same for the same rows in the same order.
** A vector that is NULL has no point; a label that is NULL makes it grey. Vectors of another length are an error, so are
** more than 10,000. Memory: the vectors. */
#include "ext.h"

static void *new(bert_err *e) { return bert_map_new(e); }
static void free_map(void *state) { bert_map_free(state); }

static void step(Call *call, void *state, bert_err *e) {
  Vector v;
  bert_text label;
  if (!value_vector(call->connection, 0, call->values[0], "vector", &v, e)) return;
  int labelled = value_text(fn_value(call, 1), "label", &label, e);
  bert_map_add(state, v.data, v.n, labelled ? &label : NULL, e);
}

static bert_text finish(Call *call, void *state, bert_err *e) {
  Watch watch;
  watch_start(&watch, connection_db(call->connection));
  bert_text svg = bert_map_draw(state, &watch.progress, e);
  watch_stop(&watch);
  return svg;
}

const Aggregate aggregate_map_svg = {
    "bert_map_svg", 1, 2, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE, new, step, finish, free_map};
