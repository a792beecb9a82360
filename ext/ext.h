/* ext.h -- what the files of ext/ share: the glue between SQLite and the engine.
** Layer: ext. Uses: bert.h, sqlite3ext.h.
**
**    bert_ext.c   every function and table function in one table     fn.c, tvf.c   run a row of it
**    connection.c names -> models of one connection                  registry.c            models of the process
**    stored.c     models in the database                             embedded.c            models inside of this library
**    value.c      SQL values <-> texts and vectors                   inner.c, each.c, rows.c   SQL handed in as an argument
**    watch.c      has the user interrupted?                          error.c, memory.c, lock.c   what all of them need
**    fn_*.c       scalar functions                                   tvf_*.c               table functions
**    aggregate.c  runs the aggregates of agg_*.c                     bar.c (bar.h)   how far it is, on a terminal
**    vtab_index*.c  the virtual table bert_index (vtab_index.h)
**
** Errors are bert_err as in the engine: the first one wins, and a call on a failed one does nothing. Texts from SQL are
** views of sqlite3_value: they live as long as the call (scalar functions) or until the next xFilter (table functions,
** which own copies of their arguments). */
#ifndef EXT_H
#define EXT_H

#ifdef SQLITE_CORE
#include <sqlite3.h>
#else
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#endif

#include <stdatomic.h>

#include "bert.h"

/* Flags that are newer than the headers that some systems build with. SQLite ignores those it does not know. */
#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE 0x001000000
#endif

/* ---- error.c ---------------------------------------------------------------------------------------------------- */

/* Sets *e unless it holds an error already; cut at 511 bytes, never inside a UTF-8 character. */
void error_set(bert_err *e, bert_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "context: " before the text of a failed *e; does nothing on a good one. */
void error_within(bert_err *e, const char *context);
/* How many of text[size] a message shows: at most `most` bytes, up to a whole character; for "%.*s". */
int error_shown(const char *text, size_t size, int most);
/* "function: text", freed by sqlite3_free; NULL where SQLite has its own words: out of memory, interrupted. */
char *error_text(const char *function, const bert_err *e);
/* SQLite's result code for a failed *e. */
int error_rc(const bert_err *e);
/* Sets *e to what a call on db failed with. */
void error_sqlite(bert_err *e, sqlite3 *db, int rc);

/* ---- memory.c --------------------------------------------------------------------------------------------------- */

/* SQLite's heap, so that its limits and counters hold: zeroed; NULL and BERT_NOMEM when there is none. Freed by
** sqlite3_free. */
void *memory_new(size_t count, size_t size, bert_err *e);
/* Makes *p hold at least count things of that size (*room says how many it holds), keeping its contents. 0 on failure,
** where *p stays as it was. */
int memory_grow(void *p, size_t *room, size_t count, size_t size, bert_err *e);

/* ---- lock.c ----------------------------------------------------------------------------------------------------- */

typedef atomic_flag Lock; /* begins as ATOMIC_FLAG_INIT */
void lock_take(Lock *l);
void lock_give(Lock *l);

/* ---- registry.c ------------------------------------------------------------------------------------------------- */

/* An open model as one directory and one set of options give it. */
typedef struct Shared {
  bert_model *model; /* NULL while the process `reader` reads it */
  int threads; /* that the options ask for, or 0 */
  bert_stamp stamp;
  int owners;
  long reader;
  struct Shared *next;
  char source[]; /* the directory as it was given */
} Shared;

/* The model of a directory with options (JSON or NULL), opened once for the process; NULL on error. Every open is
** followed by one registry_close. */
Shared *registry_open(const char *directory, const char *options, bert_err *e);
/* The model that is open under a stamp, or NULL. */
Shared *registry_find(bert_stamp stamp);
/* A model that no directory gave (taken over, also on error; NULL on a failed e): one of the same hash that is open serves
** in its place. It is found by the stamp unless that is zeros. Closed as those that were opened. */
Shared *registry_adopt(bert_model *m, bert_stamp stamp, bert_err *e);
void registry_close(Shared *x);

/* ---- connection.c ----------------------------------------------------------------------------------------------- */

typedef struct Connection Connection;

/* One connection's use of a model: its session serves all statements, as one engine call runs at a time. */
typedef struct Loaded {
  Shared *shared;
  bert_model *model; /* of shared */
  bert_model_info info;
  bert_session *session;
  int users; /* names and cursors that hold it */
  struct Loaded *next;
} Loaded;

/* The Connection of db with one more owner, new if there is none; *known is 1 where connection_complete was called. */
Connection *connection_attach(sqlite3 *db, int *known, bert_err *e);
void connection_complete(Connection *c);
void connection_ref(Connection *c);
void connection_release(Connection *c);
sqlite3 *connection_db(const Connection *c);

/* What a function wants a model for, if it is called without the name of one: each has an embedded one (embedded.c). */
typedef enum {
  FOR_VECTORS, /* and for a tokenizer alone */
  FOR_TEXTS,   /* labels of texts, */
  FOR_PAIRS,   /* and of pairs */
  FOR_ANSWERS,
  FOR_ENTITIES,
  FOR_WORDS, /* masked ones, and next sentences */
  FOR_RANKS,
  FOR_NOTHING
} Purpose;

/* The model that a `model` argument names: `name`, `name@hash`, or "default" where value is NULL or an SQL NULL. The
** result is borrowed for this call; connection_hold keeps it. NULL on error: one is a loaded default without a head for the
** purpose, where an embedded model has one. The second is of a name in a text, and asks for no head. */
Loaded *connection_model(Connection *c, sqlite3_value *value, Purpose purpose, bert_err *e);
Loaded *connection_model_named(Connection *c, bert_text name, Purpose purpose, bert_err *e);
/* 1: the name is "default". */
int connection_is_default(bert_text name);
/* The Loaded of an open model, held; x is taken over. NULL on error. */
Loaded *connection_use(Connection *c, Shared *x, bert_err *e);
void connection_hold(Loaded *m);
void connection_drop(Connection *c, Loaded *m);

/* A name that a model can have: not empty, and no @ in it. */
void connection_check_name(bert_text name, bert_err *e);
/* Puts a model (taken over, also on error; NULL on a failed e) under a name, in place of what was there; borrowed. */
Loaded *connection_name(Connection *c, bert_text name, Shared *x, bert_err *e);
/* Forgets a name and hands over its hold on the model, for connection_drop; an unknown one is an error. */
Loaded *connection_forget(Connection *c, bert_text name, bert_err *e);
/* The model of a database that this connection has open under the stamp, or NULL. */
Loaded *connection_stored(Connection *c, bert_stamp stamp);
/* Name i in the order of loading, *m its model; NULL past the end. */
const char *connection_named(const Connection *c, int i, Loaded **m);

/* Room for n floats in buffer `which` (0 or 1), until it is asked for again. */
float *connection_floats(Connection *c, int which, size_t n, bert_err *e);

/* The virtual tables bert_index of this connection that are in use, first of a list. */
struct IndexTable **connection_indexes(Connection *c);

/* Vectors that an interrupted command of this connection had made, or NULL; see vtab_index_salvage.c. */
typedef struct IndexSalvage IndexSalvage;
IndexSalvage **connection_salvage(Connection *c);
void index_salvage_forget(Connection *c);

/* Counts the statements that run inside one another; see inner.c. */
int *connection_depth(Connection *c);

/* Counts the reads of the table bert_model_data that run: a generated column there that asks for one of its models
** would come back to itself, so meanwhile a model that is not loaded is an error. */
int *connection_reading(Connection *c);

/* The scalar function that runs, or NULL: fn.c sets it, and what a statement finds out once is kept with its call. */
typedef struct Call Call;
Call **connection_call(Connection *c);

/* ---- embedded_data.c, embedded.c: models inside of this library --------------------------------------------------------- */

/* The block that bert_container_open takes; NULL: there is none. */
const void *embedded_bytes(size_t *size);

/* A connection's use of them. */
typedef struct {
  bert_container *container; /* NULL: not asked for yet, or there is none */
  struct EmbeddedModel *model;
  int count;
} Embedded;
Embedded *connection_embedded(Connection *c);

/* Model i's name, NULL past the end. */
const char *embedded_name(Connection *c, int i, bert_err *e);
/* What a task of bert_finetune and bert_evaluate wants a model for; paired: its rows have a second text. */
Purpose embedded_purpose(const char *task, int paired);
/* The number of the one that a name means, which for "default" depends on the purpose; -1: there is none. */
int embedded_find(Connection *c, bert_text name, Purpose purpose, bert_err *e);
/* It, opened; borrowed until the connection ends. NULL on error. */
Loaded *embedded_model(Connection *c, int i, bert_err *e);
/* What it says of itself, opened or not. */
const bert_model_info *embedded_info(Connection *c, int i, bert_err *e);
void embedded_close(Connection *c);

/* ---- stored.c: models in the table bert_model_data --------------------------------------------------------------- */

/* A model of a schema, as its first row tells. */
typedef struct {
  char schema[64];
  bert_stamp stamp;      /* made anew by each bert_store */
  char hash[17];         /* as it was stored */
} Stored;

/* Schema i of a connection, NULL past the end; a schema whose name is longer than Stored has room for has no models. */
const char *stored_schema(Connection *c, int i, char out[64]);
/* 1 and *out where a schema has a model of that name; the first of them, in the order of PRAGMA database_list. */
int stored_find(Connection *c, bert_text name, Stored *out, bert_err *e);
/* Opens it. */
Shared *stored_open(Connection *c, bert_text name, const Stored *x, bert_err *e);
/* Puts a model there, in place of the one of that name, or takes one away; one change, all or nothing. */
void stored_put(Connection *c, bert_text name, const char *schema, const bert_model *m, bert_err *e);
void stored_remove(Connection *c, bert_text name, const char *schema, Stored *out, bert_err *e);
/* Calls `each` for the models of a schema, by name. */
void stored_list(Connection *c, const char *schema,
                 void (*each)(void *context, bert_text name, const Stored *x, bert_err *e), void *context, bert_err *e);

/* ---- value.c ---------------------------------------------------------------------------------------------------- */

enum { VALUE_VECTOR_SUBTYPE = 223, VALUE_JSON_SUBTYPE = 'J' };

/* The text of a value: 1, or 0 where v is NULL, an SQL NULL, or wrong (a BLOB). `what` names it in messages. */
int value_text(sqlite3_value *v, const char *what, bert_text *out, bert_err *e);
/* Likewise, for what must be there and must not hold a NUL. */
const char *value_string(sqlite3_value *v, const char *what, bert_err *e);
/* An integer in [low, high]; `otherwise` where v is NULL or an SQL NULL. */
sqlite3_int64 value_integer(sqlite3_value *v, sqlite3_int64 otherwise, sqlite3_int64 low, sqlite3_int64 high,
                            const char *what, bert_err *e);

typedef struct {
  const float *data;
  int n;
} Vector;

/* The vector of a BLOB or of JSON text, in the connection's buffer `which`; 0 as value_text. */
int value_vector(Connection *c, int which, sqlite3_value *v, const char *what, Vector *out, bert_err *e);

/* A number beside a text, of a name that messages show; NULL, or what float32 does not hold, is an error. */
float value_feature(sqlite3_value *v, const char *name, bert_err *e);

void value_result_vector(sqlite3_context *context, const float *v, int n);
void value_result_text(sqlite3_context *context, const char *text);

/* "the INTEGER 7", "the TEXT 'abc…'", "a BLOB of 3 bytes": how messages show a value. */
typedef struct {
  char text[80];
} Shown;
Shown value_shown(sqlite3_value *v);

/* ---- watch.c ---------------------------------------------------------------------------------------------------- */

/* Tells the engine when to stop: between start and stop, &watch.progress is what its calls are handed. */
typedef struct {
  bert_progress progress;
  sqlite3 *db;
  sqlite3_stmt *probe;
} Watch;
void watch_start(Watch *w, sqlite3 *db);
void watch_stop(Watch *w);

/* ---- inner.c ---------------------------------------------------------------------------------------------------- */

enum { INNER_DEPTH_MAX = 4 };

/* SQL handed in as an argument, running. All zeros is closed. */
typedef struct {
  Connection *connection;
  sqlite3_stmt *statement;
  sqlite3_int64 rows; /* given so far */
  int rc; /* SQLite's code where it failed, else 0 */
} Inner;

/* Prepares `SELECT * FROM (sql)`; `columns` ("key, text") says in messages what its fewest to most columns are. */
void inner_open(Inner *inner, Connection *c, bert_text sql, int fewest, int most, const char *columns, bert_err *e);
/* 1: a row; 0: the end or an error, now and from then on. */
int inner_step(Inner *inner, bert_err *e);
void inner_close(Inner *inner);
/* 1 where a text begins as a query does, so that it is no file's name. */
int inner_is_query(const char *text);
/* How many columns the query of an `sql` argument gives; 0 on error, where *rc is SQLite's code if it was the query that
** failed. */
int inner_columns(Connection *c, sqlite3_value *sql, int *rc, bert_err *e);

/* ---- rows.c ----------------------------------------------------------------------------------------------------- */

/* All rows of the query of an `sql` argument, freed by bert_rows_free; the query has ended when it returns. NULL on
** error, where *rc is SQLite's code if it was the query that failed. */
bert_rows *rows_copy(Connection *c, sqlite3_value *sql, int fewest, int most, const char *columns, int *rc,
                     bert_err *e);
bert_rows *rows_copy_text(Connection *c, bert_text sql, int fewest, int most, const char *columns, int *rc,
                          bert_err *e);

/* ---- options.c -------------------------------------------------------------------------------------------------- */

/* The text of a key in a JSON object of options, freed by sqlite3_free; NULL where it is absent, or on error. */
char *options_text(Connection *c, sqlite3_value *options, const char *key, bert_err *e);
/* Likewise that of a JSON object. */
char *options_object(Connection *c, sqlite3_value *options, const char *key, bert_err *e);
/* Likewise an integer. */
sqlite3_int64 options_integer(Connection *c, sqlite3_value *options, const char *key, sqlite3_int64 otherwise,
                              bert_err *e);
/* 1 where there is such a key, and it is not null. */
int options_has(Connection *c, sqlite3_value *options, const char *key, bert_err *e);
/* Whether `progress` asks for a bar: what bar_begin takes. */
int options_bar(Connection *c, sqlite3_value *options, bert_err *e);
/* The model that a key names, or "default", held; NULL on error. */
Loaded *options_model(Connection *c, sqlite3_value *options, const char *key, Purpose purpose, bert_err *e);
/* Likewise, but NULL where there is no such key. */
Loaded *options_model_if(Connection *c, sqlite3_value *options, const char *key, Purpose purpose, bert_err *e);

/* ---- each.c ----------------------------------------------------------------------------------------------------- */

/* A row of a window. */
typedef struct {
  sqlite3_value *key;
  size_t start[2]; /* of its texts in `bytes` */
  int item;        /* which of the window's texts is its own, or -1: the text is NULL */
} EachRow;

/* The rows of a query (key, text [, pair]), a window of them at a time. All zeros is closed. */
typedef struct {
  Inner inner;
  int limit;     /* rows of the next window */
  int count, at; /* rows of this window, and which of them is the current one */
  int items;     /* texts among them */
  int paired;    /* the query has a third column */
  int features;  /* numbers after it: the caller's, before each_open */
  const bert_model *model; /* that names them */
  float *numbers;          /* [items][features] */
  EachRow *rows;
  bert_text *texts, *pairs; /* [items]; data NULL: no pair */
  char *bytes;              /* the texts, one after the other */
  size_t used, room;
} Each;

/* Opens the query of an `sql` argument, of 2 to `most` columns; where there are features, of 3 and these. each_next leads
** to its first row. */
void each_open(Each *x, Connection *c, sqlite3_value *sql, int most, const char *columns, bert_err *e);
/* To the next row. 1: it begins a window, whose texts are now to be computed; count is 0 at the end. */
int each_next(Each *x, bert_err *e);
void each_close(Each *x);

/* ---- fresh.c --------------------------------------------------------------------------------------------------- */

/* The model of drawn weights that the option `vocabulary` asks for, freed by bert_model_free; NULL where it is absent. *rc:
** SQLite's code where the vocabulary's own query failed. */
bert_model *fresh_model(Connection *c, sqlite3_value *options, int *rc, bert_err *e);

/* ---- fn.c: scalar functions -------------------------------------------------------------------------------------- */

struct Call {
  sqlite3_context *context;
  Connection *connection;
  int count;
  sqlite3_value **values;
  int rc; /* SQLite's code, where a statement of the function's own failed */
};

typedef struct {
  const char *name;
  int fewest, most; /* arguments; most -1: any number */
  int flags;        /* SQLITE_DETERMINISTIC … */
  void (*run)(Call *call, bert_err *e); /* sets the result; none is NULL */
} Function;

/* Registers one; an SQLite result code. */
int fn_register(Connection *c, const Function *f);
/* Argument i, or NULL where the call has fewer. */
sqlite3_value *fn_value(const Call *call, int i);
/* Makes a failed *e the function's result. */
void fn_error(sqlite3_context *context, const char *name, const bert_err *e);

void fn_load(Call *call, bert_err *e);
void fn_unload(Call *call, bert_err *e);
void fn_save(Call *call, bert_err *e);
void fn_store(Call *call, bert_err *e);
void fn_drop(Call *call, bert_err *e);
void fn_index_rebuild(Call *call, bert_err *e);
void fn_index_memory(Call *call, bert_err *e);
void fn_version(Call *call, bert_err *e);
void fn_embed(Call *call, bert_err *e);
void fn_similarity(Call *call, bert_err *e);
void fn_token_count(Call *call, bert_err *e);
void fn_classify(Call *call, bert_err *e);
void fn_rerank(Call *call, bert_err *e);
void fn_next_sentence(Call *call, bert_err *e);
void fn_qa(Call *call, bert_err *e);
void fn_attention_svg(Call *call, bert_err *e);
void fn_cosine(Call *call, bert_err *e);
void fn_vector(Call *call, bert_err *e);
void fn_to_json(Call *call, bert_err *e);
void fn_concat(Call *call, bert_err *e);

/* ---- aggregate.c: aggregate functions that draw ------------------------------------------------------------------ */

typedef struct {
  const char *name;
  int fewest, most; /* arguments */
  int flags;
  void *(*new)(bert_err *e);                                    /* what gathers the rows */
  void (*step)(Call *call, void *state, bert_err *e);           /* takes a row in */
  bert_text (*finish)(Call *call, void *state, bert_err *e);    /* the result, owned by state; size 0: NULL */
  void (*free)(void *state);
} Aggregate;

int aggregate_register(Connection *c, const Aggregate *a);

extern const Aggregate aggregate_map_svg, aggregate_plot_svg;

/* ---- tvf.c: table functions -------------------------------------------------------------------------------------- */

enum { TVF_ARGUMENTS_MAX = 8, TVF_KEYS_MAX = 2 };

typedef struct TableFunction TableFunction;

/* A running scan. Each kind of cursor begins with one and adds what it needs, all zeros at first. */
typedef struct {
  sqlite3_vtab_cursor base;
  Connection *connection;
  const TableFunction *table;
  sqlite3_value *arguments[TVF_ARGUMENTS_MAX]; /* owned; NULL where left out or an SQL NULL */
  sqlite3_value *keys[TVF_KEYS_MAX];             /* owned; what the query compares the first columns with, or NULL */
  sqlite3_int64 row;                             /* counts from 0 */
  int done;                                      /* set by open or next when there is no (further) row */
  int rc;                                        /* what to fail with, where an inner statement has said it; else 0 */
} Cursor;

typedef struct {
  size_t size;                                                  /* of the struct that begins with Cursor */
  void (*open)(Cursor *cursor, bert_err *e);                    /* to the first row; required arguments are not NULL */
  void (*next)(Cursor *cursor, bert_err *e);                    /* to row `row`, which is counted already */
  void (*column)(Cursor *cursor, sqlite3_context *context, int i);
  void (*close)(Cursor *cursor); /* frees what open made, also half made, and leaves it fit for another open or close */
} CursorKind;

/* Beside a risk: a required argument that is NULL is an error, and not no rows. */
enum { TVF_STRICT = 1 << 16 };

struct TableFunction {
  const char *name;
  const char *columns;   /* as in CREATE TABLE, = before a key (tvf.c) */
  const char *arguments; /* the hidden columns, in order: "text, pair, =layer" (tvf.c) */
  int required;          /* how many of them must be given */
  int risk;              /* SQLITE_VTAB_INNOCUOUS, SQLITE_VTAB_DIRECTONLY, or 0 for neither; TVF_STRICT */
  const CursorKind *kind;
};

int tvf_register(Connection *c, const TableFunction *t);

extern const CursorKind tvf_models, tvf_kernels, tvf_tokens, tvf_token_embeddings, tvf_chunks, tvf_embed_each;
extern const CursorKind tvf_classes, tvf_predict, tvf_classify_each, tvf_answers, tvf_ner, tvf_tags;
extern const CursorKind tvf_finetune, tvf_pretrain;
extern const CursorKind tvf_search_each, tvf_hybrid, tvf_index_progress;
extern const CursorKind tvf_fill_mask, tvf_zero_shot, tvf_attention;
extern const CursorKind tvf_train_vocab, tvf_evaluate, tvf_pretrain_examples;

/* ---- vtab_index.c: the virtual table bert_index -------------------------------------------------------------------- */

int vtab_index_register(Connection *c);

#endif
