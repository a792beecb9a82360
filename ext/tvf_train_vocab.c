/* tvf_train_vocab.c -- bert_train_vocab: a WordPiece vocabulary out of a query's texts.
** Layer: ext. Uses: bert.h, bar.h, ext.h.
**
**    CREATE TABLE vocab AS SELECT id, piece FROM bert_train_vocab('SELECT body FROM notes', '{"vocab_size":8000}');
**    SELECT piece, frequency FROM bert_train_vocab('SELECT body FROM notes') WHERE piece LIKE '##%' LIMIT 10;
**
** A row is a step, and a step makes a piece: special tokens first, then characters, then the pair that occurs most
** often, again and again. The rows, in order of id, are the vocabulary: kept in a table it is what bert_pretrain's
** option `vocabulary` takes ('SELECT piece FROM vocab ORDER BY id'), and in the shell `.once vocab.txt` makes a file of
** it.
**
** All texts are counted, and the query has ended, before the first row; memory is that of the different words. A NULL
** counts for nothing. */
#include "bar.h"
#include "ext.h"

enum { SQL, OPTIONS }; /* arguments */

typedef struct {
  Cursor cursor;
  bert_vocab *vocab;
  bert_vocab_piece piece;
  Bar bar;
  sqlite3_int64 size; /* that the vocabulary is to have; 0: the options leave it open */
} TrainVocab;

static void count_text(bert_vocab *v, sqlite3_stmt *s, sqlite3_int64 row, bert_err *e) {
  int type = sqlite3_column_type(s, 0);
  if (type == SQLITE_NULL) return;
  if (type == SQLITE_BLOB)
    error_set(e, BERT_ARGUMENT, "row %lld: %s is a BLOB of %d bytes, wanted TEXT", (long long)row,
              sqlite3_column_name(s, 0), sqlite3_column_bytes(s, 0));
  if (e->code) return;
  bert_text text = {(const char *)sqlite3_column_text(s, 0), 0};
  text.size = (size_t)sqlite3_column_bytes(s, 0);
  if (!text.data) error_set(e, BERT_NOMEM, "out of memory");
  bert_vocab_add(v, text, e);
}

static void show(TrainVocab *t, sqlite3_int64 count, sqlite3_int64 of, const char *what) {
  char text[40];
  sqlite3_snprintf(sizeof text, text, "%lld %s", count, what);
  bar_update(&t->bar, (double)count, (double)of, 0, text);
}

static void count_texts(TrainVocab *t, bert_err *e) {
  Inner inner = {0};
  bert_text sql;
  value_text(t->cursor.arguments[SQL], "sql", &sql, e);
  inner_open(&inner, t->cursor.connection, sql, 1, 1, "text", e);
  for (sqlite3_int64 row = 1; inner_step(&inner, e); row++) {
    count_text(t->vocab, inner.statement, row, e);
    show(t, row, 0, "texts");
  }
  t->cursor.rc = inner.rc;
  inner_close(&inner);
}

static void next(Cursor *c, bert_err *e) {
  TrainVocab *t = (TrainVocab *)c;
  Watch watch;
  watch_start(&watch, connection_db(c->connection));
  c->done = !bert_vocab_next(t->vocab, &t->piece, &watch.progress, e);
  if (!c->done) show(t, t->piece.id + 1, t->size, "pieces");
  watch_stop(&watch);
}

static void open(Cursor *c, bert_err *e) {
  TrainVocab *t = (TrainVocab *)c;
  const char *json = c->arguments[OPTIONS] ? value_string(c->arguments[OPTIONS], "options", e) : NULL;
  int bar = options_bar(c->connection, c->arguments[OPTIONS], e);
  t->size = options_integer(c->connection, c->arguments[OPTIONS], "vocab_size", BERT_VOCAB_SIZE, e);
  t->vocab = e->code ? NULL : bert_vocab_new(json, e);
  bar_begin(&t->bar, bar, "bert_train_vocab");
  count_texts(t, e);
  if (t->vocab) next(c, e);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const bert_vocab_piece *p = &((TrainVocab *)c)->piece;
  switch (i) {
    case 0: sqlite3_result_int64(context, c->row + 1); break;
    case 1: sqlite3_result_int(context, p->id); break;
    case 2: value_result_text(context, p->piece); break;
    case 3: if (p->frequency) sqlite3_result_int64(context, p->frequency); break;
    case 4: sqlite3_result_double(context, p->seconds); break;
  }
}

static void close(Cursor *c) {
  TrainVocab *t = (TrainVocab *)c;
  bar_end(&t->bar);
  bert_vocab_free(t->vocab);
  t->vocab = NULL;
}

const CursorKind tvf_train_vocab = {sizeof(TrainVocab), open, next, column, close};
