/* stored.c -- models inside the database: the table bert_model_data.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_store('m');            -- m@5b0d6e1f9a3c2748: from now on the database has it, unless this is rolled back
**    SELECT bert_embed('hello', 'm');   -- in any process that opens the database: the same vector
**
**    model | file                | part | data
**    ------+---------------------+------+-----------------------------------------------------------------
**    m     |                     |    0 | bert 1 stamp=… hash=… arithmetic=…      the model's first row
**    m     | config.json         |    0 | the files of bert_model_save,
**    m     | model.safetensors   |    0 | in parts of 256 KiB,
**    m     | model.safetensors   |    1 | the last one shorter
**
** The stamp is random and made anew by each bert_store: equal stamps mean equal models, so a statement costs one query for
** the first row, and a model that another connection has open is shared without being read. A model is read within one
** read transaction. What the table holds is not trusted: every row's type and size is checked before it is used, all
** of a model takes at most STORED_MAX bytes, and its hash is held against the one it was stored with. */
#include "ext.h"

#include <stdio.h>
#include <string.h>

enum { PART = 256 << 10, SCHEMA_ROOM = sizeof((Stored *)0)->schema };
#define STORED_MAX ((sqlite3_int64)2 << 30) /* BERT-large in f32 takes 1.34 GB */

static const char TABLE[] = "bert_model_data";

/* ---- SQL --------------------------------------------------------------------------------------------------------- */

/* A statement on the table of a schema: %w in `format` is the schema. NULL on error. */
static sqlite3_stmt *prepare(Connection *c, const char *format, const char *schema, bert_err *e) {
  sqlite3_stmt *s = NULL;
  if (e->code) return NULL;
  char *sql = sqlite3_mprintf(format, schema);
  int rc = sql ? sqlite3_prepare_v2(connection_db(c), sql, -1, &s, NULL) : SQLITE_NOMEM;
  sqlite3_free(sql);
  if (rc == SQLITE_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
  else if (rc) error_sqlite(e, connection_db(c), rc);
  return s;
}

static void bind_text(sqlite3_stmt *s, int i, bert_text t, bert_err *e) {
  if (s && !e->code && sqlite3_bind_text64(s, i, t.data, t.size, SQLITE_TRANSIENT, SQLITE_UTF8))
    error_set(e, BERT_NOMEM, "out of memory");
}

/* 1: a row. */
static int step(Connection *c, sqlite3_stmt *s, bert_err *e) {
  if (e->code) return 0;
  int rc = sqlite3_step(s);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) error_sqlite(e, connection_db(c), rc);
  return rc == SQLITE_ROW;
}

static void run(Connection *c, const char *format, const char *schema, bert_text name, bert_err *e) {
  sqlite3_stmt *s = prepare(c, format, schema, e);
  if (s && sqlite3_bind_parameter_count(s)) bind_text(s, 1, name, e);
  if (s) step(c, s, e);
  sqlite3_finalize(s);
}

static const char *copy_schema(const char *name, char out[SCHEMA_ROOM]) {
  sqlite3_snprintf(SCHEMA_ROOM, out, "%s", name && strlen(name) < SCHEMA_ROOM ? name : "");
  return out;
}

const char *stored_schema(Connection *c, int i, char out[SCHEMA_ROOM]) {
#if SQLITE_VERSION_NUMBER >= 3039000
  if (sqlite3_libversion_number() >= 3039000) {
    const char *name = sqlite3_db_name(connection_db(c), i);
    return name ? copy_schema(name, out) : NULL;
  }
#endif
  sqlite3_stmt *s = NULL;
  int row = -1;
  sqlite3_prepare_v2(connection_db(c), "PRAGMA database_list", -1, &s, NULL);
  while (s && row < i && sqlite3_step(s) == SQLITE_ROW) row++;
  const char *name = row == i ? copy_schema((const char *)sqlite3_column_text(s, 1), out) : NULL;
  sqlite3_finalize(s);
  return name;
}

/* 1 if the schema has the table (a view is none). */
static int has_table(Connection *c, const char *schema, bert_err *e) {
  if (e->code || !*schema) return 0;
  int rc = sqlite3_table_column_metadata(connection_db(c), schema, TABLE, NULL, NULL, NULL, NULL, NULL, NULL);
  if (rc != SQLITE_OK && rc != SQLITE_ERROR) error_sqlite(e, connection_db(c), rc); /* no such table is SQLITE_ERROR */
  return rc == SQLITE_OK;
}

/* A schema whose name has no room in a Stored would keep what is never found again. */
static void check_schema(const char *schema, bert_err *e) {
  size_t size = strlen(schema);
  if (size >= SCHEMA_ROOM)
    error_set(e, BERT_ARGUMENT, "schema: found '%.*s', wanted a name of at most %d bytes", error_shown(schema, size, 80),
              schema, SCHEMA_ROOM - 1);
}

/* ---- the first row ----------------------------------------------------------------------------------------------- */

static const char FIRST[] = "SELECT data FROM \"%w\".bert_model_data WHERE model = ?1 AND file = '' AND part = 0";

static char *print_first(const Stored *x) {
  return sqlite3_mprintf("bert 1 stamp=%016llx%016llx hash=%s arithmetic=%d", (unsigned long long)x->stamp.a,
                         (unsigned long long)x->stamp.b, x->hash, BERT_ARITHMETIC);
}

/* Column i of a first row; *arithmetic is that of its maker. */
static void read_first(sqlite3_stmt *s, int i, const char *schema, bert_text name, Stored *out, int *arithmetic,
                       bert_err *e) {
  int is_null = sqlite3_column_type(s, i) == SQLITE_NULL;
  const char *text = (const char *)sqlite3_column_text(s, i);
  unsigned long long a = 0, b = 0;
  int end = 0, n = sqlite3_column_bytes(s, i);
  *out = (Stored){.stamp = {0}};
  sqlite3_snprintf(SCHEMA_ROOM, out->schema, "%s", schema);
  if (!text && !is_null) error_set(e, BERT_NOMEM, "out of memory");
  if (text && n < 200)
    sscanf(text, "bert 1 stamp=%16llx%16llx hash=%16[0-9a-f] arithmetic=%d%n", &a, &b, out->hash, arithmetic, &end);
  if (!end || end != n || strlen(out->hash) != 16 || !(a || b))
    error_set(e, BERT_FORMAT, "%s.%s: the first row of the model '%.*s' is not one that bert_store of this version wrote",
              schema, TABLE, error_shown(name.data, name.size, 80), name.data);
  out->stamp = (bert_stamp){a, b};
}

int stored_find(Connection *c, bert_text name, Stored *out, bert_err *e) {
  char schema[SCHEMA_ROOM];
  int found = 0, arithmetic;
  ++*connection_reading(c);
  for (int i = 0; !found && !e->code && stored_schema(c, i, schema); i++) {
    if (!has_table(c, schema, e)) continue;
    sqlite3_stmt *s = prepare(c, FIRST, schema, e);
    if (s) bind_text(s, 1, name, e);
    if (s && step(c, s, e)) {
      read_first(s, 0, schema, name, out, &arithmetic, e);
      found = 1;
    }
    sqlite3_finalize(s);
  }
  --*connection_reading(c);
  return found && !e->code;
}

void stored_list(Connection *c, const char *schema,
                 void (*each)(void *context, bert_text name, const Stored *x, bert_err *e), void *context, bert_err *e) {
  if (!has_table(c, schema, e)) return;
  sqlite3_stmt *s = prepare(c, "SELECT model, data FROM \"%w\".bert_model_data WHERE file = '' AND part = 0 "
                            "AND typeof(model) = 'text' ORDER BY model", schema, e);
  ++*connection_reading(c);
  while (s && step(c, s, e)) {
    bert_text name = {(const char *)sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0)};
    bert_err damaged = {0};
    Stored x;
    int arithmetic;
    read_first(s, 1, schema, name, &x, &arithmetic, &damaged);
    if (!name.data || damaged.code == BERT_NOMEM) error_set(e, BERT_NOMEM, "out of memory");
    else if (!damaged.code) each(context, name, &x, e);
  }
  --*connection_reading(c);
  sqlite3_finalize(s);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct {
  char *name;
  sqlite3_int64 size;
} RowFile;

/* The rows of one model, as files. */
typedef struct {
  Connection *connection;
  bert_text model;
  const char *schema;
  RowFile *file;
  size_t room;
  int count;
  sqlite3_stmt *part;     /* the part read last is its row, */
  const RowFile *at_file; /* of this file, */
  sqlite3_int64 at_part;  /* and this number; at_file NULL: none is */
} RowFiles;

static const RowFile *find_file(const RowFiles *x, const char *name) {
  for (int i = 0; i < x->count; i++)
    if (!strcmp(x->file[i].name, name)) return &x->file[i];
  return NULL;
}

static int64_t file_size(void *context, const char *name) {
  const RowFile *f = find_file(context, name);
  return f ? f->size : -1;
}

static void set_damaged(const RowFiles *x, const char *file, sqlite3_int64 part, const char *what, bert_err *e) {
  error_set(e, BERT_FORMAT, "%s.%s: the model '%.*s': %.80s: part %lld: %s", x->schema, TABLE,
            error_shown(x->model.data, x->model.size, 80), x->model.data, file, part, what);
}

/* Makes a part the row of x->part. */
static void seek(RowFiles *x, const RowFile *f, sqlite3_int64 part, bert_err *e) {
  if (x->at_file == f && x->at_part == part) return;
  x->at_file = NULL;
  sqlite3_reset(x->part);
  bind_text(x->part, 2, (bert_text){f->name, strlen(f->name)}, e);
  if (!e->code) sqlite3_bind_int64(x->part, 3, part);
  sqlite3_int64 size = f->size - part * PART < PART ? f->size - part * PART : PART;
  if (!step(x->connection, x->part, e) || sqlite3_column_bytes(x->part, 0) != size ||
      sqlite3_column_type(x->part, 0) != SQLITE_BLOB)
    set_damaged(x, f->name, part, "another one than when the model was opened", e);
  if (e->code) return;
  x->at_file = f;
  x->at_part = part;
}

static void read_file(void *context, const char *name, uint64_t offset, void *out, size_t n, bert_err *e) {
  RowFiles *x = context;
  const RowFile *f = find_file(x, name);
  char *to = out;
  if (!f) error_set(e, BERT_IO, "%s: no such file", name);
  while (n > 0 && !e->code) {
    size_t at = (size_t)(offset % PART), some = PART - at < n ? PART - at : n;
    seek(x, f, (sqlite3_int64)(offset / PART), e);
    const char *data = e->code ? NULL : sqlite3_column_blob(x->part, 0);
    if (!data) error_set(e, BERT_NOMEM, "out of memory");
    else memcpy(to, data + at, some);
    to += some;
    offset += some;
    n -= some;
  }
}

/* One row of the listing: part `part` of a file, `size` bytes (-1: no BLOB). Parts are whole but the last. */
static void add_part(RowFiles *x, const char *file, sqlite3_int64 part, sqlite3_int64 size, sqlite3_int64 *total,
                     bert_err *e) {
  RowFile *f = x->count ? &x->file[x->count - 1] : NULL;
  if (!f || strcmp(f->name, file)) {
    if (!memory_grow(&x->file, &x->room, (size_t)x->count + 1, sizeof *x->file, e)) return;
    f = &x->file[x->count];
    *f = (RowFile){memory_new(strlen(file) + 1, 1, e), 0};
    if (!f->name) return;
    strcpy(f->name, file);
    x->count++;
  }
  if (size < 0 || size > PART) set_damaged(x, file, part, "found no BLOB of at most 262144 bytes", e);
  else if (f->size != part * PART) set_damaged(x, file, part, "found it where another part was wanted", e);
  f->size += size;
  *total += size;
  if (*total > STORED_MAX)
    error_set(e, BERT_ARGUMENT, "%s.%s: the model '%.*s' takes more than %lld bytes, at most that are taken", x->schema,
              TABLE, error_shown(x->model.data, x->model.size, 80), x->model.data, STORED_MAX);
}

static void list_files(RowFiles *x, bert_err *e) {
  sqlite3_int64 total = 0;
  sqlite3_stmt *s = prepare(x->connection, "SELECT file, part, iif(typeof(data) = 'blob', length(data), -1), "
                            "typeof(part) FROM \"%w\".bert_model_data WHERE model = ?1 AND typeof(file) = 'text' AND "
                            "file <> '' ORDER BY file, part", x->schema, e);
  if (s) bind_text(s, 1, x->model, e);
  while (s && step(x->connection, s, e)) {
    const char *file = (const char *)sqlite3_column_text(s, 0), *type = (const char *)sqlite3_column_text(s, 3);
    if (!file || !type) error_set(e, BERT_NOMEM, "out of memory");
    else if (strcmp(type, "integer") || strlen(file) != (size_t)sqlite3_column_bytes(s, 0))
      set_damaged(x, file, 0, "found a file's name or a part's number that bert_store writes not so", e);
    else add_part(x, file, sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), &total, e);
  }
  sqlite3_finalize(s);
}

static void close_files(RowFiles *x) {
  sqlite3_finalize(x->part);
  for (int i = 0; i < x->count; i++) sqlite3_free(x->file[i].name);
  sqlite3_free(x->file);
}

static bert_model *read_model(Connection *c, bert_text name, const Stored *stored, int arithmetic, bert_err *e) {
  RowFiles x = {.connection = c, .model = name, .schema = stored->schema};
  bert_files files = {&x, file_size, read_file};
  bert_model_info info;
  list_files(&x, e);
  x.part = prepare(c, "SELECT data FROM \"%w\".bert_model_data WHERE model = ?1 AND file = ?2 AND part = ?3",
                   stored->schema, e);
  if (x.part) bind_text(x.part, 1, name, e);
  char *source = sqlite3_mprintf("%s.%s:%.*s", stored->schema, TABLE, (int)name.size, name.data);
  if (!source) error_set(e, BERT_NOMEM, "out of memory");
  bert_model *m = e->code ? NULL : bert_model_open_files(&files, source, NULL, e);
  if (m) bert_model_describe(m, &info);
  if (m && arithmetic == BERT_ARITHMETIC && strcmp(info.hash, stored->hash)) {
    error_set(e, BERT_FORMAT, "%s: found a model of hash %s, wanted %s, as it was stored: its rows were changed", source,
              info.hash, stored->hash);
    bert_model_free(m);
    m = NULL;
  }
  sqlite3_free(source);
  close_files(&x);
  return m;
}

Shared *stored_open(Connection *c, bert_text name, const Stored *stored, bert_err *e) {
  Stored now = *stored;
  int arithmetic = 0;
  if (e->code) return NULL;
  Shared *x = registry_find(stored->stamp);
  if (x) return x;
  /* While this statement stands on its row, all others see the database as it is now. */
  ++*connection_reading(c);
  sqlite3_stmt *s = prepare(c, FIRST, stored->schema, e);
  if (s) bind_text(s, 1, name, e);
  if (s && step(c, s, e)) read_first(s, 0, stored->schema, name, &now, &arithmetic, e);
  else
    error_set(e, BERT_ARGUMENT, "the model '%.*s' was dropped meanwhile", error_shown(name.data, name.size, 80),
              name.data);
  bert_model *m = e->code ? NULL : read_model(c, name, &now, arithmetic, e);
  sqlite3_finalize(s);
  --*connection_reading(c);
  return registry_adopt(m, now.stamp, e);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* A sink whose files are rows. */
typedef struct {
  Connection *connection;
  sqlite3_stmt *insert;
  char *part; /* [PART] */
  size_t used;
  sqlite3_int64 number, left; /* of the part; bytes of the file that are still to come */
  uint64_t total;             /* of the files begun */
} RowSink;

static void put_part(RowSink *x, bert_err *e) {
  if (e->code) return;
  sqlite3_bind_int64(x->insert, 3, x->number++);
  if (sqlite3_bind_blob64(x->insert, 4, x->part, x->used, SQLITE_STATIC)) error_set(e, BERT_NOMEM, "out of memory");
  step(x->connection, x->insert, e);
  sqlite3_reset(x->insert);
  x->used = 0;
}

static void begin_file(void *context, const char *name, uint64_t size, bert_err *e) {
  RowSink *x = context;
  x->total += size;
  if (x->total > STORED_MAX)
    error_set(e, BERT_ARGUMENT, "the model takes %llu bytes or more, wanted at most %lld; bert_save keeps any",
              (unsigned long long)x->total, STORED_MAX);
  bind_text(x->insert, 2, (bert_text){name, strlen(name)}, e);
  x->number = 0;
  x->used = 0;
  x->left = (sqlite3_int64)size;
  if (size == 0) put_part(x, e);
}

static void write_file(void *context, const void *bytes, size_t n, bert_err *e) {
  RowSink *x = context;
  for (const char *p = bytes; n > 0 && !e->code;) {
    size_t some = PART - x->used < n ? PART - x->used : n;
    memcpy(x->part + x->used, p, some);
    p += some;
    n -= some;
    x->used += some;
    x->left -= (sqlite3_int64)some;
    if (x->used == PART || x->left == 0) put_part(x, e);
  }
}

static void put_first(RowSink *x, const bert_model *m, bert_err *e) {
  bert_model_info info;
  Stored stored = {.stamp = {0}};
  bert_model_describe(m, &info);
  memcpy(stored.hash, info.hash, sizeof stored.hash);
  sqlite3_randomness(sizeof stored.stamp, &stored.stamp);
  stored.stamp.a |= 1; /* not zeros */
  char *text = print_first(&stored);
  if (!text) error_set(e, BERT_NOMEM, "out of memory");
  bind_text(x->insert, 2, (bert_text){"", 0}, e);
  sqlite3_bind_int64(x->insert, 3, 0);
  if (!e->code) bind_text(x->insert, 4, (bert_text){text, strlen(text)}, e);
  step(x->connection, x->insert, e);
  sqlite3_reset(x->insert);
  sqlite3_free(text);
}

static void put_model(Connection *c, bert_text name, const char *schema, const bert_model *m, bert_err *e) {
  RowSink x = {.connection = c, .part = memory_new(PART, 1, e)};
  bert_sink sink = {.context = &x, .begin = begin_file, .write = write_file, .compact = 1};
  Watch watch;
  if (!has_table(c, schema, e))
    run(c, "CREATE TABLE IF NOT EXISTS \"%w\".bert_model_data(model TEXT NOT NULL, file TEXT NOT NULL, "
        "part INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(model, file, part))", schema, name, e);
  run(c, "DELETE FROM \"%w\".bert_model_data WHERE model = ?1", schema, name, e);
  x.insert = prepare(c, "INSERT INTO \"%w\".bert_model_data(model, file, part, data) VALUES (?1, ?2, ?3, ?4)", schema, e);
  if (x.insert) bind_text(x.insert, 1, name, e);
  watch_start(&watch, connection_db(c));
  if (!e->code) bert_model_save(m, &sink, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code) put_first(&x, m, e);
  sqlite3_finalize(x.insert);
  sqlite3_free(x.part);
}

/* The statements around a change, made beforehand: its end must not lack memory for them. */
typedef struct {
  sqlite3_stmt *undo, *end;
} Change;

/* Begins a change that end_change makes or undoes as a whole. Its first statement is to write: for a lock to write SQLite
** waits as it was told (sqlite3_busy_timeout), but not where it has begun to read. */
static Change begin_change(Connection *c, bert_err *e) {
  Change x = {prepare(c, "ROLLBACK TO bert_model_data", "", e), prepare(c, "RELEASE bert_model_data", "", e)};
  sqlite3_stmt *begin = prepare(c, "SAVEPOINT bert_model_data", "", e);
  int rc = e->code ? SQLITE_OK : sqlite3_step(begin);
  if (rc == SQLITE_BUSY)
    error_set(e, BERT_ARGUMENT, "called by a statement that writes itself, wanted a statement of its own");
  else if (rc != SQLITE_OK && rc != SQLITE_DONE) error_sqlite(e, connection_db(c), rc);
  sqlite3_finalize(begin);
  if (!e->code) return x;
  sqlite3_finalize(x.undo);
  sqlite3_finalize(x.end);
  return (Change){NULL, NULL};
}

static void undo(Change *x) {
  if (sqlite3_step(x->undo) == SQLITE_DONE) sqlite3_step(x->end);
  sqlite3_reset(x->undo);
  sqlite3_reset(x->end);
}

/* What can be neither made nor undone stays in a transaction that the user has to end. */
static void end_change(Connection *c, Change x, bert_err *e) {
  if (!x.end) return;
  if (!e->code) {
    int rc = sqlite3_step(x.end);
    if (rc != SQLITE_DONE) error_sqlite(e, connection_db(c), rc);
    sqlite3_reset(x.end);
  }
  if (e->code) undo(&x);
  sqlite3_finalize(x.undo);
  sqlite3_finalize(x.end);
}

void stored_put(Connection *c, bert_text name, const char *schema, const bert_model *m, bert_err *e) {
  check_schema(schema, e);
  Change change = begin_change(c, e);
  if (!e->code) put_model(c, name, schema, m, e);
  end_change(c, change, e);
}

void stored_remove(Connection *c, bert_text name, const char *schema, Stored *out, bert_err *e) {
  int arithmetic, found = 0;
  Change change = begin_change(c, e);
  if (has_table(c, schema, e)) {
    bert_err damaged = {0};
    run(c, "DELETE FROM \"%w\".bert_model_data WHERE 0", schema, name, e);
    sqlite3_stmt *s = prepare(c, FIRST, schema, e);
    if (s) bind_text(s, 1, name, e);
    found = s && step(c, s, e);
    if (found) read_first(s, 0, schema, name, out, &arithmetic, &damaged); /* what is damaged can be dropped too */
    sqlite3_finalize(s);
  }
  if (!found)
    error_set(e, BERT_ARGUMENT, "no model called '%.*s' in %s.%s", error_shown(name.data, name.size, 80), name.data,
              schema, TABLE);
  run(c, "DELETE FROM \"%w\".bert_model_data WHERE model = ?1", schema, name, e);
  end_change(c, change, e);
}
