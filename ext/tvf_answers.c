/* tvf_answers.c -- bert_answers: the best answers to a question, out of a passage.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT answer, score FROM bert_answers('who wrote Emma?', 'Emma is a novel by Jane Austen.') LIMIT 2;
**      -- Jane Austen|0.91   a novel by Jane Austen|0.04, say
**    SELECT substr(n.body, a."start" + 1, a."end" - a."start") FROM notes n, bert_answers('who wrote Emma?', n.body) a
**    WHERE a.rank = 1;   -- the same text as a.answer
**
** Up to 20, of whole words, by falling score; scores are those of transformers' question-answering pipeline. */
#include "ext.h"

#include <string.h>

enum { QUESTION, PASSAGE, MODEL }; /* arguments */

typedef struct {
  Cursor cursor;
  bert_text passage; /* of the cursor's own argument */
  bert_answer answers[BERT_ANSWERS_MAX];
  int count;
} Answers;

static void open(Cursor *c, bert_err *e) {
  Answers *t = (Answers *)c;
  bert_text question;
  const bert_answer *answers;
  Watch watch;
  value_text(c->arguments[QUESTION], "question", &question, e);
  value_text(c->arguments[PASSAGE], "passage", &t->passage, e);
  Loaded *m = connection_model(c->connection, c->arguments[MODEL], FOR_ANSWERS, e);
  if (!m) return;
  watch_start(&watch, connection_db(c->connection));
  int n = bert_answers(m->session, question, t->passage, &answers, &watch.progress, e);
  watch_stop(&watch);
  if (e->code) return;
  if (n) memcpy(t->answers, answers, (size_t)n * sizeof *answers);
  t->count = n;
  c->done = n == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Answers *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Answers *t = (Answers *)c;
  const bert_answer *x = &t->answers[c->row];
  switch (i) {
    case 0:
      sqlite3_result_text64(context, t->passage.data + x->byte_start, x->byte_end - x->byte_start, SQLITE_TRANSIENT,
                            SQLITE_UTF8);
      break;
    case 1: sqlite3_result_double(context, x->score); break;
    case 2: sqlite3_result_int(context, x->start); break;
    case 3: sqlite3_result_int(context, x->end); break;
    case 4: sqlite3_result_int64(context, c->row + 1); break;
  }
}

static void close(Cursor *c) { ((Answers *)c)->count = 0; }

const CursorKind tvf_answers = {sizeof(Answers), open, next, column, close};
