/* registry.c -- the open models of the process, shared by all its connections.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_load('m', 'models/minilm');   -- m@5b0d6e1f9a3c2748: 91 MB read; 0 in the process's other connections
**    SELECT bert_load('n', 'models/minilm');   -- n@5b0d6e1f9a3c2748: a second name, the same weights
**
**    first -> entry {model, stamp of its files, hash, owners} -> entry -> NULL
**
** A directory whose stamp (files and options) is known is not read again; else it is read, and where the hash turns out to
** be known (a copy of the directory, say) the older model serves both. The last owner to close frees.
** Cost: opening holds the lock, so who asks for the same model meanwhile waits and then shares it. Statements never come
** here: they find their model in connection.c. */
#include "ext.h"

#include <stdatomic.h>
#include <string.h>

typedef struct Entry {
  bert_model *model;
  bert_stamp stamp;
  int owners;
  struct Entry *next;
} Entry;

static Entry *first;
static atomic_flag locked = ATOMIC_FLAG_INIT;

/* Not an sqlite3_mutex: a library built without threads has none, and two copies of SQLite in a process share no mutex. */
void registry_lock(void) {
  while (atomic_flag_test_and_set_explicit(&locked, memory_order_acquire)) sqlite3_sleep(1);
}

void registry_unlock(void) { atomic_flag_clear_explicit(&locked, memory_order_release); }

static Entry *by_stamp(bert_stamp s) {
  Entry *x = first;
  while (x && (x->stamp.a != s.a || x->stamp.b != s.b)) x = x->next;
  return x;
}

static Entry *by_hash(const bert_model *m) {
  bert_model_info wanted, info;
  bert_model_describe(m, &wanted);
  for (Entry *x = first; x; x = x->next) {
    bert_model_describe(x->model, &info);
    if (!strcmp(info.hash, wanted.hash)) return x;
  }
  return NULL;
}

static Entry *entry_new(const char *directory, const char *options, bert_stamp stamp, bert_err *e) {
  bert_model *m = bert_model_open(directory, options, e);
  if (!m) return NULL;
  Entry *x = by_hash(m);
  if (!x && (x = memory_new(1, sizeof *x, e))) {
    *x = (Entry){.model = m, .next = first};
    first = x;
  } else {
    bert_model_free(m);
  }
  if (x) x->stamp = stamp; /* of the files as they are now */
  return x;
}

bert_model *registry_open(const char *directory, const char *options, bert_err *e) {
  if (e->code) return NULL;
  registry_lock();
  bert_err unread = {0}; /* what has no stamp cannot be opened either, and opening says better why */
  bert_stamp stamp = bert_model_stamp(directory, options, &unread);
  Entry *x = unread.code ? NULL : by_stamp(stamp);
  if (!x) x = entry_new(directory, options, stamp, e);
  if (x) x->owners++;
  bert_model *m = x ? x->model : NULL;
  registry_unlock();
  return m;
}

void registry_close(bert_model *m) {
  if (!m) return;
  Entry *last = NULL;
  registry_lock();
  for (Entry **at = &first; *at; at = &(*at)->next) {
    if ((*at)->model != m) continue;
    if (--(*at)->owners == 0) {
      last = *at;
      *at = last->next;
    }
    break;
  }
  registry_unlock();
  if (last) bert_model_free(m);
  sqlite3_free(last);
}
