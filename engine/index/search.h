/* search.h -- the nearest vectors: blocks read, scanned by all threads, candidates compared by their vectors.
** Layer: index. Uses: bert.h. */
#ifndef INDEX_SEARCH_H
#define INDEX_SEARCH_H

#include "bert.h"

/* As bert.h says of bert_search and bert_hits_free. */
void search(const bert_scope *scope, const float *queries, int count, bert_hits *out, const bert_progress *progress,
            bert_err *e);
void search_hits_free(bert_hits *hits);

#endif
