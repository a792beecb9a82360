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
** Cost: nothing is read under the lock. Who reads a directory leaves a Shared without a model under its stamp, so who
** asks for the same one meanwhile waits and then shares it; in a child that was forked meanwhile nobody reads it, and
** it is read anew. Statements never come here: they find their model in connection.c. */
#include "ext.h"

#include <string.h>

#ifdef _WIN32
static long process(void) { return 0; } /* none forks */
#else
#include <unistd.h>
static long process(void) { return (long)getpid(); }
#endif

static Shared *first;
static Lock lock = ATOMIC_FLAG_INIT;

static int is_stamp(bert_stamp s) { return s.a || s.b; }

static Shared *by_stamp(bert_stamp stamp) {
  Shared *x = is_stamp(stamp) ? first : NULL;
  while (x && (x->stamp.a != stamp.a || x->stamp.b != stamp.b)) x = x->next;
  return x;
}

static bert_model *by_hash(const char *hash) {
  bert_model_info info;
  for (Shared *x = first; x; x = x->next) {
    if (!x->model) continue;
    bert_model_describe(x->model, &info);
    if (!strcmp(info.hash, hash)) return x->model;
  }
  return NULL;
}

static void unlink_shared(Shared *x) {
  Shared **at = &first;
  while (*at != x) at = &(*at)->next;
  *at = x->next;
}

/* A Shared in the list that nothing has been read for; under the lock. */
static Shared *add(const char *source, bert_stamp stamp, bert_err *e) {
  Shared *x = memory_new(1, sizeof *x + strlen(source) + 1, e);
  if (!x) return NULL;
  *x = (Shared){.stamp = stamp, .owners = 1, .reader = process(), .next = first};
  strcpy(x->source, source);
  return first = x;
}

/* x gets its model (taken over) or, on a failed e, goes; NULL then. */
static Shared *fill(Shared *x, bert_model *m, bert_err *e) {
  bert_model_info info;
  bert_model *spare = NULL;
  lock_take(&lock);
  if (e->code) {
    unlink_shared(x);
  } else {
    bert_model_describe(m, &info);
    bert_model *older = by_hash(info.hash);
    if (older) spare = m;
    x->model = older ? bert_model_ref(older) : m;
    x->threads = info.threads;
  }
  lock_give(&lock);
  bert_model_free(spare);
  if (!e->code) return x;
  bert_model_free(m);
  sqlite3_free(x);
  return NULL;
}

/* The Shared of a stamp, once more owned, or NULL: then *mine is a new one to fill, unless e failed. */
static Shared *share_or_add(const char *source, bert_stamp stamp, Shared **mine, bert_err *e) {
  Shared *x;
  *mine = NULL;
  lock_take(&lock);
  while ((x = by_stamp(stamp)) && !x->model && x->reader == process()) {
    lock_give(&lock);
    sqlite3_sleep(1);
    lock_take(&lock);
  }
  if (x && !x->model) {
    unlink_shared(x); /* its reader was left behind by a fork */
    sqlite3_free(x);
    x = NULL;
  }
  if (x) x->owners++;
  else *mine = add(source, stamp, e);
  lock_give(&lock);
  return x;
}

Shared *registry_open(const char *directory, const char *options, bert_err *e) {
  if (e->code) return NULL;
  bert_err unread = {0}; /* what has no stamp cannot be opened either, and opening says better why */
  bert_stamp stamp = bert_model_stamp(directory, options, &unread);
  if (unread.code) stamp = (bert_stamp){0};
  Shared *mine, *x = share_or_add(directory, stamp, &mine, e);
  if (x || !mine) return x;
  return fill(mine, bert_model_open(directory, options, e), e);
}

Shared *registry_find(bert_stamp stamp) {
  lock_take(&lock);
  Shared *x = by_stamp(stamp);
  if (x && !x->model) x = NULL;
  if (x) x->owners++;
  lock_give(&lock);
  return x;
}

Shared *registry_adopt(bert_model *m, bert_stamp stamp, bert_err *e) {
  bert_model_info info;
  if (!m) return NULL;
  bert_model_describe(m, &info);
  lock_take(&lock);
  Shared *x = e->code ? NULL : add(info.source, stamp, e);
  lock_give(&lock);
  if (x) return fill(x, m, e);
  bert_model_free(m);
  return NULL;
}

void registry_close(Shared *x) {
  if (!x) return;
  lock_take(&lock);
  int last = --x->owners == 0;
  if (last) unlink_shared(x);
  lock_give(&lock);
  if (!last) return;
  bert_model_free(x->model);
  sqlite3_free(x);
}
