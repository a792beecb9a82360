/* tvf_finetune.c -- bert_finetune and bert_pretrain: training as a table of steps.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT step, loss FROM bert_finetune('classify', 'SELECT body, label FROM reviews',
**                                         '{"from":"default","model":"mine","epochs":3}');
**    SELECT bert_classify('a lovely film', NULL, 'mine');   -- the model is there once the last step's row has come
**
** A row is made when it is asked for: a step of training each. The rows of the query are copied before the first one
** (rows.c). With the last step the trained weights become a model of this connection under the name `model`: bert_store
** puts it into the database, bert_save into a directory. A scan that ends earlier, by LIMIT, an interrupt or an error,
** leaves no model; where there is a `checkpoint`, the same call goes on from it.
**
** One cursor trains once: in a join that would start it for each row of another table, the second start is an error. */
#include "ext.h"

#include <math.h>
#include <string.h>

typedef struct {
  Cursor cursor;
  bert_training *training;
  bert_step step;
  char *name;     /* that the model gets */
  Loaded *from;
  int kept;       /* the model is there */
  int started;    /* outlives close: a cursor trains once */
} Training;

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void keep_model(Training *t, bert_err *e) {
  Watch watch;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_model *m = bert_training_model(t->training, &watch.progress, e);
  watch_stop(&watch);
  Shared *x = registry_adopt(m, (bert_stamp){0}, e);
  t->kept = x != NULL;
  if (x) connection_name(t->cursor.connection, (bert_text){t->name, strlen(t->name)}, x, e);
}

static void next(Cursor *c, bert_err *e) {
  Training *t = (Training *)c;
  Watch watch;
  watch_start(&watch, connection_db(c->connection));
  c->done = !bert_training_step(t->training, &t->step, &watch.progress, e);
  watch_stop(&watch);
  if (!t->kept && (c->done || t->step.step == t->step.steps)) keep_model(t,
                                                                         e); /* done at once: a checkpoint of the end */
}

/* task NULL: pre-training. Arguments first (sql) and first + 1 (options). */
static void begin(Training *t, const char *task, int first, const char *columns, bert_err *e) {
  Cursor *c = &t->cursor;
  sqlite3_value *options = c->arguments[first + 1];
  Watch watch;
  if (t->started) error_set(e, BERT_ARGUMENT,
                            "started a second time within one statement: it stands inside a loop of a join, "
                                              "wanted it to stand alone");
  t->started = 1;
  const char *json = options ? value_string(options, "options", e) : NULL;
  t->name = options_text(c->connection, options, "model", e);
  if (!e->code && !t->name) error_set(e, BERT_ARGUMENT,
                                      "options: model: found nothing, wanted the name that the trained model gets");
  bert_model *fresh = task ? NULL : fresh_model(c->connection, options, &c->rc, e);
  if (!fresh) t->from = options_model(c->connection, options, "from", e);
  bert_model *from = fresh ? fresh : t->from ? t->from->model : NULL;
  bert_rows *rows = e->code ? NULL : rows_copy(c->connection, c->arguments[first], 1, 64, columns, &c->rc, e);
  watch_start(&watch, connection_db(c->connection));
  if (!e->code)
    t->training = task ? bert_finetune(from, task, rows, json, &watch.progress, e)
                       : bert_pretrain(from, rows, json, &watch.progress, e);
  watch_stop(&watch);
  bert_rows_free(rows);
  bert_model_free(fresh);
  if (t->training) next(c, e);
}

enum { TASK, TASK_SQL, SQL = 0 }; /* arguments */

static void open_finetune(Cursor *c, bert_err *e) {
  const char *task = value_string(c->arguments[TASK], "task", e);
  if (!e->code) begin((Training *)c, task, TASK_SQL, "texts, then a label", e);
}

static void open_pretrain(Cursor *c, bert_err *e) { begin((Training *)c, NULL, SQL, "text, or document, text", e); }

/* What there is none of is NULL. */
static void number(sqlite3_context *context, double x) {
  if (!isnan(x)) sqlite3_result_double(context, x);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const bert_step *s = &((Training *)c)->step;
  const double numbers[] = {s->epoch,         s->loss,         s->mlm_loss,      s->nsp_loss,          s->accuracy,
                            s->mlm_accuracy,
                            s->nsp_accuracy,  s->learning_rate, s->tokens_per_second, s->seconds,      s->eta};
  if (i == 0) sqlite3_result_int64(context, s->step);
  else number(context, numbers[i - 1]);
}

static void close(Cursor *c) {
  Training *t = (Training *)c;
  bert_training_free(t->training);
  sqlite3_free(t->name);
  connection_drop(c->connection, t->from);
  t->training = NULL;
  t->name = NULL;
  t->from = NULL;
}

const CursorKind tvf_finetune = {sizeof(Training), open_finetune, next, column, close};
const CursorKind tvf_pretrain = {sizeof(Training), open_pretrain, next, column, close};
