/* test_pool.c -- every task once, every rank at every barrier, and what a fork leaves behind. */
#define _POSIX_C_SOURCE 200809L
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pool.h"
#include "test.h"

enum { TASKS = 1000, ROUNDS = 2000 };

static atomic_int count[TASKS];
static atomic_int workers_seen;

static void count_task(void *context, int i, int worker) {
  (void)context;
  atomic_fetch_add(&count[i], 1);
  atomic_fetch_or(&workers_seen, 1 << worker);
}

static int all_once(void) {
  int good = 1;
  for (int i = 0; i < TASKS; i++) good &= atomic_exchange(&count[i], 0) == 1;
  return good;
}

TEST(pool_each_runs_every_task_once_whatever_the_threads) {
  for (int threads = 1; threads <= 8; threads++) {
    atomic_store(&workers_seen, 0);
    pool_each(threads, TASKS, count_task, NULL, NULL);
    OK(all_once());
    OK(atomic_load(&workers_seen) < 1 << threads);
  }
}

static void nested_task(void *context, int i, int worker) {
  (void)worker;
  if (i == 0) pool_each(4, TASKS, count_task, NULL, context);
}

TEST(pool_each_within_a_task_runs_alone) {
  pool_each(4, 8, nested_task, NULL, NULL);
  OK(all_once());
}

/* Ranks write their turn, meet, and look whether all others have: a barrier that lets one through early is seen. */
static int turn[POOL_THREADS_MAX];
static atomic_int early;

static void meet(void *context, const Team *team) {
  (void)context;
  for (int i = 1; i <= ROUNDS; i++) {
    turn[team->rank] = i;
    team_barrier(team);
    for (int r = 0; r < team->size; r++)
      if (turn[r] != i) atomic_fetch_add(&early, 1);
    team_barrier(team);
  }
}

TEST(pool_team_meets_at_every_barrier) {
  for (int threads = 1; threads <= 5; threads++) pool_team(threads, meet, NULL); /* more than cores: sleepers too */
  EQ(atomic_load(&early), 0);
}

TEST(pool_works_in_a_forked_child) {
  pool_each(3, TASKS, count_task, NULL, NULL);
  OK(all_once());
  pid_t child = fork();
  if (child == 0) {
    pool_each(3, TASKS, count_task, NULL, NULL);
    _exit(all_once() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EQ(status, 0);
}

static void shares(void *context, const Team *team) {
  int from = team_start(team, 10, team->rank), to = team_start(team, 10, team->rank + 1);
  atomic_fetch_add((atomic_int *)context, to - from);
}

TEST(pool_team_shares_cover_all) {
  atomic_int sum = 0;
  pool_team(3, shares, &sum);
  EQ(atomic_load(&sum), 10);
}
