/* mem.h -- the only way to the heap.
** Layer: base. Uses: err.
**
** Every allocation is zeroed, counted, and fails on request: that is how running out of memory is tested (see
** tests/fault). Sizes are checked for overflow here, once. Large arrays (mem_pages) come from the system in whole pages,
** huge ones where it gives them: weights and scratch are read end to end, and a TLB miss every 4 KiB costs. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

/* count * size bytes, zeroed, aligned to 16; NULL and BERT_NOMEM when there are none. count 0 gives one byte. */
void *mem_new(size_t count, size_t size, bert_err *e);

/* Makes p hold count * size bytes, keeping what it held; new bytes are not zeroed. On failure p is still the caller's
** and NULL is returned. */
void *mem_grow(void *p, size_t count, size_t size, bert_err *e);
void mem_free(void *p);

/* Bytes aligned to 64 (to 2 MiB from 4 MiB on), zeroed; from 256 KiB on what is never touched costs nothing. Freed by
** mem_pages_free with the same size. */
void *mem_pages(size_t bytes, bert_err *e);
/* Says of n of the floats of such an array, from `from` on, that few of them will be used: they get small pages. */
void mem_pages_apart(void *p, size_t bytes, size_t from, size_t n);
void mem_pages_free(void *p, size_t bytes);

/* a * b + c, or SIZE_MAX where that overflows (which no allocation grants). */
size_t mem_size(size_t a, size_t b, size_t c);

void mem_fail_after(int64_t n, int forever);
int64_t mem_live(void);

#endif
