/* vtab_index_check.c -- whether an index is whole: integrity-check, and PRAGMA integrity_check from SQLite 3.44 on.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO notes_index(notes_index) VALUES ('integrity-check');   -- Error: … row 7: its text is another than …
**    PRAGMA integrity_check;                                            -- ok
**
** Every block, code, vector and row is read: the bytes fit their checksums, each code is that of its vector, each row
** has its slot and each slot its row, and every text is the one that was embedded. What the index says is compared with
** its content; the content itself is SQLite's to check. */
#include "vtab_index.h"

#include <string.h>

enum { SHOWN_MOST = 10 };

typedef struct {
  IndexTable *t;
  sqlite3_str *out;
  int count;
  sqlite3_int64 placed; /* rows in blocks */
  float *vector;
} Check;

static void report(Check *c, const char *format, ...) {
  va_list ap;
  if (c->count++ >= SHOWN_MOST) return;
  if (c->count > 1) sqlite3_str_appendall(c->out, "\n");
  va_start(ap, format);
  sqlite3_str_vappendf(c->out, format, ap);
  va_end(ap);
}

/* What is damaged is reported, and the check goes on; other errors end it. */
static void report_damage(Check *c, bert_err *e) {
  if (e->code != BERT_FORMAT) return;
  static const char prefix[] = "the shadow tables are damaged: ";
  report(c, "%s", strncmp(e->text, prefix, sizeof prefix - 1) ? e->text : e->text + sizeof prefix - 1);
  *e = (bert_err){0};
  c->t->rc = 0;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static void check_row_of_place(Check *c, sqlite3_int64 rowid, sqlite3_int64 slot, bert_err *e) {
  sqlite3_stmt *s = index_sql(c->t, SQL_GET_ROW, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, rowid);
  if (!index_step(c->t, s, e)) report(c, "slot %lld has row %lld, which is missing", (long long)slot, (long long)rowid);
  else if (sqlite3_column_type(s, 0) != SQLITE_INTEGER || sqlite3_column_int64(s, 0) != slot)
    report(c, "slot %lld has row %lld, which is elsewhere", (long long)slot, (long long)rowid);
  sqlite3_reset(s);
}

static void check_place(Check *c, sqlite3_int64 slot, const void *data, size_t size, int is_taken, bert_err *e) {
  int64_t rowid, at = slot;
  int place = (int)(slot % BERT_BLOCK_SLOTS), is_coded = bert_block_rowid(data, size, c->t->dimensions, place, &rowid);
  if (is_coded != is_taken)
    report(c, "slot %lld is %s, but its code is %s", (long long)slot, is_taken ? "in use" : "free",
                                   is_coded ? "there" : "missing");
  if (!is_coded || !is_taken) return;
  c->placed++;
  index_read_vectors(c->t, &at, 1, c->vector, e);
  if (!e->code && !bert_block_holds(data, size, c->t->dimensions, place, rowid, c->vector, e))
    report(c, "the code in slot %lld is not that of its vector", (long long)slot);
  report_damage(c, e);
  check_row_of_place(c, rowid, slot, e);
}

/* By the row of t_blocks that s stands on. */
static void check_block(Check *c, sqlite3_stmt *s, bert_err *e) {
  sqlite3_int64 block = sqlite3_column_int64(s, 0);
  const unsigned char *places = sqlite3_column_blob(s, 2), *data = sqlite3_column_blob(s, 3);
  size_t size = (size_t)sqlite3_column_bytes(s, 3);
  if (!index_is_block(block)) {
    report(c, "a block has number %lld", (long long)block);
    return;
  }
  int count = 0, has_map = places && sqlite3_column_bytes(s, 2) == BERT_BLOCK_SLOTS / 8;
  if (!has_map) report(c, "block %lld has no map of its places", (long long)block);
  if (!data) report(c, "block %lld of the codes is missing", (long long)block);
  if (!has_map || !data) return;
  bert_block_check(data, size, c->t->dimensions, e);
  if (e->code == BERT_FORMAT) report(c, "block %lld: %s", (long long)block, e->text), *e = (bert_err){0};
  for (int i = 0; i < BERT_BLOCK_SLOTS && !e->code; i++) {
    int is_taken = places[i / 8] >> i % 8 & 1;
    count += is_taken;
    check_place(c, block * BERT_BLOCK_SLOTS + i, data, size, is_taken, e);
  }
  if (count != sqlite3_column_int(s, 1))
    report(c, "block %lld says %d rows, but has %d", (long long)block, sqlite3_column_int(s, 1), count);
  if (sqlite3_column_int64(s, 4) == 0) report(c, "block %lld has no stamp", (long long)block);
}

static sqlite3_stmt *prepared(Check *c, const char *format, bert_err *e) {
  IndexTable *t = c->t;
  return e->code ? NULL : index_prepare(t, sqlite3_mprintf(format, t->schema, t->name, t->schema, t->name), 0, e);
}

static void check_blocks(Check *c, bert_err *e) {
  sqlite3_stmt *s = prepared(c, "SELECT b.block, count, places, data, stamp FROM \"%w\".\"%w_blocks\" b "
                                "LEFT JOIN \"%w\".\"%w_codes\" d ON d.block = b.block", e);
  while (s && index_step(c->t, s, e)) check_block(c, s, e);
  sqlite3_finalize(s);
}

static void check_parts(Check *c, bert_err *e) {
  sqlite3_stmt *s = prepared(c, "SELECT part, data FROM \"%w\".\"%w_vectors\"", e);
  while (s && index_step(c->t, s, e))
    if (!index_is_block(sqlite3_column_int64(s, 0) / INDEX_PARTS))
      report(c, "a part of the vectors has number %lld", (long long)sqlite3_column_int64(s, 0));
    else if (!index_part_is_whole(c->t, sqlite3_column_int64(s, 0), sqlite3_column_blob(s, 1),
                                  (size_t)sqlite3_column_bytes(s, 1)))
      report(c, "part %lld of the vectors does not fit its checksums", (long long)sqlite3_column_int64(s, 0));
  sqlite3_finalize(s);
}

/* The first column of a query that should give no row. */
static void check_none(Check *c, const char *sql, const char *what, bert_err *e) {
  sqlite3_stmt *s = prepared(c, sql, e);
  while (s && index_step(c->t, s, e)) report(c, what, sqlite3_column_int64(s, 0));
  sqlite3_finalize(s);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* By the row of SQL_GET_COLUMNS that s stands on, which begins with slot and hash. */
static void check_text(Check *c, sqlite3_int64 rowid, sqlite3_stmt *s, sqlite3_value **values, bert_err *e) {
  IndexTable *t = c->t;
  size_t start, size;
  int has_hash = sqlite3_column_type(s, 1) != SQLITE_NULL;
  sqlite3_int64 hash = sqlite3_column_int64(s, 1);
  for (int i = 0; i < t->columns.count; i++) values[i] = sqlite3_column_value(s, i + 3);
  bert_err wrong = {0};
  int has_text = index_join_text(t, values, &start, &size, &wrong);
  if (wrong.code == BERT_ARGUMENT) report(c, "row %lld: %s", (long long)rowid, wrong.text);
  else if (wrong.code) *e = wrong;
  else if (has_text != has_hash || (has_text && index_text_hash(t, t->texts + start, size) != hash))
    report(c, "row %lld: its text is another than was embedded", (long long)rowid);
  else if (has_text && sqlite3_column_type(s, 0) == SQLITE_NULL)
    report(c, "row %lld: its text has no vector", (long long)rowid);
}

static void check_rows(Check *c, bert_err *e) {
  IndexTable *t = c->t;
  int has_texts = t->columns.vector < 0 && !index_is_contentless(&t->columns);
  sqlite3_value **values = memory_new((size_t)t->columns.count + 1, sizeof *values, e);
  sqlite3_stmt *s = prepared(c, "SELECT id, slot FROM \"%w\".\"%w_rows\"", e);
  sqlite3_int64 placed = 0;
  while (s && index_step(t, s, e)) {
    sqlite3_int64 rowid = sqlite3_column_int64(s, 0);
    placed += sqlite3_column_type(s, 1) != SQLITE_NULL;
    sqlite3_stmt *row = has_texts ? index_sql(t, SQL_GET_COLUMNS, e) : NULL;
    t->row_owner = NULL;
    if (!row) continue;
    sqlite3_bind_int64(row, 1, rowid);
    if (index_step(t, row, e)) check_text(c, rowid, row, values, e);
    sqlite3_reset(row);
  }
  if (!e->code && placed != c->placed)
    report(c, "%lld rows have a slot, but %lld slots have a row", (long long)placed, (long long)c->placed);
  sqlite3_finalize(s);
  sqlite3_free(values);
}

static void check_content(Check *c, bert_err *e) {
  IndexTable *t = c->t;
  const IndexSchema *x = &t->columns;
  if (e->code || !x->content || !*x->content) return;
  const char *key = x->content_rowid ? x->content_rowid : "rowid";
  for (int missing = 0; missing < 2; missing++) {
    char *sql = missing ? sqlite3_mprintf("SELECT o.\"%w\" FROM \"%w\".\"%w\" o WHERE NOT EXISTS "
                                          "(SELECT 1 FROM \"%w\".\"%w_rows\" r WHERE "
                                          "r.id = o.\"%w\")", key, t->schema, x->content, t->schema, t->name, key)
                        : sqlite3_mprintf("SELECT r.id FROM \"%w\".\"%w_rows\" r WHERE NOT EXISTS "
                                          "(SELECT 1 FROM \"%w\".\"%w\" o WHERE "
                                          "o.\"%w\" = r.id)", t->schema, t->name, t->schema, x->content, key);
    sqlite3_stmt *s = index_prepare(t, sql, 0, e);
    while (s && index_step(t, s, e))
      report(c, missing ? "row %lld of the content is not in the index" : "row %lld is not in the content",
             (long long)sqlite3_column_int64(s, 0));
    sqlite3_finalize(s);
  }
}

static void check_finished(Check *c, bert_err *e) {
  if (index_get_config(c->t, "unfinished", 0, e))
    report(c, "a 'rebuild' or 'reembed' has stopped at its rank; the next one goes on from there");
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

char *index_check(IndexTable *t, bert_err *e) {
  index_flush(t, e);
  index_read_config(t, e);
  Check c = {.t = t, .out = sqlite3_str_new(t->db)};
  c.vector = memory_new((size_t)t->dimensions + 1, sizeof *c.vector, e);
  check_finished(&c, e);
  check_blocks(&c, e);
  check_parts(&c, e);
  check_none(&c, "SELECT block FROM \"%w\".\"%w_codes\" WHERE block NOT IN (SELECT block FROM \"%w\".\"%w_blocks\")",
             "the codes have block %lld, which is missing", e);
  check_none(&c,
             "SELECT part FROM \"%w\".\"%w_vectors\" WHERE part / 64 NOT IN (SELECT block FROM \"%w\".\"%w_blocks\")",
             "the vectors have part %lld, whose block is missing", e);
  if (index_has_kind(&t->columns, INDEX_PARTITION))
    check_none(&c,
               "SELECT id FROM \"%w\".\"%w_rows\" WHERE \"partition\" NOT IN (SELECT id FROM \"%w\".\"%w_partitions\")",
               "row %lld is in a partition that is missing", e);
  check_rows(&c, e);
  check_content(&c, e);
  if (c.count > SHOWN_MOST) sqlite3_str_appendf(c.out, "\nand %d more", c.count - SHOWN_MOST);
  sqlite3_free(c.vector);
  char *text = sqlite3_str_finish(c.out);
  if (!text && c.count) error_set(e, BERT_NOMEM, "out of memory");
  return text;
}
