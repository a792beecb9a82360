/* test_vocabtrain.c -- words are counted as the tokenizer splits them, and merged as the plain algorithm says. */
#include <stdlib.h>

#include "base/rng.h"
#include "fixture.h"
#include "test.h"
#include "text/vocabtrain.h"

static const Normalizer LOWER = {1, 1, 1, 1};

static int64_t count_of(const WordCount *w, const char *word) {
  for (size_t i = 0; i < w->words; i++)
    if (w->word[i].size == strlen(word) && !memcmp(wordcount_text(w, &w->word[i]), word, strlen(word)))
      return w->word[i].count;
  return 0;
}

static void add(WordCount *w, const char *text, bert_err *e) { wordcount_add(w, (bert_text){text, strlen(text)}, e); }

TEST(wordcount_counts_normalized_words_and_marks) {
  WordCount w = {.normalizer = LOWER};
  bert_err e = {0};
  add(&w, "The caf\xc3\xa9, the CAFE.\tthe\xff \xe4\xb8\xad\xe5\x9b\xbd", &e);
  GOOD(e);
  EQ(count_of(&w, "the"), 3); /* what is not UTF-8 becomes U+FFFD, which clean_text drops */
  EQ(count_of(&w, "cafe"), 2);
  EQ(count_of(&w, ","), 1);
  EQ(count_of(&w, "\xe4\xb8\xad"), 1);
  EQ(w.words, 6);
  wordcount_fini(&w);
}

TEST(wordcount_leaves_out_words_that_are_too_long) {
  char word[WORDCOUNT_CHARS + 2];
  WordCount w = {.normalizer = LOWER};
  bert_err e = {0};
  memset(word, 'x', sizeof word);
  wordcount_add(&w, (bert_text){word, WORDCOUNT_CHARS}, &e);
  EQ(w.words, 1);
  wordcount_add(&w, (bert_text){word, WORDCOUNT_CHARS + 1}, &e);
  EQ(w.words, 1);
  wordcount_fini(&w);
}

TEST(wordcount_forgets_the_rarest_words_when_it_is_full) {
  WordCount w = {.normalizer = LOWER, .max = 8};
  bert_err e = {0};
  char word[2] = "a";
  for (int round = 0; round < 3; round++) add(&w, "often oft", &e);
  for (; word[0] <= 'z'; word[0]++) add(&w, word, &e);
  GOOD(e);
  OK(w.words <= 8);
  EQ(count_of(&w, "often"), 3);
  EQ(count_of(&w, "oft"), 3);
  wordcount_fini(&w);
}

/* ---- merges ------------------------------------------------------------------------------------------------------ */

static const char *const SPECIAL[] = {"[PAD]", "[UNK]"};

static int train(const WordCount *w, const VocabSettings *s, const char **piece, int64_t *frequency, VocabTrain **out) {
  bert_err e = {0};
  int n = 0;
  *out = vocabtrain_new(w, s, &e);
  while (!e.code && vocabtrain_next(*out, &piece[n], &frequency[n], &e)) n++;
  GOOD(e);
  return n;
}

TEST(vocabtrain_begins_with_special_tokens_and_characters) {
  static const char *const wanted[] = {"[PAD]", "[UNK]", "a", "b", "c", "##a", "##b", "ca", "cab"};
  static const int64_t often[] = {0, 0, 0, 1, 4, 4, 4, 4, 4};
  const char *piece[20];
  int64_t frequency[20];
  WordCount w = {.normalizer = LOWER};
  VocabTrain *t;
  bert_err e = {0};
  add(&w, "cab cab cab cab b", &e);
  int n = train(&w, &(VocabSettings){20, 2, 100, SPECIAL, 2}, piece, frequency, &t);
  EQ(n, 9);
  for (int i = 0; i < n && i < 9; i++) {
    STR(piece[i], wanted[i]);
    EQ(frequency[i], often[i]);
  }
  vocabtrain_free(t);
  wordcount_fini(&w);
}

TEST(vocabtrain_stops_at_its_size_and_at_rare_pairs) {
  const char *piece[20];
  int64_t frequency[20];
  WordCount w = {.normalizer = LOWER};
  VocabTrain *t;
  bert_err e = {0};
  add(&w, "cab cab cab cab b", &e);
  EQ(train(&w, &(VocabSettings){8, 2, 100, SPECIAL, 2}, piece, frequency, &t), 8);
  vocabtrain_free(t);
  EQ(train(&w, &(VocabSettings){3, 2, 100, SPECIAL, 2}, piece, frequency, &t), 3); /* not even the characters */
  vocabtrain_free(t);
  EQ(train(&w, &(VocabSettings){20, 5, 100, SPECIAL, 2}, piece, frequency, &t), 7);
  vocabtrain_free(t);
  EQ(train(&w, &(VocabSettings){20, 2, 1, SPECIAL, 2}, piece, frequency, &t), 4); /* of equals the lower: b has 5 */
  STR(piece[2], "b");
  vocabtrain_free(t);
  wordcount_fini(&w);
}

/* The plain algorithm: every pair is counted anew for each merge. Words of at most 12 letters a to d. */
enum { WORDS = 60, LETTERS = 12, PIECES = 90 };

typedef struct {
  int piece[LETTERS], size;
  int64_t count;
} Plain;

static int plain_id(char name[PIECES][20], int *n, const char *text) {
  for (int i = 0; i < *n; i++)
    if (!strcmp(name[i], text)) return i;
  snprintf(name[*n], 20, "%s", text);
  return (*n)++;
}

static int64_t pair_count(const Plain *w, int a, int b) {
  int64_t sum = 0;
  for (int i = 0; i < WORDS; i++)
    for (int k = 0; k + 1 < w[i].size; k++) sum += w[i].piece[k] == a && w[i].piece[k + 1] == b ? w[i].count : 0;
  return sum;
}

static void plain_merge(Plain *w, int a, int b, int c) {
  int to = 0;
  for (int k = 0; k < w->size; k++) {
    int joins = k + 1 < w->size && w->piece[k] == a && w->piece[k + 1] == b;
    w->piece[to++] = joins ? c : w->piece[k];
    k += joins;
  }
  w->size = to;
}

/* Pieces of the same words by the plain way; returns how many. */
static int plain_train(Plain *w, char name[PIECES][20], int n, int size) {
  while (n < size) {
    int64_t best = 1;
    int left = -1, right = -1;
    for (int a = 0; a < n; a++)
      for (int b = 0; b < n; b++) {
        int64_t count = pair_count(w, a, b);
        if (count > best) best = count, left = a, right = b;
      }
    if (left < 0) break;
    char both[40];
    snprintf(both, sizeof both, "%s%s", name[left], name[right] + 2);
    int c = plain_id(name, &n, both);
    for (int i = 0; i < WORDS; i++) plain_merge(&w[i], left, right, c);
  }
  return n;
}

/* Random words of the letters a to c, or of fewer, so that pairs overlap and tie. */
static void make_words(char word[WORDS][LETTERS + 1], Plain *plain, uint64_t seed) {
  Rng r = rng_stream(seed, 0);
  for (int i = 0; i < WORDS; i++) {
    plain[i].size = 2 + (int)rng_below(&r, LETTERS - 1);
    plain[i].count = 1 + rng_below(&r, 5);
    memset(word[i], 0, sizeof word[i]);
    for (int k = 0; k < plain[i].size; k++) word[i][k] = (char)('a' + rng_below(&r, 1 + (uint32_t)seed % 3));
  }
}

TEST(vocabtrain_is_the_plain_algorithm) {
  static char name[PIECES][20], word[WORDS][LETTERS + 1];
  static Plain plain[WORDS];
  for (uint64_t seed = 0; seed < 20; seed++) {
    WordCount w = {.normalizer = LOWER};
    bert_err e = {0};
    const char *piece[PIECES];
    int64_t frequency[PIECES];
    VocabTrain *t;
    make_words(word, plain, seed);
    for (int i = 0; i < WORDS; i++)
      for (int64_t k = 0; k < plain[i].count; k++) add(&w, word[i], &e);
    int letters = train(&w, &(VocabSettings){40, INT64_MAX, 100, NULL, 0}, piece, frequency, &t), n = letters;
    for (int i = 0; i < letters; i++) snprintf(name[i], 20, "%s", piece[i]);
    vocabtrain_free(t);
    for (int i = 0; i < WORDS; i++)
      for (int k = 0; k < plain[i].size; k++) {
        char text[4] = {'#', '#', word[i][k]};
        plain[i].piece[k] = plain_id(name, &n, k ? text : text + 2);
      }
    EQ(n, letters);
    int wanted = plain_train(plain, name, letters, 40);
    int found = train(&w, &(VocabSettings){40, 2, 100, NULL, 0}, piece, frequency, &t);
    EQ(found, wanted);
    for (int i = 0; i < found && i < wanted; i++) STR(piece[i], name[i]);
    vocabtrain_free(t);
    wordcount_fini(&w);
  }
}

static void train_all(const char *text, bert_err *e) {
  bert_vocab *v = bert_vocab_new("{\"vocab_size\":60}", e);
  bert_vocab_piece piece;
  if (!v) return;
  bert_vocab_add(v, (bert_text){text, strlen(text)}, e);
  while (bert_vocab_next(v, &piece, NULL, e)) continue;
  bert_vocab_free(v);
}

TEST(vocabtrain_takes_every_failed_allocation) {
  OK(fixture_fail_each(train_all, "the rain in Spain \xff caf\xc3\xa9 rain rain train training trains") > 20);
}
