/* tvf_classes.c -- bert_classes, bert_predict: every label of a text or a pair, or of a vector, with its score, best first.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT label, score, rank FROM bert_classes('what a lovely film');   -- POSITIVE|0.98|1   NEGATIVE|0.02|2, say
**    SELECT n.id, c.label FROM notes n, bert_classes(n.body) c WHERE c.score > 0.5;
**
**    SELECT label, score FROM bert_predict(bert_concat(bert_embed('a loft'), 80, 3), 'small') WHERE rank = 1;
**
** bert_predict asks a model of vectors alone, which bert_finetune('head', …) trains, wherever the vector is from.
**
** A model with numbers beside its text (bert_classify) takes them as a vector, of the hidden column features:
** bert_classes(body, NULL, 'mine', json_array(price, age)).
**
** Scores are those of transformers' text-classification pipeline: softmax, or sigmoid where any number of labels may
** hold at once (problem_type multi_label_classification) and for one unit, or the number of a regression. Among equals
** the label that the model has first comes first. */
#include "ext.h"

#include <stdlib.h>

enum { A, B, MODEL, FEATURES }; /* arguments */

typedef struct {
  int label;
  float score;
} Class;

typedef struct {
  Cursor cursor;
  Loaded *model; /* held */
  Class *classes;
  int count;
} Classes;

static int better_first(const void *a, const void *b) {
  const Class *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->label - q->label;
}

static void take_classes(Classes *t, const float *scores, bert_err *e) {
  int n = t->model->info.label_count;
  t->classes = memory_new((size_t)n, sizeof *t->classes, e);
  if (!t->classes) return;
  for (int i = 0; i < n; i++) t->classes[i] = (Class){i, scores[i]};
  qsort(t->classes, (size_t)n, sizeof *t->classes, better_first);
  t->count = n;
  t->cursor.done = n == 0;
}

/* The numbers beside the text, as a vector; NULL where the model takes none, or on error. */
static const float *take_features(const Classes *t, bert_err *e) {
  const bert_model_info *info = &t->model->info;
  Vector v;
  value_vector(t->cursor.connection, 1, t->cursor.arguments[FEATURES], "features", &v, e);
  if (v.n != info->feature_count)
    error_set(e, BERT_ARGUMENT, "features: found %d numbers, wanted the %d that the model takes%s%s", v.n,
              info->feature_count, info->features ? ": " : "", info->features ? info->features : "");
  return v.data;
}

static void open(Cursor *c, bert_err *e) {
  Classes *t = (Classes *)c;
  bert_text a, b;
  Watch watch;
  value_text(c->arguments[A], "a", &a, e);
  int paired = value_text(c->arguments[B], "b", &b, e);
  t->model = connection_model(c->connection, c->arguments[MODEL], paired ? FOR_PAIRS : FOR_TEXTS, e);
  if (!t->model) return;
  connection_hold(t->model);
  const float *features = take_features(t, e);
  size_t units = t->model->info.label_count > 0 ? (size_t)t->model->info.label_count : 1;
  float *scores = connection_floats(c->connection, 0, units, e);
  if (!scores) return;
  watch_start(&watch, connection_db(c->connection));
  bert_classify_features(t->model->session, &a, paired ? &b : NULL, features, 1, scores, &watch.progress, e);
  watch_stop(&watch);
  if (e->code) return;
  bert_classify_scores(t->model->model, scores, scores);
  take_classes(t, scores, e);
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Classes *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Classes *t = (Classes *)c;
  const Class *x = &t->classes[c->row];
  switch (i) {
    case 0: value_result_text(context, bert_model_label(t->model->model, x->label)); break;
    case 1: sqlite3_result_double(context, (double)x->score); break;
    case 2: sqlite3_result_int64(context, c->row + 1); break;
  }
}

static void close(Cursor *c) {
  Classes *t = (Classes *)c;
  sqlite3_free(t->classes);
  connection_drop(c->connection, t->model);
  t->classes = NULL;
  t->model = NULL;
  t->count = 0;
}

/* ---- bert_predict ------------------------------------------------------------------------------------------------ */

static void open_predict(Cursor *c, bert_err *e) {
  enum { VECTOR, NAME };
  Classes *t = (Classes *)c;
  Vector v;
  t->model = connection_model(c->connection, c->arguments[NAME], FOR_NOTHING, e);
  if (!t->model) return;
  connection_hold(t->model);
  value_vector(c->connection, 1, c->arguments[VECTOR], "vector", &v, e);
  float *scores = connection_floats(c->connection, 0, (size_t)t->model->info.label_count + 1, e);
  if (!scores) return;
  bert_predict(t->model->session, v.data, v.n, 1, scores, e);
  if (e->code) return;
  bert_classify_scores(t->model->model, scores, scores);
  take_classes(t, scores, e);
}

const CursorKind tvf_predict = {sizeof(Classes), open_predict, next, column, close};
const CursorKind tvf_classes = {sizeof(Classes), open, next, column, close};
