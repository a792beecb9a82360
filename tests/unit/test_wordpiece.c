/* test_wordpiece.c -- sets of pieces, and words split into them. */
#include "text/wordpiece.h"

#include "test.h"

static Arena arena;
static Vocabulary pieces; /* of the last WordPiece made */

/* Ids are places in the list. */
static WordPiece vocabulary(const char *const *piece, int n, const char *prefix, int64_t max_chars) {
  WordPiece w;
  bert_err e = {0};
  VocabularySize size = {.ids = n, .count = (size_t)n};
  for (int i = 0; i < n; i++) size.bytes += strlen(piece[i]);
  vocabulary_init(&pieces, &size, &arena, &e);
  wordpiece_init(&w, &pieces, (size_t)n, prefix, max_chars, &arena, &e);
  for (int i = 0; i < n; i++) {
    size_t length = strlen(piece[i]);
    wordpiece_put(&w, vocabulary_put(&pieces, piece[i], length, i, &e), length, i, &e);
  }
  wordpiece_unknown(&w, "[UNK]");
  GOOD(e);
  return w;
}

static const char *const PIECES[] = {"[UNK]", "un", "##aff", "##able", "unaff", "a", "##a", "##b", "straightforwardly",
                                     "##ly", "internationalisation", "internationalisationx", "##internationalisation",
                                     "aa"};
#define VOCABULARY(prefix, max) vocabulary(PIECES, sizeof PIECES / sizeof *PIECES, prefix, max)

/* "un 2, ##aff 5 ..." as ids and the bytes where they end; -1 ends a list. */
static void splits(const WordPiece *w, const char *word, const int32_t *ids, const int32_t *ends) {
  int32_t found[64], found_ends[64];
  size_t n = strlen(word), count = wordpiece_split(w, (const unsigned char *)word, n, (int64_t)n, found, found_ends);
  size_t wanted = 0;
  while (ids[wanted] >= 0) wanted++;
  EQ(count, wanted);
  for (size_t i = 0; i < count && i < wanted; i++) {
    EQ(found[i], ids[i]);
    EQ(found_ends[i], ends[i]);
  }
}
#define LIST(...) (const int32_t[]){__VA_ARGS__, -1}

TEST(wordpiece_takes_the_longest_piece_first) {
  WordPiece w = VOCABULARY("##", 100);
  splits(&w, "unaffable", LIST(4, 3), LIST(5, 9));
  splits(&w, "unable", LIST(1, 3), LIST(2, 6));
  splits(&w, "aab", LIST(13, 7), LIST(2, 3));
  arena_fini(&arena);
}

TEST(wordpiece_finds_pieces_of_more_than_eight_and_sixteen_bytes) {
  WordPiece w = VOCABULARY("##", 100);
  splits(&w, "straightforwardly", LIST(8), LIST(17));
  splits(&w, "internationalisationx", LIST(11), LIST(21));
  splits(&w, "internationalisation", LIST(10), LIST(20));
  splits(&w, "internationalisationly", LIST(10, 9), LIST(20, 22));
  splits(&w, "ainternationalisation", LIST(5, 12), LIST(1, 21));
  splits(&w, "straightforwardlz", LIST(0), LIST(17));
  arena_fini(&arena);
}

TEST(wordpiece_unknown_word_is_one_unk) {
  WordPiece w = VOCABULARY("##", 100);
  splits(&w, "zzqx", LIST(0), LIST(4));
  splits(&w, "unz", LIST(0), LIST(3)); /* also where its beginning is known */
  arena_fini(&arena);
}

TEST(wordpiece_word_past_the_most_characters_is_unk) {
  WordPiece w = VOCABULARY("##", 3);
  splits(&w, "aaa", LIST(13, 6), LIST(2, 3));
  splits(&w, "aaaa", LIST(0), LIST(4));
  arena_fini(&arena);
}

TEST(wordpiece_prefix_may_be_empty_or_begin_words_too) {
  WordPiece w = VOCABULARY("", 100);
  splits(&w, "unun", LIST(1, 1), LIST(2, 4));
  w = VOCABULARY("a", 100); /* "a" alone goes on with nothing; "aa" goes on as "a" */
  splits(&w, "aaa", LIST(13, 13), LIST(2, 3));
  arena_fini(&arena);
}

TEST(vocabulary_last_of_equal_pieces_wins) {
  static const char *const TWICE[] = {"[UNK]", "a", "b", "a"};
  vocabulary(TWICE, 4, "##", 100);
  EQ(vocabulary_id(&pieces, "a", 1), 3);
  EQ(vocabulary_id(&pieces, "c", 1), -1);
  EQ(pieces.count, 3);
  EQ(pieces.size, 4);
  arena_fini(&arena);
}

TEST(pieces_longest_reads_no_further_than_the_text) {
  static const char TEXT[] = "abcdefghijk";
  Pieces p;
  bert_err e = {0};
  size_t size;
  pieces_init(&p, 11, TEXT, &arena, &e);
  for (uint32_t n = 1; n <= 11; n++) OK(pieces_put(&p, 0, n, (int32_t)n, &e));
  OK(!pieces_put(&p, 0, 3, 33, &e));
  GOOD(e);
  for (size_t n = 1; n <= 11; n++) {
    char *copy = mem_new(n, 1, &e); /* ends where it ends */
    memcpy(copy, TEXT, n);
    EQ(pieces_longest(&p, copy, n, &size), n == 3 ? 33 : (int)n);
    EQ(size, n);
    mem_free(copy);
  }
  EQ(pieces_longest(&p, "xbc", 3, &size), -1);
  arena_fini(&arena);
}

TEST(pieces_of_many_bytes_are_found_at_every_size) {
  static char text[1025];
  Pieces p;
  bert_err e = {0};
  size_t size;
  memset(text, 'a', sizeof text);
  text[40] = 'b';
  pieces_init(&p, 400, text, &arena, &e);
  for (uint32_t n = 30; n <= 1024; n += 7) pieces_put(&p, 0, n, (int32_t)n, &e);
  GOOD(e);
  for (size_t n = 30; n <= 1024; n++) {
    EQ(pieces_longest(&p, text, n, &size), 30 + (int)(n - 30) / 7 * 7);
    EQ(size, 30 + (n - 30) / 7 * 7);
    EQ(pieces_find(&p, text, n), (n - 30) % 7 ? -1 : (int)n);
  }
  EQ(pieces_longest(&p, text, 29, &size), -1);
  pieces_put(&p, 0, 1025, 1, &e);
  FAILS(e, BERT_FORMAT, "a piece of 1025 bytes, at most 1024");
  arena_fini(&arena);
}
