/* pieces.c -- see pieces.h.
** Layer: text. Uses: base. */
#include "text/pieces.h"

#include <string.h>

#include "text/bytes.h"

static uint64_t head_of(const unsigned char *s, size_t n) { return n >= 8 ? bytes_load(s) : bytes_load_part(s, n); }

/* Of all of s[0..n); the last 8 bytes overlap those before, so nothing past n is read. */
static uint32_t hash_of(const unsigned char *s, size_t n, uint64_t head) {
  uint64_t h = head;
  if (n > 8) {
    for (size_t i = 8; i + 8 < n; i += 8) h = pieces_mix(h, bytes_load(s + i));
    h = pieces_mix(h, bytes_load(s + n - 8));
  }
  return (uint32_t)pieces_mix(h, n);
}

static uint32_t lengths_at(uint64_t head) { return (uint32_t)(head & 0xFFFF) * 0x9E3779B1u >> 21; }

void pieces_init(Pieces *p, size_t count, const char *text, Arena *a, bert_err *e) {
  size_t slots = 64;
  while (slots < count * 2) slots *= 2;
  *p = (Pieces){.text = text, .mask = (uint32_t)(slots - 1)};
  p->slot = arena_push(a, slots, sizeof *p->slot, e);
  p->at = arena_push(a, slots, sizeof *p->at, e);
  p->lengths = arena_push(a, PIECE_LENGTHS, sizeof *p->lengths, e);
}

/* Where s[0..n) stands: 1, or could stand: 0; -1 if the run is too long to tell. */
static int look(const Pieces *p, const unsigned char *s, size_t n, uint64_t head, uint32_t *slot) {
  uint32_t i = hash_of(s, n, head) & p->mask;
  for (int run = 0; run < PIECE_RUN_MAX; run++, i = (i + 1) & p->mask) {
    const PieceSlot *f = &p->slot[i];
    *slot = i;
    if (!f->size) return 0;
    if (f->head == head && f->size == n && (n <= 8 || memcmp(p->text + p->at[i] + 8, s + 8, n - 8) == 0)) return 1;
  }
  return -1;
}

int pieces_put(Pieces *p, uint32_t at, uint32_t size, int32_t id, bert_err *e) {
  if (e->code) return 0;
  const unsigned char *s = (const unsigned char *)p->text + at;
  uint64_t head = head_of(s, size);
  uint32_t slot;
  int found = look(p, s, size, head, &slot);
  if (found < 0) {
    err_set(e, BERT_FORMAT, "more than %d pieces of the vocabulary share a place in its table", PIECE_RUN_MAX);
    return 0;
  }
  p->slot[slot] = (PieceSlot){head, size, id};
  p->at[slot] = at;
  if (size > p->longest) p->longest = size;
  if (size > 1) p->lengths[lengths_at(head)] |= (uint64_t)1 << (size < 63 ? size : 63);
  return !found;
}

static int32_t find(const Pieces *p, const unsigned char *s, size_t n, uint64_t head) {
  if (n <= 8) return pieces_find_short(p, bytes_first(head, (unsigned)n), (uint32_t)n);
  uint32_t slot;
  return look(p, s, n, head, &slot) == 1 ? p->slot[slot].id : -1;
}

int32_t pieces_find(const Pieces *p, const void *s, size_t n) { return find(p, s, n, head_of(s, n)); }

/* Pieces of 63 bytes and more share a bit of `lengths`: every size is tried. */
static int32_t longest_of_many(const Pieces *p, const unsigned char *s, size_t n, uint64_t head, size_t *size) {
  for (size_t k = n < p->longest ? n : p->longest; k >= 63; k--) {
    int32_t id = find(p, s, k, head);
    if (id >= 0) {
      *size = k;
      return id;
    }
  }
  return -1;
}

int32_t pieces_longest(const Pieces *p, const void *text, size_t n, size_t *size) {
  const unsigned char *s = text;
  uint64_t head = head_of(s, n);
  uint64_t sizes = p->lengths[lengths_at(head)] | 2;
  if (n < 63) sizes &= ((uint64_t)2 << n) - 1;
  while (sizes) {
    unsigned k = 63 - (unsigned)__builtin_clzll(sizes);
    int32_t id;
    *size = k;
    if (k == 63) id = longest_of_many(p, s, n, head, size);
    else id = find(p, s, k, head);
    if (id >= 0) return id;
    sizes ^= (uint64_t)1 << k;
  }
  return -1;
}
