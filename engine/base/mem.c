/* mem.c -- see mem.h.
** Layer: base. Uses: err. */
#define _DEFAULT_SOURCE
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_llong live;
static atomic_llong fail_at; /* 0: never */
static atomic_int fail_forever;

enum { HUGE = 2 << 20, HUGE_FROM = 4 << 20, PAGES_FROM = 256 << 10 };

size_t mem_size(size_t a, size_t b, size_t c) {
  size_t product, sum;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(product, c, &sum)) return SIZE_MAX;
  return sum;
}

/* 1 when this allocation is to fail, by request or for its size (PTRDIFF_MAX is more than any object may have). */
static int refused(size_t bytes, bert_err *e) {
  if (e->code) return 1;
  int fails = bytes > PTRDIFF_MAX;
  if (atomic_load_explicit(&fail_at, memory_order_relaxed) > 0) {
    long long left = atomic_fetch_sub(&fail_at, 1) - 1;
    if (left == 0) {
      fails = 1;
      if (atomic_load(&fail_forever)) atomic_store(&fail_at, 1);
    }
  }
  if (fails) err_set(e, BERT_NOMEM, "out of memory");
  return fails;
}

static void *counted(void *p, bert_err *e) {
  if (p) atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
  else err_set(e, BERT_NOMEM, "out of memory");
  return p;
}

void *mem_new(size_t count, size_t size, bert_err *e) {
  size_t bytes = mem_size(count, size, 0);
  if (refused(bytes, e)) return NULL;
  return counted(calloc(bytes ? bytes : 1, 1), e);
}

void *mem_grow(void *p, size_t count, size_t size, bert_err *e) {
  size_t bytes = mem_size(count, size, 0);
  if (refused(bytes, e)) return NULL;
  void *q = realloc(p, bytes ? bytes : 1);
  if (!p) return counted(q, e);
  if (!q) err_set(e, BERT_NOMEM, "out of memory");
  return q;
}

void mem_free(void *p) {
  if (p) atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
  free(p);
}

/* Zeros that the system gives page by page as they are first touched. */
static char *map(size_t bytes) {
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static void *allocate_aligned(size_t bytes) {
  void *p = NULL;
  if (posix_memalign(&p, 64, bytes ? bytes : 1)) return NULL;
  return memset(p, 0, bytes);
}

/* Room for a start on a huge page; what lies before and after it is given back. */
static void *map_huge(size_t bytes) {
  size_t want = (bytes + HUGE - 1) / HUGE * HUGE, room = want + HUGE;
  char *raw = map(room), *p = (char *)(((uintptr_t)raw + HUGE - 1) / HUGE * HUGE);
  if (!raw) return NULL;
  if (p > raw) munmap(raw, (size_t)(p - raw));
  if (raw + room > p + want) munmap(p + want, (size_t)(raw + room - (p + want)));
#ifdef MADV_HUGEPAGE
  madvise(p, want, MADV_HUGEPAGE);
#endif
  return p;
}

void *mem_pages(size_t bytes, bert_err *e) {
  if (refused(bytes, e)) return NULL;
  return counted(bytes < PAGES_FROM ? allocate_aligned(bytes) : bytes < HUGE_FROM ? map(bytes) : map_huge(bytes), e);
}

void mem_pages_apart(void *p, size_t bytes, size_t from, size_t n) {
#ifdef MADV_NOHUGEPAGE
  uintptr_t page = 4096, begin = (uintptr_t)p + from * sizeof(float), end = begin + n * sizeof(float);
  begin = (begin + page - 1) / page * page;
  if (bytes >= HUGE_FROM && end > begin) madvise((void *)begin, end / page * page - begin, MADV_NOHUGEPAGE);
#else
  (void)p, (void)bytes, (void)from, (void)n;
#endif
}

void mem_pages_free(void *p, size_t bytes) {
  if (!p) return;
  if (bytes < PAGES_FROM) {
    mem_free(p);
    return;
  }
  atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
  munmap(p, bytes < HUGE_FROM ? bytes : (bytes + HUGE - 1) / HUGE * HUGE);
}

void mem_fail_after(int64_t n, int forever) {
  atomic_store(&fail_forever, forever);
  atomic_store(&fail_at, n);
}

int64_t mem_live(void) { return atomic_load(&live); }
