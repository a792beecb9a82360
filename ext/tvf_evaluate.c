/* tvf_evaluate.c -- bert_evaluate: how good a model's answers to a query's rows are.
** Layer: ext. Uses: bert.h, bar.h, ext.h.
**
**    SELECT metric, value FROM bert_evaluate('classify', 'SELECT body, label FROM dev', '{"model":"mine"}');
**      -- accuracy|0.88   f1|0.87   f1_macro|0.88   f1_micro|0.88   mcc|0.76, say
**    SELECT value FROM bert_evaluate('embed', 'SELECT a, b, score FROM stsb') WHERE metric = 'spearman';
**
** Any model that is loaded can be judged, trained here or not; the default one where the options name none. Tasks and
** columns are those of bert_finetune, and nsp (a, b, label: 1 where b follows a); bert.h lists the metrics. The rows
** are copied first; a row that cannot be judged, as for a label that the model does not have, is an error that names
** it. */
#include "bar.h"
#include "ext.h"

#include <string.h>

enum { TASK, SQL, OPTIONS }; /* arguments */

typedef struct {
  Cursor cursor;
  bert_metric metric[BERT_METRICS_MAX];
  int count;
} Evaluate;

/* Who interrupts, and who is shown how far it is: the context of one bert_progress. */
typedef struct {
  Watch watch; /* first, so that its own function finds it */
  Bar bar;
  double start;
} Watched;

static void show(void *context, int64_t done, int64_t of) {
  Watched *w = context;
  char text[40];
  double seconds = bar_clock() - w->start;
  sqlite3_snprintf(sizeof text, text, "%lld/%lld", (long long)done, (long long)of);
  bar_update(&w->bar, (double)done, (double)of, seconds > 0 ? (double)done / seconds : 0, text);
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Evaluate *)c)->count;
}

static void open(Cursor *c, bert_err *e) {
  Evaluate *t = (Evaluate *)c;
  Watched watched;
  const char *task = value_string(c->arguments[TASK], "task", e);
  const char *json = c->arguments[OPTIONS] ? value_string(c->arguments[OPTIONS], "options", e) : NULL;
  int bar = options_bar(c->connection, c->arguments[OPTIONS], e);
  int paired = !e->code && !strcmp(task, "classify") && inner_columns(c->connection, c->arguments[SQL], &c->rc, e) > 2;
  Purpose purpose = e->code ? FOR_NOTHING : embedded_purpose(task, paired);
  Loaded *m = options_model(c->connection, c->arguments[OPTIONS], "model", purpose, e);
  bert_rows *rows =
      e->code ? NULL : rows_copy(c->connection, c->arguments[SQL], 1, 64, "texts, then a label", &c->rc, e);
  watch_start(&watched.watch, connection_db(c->connection));
  watched.watch.progress.done = show;
  watched.start = bar_clock();
  bar_begin(&watched.bar, bar, "bert_evaluate");
  if (rows) t->count = bert_evaluate(m->session, task, rows, json, t->metric, &watched.watch.progress, e);
  bar_end(&watched.bar);
  watch_stop(&watched.watch);
  bert_rows_free(rows);
  connection_drop(c->connection, m);
  next(c, e);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const bert_metric *m = &((Evaluate *)c)->metric[c->row];
  if (i == 0) value_result_text(context, m->name);
  else sqlite3_result_double(context, m->value);
}

static void close(Cursor *c) { ((Evaluate *)c)->count = 0; }

const CursorKind tvf_evaluate = {sizeof(Evaluate), open, next, column, close};
