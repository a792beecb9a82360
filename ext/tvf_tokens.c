/* tvf_tokens.c -- bert_tokens and bert_token_embeddings: a text as the model sees it, token by token.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT position, token, "start", "end" FROM bert_tokens('the one river');
**      -- 0|[CLS]|0|0   1|the|0|3   2|one|4|7   3|river|8|13   4|[SEP]|0|0
**    SELECT token, length(embedding) / 4 FROM bert_token_embeddings('the river') WHERE layer = 0;
**      -- [CLS]|384   the|384   river|384   [SEP]|384, say: the state before the first layer
**
** What does not fit the model's window is cut, as for bert_embed; bert_token_count(text) says how long it was. start
** and end count characters of the token's own text, so substr(text, start + 1, end - start) is what the token stands
** for (in text that is not UTF-8 each broken part counts as one, which is not always how substr counts it).
** The engine's answer belongs to the session, which other functions of the same statement use too: a cursor copies it.
** */
#include "ext.h"

#include <string.h>

enum { TEXT, PAIR, MODEL, LAYER }; /* arguments */

typedef struct {
  int32_t id, start, end;
  uint8_t segment;
} Token;

typedef struct {
  Cursor cursor;
  Loaded *model; /* held */
  Token *tokens;
  float *vectors; /* [count][hidden], or NULL */
  int count;
} Tokens;

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void copy_tokens(Tokens *t, const bert_encoding *x, bert_err *e) {
  t->tokens = memory_new((size_t)x->n, sizeof *t->tokens, e);
  if (!t->tokens) return;
  for (int i = 0; i < x->n; i++) t->tokens[i] = (Token){x->ids[i], x->start[i], x->end[i], x->types[i]};
  t->count = x->n;
  t->cursor.done = x->n == 0;
}

static void copy_vectors(Tokens *t, const float *vectors, bert_err *e) {
  size_t count = (size_t)t->count * (size_t)t->model->info.hidden;
  t->vectors = memory_new(count, sizeof *vectors, e);
  if (t->vectors) memcpy(t->vectors, vectors, count * sizeof *vectors);
}

/* The arguments that both functions share; 1 where a pair is given. */
static int take_texts(Cursor *c, bert_text *text, bert_text *pair, bert_err *e) {
  value_text(c->arguments[TEXT], "text", text, e);
  int paired = value_text(c->arguments[PAIR], "pair", pair, e);
  Loaded *m = connection_model(c->connection, c->arguments[MODEL], FOR_VECTORS, e);
  if (!m) return 0;
  connection_hold(m);
  ((Tokens *)c)->model = m;
  return paired;
}

static void open_tokens(Cursor *c, bert_err *e) {
  Tokens *t = (Tokens *)c;
  bert_text text, pair;
  bert_encoding x = {0};
  int paired = take_texts(c, &text, &pair, e);
  if (e->code) return;
  bert_encode(t->model->session, text, paired ? &pair : NULL, 1, &x, e);
  if (!e->code) copy_tokens(t, &x, e);
}

static void open_vectors(Cursor *c, bert_err *e) {
  Tokens *t = (Tokens *)c;
  bert_text text, pair;
  bert_encoding x = {0};
  const float *vectors = NULL;
  Watch watch;
  int paired = take_texts(c, &text, &pair, e);
  if (e->code) return;
  int layer = (int)value_integer(c->arguments[LAYER], -1, -1, t->model->info.layers, "layer", e);
  watch_start(&watch, connection_db(c->connection));
  bert_token_vectors(t->model->session, text, paired ? &pair : NULL, layer, &x, &vectors, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code) copy_tokens(t, &x, e);
  if (!e->code) copy_vectors(t, vectors, e);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Tokens *)c)->count;
}

static void column_token(Cursor *c, sqlite3_context *context, int i) {
  const Tokens *t = (Tokens *)c;
  const Token *x = &t->tokens[c->row];
  switch (i) {
    case 0: sqlite3_result_int64(context, c->row); break;
    case 1: sqlite3_result_int(context, x->id); break;
    case 2: value_result_text(context, bert_token_text(t->model->model, x->id)); break;
    case 3: sqlite3_result_int(context, x->segment); break;
    case 4: sqlite3_result_int(context, x->start); break;
    case 5: sqlite3_result_int(context, x->end); break;
  }
}

static void column_vector(Cursor *c, sqlite3_context *context, int i) {
  const Tokens *t = (Tokens *)c;
  int hidden = t->model->info.hidden;
  switch (i) {
    case 0: sqlite3_result_int64(context, c->row); break;
    case 1: value_result_text(context, bert_token_text(t->model->model, t->tokens[c->row].id)); break;
    case 2: value_result_vector(context, t->vectors + c->row * hidden, hidden); break;
  }
}

static void close(Cursor *c) {
  Tokens *t = (Tokens *)c;
  sqlite3_free(t->tokens);
  sqlite3_free(t->vectors);
  connection_drop(c->connection, t->model);
  t->tokens = NULL;
  t->vectors = NULL;
  t->model = NULL;
  t->count = 0;
}

const CursorKind tvf_tokens = {sizeof(Tokens), open_tokens, next, column_token, close};
const CursorKind tvf_token_embeddings = {sizeof(Tokens), open_vectors, next, column_vector, close};
