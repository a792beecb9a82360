/* tvf_attention.c -- bert_attention: how much each token of a text looks at each other one, layer by layer.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT from_token, to_token, weight FROM bert_attention('the old river') WHERE layer = 0 AND head = 0;
**      -- [CLS]|[CLS]|0.12   [CLS]|the|0.31   [CLS]|old|0.04 …, 25 rows
**    SELECT layer, head, sum(weight) / count(DISTINCT from_position) AS to_sep
**    FROM bert_attention('the old river') WHERE to_token = '[SEP]' GROUP BY layer, head ORDER BY to_sep DESC;
**
** Layers and heads count from 0; the weights of one token (from) sum to 1 over all tokens (to). Rows go through layers,
** heads, from, to. What does not fit the model's window is cut, as for bert_embed.
** Cost: layers are read in portions of at most PORTION bytes (or one layer), and each portion is a pass up to its last
** layer: one pass for texts of up to 73 tokens, of 12 layers and 12 heads, and of longer ones less time than their rows
** take in SQLite. Memory: twice a portion. Where a query wants one layer or one head (layer = 3), no other is computed
** but the layers before it, nor any other row made. */
#include "ext.h"

#include <string.h>

enum { TEXT, PAIR, MODEL };   /* arguments */
enum { LAYER, HEAD };         /* columns that are keys */
enum { PORTION = 3 << 20 };

typedef struct {
  Cursor cursor;
  Loaded *model; /* held */
  bert_text text, pair; /* of the cursor's own arguments */
  int paired;
  int head, heads;      /* the one head that is wanted, or -1; how many a layer has here */
  int first, count;     /* layers of this portion */
  int past;             /* layers that are wanted end here */
  int layers_a_portion;
  int tokens;
  int32_t *ids;         /* [tokens] */
  float *weights;       /* [count][heads][tokens][tokens] */
  size_t room;
  sqlite3_int64 at;     /* of them */
} Attention;

static sqlite3_int64 weights_a_layer(const Attention *t) {
  return (sqlite3_int64)t->heads * t->tokens * t->tokens;
}

/* What the query compares a column of integers with: 0 … past-1; -1 where it does not, or with something else, which
** SQLite will judge; `past` where no row has it. */
static int key_of(const Cursor *c, int column, int past) {
  sqlite3_value *v = c->keys[column];
  if (!v || sqlite3_value_numeric_type(v) != SQLITE_INTEGER) return -1;
  sqlite3_int64 i = sqlite3_value_int64(v);
  return i < 0 || i >= past ? past : (int)i;
}

/* How long the text is, and so how many layers fit a portion. */
static void measure(Attention *t, bert_err *e) {
  bert_encoding x;
  bert_encode(t->model->session, t->text, t->paired ? &t->pair : NULL, 1, &x, e);
  if (e->code) return;
  t->tokens = x.n;
  t->ids = memory_new((size_t)x.n, sizeof *t->ids, e);
  if (!t->ids) return;
  memcpy(t->ids, x.ids, (size_t)x.n * sizeof *t->ids);
  sqlite3_int64 fit = PORTION / ((sqlite3_int64)sizeof *t->weights * weights_a_layer(t));
  int layers = t->model->info.layers;
  t->layers_a_portion = fit < 1 ? 1 : fit < layers ? (int)fit : layers;
}

/* The answer is the session's, which other functions of the statement use too: it is copied. */
static void read_portion(Attention *t, bert_err *e) {
  bert_encoding x;
  const float *weights = NULL;
  Watch watch;
  int left = t->past - t->first;
  if (e->code) return;
  t->count = left < t->layers_a_portion ? left : t->layers_a_portion;
  size_t n = (size_t)t->count * (size_t)weights_a_layer(t);
  t->at = 0;
  if (!memory_grow(&t->weights, &t->room, n, sizeof *weights, e)) return;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_attentions(t->model->session, t->text, t->paired ? &t->pair : NULL, t->first, t->count, t->head, &x,
                  &weights, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code) memcpy(t->weights, weights, n * sizeof *weights);
}

/* The row that `at` is in the whole table, whatever the keys leave out. */
static sqlite3_int64 row_of(const Attention *t) {
  sqlite3_int64 a_head = (sqlite3_int64)t->tokens * t->tokens, map = t->at / a_head;
  sqlite3_int64 layer = t->first + map / t->heads, head = t->head < 0 ? map % t->heads : t->head;
  return (layer * t->model->info.heads + head) * a_head + t->at % a_head;
}

static void open(Cursor *c, bert_err *e) {
  Attention *t = (Attention *)c;
  value_text(c->arguments[TEXT], "text", &t->text, e);
  t->paired = value_text(c->arguments[PAIR], "pair", &t->pair, e);
  t->model = connection_model(c->connection, c->arguments[MODEL], FOR_VECTORS, e);
  if (!t->model) return;
  connection_hold(t->model);
  int layers = t->model->info.layers, heads = t->model->info.heads, layer = key_of(c, LAYER, layers);
  t->head = key_of(c, HEAD, heads);
  t->heads = t->head < 0 ? heads : 1;
  t->first = layer < 0 ? 0 : layer;
  t->past = layer < 0 ? layers : layer + 1;
  measure(t, e);
  c->done = t->tokens == 0 || layer == layers || t->head == heads;
  if (c->done) return;
  read_portion(t, e);
  c->row = row_of(t);
}

static void next(Cursor *c, bert_err *e) {
  Attention *t = (Attention *)c;
  if (++t->at == t->count * weights_a_layer(t)) {
    t->first += t->count;
    if (t->first < t->past) read_portion(t, e);
    else c->done = 1;
  }
  c->row = row_of(t);
}

static void result_token(sqlite3_context *context, const Attention *t, sqlite3_int64 position) {
  value_result_text(context, bert_token_text(t->model->model, t->ids[position]));
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Attention *t = (Attention *)c;
  sqlite3_int64 to = c->row % t->tokens, row = c->row / t->tokens, from = row % t->tokens, map = row / t->tokens;
  int heads = t->model->info.heads;
  switch (i) {
    case LAYER: sqlite3_result_int64(context, map / heads); break;
    case HEAD: sqlite3_result_int64(context, map % heads); break;
    case 2: sqlite3_result_int64(context, from); break;
    case 3: sqlite3_result_int64(context, to); break;
    case 4: result_token(context, t, from); break;
    case 5: result_token(context, t, to); break;
    case 6: sqlite3_result_double(context, (double)t->weights[t->at]); break;
  }
}

static void close(Cursor *c) {
  Attention *t = (Attention *)c;
  sqlite3_free(t->ids);
  sqlite3_free(t->weights);
  connection_drop(c->connection, t->model);
  memset((char *)t + sizeof t->cursor, 0, sizeof *t - sizeof t->cursor);
}

const CursorKind tvf_attention = {sizeof(Attention), open, next, column, close};
