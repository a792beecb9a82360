/* fuzz_block.c -- a block of an index over any bytes: looked at, checked, changed, searched.
**
** The first byte is the dimensions. Odd second byte: slots get the checksums that they should have, so that what lies
** behind these is reached; then also, the bytes of the first slots, read as floats, are put and searched for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DIMENSIONS_MAX = 24 };

static void want(int claim) {
  if (!claim) abort();
}

typedef struct {
  uint8_t *block;
  size_t size;
  int dimensions;
} Bytes;

static void mend(const Bytes *b) {
  bert_err e = {0};
  int slots = bert_block_slots(b->block, b->size, b->dimensions, &e);
  for (int i = 0; i < slots; i++) {
    uint8_t *slot = b->block + bert_block_offset(b->dimensions, i);
    uint64_t h = hash_bytes(slot, 28, (uint64_t)b->dimensions);
    h = hash_bytes(slot + 32, (size_t)b->dimensions, h);
    uint32_t check = (uint32_t)(h ^ h >> 32);
    if (slot[8]) memcpy(slot + 28, &check, 4);
  }
}

static int read_block(void *context, int64_t number, const void **data, size_t *size) {
  Bytes *b = context;
  (void)number;
  *data = b->block, *size = b->size;
  return 0;
}

static int read_vectors(void *context, const int64_t *slots, int n, float *out) {
  Bytes *b = context;
  for (int i = 0; i < n * b->dimensions; i++) out[i] = (float)(slots[i / b->dimensions] % 7 - i % 3);
  return 0;
}

/* Every hit is a row of the block; errors are of its format. */
static void look(Bytes *b, const float *query, int with_vectors) {
  bert_err e = {0}, checked = {0};
  bert_hits found;
  bert_block ref = {0, 0, NULL};
  bert_scope scope = {b->dimensions, &ref, 1, {b, read_block, with_vectors ? read_vectors : NULL}, 1, 5, INFINITY};
  bert_block_check(b->block, b->size, b->dimensions, &checked);
  bert_search(&scope, query, 1, &found, NULL, &e);
  want(e.code == checked.code);
  for (int64_t i = 0; i < found.n; i++) {
    int64_t rowid;
    want(bert_block_rowid(b->block, b->size, b->dimensions, (int)found.hit[i].slot, &rowid) && rowid == found.hit[i].rowid);
    want(!(i && found.hit[i].distance < found.hit[i - 1].distance));
  }
  bert_hits_free(&found);
}

static void change(Bytes *b, const float *vector) {
  bert_err e = {0};
  int place = 1;
  int64_t rowid = 12, found = 0;
  bert_block_put(b->block, b->size, b->dimensions, &place, &rowid, vector, 1, &e);
  if (e.code) return;
  want(bert_block_rowid(b->block, b->size, b->dimensions, place, &found) && found == rowid);
  want(bert_block_holds(b->block, b->size, b->dimensions, place, rowid, vector, &e));
  look(b, vector, 1);
  bert_block_clear(b->block, b->size, b->dimensions, place, &e);
  want(!e.code && !bert_block_rowid(b->block, b->size, b->dimensions, place, &found));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bert_err e = {0};
  if (size < 2) return 0;
  Bytes b = {mem_new(size, 1, &e), size - 2, data[0] % DIMENSIONS_MAX + 1};
  float vector[DIMENSIONS_MAX] = {1, -2, 3};
  want(!e.code);
  memcpy(b.block, data + 2, b.size);
  if (data[1] & 1) mend(&b);
  look(&b, vector, 1);
  look(&b, vector, 0);
  if (b.size >= 16 + sizeof vector) memcpy(vector, b.block + 16, sizeof vector);
  change(&b, vector);
  mem_free(b.block);
  want(mem_live() == 0);
  return 0;
}
