/* registry.c -- the open models of the process, shared by all its connections.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_load('m', 'models/minilm');   -- m@5b0d6e1f9a3c2748: 91 MB read; 0 in the process's other connections
**    SELECT bert_load('n', 'models/minilm');   -- n@5b0d6e1f9a3c2748: a second name, the same weights
**
**    first -> Shared {model, stamp, threads, owners} -> Shared -> NULL      two of them may have one model
**
** A directory whose stamp (files and options) is known is not read again; else it is read, and where the hash turns
** out to be known (a copy of the directory, or threads alone differ) the older model serves both. The last owner to
** close frees.
** Cost: opening holds the lock, so who asks for the same model meanwhile waits and then shares it. Statements never come
** here: they find their model in connection.c. */
#include "ext.h"

#include <string.h>

static Shared *first;
static Lock lock = ATOMIC_FLAG_INIT;

static Shared *by_stamp(bert_stamp stamp) {
  Shared *x = first;
  while (x && (x->stamp.a != stamp.a || x->stamp.b != stamp.b)) x = x->next; /* the adopted have 0, 0, which no file has */
  return x;
}

static bert_model *by_hash(const char *hash) {
  bert_model_info info;
  for (Shared *x = first; x; x = x->next) {
    bert_model_describe(x->model, &info);
    if (!strcmp(info.hash, hash)) return x->model;
  }
  return NULL;
}

static Shared *read_model(const char *directory, const char *options, bert_stamp stamp, bert_err *e) {
  bert_model_info info;
  Shared *x = memory_new(1, sizeof *x + strlen(directory) + 1, e);
  bert_model *m = bert_model_open(directory, options, e);
  if (!m) {
    sqlite3_free(x);
    return NULL;
  }
  bert_model_describe(m, &info);
  bert_model *older = by_hash(info.hash);
  if (older) {
    bert_model_free(m);
    m = bert_model_ref(older);
  }
  *x = (Shared){.model = m, .threads = info.threads, .stamp = stamp, .next = first};
  strcpy(x->source, directory);
  return first = x;
}

Shared *registry_open(const char *directory, const char *options, bert_err *e) {
  if (e->code) return NULL;
  lock_take(&lock);
  bert_err unread = {0}; /* what has no stamp cannot be opened either, and opening says better why */
  bert_stamp stamp = bert_model_stamp(directory, options, &unread);
  Shared *x = unread.code ? NULL : by_stamp(stamp);
  if (!x) x = read_model(directory, options, stamp, e);
  if (x) x->owners++;
  lock_give(&lock);
  return x;
}

Shared *registry_adopt(bert_model *m, bert_err *e) {
  bert_model_info info;
  if (!m) return NULL;
  bert_model_describe(m, &info);
  Shared *x = memory_new(1, sizeof *x + strlen(info.source) + 1, e);
  if (!x) {
    bert_model_free(m);
    return NULL;
  }
  lock_take(&lock);
  bert_model *older = by_hash(info.hash);
  *x = (Shared){.model = older ? bert_model_ref(older) : bert_model_ref(m), .threads = info.threads, .owners = 1, .next = first};
  strcpy(x->source, info.source);
  first = x;
  lock_give(&lock);
  bert_model_free(m);
  return x;
}

void registry_close(Shared *x) {
  if (!x) return;
  lock_take(&lock);
  int last = --x->owners == 0;
  if (last) {
    Shared **at = &first;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
  }
  lock_give(&lock);
  if (!last) return;
  bert_model_free(x->model);
  sqlite3_free(x);
}
