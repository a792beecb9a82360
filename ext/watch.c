/* watch.c -- has the user interrupted?
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT count(*) FROM bert_embed_each('SELECT id, body FROM notes');   -- Ctrl-C: Error: interrupted
**    SELECT count(*) FROM notes;                                           -- and the connection goes on working
**
** From 3.41 on SQLite tells. Before, a statement of our own tells: while another one runs on the connection, an
** interrupt stops every prepare and step, this one's too. It is made at the first question (short calls never ask) and
** does not outlive the call, since sqlite3_close refuses a connection that has statements. Cost: 3 us, then 0.3 us a
** question. Tested by tests/sql/connections.py. */
#include "ext.h"

#if SQLITE_VERSION_NUMBER >= 3041000
static int told(sqlite3 *db) { return sqlite3_libversion_number() >= 3041000 ? sqlite3_is_interrupted(db) : -1; }
#else
static int told(sqlite3 *db) {
  (void)db;
  return -1;
}
#endif

static int stop(void *context) {
  Watch *w = context;
  int answer = told(w->db);
  if (answer >= 0) return answer;
  int rc = w->probe ? SQLITE_OK : sqlite3_prepare_v2(w->db, "SELECT 1", -1, &w->probe, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(w->probe);
    sqlite3_reset(w->probe);
  }
  return rc == SQLITE_INTERRUPT;
}

void watch_start(Watch *w, sqlite3 *db) { *w = (Watch){.progress = {.stop = stop, .context = w}, .db = db}; }

void watch_stop(Watch *w) {
  sqlite3_finalize(w->probe);
  w->probe = NULL;
}
