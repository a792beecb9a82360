/* fetch.c -- see fetch.h.
** Layer: index. Uses: cache.h. */
#include "index/fetch.h"

#include "index/cache.h"

enum { LOT_BYTES = 64 << 20 };

void fetch_init(Fetch *f, const bert_scope *scope, bert_err *e) {
  *f = (Fetch){.scope = scope, .turn = cache_turn()};
  f->block = mem_new((size_t)scope->count, sizeof *f->block, e);
}

static void give_up(Fetch *f) {
  cache_give(f->block, f->n);
  f->first += f->n;
  f->n = 0;
}

void fetch_fini(Fetch *f) {
  if (f->block) give_up(f);
  mem_free(f->block);
}

/* Reads the next block; returns the bytes of memory that it takes beside the cache. */
static size_t read_next(Fetch *f, bert_err *e) {
  const bert_block *ref = &f->scope->blocks[f->first + f->n];
  const bert_store *store = &f->scope->store;
  const void *data = NULL;
  size_t size = 0;
  if (store->read(store->context, ref->block, &data, &size))
    return err_set(e, BERT_IO, "block %lld of an index cannot be read", (long long)ref->block), 0;
  Block *b = block_load(data, size, f->scope->dimensions, e);
  if (!b) return err_within(e, "block %lld", (long long)ref->block), 0;
  b->users = 1;
  f->block[f->n++] = b;
  return cache_keep(b, ref->stamp, f->turn) ? 0 : b->bytes;
}

int fetch_next(Fetch *f, int (*stop)(void *context), void *context, bert_err *e) {
  size_t bytes = 0;
  if (e->code) return 0;
  give_up(f);
  while (bytes < LOT_BYTES && !e->code) {
    int at = f->first + f->n;
    f->n += cache_take(f->block + f->n, f->scope->blocks + at, f->scope->count - at, f->scope->dimensions, f->turn);
    if (f->first + f->n == f->scope->count) break;
    if (stop(context)) err_set(e, BERT_INTERRUPT, "interrupted");
    else bytes += read_next(f, e);
  }
  return !e->code && f->n > 0;
}
