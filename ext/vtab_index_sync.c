/* vtab_index_sync.c -- brings an index in line with its content: the work of 'rebuild' and 'reembed'.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('reembed');              -- what has changed since it was embedded
**    INSERT INTO notes_index(notes_index, rank) VALUES ('reembed', 1000);  -- again and again: work that may be cut off
**    SELECT bert_index_rebuild('notes_index');                             -- the same, committed step by step
**
** Each row's text is hashed with the model; where the hash is the row's and it has a vector, nothing is done, and what
** is to be embedded goes to the engine in batches of 2048. After another model was loaded, all rows lose their vectors
** first: those of two models are never compared.
**
** A command that stops at its `rank` leaves in t_config how far it is, and the next one goes on from there:
**
**    unfinished   0: nothing; else which command      after   the last rowid that it looked at
**
** Rows come by rowid then. What changed behind `after` meanwhile is found by a second pass, which only hashes; vectors of
** the user's own have no hash, and are looked at once. */
#include "vtab_index.h"

#include <string.h>

enum { FINISHED, REEMBEDDING, REBUILDING }; /* `unfinished` */

typedef struct {
  IndexTable *t;
  int is_external;
  sqlite3_int64 most;   /* new vectors wanted, or -1: any number */
  IndexSteps *progress; /* made and seen so far */
  sqlite3_int64 start;  /* made before */
  sqlite3_int64 last;   /* rowid that was looked at */
  sqlite3_value **values;
} Sync;

/* Takes the model as it is now for the table's; where it is another one, every vector goes, and 1 is returned. */
static int adopt_model(IndexTable *t, bert_err *e) {
  Loaded *m = t->columns.vector < 0 ? index_model_any(t, e) : NULL;
  if (!m || !strcmp(m->info.hash, t->model_hash)) return 0;
  index_delete_all(t, 0, e);
  index_set_model(t, m->info.dimensions, m->info.hash);
  index_set_config(t, "dimensions", t->dimensions, e);
  index_set_config_text(t, "model_hash", t->model_hash, e);
  return 1;
}

static void append_source(const Sync *x, sqlite3_str *s) {
  const IndexTable *t = x->t;
  if (x->is_external) sqlite3_str_appendf(s, " FROM \"%w\".\"%w\" o", t->schema, t->columns.content);
  else sqlite3_str_appendf(s, " FROM \"%w\".\"%w_content\" o", t->schema, t->name);
}

/* rowid, then each column: of the content table, or of t_content; those after a rowid, where one is given. By rowid, so
** that the work can stop anywhere. */
static sqlite3_stmt *open_source(const Sync *x, const sqlite3_int64 *after, bert_err *e) {
  IndexTable *t = x->t;
  const char *key = index_content_key(&t->columns);
  if (e->code) return NULL;
  sqlite3_str *s = sqlite3_str_new(t->db);
  sqlite3_str_appendf(s, "SELECT o.\"%w\"", key);
  for (int i = 0; i < t->columns.count; i++) {
    if (x->is_external) sqlite3_str_appendf(s, ", o.\"%w\"", t->columns.columns[i].name);
    else if (t->columns.columns[i].kind == INDEX_TEXT) sqlite3_str_appendf(s, ", o.c%d", i);
    else sqlite3_str_appendall(s, ", NULL");
  }
  append_source(x, s);
  if (after) sqlite3_str_appendf(s, " WHERE o.\"%w\" > %lld", key, *after);
  if (after || x->most >= 0) sqlite3_str_appendf(s, " ORDER BY o.\"%w\"", key);
  return index_prepare(t, sqlite3_str_finish(s), 0, e);
}

/* Rows of the source; up to a rowid, where one is given. */
static sqlite3_int64 count_source(const Sync *x, const sqlite3_int64 *up_to, bert_err *e) {
  IndexTable *t = x->t;
  sqlite3_int64 n = 0;
  if (e->code) return 0;
  sqlite3_str *text = sqlite3_str_new(t->db);
  sqlite3_str_appendall(text, "SELECT count(*)");
  append_source(x, text);
  if (up_to) sqlite3_str_appendf(text, " WHERE o.\"%w\" <= %lld", index_content_key(&t->columns), *up_to);
  sqlite3_stmt *s = index_prepare(t, sqlite3_str_finish(text), 0, e);
  if (s && index_step(t, s, e)) n = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return n;
}

/* Rows that the content table has no more. */
static void remove_strays(IndexTable *t, bert_err *e) {
  enum { AT_ONCE = 256 };
  sqlite3_int64 ids[AT_ONCE];
  int n = AT_ONCE;
  const char *key = index_content_key(&t->columns);
  while (n == AT_ONCE && !e->code) {
    sqlite3_stmt *s =
        index_prepare(t, sqlite3_mprintf("SELECT id FROM \"%w\".\"%w_rows\" r WHERE NOT EXISTS "
                                         "(SELECT 1 FROM \"%w\".\"%w\" o "
                                                       "WHERE o.\"%w\" = r.id) LIMIT %d", t->schema, t->name, t->schema,
                                                       t->columns.content, key, AT_ONCE), 0, e);
    for (n = 0; s && n < AT_ONCE && index_step(t, s, e); n++) ids[n] = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    for (int i = 0; i < n && !e->code; i++) index_delete_row(t, ids[i], e);
  }
}

static int take_row(Sync *x, sqlite3_stmt *s, bert_err *e) {
  IndexTable *t = x->t;
  for (int i = 0; i < t->columns.count; i++) x->values[i] = sqlite3_column_value(s, i + 1);
  if (sqlite3_column_type(s, 0) != SQLITE_INTEGER) {
    error_set(e, BERT_ARGUMENT, "%s of %s is %s, wanted an integer", index_content_key(&t->columns), t->columns.content,
              value_shown(sqlite3_column_value(s, 0)).text);
    return 0;
  }
  x->last = sqlite3_column_int64(s, 0);
  return x->is_external ? index_put_row(t, x->last, x->values, e) : index_renew_row(t, x->last, x->values, e);
}

/* Looks at the rows after a rowid (NULL: all), until there are as many new vectors as wanted; 1 where none is left. */
static int pass(Sync *x, const sqlite3_int64 *after, int is_counted, bert_err *e) {
  IndexSteps *p = x->progress;
  int is_done = 0;
  sqlite3_stmt *s = open_source(x, after, e);
  while (!e->code && (x->most < 0 || p->made - x->start < x->most) && !(is_done = !index_step(x->t, s, e))) {
    p->made += take_row(x, s, e);
    p->seen += is_counted;
    index_job_step(p->job, p->seen - x->t->waiting_count);
  }
  sqlite3_finalize(s);
  return is_done && !e->code;
}

/* Where the last command stopped; 0 where it did not. *command becomes the one to go on with. */
static int find_stop(Sync *x, int *command, sqlite3_int64 *after, bert_err *e) {
  IndexTable *t = x->t;
  int was = (int)index_get_config(t, "unfinished", FINISHED, e);
  if (adopt_model(t, e)) was = FINISHED;
  if (*command == REBUILDING && was != REBUILDING) {
    index_delete_all(t, x->is_external, e);
    was = FINISHED;
  }
  if (was == FINISHED) return 0;
  *command = was;
  *after = index_get_config(t, "after", INT64_MIN, e);
  return 1;
}

static void note_stop(Sync *x, int command, bert_err *e) {
  index_set_config(x->t, "unfinished", command, e);
  index_set_config(x->t, "after", x->last, e);
}

static void sync(Sync *x, int command, int has_stop, sqlite3_int64 after, bert_err *e) {
  IndexTable *t = x->t;
  int is_done = pass(x, has_stop ? &after : NULL, 1, e);
  if (is_done && has_stop && t->columns.vector < 0) is_done = pass(x, NULL, 0, e);
  if (is_done && x->is_external) remove_strays(t, e);
  index_embed_waiting(t, e);
  index_job_step(x->progress->job, x->progress->seen);
  if (!is_done) note_stop(x, command, e);
  else if (has_stop) index_set_config(t, "unfinished", FINISHED, e);
  x->progress->is_complete = is_done;
  index_flush(t, e);
}

void index_sync(IndexTable *t, int is_rebuild, sqlite3_int64 most, IndexSteps *steps, bert_err *e) {
  IndexSteps alone = {.job = NULL};
  Sync x = {.t = t, .is_external = index_is_external(&t->columns), .most = most,
            .progress = steps ? steps : &alone};
  x.start = x.progress->made;
  int command = is_rebuild ? REBUILDING : REEMBEDDING;
  sqlite3_int64 after = 0;
  int has_stop = find_stop(&x, &command, &after, e);
  x.values = memory_new((size_t)t->columns.count + 1, sizeof *x.values, e);
  if (!x.progress->job) {
    x.progress->seen = has_stop ? count_source(&x, &after, e) : 0;
    x.progress->job = index_job_start(t, command == REBUILDING ? "rebuild" : "reembed", count_source(&x, NULL, e),
                                      x.progress->seen, e);
  }
  t->is_salvaging = !steps && most < 0 && t->columns.vector < 0;
  if (!e->code) sync(&x, command, has_stop, after, e);
  if (!e->code) t->has_salvaged = t->is_salvaging, t->is_salvaging = 0; /* else index_fail asks */
  index_job_end(alone.job);
  sqlite3_free(x.values);
}
