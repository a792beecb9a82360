/* vtab_index_compact.c -- moves the rows of blocks that are mostly empty together.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    DELETE FROM v WHERE rowid % 20;        -- blocks keep one row in twenty
**    INSERT INTO v(v) VALUES ('optimize');  -- a twentieth of the blocks is left; VACUUM then shrinks the file
**
** Rows move to new blocks, in the order of their slots; a block that is empty leaves the shadow tables. */
#include "vtab_index.h"

#include <string.h>

enum { FULL_ENOUGH = BERT_BLOCK_SLOTS * 7 / 8 };

unsigned char *index_copy_codes(IndexTable *t, sqlite3_int64 block, size_t *size, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_GET_CODES, e);
  unsigned char *copy = NULL;
  *size = 0;
  if (!s) return NULL;
  sqlite3_bind_int64(s, 1, block);
  if (index_step(t, s, e)) {
    const void *data = sqlite3_column_blob(s, 0);
    *size = (size_t)sqlite3_column_bytes(s, 0);
    copy = memory_new(*size, 1, e);
    if (copy && data) memcpy(copy, data, *size);
  } else {
    index_damaged(t, e, "block %lld of the codes is missing", (long long)block);
  }
  sqlite3_reset(s);
  return copy;
}

void index_set_slot(IndexTable *t, sqlite3_int64 rowid, sqlite3_int64 slot, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_SET_SLOT, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, rowid);
  sqlite3_bind_int64(s, 2, slot);
  index_run(t, s, e);
  if (!e->code && sqlite3_changes(t->db) != 1) index_damaged(t, e, "block %lld has row %lld, which is missing",
                                                              (long long)(slot / BERT_BLOCK_SLOTS), (long long)rowid);
}

static void move_row(IndexTable *t, sqlite3_int64 from, sqlite3_int64 rowid, sqlite3_int64 partition,
                     sqlite3_int64 list, float *vector, bert_err *e) {
  const float *v = index_get_vector(t, from, e);
  if (v) memcpy(vector, v, (size_t)t->dimensions * sizeof *v);
  sqlite3_int64 to = e->code ? -1 : index_take_slot(t, partition, list, rowid, e);
  if (!e->code) index_put_vector(t, to, rowid, vector, e);
  index_set_slot(t, rowid, to, e);
  if (!e->code) index_free_slot(t, from, e);
}

/* Moves all rows of a block to blocks of its partition, and the list. */
static void empty_block(IndexTable *t, sqlite3_int64 block, sqlite3_int64 partition, sqlite3_int64 list, bert_err *e) {
  size_t size;
  unsigned char *codes = index_copy_codes(t, block, &size, e);
  float *vector = memory_new((size_t)t->dimensions, sizeof *vector, e);
  int slots = e->code ? 0 : bert_block_slots(codes, size, t->dimensions, e);
  if (e->code == BERT_FORMAT && !t->rc) t->rc = SQLITE_CORRUPT_VTAB;
  for (int i = 0; i < slots && !e->code; i++) {
    int64_t rowid;
    if (bert_block_rowid(codes, size, t->dimensions, i, &rowid))
      move_row(t, block * BERT_BLOCK_SLOTS + i, rowid, partition, list, vector, e);
  }
  sqlite3_free(vector);
  sqlite3_free(codes);
}

/* What a partition's list could do with. */
typedef struct {
  sqlite3_int64 partition, list, rows;
  int blocks;
} Group;

static int find_group(const Group *groups, int n, sqlite3_int64 partition, sqlite3_int64 list) {
  int i = 0;
  while (i < n && (groups[i].partition != partition || groups[i].list != list)) i++;
  return i;
}

/* By the map: which blocks are to be emptied; the blocks that are full enough stay, and so do those that cannot be
** fewer. */
static void choose(const IndexTable *t, int all, unsigned char *chosen, bert_err *e) {
  Group *groups = memory_new((size_t)t->map_count + 1, sizeof *groups, e);
  int n = 0;
  if (!groups) return;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < t->map_count; i++) {
      int g = find_group(groups, n, t->partitions[i], t->lists[i]);
      if (t->counts[i] >= FULL_ENOUGH && !all) continue;
      if (pass) {
        chosen[i] = all || groups[g].rows <= (sqlite3_int64)(groups[g].blocks - 1) * BERT_BLOCK_SLOTS;
        continue;
      }
      if (g == n) groups[n++] = (Group){t->partitions[i], t->lists[i], 0, 0};
      groups[g].rows += t->counts[i];
      groups[g].blocks++;
    }
  sqlite3_free(groups);
}

void index_compact(IndexTable *t, int all, bert_err *e) {
  index_flush(t, e);
  index_refresh(t, e);
  int n = t->map_count;
  unsigned char *chosen = memory_new((size_t)n + 1, 1, e);
  if (!e->code) choose(t, all, chosen, e);
  IndexJob *job = index_job_start(t, "optimize", t->live, 0, e);
  sqlite3_int64 moved = 0;
  t->only_after = index_last_block(t, e);
  for (int i = 0; i < n && !e->code; i++) {
    if (chosen[i]) empty_block(t, t->map[i].block, t->partitions[i], t->lists[i], e);
    index_job_step(job, moved += t->counts[i]);
  }
  t->only_after = 0;
  index_flush(t, e);
  index_deal(t, 1, e);
  index_job_end(job);
  sqlite3_free(chosen);
}
