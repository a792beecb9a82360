/* json.h -- JSON as a flat array of values over its own text.
** Layer: base. Uses: arena utf8.
**
**    {"a":[1,2],"b":"x"}  ->  object(2) key"a" array(2) 1 2 key"b" "x"      each with the index past its end
**
** Strict RFC 8259: anything else is an error that says where (line and column) and what was wanted; so is a byte that
** is not UTF-8, as in Python and in serde. An escape that is half of a surrogate pair reads as U+FFFD. Depth and size
** are bounded, so deep or huge input costs memory in proportion to its bytes and no stack. Strings are unescaped once,
** at parsing, into the arena (those without escapes are views of the text, which must outlive the values).
** Cost: one pass to count and one to parse, 24 bytes a value; 600 MB/s on a tokenizer.json, one core of Zen 4. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"

enum { JSON_DEPTH_MAX = 64 };

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonKind;

typedef struct Json {
  uint32_t kind;  /* JsonKind */
  uint32_t past;  /* values from this one to the next sibling; 1 for a scalar */
  uint32_t size;  /* bytes of a string or of a number's text; elements of an array; members of an object */
  uint32_t last;  /* 1 for the last element or member value of its parent, and for the root; 2 for a key */
  const char *at; /* a string's bytes (not NUL-terminated) or a number's text */
} Json;

/* Parses text[size] (at most 1 GiB); `name` stands in messages ("tokenizer.json: line 3, column 7: …"). The result
** lives in the arena. NULL on error. A leading byte order mark is skipped. */
const Json *json_parse(const char *text, size_t size, const char *name, Arena *a, bert_err *e);

/* Walk the elements of an array, or the members of an object: there the walk gives the values, and json_key their keys.
**    for (const Json *v = json_first(array); v; v = json_next(v)) …
** json_first of anything else, NULL included, is NULL. */
const Json *json_first(const Json *v);
const Json *json_next(const Json *v);
/* The key of a member value (the JSON_STRING that stands before it). */
const Json *json_key(const Json *member);

/* The member of that name (the last where it occurs twice, as in Python), or NULL; also NULL if v is no object. */
const Json *json_get(const Json *v, const char *key);

/* 1 if v is a string equal to s. */
int json_is(const Json *v, const char *s);

/* Scalars; `otherwise` where v is NULL or JSON_NULL. Another kind, a number that is no integer in [low, high] (512.0 is
** one), or for json_number one too large for a double, is BERT_FORMAT naming `what`. */
int64_t json_integer(const Json *v, int64_t otherwise, int64_t low, int64_t high, const char *what, bert_err *e);
double json_number(const Json *v, double otherwise, const char *what, bert_err *e);
int json_flag(const Json *v, int otherwise, const char *what, bert_err *e);
/* A NUL-terminated copy in the arena. A string with a NUL inside is BERT_FORMAT. */
const char *json_text(const Json *v, const char *otherwise, const char *what, Arena *a, bert_err *e);

/* Sets BERT_FORMAT "what: found \"x\", wanted …", with v as it stands (shortened), or "nothing" where v is NULL. */
void json_refuse(const Json *v, const char *what, const char *wanted, bert_err *e);

/* Number text, JSON's grammar, to double, correctly rounded, whatever the locale. Past the range it is an infinity or
** 0. */
double json_parse_number(const char *text, size_t size);

#endif
