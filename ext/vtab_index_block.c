/* vtab_index_block.c -- the blocks that a transaction changes: held, then written together.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    INSERT INTO v(rowid, embedding) VALUES (1, '[0.1, …]');   -- held here
**    COMMIT;                                                   -- its block, its code and its vector are written
**
** A block that few rows of change is written in place, a slot here and a vector there; else as a whole. What is held is
** written when SQLite begins a savepoint or commits, when a search asks, and when it grows past HELD_BYTES. A block's
** stamp is new each time, so that what the process remembers of it is right in every snapshot and after every rollback.
** */
#include "vtab_index.h"

#include <string.h>

enum { HELD_BYTES = 8 << 20, SUM_BYTES = INDEX_PART_ROWS * 8, SLOTS_AT_LEAST = 16 };

static int block_bytes(const IndexTable *t) { return INDEX_PART_ROWS * t->dimensions * (int)sizeof(float); }

static size_t part_size(const IndexTable *t) { return SUM_BYTES + (size_t)block_bytes(t); }

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void floats_from(float *out, const unsigned char *p, size_t n) {
  memcpy(out, p, n * sizeof *out);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  for (size_t i = 0; i < n; i++) {
    uint32_t x =
        (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 | (uint32_t)p[4 * i + 3] << 24;
    memcpy(&out[i], &x, 4);
  }
#endif
}

static void floats_to(unsigned char *p, const float *v, size_t n) {
  memcpy(p, v, n * sizeof *v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  for (size_t i = 0; i < n; i++) {
    uint32_t x;
    memcpy(&x, &v[i], 4);
    for (int b = 0; b < 4; b++) p[4 * i + (size_t)b] = (unsigned char)(x >> 8 * b);
  }
#endif
}

static uint64_t sum_of(const IndexTable *t, sqlite3_int64 slot, const unsigned char *vector) {
  return index_hash(vector, (size_t)t->dimensions * sizeof(float), (uint64_t)slot);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* Vector `place` of a part's blob into out; what does not fit its sum is damage. */
static void read_vector(IndexTable *t, sqlite3_int64 slot, const unsigned char *blob, size_t size, float *out,
                        bert_err *e) {
  int place = (int)(slot % INDEX_PART_ROWS);
  const unsigned char *v = blob ? blob + SUM_BYTES + (size_t)place * (size_t)t->dimensions * sizeof(float) : NULL;
  if (!blob || size != part_size(t))
    index_damaged(t, e, "part %lld of the vectors has %lld bytes, wanted %lld", (long long)(slot / INDEX_PART_ROWS),
                  (long long)size, (long long)part_size(t));
  else if (index_get64(blob + place * 8) != sum_of(t, slot, v))
    index_damaged(t, e, "the vector in slot %lld does not fit its checksum", (long long)slot);
  else
    floats_from(out, v, (size_t)t->dimensions);
}

int index_part_is_whole(const IndexTable *t, sqlite3_int64 part, const unsigned char *blob, size_t size) {
  size_t vector = (size_t)t->dimensions * sizeof(float);
  if (!blob || size != part_size(t)) return 0;
  for (int i = 0; i < INDEX_PART_ROWS; i++) {
    const unsigned char *v = blob + SUM_BYTES + (size_t)i * vector;
    int is_zero = index_get64(blob + i * 8) == 0 && v[0] == 0 && !memcmp(v, v + 1, vector - 1);
    if (!is_zero && index_get64(blob + i * 8) != sum_of(t, part * INDEX_PART_ROWS + i, v)) return 0;
  }
  return 1;
}

/* Row SQL_GET_PART of a part; NULL where there is none. Valid until the statement is reset. */
static const unsigned char *part_blob(IndexTable *t, sqlite3_int64 part, size_t *size, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_GET_PART, e);
  *size = 0;
  if (!s) return NULL;
  sqlite3_bind_int64(s, 1, part);
  if (!index_step(t, s, e)) return NULL;
  const unsigned char *blob = sqlite3_column_blob(s, 0);
  *size = (size_t)sqlite3_column_bytes(s, 0);
  return blob;
}

/* Makes a held block's part readable. Places that are not in use, or are to be written anew, need no reading. */
static float *load_part(IndexTable *t, IndexBlock *b, int part, bert_err *e) {
  if (b->parts[part] || e->code) return b->parts[part];
  float *rows = sqlite3_malloc64((sqlite3_uint64)block_bytes(t));
  sqlite3_int64 first = b->number * BERT_BLOCK_SLOTS + part * INDEX_PART_ROWS;
  const unsigned char *blob = NULL;
  size_t size;
  int is_read = 0;
  if (!rows) error_set(e, BERT_NOMEM, "out of memory");
  else memset(rows, 0, (size_t)block_bytes(t));
  for (int i = 0; i < INDEX_PART_ROWS && !e->code; i++) {
    int place = part * INDEX_PART_ROWS + i;
    if (!index_has_place(&b->taken, place) || index_has_place(&b->changed, place)) continue;
    if (!is_read++) blob = part_blob(t, first / INDEX_PART_ROWS, &size, e);
    if (!e->code) read_vector(t, first + i, blob, size, rows + (size_t)i * (size_t)t->dimensions, e);
  }
  if (is_read) sqlite3_reset(t->statements[SQL_GET_PART]);
  if (!e->code) return b->parts[part] = rows;
  sqlite3_free(rows);
  return NULL;
}

static void write_part(IndexTable *t, const IndexBlock *b, int part, unsigned char *buffer, bert_err *e) {
  sqlite3_int64 first = b->number * BERT_BLOCK_SLOTS + part * INDEX_PART_ROWS;
  size_t vector = (size_t)t->dimensions * sizeof(float);
  sqlite3_stmt *s = index_sql(t, SQL_PUT_PART, e);
  if (!s) return;
  memset(buffer, 0, part_size(t));
  for (int i = 0; i < INDEX_PART_ROWS; i++) {
    unsigned char *v = buffer + SUM_BYTES + (size_t)i * vector;
    if (!index_has_place(&b->taken, part * INDEX_PART_ROWS + i)) continue;
    floats_to(v, b->parts[part] + (size_t)i * (size_t)t->dimensions, (size_t)t->dimensions);
    index_put64(buffer + i * 8, sum_of(t, first + i, v));
  }
  sqlite3_bind_int64(s, 1, first / INDEX_PART_ROWS);
  sqlite3_bind_blob64(s, 2, buffer, part_size(t), SQLITE_STATIC);
  index_run(t, s, e);
  sqlite3_bind_null(s, 2);
}

/* Whether the places have any of a part. */
static int any_of_part(const IndexPlaces *p, int part) { return (p->bits[part / 2] >> part % 2 * 16 & 0xFFFF) != 0; }

static void delete_parts(IndexTable *t, sqlite3_int64 first, sqlite3_int64 last, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_DELETE_PARTS, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, first);
  sqlite3_bind_int64(s, 2, last);
  index_run(t, s, e);
}

static void write_parts(IndexTable *t, IndexBlock *b, bert_err *e) {
  unsigned char *buffer = memory_new(part_size(t), 1, e);
  sqlite3_int64 first = b->number * INDEX_PARTS;
  for (int p = 0; p < INDEX_PARTS && !e->code; p++) {
    if (!any_of_part(&b->changed, p)) continue;
    if (!any_of_part(&b->taken, p)) delete_parts(t, first + p, first + p, e);
    else if (b->parts[p]) write_part(t, b, p, buffer, e);
  }
  sqlite3_free(buffer);
}

/* ---- codes ------------------------------------------------------------------------------------------------------- */

/* The places of a block that are to be encoded, with their rowids and vectors side by side as bert_block_put wants
** them. */
typedef struct {
  int places[BERT_BLOCK_SLOTS];
  int64_t rowids[BERT_BLOCK_SLOTS];
  float *vectors;
  size_t vectors_room;
  int n, freed, last; /* how many; changed places that are free now; the last place in use */
} Encoding;

static void gather(IndexTable *t, const IndexBlock *b, Encoding *x, bert_err *e) {
  size_t d = (size_t)t->dimensions;
  x->n = x->freed = 0;
  x->last = -1;
  for (int i = 0; i < BERT_BLOCK_SLOTS; i++) {
    int taken = index_has_place(&b->taken, i);
    if (taken) x->last = i;
    if (!index_has_place(&b->changed, i)) continue;
    if (taken) x->places[x->n++] = i;
    else x->freed++;
  }
  memory_grow(&x->vectors, &x->vectors_room, (size_t)x->n * d, sizeof(float), e);
  for (int i = 0; i < x->n && !e->code; i++) {
    int place = x->places[i];
    if (!b->parts[place / INDEX_PART_ROWS]) { /* its row's statement failed between taking the place and filling it */
      error_set(e, BERT_ARGUMENT, "place %d of block %lld was never filled, ROLLBACK", place, (long long)b->number);
      return;
    }
    x->rowids[i] = b->rowids[place];
    memcpy(x->vectors + (size_t)i * d, b->parts[place / INDEX_PART_ROWS] + (size_t)(place % INDEX_PART_ROWS) * d,
           d * sizeof(float));
  }
}

static void put_codes(IndexTable *t, const IndexBlock *b, const void *data, size_t size, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_PUT_CODES, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, b->number);
  sqlite3_bind_blob64(s, 2, data, size, SQLITE_STATIC);
  index_run(t, s, e);
  sqlite3_bind_null(s, 2);
}

/* Slots for so many places: some to spare, as a block that grows is written anew. */
static int slots_for(const IndexBlock *b, int places) {
  int slots = b->slots || places >= BERT_BLOCK_SLOTS / 2 ? places + places / 8 : places;
  slots = (slots + SLOTS_AT_LEAST - 1) / SLOTS_AT_LEAST * SLOTS_AT_LEAST;
  return slots > BERT_BLOCK_SLOTS ? BERT_BLOCK_SLOTS : slots;
}

static void copy_stored_codes(IndexTable *t, const IndexBlock *b, unsigned char *data, int slots, bert_err *e) {
  sqlite3_stmt *s = b->slots ? index_sql(t, SQL_GET_CODES, e) : NULL;
  if (!s) return;
  sqlite3_bind_int64(s, 1, b->number);
  if (index_step(t, s, e)) {
    const unsigned char *blob = sqlite3_column_blob(s, 0);
    size_t size = (size_t)sqlite3_column_bytes(s, 0), start = bert_block_offset(t->dimensions, 0);
    int stored = b->slots < slots ? b->slots : slots;
    if (!blob || size != bert_block_bytes(t->dimensions, b->slots))
      index_damaged(t, e, "block %lld of the codes has %lld bytes", (long long)b->number, (long long)size);
    else memcpy(data + start, blob + start, bert_block_offset(t->dimensions, stored) - start);
  } else if (!e->code) {
    index_damaged(t, e, "block %lld of the codes is missing", (long long)b->number);
  }
  sqlite3_reset(s);
}

static void write_codes_whole(IndexTable *t, IndexBlock *b, Encoding *x, bert_err *e) {
  int slots = x->last < b->slots ? b->slots : slots_for(b, x->last + 1);
  size_t size = bert_block_bytes(t->dimensions, slots);
  unsigned char *data = memory_new(size, 1, e);
  if (data) bert_block_init(data, t->dimensions, slots);
  copy_stored_codes(t, b, data, slots, e);
  for (int i = 0; i < slots && x->freed; i++)
    if (index_has_place(&b->changed, i) && !index_has_place(&b->taken, i))
      bert_block_clear(data, size, t->dimensions, i, e);
  if (!e->code && x->n) bert_block_put(data, size, t->dimensions, x->places, x->rowids, x->vectors, x->n, e);
  if (!e->code) put_codes(t, b, data, size, e);
  if (!e->code) b->slots = slots;
  sqlite3_free(data);
}

/* The changed slots alone, by incremental I/O: it dirties the pages that hold them and no others. */
static void write_codes_in_place(IndexTable *t, IndexBlock *b, Encoding *x, bert_err *e) {
  char *table = sqlite3_mprintf("%s_codes", t->name);
  size_t slot = bert_block_slot_bytes(t->dimensions), size = bert_block_bytes(t->dimensions, x->n + 1);
  unsigned char *data = memory_new(size, 1, e); /* its last slot stays empty: what is written over freed ones */
  sqlite3_blob *blob = NULL;
  int order[BERT_BLOCK_SLOTS];
  for (int i = 0; i < x->n; i++) order[i] = i;
  if (data) bert_block_init(data, t->dimensions, x->n + 1);
  if (!e->code && x->n) bert_block_put(data, size, t->dimensions, order, x->rowids, x->vectors, x->n, e);
  t->own_statements++;
  int rc = e->code || table ? SQLITE_OK : SQLITE_NOMEM;
  if (rc == SQLITE_OK && !e->code) rc = sqlite3_blob_open(t->db, t->schema, table, "data", b->number, 1, &blob);
  for (int i = 0, at = 0; i < BERT_BLOCK_SLOTS && rc == SQLITE_OK && !e->code; i++) {
    if (!index_has_place(&b->changed, i)) continue;
    int from = index_has_place(&b->taken, i) ? at++ : x->n;
    if (i >= b->slots) continue; /* taken and freed again, before it was ever written */
    rc = sqlite3_blob_write(blob, data + bert_block_offset(t->dimensions, from), (int)slot,
                            (int)bert_block_offset(t->dimensions, i));
  }
  if (rc == SQLITE_ERROR && !e->code)
    index_damaged(t, e, "block %lld of the codes is missing or too short", (long long)b->number);
  else if (rc != SQLITE_OK) index_failed(t, rc, e);
  rc = sqlite3_blob_close(blob);
  t->own_statements--;
  if (rc != SQLITE_OK) index_failed(t, rc, e);
  sqlite3_free(data);
  sqlite3_free(table);
}

/* ---- a block ----------------------------------------------------------------------------------------------------- */

static void write_block_row(IndexTable *t, const IndexBlock *b, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_PUT_BLOCK, e);
  unsigned char places[BERT_BLOCK_SLOTS / 8];
  if (!s) return;
  for (int i = 0; i < BERT_BLOCK_SLOTS / 8; i++) places[i] = (unsigned char)(b->taken.bits[i / 4] >> i % 4 * 8);
  sqlite3_bind_int64(s, 1, b->number);
  sqlite3_bind_int64(s, 2, (sqlite3_int64)index_random());
  sqlite3_bind_int64(s, 3, b->partition);
  sqlite3_bind_int64(s, 4, b->list);
  sqlite3_bind_int(s, 5, b->count);
  sqlite3_bind_blob(s, 6, places, (int)sizeof places, SQLITE_STATIC);
  index_run(t, s, e);
  sqlite3_bind_null(s, 6);
}

static void delete_by_block(IndexTable *t, IndexSql which, sqlite3_int64 block, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, which, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, block);
  index_run(t, s, e);
}

void index_delete_block(IndexTable *t, sqlite3_int64 block, bert_err *e) {
  delete_by_block(t, SQL_DELETE_BLOCK, block, e);
  delete_by_block(t, SQL_DELETE_CODES, block, e);
  delete_parts(t, block * INDEX_PARTS, (block + 1) * INDEX_PARTS - 1, e);
}

static void write_block(IndexTable *t, IndexBlock *b, Encoding *x, bert_err *e) {
  if (b->count == 0) {
    if (b->slots) index_delete_block(t, b->number, e);
    return;
  }
  gather(t, b, x, e);
  if (!e->code) {
    if (x->last >= b->slots || (x->n + x->freed) * 16 > b->slots) write_codes_whole(t, b, x, e);
    else write_codes_in_place(t, b, x, e);
  }
  write_parts(t, b, e);
  write_block_row(t, b, e);
}

static void free_block(IndexBlock *b) {
  for (int i = 0; i < INDEX_PARTS; i++) sqlite3_free(b->parts[i]);
  sqlite3_free(b);
}

/* ---- what is held ------------------------------------------------------------------------------------------------ */

void index_discard(IndexTable *t) {
  for (int i = 0; i < t->block_count; i++) free_block(t->blocks[i]);
  t->block_count = t->waiting_count = 0;
  t->texts_used = 0;
  t->is_changed = t->has_written = t->last_rowid_known = t->last_block_known = 0;
  t->is_rolled_back = 0;
  t->held_bytes = 0;
}

/* Writes all blocks and lets go of them. */
static void write_held(IndexTable *t, bert_err *e) {
  index_embed_waiting(t, e);
  Encoding *x = memory_new(1, sizeof *x, e);
  for (int i = 0; i < t->block_count && !e->code; i++) write_block(t, t->blocks[i], x, e);
  if (x) sqlite3_free(x->vectors);
  sqlite3_free(x);
  if (e->code) return;
  for (int i = 0; i < t->block_count; i++) free_block(t->blocks[i]);
  t->block_count = 0;
  t->held_bytes = 0;
}

/* The rowid that last_insert_rowid() tells stays the user's, not one of the shadow tables. */
static void flush(IndexTable *t, bert_err *e) {
  if (t->is_rolled_back && !t->own_statements) index_discard(t); /* by a table function, which does not call index_fail */
  if (!t->is_changed || e->code) return;
  sqlite3_int64 last = sqlite3_last_insert_rowid(t->db);
  write_held(t, e);
  index_set_config(t, "stamp", (sqlite3_int64)index_random(), e);
  sqlite3_set_last_insert_rowid(t->db, last);
  if (e->code) return;
  t->is_changed = 0;
  t->has_written = 1;
}

/* Where SQLite reads the schema anew within a transaction, as after an ATTACH that fails, it makes another object for the
** table; what the one before has pending belongs to both. */
void index_flush_twins(IndexTable *t, bert_err *e) {
  for (IndexTable *x = *connection_indexes(t->connection); x; x = x->next) {
    if (x == t || !x->is_changed || sqlite3_stricmp(x->name, t->name) || sqlite3_stricmp(x->schema, t->schema)) continue;
    flush(x, e);
    if (e->code && !t->rc) t->rc = x->rc;
  }
}

void index_flush(IndexTable *t, bert_err *e) {
  index_flush_twins(t, e);
  flush(t, e);
}

static IndexBlock *find_held(const IndexTable *t, sqlite3_int64 number) {
  for (int i = t->block_count - 1; i >= 0; i--)
    if (t->blocks[i]->number == number) return t->blocks[i];
  return NULL;
}

int index_is_held(const IndexTable *t, sqlite3_int64 slot) { return find_held(t, slot / BERT_BLOCK_SLOTS) != NULL; }

static IndexBlock *hold(IndexTable *t, sqlite3_int64 number, bert_err *e) {
  if (t->block_count == INDEX_BLOCKS_HELD || t->held_bytes > HELD_BYTES) write_held(t, e);
  IndexBlock *b = memory_new(1, sizeof *b, e);
  if (!b) return NULL;
  b->number = number;
  t->is_changed = 1;
  return t->blocks[t->block_count++] = b;
}

/* Reads what t_blocks says of a block. */
static void read_block(IndexTable *t, IndexBlock *b, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_GET_BLOCK, e);
  if (!s) return;
  sqlite3_bind_int64(s, 1, b->number);
  if (!index_step(t, s, e)) {
    index_damaged(t, e, "block %lld is missing", (long long)b->number);
    return;
  }
  const unsigned char *places = sqlite3_column_blob(s, 3);
  b->partition = sqlite3_column_int64(s, 0);
  b->list = sqlite3_column_int64(s, 1);
  if (!places || sqlite3_column_bytes(s, 3) != BERT_BLOCK_SLOTS / 8)
    index_damaged(t, e, "block %lld has no map of its places", (long long)b->number);
  for (int i = 0; i < BERT_BLOCK_SLOTS / 8 && !e->code; i++) {
    b->taken.bits[i / 4] |= (uint32_t)places[i] << i % 4 * 8;
    b->count += __builtin_popcount(places[i]);
  }
  sqlite3_reset(s);
}

/* How many slots the codes of a block have. */
static void read_slots(IndexTable *t, IndexBlock *b, bert_err *e) {
  char *table = sqlite3_mprintf("%s_codes", t->name);
  sqlite3_blob *blob = NULL;
  if (!table) error_set(e, BERT_NOMEM, "out of memory");
  if (e->code) {
    sqlite3_free(table);
    return;
  }
  t->own_statements++;
  int rc = sqlite3_blob_open(t->db, t->schema, table, "data", b->number, 0, &blob);
  t->own_statements--;
  sqlite3_free(table);
  if (rc == SQLITE_ERROR) index_damaged(t, e, "block %lld of the codes is missing", (long long)b->number);
  else if (rc != SQLITE_OK) index_failed(t, rc, e);
  if (e->code) return;
  size_t size = (size_t)sqlite3_blob_bytes(blob), slot = bert_block_slot_bytes(t->dimensions);
  sqlite3_blob_close(blob);
  size_t slots = (size - bert_block_offset(t->dimensions, 0)) / slot;
  if (slots < 1 || slots > BERT_BLOCK_SLOTS || bert_block_bytes(t->dimensions, (int)slots) != size)
    index_damaged(t, e, "block %lld of the codes has %lld bytes", (long long)b->number, (long long)size);
  else b->slots = (int)slots;
}

/* The block of that number, held from now on. */
static IndexBlock *block_of(IndexTable *t, sqlite3_int64 number, bert_err *e) {
  if (e->code) return NULL;
  IndexBlock *b = find_held(t, number);
  if (b) return b;
  b = hold(t, number, e);
  if (!b) return NULL;
  read_block(t, b, e);
  read_slots(t, b, e);
  if (!e->code) return b;
  free_block(b);
  t->block_count--;
  return NULL;
}

/* A stored block of the partition and list with a free place that is not held: those held are known to be full. */
static sqlite3_int64 find_free_block(IndexTable *t, sqlite3_int64 partition, sqlite3_int64 list, bert_err *e) {
  sqlite3_stmt *s = index_sql(t, SQL_FREE_BLOCKS, e);
  sqlite3_int64 found = -1;
  if (!s) return -1;
  sqlite3_bind_int64(s, 1, partition);
  sqlite3_bind_int64(s, 2, list);
  sqlite3_bind_int(s, 3, BERT_BLOCK_SLOTS);
  sqlite3_bind_int64(s, 4, t->only_after);
  while (found < 0 && index_step(t, s, e))
    if (!find_held(t, sqlite3_column_int64(s, 0))) found = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  if (found >= 0 && !index_is_block(found)) index_damaged(t, e, "a block has number %lld", (long long)found);
  return found;
}

sqlite3_int64 index_last_block(IndexTable *t, bert_err *e) {
  if (!t->last_block_known) {
    sqlite3_stmt *s = index_sql(t, SQL_LAST_BLOCK, e);
    t->last_block = 0;
    if (s && index_step(t, s, e)) t->last_block = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    for (int i = 0; i < t->block_count; i++)
      if (t->blocks[i]->number > t->last_block) t->last_block = t->blocks[i]->number;
    t->last_block_known = e->code == BERT_OK;
  }
  if (t->last_block < 0 || t->last_block >= INDEX_BLOCK_MOST)
    index_damaged(t, e, "the last block has number %lld", (long long)t->last_block);
  return t->last_block;
}

static IndexBlock *block_with_room(IndexTable *t, sqlite3_int64 partition, sqlite3_int64 list, bert_err *e) {
  for (int i = t->block_count - 1; i >= 0 && !e->code; i--) {
    IndexBlock *b = t->blocks[i];
    if (b->partition == partition && b->list == list && b->count < BERT_BLOCK_SLOTS && b->number > t->only_after)
      return b;
  }
  sqlite3_int64 number = find_free_block(t, partition, list, e);
  IndexBlock *b = number >= 0 ? block_of(t, number, e) : NULL;
  if (b && b->count >= BERT_BLOCK_SLOTS) index_damaged(t, e, "block %lld is full, but says it has room", (long long)number);
  if (b || e->code) return e->code ? NULL : b;
  number = index_last_block(t, e) + 1;
  b = e->code ? NULL : hold(t, number, e);
  if (!b) return NULL;
  t->last_block = number;
  b->partition = partition;
  b->list = list;
  return b;
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

static int free_place(const IndexBlock *b) {
  int word = 0;
  while (b->taken.bits[word] == UINT32_MAX) word++;
  return word * 32 + __builtin_ctz(~b->taken.bits[word]);
}

sqlite3_int64 index_take_slot(IndexTable *t, sqlite3_int64 partition, sqlite3_int64 list, sqlite3_int64 rowid,
                              bert_err *e) {
  IndexBlock *b = block_with_room(t, partition, list, e);
  if (!b) return -1;
  int place = free_place(b);
  index_add_place(&b->taken, place);
  index_add_place(&b->changed, place);
  b->rowids[place] = rowid;
  b->count++;
  t->is_changed = 1;
  return b->number * BERT_BLOCK_SLOTS + place;
}

void index_free_slot(IndexTable *t, sqlite3_int64 slot, bert_err *e) {
  IndexBlock *b = block_of(t, slot / BERT_BLOCK_SLOTS, e);
  int place = (int)(slot % BERT_BLOCK_SLOTS);
  if (!b) return;
  if (!index_has_place(&b->taken, place)) {
    index_damaged(t, e, "slot %lld is free, but a row has it", (long long)slot);
    return;
  }
  index_wait_not(t, slot);
  index_remove_place(&b->taken, place);
  index_add_place(&b->changed, place);
  b->count--;
  t->is_changed = 1;
}

/* The vector of a held block's place, to be read or written. */
static float *place_vector(IndexTable *t, IndexBlock *b, int place, bert_err *e) {
  int part = place / INDEX_PART_ROWS, fresh = !b->parts[part];
  float *rows = load_part(t, b, part, e);
  if (rows && fresh) t->held_bytes += (size_t)block_bytes(t);
  return rows ? rows + (size_t)(place % INDEX_PART_ROWS) * (size_t)t->dimensions : NULL;
}

void index_put_vector(IndexTable *t, sqlite3_int64 slot, sqlite3_int64 rowid, const float *v, bert_err *e) {
  IndexBlock *b = block_of(t, slot / BERT_BLOCK_SLOTS, e);
  int place = (int)(slot % BERT_BLOCK_SLOTS);
  float *to = b ? place_vector(t, b, place, e) : NULL;
  if (!to) return;
  if (v) memcpy(to, v, (size_t)t->dimensions * sizeof *v);
  index_add_place(&b->changed, place);
  b->rowids[place] = rowid;
  t->is_changed = 1;
}

const float *index_get_vector(IndexTable *t, sqlite3_int64 slot, bert_err *e) {
  index_embed_waiting(t, e);
  IndexBlock *b = find_held(t, slot / BERT_BLOCK_SLOTS);
  if (b) return place_vector(t, b, (int)(slot % BERT_BLOCK_SLOTS), e);
  int64_t stored = slot;
  float *out = connection_floats(t->connection, 0, (size_t)t->dimensions, e);
  index_read_vectors(t, &stored, 1, out, e);
  return e->code ? NULL : out;
}

/* Opens the part for reading by pieces, or goes there with the handle that another one had. */
static void open_part(IndexTable *t, sqlite3_int64 part, const char *table, sqlite3_blob **blob, bert_err *e) {
  if (e->code) return;
  t->own_statements++;
  int rc = *blob ? sqlite3_blob_reopen(*blob, part) : sqlite3_blob_open(t->db, t->schema, table, "data", part, 0, blob);
  t->own_statements--;
  if (rc == SQLITE_ERROR) index_damaged(t, e, "part %lld of the vectors is missing", (long long)part);
  else if (rc != SQLITE_OK) index_failed(t, rc, e);
  else if ((size_t)sqlite3_blob_bytes(*blob) != part_size(t))
    index_damaged(t, e, "part %lld of the vectors has %lld bytes, wanted %lld", (long long)part,
                  (long long)sqlite3_blob_bytes(*blob), (long long)part_size(t));
}

/* The vector alone, of the sixteen that its part has: a page or two. */
static void read_piece(IndexTable *t, sqlite3_blob *blob, sqlite3_int64 slot, float *out, bert_err *e) {
  int place = (int)(slot % INDEX_PART_ROWS), vector = t->dimensions * (int)sizeof *out;
  unsigned char sum[8];
  if (e->code) return;
  int rc = sqlite3_blob_read(blob, sum, 8, place * 8);
  if (rc == SQLITE_OK) rc = sqlite3_blob_read(blob, out, vector, SUM_BYTES + place * vector);
  if (rc != SQLITE_OK) index_failed(t, rc, e);
  else if (index_get64(sum) != sum_of(t, slot, (unsigned char *)out))
    index_damaged(t, e, "the vector in slot %lld does not fit its checksum", (long long)slot);
  else
    floats_from(out, (unsigned char *)out, (size_t)t->dimensions);
}

void index_read_vectors(IndexTable *t, const int64_t *slots, int n, float *out, bert_err *e) {
  char *table = e->code ? NULL : sqlite3_mprintf("%s_vectors", t->name);
  sqlite3_blob *blob = NULL;
  if (!table) error_set(e, BERT_NOMEM, "out of memory");
  for (int i = 0; i < n && !e->code; i++) {
    if (i == 0 || slots[i] / INDEX_PART_ROWS != slots[i - 1] / INDEX_PART_ROWS)
      open_part(t, slots[i] / INDEX_PART_ROWS, table, &blob, e);
    read_piece(t, blob, slots[i], out + (size_t)i * (size_t)t->dimensions, e);
  }
  sqlite3_blob_close(blob);
  sqlite3_free(table);
}
