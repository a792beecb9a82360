/* fuzz_json.c -- the JSON parser over any bytes; what it makes must hang together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int claim) {
  if (!claim) abort();
}

/* Strings are UTF-8, numbers are numbers. */
static void check_scalar(const Json *v) {
  int used;
  if (v->kind == JSON_STRING)
    for (uint32_t i = 0; i < v->size; i += (uint32_t)used) {
      uint32_t c = utf8_decode((const unsigned char *)v->at + i, v->size - i, &used);
      want(c != UTF8_REPLACEMENT || (used == 3 && !memcmp(v->at + i, "\xEF\xBF\xBD", 3)));
    }
  if (v->kind == JSON_NUMBER) want(!isnan(json_parse_number(v->at, v->size)));
}

/* The walk meets `size` values and ends where `past` says. Depth is bounded by the parser. */
static void check(const Json *v) {
  uint32_t n = 0;
  const Json *end = v + 1;
  check_scalar(v);
  for (const Json *m = json_first(v); m; m = json_next(m), n++) {
    if (v->kind == JSON_OBJECT) {
      want(json_key(m)->kind == JSON_STRING);
      check_scalar(json_key(m));
    }
    check(m);
    end = m + m->past;
  }
  want(end == v + v->past);
  if (v->kind == JSON_ARRAY || v->kind == JSON_OBJECT) want(n == v->size);
}

static void ask(const Json *v, Arena *a) {
  bert_err e[4];
  memset(e, 0, sizeof e);
  json_integer(v, 0, -100, 100, "integer", &e[0]);
  json_number(v, 0, "number", &e[1]);
  json_flag(v, 0, "flag", &e[2]);
  json_text(v, "", "text", a, &e[3]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Arena a = {0};
  bert_err e = {0};
  const Json *v = json_parse((const char *)data, size, "fuzz", &a, &e);
  want((v == NULL) == (e.code != BERT_OK));
  if (v) {
    check(v);
    ask(v, &a);
    ask(json_first(v), &a);
    ask(json_get(v, "a"), &a);
  }
  arena_fini(&a);
  want(mem_live() == 0);
  return 0;
}
