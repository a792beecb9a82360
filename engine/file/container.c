/* container.c -- see container.h.
** Layer: file. Uses: base weights safetensors.
**
**    entries: {model, ':' or '/', rest of the name, tensor}, in the order of the header, then those of the metadata */
#include "file/container.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "file/safetensors.h"

static const char PATH[] = "embedded models"; /* in messages */
enum { MODELS_MAX = 100 };

typedef struct {
  int model;
  char kind; /* ':' a file, '/' a tensor */
  const char *name;
  const Tensor *tensor;
} Entry;

struct bert_container {
  Arena arena;
  const unsigned char *bytes;
  size_t size;
  const char **name; /* [models] */
  int models;
  Entry *entry;
  int entries;
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* "m n" -> two names. */
static void take_names(Container *c, const char *list, bert_err *e) {
  c->name = arena_push(&c->arena, MODELS_MAX, sizeof *c->name, e);
  for (const char *p = list; *p && !e->code;) {
    size_t n = strcspn(p, " ");
    if (n == 0 || c->models == MODELS_MAX || memchr(p, ':', n) || memchr(p, '/', n))
      err_set(e, BERT_FORMAT, "models: found \"%.200s\", wanted at most %d names", list, MODELS_MAX);
    else c->name[c->models++] = arena_copy(&c->arena, p, n, e);
    p += n + (p[n] == ' ');
  }
}

/* An entry of "m:config.json" or "m/pooler.dense.weight". */
static void add_entry(Container *c, const char *full, const Tensor *t, bert_err *e) {
  size_t n = strcspn(full, ":/");
  int model = 0;
  while (model < c->models && (strncmp(c->name[model], full, n) || c->name[model][n])) model++;
  if (!full[n] || model == c->models)
    err_set(e, BERT_FORMAT, "found the name %.200s, wanted one that begins with a model's", full);
  if (!e->code) c->entry[c->entries++] = (Entry){model, full[n], full + n + 1, t};
}

static int by_name(const void *x, const void *y) {
  const Tensor *const *a = x, *const *b = y;
  return strcmp((*a)->name, (*b)->name);
}

/* Entries of the tensors, and of the metadata's other names for them. */
static void take_entries(Container *c, const Tensor *t, int n, const Json *metadata, bert_err *e) {
  const Tensor **sorted = arena_push(&c->arena, (size_t)n, sizeof *sorted, e);
  c->entry = arena_push(&c->arena, (size_t)n + metadata->size, sizeof *c->entry, e);
  for (int i = 0; i < n && !e->code; i++) {
    sorted[i] = &t[i];
    add_entry(c, t[i].name, &t[i], e);
  }
  if (!e->code) qsort(sorted, (size_t)n, sizeof *sorted, by_name);
  for (const Json *v = json_first(metadata); v && !e->code; v = json_next(v)) {
    const char *name = json_text(json_key(v), NULL, "name", &c->arena, e);
    if (e->code || !strpbrk(name, ":/")) continue;
    const Tensor key = {.name = json_text(v, "", name, &c->arena, e)}, *wanted = &key;
    const Tensor *const *at = e->code ? NULL : bsearch(&wanted, sorted, (size_t)n, sizeof *sorted, by_name);
    if (!at) err_set(e, BERT_FORMAT, "%.200s: found no %.200s, wanted it", name, key.name ? key.name : "");
    else add_entry(c, name, *at, e);
  }
}

static void take_all(Container *c, const Tensor *t, int n, const Json *root, bert_err *e) {
  const Json *metadata = json_get(root, "__metadata__"), *models = json_get(metadata, "models");
  if (!models) err_set(e, BERT_FORMAT, "found no list of models, wanted one");
  const char *list = e->code ? NULL : json_text(models, "", "models", &c->arena, e);
  if (!e->code) take_names(c, list, e);
  if (!e->code) take_entries(c, t, n, metadata, e);
  err_within(e, "%s", PATH);
}

static void parse(Container *c, bert_err *e) {
  const char *header = (const char *)c->bytes + SAFETENSORS_PREFIX;
  Arena values = {0};
  int n = 0;
  size_t size = safetensors_header_size(c->bytes, c->size, PATH, e);
  const Tensor *t = e->code ? NULL : safetensors_parse(header, size, c->size, PATH, 0, &n, &c->arena, e);
  const Json *root = e->code ? NULL : json_parse(header, size, PATH, &values, e);
  if (!e->code) take_all(c, t, n, root, e);
  arena_fini(&values);
}

Container *container_open(const void *bytes, size_t size, bert_err *e) {
  Container *c = mem_new(1, sizeof *c, e);
  if (!c) return NULL;
  c->bytes = bytes;
  c->size = size;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  err_set(e, BERT_FORMAT, "%s: found them in little-endian order, wanted this machine's", PATH);
#endif
  if (size < SAFETENSORS_PREFIX) err_set(e, BERT_FORMAT, "%s: found %zu bytes, wanted a container", PATH, size);
  if (!e->code) parse(c, e);
  if (!e->code) return c;
  container_free(c);
  return NULL;
}

void container_free(Container *c) {
  if (c) arena_fini(&c->arena);
  mem_free(c);
}

Arena *container_arena(Container *c) { return &c->arena; }

/* ---- asking it --------------------------------------------------------------------------------------------------- */

const char *container_name(const Container *c, int i) { return i >= 0 && i < c->models ? c->name[i] : NULL; }

int container_find(const Container *c, const char *name) {
  for (int i = 0; i < c->models; i++)
    if (!strcmp(c->name[i], name)) return i;
  return -1;
}

static bert_text view(const Container *c, const Entry *x) {
  return (bert_text){(const char *)c->bytes + x->tensor->offset, (size_t)x->tensor->bytes};
}

bert_text container_file(const Container *c, int i, int k, const char **name) {
  for (int at = 0; at < c->entries; at++) {
    const Entry *x = &c->entry[at];
    if (x->model != i || x->kind != ':' || k-- > 0) continue;
    *name = x->name;
    return view(c, x);
  }
  return (bert_text){NULL, 0};
}

bert_text container_text(const Container *c, int i, const char *name) {
  for (int at = 0; at < c->entries; at++) {
    const Entry *x = &c->entry[at];
    if (x->model == i && x->kind == ':' && !strcmp(x->name, name)) return view(c, x);
  }
  return (bert_text){NULL, 0};
}

static int64_t size_of(void *context, const char *name) {
  const ContainerView *v = context;
  bert_text text = container_text(v->container, v->model, name);
  return text.data ? (int64_t)text.size : -1;
}

static void read_file(void *context, const char *name, uint64_t offset, void *out, size_t n, bert_err *e) {
  const ContainerView *v = context;
  bert_text text = container_text(v->container, v->model, name);
  if (!text.data || offset > text.size || n > text.size - offset)
    err_set(e, BERT_IO, "%s: %s: found no %zu bytes from byte %zu on", PATH, name, n, (size_t)offset);
  else memcpy(out, text.data + offset, n);
}

bert_files container_files(ContainerView *v) { return (bert_files){v, size_of, read_file}; }

Weights *container_weights(const Container *c, int i, bert_err *e) {
  Arena scratch = {0};
  Tensor *t = arena_push(&scratch, (size_t)c->entries, sizeof *t, e);
  int n = 0;
  for (int at = 0; at < c->entries && !e->code; at++) {
    const Entry *x = &c->entry[at];
    if (x->model != i || x->kind != '/') continue;
    t[n] = *x->tensor;
    t[n++].name = x->name;
  }
  Weights *w = e->code ? NULL : weights_in_memory(c->bytes, c->size, t, n, PATH, e);
  arena_fini(&scratch);
  return w;
}
