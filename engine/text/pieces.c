/* pieces.c -- see pieces.h.
** Layer: text. Uses: base. */
#include "text/pieces.h"

#include <string.h>

#include "base/bytes.h"

/* Sizes of one bit each in long_sizes: from LONG_FROM on, the last bit is for all from LONG_MANY on. */
enum { SHORT_ENTRIES = 1024, LONG_FROM = 4, LONG_MANY = LONG_FROM + 31 };

static inline uint64_t head_of(const unsigned char *s, size_t n) {
  return n >= 8 ? bytes_load(s) : bytes_load_part(s, n);
}

static inline uint64_t tail_of(const unsigned char *s, size_t n) { return n > 8 ? bytes_load(s + n - 8) : 0; }

/* Of a piece of n > 8 bytes: `middle` mixes its head and the groups of 8 that end before its end; the tail overlaps the
** last of them, so nothing past n is read. */
static inline uint32_t hash_of_long(uint64_t middle, uint64_t tail, size_t n) {
  return (uint32_t)pieces_mix(pieces_mix(middle, tail), n);
}

static inline uint32_t hash_of(const unsigned char *s, size_t n, uint64_t head, uint64_t tail) {
  if (n <= 8) return (uint32_t)pieces_mix(head, n);
  uint64_t middle = head;
  for (size_t i = 8; i + 8 < n; i += 8) middle = pieces_mix(middle, bytes_load(s + i));
  return hash_of_long(middle, tail, n);
}

static inline uint8_t *short_sizes_of(const Pieces *p, uint64_t head) {
  return &p->short_sizes[(uint32_t)(head & 0xFFFF) * 0x9E3779B1u >> 22];
}

static inline uint32_t *long_sizes_of(const Pieces *p, uint64_t head) {
  return &p->long_sizes[(uint32_t)head * 0x9E3779B1u >> 8 & p->size_mask];
}

void pieces_init(Pieces *p, size_t count, const char *text, Arena *a, bert_err *e) {
  size_t slots = 64;
  while (slots < count * 2) slots *= 2;
  *p = (Pieces){.text = text, .mask = (uint32_t)(slots - 1), .size_mask = (uint32_t)(slots / 4 - 1)};
  p->slot = arena_push(a, slots, sizeof *p->slot, e);
  p->at = arena_push(a, slots, sizeof *p->at, e);
  p->short_sizes = arena_push(a, SHORT_ENTRIES, sizeof *p->short_sizes, e);
  p->long_sizes = arena_push(a, slots / 4, sizeof *p->long_sizes, e);
}

/* Where s[0..n) stands: 1, or could stand: 0; -1 if the run is too long to tell. */
static inline int look(const Pieces *p, const unsigned char *s, size_t n, uint64_t head, uint64_t tail, uint32_t hash,
                       uint32_t *slot) {
  uint32_t i = hash & p->mask;
  for (int run = 0; run < PIECE_RUN_MAX; run++, i = (i + 1) & p->mask) {
    const PieceSlot *f = &p->slot[i];
    *slot = i;
    if (!f->size) return 0;
    if (f->head != head || f->tail != tail || f->size != n) continue;
    if (n <= 16 || memcmp(p->text + p->at[i] + 8, s + 8, n - 16) == 0) return 1;
  }
  return -1;
}

int pieces_put(Pieces *p, uint32_t at, uint32_t size, int32_t id, bert_err *e) {
  if (size > PIECE_MAX) err_set(e, BERT_FORMAT, "a piece of %u bytes, at most %d are taken", (unsigned)size, PIECE_MAX);
  if (e->code) return 0;
  const unsigned char *s = (const unsigned char *)p->text + at;
  uint64_t head = head_of(s, size), tail = tail_of(s, size);
  uint32_t slot;
  int found = look(p, s, size, head, tail, hash_of(s, size, head, tail), &slot);
  if (found < 0) {
    err_set(e, BERT_FORMAT, "more than %d pieces of the vocabulary share a place in its table", PIECE_RUN_MAX);
    return 0;
  }
  p->slot[slot] = (PieceSlot){head, tail, size, id};
  p->at[slot] = at;
  if (size > p->longest) p->longest = size;
  if (size >= LONG_FROM) *long_sizes_of(p, head) |= 1u << (size < LONG_MANY ? size - LONG_FROM : 31);
  else if (size > 1) *short_sizes_of(p, head) |= (uint8_t)(1 << size);
  return !found;
}

static inline int32_t find(const Pieces *p, const unsigned char *s, size_t n, uint64_t head) {
  if (n <= 8) return pieces_find_short(p, bytes_first(head, (unsigned)n), (uint32_t)n);
  uint64_t tail = tail_of(s, n);
  uint32_t slot;
  return look(p, s, n, head, tail, hash_of(s, n, head, tail), &slot) == 1 ? p->slot[slot].id : -1;
}

int32_t pieces_find(const Pieces *p, const void *s, size_t n) { return find(p, s, n, head_of(s, n)); }

/* Of sizes that share a bit every one is tried; what their hashes have in common is mixed once. */
static int32_t longest_of_many(const Pieces *p, const unsigned char *s, size_t n, uint64_t head, size_t *size) {
  uint64_t middle[PIECE_MAX / 8] = {head};
  size_t most = n < p->longest ? n : p->longest;
  for (size_t i = 8; i + 8 < most; i += 8) middle[i / 8] = pieces_mix(middle[i / 8 - 1], bytes_load(s + i));
  for (size_t k = most; k >= LONG_MANY; k--) {
    uint64_t tail = bytes_load(s + k - 8);
    uint32_t slot;
    if (look(p, s, k, head, tail, hash_of_long(middle[(k - 9) / 8], tail, k), &slot) != 1) continue;
    *size = k;
    return p->slot[slot].id;
  }
  return -1;
}

/* n is at least LONG_FROM. */
static inline int32_t longest_of_long(const Pieces *p, const unsigned char *s, size_t n, uint64_t head, size_t *size) {
  uint32_t sizes = *long_sizes_of(p, head);
  if (n < LONG_MANY) sizes &= (2u << (n - LONG_FROM)) - 1;
  while (sizes) {
    unsigned bit = 31 - (unsigned)__builtin_clz(sizes);
    *size = bit + LONG_FROM;
    int32_t id = bit == 31 ? longest_of_many(p, s, n, head, size) : find(p, s, *size, head);
    if (id >= 0) return id;
    sizes ^= 1u << bit;
  }
  return -1;
}

int32_t pieces_longest(const Pieces *p, const void *text, size_t n, size_t *size) {
  const unsigned char *s = text;
  uint64_t head = head_of(s, n);
  int32_t id = n >= LONG_FROM ? longest_of_long(p, s, n, head, size) : -1;
  if (id >= 0) return id;
  unsigned sizes = n > 1 ? *short_sizes_of(p, head) | 2u : 2u;
  for (unsigned k = n < LONG_FROM ? (unsigned)n : LONG_FROM - 1; k > 0; k--) {
    if (!(sizes >> k & 1)) continue;
    *size = k;
    id = pieces_find_short(p, bytes_first(head, k), k);
    if (id >= 0) return id;
  }
  return -1;
}
