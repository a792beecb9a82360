/* scan.h -- one block against the queries of a search: who may still be among the nearest.
** Layer: index. Uses: block.h code.h.
**
** A query has a threshold, the cosine that a row must reach to matter, which rises while blocks are read: each thread keeps
** the k largest lower bounds that it has met, and the k-th of them is a threshold for all (k rows are known to be
** that near). A row goes
**
**    4 bits, all rows of a panel at once       bound (3) of code.h      a few in a thousand pass
**    8 bits, that row                          bounds (2)               to the candidates, with both bounds
**
** and search.c asks for the vectors of the candidates that are left. */
#ifndef INDEX_SCAN_H
#define INDEX_SCAN_H

#include <stdatomic.h>

#include "index/block.h"
#include "index/code.h"

/* The true cosine lies in [low, high]. */
typedef struct {
  float low, high;
  int64_t slot, rowid;
} Candidate;

typedef struct {
  Candidate *at;
  size_t n, room;
} Candidates;

/* The largest `most` of the numbers pushed, least on top. */
typedef struct {
  float *at;
  size_t n, room, most;
} Best;

/* One thread's findings for one query. */
typedef struct {
  Candidates found;
  Best best;
  /* The constants of bound (3) for the threshold they were made for. */
  float threshold, c, s;
  double angle; /* a + pq */
} Found;

typedef struct {
  CodeQuery code;
  int zero;                  /* a query of zeros: its cosine is 0 with all */
  _Atomic float threshold;
} ScanQuery;

typedef struct {
  ScanQuery *query;
  int8_t *q8;       /* [count][depth], the queries' own, side by side */
  int count, depth;
  int estimate;     /* no vectors will be asked for: the estimate is the answer */
  double slack;
  size_t k;
} Scan;

/* Reads block b, whose number is `number`, for all queries; found[count]. sums: scan_sums(s) numbers of this thread. `stop` ends
** it early when set; pause(context), where not NULL, is called every millisecond or so. */
void scan_block(const Scan *s, const Block *b, int64_t number, const uint32_t *allowed, Found *found, int32_t *sums,
                void (*pause)(void *context), void *context, const atomic_int *stop, bert_err *e);
size_t scan_sums(const Scan *s);

void best_push(Best *b, float x, bert_err *e);
void candidates_add(Candidates *c, const Candidate *one, float threshold, bert_err *e);
/* Drops those that cannot reach the threshold. */
void candidates_prune(Candidates *c, float threshold);

/* The query's threshold is at least t. */
void scan_raise(ScanQuery *q, float t);

#endif
