/* cache.c -- see cache.h.
** Layer: index. Uses: base. */
#define _DEFAULT_SOURCE
#include "index/cache.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { SPINS = 100, LEAST = 64 };
/* A block that none of the last searches used makes room for another. */
enum { RECENT_TURNS = 16 };

static struct {
  atomic_int holder; /* the process that one of whose threads has the lock; 0: nobody */
  int process; /* whose the rest is */
  Block **bucket; /* [buckets], a power of two, or NULL */
  size_t buckets, count;
  Block *oldest, *newest;
  int64_t limit, bytes, hits, misses; /* limit -1: not set yet */
  uint64_t turn;
} cache = {.limit = -1};

static int64_t quarter_of_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (int64_t)pages / 4 * size : (int64_t)256 << 20;
}

/* Held for a few dozen instructions, so that waiting means yielding at most. In a forked child whatever another thread was
** doing here is lost with it: the child starts with nothing (and leaks what its parent remembered). */
static void lock(void) {
  int own = getpid();
  for (int i = 0, holder = 0; !atomic_compare_exchange_weak_explicit(&cache.holder, &holder, own, memory_order_acquire,
                                                                     memory_order_relaxed); i++) {
    if (holder == own) holder = 0; /* else another process had it when this one was forked: it is taken from there */
    if (i > SPINS) sched_yield();
  }
  if (cache.process && cache.process != own) {
    cache.bucket = NULL, cache.oldest = cache.newest = NULL;
    cache.buckets = cache.count = 0;
    cache.bytes = 0;
  }
  cache.process = own;
  if (cache.limit < 0) cache.limit = quarter_of_memory();
}
static void unlock(void) { atomic_store_explicit(&cache.holder, 0, memory_order_release); }

static Block **bucket_of(uint64_t stamp) {
  return &cache.bucket[(stamp * 0x9E3779B97F4A7C15u >> 32) & (cache.buckets - 1)];
}

static Block *find(uint64_t stamp) {
  Block *b = cache.buckets ? *bucket_of(stamp) : NULL;
  while (b && b->stamp != stamp) b = b->next;
  return b;
}

static void list_remove(Block *b) {
  *(b->older ? &b->older->newer : &cache.oldest) = b->newer;
  *(b->newer ? &b->newer->older : &cache.newest) = b->older;
}

static void list_add(Block *b) {
  b->older = cache.newest, b->newer = NULL;
  *(cache.newest ? &cache.newest->newer : &cache.oldest) = b;
  cache.newest = b;
}

/* Takes b out; returns it where nobody uses it, to be freed. */
static Block *take_out(Block *b) {
  Block **p = bucket_of(b->stamp);
  while (*p != b) p = &(*p)->next;
  *p = b->next;
  list_remove(b);
  cache.count--;
  cache.bytes -= (int64_t)b->bytes;
  b->cached = 0;
  return b->users ? NULL : b;
}

static void grow(void) {
  bert_err e = {0};
  size_t buckets = cache.buckets ? 2 * cache.buckets : LEAST, old = cache.buckets;
  Block **before = cache.bucket, **after = mem_new(buckets, sizeof *after, &e);
  if (!after) return; /* longer chains, that is all; or nothing kept at first */
  cache.bucket = after, cache.buckets = buckets;
  for (size_t i = 0; i < old; i++)
    for (Block *b = before[i], *next; b; b = next) {
      next = b->next;
      b->next = *bucket_of(b->stamp);
      *bucket_of(b->stamp) = b;
    }
  mem_free(before);
}

/* Frees what need not stay until `bytes` more fit; blocks used since `turn` stay. */
static int make_room(int64_t bytes, uint64_t turn) {
  for (Block *b = cache.oldest, *newer; b && cache.bytes + bytes > cache.limit && b->used < turn; b = newer) {
    newer = b->newer;
    if (!b->users) block_free(take_out(b));
  }
  return cache.bytes + bytes <= cache.limit;
}

uint64_t cache_turn(void) {
  lock();
  uint64_t turn = ++cache.turn;
  unlock();
  return turn;
}

int cache_take(Block **block, const bert_block *ref, int n, int dimensions, uint64_t turn) {
  int found = 0;
  lock();
  for (; found < n; found++) {
    Block *b = ref[found].stamp ? find(ref[found].stamp) : NULL;
    if (!b || b->dimensions != dimensions) break;
    b->users++;
    b->used = turn;
    list_remove(b);
    list_add(b);
    block[found] = b;
  }
  cache.hits += found;
  cache.misses += found < n;
  unlock();
  return found;
}

int cache_keep(Block *b, uint64_t stamp, uint64_t turn) {
  uint64_t recent = turn > RECENT_TURNS ? turn - RECENT_TURNS : 0;
  lock();
  int kept = stamp && !find(stamp) && make_room((int64_t)b->bytes, recent);
  if (kept && cache.count >= cache.buckets) grow();
  kept = kept && cache.buckets;
  if (kept) {
    b->stamp = stamp, b->used = turn, b->cached = 1;
    b->next = *bucket_of(stamp);
    *bucket_of(stamp) = b;
    list_add(b);
    cache.count++;
    cache.bytes += (int64_t)b->bytes;
  }
  unlock();
  return kept;
}

void cache_give(Block *const *block, int n) {
  Block *gone = NULL;
  lock();
  for (int i = 0; i < n; i++)
    if (--block[i]->users == 0 && !block[i]->cached) block[i]->next = gone, gone = block[i];
  unlock();
  for (Block *next; gone; gone = next) {
    next = gone->next;
    block_free(gone);
  }
}

void cache_limit(int64_t bytes) {
  lock();
  cache.limit = bytes < 0 ? 0 : bytes;
  make_room(0, UINT64_MAX);
  if (!cache.count) {
    mem_free(cache.bucket);
    cache.bucket = NULL;
    cache.buckets = 0;
  }
  unlock();
}

void cache_describe(bert_cache_info *out) {
  lock();
  *out = (bert_cache_info){cache.limit, cache.bytes, (int64_t)cache.count, cache.hits, cache.misses};
  unlock();
}

void cache_forget(uint64_t stamp) {
  lock();
  Block *b = find(stamp), *gone = b ? take_out(b) : NULL;
  unlock();
  block_free(gone);
}
