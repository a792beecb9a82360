/* tvf_evaluate.c -- bert_evaluate: how good a model's answers to a query's rows are.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT metric, value FROM bert_evaluate('classify', 'SELECT body, label FROM dev', '{"model":"mine"}');
**      -- accuracy|0.88   f1|0.87   f1_macro|0.88   f1_micro|0.88   mcc|0.76, say
**    SELECT value FROM bert_evaluate('embed', 'SELECT a, b, score FROM stsb') WHERE metric = 'spearman';
**
** Any model that is loaded can be judged, trained here or not; the default one where the options name none. Tasks and
** columns are those of bert_finetune, and nsp (a, b, label: 1 where b follows a); bert.h lists the metrics. The rows
** are copied first; a row that cannot be judged, as for a label that the model does not have, is an error that names
** it. */
#include "ext.h"

enum { TASK, SQL, OPTIONS }; /* arguments */

typedef struct {
  Cursor cursor;
  bert_metric metric[BERT_METRICS_MAX];
  int count;
} Evaluate;

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Evaluate *)c)->count;
}

static void open(Cursor *c, bert_err *e) {
  Evaluate *t = (Evaluate *)c;
  Watch watch;
  const char *task = value_string(c->arguments[TASK], "task", e);
  const char *json = c->arguments[OPTIONS] ? value_string(c->arguments[OPTIONS], "options", e) : NULL;
  Loaded *m = options_model(c->connection, c->arguments[OPTIONS], "model", e);
  bert_rows *rows =
      e->code ? NULL : rows_copy(c->connection, c->arguments[SQL], 1, 64, "texts, then a label", &c->rc, e);
  watch_start(&watch, connection_db(c->connection));
  if (rows) t->count = bert_evaluate(m->session, task, rows, json, t->metric, &watch.progress, e);
  watch_stop(&watch);
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
