/* bpe.c -- see bpe.h.
** Layer: text. Uses: base. */
#include "text/bpe.h"

#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"

/* Slots are at most half full: see PIECE_RUN_MAX. */
enum { RUN_MAX = 1024 };

/* ---- the byte map ------------------------------------------------------------------------------------------------ */

static int prints(uint32_t c) { return (c >= '!' && c <= '~') || (c >= 0xA1 && c != 0xAD); }

static void spell_bytes(uint16_t *character) {
  uint16_t others = 0;
  for (uint16_t c = 0; c < 256; c++) character[c] = prints(c) ? c : (uint16_t)(0x100 + others++);
}

/* ---- merges ------------------------------------------------------------------------------------------------------ */

void bpe_init(Bpe *b, const Vocabulary *v, size_t count, Arena *a, bert_err *e) {
  static atomic_uint_fast64_t serials;
  size_t slots = 64;
  while (slots < count * 2) slots *= 2;
  *b = (Bpe){.vocabulary = v, .mask = (uint32_t)(slots - 1), .unknown = -1};
  b->serial = atomic_fetch_add(&serials, 1) + 1;
  b->merge = arena_push(a, count, sizeof *b->merge, e);
  b->slot = arena_push(a, slots, sizeof *b->slot, e);
}

/* Where a pair stands: its rank, or -1 and the slot where it could; *slot past the mask if the run is too long. */
static inline int64_t look(const Bpe *b, int32_t left, int32_t right, uint32_t *slot) {
  uint32_t i = (uint32_t)pieces_mix((uint64_t)left << 32 | (uint32_t)right, 0) & b->mask;
  for (int run = 0; run < RUN_MAX; run++, i = (i + 1) & b->mask) {
    *slot = i;
    if (!b->slot[i]) return -1;
    const BpeMerge *m = &b->merge[b->slot[i] - 1];
    if (m->left == left && m->right == right) return (int64_t)b->slot[i] - 1;
  }
  *slot = UINT32_MAX;
  return -1;
}

static int32_t needed(const Bpe *b, const char *piece, size_t n, bert_err *e) {
  enum { SHOWN = 60 };
  int32_t id = vocabulary_id(b->vocabulary, piece, n);
  if (id < 0)
    err_set(e, BERT_FORMAT, "merge %u: \"%.*s\" is not in the vocabulary", (unsigned)b->count + 1,
            (int)(n < SHOWN ? n : SHOWN), piece);
  return id;
}

void bpe_put(Bpe *b, const char *left, size_t left_size, const char *right, size_t right_size, bert_err *e) {
  char both[PIECE_MAX];
  if (left_size + right_size > sizeof both)
    err_set(e, BERT_FORMAT, "merge %u: a piece of %zu bytes, at most %d are taken", (unsigned)b->count + 1,
            left_size + right_size, PIECE_MAX);
  if (e->code) return;
  memcpy(both, left, left_size);
  memcpy(both + left_size, right, right_size);
  BpeMerge m = {.left = needed(b, left, left_size, e), .right = needed(b, right, right_size, e),
                .id = needed(b, both, left_size + right_size, e)};
  if (e->code) return;
  uint32_t slot;
  look(b, m.left, m.right, &slot);
  if (slot == UINT32_MAX) {
    err_set(e, BERT_FORMAT, "more than %d merges share a place in their table", RUN_MAX);
    return;
  }
  b->merge[b->count++] = m;
  b->slot[slot] = b->count;
}

void bpe_ready(Bpe *b) {
  spell_bytes(b->character);
  for (int c = 0; c < 256; c++) {
    unsigned char spelled[4];
    int n = utf8_encode(b->character[c], spelled);
    b->byte_id[c] = vocabulary_id(b->vocabulary, (const char *)spelled, (size_t)n);
    b->width[c] = (uint8_t)n;
    if (b->byte_id[c] < 0 && !b->unknown_text) b->leaves_out = 1;
  }
  if (!b->leaves_out) memset(b->width, 1, sizeof b->width);
  if (b->unknown_text) b->unknown = vocabulary_id(b->vocabulary, b->unknown_text, strlen(b->unknown_text));
}

/* ---- words kept -------------------------------------------------------------------------------------------------- */

enum { BPE_CACHE = 8192, ENTRY_BYTES = 16, ENTRY_TOKENS = 8 };

/* A cache line. */
struct BpeEntry {
  uint64_t head, tail; /* the word's bytes, first one lowest, zeros after the end */
  uint8_t size, count; /* size 0: nothing here */
  uint8_t end[ENTRY_TOKENS];
  int32_t id[ENTRY_TOKENS];
};

/* The entries, emptied of another's, for b from now on. */
static BpeEntry *entries_of(const Bpe *b, BpeScratch *s, bert_err *e) {
  if (s->entry) memset(s->entry, 0, BPE_CACHE * sizeof *s->entry);
  else s->entry = mem_new(BPE_CACHE, sizeof *s->entry, e);
  if (s->entry) s->serial = b->serial;
  return s->entry;
}

static void keep(BpeEntry *f, uint64_t head, uint64_t tail, size_t n, const int32_t *ids, const int32_t *ends,
                 size_t count) {
  if (count > ENTRY_TOKENS) return;
  *f = (BpeEntry){.head = head, .tail = tail, .size = (uint8_t)n, .count = (uint8_t)count};
  for (size_t i = 0; i < count; i++) {
    f->id[i] = ids[i];
    f->end[i] = (uint8_t)ends[i];
  }
}

/* ---- one word ---------------------------------------------------------------------------------------------------- */

struct BpeSymbol {
  int32_t id;
  uint32_t size;          /* the widths of its bytes together; 0: merged into the one before */
  uint32_t before, after; /* NONE at the ends */
};

#define NONE UINT32_MAX

static int scratch_room(BpeScratch *s, size_t n, bert_err *e) {
  if (n <= s->room) return 1;
  size_t room = s->room * 2 > n ? s->room * 2 : n;
  if (room < 256) room = 256;
  BpeSymbol *symbol = mem_grow(s->symbol, room, sizeof *symbol, e);
  if (symbol) s->symbol = symbol;
  uint64_t *heap = mem_grow(s->heap, mem_size(room, 2, 0), sizeof *heap, e); /* a merge takes one pair, brings two */
  if (heap) s->heap = heap;
  if (e->code) return 0;
  s->room = room;
  return 1;
}

static void heap_push(uint64_t *heap, size_t *n, uint64_t x) {
  size_t i = (*n)++;
  while (i && heap[(i - 1) / 2] > x) {
    heap[i] = heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  heap[i] = x;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n) {
  uint64_t top = heap[0], x = heap[--*n];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < *n; i = child) {
    child += child + 1 < *n && heap[child + 1] < heap[child];
    if (heap[child] >= x) break;
    heap[i] = heap[child];
  }
  heap[i] = x;
  return top;
}

/* The bytes of a word as symbols; returns how many. */
static size_t first_symbols(const Bpe *b, BpeSymbol *symbol, const unsigned char *word, size_t n, bert_err *e) {
  size_t count = 0;
  int unknown = 0; /* the last one is the unknown piece */
  for (size_t i = 0; i < n; i++) {
    int32_t id = b->byte_id[word[i]];
    uint32_t width = b->width[word[i]];
    int known = id >= 0;
    if (!known && !b->unknown_text) continue;
    if (!known && b->unknown < 0) {
      err_set(e, BERT_FORMAT, "a byte is not in the vocabulary, and neither is unk_token \"%s\"", b->unknown_text);
      return 0;
    }
    if (!known && unknown && b->fuse_unknown) {
      symbol[count - 1].size += width;
      continue;
    }
    symbol[count] = (BpeSymbol){known ? id : b->unknown, width, (uint32_t)count - 1, (uint32_t)count + 1};
    unknown = !known;
    count++;
  }
  if (count) symbol[count - 1].after = NONE;
  return count;
}

/* The pair at `left` and what follows it, if it merges. */
static inline void push_pair(const Bpe *b, const BpeScratch *s, size_t *n, uint32_t left) {
  uint32_t right = s->symbol[left].after, slot;
  int64_t rank = look(b, s->symbol[left].id, s->symbol[right].id, &slot);
  if (rank >= 0) heap_push(s->heap, n, (uint64_t)rank << 32 | left);
}

static void merge_all(const Bpe *b, BpeScratch *s, size_t count) {
  BpeSymbol *symbol = s->symbol;
  size_t waiting = 0;
  for (size_t i = 0; i + 1 < count; i++) push_pair(b, s, &waiting, (uint32_t)i);
  while (waiting) {
    uint64_t top = heap_pop(s->heap, &waiting);
    uint32_t at = (uint32_t)top;
    const BpeMerge *m = &b->merge[top >> 32];
    BpeSymbol *left = &symbol[at];
    if (!left->size || left->after == NONE) continue;
    BpeSymbol *right = &symbol[left->after];
    if (left->id != m->left || right->id != m->right) continue; /* one of them has been merged since */
    left->id = m->id;
    left->size += right->size;
    left->after = right->after;
    right->size = 0;
    if (left->after != NONE) {
      symbol[left->after].before = at;
      push_pair(b, s, &waiting, at);
    }
    if (left->before != NONE) push_pair(b, s, &waiting, left->before);
  }
}

/* Is the word, as it is spelled, a piece? */
static int32_t whole_piece(const Bpe *b, const unsigned char *word, size_t n) {
  unsigned char spelled[PIECE_MAX + 4];
  size_t size = 0;
  for (size_t i = 0; i < n; i++) {
    size += (size_t)utf8_encode(b->character[word[i]], spelled + size);
    if (size > PIECE_MAX) return -1;
  }
  return vocabulary_id(b->vocabulary, (const char *)spelled, size);
}

static size_t split(const Bpe *b, BpeScratch *s, const unsigned char *word, size_t n, int32_t *ids, int32_t *ends,
                    bert_err *e) {
  int32_t whole = b->ignore_merges ? whole_piece(b, word, n) : -1;
  if (whole >= 0) {
    int32_t width = 0;
    for (size_t i = 0; i < n; i++) width += b->width[word[i]];
    ids[0] = whole;
    if (ends) ends[0] = width;
    return 1;
  }
  if (!scratch_room(s, n, e)) return 0;
  size_t symbols = first_symbols(b, s->symbol, word, n, e), count = 0;
  if (!symbols) return 0;
  merge_all(b, s, symbols);
  uint32_t at = 0;
  for (uint32_t i = 0; i != NONE; i = s->symbol[i].after) {
    at += s->symbol[i].size;
    ids[count] = s->symbol[i].id;
    if (ends) ends[count] = (int32_t)at;
    count++;
  }
  return count;
}

size_t bpe_split(const Bpe *b, BpeScratch *s, const unsigned char *begin, const unsigned char *word, size_t n,
                 const unsigned char *end, int32_t *ids, int32_t *ends, bert_err *e) {
  if (n > ENTRY_BYTES) return split(b, s, word, n, ids, ends, e);
  BpeEntry *entry = s->serial == b->serial ? s->entry : entries_of(b, s, e);
  if (!entry) return 0;
  uint64_t head = bytes_load_within(begin, word, end), tail = 0;
  if (n <= 8) head = bytes_first(head, (unsigned)n);
  else tail = bytes_first(bytes_load_within(begin, word + 8, end), (unsigned)n - 8);
  BpeEntry *f = &entry[pieces_mix(head, tail ^ n) % BPE_CACHE];
  if (f->head == head && f->tail == tail && f->size == n) {
    for (size_t i = 0; i < f->count; i++) ids[i] = f->id[i];
    for (size_t i = 0; ends && i < f->count; i++) ends[i] = f->end[i];
    return f->count;
  }
  int32_t own[ENTRY_BYTES];
  if (!ends) ends = own;
  size_t count = split(b, s, word, n, ids, ends, e);
  if (!e->code) keep(f, head, tail, n, ids, ends, count);
  return count;
}

void bpe_fini(BpeScratch *s) {
  mem_free(s->symbol);
  mem_free(s->heap);
  mem_free(s->entry);
  *s = (BpeScratch){0};
}
