/* json.c -- see json.h.
** Layer: base. Uses: arena utf8.
**
** Every value but the root stands after one of [ { , : so counting those bytes bounds the array, and it is allocated
** once. The parser is a loop over a stack of open containers; finding line and column is left to the error path. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define TEXT_MAX ((size_t)1 << 30)
enum { NOT_LAST, LAST, KEY }; /* Json.last */

typedef struct {
  uint32_t at;     /* the container's index */
  uint32_t latest; /* its latest element or member value */
  uint32_t count;
} Open;

typedef struct {
  const char *p, *end, *start;
  const char *name;
  Json *v;
  uint32_t n;
  int depth;
  Open open[JSON_DEPTH_MAX];
  Arena *arena;
  bert_err *e;
} Parser;

/* ---- errors --------------------------------------------------------------------------------------------------- */

static void fail(Parser *s, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(Parser *s, const char *at, const char *format, ...) {
  size_t line = 1;
  const char *begin = s->start;
  for (const char *p = s->start; p < at; p++) {
    if (*p == '\n') {
      line++;
      begin = p + 1;
    }
  }
  char what[200];
  va_list ap;
  va_start(ap, format);
  vsnprintf(what, sizeof what, format, ap);
  va_end(ap);
  size_t column = utf8_length(begin, (size_t)(at - begin)) + 1;
  err_set(s->e, BERT_FORMAT, "%s: line %zu, column %zu: %s", s->name, line, column, what);
}

/* "found 'x', wanted …" at the parser's place. */
static void fail_wanted(Parser *s, const char *wanted) {
  if (s->p >= s->end) {
    fail(s, s->p, "found the end of the text, wanted %s", wanted);
    return;
  }
  unsigned c = (unsigned char)*s->p;
  if (c > ' ' && c < 0x7F) fail(s, s->p, "found '%c', wanted %s", (int)c, wanted);
  else fail(s, s->p, "found byte 0x%02X, wanted %s", c, wanted);
}

/* ---- strings -------------------------------------------------------------------------------------------------- */

/* 1: a byte that stands for itself in a string; 0: a quote, a backslash, a control character, or not ASCII. */
static const unsigned char PLAIN[256] = {
#define ROW 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
    [0x20] = 1,   1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* no quote */
    [0x30] = ROW, ROW,
    [0x50] = 1,   1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* no backslash */
    [0x60] = ROW, ROW,
#undef ROW
};

static int hex4(const char *p, uint32_t *out) {
  uint32_t c = 0;
  for (int i = 0; i < 4; i++) {
    unsigned char d = (unsigned char)p[i];
    if (d >= '0' && d <= '9') c = c << 4 | (d - '0');
    else if ((d | 32) >= 'a' && (d | 32) <= 'f') c = c << 4 | ((d | 32) - 'a' + 10u);
    else return 0;
  }
  *out = c;
  return 1;
}

/* Past the text of a string, checking it: p is after the opening quote, and is left on the closing one. */
static void scan_string(Parser *s, int *escaped) {
  const char *p = s->p, *end = s->end;
  uint32_t c;
  *escaped = 0;
  for (;;) {
    while (p < end && PLAIN[(unsigned char)*p]) p++;
    s->p = p;
    if (p >= end || *p == '"') break;
    if ((unsigned char)*p >= 0x80) {
      int used;
      c = utf8_decode((const unsigned char *)p, (size_t)(end - p), &used);
      if (c == UTF8_REPLACEMENT && (used != 3 || (unsigned char)*p != 0xEF)) {
        fail(s, p, "found byte 0x%02X, wanted UTF-8", (unsigned)(unsigned char)*p);
        return;
      }
      p += used;
    } else if (*p == '\\') {
      *escaped = 1;
      if (end - p >= 2 && p[1] != 'u' && p[1] != 0 && strchr("\"\\/bfnrt", p[1])) {
        p += 2;
      } else if (end - p >= 6 && p[1] == 'u' && hex4(p + 2, &c)) {
        p += 6;
      } else {
        fail(s, p, "found a broken escape, wanted \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits");
        return;
      }
    } else {
      fail(s, p, "found control character 0x%02X inside a string, wanted an escape", (unsigned)(unsigned char)*p);
      return;
    }
  }
  if (p >= end) fail_wanted(s, "the closing '\"' of a string");
}

/* The escape \uXXXX at p (checked), with its other half where it has one; gives the character and how many bytes. */
static uint32_t escaped_point(const char *p, const char *end, int *used) {
  uint32_t c = 0, low = 0;
  hex4(p + 2, &c);
  *used = 6;
  if (c < 0xD800 || c > 0xDFFF) return c;
  int another = end - p >= 12 && p[6] == '\\' && p[7] == 'u' && hex4(p + 8, &low);
  if (another && c <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF) {
    *used = 12;
    return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  return UTF8_REPLACEMENT;
}

/* out = the characters that p..end (checked) stands for; never longer. Returns their bytes. */
static size_t unescape(const char *p, const char *end, char *out) {
  static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
  char *o = out;
  while (p < end) {
    if (*p != '\\') {
      *o++ = *p++;
    } else if (p[1] == 'u') {
      int used;
      o += utf8_encode(escaped_point(p, end, &used), (unsigned char *)o);
      p += used;
    } else {
      *o++ = TO[strchr(FROM, p[1]) - FROM];
      p += 2;
    }
  }
  return (size_t)(o - out);
}

/* p is on the opening quote. */
static void parse_string(Parser *s, Json *v) {
  int escaped;
  const char *begin = ++s->p;
  scan_string(s, &escaped);
  if (s->e->code) return;
  v->kind = JSON_STRING;
  v->past = 1;
  v->at = begin;
  v->size = (uint32_t)(s->p - begin);
  if (escaped) {
    char *out = arena_push(s->arena, v->size, 1, s->e);
    if (!out) return;
    v->size = (uint32_t)unescape(begin, s->p, out);
    v->at = out;
  }
  s->p++;
}

/* ---- other scalars -------------------------------------------------------------------------------------------- */

static const char *digits(const char *p, const char *end) {
  while (p < end && *p >= '0' && *p <= '9') p++;
  return p;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static void parse_number(Parser *s, Json *v) {
  const char *p = s->p, *end = s->end, *part;
  if (*p == '-') p++;
  part = p;
  p = digits(p, end);
  if (p > part + 1 && *part == '0') {
    s->p = part + 1;
    fail_wanted(s, "a number without leading zeros");
    return;
  }
  if (p > part && p < end && *p == '.') {
    part = ++p;
    p = digits(p, end);
  }
  if (p > part && p < end && (*p == 'e' || *p == 'E')) {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    part = p;
    p = digits(p, end);
  }
  v->kind = JSON_NUMBER;
  v->past = 1;
  v->at = s->p;
  v->size = (uint32_t)(p - s->p);
  s->p = p;
  if (p == part) fail_wanted(s, "a digit");
}

static int word(Parser *s, const char *text) {
  size_t n = strlen(text);
  return (size_t)(s->end - s->p) >= n && !memcmp(s->p, text, n);
}

static void parse_word(Parser *s, Json *v) {
  static const struct {
    const char *text;
    JsonKind kind;
  } WORDS[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};
  static const char *const PYTHON[] = {"NaN", "Infinity", "-Infinity"}; /* what Python's json writes and JSON has not */
  for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
    if (!word(s, WORDS[i].text)) continue;
    v->kind = (uint32_t)WORDS[i].kind;
    v->past = 1;
    s->p += strlen(WORDS[i].text);
    return;
  }
  for (size_t i = 0; i < sizeof PYTHON / sizeof *PYTHON; i++)
    if (word(s, PYTHON[i])) fail(s, s->p, "found %s, which JSON does not have, wanted a finite number", PYTHON[i]);
  fail_wanted(s, "a value");
}

/* ---- structure ------------------------------------------------------------------------------------------------ */

static void skip_space(Parser *s) {
  const char *p = s->p;
  while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  s->p = p;
}

static int next_is(const Parser *s, char c) { return s->p < s->end && *s->p == c; }

static void open_container(Parser *s, Json *v, JsonKind kind) {
  if (s->depth == JSON_DEPTH_MAX) {
    fail(s, s->p, "found nesting deeper than %d, wanted at most that", JSON_DEPTH_MAX);
    return;
  }
  v->kind = (uint32_t)kind;
  s->open[s->depth++] = (Open){.at = (uint32_t)(v - s->v)};
  s->p++;
}

/* p is on the closing bracket. */
static void close_container(Parser *s) {
  Open *o = &s->open[--s->depth];
  s->v[o->at].past = s->n - o->at;
  s->v[o->at].size = o->count;
  if (o->count) s->v[o->latest].last = LAST;
  s->p++;
}

/* p is on the first byte of a value, which is counted to the innermost container. */
static void parse_value(Parser *s) {
  Json *v = &s->v[s->n];
  if (s->depth) {
    Open *o = &s->open[s->depth - 1];
    o->latest = s->n;
    o->count++;
  }
  s->n++;
  char c = s->p < s->end ? *s->p : 0;
  if (c == '"') parse_string(s, v);
  else if ((c >= '0' && c <= '9') || (c == '-' && !word(s, "-I"))) parse_number(s, v);
  else if (c == '{') open_container(s, v, JSON_OBJECT);
  else if (c == '[') open_container(s, v, JSON_ARRAY);
  else parse_word(s, v);
}

/* p is on the key; leaves it on the value. */
static void parse_key(Parser *s) {
  if (!next_is(s, '"')) {
    fail_wanted(s, "a key in quotes");
    return;
  }
  Json *key = &s->v[s->n++];
  parse_string(s, key);
  key->last = KEY;
  skip_space(s);
  if (s->e->code) return;
  if (!next_is(s, ':')) {
    fail_wanted(s, "':' after a key");
    return;
  }
  s->p++;
  skip_space(s);
}

/* One element or member of the innermost container, or its end. p is after the opening bracket or after a whole
** element. */
static void parse_step(Parser *s) {
  const Open *o = &s->open[s->depth - 1];
  int object = s->v[o->at].kind == JSON_OBJECT;
  skip_space(s);
  if (next_is(s, object ? '}' : ']')) {
    close_container(s);
    return;
  }
  if (o->count) {
    if (!next_is(s, ',')) {
      fail_wanted(s, object ? "',' or '}'" : "',' or ']'");
      return;
    }
    s->p++;
    skip_space(s);
  }
  if (object) parse_key(s);
  if (!s->e->code) parse_value(s);
}

static int structural(char c) { return (c == ',') | (c == ':') | ((c | 0x20) == '{'); }

/* Upper bound on the values of a text: see the head. The inner loop's fixed length lets compilers use vectors. */
static size_t count_values(const char *p, const char *end) {
  enum { BLOCK = 64 };
  size_t n = 1;
  for (; end - p >= BLOCK; p += BLOCK) {
    unsigned char in_block = 0;
    for (int i = 0; i < BLOCK; i++) in_block = (unsigned char)(in_block + structural(p[i]));
    n += in_block;
  }
  for (; p < end; p++) n += (size_t)structural(*p);
  return n;
}

const Json *json_parse(const char *text, size_t size, const char *name, Arena *a, bert_err *e) {
  if (e->code) return NULL;
  if (size > TEXT_MAX) {
    err_set(e, BERT_FORMAT, "%s: %zu bytes, at most %zu are taken", name, size, TEXT_MAX);
    return NULL;
  }
  if (size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) text += 3, size -= 3;
  Parser s = {.p = text, .start = text, .end = text + size, .name = name, .arena = a, .e = e};
  s.v = arena_push(a, count_values(text, s.end), sizeof(Json), e);
  if (!s.v) return NULL;
  skip_space(&s);
  parse_value(&s);
  while (s.depth && !e->code) parse_step(&s);
  s.v[0].last = LAST;
  skip_space(&s);
  if (!e->code && s.p < s.end) fail_wanted(&s, "the end of the text");
  return e->code ? NULL : s.v;
}

/* ---- walking -------------------------------------------------------------------------------------------------- */

const Json *json_first(const Json *v) {
  if (!v || v->size == 0) return NULL;
  return v->kind == JSON_ARRAY ? v + 1 : v->kind == JSON_OBJECT ? v + 2 : NULL;
}

const Json *json_next(const Json *v) {
  if (v->last == LAST) return NULL;
  v += v->past;
  return v->last == KEY ? v + 1 : v;
}

const Json *json_key(const Json *member) { return member - 1; }

const Json *json_get(const Json *v, const char *key) {
  const Json *found = NULL;
  if (!v || v->kind != JSON_OBJECT) return NULL;
  size_t n = strlen(key);
  for (const Json *m = json_first(v); m; m = json_next(m)) {
    const Json *k = json_key(m);
    if (k->size == n && !memcmp(k->at, key, n)) found = m;
  }
  return found;
}

int json_is(const Json *v, const char *s) {
  size_t n = strlen(s);
  return v && v->kind == JSON_STRING && v->size == n && !memcmp(v->at, s, n);
}

/* ---- scalars -------------------------------------------------------------------------------------------------- */

static int absent(const Json *v) { return !v || v->kind == JSON_NULL; }

void json_refuse(const Json *v, const char *what, const char *wanted, bert_err *e) {
  enum { SHOWN = 60 };
  static const char *const KIND[] = {"null", "false", "true", "", "", "an array", "an object"};
  int n = !v ? 0 : v->size < SHOWN ? (int)v->size : SHOWN;
  const char *more = v && v->size > SHOWN ? "..." : "";
  if (!v) {
    err_set(e, BERT_FORMAT, "%s: found nothing, wanted %s", what, wanted);
  } else if (v->kind == JSON_STRING) {
    while (n > 0 && (uint32_t)n < v->size && ((unsigned char)v->at[n] & 0xC0) == 0x80) n--; /* whole characters */
    err_set(e, BERT_FORMAT, "%s: found \"%.*s%s\", wanted %s", what, n, v->at, more, wanted);
  } else if (v->kind == JSON_NUMBER) {
    err_set(e, BERT_FORMAT, "%s: found %.*s%s, wanted %s", what, n, v->at, more, wanted);
  } else {
    err_set(e, BERT_FORMAT, "%s: found %s, wanted %s", what, KIND[v->kind], wanted);
  }
}

/* The value of a number that is an integer of 64 bits; 0 if it is none. */
static int exact_integer(const Json *v, int64_t *out) {
  const char *p = v->at, *end = p + v->size;
  int negative = *p == '-';
  int64_t n = 0;
  p += negative;
  if (digits(p, end) == end) {
    for (; p < end; p++) {
      int64_t d = negative ? '0' - *p : *p - '0';
      if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, d, &n)) return 0;
    }
    *out = n;
    return 1;
  }
  double x = json_parse_number(v->at, v->size);
  if (!(x >= -0x1p53 && x <= 0x1p53) || x != floor(x)) return 0;
  *out = (int64_t)x;
  return 1;
}

int64_t json_integer(const Json *v, int64_t otherwise, int64_t low, int64_t high, const char *what, bert_err *e) {
  int64_t n = 0;
  if (e->code || absent(v)) return otherwise;
  if (v->kind == JSON_NUMBER && exact_integer(v, &n) && n >= low && n <= high) return n;
  char wanted[80];
  snprintf(wanted, sizeof wanted, "an integer from %lld to %lld", (long long)low, (long long)high);
  json_refuse(v, what, wanted, e);
  return otherwise;
}

double json_number(const Json *v, double otherwise, const char *what, bert_err *e) {
  if (e->code || absent(v)) return otherwise;
  double x = v->kind == JSON_NUMBER ? json_parse_number(v->at, v->size) : INFINITY;
  if (isfinite(x)) return x;
  json_refuse(v, what, "a finite number", e);
  return otherwise;
}

int json_flag(const Json *v, int otherwise, const char *what, bert_err *e) {
  if (e->code || absent(v)) return otherwise;
  if (v->kind == JSON_TRUE || v->kind == JSON_FALSE) return v->kind == JSON_TRUE;
  json_refuse(v, what, "true or false", e);
  return otherwise;
}

const char *json_text(const Json *v, const char *otherwise, const char *what, Arena *a, bert_err *e) {
  if (e->code || absent(v)) return otherwise;
  if (v->kind != JSON_STRING) {
    json_refuse(v, what, "a string", e);
  } else if (memchr(v->at, 0, v->size)) {
    err_set(e, BERT_FORMAT, "%s: found a string with a NUL inside, wanted one without", what);
  } else {
    return arena_copy(a, v->at, v->size, e);
  }
  return otherwise;
}

/* ---- decimal to binary ---------------------------------------------------------------------------------------- */

/* A double that is neither is told from its neighbours by at most 767 significant digits; of more it matters only
** whether any is not 0. */
enum { DIGITS_MAX = 780 };

typedef struct {
  char digit[DIGITS_MAX + 1]; /* without leading zeros; one more for "and something after" */
  int n;
  int dropped;     /* 1: a digit past DIGITS_MAX was not 0 */
  int64_t exponent; /* the value is 0.ddd… read as an integer ddd, times 10 to this */
} Decimal;

static void add_digit(Decimal *d, char c, int fraction) {
  if (d->n < DIGITS_MAX) {
    if (d->n || c != '0') d->digit[d->n++] = c;
    d->exponent -= fraction;
  } else {
    d->dropped |= c != '0';
    d->exponent += !fraction;
  }
}

static Decimal read_decimal(const char *p, const char *end) {
  Decimal d;
  d.n = d.dropped = 0;
  d.exponent = 0;
  for (; p < end && *p >= '0' && *p <= '9'; p++) add_digit(&d, *p, 0);
  if (p < end && *p == '.')
    for (p++; p < end && *p >= '0' && *p <= '9'; p++) add_digit(&d, *p, 1);
  if (p < end && (*p == 'e' || *p == 'E')) {
    int64_t x = 0;
    int negative = ++p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
      if (x < INT64_C(1) << 40) x = x * 10 + (*p - '0'); /* far past what a text of 2^30 digits could undo */
    d.exponent += negative ? -x : x;
  }
  if (d.dropped) {
    d.digit[d.n++] = '1';
    d.exponent--;
  }
  return d;
}

/* Up to 2^53 and 10^22 both numbers are exact, so one operation rounds once (Clinger 1990). */
static int exact_product(const Decimal *d, double *out) {
  static const double TEN[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (FLT_EVAL_METHOD != 0 || d->n > 15 || d->exponent < -22 || d->exponent > 22) return 0;
  int64_t n = 0;
  for (int i = 0; i < d->n; i++) n = n * 10 + (d->digit[i] - '0');
  *out = d->exponent < 0 ? (double)n / TEN[-d->exponent] : (double)n * TEN[d->exponent];
  return 1;
}

/* strtod rounds correctly, but its decimal point is the locale's: it is given an integer and an exponent. */
static double round_decimal(const Decimal *d) {
  char text[DIGITS_MAX + 1 + sizeof "e-9999"], *p = text + d->n;
  int exponent = d->exponent < -9999 ? -9999 : d->exponent > 9999 ? 9999 : (int)d->exponent;
  memcpy(text, d->digit, (size_t)d->n);
  *p++ = 'e';
  if (exponent < 0) *p++ = '-';
  for (int place = 1000; place > 0; place /= 10) *p++ = (char)('0' + abs(exponent) / place % 10);
  *p = 0;
  return strtod(text, NULL);
}

double json_parse_number(const char *text, size_t size) {
  const char *end = text + size;
  int negative = size > 0 && *text == '-';
  double x = 0;
  Decimal d = read_decimal(text + negative, end);
  if (d.n && !exact_product(&d, &x)) x = round_decimal(&d);
  return negative ? -x : x;
}
