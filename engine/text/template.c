/* template.c -- see template.h.
** Layer: text. Uses: base. */
#include "text/template.h"

#include <string.h>

#include "text/rules_parts.h"

enum { PARTS_MAX = 256 };

static void begin(Template *t, size_t parts, Arena *a, bert_err *e) {
  *t = (Template){0};
  t->part = arena_push(a, parts, sizeof *t->part, e);
}

static void put(Template *t, int sequence, int32_t id, int type) {
  t->part[t->count++] = (TemplatePart){sequence, id, (uint8_t)type};
  if (sequence == TEMPLATE_TOKEN) t->tokens++;
  else t->uses[sequence]++;
}

/* cls a sep sep… b sep: the second text and its sep are of segment `second`, `seps` stand before it. */
static void put_all(Templates *t, int32_t cls, int32_t sep, int seps, int second, Arena *a, bert_err *e) {
  for (int pair = 0; pair < 2; pair++) {
    Template *x = &t->of[pair];
    begin(x, 6, a, e);
    if (e->code) return;
    put(x, TEMPLATE_TOKEN, cls, 0);
    put(x, 0, 0, 0);
    for (int i = 0; i < (pair ? seps : 1); i++) put(x, TEMPLATE_TOKEN, sep, 0);
    if (!pair) continue;
    put(x, 1, 0, second);
    put(x, TEMPLATE_TOKEN, sep, second);
  }
}

void template_bert(Templates *t, int32_t cls, int32_t sep, Arena *a, bert_err *e) { put_all(t, cls, sep, 1, 1, a, e); }

void template_roberta(Templates *t, int32_t cls, int32_t sep, Arena *a, bert_err *e) {
  put_all(t, cls, sep, 2, 0, a, e);
}

/* The texts alone. */
static void put_nothing(Templates *t, Arena *a, bert_err *e) {
  for (int pair = 0; pair < 2; pair++) {
    begin(&t->of[pair], 2, a, e);
    if (e->code) return;
    put(&t->of[pair], 0, 0, 0);
    if (pair) put(&t->of[pair], 1, 0, 1);
  }
}

/* ---- BertProcessing, RobertaProcessing, ByteLevel ---------------------------------------------------------------- */

static int32_t read_id(const Json *v, const char *what, bert_err *e) {
  if (!e->code && (!v || v->kind != JSON_NUMBER)) json_refuse(v, what, "a token's id", e);
  return (int32_t)json_integer(v, 0, 0, VOCABULARY_ID_MAX, what, e);
}

/* ["[SEP]", 102] */
static int32_t read_token_pair(const Json *v, const char *what, bert_err *e) {
  if (!v || v->kind != JSON_ARRAY || v->size != 2) json_refuse(v, what, "a token and its id", e);
  return e->code ? 0 : read_id(json_next(json_first(v)), what, e);
}

static void read_trimming(Templates *t, const Json *v, bert_err *e) {
  t->trim_offsets = rules_flag(v, "trim_offsets", "post_processor: trim_offsets", e);
  t->add_prefix_space = rules_flag(v, "add_prefix_space", "post_processor: add_prefix_space", e);
}

/* ---- TemplateProcessing ------------------------------------------------------------------------------------------ */

static int read_type(const Json *v, bert_err *e) {
  return (int)json_integer(json_get(v, "type_id"), 0, 0, 255, "post_processor: type_id", e);
}

/* {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, its ids out of special_tokens. */
static void read_special(Template *t, const Json *v, const Json *specials, bert_err *e) {
  const Json *name = json_get(v, "id"), *token = NULL;
  for (const Json *m = json_first(specials); m && name && name->kind == JSON_STRING; m = json_next(m)) {
    const Json *key = json_key(m);
    if (key->size == name->size && !memcmp(key->at, name->at, key->size)) token = m;
  }
  const Json *ids = json_get(token, "ids");
  if (!ids || ids->kind != JSON_ARRAY) json_refuse(name, "post_processor: SpecialToken", "one of special_tokens", e);
  int type = read_type(v, e);
  for (const Json *id = json_first(ids); id && !e->code; id = json_next(id)) {
    int32_t n = read_id(id, "post_processor: ids", e);
    if (t->count == PARTS_MAX) err_set(e, BERT_FORMAT, "post_processor: more than %d tokens in a template", PARTS_MAX);
    else put(t, TEMPLATE_TOKEN, n, type);
  }
}

/* {"Sequence": {"id": "A", "type_id": 0}} */
static void read_sequence(Template *t, const Json *v, int pair, bert_err *e) {
  const Json *id = json_get(v, "id");
  int second = json_is(id, "B");
  if (!(json_is(id, "A") || (second && pair))) json_refuse(id, "post_processor: Sequence", pair ? "A or B" : "A", e);
  int type = read_type(v, e);
  if (!e->code) put(t, second, 0, type);
}

static void read_one(Template *t, const Json *parts, const Json *specials, int pair, Arena *a, bert_err *e) {
  if (!parts || parts->kind != JSON_ARRAY) json_refuse(parts, "post_processor: single and pair", "an array", e);
  begin(t, PARTS_MAX, a, e);
  for (const Json *v = json_first(parts); v && !e->code; v = json_next(v)) {
    const Json *special = json_get(v, "SpecialToken"), *sequence = json_get(v, "Sequence");
    if (t->count == PARTS_MAX) err_set(e, BERT_FORMAT, "post_processor: more than %d parts in a template", PARTS_MAX);
    else if (special) read_special(t, special, specials, e);
    else if (sequence) read_sequence(t, sequence, pair, e);
    else json_refuse(v, "post_processor", "SpecialToken or Sequence", e);
  }
}

static void read_processor(Templates *t, const Json *processor, Arena *a, bert_err *e) {
  const Json *type = json_get(processor, "type");
  if (json_is(type, "BertProcessing") || json_is(type, "RobertaProcessing")) {
    int32_t cls = read_token_pair(json_get(processor, "cls"), "post_processor: cls", e);
    int32_t sep = read_token_pair(json_get(processor, "sep"), "post_processor: sep", e);
    if (json_is(type, "BertProcessing")) {
      template_bert(t, cls, sep, a, e);
    } else {
      template_roberta(t, cls, sep, a, e);
      read_trimming(t, processor, e);
    }
  } else if (json_is(type, "TemplateProcessing")) {
    const Json *specials = json_get(processor, "special_tokens");
    read_one(&t->of[0], json_get(processor, "single"), specials, 0, a, e);
    read_one(&t->of[1], json_get(processor, "pair"), specials, 1, a, e);
  } else if (json_is(type, "ByteLevel")) {
    put_nothing(t, a, e);
    read_trimming(t, processor, e);
  } else {
    json_refuse(type, "post_processor.type", "TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel", e);
  }
}

/* A Sequence may be ByteLevel and one more, which is then the one that puts tokens in. */
static const Json *sequence_last(Templates *t, const Json *processor, bert_err *e) {
  const Json *all = json_get(processor, "processors"), *first = json_first(all);
  if (!all || all->kind != JSON_ARRAY || all->size < 1 || all->size > 2) {
    json_refuse(all, "post_processor.processors", "one, or ByteLevel and one more", e);
    return NULL;
  }
  if (all->size == 1) return first;
  const Json *type = json_get(first, "type"), *last = json_next(first);
  if (!json_is(type, "ByteLevel")) json_refuse(type, "post_processor.processors", "ByteLevel first", e);
  if (!json_is(json_get(last, "type"), "TemplateProcessing"))
    json_refuse(json_get(last, "type"), "post_processor.processors", "TemplateProcessing last", e);
  read_trimming(t, first, e);
  return last;
}

void template_read(Templates *t, const Json *processor, Arena *a, bert_err *e) {
  if (e->code) return;
  if (!processor || processor->kind == JSON_NULL) {
    put_nothing(t, a, e);
    return;
  }
  if (json_is(json_get(processor, "type"), "Sequence")) processor = sequence_last(t, processor, e);
  if (!e->code) read_processor(t, processor, a, e);
}

/* ---- truncation -------------------------------------------------------------------------------------------------- */

static void at_most(int64_t *n, int64_t most) {
  if (*n > most) *n = most;
}

void template_cut(int64_t *n, int count, int64_t room) {
  if (count == 1) {
    at_most(&n[0], room);
    return;
  }
  if (n[0] + n[1] <= room) return;
  int shorter = n[0] > n[1];
  int64_t least = n[shorter], most = least > room - least ? least : room - least;
  if (least + most > room) {
    least = room / 2;
    most = least + room % 2;
  }
  at_most(&n[shorter], least);
  at_most(&n[!shorter], most);
}
