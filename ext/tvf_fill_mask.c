/* tvf_fill_mask.c -- bert_fill_mask: what could stand in place of a mask, the whole vocabulary, best first.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT token, score FROM bert_fill_mask('Paris is the [MASK] of France.') LIMIT 2;
**      -- capital|0.97   heart|0.01, say
**    SELECT sequence FROM bert_fill_mask('Paris is the [MASK] of France.') LIMIT 1;
**      -- paris is the capital of france.
**
** One row a token of the vocabulary, so say LIMIT; rank counts from 1. A text with several masks gives all rows of the
** first, then those of the next, each read with the others still masked: `rank = 1` is the best token of each. position
** is the mask's among the text's tokens, as in bert_tokens. token and sequence are decoded when they are asked for; a
** sequence leaves [CLS] and the like out where the text has one mask, as transformers' pipeline does.
** Cost: one pass of the encoder for each mask that is reached; 8 bytes a token of the vocabulary. */
#include "ext.h"

#include <string.h>

enum { TEXT, MODEL }; /* arguments */

typedef struct {
  Cursor cursor;
  Loaded *model;        /* held */
  bert_text text;       /* of the cursor's own argument */
  int mask, masks;      /* which of them, of how many */
  int position;         /* of this one among the tokens */
  bert_fill *fill;      /* [count], best first */
  size_t room;
  int count, at;
  int32_t *ids;         /* [tokens] of the text */
  size_t id_room;
  int tokens;
} FillMask;

/* Asks for mask number t->mask. The answer is the session's, which other functions of the statement use too. */
static void fill(FillMask *t, bert_err *e) {
  bert_fills x = {0};
  Watch watch;
  watch_start(&watch, connection_db(t->cursor.connection));
  bert_fill_mask(t->model->session, t->text, t->mask, &x, &watch.progress, e);
  watch_stop(&watch);
  if (e->code) return;
  memory_grow(&t->fill, &t->room, (size_t)x.n, sizeof *x.fill, e);
  if (!memory_grow(&t->ids, &t->id_room, (size_t)x.tokens, sizeof *x.ids, e)) return;
  memcpy(t->fill, x.fill, (size_t)x.n * sizeof *x.fill);
  memcpy(t->ids, x.ids, (size_t)x.tokens * sizeof *x.ids);
  t->count = x.n;
  t->at = 0;
  t->masks = x.masks;
  t->position = x.position;
  t->tokens = x.tokens;
}

static void open(Cursor *c, bert_err *e) {
  FillMask *t = (FillMask *)c;
  value_text(c->arguments[TEXT], "text", &t->text, e);
  t->model = connection_model(c->connection, c->arguments[MODEL], FOR_WORDS, e);
  if (!t->model) return;
  connection_hold(t->model);
  fill(t, e);
}

static void next(Cursor *c, bert_err *e) {
  FillMask *t = (FillMask *)c;
  if (++t->at < t->count) return;
  if (++t->mask < t->masks) fill(t, e);
  else c->done = 1;
}

/* ids[n] as text. */
static void result_decoded(sqlite3_context *context, const FillMask *t, const int32_t *ids, int n, int skip_special) {
  bert_err e = {0};
  bert_text text = bert_decode(t->model->session, ids, n, skip_special, &e);
  if (!e.code) sqlite3_result_text64(context, text.data ? text.data : "", text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
  else if (e.code == BERT_NOMEM) sqlite3_result_error_nomem(context);
  else sqlite3_result_error(context, e.text, -1);
}

static void result_sequence(sqlite3_context *context, const FillMask *t) {
  int32_t *place = &t->ids[t->position], masked = *place;
  *place = t->fill[t->at].id;
  result_decoded(context, t, t->ids, t->tokens, t->masks == 1);
  *place = masked;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const FillMask *t = (FillMask *)c;
  const bert_fill *x = &t->fill[t->at];
  switch (i) {
    case 0: result_decoded(context, t, &x->id, 1, 0); break;
    case 1: sqlite3_result_double(context, (double)x->score); break;
    case 2: result_sequence(context, t); break;
    case 3: sqlite3_result_int(context, t->position); break;
    case 4: sqlite3_result_int(context, t->at + 1); break;
  }
}

static void close(Cursor *c) {
  FillMask *t = (FillMask *)c;
  sqlite3_free(t->fill);
  sqlite3_free(t->ids);
  connection_drop(c->connection, t->model);
  memset((char *)t + sizeof t->cursor, 0, sizeof *t - sizeof t->cursor);
}

const CursorKind tvf_fill_mask = {sizeof(FillMask), open, next, column, close};
