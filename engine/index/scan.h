/* scan.h -- one block against the queries of a search: who may still be among the nearest.
** Layer: index. Uses: block.h code.h kernel.
**
** A query has a threshold, the cosine that a row must reach to matter, which rises while blocks are read: each thread keeps
** the k largest lower bounds that it has met, and the k-th of them is a threshold for all (k rows are known to be
** that near). A row goes
**
**    4 bits, all rows of a panel at once       bound (3) of code.h      a few in a thousand pass in the end, a fifth at first
**    8 bits, that row                          bounds (2)               to the candidates, with both bounds
**
** and rescore.c asks for the vectors of the candidates that are left. Of the rows that pass at first, when the threshold is
** low, only those with the best cosines so far (of 4 bits) go on, which makes it rise; the others are put off until
** it has risen, when few of them pass again. What is put off is a panel for a query, its 32 sums as the kernel left them: they
** meet the bound again together, which costs less than to look at each of them when it first passes. */
#ifndef INDEX_SCAN_H
#define INDEX_SCAN_H

#include <stdatomic.h>

#include "index/block.h"
#include "index/code.h"
#include "kernel/kernel.h"

/* The true cosine lies in [low, high]. */
typedef struct {
  float low, high;
  int64_t slot, rowid;
} Candidate;

typedef struct {
  Candidate *at;
  size_t n, room;
} Candidates;

/* Rows that are put off: what passed of a panel of a block. */
typedef struct {
  int block; /* which of those that are being read */
  KernelPassed passed;
} Later;

typedef struct {
  Later *at;
  size_t n, room;
} Laters;

/* The largest `most` of the numbers pushed, least on top. */
typedef struct {
  float *at;
  size_t n, room, most;
} Best;

/* One thread's findings for one query. */
typedef struct {
  Candidates found;
  Laters later;
  Best best;    /* of lower bounds */
  Best nearest; /* of cosines of 4 bits */
  /* The constants of bound (3) for the threshold they were made for. */
  float threshold, c, s;
  double angle; /* a + pq: c its cosine, s its sine */
  double near, near_c, near_s; /* a, likewise */
} Found;

typedef struct {
  CodeQuery code;
  int zero;                  /* a query of zeros: its cosine is 0 with all */
  _Atomic float threshold;
} ScanQuery;

typedef struct {
  ScanQuery *query;
  int8_t *q8;       /* [kernel_query_numbers]: the queries as a scan takes them */
  int count, depth;
  int sampling;     /* see scan_block */
  int estimate;     /* no vectors will be asked for: the fine code's cosine is the answer */
  double widest;    /* then: the largest p8 of what is being read, else 0 */
  double slack;
  size_t k;
} Scan;

/* What is being read: block[i] is what ref[i] names. */
typedef struct {
  Block *const *block;
  const bert_block *ref;
} Lot;

/* One thread's own. */
typedef struct {
  Found *found;         /* [queries] */
  KernelPassed *passed; /* [scan_room] */
  KernelBound *bound;   /* [queries] */
  void (*pause)(void *context); /* called every millisecond or so where not NULL */
  void *context;
  const atomic_int *stop; /* ends scanning early when set */
  bert_err *e;
} Worker;

/* Reads block i of a lot for all queries. Where sampling, it looks for the nearest by 4 bits alone, and puts them off. */
void scan_block(const Scan *s, const Lot *lot, int i, const Worker *w);
/* Then, once for each query and what each thread put off. */
void scan_later(const Scan *s, const Lot *lot, int q, Laters *later, Found *found, bert_err *e);
/* What a scan may leave at most. */
size_t scan_room(const Scan *s);

void best_push(Best *b, float x, bert_err *e);
void candidates_add(Candidates *c, const Candidate *one, float threshold, bert_err *e);
/* Drops those that cannot reach the threshold. */
void candidates_prune(Candidates *c, float threshold);

/* The query's threshold is at least t. */
void scan_raise(ScanQuery *q, float t);

#endif
