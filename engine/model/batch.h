/* batch.h -- rows of tokens through the encoder, many at a time: what all tasks have in common.
** Layer: model. Uses: base text nn.
**
**    items, one a text or a window -> sorted by length, longest first -> chunks of about CHUNK tokens
**          -> the encoder, chunks shared out among threads -> finish->row, once for each item
**
** Rows of a chunk stand one after the other without padding. With fewer chunks than threads all threads share each
** chunk (a team); else each takes whole chunks, which needs no barrier. Neither changes a bit of any state.
**
** Several questions about one text need one pass: after a run of a single item its states still lie in the first thread's
** scratch, and a run of one item with the same tokens takes them as they are. That holds no memory that the session would
** not hold anyway, lasts until the session's next pass, and cannot be stale: states follow from the tokens alone.
** Memory: the tokens of all items (10 bytes each), and scratch of each thread (encoder.h). */
#ifndef MODEL_BATCH_H
#define MODEL_BATCH_H

#include "model/model.h"

/* One row of tokens. */
typedef struct {
  int text;     /* whose it is */
  size_t first; /* of its tokens, counted over all items as they were added */
  int n;
  int skip;     /* tokens of the prompt that do not count in the pooling */
} Item;

/* Forgets all items. Then, for each: batch_begin, and the tokens from … from+n-1 of encodings, in pieces. */
void batch_clear(Session *s);
void batch_begin(Session *s, int text, int skip, bert_err *e);
void batch_tokens(Session *s, const Encoding *c, int from, int n, bert_err *e);
/* Forgets all items; then each row of b is one, its `text` the row's number. */
void batch_add(Session *s, const Batch *b, bert_err *e);
int batch_count(const Session *s);
/* In the order in which they were added until batch_run sorts them. */
const Item *batch_items(const Session *s);

/* The states x[item->n][H] of an item. */
typedef struct {
  const Item *item;
  int index;   /* of the item, as they are sorted now */
  const float *x;
  int worker;  /* below session->threads: no two rows of one worker are finished at the same time */
  float *own;  /* the thread's part of a Scratch, for linear() */
} Row;

/* What is made of the states. row returns 0 where a number is not finite. */
typedef struct {
  int (*row)(void *context, const Row *row);
  void *context;
} Finish;

/* Runs all items; one without a token is BERT_ARGUMENT. Returns 0, or 1 + a text (Item.text) whose numbers are not
** finite. */
int batch_run(Session *s, const Finish *finish, const bert_progress *progress, bert_err *e);

/* 1 if the states of those tokens, a single row, lie in s->worker[0].x. */
int batch_kept(const Session *s, const int32_t *ids, const uint8_t *types, int n);
/* Says that they do; batch_forget, before anything else is computed there, that nothing does. */
void batch_keep(Session *s, const int32_t *ids, const uint8_t *types, int n, bert_err *e);
void batch_forget(Session *s);

#endif
