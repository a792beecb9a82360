/* block.c -- see block.h.
** Layer: index. Uses: base code.h kernel. */
#include "index/block.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "index/code.h"
#include "kernel/kernel.h"

enum { EMPTY = 0, CODE = 1, ZEROS = 2 };
enum { PARALLEL_FROM = 64 }; /* rows whose encoding (3 µs each in 384 dimensions) is worth waking threads for */
static const char MAGIC[8] = "BRTBLK01";

typedef struct {
  int64_t rowid;
  uint32_t kind;
  CodeBound bound;
  uint32_t check;
} SlotHead;
_Static_assert(sizeof(SlotHead) == BLOCK_SLOT_HEAD, "a slot's head is stored as it lies");

/* ---- stored bytes -------------------------------------------------------------------------------------------------- */

static uint32_t check_of(const SlotHead *head, const uint8_t *code, int dimensions) {
  uint64_t h = hash_bytes(head, offsetof(SlotHead, check), (uint64_t)dimensions);
  h = hash_bytes(code, (size_t)dimensions, h);
  return (uint32_t)(h ^ h >> 32);
}

static int all_zero(const uint8_t *p, size_t n) { return n == 0 || (*p == 0 && memcmp(p, p + 1, n - 1) == 0); }

void block_init(void *data, int dimensions, int slots) {
  uint32_t shape[2] = {(uint32_t)dimensions, (uint32_t)slots};
  memset(data, 0, block_offset(dimensions, slots));
  memcpy(data, MAGIC, sizeof MAGIC);
  memcpy((char *)data + sizeof MAGIC, shape, sizeof shape);
}

int block_slots(const void *data, size_t size, int dimensions, bert_err *e) {
  uint32_t shape[2];
  if (e->code) return 0;
  if (size < BLOCK_HEADER || memcmp(data, MAGIC, sizeof MAGIC)) {
    err_set(e, BERT_FORMAT, "block of an index: %zu bytes that do not begin as a block does", size);
    return 0;
  }
  memcpy(shape, (const char *)data + sizeof MAGIC, sizeof shape);
  if (dimensions < 1 || shape[0] != (uint32_t)dimensions)
    err_set(e, BERT_FORMAT, "block of an index: %u dimensions, wanted %d", shape[0], dimensions);
  else if (shape[1] < 1 || shape[1] > BERT_BLOCK_SLOTS)
    err_set(e, BERT_FORMAT, "block of an index: %u slots, wanted 1 to %d", shape[1], BERT_BLOCK_SLOTS);
  else if (size != block_offset(dimensions, (int)shape[1]))
    err_set(e, BERT_FORMAT, "block of an index: %zu bytes, wanted %zu for %u slots", size,
            block_offset(dimensions, (int)shape[1]), shape[1]);
  return e->code ? 0 : (int)shape[1];
}

/* The slot's head and code, held to its check; kind EMPTY for an empty one. */
static SlotHead slot_read(const uint8_t *slot, int dimensions, int place, bert_err *e) {
  SlotHead head;
  memcpy(&head, slot, sizeof head);
  const uint8_t *code = slot + BLOCK_SLOT_HEAD;
  if (head.kind == EMPTY) {
    if (!all_zero(slot, block_slot_bytes(dimensions)))
      err_set(e, BERT_FORMAT, "block of an index: slot %d is empty, but not all of it is zero", place);
  } else if (head.check != check_of(&head, code, dimensions)) {
    err_set(e, BERT_FORMAT, "block of an index: slot %d is damaged: its checksum is %08x, wanted %08x", place, head.check,
            check_of(&head, code, dimensions));
  } else if (head.kind > ZEROS || !(head.bound.sine4 >= 0 && head.bound.sine4 <= 1 && head.bound.sine8 >= 0 &&
                                    head.bound.sine8 <= 1 && isfinite(head.bound.scale4) && isfinite(head.bound.scale8))) {
    err_set(e, BERT_FORMAT, "block of an index: slot %d is of kind %u with bounds that no code has", place, head.kind);
  }
  return head;
}

void block_check(const void *data, size_t size, int dimensions, bert_err *e) {
  int slots = block_slots(data, size, dimensions, e);
  for (int i = 0; i < slots && !e->code; i++)
    slot_read((const uint8_t *)data + block_offset(dimensions, i), dimensions, i, e);
}

int block_rowid(const void *data, size_t size, int dimensions, int place, int64_t *rowid) {
  bert_err e = {0};
  SlotHead head;
  if (place < 0 || place >= block_slots(data, size, dimensions, &e)) return 0;
  memcpy(&head, (const uint8_t *)data + block_offset(dimensions, place), sizeof head);
  if (head.kind == EMPTY) return 0;
  *rowid = head.rowid;
  return 1;
}

static int place_good(int place, int slots, bert_err *e) {
  if (place >= 0 && place < slots) return 1;
  err_set(e, BERT_ARGUMENT, "block of an index: place %d of %d slots", place, slots);
  return 0;
}

void block_clear(void *data, size_t size, int dimensions, int place, bert_err *e) {
  int slots = block_slots(data, size, dimensions, e);
  if (!e->code && place_good(place, slots, e))
    memset((uint8_t *)data + block_offset(dimensions, place), 0, block_slot_bytes(dimensions));
}

/* slot = the row's head and code; scratch[dimensions]. */
static void slot_write(uint8_t *slot, int64_t rowid, const float *vector, int dimensions, double *scratch) {
  SlotHead head = {.rowid = rowid, .kind = CODE};
  uint8_t *code = slot + BLOCK_SLOT_HEAD;
  if (code_turn(scratch, vector, dimensions)) {
    head.bound = code_encode(code, scratch, dimensions);
  } else {
    head.kind = ZEROS;
    memset(code, 0, (size_t)dimensions);
  }
  head.check = check_of(&head, code, dimensions);
  memcpy(slot, &head, sizeof head);
}

typedef struct {
  uint8_t *data;
  int dimensions;
  const int *places;
  const int64_t *rowids;
  const float *vectors;
  double *scratch; /* [threads][dimensions] */
} Put;

static void put_one(void *context, int i, int worker) {
  Put *p = context;
  size_t d = (size_t)p->dimensions;
  slot_write(p->data + block_offset(p->dimensions, p->places[i]), p->rowids[i], p->vectors + (size_t)i * d, p->dimensions,
             p->scratch + (size_t)worker * d);
}

static void finite(const float *vectors, int dimensions, int n, bert_err *e) {
  for (int i = 0; i < n && !e->code; i++)
    for (int j = 0; j < dimensions; j++)
      if (!isfinite(vectors[(size_t)i * (size_t)dimensions + (size_t)j])) {
        err_set(e, BERT_ARGUMENT, "vector %d: element %d is not a finite number", i, j);
        break;
      }
}

void block_put(void *data, size_t size, int dimensions, const int *places, const int64_t *rowids, const float *vectors,
               int n, bert_err *e) {
  int slots = block_slots(data, size, dimensions, e), threads = n < PARALLEL_FROM ? 1 : pool_threads();
  for (int i = 0; i < n && !e->code; i++) place_good(places[i], slots, e);
  finite(vectors, dimensions, n, e);
  Put p = {data, dimensions, places, rowids, vectors, NULL};
  p.scratch = mem_new((size_t)threads, (size_t)dimensions * sizeof *p.scratch, e);
  if (!e->code) pool_each(threads, n, put_one, NULL, &p);
  mem_free(p.scratch);
}

int block_holds(const void *data, size_t size, int dimensions, int place, int64_t rowid, const float *vector,
                bert_err *e) {
  int slots = block_slots(data, size, dimensions, e), same = 0;
  finite(vector, dimensions, 1, e);
  if (e->code || !place_good(place, slots, e)) return 0;
  double *scratch = mem_new((size_t)dimensions, sizeof *scratch, e);
  uint8_t *slot = mem_new(1, block_slot_bytes(dimensions), e);
  if (!e->code) {
    slot_write(slot, rowid, vector, dimensions, scratch);
    same = !memcmp(slot, (const uint8_t *)data + block_offset(dimensions, place), block_slot_bytes(dimensions));
  }
  mem_free(slot), mem_free(scratch);
  return same;
}

/* ---- in memory ----------------------------------------------------------------------------------------------------- */

/* Sets the parts of b within its memory, each beginning on a line; with memory NULL, only counts bytes. */
static void lay_out(Block *b) {
  size_t s = (size_t)b->padded, d = (size_t)b->depth, at = 0;
  char *base = b->memory ? (char *)(((uintptr_t)b->memory + 63) / 64 * 64) : NULL;
#define PART(field, count)                                         \
  do {                                                             \
    if (base) b->field = (void *)(base + at);                      \
    at += ((count) * sizeof *b->field + 63) / 64 * 64;             \
  } while (0)
  PART(scale4, s);
  PART(cosine4, s);
  PART(sine4, s);
  PART(panels, s * d / 2);
  PART(scale8, s);
  PART(cosine8, s);
  PART(sine8, s);
  PART(rowid, s);
  PART(codes, s * d);
#undef PART
  b->bytes = at + 64;
}

static float cosine_from(float sine) { return (float)sqrt(1 - (double)sine * sine); }

/* The high halves of code[depth] into column r of a panel: eight bytes a word, little-endian as the machine is. */
static void panel_set(uint8_t *panel, int r, const uint8_t *code, int depth) {
  for (int i = 0; i < depth; i += 8) {
    uint64_t eight;
    memcpy(&eight, code + i, 8);
    uint32_t four = (uint32_t)(eight >> 4 & 0x0F0F0F0F) | (uint32_t)(eight >> 32 & 0xF0F0F0F0);
    memcpy(panel + (size_t)i / 8 * 4 * KERNEL_PANEL + 4 * r, &four, 4);
  }
}

static void place_load(Block *b, int place, const SlotHead *head, const uint8_t *code) {
  uint8_t *own = b->codes + (size_t)place * (size_t)b->depth;
  int zeros = head->kind == ZEROS;
  b->taken[place / 32] |= 1u << place % 32;
  b->rowid[place] = head->rowid;
  b->scale4[place] = zeros ? 0 : head->bound.scale4, b->scale8[place] = zeros ? 0 : head->bound.scale8;
  b->sine4[place] = zeros ? 0 : head->bound.sine4, b->sine8[place] = zeros ? 0 : head->bound.sine8;
  b->cosine4[place] = cosine_from(b->sine4[place]), b->cosine8[place] = cosine_from(b->sine8[place]);
  b->widest4 = fmax(b->widest4, b->sine4[place]), b->widest8 = fmax(b->widest8, b->sine8[place]);
  memcpy(own, code, (size_t)b->dimensions);
  panel_set(b->panels + (size_t)(place / KERNEL_PANEL) * KERNEL_PANEL / 2 * (size_t)b->depth, place % KERNEL_PANEL, own,
            b->depth);
}

Block *block_load(const void *data, size_t size, int dimensions, bert_err *e) {
  int slots = block_slots(data, size, dimensions, e);
  Block *b = mem_new(1, sizeof *b, e);
  if (!b) return NULL;
  b->dimensions = dimensions, b->depth = code_depth(dimensions);
  b->padded = (slots + KERNEL_PANEL - 1) / KERNEL_PANEL * KERNEL_PANEL;
  lay_out(b);
  b->memory = mem_new(1, b->bytes, e); /* not mem_pages, which would write zeros over those that the system gives */
  if (b->memory) lay_out(b);
  for (int i = 0; !e->code && i < b->padded; i++) b->scale4[i] = NAN;
  for (int i = 0; !e->code && i < slots; i++) {
    const uint8_t *slot = (const uint8_t *)data + block_offset(dimensions, i);
    SlotHead head = slot_read(slot, dimensions, i, e);
    if (!e->code && head.kind != EMPTY) place_load(b, i, &head, slot + BLOCK_SLOT_HEAD);
  }
  b->widest4 = asin(b->widest4), b->widest8 = asin(b->widest8);
  if (!e->code) return b;
  block_free(b);
  return NULL;
}

void block_free(Block *b) {
  if (!b) return;
  mem_free(b->memory);
  mem_free(b);
}
