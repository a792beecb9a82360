/* vtab_index_command.c -- INSERT INTO t(t) VALUES (…): what an index is told to do.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('triggers');            -- follows its content table from now on
**    INSERT INTO notes_index(notes_index, rank) VALUES ('rebuild', 500);  -- at most 500 texts in this transaction
**
** | command           | rank          | does
** | 'rebuild'         | at most n     | forgets every vector and makes it anew from the content
** | 'reembed'         | at most n     | embeds what has another text or model than its vector; follows content=
** | 'optimize'        |               | merges what is mostly empty, so that VACUUM can shrink the file
** | 'integrity-check' |               | fails with what is wrong
** | 'delete-all'      |               | every row
** | 'triggers'        |               | makes triggers on the content= table (vtab_index_trigger.c)
** | 'progress'        | 1 or 0        | draws a bar on standard error, where that is a terminal; else as BERT_PROGRESS=1 says
**
** Each is part of its transaction, all or nothing. A 'rebuild' or 'reembed' with a rank stops after so many texts, and
** the next one, with a rank or without, goes on from there; bert_index_rebuild does so to the end. */
#include "vtab_index.h"

#include <string.h>

void index_delete_all(IndexTable *t, int rows_too, bert_err *e) {
  index_discard(t);
  index_exec(t, "DELETE FROM \"%w\".\"%w_blocks\"", e);
  index_exec(t, "DELETE FROM \"%w\".\"%w_codes\"", e);
  index_exec(t, "DELETE FROM \"%w\".\"%w_vectors\"", e);
  index_set_config(t, "unfinished", 0, e);
  if (t->columns.approximate) {
    index_exec(t, "DELETE FROM \"%w\".\"%w_lists\"", e);
    index_set_config(t, "lists", 0, e);
    index_set_config(t, "trained", 0, e);
  }
  if (!rows_too) {
    index_exec(t, "UPDATE \"%w\".\"%w_rows\" SET slot = NULL WHERE slot IS NOT NULL", e);
  } else {
    index_exec(t, "DELETE FROM \"%w\".\"%w_rows\"", e);
    if (index_has_kind(&t->columns, INDEX_PARTITION)) index_exec(t, "DELETE FROM \"%w\".\"%w_partitions\"", e);
    for (int i = 0; i < t->columns.count; i++) {
      if (!index_in_content(&t->columns, i)) continue;
      index_exec(t, "DELETE FROM \"%w\".\"%w_content\"", e);
      break;
    }
  }
  t->is_changed = 1;
}

static void check(IndexTable *t, bert_err *e) {
  char *found = index_check(t, e);
  if (found && !e->code) t->rc = SQLITE_CORRUPT_VTAB;
  if (found) error_set(e, BERT_FORMAT, "integrity-check: %s", found);
  sqlite3_free(found);
}

/* The rank of a command that may stop: at most how many texts, -1 for all; *steps, where it is one of several. */
static sqlite3_int64 read_most(sqlite3_value *rank, IndexSteps **steps, bert_err *e) {
  *steps = sqlite3_value_pointer(rank, INDEX_STEPS);
  return *steps ? INDEX_STEP_ROWS : value_integer(rank, -1, 1, INT64_MAX, "rank", e);
}

static void rebuild(IndexTable *t, sqlite3_value *rank, bert_err *e) {
  int is_external = index_is_external(&t->columns);
  IndexSteps *steps;
  sqlite3_int64 most = read_most(rank, &steps, e);
  if (!is_external && t->columns.vector >= 0 && !e->code) {
    index_compact(t, 1, e); /* the vectors are the content */
    if (steps) steps->is_complete = 1;
    return;
  }
  if (index_is_contentless(&t->columns))
    error_set(e, BERT_ARGUMENT, "'rebuild' without content (content=''), from which it would be made");
  if (!e->code) index_sync(t, 1, most, steps, e);
}

static void reembed(IndexTable *t, sqlite3_value *rank, bert_err *e) {
  IndexSteps *steps;
  sqlite3_int64 most = read_most(rank, &steps, e);
  if (t->columns.vector >= 0)
    error_set(e, BERT_ARGUMENT, "'reembed' of vectors that are your own, wanted UPDATE with new ones");
  if (index_is_contentless(&t->columns))
    error_set(e, BERT_ARGUMENT, "'reembed' without content (content=''), whose texts it would embed");
  if (!e->code) index_sync(t, 0, most, steps, e);
}

void index_command(IndexTable *t, sqlite3_value *command, sqlite3_value *value, bert_err *e) {
  const char *name = value_string(command, "the command", e);
  if (!name) return;
  if (!sqlite3_stricmp(name, "rebuild")) rebuild(t, value, e);
  else if (!sqlite3_stricmp(name, "reembed")) reembed(t, value, e);
  else if (!sqlite3_stricmp(name, "optimize")) index_compact(t, 0, e);
  else if (!sqlite3_stricmp(name, "integrity-check")) check(t, e);
  else if (!sqlite3_stricmp(name, "delete-all")) index_delete_all(t, 1, e);
  else if (!sqlite3_stricmp(name, "triggers")) index_create_triggers(t, e);
  else if (!sqlite3_stricmp(name, "progress"))
    index_set_config(t, "progress", value_integer(value, 1, 0, 1, "rank", e), e);
  else
    error_set(e, BERT_ARGUMENT, "no command is called '%.*s', wanted rebuild, reembed, optimize, integrity-check, "
              "delete-all, triggers or progress", error_shown(name, strlen(name), 40), name);
}
