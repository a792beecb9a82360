/* test_json.c -- JSON: what is read, what is refused and where, and numbers to the last bit. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "fixture.h"
#include "test.h"

static const Json *parse(const char *text, Arena *a, bert_err *e) { return json_parse(text, strlen(text), "t", a, e); }

/* Parses a copy that ends where the text ends, so that a sanitizer sees reading past it; 1 if it is JSON. */
static int parses(const char *text, size_t size, bert_err *e) {
  Arena a = {0};
  char *copy = mem_new(size, 1, e);
  if (size) memcpy(copy, text, size);
  int good = json_parse(copy, size, "t", &a, e) != NULL;
  mem_free(copy);
  arena_fini(&a);
  return good;
}

static void refused(const char *text, size_t size, const char *part) {
  bert_err e = {0};
  OK(!parses(text, size, &e));
  FAILS(e, BERT_FORMAT, part);
}

static void string_is(const char *text, const char *wanted, size_t size) {
  Arena a = {0};
  bert_err e = {0};
  const Json *v = parse(text, &a, &e);
  GOOD(e);
  OK(v && v->kind == JSON_STRING && v->size == size && !memcmp(v->at, wanted, size));
  arena_fini(&a);
}

TEST(json_walks_arrays_and_objects_in_the_order_of_the_text) {
  Arena a = {0};
  bert_err e = {0};
  const Json *root = parse("\xEF\xBB\xBF { \"a\" : [1, [], {}, \"x\"] ,\n\t"
                           "\"b\": null, \"c\": {\"d\": true, \"e\": false} } ", &a, &e);
  GOOD(e);
  EQ(root->kind, JSON_OBJECT);
  EQ(root->size, 3);
  const Json *v = json_first(root);
  OK(json_is(json_key(v), "a"));
  EQ(v->size, 4);
  const Json *x = json_first(v);
  EQ(x->kind, JSON_NUMBER);
  x = json_next(x);
  EQ(x->kind, JSON_ARRAY);
  OK(json_first(x) == NULL);
  x = json_next(x);
  EQ(x->kind, JSON_OBJECT);
  OK(json_first(x) == NULL);
  x = json_next(x);
  OK(json_is(x, "x"));
  OK(json_next(x) == NULL);
  v = json_next(v);
  OK(json_is(json_key(v), "b"));
  EQ(v->kind, JSON_NULL);
  v = json_next(v);
  EQ(json_get(v, "d")->kind, JSON_TRUE);
  EQ(json_get(v, "e")->kind, JSON_FALSE);
  OK(json_next(v) == NULL);
  OK(json_next(root) == NULL);
  OK(json_get(root, "d") == NULL);
  OK(json_get(json_first(root), "a") == NULL);
  OK(json_get(NULL, "a") == NULL);
  OK(json_first(NULL) == NULL);
  arena_fini(&a);
}

TEST(json_root_may_be_any_value) {
  static const struct {
    const char *text;
    JsonKind kind;
  } CASES[] = {{"0", JSON_NUMBER}, {" \"\" ", JSON_STRING}, {"[]", JSON_ARRAY}, {"{}", JSON_OBJECT},
               {"null", JSON_NULL}, {"true", JSON_TRUE},    {"false", JSON_FALSE}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    Arena a = {0};
    bert_err e = {0};
    const Json *v = parse(CASES[i].text, &a, &e);
    GOOD(e);
    EQ(v->kind, CASES[i].kind);
    EQ(v->past, 1);
    EQ(v->last, 1);
    arena_fini(&a);
  }
}

TEST(json_last_of_two_equal_keys_wins) {
  Arena a = {0};
  bert_err e = {0};
  const Json *root = parse("{\"a\":1,\"a\":2,\"\\u0061\":3}", &a, &e);
  EQ(json_integer(json_get(root, "a"), 0, 0, 9, "a", &e), 3);
  GOOD(e);
  arena_fini(&a);
}

TEST(json_says_where_and_what_was_wanted) {
  static const struct {
    const char *text, *part;
  } CASES[] = {
      {"", "t: line 1, column 1: found the end of the text, wanted a value"},
      {"  \n ", "line 2, column 2: found the end of the text"},
      {"[1,\n 2,\n  x]", "t: line 3, column 3: found 'x', wanted a value"},
      {"[1 2]", "line 1, column 4: found '2', wanted ',' or ']'"},
      {"[1,]", "column 4: found ']', wanted a value"},
      {"[,1]", "column 2: found ',', wanted a value"},
      {"[1", "column 3: found the end of the text, wanted ',' or ']'"},
      {"[}", "column 2: found '}', wanted a value"},
      {"{\"a\":1,}", "column 8: found '}', wanted a key in quotes"},
      {"{a:1}", "column 2: found 'a', wanted a key in quotes"},
      {"{\"a\" 1}", "column 6: found '1', wanted ':' after a key"},
      {"{\"a\":1 \"b\":2}", "column 8: found '\"', wanted ',' or '}'"},
      {"{\"a\":}", "column 6: found '}', wanted a value"},
      {"{\"a\"", "found the end of the text, wanted ':'"},
      {"{\"\xC3\xA9\xC3\xA9\": x}", "column 8: found 'x'"},
      {"1 2", "column 3: found '2', wanted the end of the text"},
      {"nul", "found 'n', wanted a value"},
      {"nullx", "column 5: found 'x', wanted the end of the text"},
      {"'a'", "wanted a value"},
      {"NaN", "found NaN, which JSON does not have"},
      {"[-Infinity]", "column 2: found -Infinity, which JSON does not have"},
      {"{\"a\": Infinity}", "column 7: found Infinity"},
      {"\"a", "column 3: found the end of the text, wanted the closing '\"'"},
      {"\"a\nb\"", "column 3: found control character 0x0A inside a string"},
      {"\"\\x\"", "column 2: found a broken escape"},
      {"\"\\u12G4\"", "column 2: found a broken escape"},
      {"\"\\u123", "column 2: found a broken escape"},
      {"\"\\", "column 2: found a broken escape"},
      {"\x01", "found byte 0x01, wanted a value"},
      {"/* no */ 1", "found '/', wanted a value"},
      {"01", "column 2: found '1', wanted a number without leading zeros"},
      {"-01", "column 3: found '1', wanted a number without leading zeros"},
      {"-", "found the end of the text, wanted a digit"},
      {"-x", "column 2: found 'x', wanted a digit"},
      {"1.", "wanted a digit"},
      {".5", "found '.', wanted a value"},
      {"+1", "found '+', wanted a value"},
      {"1.e5", "column 3: found 'e', wanted a digit"},
      {"1e", "wanted a digit"},
      {"1e+", "wanted a digit"},
      {"0x10", "column 2: found 'x', wanted the end of the text"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(CASES[i].text, strlen(CASES[i].text), CASES[i].part);
  refused("[1]\0", 4, "column 4: found byte 0x00, wanted the end of the text");
  refused("\"a\0b\"", 5, "column 3: found control character 0x00 inside a string");
  refused("\"\\\0\"", 4, "column 2: found a broken escape");
}

TEST(json_strings_are_utf8_or_refused) {
  static const char *const BAD[] = {"\x80",         "\xC0\x80",         "\xC3",     "\xE0\x80\x80", "\xED\xA0\x80",
                                    "\xF4\x90\x80\x80", "\xF0\x9F\x98", "\xFF\xFE", "\xEF\xBF"};
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    char text[16];
    snprintf(text, sizeof text, "[\"a%s\"]", BAD[i]);
    refused(text, strlen(text), "column 4: found byte 0x");
  }
  string_is("\"\xEF\xBF\xBD \xF0\x9F\x98\x80 \xC2\x80 \x7F\"", "\xEF\xBF\xBD \xF0\x9F\x98\x80 \xC2\x80 \x7F", 13);
}

TEST(json_escapes_become_characters_and_half_a_pair_becomes_the_replacement) {
  string_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
  string_is("\"a\\u0000b\"", "a\0b", 3);
  string_is("\"\\u00e9\\u4E2d\\uD83D\\uDE00\\uDBFF\\uDFFF\"",
            "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF", 13);
  string_is("\"\\uD83D\"", "\xEF\xBF\xBD", 3);
  string_is("\"\\uDE00\\uD83D\"", "\xEF\xBF\xBD\xEF\xBF\xBD", 6);
  string_is("\"\\uD83D\\u0041\"", "\xEF\xBF\xBD" "A", 4);
  string_is("\"\\uD83D\\\\uDE00\"", "\xEF\xBF\xBD\\uDE00", 9);
  string_is("\"\\uD83D\\uD83D\\uDE00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7);
}

TEST(json_nests_to_its_depth_and_no_deeper) {
  char text[2 * (JSON_DEPTH_MAX + 1)];
  for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    Arena a = {0};
    bert_err e = {0};
    const Json *v = json_parse(text, 2 * (size_t)depth, "t", &a, &e);
    if (depth <= JSON_DEPTH_MAX) OK(v && v->past == (uint32_t)depth);
    else FAILS(e, BERT_FORMAT, "column 65: found nesting deeper than 64");
    arena_fini(&a);
  }
}

TEST(json_ten_million_brackets_are_refused_without_recursion) {
  size_t n = 10 * 1000 * 1000;
  bert_err e = {0};
  char *text = mem_new(n, 1, &e);
  memset(text, '[', n);
  refused(text, n, "nesting deeper than 64");
  mem_free(text);
}

TEST(json_every_prefix_of_a_document_is_refused) {
  static const char TEXT[] = "{\"k\\u00e9y\": [1.5e-3, -0, true, false, null, \"\\ud83d\\ude00\xC3\xA9\"], "
                             "\"o\": {\"a\": {}, \"b\": []}}";
  for (size_t n = 0; n < sizeof TEXT - 1; n++) refused(TEXT, n, "t: line 1, column ");
}

TEST(json_a_flipped_bit_gives_a_document_or_a_message) {
  static const char TEXT[] = "{\"a\\u00e9\": [1.5e-3, -0, true], \"o\": {\"b\": \"\xC3\xA9\"}}";
  char text[sizeof TEXT];
  for (size_t bit = 0; bit < 8 * (sizeof TEXT - 1); bit++) {
    memcpy(text, TEXT, sizeof TEXT);
    text[bit / 8] ^= (char)(1 << bit % 8);
    bert_err e = {0};
    OK(parses(text, sizeof TEXT - 1, &e) ? !e.code : e.code == BERT_FORMAT);
  }
}

TEST(json_integers_are_exact_and_bounded) {
  static const struct {
    const char *text;
    int64_t wanted;
    const char *part; /* NULL: good */
  } CASES[] = {
      {"0", 0, NULL},
      {"-0", 0, NULL},
      {"512.0", 512, NULL},
      {"5e2", 500, NULL},
      {"9223372036854775807", INT64_MAX, NULL},
      {"-9223372036854775808", INT64_MIN, NULL},
      {"9223372036854775808", -1, "n: found 9223372036854775808, wanted an integer from"},
      {"1.5", -1, "n: found 1.5, wanted an integer"},
      {"1e300", -1, "n: found 1e300, wanted an integer"},
      {"\"7\"", -1, "n: found \"7\", wanted an integer"},
      {"true", -1, "n: found true, wanted an integer"},
      {"[7]", -1, "n: found an array, wanted an integer"},
      {"{}", -1, "n: found an object, wanted an integer"},
      {"null", -1, NULL},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    Arena a = {0};
    bert_err e = {0};
    const Json *v = parse(CASES[i].text, &a, &e);
    EQ(json_integer(v, -1, INT64_MIN, INT64_MAX, "n", &e), CASES[i].wanted);
    if (CASES[i].part) FAILS(e, BERT_FORMAT, CASES[i].part);
    else GOOD(e);
    arena_fini(&a);
  }
  Arena a = {0};
  bert_err e = {0};
  EQ(json_integer(parse("300", &a, &e), 7, 1, 256, "threads", &e), 7);
  FAILS(e, BERT_FORMAT, "threads: found 300, wanted an integer from 1 to 256");
  arena_fini(&a);
}

TEST(json_scalars_of_another_kind_are_named) {
  Arena a = {0};
  bert_err e = {0}, n = {0}, f = {0}, t = {0}, z = {0};
  const Json *root = parse("[1e999, \"a\\u0000b\", 3]", &a, &e), *v = json_first(root);
  EQ(json_number(v, 5, "x", &n), 5);
  FAILS(n, BERT_FORMAT, "x: found 1e999, wanted a finite number");
  EQ(json_flag(json_next(v), 1, "x", &f), 1);
  FAILS(f, BERT_FORMAT, "wanted true or false");
  OK(json_text(json_next(v), NULL, "x", &a, &z) == NULL);
  FAILS(z, BERT_FORMAT, "x: found a string with a NUL inside");
  OK(json_text(json_next(json_next(v)), NULL, "x", &a, &t) == NULL);
  FAILS(t, BERT_FORMAT, "x: found 3, wanted a string");
  GOOD(e);
  STR(json_text(NULL, "otherwise", "x", &a, &e), "otherwise");
  EQ(json_flag(NULL, 1, "x", &e), 1);
  arena_fini(&a);
}

TEST(json_long_values_are_shortened_in_messages_at_a_character) {
  Arena a = {0};
  bert_err e = {0}, n = {0};
  char text[400] = "\"x";
  for (int i = 0; i < 60; i++) strcat(text, "\xC3\xA9");
  strcat(text, "\"");
  json_refuse(parse(text, &a, &e), "k", "less", &n);
  GOOD(e);
  FAILS(n, BERT_FORMAT, "\xC3\xA9...\", wanted less");
  OK(strlen(n.text) < 100);
  arena_fini(&a);
}

static double number(const char *text) { return json_parse_number(text, strlen(text)); }

static void same_bits(const char *text, double wanted) {
  double found = number(text);
  if (memcmp(&found, &wanted, sizeof found))
    test_failed(__FILE__, __LINE__, "%.40s: found %a, wanted %a", text, found, wanted);
}

TEST(json_numbers_round_to_the_nearest_double_and_ties_to_even) {
  same_bits("0", 0.0);
  same_bits("-0", -0.0);
  same_bits("-0.0e9", -0.0);
  same_bits("0.1", 0.1);
  same_bits("1e22", 1e22);
  same_bits("1e23", 0x1.52d02c7e14af6p+76);
  same_bits("9007199254740993", 9007199254740992.0);
  same_bits("9007199254740993.00000000000000000000000000001", 9007199254740994.0);
  same_bits("9007199254740995", 9007199254740996.0);
  same_bits("2.2250738585072011e-308", 0x0.fffffffffffffp-1022);
  same_bits("2.2250738585072014e-308", 0x1p-1022);
  same_bits("4.9406564584124654e-324", 0x1p-1074);
  same_bits("2.4703282292062327e-324", 0.0);
  same_bits("2.4703282292062328e-324", 0x1p-1074);
  same_bits("1.7976931348623157e308", 0x1.fffffffffffffp+1023);
  same_bits("1.7976931348623159e308", INFINITY);
  same_bits("-1e400", -INFINITY);
  same_bits("1e-400", 0.0);
  same_bits("0e99999999999999999999", 0.0);
  same_bits("1e99999999999999999999", INFINITY);
  same_bits("1e-99999999999999999999", 0.0);
}

TEST(json_numbers_of_a_thousand_digits_still_round_once) {
  /* 2^-1074 + 2^-1075, half way between two subnormals: 752 significant digits; one more decides. */
  static char text[1200];
  int n = snprintf(text, sizeof text, "%.1075f", 0x1p-1074);
  same_bits(text, 0x1p-1074);
  char half[1200];
  n = snprintf(half, sizeof half, "%.1080f", 1.0);
  half[n - 1] = '1';
  same_bits(half, 1.0);
  n = snprintf(half, sizeof half, "9007199254740993.%01000d", 0);
  same_bits(half, 9007199254740992.0);
  half[n - 1] = '1';
  same_bits(half, 9007199254740994.0);
  memset(half, '0', 1100);
  memcpy(half, "0.", 2);
  strcpy(half + 1100, "25e1099");
  same_bits(half, 2.5);
}

TEST(json_numbers_equal_strtod_on_random_texts) {
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 20000; i++) {
    char text[80];
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    int digits = 1 + (int)(x % 30), exponent = (int)(x / 64 % 700) - 350, point = (int)(x / 65536 % 20), n = 0;
    for (int d = 0; d < digits; d++) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      if (d == point && d > 0) text[n++] = '.';
      text[n++] = (char)('0' + (d == 0 && point != 1 ? 1 + x % 9 : x % 10));
    }
    snprintf(text + n, sizeof text - (size_t)n, "e%d", exponent);
    same_bits(text, strtod(text, NULL));
  }
}

TEST(json_numbers_do_not_depend_on_the_locale) {
  static const char *const COMMA[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "ru_RU.UTF-8"};
  for (size_t i = 0; i < sizeof COMMA / sizeof *COMMA; i++)
    if (setlocale(LC_NUMERIC, COMMA[i])) break;
  double a = number("1234567890123456789.5e-3"), b = number("0.5");
  setlocale(LC_NUMERIC, "C");
  OK(a == 1234567890123456.75);
  OK(b == 0.5);
}

static void parse_much(const char *text, bert_err *e) {
  Arena a = {0};
  json_parse(text, strlen(text), "t", &a, e);
  arena_fini(&a);
}

TEST(json_running_out_of_memory_is_an_error) {
  char text[9000] = "[";
  for (int i = 0; i < 800; i++) strcat(text, "\"\\u00e9\",");
  strcat(text, "0]");
  OK(fixture_fail_each(parse_much, text) >= 2);
}

TEST(json_memory_is_in_proportion_to_the_text) {
  enum { N = 100000 };
  Arena a = {0};
  bert_err e = {0};
  char *text = mem_new(2 * N + 1, 1, &e);
  for (int i = 0; i < N; i++) memcpy(text + 2 * i, i ? ",1" : "[1", 2);
  text[2 * N] = ']';
  const Json *v = json_parse(text, 2 * N + 1, "t", &a, &e);
  GOOD(e);
  EQ(v->size, N);
  EQ(v->past, N + 1);
  OK(a.held <= 24 * (N + 2) + 4096);
  mem_free(text);
  arena_fini(&a);
}
