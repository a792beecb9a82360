/* tvf_tags.c -- bert_ner and bert_tags: the entities of a text, and its words with their labels.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT entity, word, "start", "end" FROM bert_ner('Jane Austen lived in Bath.');   -- PER|Jane Austen|0|11
**      --                                                                                  LOC|Bath|21|25, say
**    SELECT word, label FROM bert_tags('Jane Austen lived in Bath.');
**      -- Jane|B-PER   Austen|I-PER   lived|O   in|O   Bath|B-LOC   .|O, say
**
** Entities are made of whole words, as transformers' token-classification pipeline makes them with
** aggregation_strategy "first". A text of any length is read, window by window. start and end count characters, so
** substr(text, start + 1, end - start) is the word. */
#include "ext.h"

#include <string.h>

enum { TEXT, MODEL }; /* arguments */

typedef struct {
  Cursor cursor;
  Loaded *model;  /* held, as it owns the labels */
  bert_text text; /* of the cursor's own argument */
  bert_span *spans;
  int count;
} Tags;

typedef int Find(bert_session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e);

static void open_spans(Cursor *c, Find *find, bert_err *e) {
  Tags *t = (Tags *)c;
  const bert_span *spans;
  Watch watch;
  value_text(c->arguments[TEXT], "text", &t->text, e);
  t->model = connection_model(c->connection, c->arguments[MODEL], FOR_ENTITIES, e);
  if (!t->model) return;
  connection_hold(t->model);
  watch_start(&watch, connection_db(c->connection));
  int n = find(t->model->session, t->text, &spans, &watch.progress, e);
  watch_stop(&watch);
  if (e->code) return;
  t->spans = memory_new((size_t)n, sizeof *spans, e);
  if (!t->spans) return;
  if (n) memcpy(t->spans, spans, (size_t)n * sizeof *spans);
  t->count = n;
  c->done = n == 0;
}

static void open_entities(Cursor *c, bert_err *e) { open_spans(c, bert_entities, e); }
static void open_words(Cursor *c, bert_err *e) { open_spans(c, bert_tags, e); }

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Tags *)c)->count;
}

static void result_word(sqlite3_context *context, const Tags *t, const bert_span *x) {
  sqlite3_result_text64(context, t->text.data + x->byte_start, x->byte_end - x->byte_start, SQLITE_TRANSIENT,
                        SQLITE_UTF8);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Tags *t = (Tags *)c;
  const bert_span *x = &t->spans[c->row];
  switch (i) {
    case 0: value_result_text(context, x->label); break;
    case 1: result_word(context, t, x); break;
    case 2: sqlite3_result_double(context, x->score); break;
    case 3: sqlite3_result_int(context, x->start); break;
    case 4: sqlite3_result_int(context, x->end); break;
  }
}

/* bert_tags has the word before its label. */
static void column_word(Cursor *c, sqlite3_context *context, int i) { column(c, context, i < 2 ? 1 - i : i); }

static void close(Cursor *c) {
  Tags *t = (Tags *)c;
  sqlite3_free(t->spans);
  connection_drop(c->connection, t->model);
  t->spans = NULL;
  t->model = NULL;
  t->count = 0;
}

const CursorKind tvf_ner = {sizeof(Tags), open_entities, next, column, close};
const CursorKind tvf_tags = {sizeof(Tags), open_words, next, column_word, close};
