/* vocabtrain.c -- see vocabtrain.h.
** Layer: text. Uses: base. */
#include "text/vocabtrain.h"

#include <stdlib.h>
#include <string.h>

#include "base/terms.h"
#include "base/utf8.h"
#include "text/unicode.h"

enum { CODE_POINTS = 0x110000, PREFIX = 2 /* bytes of "##" */ };

/* A word as pieces: piece[start … start+size-1]. */
typedef struct {
  int64_t count;
  uint32_t start, size;
} Word;

/* Two pieces that stand side by side somewhere. */
typedef struct {
  int32_t a, b;
  int64_t count;
  uint32_t words;  /* 1 + the last of its posts, or 0 */
  uint32_t raised; /* the merge that last raised its count */
} Pair;

/* A word that has the pair, or had it. */
typedef struct {
  uint32_t word, next; /* next: 1 + a post, or 0 */
} Post;

/* What the pair's count was when it was put in. */
typedef struct {
  int64_t count;
  uint32_t pair;
} Waiting;

struct VocabTrain {
  Arena arena;
  Terms pieces;
  int vocab_size;
  int64_t min_frequency;
  int given;           /* pieces that were handed out */
  Buf frequency;       /* int64_t [pieces], up to the first merge */
  Buf words, piece;    /* Word; int32_t */
  Buf pairs, posts;    /* Pair; Post */
  Buf heap;            /* Waiting, the best one first */
  Buf raised;          /* uint32_t: pairs whose count this merge has raised */
  uint32_t *slot;      /* [slots]: 1 + a pair, or 0 */
  size_t slots;
  uint32_t free_post;  /* 1 + a post that is no longer needed, or 0 */
  uint32_t merge;
};

#define COUNT(buf, type) ((buf).size / sizeof(type))

static Pair *pair_at(const VocabTrain *t, uint32_t i) { return (Pair *)t->pairs.data + i; }

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

static uint32_t *place_of(const VocabTrain *t, int32_t a, int32_t b) {
  uint64_t key = ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 0x9E3779B97F4A7C15u;
  size_t at = (size_t)(key >> 20) & (t->slots - 1);
  for (; t->slot[at]; at = (at + 1) & (t->slots - 1)) {
    const Pair *p = pair_at(t, t->slot[at] - 1);
    if (p->a == a && p->b == b) break;
  }
  return &t->slot[at];
}

static void grow_slots(VocabTrain *t, bert_err *e) {
  size_t slots = t->slots ? 2 * t->slots : 1 << 12;
  uint32_t *slot = mem_grow(t->slot, slots, sizeof *slot, e);
  if (!slot) return;
  t->slot = slot;
  t->slots = slots;
  memset(slot, 0, slots * sizeof *slot);
  for (uint32_t i = 0; i < COUNT(t->pairs, Pair); i++) *place_of(t, pair_at(t, i)->a, pair_at(t, i)->b) = i + 1;
}

/* The pair's number, new if it is. */
static uint32_t pair_of(VocabTrain *t, int32_t a, int32_t b, bert_err *e) {
  if (2 * COUNT(t->pairs, Pair) >= t->slots) grow_slots(t, e);
  if (e->code) return 0;
  uint32_t *place = place_of(t, a, b);
  if (*place) return *place - 1;
  Pair p = {.a = a, .b = b};
  buf_add(&t->pairs, &p, sizeof p, e);
  if (!e->code) *place = (uint32_t)COUNT(t->pairs, Pair);
  return e->code ? 0 : *place - 1;
}

/* Says that the word has the pair, if that is not the last thing said. */
static void post(VocabTrain *t, Pair *p, uint32_t word, bert_err *e) {
  Post *posts = (Post *)t->posts.data;
  if (p->words && posts[p->words - 1].word == word) return;
  Post new = {word, p->words};
  if (t->free_post) {
    Post *old = &posts[t->free_post - 1];
    p->words = t->free_post;
    t->free_post = old->next;
    *old = new;
  } else {
    buf_add(&t->posts, &new, sizeof new, e);
    p->words = (uint32_t)COUNT(t->posts, Post);
  }
}

/* ---- the heap ---------------------------------------------------------------------------------------------------- */

static int comes_first(const VocabTrain *t, const Waiting *x, const Waiting *y) {
  if (x->count != y->count) return x->count > y->count;
  const Pair *p = pair_at(t, x->pair), *q = pair_at(t, y->pair);
  return p->a != q->a ? p->a < q->a : p->b < q->b;
}

static void put_waiting(VocabTrain *t, uint32_t pair, bert_err *e) {
  Waiting x = {pair_at(t, pair)->count, pair};
  buf_add(&t->heap, &x, sizeof x, e);
  if (e->code) return;
  Waiting *h = (Waiting *)t->heap.data;
  size_t at = COUNT(t->heap, Waiting) - 1;
  for (; at && comes_first(t, &x, &h[(at - 1) / 2]); at = (at - 1) / 2) h[at] = h[(at - 1) / 2];
  h[at] = x;
}

static Waiting take_first(VocabTrain *t) {
  Waiting *h = (Waiting *)t->heap.data, first = h[0];
  t->heap.size -= sizeof *h;
  size_t n = COUNT(t->heap, Waiting), at = 0;
  if (!n) return first;
  Waiting x = h[n];
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && comes_first(t, &h[child + 1], &h[child])) child++;
    if (!comes_first(t, &h[child], &x)) break;
    h[at] = h[child];
  }
  h[at] = x;
  return first;
}

/* The pair that is to be merged: 1 + its number, or 0 where none is frequent enough. A count that has fallen since it
** was put in goes back as it is now; one that has risen stands further up a second time. */
static uint32_t best_pair(VocabTrain *t, bert_err *e) {
  while (t->heap.size && !e->code) {
    Waiting x = take_first(t);
    int64_t now = pair_at(t, x.pair)->count;
    if (x.count < t->min_frequency || x.count < 1) return 0;
    if (x.count == now) return x.pair + 1;
    if (x.count > now && now > 0) put_waiting(t, x.pair, e);
  }
  return 0;
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

static void lower(VocabTrain *t, int32_t a, int32_t b, int64_t count) {
  uint32_t place = *place_of(t, a, b);
  pair_at(t, place - 1)->count -= count;
}

static void raise(VocabTrain *t, int32_t a, int32_t b, int64_t count, uint32_t word, bert_err *e) {
  uint32_t i = pair_of(t, a, b, e);
  if (e->code) return;
  Pair *p = pair_at(t, i);
  p->count += count;
  post(t, p, word, e);
  if (p->raised == t->merge) return;
  p->raised = t->merge;
  buf_add(&t->raised, &i, sizeof i, e);
}

/* a b becomes c in one word, from left to right. */
static void merge_word(VocabTrain *t, uint32_t word, int32_t a, int32_t b, int32_t c, bert_err *e) {
  Word *w = (Word *)t->words.data + word;
  int32_t *s = (int32_t *)t->piece.data + w->start;
  uint32_t n = w->size, to = 0;
  for (uint32_t i = 0; i < n && !e->code; i++) {
    if (i + 1 == n || s[i] != a || s[i + 1] != b) {
      s[to++] = s[i];
      continue;
    }
    if (to) {
      lower(t, s[to - 1], a, w->count);
      raise(t, s[to - 1], c, w->count, word, e);
    }
    if (i + 2 < n) {
      lower(t, b, s[i + 2], w->count);
      raise(t, c, s[i + 2], w->count, word, e);
    }
    s[to++] = c;
    i++;
  }
  if (!e->code) w->size = to;
}

static void put_raised(VocabTrain *t, bert_err *e) {
  const uint32_t *raised = (const uint32_t *)t->raised.data;
  for (size_t i = 0; i < COUNT(t->raised, uint32_t); i++) put_waiting(t, raised[i], e);
  t->raised.size = 0;
  t->merge++;
}

/* The two pieces joined: "th" + "##ing" is "thing", "##i" + "##ng" is "##ing". */
static int32_t join(VocabTrain *t, int32_t a, int32_t b, bert_err *e) {
  const char *left = t->pieces.name[a], *right = t->pieces.name[b] + PREFIX;
  char both[2 * PREFIX + 4 * WORDCOUNT_CHARS];
  size_t n = strlen(left), m = strlen(right);
  memcpy(both, left, n);
  memcpy(both + n, right, m);
  return terms_add(&t->pieces, (bert_text){both, n + m}, e);
}

static void merge(VocabTrain *t, uint32_t pair, bert_err *e) {
  Pair p = *pair_at(t, pair);
  int32_t c = join(t, p.a, p.b, e);
  for (uint32_t at = p.words, next; at && !e->code; at = next) {
    Post *x = (Post *)t->posts.data + at - 1;
    uint32_t word = x->word;
    next = x->next;
    x->next = t->free_post;
    t->free_post = at;
    pair_at(t, pair)->words = next;
    merge_word(t, word, p.a, p.b, c, e);
  }
  pair_at(t, pair)->count = 0;
  put_raised(t, e);
}

int vocabtrain_next(VocabTrain *t, const char **piece, int64_t *frequency, bert_err *e) {
  *frequency = 0;
  while (!e->code && t->given == t->pieces.count) { /* two ways to the same piece make one */
    uint32_t best = t->given < t->vocab_size ? best_pair(t, e) : 0;
    if (!best) return 0;
    *frequency = pair_at(t, best - 1)->count;
    merge(t, best - 1, e);
  }
  if (e->code || t->given >= t->vocab_size) return 0;
  if ((size_t)t->given < COUNT(t->frequency, int64_t)) *frequency = ((const int64_t *)t->frequency.data)[t->given];
  *piece = t->pieces.name[t->given++];
  return 1;
}

/* ---- the alphabet ------------------------------------------------------------------------------------------------ */

typedef struct {
  int64_t count;
  uint32_t c;
} Character;

static int more_frequent_first(const void *a, const void *b) {
  const Character *p = a, *q = b;
  if (p->count != q->count) return p->count > q->count ? -1 : 1;
  return (p->c > q->c) - (p->c < q->c);
}

static int by_code_point(const void *a, const void *b) {
  const Character *p = a, *q = b;
  return (p->c > q->c) - (p->c < q->c);
}

/* How often each character begins a word, and how often one goes on with it. */
static void count_characters(const WordCount *words, int64_t *begins, int64_t *goes_on) {
  for (size_t i = 0; i < words->words; i++) {
    const unsigned char *p = wordcount_text(words, &words->word[i]), *end = p + words->word[i].size;
    begins[unicode_next(&p)] += words->word[i].count;
    while (p < end) goes_on[unicode_next(&p)] += words->word[i].count;
  }
}

static void add_piece(VocabTrain *t, const char *prefix, uint32_t c, int64_t count, bert_err *e) {
  char text[PREFIX + 4];
  size_t n = strlen(prefix);
  memcpy(text, prefix, n);
  n += (size_t)utf8_encode(c, (unsigned char *)text + n);
  int known = t->pieces.count;
  int id = terms_add(&t->pieces, (bert_text){text, n}, e);
  if (!e->code && id == known) buf_add(&t->frequency, &count, sizeof count, e);
}

/* Keeps the `limit` most frequent characters; what is left out has 0 in both. Their pieces come in the order of code
** points, all that begin words, then those that go on. */
static void make_alphabet(VocabTrain *t, int64_t *begins, int64_t *goes_on, size_t limit, bert_err *e) {
  Buf all = {0};
  for (uint32_t c = 0; c < CODE_POINTS; c++) {
    Character x = {begins[c] + goes_on[c], c};
    if (x.count) buf_add(&all, &x, sizeof x, e);
  }
  size_t n = COUNT(all, Character);
  Character *x = (Character *)all.data;
  if (n && !e->code) qsort(x, n, sizeof *x, more_frequent_first);
  for (size_t i = limit; i < n && !e->code; i++) begins[x[i].c] = goes_on[x[i].c] = 0;
  if (n > limit) n = limit;
  if (n && !e->code) qsort(x, n, sizeof *x, by_code_point);
  for (size_t i = 0; i < n && !e->code; i++) add_piece(t, "", x[i].c, begins[x[i].c], e);
  for (size_t i = 0; i < n && !e->code; i++)
    if (goes_on[x[i].c]) add_piece(t, "##", x[i].c, goes_on[x[i].c], e);
  buf_fini(&all);
}

/* ---- words to pieces --------------------------------------------------------------------------------------------- */

static int32_t piece_of(const VocabTrain *t, uint32_t c, int first) {
  char text[PREFIX + 4] = "##";
  size_t n = first ? 0 : PREFIX;
  n += (size_t)utf8_encode(c, (unsigned char *)text + n);
  return terms_find(&t->pieces, (bert_text){text, n});
}

/* id[0 or 1][code point]: 1 + the piece of a character that begins a word, or goes on; 0: none. */
static void add_word(VocabTrain *t, const CountedWord *x, const unsigned char *p, int32_t *const id[2], bert_err *e) {
  const unsigned char *end = p + x->size;
  Word w = {x->count, (uint32_t)COUNT(t->piece, int32_t), 0};
  uint32_t number = (uint32_t)COUNT(t->words, Word);
  while (p < end && !e->code) {
    uint32_t c = unicode_next(&p);
    int32_t piece = id[w.size > 0][c] - 1;
    if (piece < 0) { /* outside the alphabet: WordPiece would make it unknown */
      t->piece.size = w.start * sizeof piece;
      return;
    }
    buf_add(&t->piece, &piece, sizeof piece, e);
    w.size++;
  }
  if (w.size < 2) t->piece.size = w.start * sizeof(int32_t);
  else buf_add(&t->words, &w, sizeof w, e);
  if (w.size < 2 || e->code) return;
  for (uint32_t i = 0; i + 1 < w.size && !e->code; i++) {
    const int32_t *s = (const int32_t *)t->piece.data + w.start + i;
    raise(t, s[0], s[1], w.count, number, e);
  }
}

static void add_words(VocabTrain *t, const WordCount *words, int limit, bert_err *e) {
  int64_t *begins = mem_new(CODE_POINTS, sizeof *begins, e), *goes_on = mem_new(CODE_POINTS, sizeof *goes_on, e);
  int32_t *id[2] = {mem_new(CODE_POINTS, sizeof(int32_t), e), mem_new(CODE_POINTS, sizeof(int32_t), e)};
  if (!e->code) {
    count_characters(words, begins, goes_on);
    make_alphabet(t, begins, goes_on, (size_t)limit, e);
  }
  for (uint32_t c = 0; c < CODE_POINTS && !e->code; c++) {
    if (!begins[c] && !goes_on[c]) continue;
    id[0][c] = piece_of(t, c, 1) + 1;
    id[1][c] = piece_of(t, c, 0) + 1;
  }
  t->merge = 1;
  for (size_t i = 0; i < words->words && !e->code; i++)
    add_word(t, &words->word[i], wordcount_text(words, &words->word[i]), id, e);
  put_raised(t, e);
  mem_free(begins);
  mem_free(goes_on);
  mem_free(id[0]);
  mem_free(id[1]);
}

VocabTrain *vocabtrain_new(const WordCount *words, const VocabSettings *s, bert_err *e) {
  static const int64_t NEVER = 0;
  VocabTrain *t = mem_new(1, sizeof *t, e);
  if (!t) return NULL;
  t->pieces.arena = &t->arena;
  t->vocab_size = s->vocab_size;
  t->min_frequency = s->min_frequency;
  for (int i = 0; i < s->special_count; i++) {
    terms_add(&t->pieces, (bert_text){s->special[i], strlen(s->special[i])}, e);
    buf_add(&t->frequency, &NEVER, sizeof NEVER, e);
  }
  add_words(t, words, s->limit_alphabet, e);
  if (!e->code) return t;
  vocabtrain_free(t);
  return NULL;
}

void vocabtrain_free(VocabTrain *t) {
  if (!t) return;
  Buf *bufs[] = {&t->frequency, &t->words, &t->piece, &t->pairs, &t->posts, &t->heap, &t->raised};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_fini(bufs[i]);
  mem_free(t->slot);
  terms_fini(&t->pieces);
  arena_fini(&t->arena);
  mem_free(t);
}
