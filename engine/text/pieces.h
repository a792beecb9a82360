/* pieces.h -- a set of byte strings with ids: exact find, and the longest that a text begins with.
** Layer: text. Uses: base.
**
**    slot[hash & mask] = {first 8 bytes, last 8 bytes, size, id}      at[slot] = where the text stands
**    short_sizes[hash of the first two bytes]  = which of the sizes 2 and 3 pieces beginning so have
**    long_sizes[hash of the first four bytes]  = which of the sizes from 4 on, a bit each; the last one: 35 and more
**
** Up to 16 bytes the slot alone decides; `at` is looked at past that. The sizes name the few probes that are worth it:
** an English word that is no piece itself takes one or two. Cost of the longest match: a probe for each size that
** occurs after the first bytes of the text; at most PIECE_MAX probes, whatever the pieces and the text. */
#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H

#include "base/arena.h"

typedef struct {
  uint64_t head; /* the first 8 bytes, first one lowest, zeros after the end */
  uint64_t tail; /* the last 8 bytes of more than 8, else 0 */
  uint32_t size; /* 0: nothing here */
  int32_t id;
} PieceSlot;

typedef struct {
  PieceSlot *slot;
  uint32_t *at;      /* offset in text of the piece in that slot */
  const char *text;  /* all pieces, anywhere in it */
  uint8_t *short_sizes;
  uint32_t *long_sizes;
  uint32_t mask;      /* slots - 1 */
  uint32_t size_mask; /* entries of long_sizes - 1 */
  uint32_t longest;
} Pieces;

/* Slots are at most half full, so a longer run of full ones with the same place is no accident: it is refused when it
** is made, and no search goes further. */
enum { PIECE_RUN_MAX = 1024, PIECE_MAX = 1024 };

/* Room for `count` pieces out of `text`, which stays the caller's and must outlive the set. */
void pieces_init(Pieces *p, size_t count, const char *text, Arena *a, bert_err *e);

/* text[at .. at + size), not empty, at most PIECE_MAX bytes, means id from now on; 1 if it is new. */
int pieces_put(Pieces *p, uint32_t at, uint32_t size, int32_t id, bert_err *e);

/* The id of s[0..n), n > 0, or -1. */
int32_t pieces_find(const Pieces *p, const void *s, size_t n);

/* As pieces_find for n in 1 to 8 with the bytes in a word, first byte lowest, zeros after the end. */
static inline int32_t pieces_find_short(const Pieces *p, uint64_t head, uint32_t n);

/* The id of the longest piece that s[0..n), n > 0, begins with, and its size; -1 if there is none. */
int32_t pieces_longest(const Pieces *p, const void *s, size_t n, size_t *size);

/* ---- inline: the hot path ---------------------------------------------------------------------------------------- */

/* Both halves of the product, so that every bit of a reaches the slot's number. */
static inline uint64_t pieces_mix(uint64_t a, uint64_t b) {
  unsigned __int128 m = (unsigned __int128)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD1B54A32D192ED03u);
  return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline int32_t pieces_find_short(const Pieces *p, uint64_t head, uint32_t n) {
  uint32_t i = (uint32_t)pieces_mix(head, n) & p->mask;
  for (int run = 0; run < PIECE_RUN_MAX; run++, i = (i + 1) & p->mask) {
    const PieceSlot *s = &p->slot[i];
    if (s->head == head && s->size == n) return s->id;
    if (!s->size) break;
  }
  return -1;
}

#endif
