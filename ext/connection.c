/* connection.c -- what one connection knows: names of models, and a session for each model.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_embed('hello', 'm');                    -- the model loaded as m
**    SELECT bert_embed('hello', 'm@5b0d6e1f9a3c2748');   -- only if it is that very model
**
**    names: "m" -> Loaded {model, session} <- "n"        two names of one model share the session
**
** A Loaded lives while a name or a cursor holds it, so a model may be unloaded under a running statement. "default" is
** what was loaded under that name, else the directory that BERT_MODEL names, opened when first asked for, else the embedded
** model for what it is wanted for (embedded.c). Another name that is neither loaded nor embedded is looked for in the
** database (stored.c), anew at each statement, since a rollback or another process may have changed it there; the model is
** read again only where the stamp of its rows is a new one.
** Cost of finding a model: one comparison a name, no allocation, no lock; one small query a statement for one that lies in
** the database. */
#include "ext.h"

#include <stdlib.h>
#include <string.h>

enum { HASH_DIGITS = 16 };
static const char DEFAULT[] = "default";

typedef struct {
  char *text;
  size_t size;
  Loaded *loaded;
} Name;

typedef struct {
  float *data;
  size_t room;
} Floats;

/* A model of the database that is open. */
typedef struct Opened {
  Stored stored;
  Loaded *loaded;
  struct Opened *next;
  size_t size;
  char name[];
} Opened;

/* What a call's argument named in this statement, kept by SQLite with the call. */
typedef struct {
  Connection *connection;
  Loaded *loaded;
} Kept;

struct Connection {
  sqlite3 *db;
  int owners; /* functions and modules registered with SQLite, which lets one thread at a time at them */
  int complete;
  int depth;
  int reading; /* the table bert_model_data, which may ask for a model itself: see connection_reading */
  Call *call;
  Opened *opened;
  Name *names;
  size_t name_room;
  int name_count;
  Loaded *loaded;
  Embedded embedded;
  Floats floats[2];
  struct IndexTable *indexes; /* see vtab_index.h */
  IndexSalvage *salvage;
  Connection *next; /* of all connections of the process */
};

static Connection *all;
static Lock lock = ATOMIC_FLAG_INIT; /* of the list; what is in a Connection is its own thread's */

/* ---- owners ------------------------------------------------------------------------------------------------------ */

static Connection *find_connection(sqlite3 *db) {
  lock_take(&lock);
  Connection *c = all;
  while (c && c->db != db) c = c->next;
  lock_give(&lock);
  return c;
}

Connection *connection_attach(sqlite3 *db, int *known, bert_err *e) {
  Connection *c = find_connection(db);
  if (!c) {
    c = memory_new(1, sizeof *c, e);
    if (!c) return NULL;
    c->db = db;
    lock_take(&lock);
    c->next = all;
    all = c;
    lock_give(&lock);
  }
  c->owners++;
  *known = c->complete;
  return c;
}

void connection_complete(Connection *c) { c->complete = 1; }

void connection_ref(Connection *c) { c->owners++; }

/* Forgets the models of the database that have that name. */
static void close_opened(Connection *c, bert_text name) {
  for (Opened **at = &c->opened; *at;) {
    Opened *x = *at;
    if (x->size != name.size || memcmp(x->name, name.data, name.size)) {
      at = &x->next;
      continue;
    }
    *at = x->next;
    connection_drop(c, x->loaded);
    sqlite3_free(x);
  }
}

static void free_connection(Connection *c) {
  while (c->opened) close_opened(c, (bert_text){c->opened->name, c->opened->size});
  embedded_close(c);
  for (int i = 0; i < c->name_count; i++) {
    connection_drop(c, c->names[i].loaded);
    sqlite3_free(c->names[i].text);
  }
  sqlite3_free(c->names);
  for (int i = 0; i < 2; i++) sqlite3_free(c->floats[i].data);
  index_salvage_forget(c);
  sqlite3_free(c);
}

void connection_release(Connection *c) {
  if (--c->owners > 0) return;
  lock_take(&lock);
  Connection **at = &all;
  while (*at != c) at = &(*at)->next;
  *at = c->next;
  lock_give(&lock);
  free_connection(c);
}

sqlite3 *connection_db(const Connection *c) { return c->db; }

int *connection_depth(Connection *c) { return &c->depth; }

int *connection_reading(Connection *c) { return &c->reading; }

Call **connection_call(Connection *c) { return &c->call; }

Embedded *connection_embedded(Connection *c) { return &c->embedded; }

struct IndexTable **connection_indexes(Connection *c) { return &c->indexes; }

IndexSalvage **connection_salvage(Connection *c) { return &c->salvage; }

float *connection_floats(Connection *c, int which, size_t n, bert_err *e) {
  Floats *f = &c->floats[which];
  return memory_grow(&f->data, &f->room, n, sizeof *f->data, e) ? f->data : NULL;
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

void connection_hold(Loaded *m) { m->users++; }

void connection_drop(Connection *c, Loaded *m) {
  if (!m || --m->users > 0) return;
  Loaded **at = &c->loaded;
  while (*at != m) at = &(*at)->next;
  *at = m->next;
  bert_session_free(m->session);
  registry_close(m->shared);
  sqlite3_free(m);
}

Loaded *connection_use(Connection *c, Shared *x, bert_err *e) {
  for (Loaded *m = c->loaded; m; m = m->next) {
    if (m->shared != x) continue;
    registry_close(x); /* m has it already */
    m->users++;
    return m;
  }
  Loaded *m = memory_new(1, sizeof *m, e);
  bert_session *s = m ? bert_session_new_threads(x->model, x->threads, e) : NULL;
  if (!s) {
    registry_close(x);
    sqlite3_free(m);
    return NULL;
  }
  *m = (Loaded){.shared = x, .model = x->model, .session = s, .users = 1, .next = c->loaded};
  bert_model_describe(m->model, &m->info);
  return c->loaded = m;
}

static Name *find(const Connection *c, bert_text name) {
  for (Name *x = c->names, *past = x + c->name_count; x < past; x++)
    if (x->size == name.size && !memcmp(x->text, name.data, name.size)) return x;
  return NULL;
}

void connection_check_name(bert_text name, bert_err *e) {
  if (name.size == 0) error_set(e, BERT_ARGUMENT, "the name is empty, wanted a name for the model");
  else if (memchr(name.data, 0, name.size)) error_set(e, BERT_ARGUMENT, "the name has a NUL character inside");
  else if (memchr(name.data, '@', name.size))
    error_set(e, BERT_ARGUMENT, "the name '%.*s' has an @ in it, which is kept for name@hash",
              error_shown(name.data, name.size, 80), name.data);
}

Loaded *connection_name(Connection *c, bert_text name, Shared *x, bert_err *e) {
  connection_check_name(name, e);
  char *text = memory_new(name.size + 1, 1, e);
  memory_grow(&c->names, &c->name_room, (size_t)c->name_count + 1, sizeof *c->names, e);
  if (e->code) registry_close(x);
  Loaded *m = e->code ? NULL : connection_use(c, x, e);
  if (!m) {
    sqlite3_free(text);
    return NULL;
  }
  memcpy(text, name.data, name.size);
  Name *old = find(c, name);
  Name *at = old ? old : &c->names[c->name_count++];
  if (old) {
    connection_drop(c, old->loaded);
    sqlite3_free(old->text);
  }
  *at = (Name){text, name.size, m};
  return m;
}

int connection_is_default(bert_text name) {
  return name.size == strlen(DEFAULT) && !memcmp(name.data, DEFAULT, name.size);
}

/* "no model is loaded" or "loaded: 'a', 'b'", and "; embedded: 'bert-qa'", for messages. */
static void list_names(Connection *c, char *out, size_t room) {
  bert_err ignored = {0};
  const char *name;
  sqlite3_snprintf((int)room, out, c->name_count ? "loaded: " : "no model is loaded");
  for (int i = 0; i < c->name_count; i++) {
    size_t n = strlen(out);
    sqlite3_snprintf((int)(room - n), out + n, "%s'%s'", i ? ", " : "", c->names[i].text);
  }
  for (int i = 0; (name = embedded_name(c, i, &ignored)); i++) {
    size_t n = strlen(out);
    sqlite3_snprintf((int)(room - n), out + n, "%s'%s'", i ? ", " : "; embedded: ", name);
  }
}

/* Where embedded models stand for "default", what none of them does is better loaded by a name of its own than over all. */
static void set_unknown(Connection *c, bert_text name, Purpose purpose, bert_err *e) {
  char names[300];
  bert_err ignored = {0};
  if (e->code) return;
  list_names(c, names, sizeof names);
  int size = error_shown(name.data, name.size, 80), is_default = connection_is_default(name);
  if (is_default && purpose != FOR_NOTHING && embedded_name(c, 0, &ignored))
    error_set(e, BERT_ARGUMENT, "no model called 'default' (%s), and no embedded one is for this; wanted one by its name, "
              "as after SELECT bert_load('m', 'directory')", names);
  error_set(e, BERT_ARGUMENT, "no model called '%.*s' (%s); wanted: SELECT bert_load('%.*s', 'directory')%s", size,
            name.data, names, size, name.data, is_default ? ", or BERT_MODEL=directory in the environment" : "");
}

static void set_embedded(bert_text name, bert_err *e) {
  error_set(e, BERT_ARGUMENT, "the model '%.*s' is part of this library, and stays; another one that is loaded under its "
            "name is taken instead", error_shown(name.data, name.size, 80), name.data);
}

Loaded *connection_forget(Connection *c, bert_text name, bert_err *e) {
  if (e->code) return NULL;
  Name *x = find(c, name);
  if (!x) {
    if (embedded_find(c, name, FOR_NOTHING, e) >= 0) set_embedded(name, e);
    set_unknown(c, name, FOR_NOTHING, e);
    return NULL;
  }
  Loaded *m = x->loaded;
  sqlite3_free(x->text);
  Name *past = c->names + --c->name_count;
  memmove(x, x + 1, (size_t)(past - x) * sizeof *x);
  return m;
}

const char *connection_named(const Connection *c, int i, Loaded **m) {
  if (i >= c->name_count) return NULL;
  *m = c->names[i].loaded;
  return c->names[i].text;
}

/* The model of BERT_MODEL, when that is what "default" means here. */
static Name *open_default(Connection *c, bert_text name, bert_err *e) {
  const char *directory = getenv("BERT_MODEL");
  if (!directory || !*directory || !connection_is_default(name)) return NULL;
  bert_err failed = {0};
  connection_name(c, name, registry_open(directory, NULL, &failed), &failed);
  if (failed.code) error_set(e, failed.code, "BERT_MODEL: %s", failed.text);
  return failed.code ? NULL : find(c, name);
}

/* ---- in the database --------------------------------------------------------------------------------------------- */

Loaded *connection_stored(Connection *c, bert_stamp stamp) {
  for (Opened *x = c->opened; x; x = x->next)
    if (x->stored.stamp.a == stamp.a && x->stored.stamp.b == stamp.b) return x->loaded;
  return NULL;
}

/* Reads a model of the database and remembers it, in place of what had its name. */
static Loaded *open_stored(Connection *c, bert_text name, const Stored *stored, bert_err *e) {
  Opened *x = memory_new(1, sizeof *x + name.size, e);
  Shared *shared = stored_open(c, name, stored, e);
  if (e->code) registry_close(shared);
  Loaded *m = e->code ? NULL : connection_use(c, shared, e);
  if (!m) {
    sqlite3_free(x);
    return NULL;
  }
  close_opened(c, name);
  *x = (Opened){.stored = *stored, .loaded = m, .size = name.size, .next = c->opened};
  memcpy(x->name, name.data, name.size);
  c->opened = x;
  return m;
}

static Loaded *find_stored(Connection *c, bert_text name, bert_err *e) {
  Stored stored;
  if (e->code || connection_is_default(name)) return NULL;
  if (c->reading) {
    error_set(e, BERT_ARGUMENT, "the table bert_model_data asks for the model '%.*s' while one is read out of it",
              error_shown(name.data, name.size, 80), name.data);
    return NULL;
  }
  if (!stored_find(c, name, &stored, e)) {
    close_opened(c, name);
    return NULL;
  }
  Loaded *m = connection_stored(c, stored.stamp);
  return m ? m : open_stored(c, name, &stored, e);
}

/* ---- any name ---------------------------------------------------------------------------------------------------- */

static int has_hash(const Loaded *m, bert_text hash) {
  return !hash.data || (hash.size == HASH_DIGITS && !memcmp(hash.data, m->info.hash, HASH_DIGITS));
}

/* A name that is not loaded as it stands: name@hash, the default, an embedded one, or one of the database. A hash that is not
** the embedded one's may be that of the database's. */
static Loaded *find_further(Connection *c, bert_text asked, Purpose purpose, bert_err *e) {
  const char *at = memchr(asked.data, '@', asked.size);
  bert_text name = {asked.data, at ? (size_t)(at - asked.data) : asked.size}, hash = {NULL, 0};
  if (at) hash = (bert_text){at + 1, asked.size - name.size - 1};
  Name *x = find(c, name);
  if (!x) x = open_default(c, name, e);
  int embedded = x || e->code ? -1 : embedded_find(c, name, purpose, e);
  Loaded *m = x ? x->loaded : embedded >= 0 ? embedded_model(c, embedded, e) : NULL;
  if (!m || (embedded >= 0 && !has_hash(m, hash))) {
    Loaded *stored = find_stored(c, name, e);
    if (stored) m = stored;
  }
  if (!m) set_unknown(c, name, purpose, e);
  if (e->code || has_hash(m, hash)) return e->code ? NULL : m;
  error_set(e, BERT_ARGUMENT,
            "the model '%.*s' has hash %s, wanted %.*s: it is another model, or was loaded with other options",
            error_shown(name.data, name.size, 80), name.data, m->info.hash, error_shown(hash.data, hash.size, 40),
            hash.data);
  return NULL;
}

/* What is loaded as the default may have no head for what is asked: then the embedded one that has is told of. */
static Loaded *check_head(Connection *c, bert_text name, Loaded *m, Purpose purpose, bert_err *e) {
  static const unsigned HEADS[] = {
      [FOR_TEXTS] = BERT_CAN_CLASSIFY, [FOR_PAIRS] = BERT_CAN_CLASSIFY, [FOR_RANKS] = BERT_CAN_CLASSIFY,
      [FOR_ANSWERS] = BERT_CAN_ANSWER, [FOR_ENTITIES] = BERT_CAN_TAG,   [FOR_WORDS] = BERT_CAN_FILL | BERT_CAN_NEXT,
      [FOR_NOTHING] = 0};
  if (!m || !HEADS[purpose] || m->info.can & HEADS[purpose] || !connection_is_default(name)) return m;
  int embedded = embedded_find(c, name, purpose, e);
  if (embedded >= 0)
    error_set(e, BERT_ARGUMENT, "the model 'default' is %s, which has no head for this; wanted the name of one that has, as "
              "'%s', which is inside of this library", m->info.source, embedded_name(c, embedded, e));
  return e->code ? NULL : m;
}

/* Which argument of the running call a value is; -1: none, or no scalar function runs. */
static int argument_of(const Connection *c, const sqlite3_value *value) {
  for (int i = 0; c->call && i < c->call->count; i++)
    if (c->call->values[i] == value) return i;
  return -1;
}

static void forget_kept(void *p) {
  Kept *kept = p;
  connection_drop(kept->connection, kept->loaded);
  connection_release(kept->connection);
  sqlite3_free(kept);
}

/* Keeps what an argument named until the statement ends, where the argument is a constant. */
static void keep(Connection *c, int argument, Loaded *m, bert_err *e) {
  Kept *kept = memory_new(1, sizeof *kept, e);
  if (!kept) return;
  *kept = (Kept){c, m};
  connection_ref(c);
  connection_hold(m);
  sqlite3_set_auxdata(c->call->context, argument, kept, forget_kept);
}

Loaded *connection_model_named(Connection *c, bert_text name, Purpose purpose, bert_err *e) {
  Name *x = e->code ? NULL : find(c, name);
  if (e->code || x) return x ? x->loaded : NULL;
  return find_further(c, name, purpose, e);
}

Loaded *connection_model(Connection *c, sqlite3_value *value, Purpose purpose, bert_err *e) {
  bert_text name;
  if (!value_text(value, "model", &name, e)) name = (bert_text){DEFAULT, strlen(DEFAULT)};
  Name *x = e->code ? NULL : find(c, name);
  if (e->code || x) return x ? check_head(c, name, x->loaded, purpose, e) : NULL;
  int argument = argument_of(c, value);
  const Kept *kept = argument < 0 ? NULL : sqlite3_get_auxdata(c->call->context, argument);
  if (kept) return kept->loaded;
  Loaded *m = check_head(c, name, find_further(c, name, purpose, e), purpose, e);
  if (m && argument >= 0) keep(c, argument, m, e);
  return e->code ? NULL : m;
}
