/* fetch.h -- the next blocks of a search: from the cache, or read and laid out.
** Layer: index. Uses: block.h.
**
** A lot is as many blocks as are remembered, and up to LOT_BYTES of those that are not, so that a table larger than the
** memory it may have goes through in pieces. Reading and laying out is the calling thread's (copying what was read for
** other threads to lay out costs more than they save: 71 ms instead of 52 for 100,000 rows). */
#ifndef INDEX_FETCH_H
#define INDEX_FETCH_H

#include "index/block.h"

typedef struct {
  const bert_scope *scope;
  uint64_t turn;
  Block **block; /* [scope->count] the lot, each with one user */
  int first, n;  /* its place among the scope's blocks; the next lot begins at first + n */
} Fetch;

void fetch_init(Fetch *f, const bert_scope *scope, bert_err *e);
/* Gives up this lot and takes the next; 0 where there is none, or on errors. stop(context): between readings, nonzero ends
** it with BERT_INTERRUPT. */
int fetch_next(Fetch *f, int (*stop)(void *context), void *context, bert_err *e);
void fetch_fini(Fetch *f);

#endif
