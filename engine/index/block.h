/* block.h -- the codes of up to 1024 rows: as bytes that are stored, and laid out for scanning.
** Layer: index. Uses: base.
**
** Stored, little-endian:
**
**    header 16    "BRTBLK01", dimensions u32, slots u32
**    slot         rowid i64, kind u32, scale4 f32, sine4 f32, scale8 f32, sine8 f32, check u32, then a byte a dimension
**
** kind is 0 for an empty slot, all of which is zero, 1 for a code, 2 for a vector of zeros. check is a hash of the slot's
** other bytes and the dimensions.
**
** In memory, what the first pass reads lies together: 32 rows side by side, eight dimensions deep, four bytes a row,
** as kernel.h's scan takes them; the codes themselves stand apart, a row at a time:
**
**    scale4[S] cosine4[S] sine4[S] | panels[S / 32][depth / 8][32][4] | scale8 cosine8 sine8 rowid [S] | codes[S][depth]
**
** where S is the slots rounded up to 32. An empty slot has a scale4 that is not a number, which no comparison lets
** through; a vector of zeros has scales of 0, so its cosine is 0 to all. */
#ifndef INDEX_BLOCK_H
#define INDEX_BLOCK_H

#include "base/mem.h"

enum { BLOCK_HEADER = 16, BLOCK_SLOT_HEAD = 32 };

typedef struct Block {
  uint64_t stamp;
  int dimensions, depth;
  int padded;      /* slots, rounded up to whole panels */
  double widest4, widest8; /* the largest angles between a row and its codes */
  float *scale4, *cosine4, *sine4;
  uint8_t *panels;
  float *scale8, *cosine8, *sine8;
  int64_t *rowid;
  uint8_t *codes;
  uint32_t taken[BERT_BLOCK_SLOTS / 32];
  size_t bytes;    /* of memory behind all of these */
  void *memory;
  /* The cache's part. */
  struct Block *next;           /* of the same bucket */
  struct Block *older, *newer;  /* in order of use */
  int users, cached;
  uint64_t used;
} Block;

/* Lays out stored bytes, every slot's check held to. NULL on errors. */
Block *block_load(const void *data, size_t size, int dimensions, bert_err *e);
void block_free(Block *b);

/* What bert.h says of bert_block_…. */
void block_init(void *data, int dimensions, int slots);
void block_put(void *data, size_t size, int dimensions, const int *places, const int64_t *rowids, const float *vectors,
               int n, bert_err *e);
void block_clear(void *data, size_t size, int dimensions, int place, bert_err *e);
int block_slots(const void *data, size_t size, int dimensions, bert_err *e);
int block_rowid(const void *data, size_t size, int dimensions, int place, int64_t *rowid);
void block_check(const void *data, size_t size, int dimensions, bert_err *e);
int block_holds(const void *data, size_t size, int dimensions, int place, int64_t rowid, const float *vector,
                bert_err *e);

static inline size_t block_slot_bytes(int dimensions) { return BLOCK_SLOT_HEAD + (size_t)dimensions; }
static inline size_t block_offset(int dimensions, int place) {
  return BLOCK_HEADER + (size_t)place * block_slot_bytes(dimensions);
}

#endif
