/* test_normalize.c -- what BertNormalizer makes of text, and where each byte comes from. */
#include "text/normalize.h"

#include "test.h"

static const Normalizer UNCASED = {1, 1, 1, 1}, CASED = {1, 1, 0, 0};

/* `sources` are the characters of the bytes of `wanted`, a digit each. */
static void becomes(const Normalizer *o, const char *text, size_t size, const char *wanted, const char *sources) {
  Normalized n = {.aligned = 1};
  bert_err e = {0};
  int32_t index = 0;
  const unsigned char *p = (const unsigned char *)text;
  OK(normalize_run(o, &n, p, p + size, &index, 0, &e) == p + size);
  GOOD(e);
  EQ(n.size, strlen(wanted));
  if (n.size == strlen(wanted)) OK(!memcmp(n.text, wanted, n.size));
  for (size_t i = 0; i < n.size && sources[i]; i++) EQ(n.source[i], sources[i] - '0');
  normalized_fini(&n);
}
#define BECOMES(o, text, wanted, sources) becomes(o, text, sizeof text - 1, wanted, sources)

TEST(normalize_lowers_and_strips_accents) {
  BECOMES(&UNCASED, "H\u00E9llo", "hello", "01234");
  BECOMES(&UNCASED, "e\u0301E", "ee", "02");
  BECOMES(&UNCASED, "\u1EA8x", "ax", "01"); /* A, circumflex, hook above */
  BECOMES(&CASED, "H\u00E9", "H\u00E9", "011");
}

TEST(normalize_drops_control_characters_and_levels_white_space) {
  BECOMES(&UNCASED, "a\0b\x01\u200B\uFFFDc", "abc", "026");
  BECOMES(&UNCASED, "a\tb\u3000c\u00A0", "a b c ", "012345");
}

TEST(normalize_sets_ideographs_apart) {
  BECOMES(&CASED, "a\u4E2Db", "a \u4E2D b", "0111112");
  Normalizer plain = {1, 0, 0, 0};
  BECOMES(&plain, "a\u4E2Db", "a\u4E2Db", "01112");
}

TEST(normalize_lower_case_looks_at_no_context) {
  Normalizer lower = {0, 0, 0, 1};
  BECOMES(&lower, "\u03A3\u0391\u03A3", "\u03C3\u03B1\u03C3", "001122");
  BECOMES(&lower, "\u0130x", "i\u0307x", "0001");
}

TEST(normalize_takes_hangul_apart) { BECOMES(&UNCASED, "\uAC01", "\u1100\u1161\u11A8", "000000000"); }

TEST(normalize_orders_marks_that_stay_and_aligns_them_by_place) {
  /* U+302E (class 224) and U+1D165 (216) are spacing marks, which stay. */
  BECOMES(&UNCASED, "a\u302E\U0001D165", "a\U0001D165\u302E", "01111222");
  /* U+0334 (1) takes place 1 and U+0327 (202) place 2, before they go, so U+302E has place 3. */
  BECOMES(&UNCASED, "a\u302E\u0327\u0334", "a\u302E", "0333");
  /* A starter keeps marks on its own side. */
  BECOMES(&UNCASED, "\u302Ea\U0001D165", "\u302Ea\U0001D165", "00012222");
}

TEST(normalize_stops_before_a_space_when_asked) {
  Normalized n = {0};
  bert_err e = {0};
  int32_t index = 7;
  const unsigned char text[] = "\u00C9cole ici", *end = text + sizeof text - 1;
  const unsigned char *p = normalize_run(&UNCASED, &n, text, end, &index, 1, &e);
  EQ(p - text, 6);
  EQ(index, 12);
  EQ(n.size, 5);
  OK(n.source == NULL);
  normalized_fini(&n);
}
