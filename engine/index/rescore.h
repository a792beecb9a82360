/* rescore.h -- from candidates to the nearest: their vectors are asked for, as few as the bounds allow.
** Layer: index. Uses: scan.h.
**
** For each query, best upper bound first, in rounds: the first k, then those whose bound still reaches the k-th best
** cosine found, until none does. A round asks for the vectors of all queries at once, each slot once, in order. */
#ifndef INDEX_RESCORE_H
#define INDEX_RESCORE_H

#include "index/scan.h"

/* out[count] = the scope's k nearest of all[count]; candidates are put into another order. */
void rescore(const bert_scope *scope, const float *queries, int count, Candidates *const *all, bert_hits *out,
             const bert_progress *progress, bert_err *e);

#endif
