/* tvf_finetune.c -- bert_finetune and bert_pretrain: training as a table of steps.
** Layer: ext. Uses: bert.h, bar.h, ext.h.
**
**    SELECT step, loss FROM bert_finetune('classify', 'SELECT body, label FROM reviews',
**                                         '{"from":"default","model":"mine","epochs":3}');
**    SELECT bert_classify('a lovely film', NULL, 'mine');   -- the model is there once the last step's row has come
**
**    SELECT max(step) FROM bert_finetune('head', 'SELECT bert_concat(bert_embed(body), price, age), label FROM ads',
**                                        '{"model":"small"}');   -- of vectors alone, in seconds; see bert_predict
**
** A row is made when it is asked for: a step of training each. The rows of the query are copied before the first one
** (rows.c). With the last step the trained weights become a model of this connection under the name `model`: bert_store
** puts it into the database, bert_save into a directory. A scan that ends earlier, by LIMIT, an interrupt or an error,
** leaves no model; where there is a `checkpoint`, the same call goes on from it. A log, INSERT INTO log SELECT step, loss FROM
** bert_finetune(…), is as it was after an error; within BEGIN and COMMIT only where the log has a key or another constraint
** (step INTEGER PRIMARY KEY), since SQLite opens no statement journal for the errors of virtual tables, json_each's neither.
**
** The option `evaluate` is SQL whose rows judge the model at the end of each epoch: column `evaluation` then has what
** bert_evaluate gives, as JSON (of pre-training, of the masked words). They are checked before the first step.
** The option `progress` draws a bar on standard error (bar.h); where the steps themselves are read on the same terminal, that
** is seldom wanted.
**
** The option `teacher` is a model that knows the task: the one that is trained learns its answers, and a query of texts
** alone will do:
**
**    SELECT min(loss) FROM bert_finetune('embed', 'SELECT body FROM notes', '{"from":"small","teacher":"default","model":"x"}');
**
** One cursor trains once: in a join that would start it for each row of another table, the second start is an error. */
#include "bar.h"
#include "ext.h"

#include <math.h>
#include <string.h>

typedef struct {
  Cursor cursor;
  bert_training *training;
  bert_step step;
  Bar bar;
  char *name;     /* that the model gets */
  char *task;     /* NULL: pre-training */
  bert_rows *judged; /* of the option evaluate, or NULL */
  char *evaluation;  /* of this row, as JSON, or NULL */
  Loaded *from, *teacher; /* held; NULL: there is none */
  bert_rows *rows;        /* kept for the teacher */
  int kept;       /* the model is there */
  int started;    /* outlives close: a cursor trains once */
} Training;

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void keep_model(Training *t, bert_model *m, bert_err *e) {
  Shared *x = registry_adopt(m, (bert_stamp){0}, e);
  t->kept = x != NULL;
  if (x) connection_name(t->cursor.connection, (bert_text){t->name, strlen(t->name)}, x, e);
}

/* t->evaluation of a model: {"accuracy":0.9,…}. */
static void judge(Training *t, bert_model *m, const bert_progress *progress, bert_err *e) {
  bert_metric metric[BERT_METRICS_MAX];
  bert_session *s = e->code ? NULL : bert_session_new(m, e);
  int n = s ? bert_evaluate(s, t->task ? t->task : "mlm", t->judged, NULL, metric, progress, e) : 0;
  error_within(e, "evaluate");
  sqlite3_str *json = sqlite3_str_new(NULL);
  for (int i = 0; i < n; i++) {
    sqlite3_str_appendf(json, "%s\"%s\":", i ? "," : "{", metric[i].name);
    if (isfinite(metric[i].value)) sqlite3_str_appendf(json, "%!.9g", metric[i].value);
    else sqlite3_str_appendall(json, "null");
  }
  sqlite3_str_appendall(json, n ? "}" : "{}");
  t->evaluation = sqlite3_str_finish(json);
  if (!t->evaluation) error_set(e, BERT_NOMEM, "out of memory");
  bert_session_free(s);
}

/* What follows a step: the model, at the end of all (or at once, where a checkpoint is of the end); its judgement, at the
** end of each epoch. */
static void after_step(Training *t, const bert_progress *progress, bert_err *e) {
  int last = t->cursor.done || t->step.step == t->step.steps, judges = t->judged && t->step.epoch_ends && !t->cursor.done;
  if (e->code || (!last && !judges)) return;
  bert_model *m = bert_training_model(t->training, progress, e);
  if (judges) judge(t, m, progress, e);
  if (last && !t->kept && !e->code) keep_model(t, m, e);
  else bert_model_free(m);
}

static void show(Training *t) {
  const bert_step *s = &t->step;
  char text[80];
  sqlite3_snprintf(sizeof text, text, "%lld/%lld, loss %.4f, %d tokens/s", s->step, s->steps, s->loss,
                   (int)s->tokens_per_second);
  bar_update(&t->bar, (double)s->step, (double)s->steps, s->eta > 0 ? (double)(s->steps - s->step) / s->eta : 0, text);
}

static void next(Cursor *c, bert_err *e) {
  Training *t = (Training *)c;
  Watch watch;
  sqlite3_free(t->evaluation);
  t->evaluation = NULL;
  watch_start(&watch, connection_db(c->connection));
  c->done = !bert_training_step(t->training, &t->step, &watch.progress, e);
  if (!c->done) show(t);
  if (!t->kept) after_step(t, &watch.progress, e);
  watch_stop(&watch);
}

/* The rows of the option evaluate, if it is there. */
static void take_judged(Training *t, sqlite3_value *options, const char *columns, bert_err *e) {
  Cursor *c = &t->cursor;
  char *sql = options_text(c->connection, options, "evaluate", e);
  if (sql) t->judged = rows_copy_text(c->connection, (bert_text){sql, strlen(sql)}, 1, 64, columns, &c->rc, e);
  sqlite3_free(sql);
}

/* Rows that cannot be judged are to be told of now, and not after an epoch. */
static void check_judged(Training *t, const bert_progress *progress, bert_err *e) {
  if (e->code || !t->judged) return;
  bert_training_check(t->training, t->judged, progress, e);
  error_within(e, "evaluate");
}

/* task NULL: pre-training. Arguments first (sql) and first + 1 (options). */
static void begin(Training *t, const char *task, int first, const char *columns, bert_err *e) {
  Cursor *c = &t->cursor;
  sqlite3_value *options = c->arguments[first + 1];
  Watch watch;
  if (t->started)
    error_set(e, BERT_ARGUMENT, "started a second time within one statement: it stands inside a loop of a join, "
                                "wanted it to stand alone");
  t->started = 1;
  const char *json = options ? value_string(options, "options", e) : NULL;
  int bar = options_bar(c->connection, options, e);
  t->name = options_text(c->connection, options, "model", e);
  if (!e->code && !t->name)
    error_set(e, BERT_ARGUMENT, "options: model: found nothing, wanted the name that the trained model gets");
  if (!e->code) connection_check_name((bert_text){t->name, strlen(t->name)}, e); /* before hours of work */
  Purpose learns = task ? embedded_purpose(task, 0) : FOR_WORDS, begins = learns == FOR_WORDS ? FOR_WORDS : FOR_VECTORS;
  bert_model *fresh = task ? NULL : fresh_model(c->connection, options, &c->rc, e);
  if (!fresh && !(task && !strcmp(task, "head"))) t->from = options_model(c->connection, options, "from", begins, e);
  t->teacher = options_model_if(c->connection, options, "teacher", learns, e);
  bert_model *from = fresh ? fresh : t->from ? t->from->model : NULL;
  t->task = task ? sqlite3_mprintf("%s", task) : NULL;
  if (task && !t->task) error_set(e, BERT_NOMEM, "out of memory");
  take_judged(t, options, columns, e);
  bert_rows *rows = e->code ? NULL : rows_copy(c->connection, c->arguments[first], 1, 64, columns, &c->rc, e);
  watch_start(&watch, connection_db(c->connection));
  bert_model *teacher = t->teacher ? t->teacher->model : NULL;
  if (!e->code)
    t->training = task ? bert_finetune(from, teacher, task, rows, json, &watch.progress, e)
                       : bert_pretrain(from, teacher, rows, json, &watch.progress, e);
  check_judged(t, &watch.progress, e);
  watch_stop(&watch);
  if (t->teacher) t->rows = rows;
  else bert_rows_free(rows);
  bert_model_free(fresh);
  char title[80];
  sqlite3_snprintf(sizeof title, title, task ? "finetune %s" : "pretrain", task);
  bar_begin(&t->bar, bar, title);
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
  const double numbers[] = {s->epoch,        s->loss,         s->mlm_loss,      s->nsp_loss,          s->accuracy,
                            s->mlm_accuracy, s->nsp_accuracy, s->learning_rate, s->tokens_per_second, s->seconds,
                            s->eta};
  const char *evaluation = ((Training *)c)->evaluation;
  if (i == 0) sqlite3_result_int64(context, s->step);
  else if (i > (int)(sizeof numbers / sizeof *numbers)) {
    if (evaluation) value_result_text(context, evaluation);
  } else number(context, numbers[i - 1]);
}

static void close(Cursor *c) {
  Training *t = (Training *)c;
  bar_end(&t->bar);
  bert_training_free(t->training);
  bert_rows_free(t->judged);
  bert_rows_free(t->rows);
  sqlite3_free(t->evaluation);
  sqlite3_free(t->task);
  sqlite3_free(t->name);
  connection_drop(c->connection, t->from);
  connection_drop(c->connection, t->teacher);
  t->training = NULL;
  t->judged = t->rows = NULL;
  t->name = t->task = t->evaluation = NULL;
  t->from = t->teacher = NULL;
}

const CursorKind tvf_finetune = {sizeof(Training), open_finetune, next, column, close};
const CursorKind tvf_pretrain = {sizeof(Training), open_pretrain, next, column, close};
