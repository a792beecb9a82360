/* rules_parts.c -- see rules_parts.h.
** Layer: text. Uses: base. */
#include "text/rules_parts.h"

#include "text/rules_added.h"

const Json *rules_unwrapped(const Json *v, const char *list) {
  for (const Json *inside = v; inside && json_is(json_get(inside, "type"), "Sequence");) {
    const Json *all = json_get(inside, list);
    if (!all || all->kind != JSON_ARRAY || all->size != 1) break;
    v = inside = json_first(all);
  }
  return v;
}

uint8_t rules_flag(const Json *v, const char *name, const char *what, bert_err *e) {
  const Json *flag = json_get(v, name);
  if (!flag || flag->kind == JSON_NULL) json_refuse(flag, what, "true or false", e);
  return (uint8_t)json_flag(flag, 0, what, e);
}

VocabularySize rules_measure(const Json *vocab, const Json *added, bert_err *e) {
  VocabularySize s = {0};
  if (!vocab || vocab->kind != JSON_OBJECT) json_refuse(vocab, "model.vocab", "an object", e);
  for (const Json *v = json_first(vocab); v && !e->code; v = json_next(v)) {
    if (v->kind != JSON_NUMBER) json_refuse(v, "model.vocab", "an id", e);
    int64_t id = json_integer(v, 0, 0, VOCABULARY_ID_MAX, "model.vocab", e);
    if (id >= s.ids) s.ids = (int)id + 1;
    s.count++;
    s.bytes += json_key(v)->size;
  }
  size_t bytes = 0;
  s.names = (size_t)rules_added_count(added, &bytes, e);
  s.bytes += bytes;
  return s;
}

int rules_next_line(const char **p, const char *end, const char **line, size_t *n) {
  if (*p >= end) return 0;
  const char *q = *line = *p;
  while (q < end && *q != '\n' && *q != '\r') q++;
  *n = (size_t)(q - *line);
  if (q < end) q += *q == '\r' && q + 1 < end && q[1] == '\n' ? 2 : 1;
  *p = q;
  return 1;
}
