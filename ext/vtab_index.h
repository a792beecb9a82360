/* vtab_index.h -- what the files of the virtual table bert_index share.
** Layer: ext. Uses: ext.h.
**
**    vtab_index.c          the module: create, connect, rename, transactions    vtab_index_args.c    CREATE's arguments
**    vtab_index_store.c    shadow tables, their statements, the configuration     vtab_index_block.c   blocks written
**    vtab_index_write.c    INSERT, UPDATE, DELETE                                 vtab_index_text.c    a row's text
**    vtab_index_embed.c    texts to vectors
**    vtab_index_plan.c     xBestIndex, conditions as SQL                          vtab_index_scan.c    cursors
**    vtab_index_search.c   the nearest rows                                       vtab_index_command.c INSERT INTO t(t)
**    vtab_index_check.c    integrity-check                                        vtab_index_sync.c    rebuild, reembed
**    vtab_index_lists.c    approximate search: lists                              vtab_index_reach.c   which of them
**    vtab_index_compact.c  optimize
**    vtab_index_trigger.c  what follows the content                               vtab_index_find.c    by name
**    vtab_index_progress.c how far a command is                                   vtab_index_salvage.c its vectors, kept
**
** The shadow tables of an index t. A row with a vector has a slot: block * 1024 + place; a block holds rows of one
** partition.
**
**    t_config(key, value)                    format, dimensions, model's hash, stamp (random, new with every write)
**    t_partitions(id, c1, c2 …)              the partition key columns, one row for each combination
**    t_blocks(block, stamp, partition, list, count, places)   places: a bit for each in use; stamp: new when written
**    t_codes(block, data)    what a search reads first: the engine's format, see bert.h
**    t_vectors(part, data)   uint64 sum[16], float[16][dimensions], little-endian; part = slot / 16
**    t_rows(id, slot, hash, partition, c1, c2 …)   metadata, each column with an index; slot NULL: no vector (yet)
**    t_content(id, c1, c2 …)                 texts (unless another table has them) and auxiliary columns */
#ifndef VTAB_INDEX_H
#define VTAB_INDEX_H

#include "ext.h"

#include <string.h>

/* ---- vtab_index_args.c: what CREATE VIRTUAL TABLE says ----------------------------------------------------------- */

typedef enum { INDEX_TEXT, INDEX_VECTOR, INDEX_METADATA, INDEX_PARTITION, INDEX_AUXILIARY } IndexKind;
typedef enum { INDEX_FLOAT, INDEX_INT8, INDEX_BIT } IndexForm;

typedef struct {
  char *name;
  char *type; /* as declared, "" where it is not */
  IndexKind kind;
} IndexColumn;

enum { INDEX_COLUMNS_MAX = 100, INDEX_DIMENSIONS_MAX = 65536 };

typedef struct {
  IndexColumn *columns;
  int count;
  int *texts; /* the columns that are embedded, in the order in which they are joined */
  int text_count;
  double *weights; /* of their vectors' mean, the largest 1; NULL: they are joined and have one vector */
  int vector; /* the column of the user's own vectors, or -1 */
  IndexForm form;
  int dimensions;      /* of these; 0 where a model decides */
  char *content;       /* another table that has the content; "" where nobody has; NULL: t_content */
  char *content_rowid; /* its key; NULL: rowid */
  char *model, *prompt, *query_prompt;
  int approximate;
} IndexSchema;

/* Another table has the content; nobody has it. */
static inline int index_is_external(const IndexSchema *s) { return s->content && *s->content; }
static inline int index_is_contentless(const IndexSchema *s) { return s->content && !*s->content; }
/* The key of the table that has the content: t_content's, where no other has. */
static inline const char *index_content_key(const IndexSchema *s) {
  return !index_is_external(s) ? "id" : s->content_rowid ? s->content_rowid : "rowid";
}

/* Reads the arguments from the fourth on; also on error index_schema_free is due. */
void index_schema_read(IndexSchema *s, const char *table, int argc, const char *const *argv, bert_err *e);
void index_schema_free(IndexSchema *s);
/* CREATE TABLE for sqlite3_declare_vtab; the hidden columns come after the user's, in the order of IndexHidden. NULL:
** no memory. */
char *index_schema_declaration(const IndexSchema *s, const char *table);
enum IndexHidden { HIDDEN_TABLE, HIDDEN_K, HIDDEN_DISTANCE, HIDDEN_RANK, HIDDEN_COUNT };
int index_has_kind(const IndexSchema *s, IndexKind kind);
/* Whether t_content has the column. */
int index_in_content(const IndexSchema *s, int column);

/* Eight bytes of a blob, the first one lowest. */
static inline void index_put64(unsigned char *p, uint64_t x) {
  for (int i = 0; i < 8; i++, x >>= 8) p[i] = (unsigned char)x;
}
static inline uint64_t index_get64(const unsigned char *p) {
  uint64_t x;
  memcpy(&x, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  return x;
}

/* ---- vtab_index_block.c ------------------------------------------------------------------------------------------ */

enum { INDEX_PART_ROWS = 16, INDEX_PARTS = BERT_BLOCK_SLOTS / INDEX_PART_ROWS, INDEX_WORDS = BERT_BLOCK_SLOTS / 32 };
enum { INDEX_BLOCKS_HELD = 64 };

/* Numbers of blocks go from 1 to this; others are damage. */
#define INDEX_BLOCK_MOST ((sqlite3_int64)1 << 50)

static inline int index_is_block(sqlite3_int64 block) { return block > 0 && block <= INDEX_BLOCK_MOST; }

typedef struct {
  uint32_t bits[INDEX_WORDS];
} IndexPlaces;

static inline int index_has_place(const IndexPlaces *p, int i) { return p->bits[i / 32] >> i % 32 & 1; }
static inline void index_add_place(IndexPlaces *p, int i) { p->bits[i / 32] |= (uint32_t)1 << i % 32; }
static inline void index_remove_place(IndexPlaces *p, int i) { p->bits[i / 32] &= ~((uint32_t)1 << i % 32); }

/* A block that a transaction changes, until it is written. */
typedef struct {
  sqlite3_int64 number, partition, list;
  int slots;           /* that its codes have as they are stored; 0: it is new */
  int count;           /* places in use */
  IndexPlaces taken;   /* these */
  IndexPlaces changed; /* those that are to be written: freed ones, and taken ones with a new vector or rowid */
  sqlite3_int64 rowids[BERT_BLOCK_SLOTS]; /* of the changed ones */
  float *parts[INDEX_PARTS];              /* [INDEX_PART_ROWS][dimensions]; NULL: not read */
} IndexBlock;

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* The statements that every table has; see vtab_index_store.c. */
typedef enum {
  SQL_GET_CONFIG, SQL_SET_CONFIG,
  SQL_GET_ROW, SQL_DELETE_ROW, SQL_LAST_ROW, SQL_SET_SLOT, SQL_SET_MEANING, SQL_DELETE_CONTENT,
  SQL_LAST_BLOCK, SQL_FREE_BLOCKS, SQL_GET_BLOCK, SQL_PUT_BLOCK, SQL_DELETE_BLOCK, SQL_ALL_BLOCKS,
  SQL_GET_CODES, SQL_PUT_CODES, SQL_DELETE_CODES, SQL_GET_PART, SQL_PUT_PART, SQL_DELETE_PARTS,
  SQL_ALL_LISTS, SQL_GET_LISTS, SQL_PUT_LISTS, SQL_GET_CENTROIDS,
  /* These depend on the columns. */
  SQL_PUT_ROW, SQL_CHANGE_ROW, SQL_PUT_CONTENT, SQL_GET_COLUMNS, SQL_FIND_PARTITION, SQL_PUT_PARTITION, SQL_COUNT
} IndexSql;

enum { INDEX_FILTERS_KEPT = 4 };

/* A text that waits for its vector. */
typedef struct {
  sqlite3_int64 slot, rowid;
  size_t start, size; /* in IndexTable.texts */
} IndexWaiting;

/* Progress of a command, for bert_index_progress; see vtab_index_progress.c. */
typedef struct IndexJob IndexJob;

typedef struct IndexTable {
  sqlite3_vtab base;
  Connection *connection;
  sqlite3 *db;
  struct IndexTable *next; /* of the connection's */
  char *schema, *name;
  IndexSchema columns;
  sqlite3_stmt *statements[SQL_COUNT];
  sqlite3_stmt *filters[INDEX_FILTERS_KEPT]; /* of conditions, the last used first */
  const void *row_owner; /* the cursor whose row SQL_GET_COLUMNS stands on */

  /* The configuration, as the current snapshot has it. */
  int is_config_known;
  int dimensions;
  char model_hash[17];
  int models; /* how often these have changed: vectors made before are no more to be compared with what is stored */
  uint64_t stamp; /* of what is read below; 0: nothing yet */

  /* What the current transaction has changed. */
  int is_changed, has_written; /* something is pending; something was, and is written */
  int is_rolled_back; /* what is pending is to be discarded */
  int own_statements; /* that are being stepped: their savepoints are none of the user's */
  sqlite3_int64 last_rowid, last_block;
  int last_rowid_known, last_block_known;
  sqlite3_int64 only_after;  /* rows go to blocks of a higher number */
  sqlite3_int64 new_vectors; /* that were put or asked for, ever */
  IndexBlock *blocks[INDEX_BLOCKS_HELD];
  int block_count;
  size_t held_bytes; /* of their vectors */
  IndexWaiting *waiting;
  size_t waiting_room;
  int waiting_count;
  char *texts;
  size_t texts_used, texts_room;
  int is_salvaging; /* a command runs whose vectors are kept apart, too */
  int has_salvaged; /* one has ended well: COMMIT makes them superfluous */

  /* The search: the blocks of the snapshot that has `stamp`, ascending. */
  bert_block *map; /* [map_count] */
  sqlite3_int64 *partitions, *lists;
  int *counts; /* rows in each */
  size_t map_room, partitions_room, lists_room, counts_room;
  int map_count;
  bert_block *list_map; /* of t_lists, where search='approximate' */
  size_t list_map_room;
  int list_map_count, list_count;
  double reach; /* see vtab_index_reach.c */
  sqlite3_int64 live; /* rows with a vector */
  float *query_vector; /* of the last text asked for */
  char *query_text;
  size_t query_size;
  int rc; /* SQLite's code for what failed last, or 0 */
} IndexTable;

/* ---- vtab_index_store.c ------------------------------------------------------------------------------------------ */

void index_store_create(IndexTable *t, bert_err *e);
void index_store_drop(IndexTable *t, bert_err *e);
void index_store_rename(IndexTable *t, const char *name, bert_err *e);
/* Statement `which`, fit for binding; NULL on error. index_done resets it. */
sqlite3_stmt *index_sql(IndexTable *t, IndexSql which, bert_err *e);
/* Steps: 1 a row, 0 the end or an error. */
int index_step(IndexTable *t, sqlite3_stmt *s, bert_err *e);
/* Steps a statement that gives no row to its end, and resets it. */
void index_run(IndexTable *t, sqlite3_stmt *s, bert_err *e);
/* Runs SQL in which %w %w stand for schema and table name. */
void index_exec(IndexTable *t, const char *format, bert_err *e);
/* Prepares the text (taken over; NULL: no memory). */
sqlite3_stmt *index_prepare(IndexTable *t, char *sql, unsigned flags, bert_err *e);
void index_finalize(IndexTable *t);
/* Fails with SQLite's own code and words. */
void index_failed(IndexTable *t, int rc, bert_err *e);
/* Fails with SQLITE_CORRUPT_VTAB. */
void index_damaged(IndexTable *t, bert_err *e, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A value of the configuration: an integer (otherwise where there is none). */
sqlite3_int64 index_get_config(IndexTable *t, const char *key, sqlite3_int64 otherwise, bert_err *e);
void index_set_config(IndexTable *t, const char *key, sqlite3_int64 value, bert_err *e);
void index_set_config_text(IndexTable *t, const char *key, const char *value, bert_err *e);
/* The names of the shadow tables, without "t_"; NULL at the end. */
extern const char *const index_shadows[];
/* Sets dimensions and model_hash, and forgets what was made with others. */
void index_set_model(IndexTable *t, int dimensions, const char *hash);
/* Reads them anew, or if this transaction has not yet. */
void index_read_config(IndexTable *t, bert_err *e);
void index_need_config(IndexTable *t, bert_err *e);
uint64_t index_random(void);
/* 64 bits of size bytes, begun with `seed`. */
uint64_t index_hash(const void *data, size_t size, uint64_t seed);

/* ---- vtab_index_block.c ------------------------------------------------------------------------------------------ */

/* A free place in a block of the partition and list, now the row's; its slot. A vector is to be put there. */
sqlite3_int64 index_take_slot(IndexTable *t, sqlite3_int64 partition, sqlite3_int64 list, sqlite3_int64 rowid,
                              bert_err *e);
void index_free_slot(IndexTable *t, sqlite3_int64 slot, bert_err *e);
/* Puts a row's vector (NULL: the one that is there) and rowid into its slot. */
void index_put_vector(IndexTable *t, sqlite3_int64 slot, sqlite3_int64 rowid, const float *v, bert_err *e);
/* Whether the slot's block is held. */
int index_is_held(const IndexTable *t, sqlite3_int64 slot);
/* The vector of a slot, also of one not written yet; valid until the next call. */
const float *index_get_vector(IndexTable *t, sqlite3_int64 slot, bert_err *e);
/* Whether the vectors of a part's blob fit their checksums; places never used have zeros. */
int index_part_is_whole(const IndexTable *t, sqlite3_int64 part, const unsigned char *blob, size_t size);
/* out[n] = the vectors of slots[n], which ascend, as they are stored. */
void index_read_vectors(IndexTable *t, const int64_t *slots, int n, float *out, bert_err *e);
/* Writes what is pending, embedding the waiting texts. */
void index_flush(IndexTable *t, bert_err *e);
/* That of other objects for the same table. */
void index_flush_twins(IndexTable *t, bert_err *e);
/* Forgets what is pending. */
void index_discard(IndexTable *t);
sqlite3_int64 index_last_block(IndexTable *t, bert_err *e);

/* Takes a block that nobody holds out of the shadow tables. */
void index_delete_block(IndexTable *t, sqlite3_int64 block, bert_err *e);

/* ---- vtab_index_compact.c ---------------------------------------------------------------------------------------- */

/* Merges blocks that are mostly empty, or, with `all`, writes every block anew. */
void index_compact(IndexTable *t, int all, bert_err *e);
/* The bytes of a block's codes, to be freed. */
unsigned char *index_copy_codes(IndexTable *t, sqlite3_int64 block, size_t *size, bert_err *e);
void index_set_slot(IndexTable *t, sqlite3_int64 rowid, sqlite3_int64 slot, bert_err *e);

/* ---- vtab_index_lists.c ------------------------------------------------------------------------------------------ */

/* Deals the rows of list 0, if they are many or it is to be done `at_once`; nothing where search is exact. */
void index_deal(IndexTable *t, int at_once, bert_err *e);

/* What the engine's callbacks (bert_scope.store) work on. */
typedef struct {
  IndexTable *t;
  bert_err *e;
} IndexReading;
/* bert_search with an IndexReading as the callbacks' context. What they failed by comes before what the engine makes of it. */
void index_ask(IndexTable *t, bert_scope *scope, const float *queries, int n, bert_hits *hits, const bert_progress *progress,
               bert_err *e);

/* ---- vtab_index_reach.c ------------------------------------------------------------------------------------------ */

/* What a query has to do with a list. */
enum { LIST_LEFT, LIST_WANTED, LIST_DONE };
/* A byte for each list, from 0 on: those that a query looks into first are wanted. NULL: there are no lists, or k is so large
** that an exact search is due; or an error. */
unsigned char *index_first_lists(IndexTable *t, const float *query, sqlite3_int64 k, bert_err *e);
/* What was wanted is done, and the k-th row that it gave is at that distance: what is wanted then; returns how many. */
int index_more_lists(IndexTable *t, const float *query, double distance, unsigned char *lists, bert_err *e);
/* Measures reach, for rows that have just been dealt. centroids[lists][dimensions]. */
void index_measure_reach(IndexTable *t, const float *centroids, bert_err *e);
void index_read_reach(IndexTable *t, bert_err *e);

/* ---- vtab_index_text.c ------------------------------------------------------------------------------------------- */

/* The text of a row (values: one for each column), at IndexTable.texts + start; 0 where there is none. It is kept by
** index_wait, else until the next one comes. */
int index_join_text(IndexTable *t, sqlite3_value **values, size_t *start, size_t *size, bert_err *e);
/* Of that text, the model and what the options say of both. */
sqlite3_int64 index_text_hash(const IndexTable *t, const char *text, size_t size);
/* The texts that a row's text has: one, or, where columns have weights, one of each. texts and weights (NULL: not
** wanted) have room for INDEX_COLUMNS_MAX. */
int index_text_parts(const IndexTable *t, const char *text, size_t size, bert_text *texts, double *weights);
/* out[d] = the mean of vectors[n][d], each of them of length 1, by weight; of length 1 itself. */
void index_text_mean(const float *vectors, const double *weights, int n, int d, float *out);

/* ---- vtab_index_salvage.c ---------------------------------------------------------------------------------------- */

/* The vector of a row's text that an earlier command of the connection had made: 1 where there is one. */
int index_salvage_get(IndexTable *t, const char *text, size_t size, float *v);
void index_salvage_put(IndexTable *t, const char *text, size_t size, const float *v);
/* What a salvaging command that was interrupted says, freed by sqlite3_free; NULL: nothing. */
char *index_salvage_text(const IndexTable *t);

/* ---- vtab_index_embed.c ------------------------------------------------------------------------------------------ */

/* The model, with the hash that the table was made with; else an error that says how to reembed. */
Loaded *index_model(IndexTable *t, bert_err *e);
Loaded *index_model_any(IndexTable *t, bert_err *e);
/* Keeps the text just joined for a row's slot. */
void index_wait(IndexTable *t, sqlite3_int64 slot, sqlite3_int64 rowid, size_t start, size_t size, bert_err *e);
void index_wait_not(IndexTable *t, sqlite3_int64 slot);
/* Embeds all that waits. */
void index_embed_waiting(IndexTable *t, bert_err *e);
/* The vector of the user's own that a value holds, as float32, in the connection's buffer 0; NULL for an SQL NULL. */
const float *index_own_vector(IndexTable *t, sqlite3_value *v, bert_err *e);
/* The query vector of MATCH's right side: text or vector; NULL for an SQL NULL. Valid until the next call. */
const float *index_query_vector(IndexTable *t, sqlite3_value *v, bert_err *e);
void index_query_texts(IndexTable *t, const bert_text *texts, int n, float *out, bert_err *e);
void index_forget_question(IndexTable *t);
/* The result of a vector column. */
void index_result_vector(const IndexTable *t, sqlite3_context *context, const float *v);

/* ---- vtab_index_write.c ------------------------------------------------------------------------------------------ */

int index_update(sqlite3_vtab *vtab, int argc, sqlite3_value **argv, sqlite3_int64 *rowid);
/* The same for a row that is there and keeps all but its text: 1 where that is to be embedded. */
int index_renew_row(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e);
/* Stores a row that is not there, or changes one that is; values: one for each column. 1 where it has a new vector. */
int index_put_row(IndexTable *t, sqlite3_int64 rowid, sqlite3_value **values, bert_err *e);
void index_delete_row(IndexTable *t, sqlite3_int64 rowid, bert_err *e);
/* Where a row's vector is; -1: it has none, or there is no such row. */
sqlite3_int64 index_slot_of(IndexTable *t, sqlite3_int64 rowid, bert_err *e);

/* ---- vtab_index_plan.c ------------------------------------------------------------------------------------------- */

int index_best(sqlite3_vtab *vtab, sqlite3_index_info *plan);

/* idxNum: the arguments that come first to xFilter, in this order, each if its bit is set; then what else a plan says.
** */
enum {
  PLAN_MATCH = 1, PLAN_K = 2, PLAN_BELOW = 4, PLAN_UP_TO = 8, PLAN_ABOVE = 16, PLAN_FROM = 32, PLAN_LIMIT = 64,
  PLAN_OFFSET = 128, PLAN_ARGUMENTS = 8,
  PLAN_ROWS = 256, PLAN_PARTITIONS = 512, /* there are conditions on rows, on partitions */
  PLAN_DESCENDING = 1024
};

typedef enum {
  WHERE_SLOTS,      /* slot of the rows that fulfil a plan's conditions on rows */
  WHERE_PARTITIONS, /* id of the partitions that fulfil those on partitions */
  WHERE_ROWS,       /* id of rows that fulfil both, by id */
  WHERE_ROWS_DESCENDING
} IndexWhere;

/* The statement of a plan's conditions (idxStr), with values bound; index_give_back is due. */
sqlite3_stmt *index_where(IndexTable *t, IndexWhere what, const char *plan, sqlite3_value **values, bert_err *e);
void index_give_back(IndexTable *t, sqlite3_stmt *s);

/* ---- vtab_index_search.c ----------------------------------------------------------------------------------------- */

/* Places that may be found. All zeros: any. */
typedef struct {
  int is_set;
  sqlite3_stmt *rows, *partitions; /* whose results it is, or NULL */
  uint64_t stamp;        /* of the map that the rest is for */
  int count;             /* of its blocks */
  int64_t *blocks;       /* [count], their numbers, ascending */
  IndexPlaces *places;   /* [count], or NULL: all of the open blocks */
  unsigned char *is_open; /* [count] */
} IndexFilter;

/* Brings the map up to date with the snapshot. */
void index_refresh(IndexTable *t, bert_err *e);
/* Fails where the rows are another model's than when IndexTable.models was read. */
void index_want_models(const IndexTable *t, int models, bert_err *e);
/* The rows that fulfil a plan's conditions, by the map as it is. */
void index_filter_make(IndexTable *t, IndexFilter *f, int plan, const char *text, sqlite3_value **values, bert_err *e);
/* Makes it anew where the map is another one. */
void index_filter_renew(IndexTable *t, IndexFilter *f, bert_err *e);
void index_filter_free(IndexTable *t, IndexFilter *f);
/* hits[n] = the nearest k rows to each of queries[n][dimensions] at no more than `most`; where `nearly`, an approximate
** index may leave some out. bert_hits_free is due. */
void index_search(IndexTable *t, const float *queries, int n, IndexFilter *filter, sqlite3_int64 k, double most,
                  int nearly, bert_hits *hits, bert_err *e);

/* ---- vtab_index_find.c ------------------------------------------------------------------------------------------- */

/* Of a table; schema NULL: whichever has it. */
typedef struct {
  char *schema, *table;
} IndexName;

/* Reads `table` or `schema.table`, each bare or quoted; also on error index_name_free is due. */
void index_name_read(IndexName *name, const char *text, bert_err *e);
void index_name_free(IndexName *name);
/* As SQL has it, freed by sqlite3_free; NULL: no memory. */
char *index_name_quoted(const IndexName *name);
/* The index of a name, and a statement that keeps it from going away. NULL on error. */
IndexTable *index_find(Connection *c, const char *name, sqlite3_stmt **held, bert_err *e);

/* ---- vtab_index_scan.c ------------------------------------------------------------------------------------------- */

int index_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out);
int index_close(sqlite3_vtab_cursor *cursor);
int index_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc, sqlite3_value **argv);
int index_next(sqlite3_vtab_cursor *cursor);
int index_eof(sqlite3_vtab_cursor *cursor);
int index_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i);
int index_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out);

/* ---- vtab_index_trigger.c ---------------------------------------------------------------------------------------- */

void index_create_triggers(IndexTable *t, bert_err *e);
void index_drop_triggers(IndexTable *t, bert_err *e);
/* Makes those that are there anew, under the table's present name. */
void index_rename_triggers(IndexTable *t, bert_err *e);

/* ---- vtab_index_command.c, vtab_index_sync.c, vtab_index_check.c, vtab_index_progress.c -------------------------- */

void index_command(IndexTable *t, sqlite3_value *command, sqlite3_value *value, bert_err *e);
/* A command in steps, each a statement of its own, which has it as its rank, by pointer. */
typedef struct {
  IndexJob *job;
  sqlite3_int64 made, seen; /* new vectors; rows looked at, those before the first step included */
  int is_complete;
} IndexSteps;
#define INDEX_STEPS "bert_index steps"
enum { INDEX_STEP_ROWS = 2048 };
/* Brings the index in line with its content, by at most `most` new vectors (-1: all), having forgotten all where it
** is_rebuild, or going on where the last one stopped; steps may be NULL. */
void index_sync(IndexTable *t, int is_rebuild, sqlite3_int64 most, IndexSteps *steps, bert_err *e);
void index_delete_all(IndexTable *t, int content_too, bert_err *e);
/* What is wrong, a line each, at most ten; NULL: nothing. Freed by sqlite3_free. */
char *index_check(IndexTable *t, bert_err *e);

/* `done` of `total` rows are done before it starts. */
IndexJob *index_job_start(IndexTable *t, const char *command, sqlite3_int64 total, sqlite3_int64 done, bert_err *e);
void index_job_step(IndexJob *j, sqlite3_int64 done);
void index_job_end(IndexJob *j);

/* ---- vtab_index.c ------------------------------------------------------------------------------------------------ */

/* Puts the error into the table and gives its code. */
int index_fail(IndexTable *t, const bert_err *e);
/* Fails within a statement of the table's own, which a view or trigger on what that reads or writes may lead to. */
void index_want_idle(const IndexTable *t, bert_err *e);

#endif
