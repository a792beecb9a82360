/* tvf_zero_shot.c -- bert_zero_shot: labels of the user's own, through a model of natural language inference.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT label, score FROM bert_zero_shot('my phone has no signal', '["network", "billing"]', 'nli');
**      -- network|0.93   billing|0.07, say
**    SELECT n.id, z.label, z.score FROM notes n, bert_zero_shot(n.body, '["urgent", "a question"]', 'nli') z
**    WHERE z.multi_label = 1 AND z.template = 'This note is {}.';   -- each label judged on its own
**
** As transformers' zero-shot pipeline: scores of all labels sum to 1, or, with multi_label, each is between 0 and 1.
** template has one {} where the label goes ("This example is {}." where it is left out). One pass a label. Rows come by
** falling score, equals in the order of labels_json; an empty array gives none. */
#include "ext.h"

#include <stdlib.h>

enum { TEXT, LABELS, MODEL, TEMPLATE, MULTI_LABEL }; /* arguments */

typedef struct {
  sqlite3_value *text; /* owned */
  int order;           /* in the array */
  double score;
} Label;

typedef struct {
  Cursor cursor;
  Label *labels;
  size_t room;
  int count;
} ZeroShot;

/* ---- labels out of JSON, which SQLite reads ---------------------------------------------------------------------- */

static void set_wrong(Cursor *c, bert_err *e) {
  error_set(e, BERT_ARGUMENT, "labels_json is %s, wanted a JSON array of texts: '[\"a\", \"b\"]'",
            value_shown(c->arguments[LABELS]).text);
}

static void add_label(ZeroShot *t, sqlite3_value *text, bert_err *e) {
  if (!memory_grow(&t->labels, &t->room, (size_t)t->count + 1, sizeof *t->labels, e)) return;
  t->labels[t->count] = (Label){sqlite3_value_dup(text), t->count, 0};
  if (!t->labels[t->count].text) error_set(e, BERT_NOMEM, "out of memory");
  else t->count++;
}

static void step_labels(ZeroShot *t, sqlite3_stmt *s, bert_err *e) {
  int rc = SQLITE_OK;
  while (!e->code && (rc = sqlite3_step(s)) == SQLITE_ROW) {
    if (sqlite3_column_int(s, 1)) add_label(t, sqlite3_column_value(s, 0), e);
    else set_wrong(&t->cursor, e);
  }
  if (rc == SQLITE_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
  else if (rc == SQLITE_INTERRUPT) error_set(e, BERT_INTERRUPT, "interrupted");
  else if (rc != SQLITE_DONE) set_wrong(&t->cursor, e);
}

static void read_labels(ZeroShot *t, bert_text json, bert_err *e) {
  /* An object has keys of TEXT, a number no keys at all. */
  static const char sql[] = "SELECT value, type = 'text' AND typeof(key) = 'integer' FROM json_each(?)";
  sqlite3_stmt *s = NULL;
  if (e->code) return;
  int rc = sqlite3_prepare_v2(connection_db(t->cursor.connection), sql, -1, &s, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_bind_text64(s, 1, json.data, json.size, SQLITE_STATIC, SQLITE_UTF8);
  if (rc == SQLITE_OK) step_labels(t, s, e);
  else if (rc == SQLITE_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
  else error_set(e, BERT_ARGUMENT, "labels_json: %s", sqlite3_errmsg(connection_db(t->cursor.connection)));
  sqlite3_finalize(s);
}

/* ---- the cursor -------------------------------------------------------------------------------------------------- */

static int better_first(const void *a, const void *b) {
  const Label *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->order - q->order;
}

static void score(ZeroShot *t, Loaded *m, bert_text text, bert_err *e) {
  Cursor *c = &t->cursor;
  bert_text hypothesis;
  Watch watch;
  int templated = value_text(c->arguments[TEMPLATE], "template", &hypothesis, e);
  int multi_label = (int)value_integer(c->arguments[MULTI_LABEL], 0, 0, 1, "multi_label", e);
  double *scores = memory_new((size_t)t->count, sizeof *scores, e);
  bert_text *labels = memory_new((size_t)t->count, sizeof *labels, e);
  for (int i = 0; i < t->count && !e->code; i++) value_text(t->labels[i].text, "label", &labels[i], e);
  if (!e->code) {
    watch_start(&watch, connection_db(c->connection));
    bert_zero_shot(m->session, text, labels, t->count, templated ? &hypothesis : NULL, multi_label, scores,
                   &watch.progress, e);
    watch_stop(&watch);
  }
  for (int i = 0; i < t->count && !e->code; i++) t->labels[i].score = scores[i];
  sqlite3_free(scores);
  sqlite3_free(labels);
}

static void open(Cursor *c, bert_err *e) {
  ZeroShot *t = (ZeroShot *)c;
  bert_text text, json;
  value_text(c->arguments[TEXT], "text", &text, e);
  value_text(c->arguments[LABELS], "labels_json", &json, e);
  read_labels(t, json, e);
  Loaded *m = connection_model(c->connection, c->arguments[MODEL], FOR_PAIRS, e);
  if (m) score(t, m, text, e);
  if (!e->code && t->count) qsort(t->labels, (size_t)t->count, sizeof *t->labels, better_first);
  c->done = t->count == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((ZeroShot *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Label *x = &((ZeroShot *)c)->labels[c->row];
  switch (i) {
    case 0: sqlite3_result_value(context, x->text); break;
    case 1: sqlite3_result_double(context, x->score); break;
    case 2: sqlite3_result_int64(context, c->row + 1); break;
  }
}

static void close(Cursor *c) {
  ZeroShot *t = (ZeroShot *)c;
  for (int i = 0; i < t->count; i++) sqlite3_value_free(t->labels[i].text);
  sqlite3_free(t->labels);
  t->labels = NULL;
  t->room = 0;
  t->count = 0;
}

const CursorKind tvf_zero_shot = {sizeof(ZeroShot), open, next, column, close};
