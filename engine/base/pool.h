/* pool.h -- the threads of the process: one pool, started when first used, asleep when there is nothing to do.
** Layer: base. Uses: mem.
**
** The calling thread always takes part, as worker 0; the pool only adds hands. When another caller has the pool, when a
** job is started from within a job, or when a thread cannot be had, the caller does its work alone: the answer is the same
** (kernel.h). Helpers leave a job when callers come that need their cores, so that several connections share the cores
** without taking more threads than there are.
**
**    pool_each   many independent tasks, taken from one counter          for batches
**    pool_team   one body run by all hands at once, with a barrier       for one text that all share
**
** Threads start with signals blocked and the default floating-point environment. A forked child finds the pool empty and
** starts its own. Only this file sees pthread.h. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/mem.h"

enum { POOL_THREADS_MAX = 256 };

/* Processors that this process may run on, or BERT_THREADS where that is a number from 1 to POOL_THREADS_MAX. */
int pool_threads(void);

/* Runs task(context, i, worker) for every i in [0, tasks), worker in [0, threads). Tasks are taken in order. While worker 0
** waits for others it calls wait(context), if not NULL, every 10 ms or so. */
void pool_each(int threads, int tasks, void (*task)(void *context, int i, int worker), void (*wait)(void *context),
               void *context);

/* A flag of zeros; the first call runs start(), later ones and those of other threads wait until it has run. */
typedef struct {
  int state;
} PoolOnce;
void pool_once(PoolOnce *once, void (*start)(void));

typedef struct Team {
  int rank, size;
  struct TeamBarrier *barrier;
} Team;

/* Runs body(context, team) once on each of at most `threads` threads at the same time; team->size says how many they
** are. Rank 0 is the calling thread. */
void pool_team(int threads, void (*body)(void *context, const Team *team), void *context);

/* Waits until all of the team are here. What was written before it is seen by all after it. */
void team_barrier(const Team *team);

/* The part of [0, n) that is this rank's: from team_start(t, n, rank) to team_start(t, n, rank + 1). */
static inline int team_start(const Team *t, int n, int rank) { return (int)((int64_t)n * rank / t->size); }

#endif
