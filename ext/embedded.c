/* embedded.c -- the models inside of this library: which function takes which, and opening them.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_embed('hello');                        -- by bert-vectors, where no default was loaded
**    SELECT name FROM bert_models WHERE source = 'embedded';
**      -- bert-vectors   bert-sentiment   bert-nli   bert-qa   bert-ner   bert-mlm
**
** They are there from the start under names of their own, which a model that is loaded under the same name hides. They
** stand for `default` too, each to the functions of its purpose. One is opened when it is first asked for and stays so for the
** connection; all connections share it (registry.c), and all of them one tokenizer.
** Cost: 6 ms for the first one that a process opens, 1 ms for each further one; nothing before. */
#include "ext.h"

#include <string.h>

/* By Purpose. */
static const char *const NAMES[] = {"bert-vectors", "bert-sentiment", "bert-nli", "bert-qa",
                                    "bert-ner",     "bert-mlm",       "bert-rerank"};

typedef struct EmbeddedModel {
  bert_model_info info; /* what is known before it is open; no architecture: not asked for yet */
  Loaded *loaded;       /* held, or NULL */
} Model;

Purpose embedded_purpose(const char *task, int paired) {
  static const struct {
    const char *task;
    Purpose purpose;
  } TASKS[] = {{"qa", FOR_ANSWERS},  {"tag", FOR_ENTITIES},  {"embed", FOR_VECTORS}, {"mlm", FOR_WORDS},
               {"nsp", FOR_WORDS},   {"rerank", FOR_RANKS}, {"head", FOR_NOTHING}};
  for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; i++)
    if (!strcmp(TASKS[i].task, task)) return TASKS[i].purpose;
  return paired ? FOR_PAIRS : FOR_TEXTS;
}

/* The container and its models, if there is one. */
static void prepare(Connection *c, bert_err *e) {
  Embedded *x = connection_embedded(c);
  size_t size;
  const void *bytes = embedded_bytes(&size);
  if (x->container || !bytes || e->code) return;
  bert_container *container = bert_container_open(bytes, size, e);
  int count = 0;
  while (!e->code && bert_container_name(container, count)) count++;
  x->model = memory_new((size_t)count, sizeof *x->model, e);
  if (e->code) {
    bert_container_free(container);
    return;
  }
  x->container = container;
  x->count = count;
}

const char *embedded_name(Connection *c, int i, bert_err *e) {
  prepare(c, e);
  Embedded *x = connection_embedded(c);
  return e->code || i >= x->count ? NULL : bert_container_name(x->container, i);
}

int embedded_find(Connection *c, bert_text name, Purpose purpose, bert_err *e) {
  if (connection_is_default(name)) {
    if (purpose == FOR_NOTHING) return -1;
    name = (bert_text){NAMES[purpose], strlen(NAMES[purpose])};
  }
  const char *its;
  for (int i = 0; (its = embedded_name(c, i, e)); i++)
    if (strlen(its) == name.size && !memcmp(its, name.data, name.size)) return i;
  return -1;
}

/* What the registry knows model i by. */
static bert_stamp stamp_of(int i) {
  size_t size;
  return (bert_stamp){(uint64_t)(uintptr_t)embedded_bytes(&size), (uint64_t)i + 1};
}

/* Model i, opened with the tokenizer of one that is open already. */
static Shared *open_model(const Embedded *x, int i, bert_err *e) {
  Shared *there = registry_find(stamp_of(i)), *like = NULL;
  if (there) return there;
  for (int k = 0; k < x->count && !like; k++) like = registry_find(stamp_of(k));
  bert_model *m = bert_container_model(x->container, i, like ? like->model : NULL, e);
  registry_close(like);
  return registry_adopt(m, stamp_of(i), e);
}

Loaded *embedded_model(Connection *c, int i, bert_err *e) {
  Embedded *x = connection_embedded(c);
  Model *m = &x->model[i];
  if (e->code || m->loaded) return e->code ? NULL : m->loaded;
  Shared *shared = open_model(x, i, e);
  return m->loaded = shared ? connection_use(c, shared, e) : NULL;
}

const bert_model_info *embedded_info(Connection *c, int i, bert_err *e) {
  Embedded *x = connection_embedded(c);
  Model *m = &x->model[i];
  if (!m->info.architecture && !e->code) bert_container_describe(x->container, i, &m->info, e);
  return &m->info;
}

void embedded_close(Connection *c) {
  Embedded *x = connection_embedded(c);
  for (int i = 0; i < x->count; i++) connection_drop(c, x->model[i].loaded);
  sqlite3_free(x->model);
  bert_container_free(x->container);
  *x = (Embedded){NULL, NULL, 0};
}
