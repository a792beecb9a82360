/* bpe.h -- splits words into pieces by merging pairs, the pair of the lowest rank first.
** Layer: text. Uses: base.
**
**    "low"  ->  l o w  ->  l ow  ->  low          a word is bytes; each one's piece is spelled as one character (GPT-2)
**
**    slot[hash(left, right)] -> rank + 1 -> merge[rank] = {left, right, id of both together}
**
** The pairs of a word wait in a heap, so a word of n bytes costs n log n whatever it holds. Words repeat, so what short
** ones became is kept in a table of BPE_CACHE entries, one place a word; it never grows, and belongs to one caller.
** Nothing is allocated once the scratch has grown to the longest word. Not here: what a word is (bytelevel.h). */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include "text/vocabulary.h"

enum { BPE_RANK_MAX = (1 << 24) - 1 };

typedef struct {
  int32_t left, right, id;
} BpeMerge;

typedef struct {
  const Vocabulary *vocabulary;
  BpeMerge *merge; /* [rank] */
  uint32_t *slot;  /* rank + 1; 0: nothing here */
  uint32_t mask;   /* slots - 1 */
  uint32_t count;  /* ranks given out */
  uint16_t character[256]; /* that a byte is spelled as: itself where it prints, else one from U+0100 on */
  int32_t byte_id[256]; /* -1: the vocabulary has no piece for this byte */
  uint8_t leaves_out;   /* some byte has no piece, and there is no unknown one */
  uint8_t width[256];   /* how far a byte moves the places of what follows: see bpe_ready */
  int32_t unknown;      /* -1: no such piece */
  const char *unknown_text; /* NULL: a byte without a piece is left out */
  uint8_t fuse_unknown;     /* one unknown piece for a run of such bytes */
  uint8_t ignore_merges;    /* a word that is a piece is that piece */
  uint64_t serial;          /* no other Bpe of this process has it */
} Bpe;

typedef struct BpeEntry BpeEntry;
typedef struct BpeSymbol BpeSymbol;

/* A BpeScratch of zeros is empty and ready. */
typedef struct {
  BpeSymbol *symbol;
  uint64_t *heap; /* rank << 32 | place of the left symbol */
  size_t room;    /* bytes of a word that both have room for */
  BpeEntry *entry;
  uint64_t serial; /* of the Bpe that the entries are of */
} BpeScratch;

/* Room for `count` merges; the vocabulary must live as long as the arena. */
void bpe_init(Bpe *b, const Vocabulary *v, size_t count, Arena *a, bert_err *e);

/* The next rank: two pieces that become one, all three in the vocabulary. Of a pair that comes twice the later rank
** counts. */
void bpe_put(Bpe *b, const char *left, size_t left_size, const char *right, size_t right_size, bert_err *e);

/* When all are put. A byte that is left out takes its place with it: what follows moves ahead by as many bytes as its
** spelling has, which is what the reference's offsets show; else all widths are 1. */
void bpe_ready(Bpe *b);

/* Splits word[0..n), n > 0, into ids[], with ends[] (or NULL) the place where each ends, a sum of widths; both have
** room for n. `begin` and `end` bound what may be read around the word. */
size_t bpe_split(const Bpe *b, BpeScratch *s, const unsigned char *begin, const unsigned char *word, size_t n,
                 const unsigned char *end, int32_t *ids, int32_t *ends, bert_err *e);

void bpe_fini(BpeScratch *s);

#endif
