/* contained.c -- see contained.h.
** Layer: model. Uses: base file text.
**
** Opening reads the texts and the small tensors. The model's texts are views of the container, so that saving writes all
** that is there. */
#include "model/contained.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"

/* What stands in contained.json under a name as 16 hex digits. */
static uint64_t hex(const Json *root, const char *key, bert_err *e) {
  const Json *v = json_get(root, key);
  char digits[17] = "";
  uint64_t x = 0;
  if (v && v->kind == JSON_STRING && v->size == 16) memcpy(digits, v->at, 16);
  if (sscanf(digits, "%16" SCNx64, &x) != 1) json_refuse(v, key, "16 hex digits", e);
  return x;
}

static const Json *read_known(const Container *c, int i, Arena *a, bert_err *e) {
  bert_text text = container_text(c, i, CONTAINED_FILE);
  if (!text.data) err_set(e, BERT_FORMAT, "%s: found no " CONTAINED_FILE, container_name(c, i));
  return e->code ? NULL : json_parse(text.data, text.size, CONTAINED_FILE, a, e);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void view_texts(Model *m, const Container *c, int i, bert_err *e) {
  const char *name;
  bert_text text;
  bundle_fini(&m->texts);
  for (int k = 0; (text = container_file(c, i, k, &name)).data && !e->code; k++)
    if (strcmp(name, CONTAINED_FILE)) bundle_view(&m->texts, name, text.data, text.size, e);
}

Model *contained_open(const Container *c, int i, const Model *like, bert_err *e) {
  Arena values = {0};
  const Json *known = read_known(c, i, &values, e);
  uint64_t weights = e->code ? 0 : hex(known, "weights", e), tokenizer = e->code ? 0 : hex(known, "tokenizer", e);
  arena_fini(&values);
  Model *m = mem_new(1, sizeof *m, e);
  if (!m) return NULL;
  ContainerView view = {c, i};
  bert_files files = container_files(&view);
  m->source = arena_print(&m->arena, e, "embedded:%s", container_name(c, i));
  m->folder = (Folder){.root = m->source, .files = &files};
  m->container = c;
  m->contained = i;
  m->contained_hash = weights;
  if (like && like->tokenizer && tokenizer_hash(like->tokenizer) == tokenizer) m->like = like;
  m = model_open_made(m, NULL, e);
  if (m) view_texts(m, c, i, e);
  if (!e->code) return m;
  model_free(m);
  return NULL;
}

/* ---- what is known without ------------------------------------------------------------------------------------------ */

typedef struct {
  const char *name;
  size_t at; /* in bert_model_info */
} Field;
#define FIELD(name) {#name, offsetof(bert_model_info, name)}

static const Field TEXTS[] = {FIELD(architecture), FIELD(task),     FIELD(pooling), FIELD(compute),
                              FIELD(labels),       FIELD(features), FIELD(prompts)};
static const Field INTEGERS[] = {FIELD(layers),        FIELD(hidden),      FIELD(heads),       FIELD(inner),
                                 FIELD(vocabulary),    FIELD(max_tokens),  FIELD(dimensions),  FIELD(can),
                                 FIELD(label_count),   FIELD(inputs),      FIELD(feature_count), FIELD(multi_label)};
static const Field LONGS[] = {FIELD(parameters), FIELD(bytes)};
#define COUNT(list) (sizeof list / sizeof *list)

void contained_print(const bert_model_info *info, Buf *out, bert_err *e) {
  const char *p = (const char *)info, *next = "{";
  for (size_t i = 0; i < COUNT(TEXTS); i++) {
    const char *const *text = (const char *const *)(const void *)(p + TEXTS[i].at);
    if (!*text) continue;
    json_write_format(out, e, "%s\"%s\": ", next, TEXTS[i].name), next = ", ";
    json_write_string(out, *text, strlen(*text), e);
  }
  for (size_t i = 0; i < COUNT(INTEGERS); i++)
    json_write_format(out, e, ", \"%s\": %d", INTEGERS[i].name, *(const int *)(const void *)(p + INTEGERS[i].at));
  for (size_t i = 0; i < COUNT(LONGS); i++)
    json_write_format(out, e, ", \"%s\": %" PRId64, LONGS[i].name, *(const int64_t *)(const void *)(p + LONGS[i].at));
  json_write_format(out, e, ", \"hash\": \"%s\"}", info->hash);
}

static void take_info(Container *c, const Json *v, bert_model_info *out, bert_err *e) {
  char *p = (char *)out;
  Arena *a = container_arena(c);
  for (size_t i = 0; i < COUNT(TEXTS); i++)
    *(const char **)(void *)(p + TEXTS[i].at) = json_text(json_get(v, TEXTS[i].name), NULL, TEXTS[i].name, a, e);
  for (size_t i = 0; i < COUNT(INTEGERS); i++)
    *(int *)(void *)(p + INTEGERS[i].at) =
        (int)json_integer(json_get(v, INTEGERS[i].name), 0, 0, INT32_MAX, INTEGERS[i].name, e);
  for (size_t i = 0; i < COUNT(LONGS); i++)
    *(int64_t *)(void *)(p + LONGS[i].at) = json_integer(json_get(v, LONGS[i].name), 0, 0, INT64_MAX, LONGS[i].name, e);
  snprintf(out->hash, sizeof out->hash, "%016" PRIx64, e->code ? 0 : hex(v, "hash", e));
}

void contained_info(Container *c, int i, bert_model_info *out, bert_err *e) {
  Arena values = {0};
  bert_model_info info = {.source = "embedded"};
  const Json *known = read_known(c, i, &values, e);
  bert_text card = container_text(c, i, "card.json");
  if (!e->code) take_info(c, json_get(known, "info"), &info, e);
  if (card.data && !e->code) info.card = arena_copy(container_arena(c), card.data, card.size, e);
  err_within(e, "%s", container_name(c, i));
  arena_fini(&values);
  *out = e->code ? (bert_model_info){.source = info.source} : info;
}
