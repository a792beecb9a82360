/* vtab_index_progress.c -- how far long commands are: a table for other connections, a bar for who watches.
** Layer: ext. Uses: bert.h, bar.h, vtab_index.h.
**
**    SELECT command, done, total, seconds_left FROM bert_index_progress;   -- rebuild|1024|50000|117.2, meanwhile
**    INSERT INTO notes_index(notes_index, rank) VALUES ('progress', 1);    -- notes_index rebuild [####-----]  40 %  2:56 left …
**
** Commands of all connections of this process are listed while they run. A connection that runs one is busy with it, so
** the question comes from another connection, in another thread. */
#include "bar.h"
#include "vtab_index.h"

typedef struct {
  char table[80], command[24];
  sqlite3_int64 total, done;
  sqlite3_int64 from; /* done before it started */
  double start;       /* seconds of some clock */
} State;

struct IndexJob {
  State state;
  Bar bar;
  struct IndexJob *next;
};

static IndexJob *first;
static Lock lock = ATOMIC_FLAG_INIT; /* of the list and its states */

/* ---- who works --------------------------------------------------------------------------------------------------- */

/* Rows a second. */
static double rate_of(const State *s, double when) {
  double seconds = when - s->start;
  return seconds > 0 ? (double)(s->done - s->from) / seconds : 0;
}

static void begin_bar(IndexJob *j, IndexTable *t, bert_err *e) {
  char title[sizeof j->state.table + sizeof j->state.command];
  sqlite3_snprintf(sizeof title, title, "%s %s", j->state.table, j->state.command);
  bar_begin(&j->bar, (int)index_get_config(t, "progress", BAR_UNSAID, e), title);
}

static void update_bar(IndexJob *j) {
  char text[64];
  double rate = rate_of(&j->state, bar_clock());
  sqlite3_snprintf(sizeof text, text, "%lld rows, %d rows/s", j->state.done, (int)rate);
  bar_update(&j->bar, (double)j->state.done, (double)j->state.total, rate, text);
}

IndexJob *index_job_start(IndexTable *t, const char *command, sqlite3_int64 total, sqlite3_int64 done, bert_err *e) {
  IndexJob *j = memory_new(1, sizeof *j, e);
  if (!j) return NULL;
  State *s = &j->state;
  sqlite3_snprintf(sizeof s->table, s->table, "%s", t->name);
  sqlite3_snprintf(sizeof s->command, s->command, "%s", command);
  s->total = total;
  s->done = s->from = done;
  s->start = bar_clock();
  begin_bar(j, t, e);
  lock_take(&lock);
  j->next = first;
  first = j;
  lock_give(&lock);
  return j;
}

void index_job_step(IndexJob *j, sqlite3_int64 done) {
  enum { ROWS_A_LOOK = 16 };
  if (!j || (done % ROWS_A_LOOK && done < j->state.total)) return;
  lock_take(&lock);
  j->state.done = done;
  lock_give(&lock);
  if (j->bar.is_on) update_bar(j);
}

void index_job_end(IndexJob *j) {
  if (!j) return;
  lock_take(&lock);
  IndexJob **at = &first;
  while (*at != j) at = &(*at)->next;
  *at = j->next;
  lock_give(&lock);
  bar_end(&j->bar);
  sqlite3_free(j);
}

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

typedef struct {
  Cursor cursor;
  State *jobs; /* copies */
  size_t room;
  int count;
  double when;
} Progress;

static void open(Cursor *c, bert_err *e) {
  Progress *p = (Progress *)c;
  p->when = bar_clock();
  lock_take(&lock);
  for (IndexJob *j = first; j; j = j->next)
    if (memory_grow(&p->jobs, &p->room, (size_t)p->count + 1, sizeof *p->jobs, e)) p->jobs[p->count++] = j->state;
  lock_give(&lock);
  c->done = p->count == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Progress *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Progress *p = (Progress *)c;
  const State *j = &p->jobs[c->row];
  double rate = rate_of(j, p->when);
  switch (i) {
    case 0: sqlite3_result_text(context, j->table, -1, SQLITE_TRANSIENT); break;
    case 1: sqlite3_result_text(context, j->command, -1, SQLITE_TRANSIENT); break;
    case 2: sqlite3_result_int64(context, j->done); break;
    case 3: sqlite3_result_int64(context, j->total); break;
    case 4: sqlite3_result_double(context, rate); break;
    case 5:
      if (rate > 0) sqlite3_result_double(context, (double)(j->total - j->done) / rate);
      break;
  }
}

static void close_rows(Cursor *c) /* unistd.h has a close */ {
  Progress *p = (Progress *)c;
  sqlite3_free(p->jobs);
  p->jobs = NULL;
  p->room = 0;
  p->count = 0;
}

const CursorKind tvf_index_progress = {sizeof(Progress), open, next, column, close_rows};
