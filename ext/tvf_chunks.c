/* tvf_chunks.c -- bert_chunks: a long text in windows that fit the model.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT chunk, "start", "end", token_count FROM bert_chunks('the one river the one river', 5);
**      -- the one river|0|13|5   the one river|14|27|5
**    INSERT INTO passages SELECT n.id, c."start", c.chunk FROM notes n, bert_chunks(n.body, 128, 16) c;
**
** max_tokens counts [CLS] and [SEP]; left out or NULL it is the model's window. overlap is how many tokens of the
** window before are repeated. A chunk is the text exactly as it stands there: substr(text, start + 1, end - start). */
#include "ext.h"

#include <limits.h>
#include <string.h>

enum { TEXT, MAX_TOKENS, OVERLAP, MODEL }; /* arguments */

typedef struct {
  Cursor cursor;
  bert_text text; /* of the cursor's own argument */
  bert_chunk *chunks;
  int count;
} Chunks;

static void open(Cursor *c, bert_err *e) {
  Chunks *t = (Chunks *)c;
  const bert_chunk *chunks;
  value_text(c->arguments[TEXT], "text", &t->text, e);
  int max_tokens = (int)value_integer(c->arguments[MAX_TOKENS], 0, 1, INT_MAX, "max_tokens", e);
  int overlap = (int)value_integer(c->arguments[OVERLAP], 0, 0, INT_MAX, "overlap", e);
  Loaded *m = connection_model(c->connection, c->arguments[MODEL], FOR_VECTORS, e);
  if (!m) return;
  int n = bert_chunks(m->session, t->text, max_tokens, overlap, &chunks, e);
  if (e->code) return;
  t->chunks = memory_new((size_t)n, sizeof *chunks, e);
  if (!t->chunks) return;
  if (n) memcpy(t->chunks, chunks, (size_t)n * sizeof *chunks);
  t->count = n;
  c->done = n == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Chunks *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Chunks *t = (Chunks *)c;
  const bert_chunk *x = &t->chunks[c->row];
  switch (i) {
    case 0:
      sqlite3_result_text64(context, t->text.data + x->byte_start, x->byte_end - x->byte_start, SQLITE_TRANSIENT,
                            SQLITE_UTF8);
      break;
    case 1: sqlite3_result_int(context, x->start); break;
    case 2: sqlite3_result_int(context, x->end); break;
    case 3: sqlite3_result_int(context, x->tokens); break;
  }
}

static void close(Cursor *c) {
  Chunks *t = (Chunks *)c;
  sqlite3_free(t->chunks);
  t->chunks = NULL;
  t->count = 0;
}

const CursorKind tvf_chunks = {sizeof(Chunks), open, next, column, close};
