/* json_write.c -- see json_write.h.
** Layer: base. Uses: buf json. */
#include "base/json_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void json_write_format(Buf *b, bert_err *e, const char *format, ...) {
  char text[400];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  buf_add(b, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1, e);
}

void json_write_string(Buf *b, const char *text, size_t n, bert_err *e) {
  buf_add(b, "\"", 1, e);
  for (size_t i = 0, plain; i < n && !e->code; i += plain + 1) {
    for (plain = 0; i + plain < n && (unsigned char)text[i + plain] >= 0x20 && text[i + plain] != '"' &&
                    text[i + plain] != '\\';)
      plain++;
    buf_add(b, text + i, plain, e);
    if (i + plain == n) break;
    char c = text[i + plain];
    if (c == '"' || c == '\\') buf_add(b, (char[]){'\\', c}, 2, e);
    else json_write_format(b, e, "\\u%04x", (unsigned char)c);
  }
  buf_add(b, "\"", 1, e);
}

static void write_key(Buf *b, const Json *key, bert_err *e) {
  json_write_string(b, key->at, key->size, e);
  buf_add(b, ": ", 2, e);
}

/* Depth is bounded by JSON_DEPTH_MAX. */
void json_write(Buf *b, const Json *v, bert_err *e) {
  static const char *const WORDS[] = {[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
  if (e->code) return;
  switch ((JsonKind)v->kind) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: buf_add(b, WORDS[v->kind], strlen(WORDS[v->kind]), e); return;
    case JSON_NUMBER: buf_add(b, v->at, v->size, e); return;
    case JSON_STRING: json_write_string(b, v->at, v->size, e); return;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
  }
  int is_object = v->kind == JSON_OBJECT;
  buf_add(b, is_object ? "{" : "[", 1, e);
  for (const Json *m = json_first(v), *first = m; m && !e->code; m = json_next(m)) {
    if (m != first) buf_add(b, ", ", 2, e);
    if (is_object) write_key(b, json_key(m), e);
    json_write(b, m, e);
  }
  buf_add(b, is_object ? "}" : "]", 1, e);
}

/* The member of `in` that has the key of `member`; NULL if none has. */
static const Json *same_key(const Json *in, const Json *member) {
  const Json *key = json_key(member);
  for (const Json *v = json_first(in); v; v = json_next(v)) {
    const Json *other = json_key(v);
    if (other->size == key->size && !memcmp(other->at, key->at, key->size)) return v;
  }
  return NULL;
}

static void write_member(Buf *b, const Json *member, int *count, bert_err *e) {
  if ((*count)++) buf_add(b, ",", 1, e);
  buf_add(b, "\n  ", 3, e);
  write_key(b, json_key(member), e);
  json_write(b, member, e);
}

void json_write_merged(Buf *b, const Json *base, const Json *change, bert_err *e) {
  int count = 0;
  buf_add(b, "{", 1, e);
  for (const Json *v = json_first(base); v && !e->code; v = json_next(v)) {
    const Json *instead = same_key(change, v);
    if (!instead) write_member(b, v, &count, e);
    else if (instead->kind != JSON_NULL) write_member(b, instead, &count, e);
  }
  for (const Json *v = json_first(change); v && !e->code; v = json_next(v))
    if (v->kind != JSON_NULL && !same_key(base, v)) write_member(b, v, &count, e);
  buf_add(b, "\n}\n", 3, e);
}
