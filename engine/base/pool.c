/* pool.c -- see pool.h.
** Layer: base. Uses: mem.
**
** A job stands in one global; its generation number wakes the workers. Each worker that comes takes a place in the job until
** the places are gone; a team waits for its places to be filled only as long as a thread takes to wake, since its size
** is fixed before it starts: a worker that is needed is known to be idle.
**
**    caller: lock owner -> publish job, generation++ -> wake -> work as rank 0 -> wait until every place is done
**    worker: spin a little on generation, then sleep on it -> take a place -> work -> done++
*/
#define _GNU_SOURCE
#include "base/pool.h"

#include <fenv.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Tells the core that this is a loop of waiting. */
static inline void pause_core(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* How long a waiter stays awake: at a barrier several times what waking a thread takes, which is 50 µs and more where a
** hypervisor has to start the processor; else one late thread has all others sleep and wake at every barrier that follows
** (45 times a sentence, at half the speed, on a machine of 2 processors). A worker without a job, as long as a caller takes
** between two texts. */
enum { BARRIER_NS = 1000000, IDLE_NS = 200000, PAUSE_NS = 20000 };

/* One who waits, from all zeros. */
typedef struct {
  int turns;
  int64_t start;
} Waiter;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Waits a moment; 0 once limit_ns are over. At first it keeps the core, then it lets others have it in between. */
static int stay_awake(Waiter *w, int64_t limit_ns) {
  if (++w->turns % 16) {
    pause_core();
    return 1;
  }
  int64_t now = now_ns();
  if (!w->start) w->start = now;
  if (now - w->start > PAUSE_NS) sched_yield();
  return now - w->start < limit_ns;
}

struct TeamBarrier {
  atomic_int arrived, phase, sleepers;
};

typedef struct {
  void (*task)(void *context, int i, int worker);
  void (*body)(void *context, const Team *team);
  void *context;
  int tasks, places; /* places: workers wanted beside the caller */
  int limit;         /* threads that all callers together are to keep busy */
  atomic_int next, taken, done;
  struct TeamBarrier barrier;
} Job;

static struct {
  pthread_mutex_t owner; /* held by the caller whose job it is */
  pthread_mutex_t lock;  /* guards what follows, and the sleeping on it */
  pthread_cond_t wake, finished, met;
  pthread_mutex_t once; /* of pool_once */
  atomic_uint generation;
  Job *job;
  int started;
} pool = {.owner = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .finished = PTHREAD_COND_INITIALIZER,
          .met = PTHREAD_COND_INITIALIZER,
          .once = PTHREAD_MUTEX_INITIALIZER};

/* Set in workers, and in a caller while its job runs: a job from within a job is done alone. */
static _Thread_local int busy;

/* Callers with a job under way, the pool's owner and those who work alone. */
static atomic_int callers;

/* ---- how many ---------------------------------------------------------------------------------------------------- */

static int processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 && n < INT_MAX ? (int)n : 1;
}

int pool_threads(void) {
  const char *text = getenv("BERT_THREADS");
  char *end = NULL;
  long n = text && *text ? strtol(text, &end, 10) : 0;
  if (n < 1 || *end) n = processors();
  return n > POOL_THREADS_MAX ? POOL_THREADS_MAX : (int)n;
}

void pool_once(PoolOnce *once, void (*start)(void)) {
  if (__atomic_load_n(&once->state, __ATOMIC_ACQUIRE)) return;
  pthread_mutex_lock(&pool.once);
  if (!once->state) {
    start();
    __atomic_store_n(&once->state, 1, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&pool.once);
}

/* ---- workers ------------------------------------------------------------------------------------------------------- */

static void work(Job *job, int rank) {
  if (job->body) {
    Team team = {rank, job->places + 1, &job->barrier};
    job->body(job->context, &team);
    return;
  }
  /* A helper leaves when another caller needs its core; the caller itself stays to the end. */
  while (rank == 0 || atomic_load_explicit(&callers, memory_order_relaxed) + rank <= job->limit) {
    int i = atomic_fetch_add(&job->next, 1);
    if (i >= job->tasks) return;
    job->task(job->context, i, rank);
  }
}

/* Waits for a generation other than `seen` and returns it. */
static unsigned next_generation(unsigned seen) {
  Waiter waiter = {0};
  do {
    unsigned now = atomic_load_explicit(&pool.generation, memory_order_acquire);
    if (now != seen) return now;
  } while (stay_awake(&waiter, IDLE_NS));
  pthread_mutex_lock(&pool.lock);
  while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
  unsigned now = atomic_load(&pool.generation);
  pthread_mutex_unlock(&pool.lock);
  return now;
}

/* The job now standing with a place for this worker, or NULL; *rank gets the place. A job cannot end while a place of it
** is taken and not done, so the pointer stays good. */
static Job *take_place(int *rank) {
  pthread_mutex_lock(&pool.lock);
  Job *job = pool.job;
  if (job && atomic_load(&job->taken) < job->places) *rank = atomic_fetch_add(&job->taken, 1) + 1;
  else job = NULL;
  pthread_mutex_unlock(&pool.lock);
  return job;
}

static void *worker(void *arg) {
  unsigned seen = (unsigned)(uintptr_t)arg;
  busy = 1;
  fesetenv(FE_DFL_ENV);
  for (;;) {
    seen = next_generation(seen);
    int rank;
    Job *job = take_place(&rank);
    if (!job) continue;
    work(job, rank);
    pthread_mutex_lock(&pool.lock);
    if (atomic_fetch_add(&job->done, 1) + 1 == job->places) pthread_cond_signal(&pool.finished);
    pthread_mutex_unlock(&pool.lock);
  }
  return NULL;
}

/* In a forked child the workers are gone and the locks are in whatever state they were: all anew. */
static void forget(void) {
  pthread_mutex_init(&pool.owner, NULL);
  pthread_mutex_init(&pool.lock, NULL);
  pthread_mutex_init(&pool.once, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pthread_cond_init(&pool.finished, NULL);
  pthread_cond_init(&pool.met, NULL);
  pool.job = NULL;
  pool.started = 0;
  atomic_store(&callers, 0);
}

/* Has `wanted` workers running, or as many as the system gives; returns how many. The caller owns the pool. */
static int start(int wanted) {
  static int watching_forks;
  if (!watching_forks) {
    watching_forks = 1;
    pthread_atfork(NULL, NULL, forget);
  }
  if (pool.started >= wanted) return wanted;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  while (pool.started < wanted) {
    pthread_t id;
    if (pthread_create(&id, &detached, worker, (void *)(uintptr_t)atomic_load(&pool.generation))) break;
    pool.started++;
  }
  pthread_attr_destroy(&detached);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pool.started < wanted ? pool.started : wanted;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------------ */

static void publish(Job *job) {
  pthread_mutex_lock(&pool.lock);
  pool.job = job;
  atomic_fetch_add(&pool.generation, 1);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
}

/* Sleeps until the job is finished, or 10 ms. */
static void sleep_on(Job *job) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 10000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_mutex_lock(&pool.lock);
  if (atomic_load(&job->done) < job->places) pthread_cond_timedwait(&pool.finished, &pool.lock, &until);
  pthread_mutex_unlock(&pool.lock);
}

/* Takes the job down and waits for those who work on it. A place nobody took by now is not waited for: of tasks, nothing
** is left to do for it; and a team's places are always taken, since its ranks meet at barriers. */
static void finish(Job *job, void (*wait)(void *context)) {
  pthread_mutex_lock(&pool.lock);
  if (!job->body) {
    int absent = job->places - atomic_load(&job->taken);
    job->places -= absent;
  }
  pool.job = job->body ? pool.job : NULL;
  pthread_mutex_unlock(&pool.lock);
  Waiter waiter = {0};
  while (atomic_load(&job->done) < job->places && stay_awake(&waiter, BARRIER_NS)) continue;
  while (atomic_load(&job->done) < job->places) {
    sleep_on(job);
    if (wait && atomic_load(&job->done) < job->places) wait(job->context);
  }
  /* The last worker still holds the lock when it says it is done. */
  pthread_mutex_lock(&pool.lock);
  pool.job = NULL;
  pthread_mutex_unlock(&pool.lock);
}

/* Runs the job with up to `threads` hands, fewer by those that other callers are; alone where the pool is another's. */
static void run(Job *job, int threads, void (*wait)(void *context)) {
  if (threads > POOL_THREADS_MAX) threads = POOL_THREADS_MAX;
  int processors_given = pool_threads(), others = busy ? 0 : atomic_fetch_add(&callers, 1);
  job->limit = threads > processors_given ? threads : processors_given;
  if (threads > job->limit - others) threads = job->limit - others;
  int mine = !busy && threads > 1 && pthread_mutex_trylock(&pool.owner) == 0;
  job->places = mine ? start(threads - 1) : 0;
  int was = busy;
  busy = 1;
  if (job->places) publish(job);
  work(job, 0);
  if (job->places) finish(job, wait);
  busy = was;
  if (!was) atomic_fetch_sub(&callers, 1);
  if (mine) pthread_mutex_unlock(&pool.owner);
}

void pool_each(int threads, int tasks, void (*task)(void *context, int i, int worker), void (*wait)(void *context),
               void *context) {
  Job job = {.task = task, .context = context, .tasks = tasks};
  run(&job, threads < tasks ? threads : tasks, wait);
}

void pool_team(int threads, void (*body)(void *context, const Team *team), void *context) {
  Job job = {.body = body, .context = context};
  run(&job, threads, NULL);
}

/* Sleeps until the phase is no longer `phase`. The counts of sleepers and phases are ordered (both sequentially
** consistent): either the sleeper sees the new phase, or who sets it sees the sleeper. */
static void sleep_at(struct TeamBarrier *b, int phase) {
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&b->sleepers, 1);
  while (atomic_load(&b->phase) == phase) pthread_cond_wait(&pool.met, &pool.lock);
  atomic_fetch_sub(&b->sleepers, 1);
  pthread_mutex_unlock(&pool.lock);
}

void team_barrier(const Team *team) {
  if (team->size == 1) return;
  struct TeamBarrier *b = team->barrier;
  int phase = atomic_load_explicit(&b->phase, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == team->size) {
    atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
    atomic_store(&b->phase, phase + 1);
    if (atomic_load(&b->sleepers) == 0) return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.met);
    pthread_mutex_unlock(&pool.lock);
    return;
  }
  Waiter waiter = {0};
  do {
    if (atomic_load_explicit(&b->phase, memory_order_acquire) != phase) return;
  } while (stay_awake(&waiter, BARRIER_NS));
  sleep_at(b, phase); /* more threads than free processors: let the one that is awaited run */
}
