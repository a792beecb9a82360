/* tvf_classify_each.c -- bert_classify_each: the labels of a query's rows, many at a time.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT key, label, score FROM bert_classify_each('SELECT id, body FROM notes');
**    SELECT label, count(*) FROM bert_classify_each('SELECT id, premise, claim FROM pairs', 'nli') GROUP BY 1;
**
**    SELECT key, label FROM bert_classify_each('SELECT id, body, NULL, price, age FROM ads', 'mine');   -- with numbers
**
** label and score are the first row of bert_classes. Rows come in windows (each.c), in the query's order; one whose
** text is NULL has no label, a pair that is NULL is absent. Rows are read ahead of those given, with what follows from
** that: see tvf_embed_each.c. */
#include "ext.h"

enum { SQL, MODEL }; /* arguments */

typedef struct {
  Cursor cursor;
  Each each;
  Loaded *model; /* held */
  float *scores; /* [each.items][labels] */
  size_t room;
} ClassifyEach;

static void classify_window(ClassifyEach *t, bert_err *e) {
  int n = t->each.items;
  size_t units = (size_t)t->model->info.label_count;
  Watch watch;
  if (!memory_grow(&t->scores, &t->room, (size_t)n * units, sizeof *t->scores, e) || n == 0) return;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_classify_features(t->model->session, t->each.texts, t->each.paired ? t->each.pairs : NULL, t->each.numbers, n,
                         t->scores, &watch.progress, e);
  watch_stop(&watch);
  for (int i = 0; i < n && !e->code; i++) {
    float *row = t->scores + (size_t)i * units;
    bert_classify_scores(t->model->model, row, row);
  }
}

static void next(Cursor *c, bert_err *e) {
  ClassifyEach *t = (ClassifyEach *)c;
  if (!each_next(&t->each, e)) return;
  c->rc = t->each.inner.rc;
  c->done = t->each.count == 0;
  classify_window(t, e);
}

static void open(Cursor *c, bert_err *e) {
  ClassifyEach *t = (ClassifyEach *)c;
  int paired = inner_columns(c->connection, c->arguments[SQL], &c->rc, e) > 2;
  t->model = connection_model(c->connection, c->arguments[MODEL], paired ? FOR_PAIRS : FOR_TEXTS, e);
  if (t->model) {
    connection_hold(t->model);
    t->each.features = t->model->info.feature_count;
    t->each.model = t->model->model;
  }
  const char *columns = t->each.features ? "key, a, b (or NULL), and the numbers that the model takes"
                                         : "key, a, b (b may be left out)";
  each_open(&t->each, c->connection, c->arguments[SQL], 3, columns, e);
  if (!c->rc) c->rc = t->each.inner.rc;
  next(c, e);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const ClassifyEach *t = (ClassifyEach *)c;
  const EachRow *row = &t->each.rows[t->each.at];
  int units = t->model->info.label_count, best = 0;
  if (i == 0) sqlite3_result_value(context, row->key);
  if (i == 0 || row->item < 0) return;
  const float *scores = t->scores + (size_t)row->item * (size_t)units;
  for (int k = 1; k < units; k++)
    if (scores[k] > scores[best]) best = k;
  if (i == 1) value_result_text(context, bert_model_label(t->model->model, best));
  else sqlite3_result_double(context, (double)scores[best]);
}

static void close(Cursor *c) {
  ClassifyEach *t = (ClassifyEach *)c;
  each_close(&t->each);
  sqlite3_free(t->scores);
  connection_drop(c->connection, t->model);
  t->scores = NULL;
  t->room = 0;
  t->model = NULL;
}

const CursorKind tvf_classify_each = {sizeof(ClassifyEach), open, next, column, close};
