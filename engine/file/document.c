/* document.c -- see document.h.
** Layer: file. Uses: base. */
#include "file/document.h"

void document_open(Document *d, const Folder *in, const char *directory, const char *name, JsonKind kind, int required,
                   bert_err *e) {
  size_t size = 0;
  *d = (Document){0};
  d->path = arena_print(&d->arena, e, "%s/%s", directory, name);
  if (e->code || (!required && !io_exists(in, d->path))) return;
  d->text = io_read_all(in, d->path, DOCUMENT_MAX, &size, e);
  d->root = json_parse(d->text, size, d->path, &d->arena, e);
  if (d->root && d->root->kind != (uint32_t)kind)
    json_refuse(d->root, d->path, kind == JSON_OBJECT ? "an object" : "an array", e);
}

void document_close(Document *d) {
  mem_free(d->text);
  arena_fini(&d->arena);
  *d = (Document){0};
}

int document_integer(const Document *d, const Json *in, const char *key, int otherwise, int low, int high,
                     bert_err *e) {
  if (e->code) return otherwise;
  int n = (int)json_integer(json_get(in, key), otherwise, low, high, key, e);
  err_within(e, "%s", d->path);
  return n;
}

double document_number(const Document *d, const Json *in, const char *key, double otherwise, bert_err *e) {
  if (e->code) return otherwise;
  double x = json_number(json_get(in, key), otherwise, key, e);
  err_within(e, "%s", d->path);
  return x;
}

int document_flag(const Document *d, const Json *in, const char *key, int otherwise, bert_err *e) {
  if (e->code) return otherwise;
  int flag = json_flag(json_get(in, key), otherwise, key, e);
  err_within(e, "%s", d->path);
  return flag;
}

const char *document_text(const Document *d, const Json *in, const char *key, const char *otherwise, Arena *a,
                          bert_err *e) {
  if (e->code) return otherwise;
  const char *text = json_text(json_get(in, key), otherwise, key, a, e);
  err_within(e, "%s", d->path);
  return text;
}

void document_refuse(const Document *d, const char *key, const Json *v, const char *wanted, bert_err *e) {
  if (e->code) return;
  json_refuse(v, key, wanted, e);
  err_within(e, "%s", d->path);
}
