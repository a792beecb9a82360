/* tvf_pretrain_examples.c -- bert_pretrain_examples: what pre-training is given, as rows.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT tokens, is_next FROM bert_pretrain_examples('SELECT body FROM notes', '{"max_tokens":32}') LIMIT 1;
**      -- [CLS] the [MASK] is due on friday . [SEP] restart the router , [MASK] try again . [SEP]|0, say
**    SELECT avg(is_next), avg(json_array_length(positions)) FROM bert_pretrain_examples('SELECT doc, line FROM book');
**
** tokens are the pieces with the masks, original without, positions (JSON, from 0) those that were chosen, labels
** (JSON) the pieces that stood there; is_next is NULL where there is no second part. One column is a document a row,
** its paragraphs parted by line ends; two are document, text: the rows of a document follow one another. Options: from
** (a loaded model, for its vocabulary and window), and bert_pretrain's own: seed, max_tokens, dupe_factor,
** short_seq_prob, masked_lm_prob, max_predictions, whole_word, nsp. The same seed gives the same rows, as in training, whose
** short sequences are those of {"max_tokens":128}. */
#include "ext.h"

enum { SQL, OPTIONS }; /* arguments */

typedef struct {
  Cursor cursor;
  Loaded *from; /* held */
  bert_masked *examples;
  bert_masked_row row;
} PretrainExamples;

static void next(Cursor *c, bert_err *e) {
  PretrainExamples *t = (PretrainExamples *)c;
  c->done = e->code || c->row >= bert_masked_count(t->examples);
  if (!c->done) bert_masked_get(t->examples, (int)c->row, &t->row, e);
}

static void open(Cursor *c, bert_err *e) {
  PretrainExamples *t = (PretrainExamples *)c;
  Watch watch;
  const char *json = c->arguments[OPTIONS] ? value_string(c->arguments[OPTIONS], "options", e) : NULL;
  t->from = options_model(c->connection, c->arguments[OPTIONS], "from", FOR_WORDS, e);
  bert_rows *rows =
      e->code ? NULL : rows_copy(c->connection, c->arguments[SQL], 1, 2, "text, or document, text", &c->rc, e);
  watch_start(&watch, connection_db(c->connection));
  if (rows) t->examples = bert_masked_new(t->from->model, rows, json, &watch.progress, e);
  watch_stop(&watch);
  bert_rows_free(rows);
  next(c, e);
}

static void result(sqlite3_context *context, sqlite3_str *s) {
  char *text = sqlite3_str_finish(s);
  if (text) sqlite3_result_text(context, text, -1, sqlite3_free);
  else sqlite3_result_error_nomem(context);
}

/* The pieces, or, with labels, those that stood there before. */
static void result_tokens(const PretrainExamples *t, sqlite3_context *context, int original) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  for (int i = 0, k = 0; i < t->row.n; i++) {
    int chosen = k < t->row.chosen && t->row.position[k] == i;
    int32_t id = chosen && original ? t->row.label[k] : t->row.ids[i];
    k += chosen;
    sqlite3_str_appendf(s, "%s%s", i ? " " : "", bert_token_text(t->from->model, id));
  }
  result(context, s);
}

/* A JSON string's characters. */
static void append_json(sqlite3_str *s, const char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < ' ') {
      sqlite3_str_appendf(s, "\\u%04x", *text);
      continue;
    }
    if (*text == '"' || *text == '\\') sqlite3_str_appendchar(s, 1, '\\');
    sqlite3_str_appendchar(s, 1, *text); /* %c would take a byte for a character */
  }
}

static void result_chosen(const PretrainExamples *t, sqlite3_context *context, int labels) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  sqlite3_str_appendchar(s, 1, '[');
  for (int k = 0; k < t->row.chosen; k++) {
    if (k) sqlite3_str_appendchar(s, 1, ',');
    if (!labels) {
      sqlite3_str_appendf(s, "%d", t->row.position[k]);
      continue;
    }
    sqlite3_str_appendchar(s, 1, '"');
    append_json(s, bert_token_text(t->from->model, t->row.label[k]));
    sqlite3_str_appendchar(s, 1, '"');
  }
  sqlite3_str_appendchar(s, 1, ']');
  result(context, s);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const PretrainExamples *t = (PretrainExamples *)c;
  switch (i) {
    case 0: sqlite3_result_int64(context, c->row + 1); break;
    case 1: result_tokens(t, context, 0); break;
    case 2: result_tokens(t, context, 1); break;
    case 3: if (t->row.next >= 0) sqlite3_result_int(context, t->row.next); break;
    case 4: result_chosen(t, context, 0); break;
    case 5: result_chosen(t, context, 1); break;
  }
}

static void close(Cursor *c) {
  PretrainExamples *t = (PretrainExamples *)c;
  bert_masked_free(t->examples);
  connection_drop(c->connection, t->from);
  t->examples = NULL;
  t->from = NULL;
}

const CursorKind tvf_pretrain_examples = {sizeof(PretrainExamples), open, next, column, close};
