/* tvf_models.c -- bert_models: the models that this connection has names for.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT name, architecture, layers, hidden FROM bert_models;   -- m|bert|6|384
**    SELECT name || '@' || hash FROM bert_models;                  -- m@5b0d6e1f9a3c2748, to pin it in a schema
**
**    SELECT name, card ->> 'licence' FROM bert_models;             -- bert-vectors|Apache-2.0: what its makers say of it
**
** After the loaded ones come the embedded ones (source embedded; they are told of without being opened), then those that
** lie in a database (source main.bert_model_data); what is told of one of these before it is open is its name, hash and
** source alone. Hidden columns: features, the names of the numbers beside a text; card, a model's card.json. A scan shows the
** names of its start, whatever is loaded, unloaded, stored or dropped meanwhile. */
#include "ext.h"

#include <string.h>

typedef struct {
  char *name;
  Loaded *model;      /* held; NULL: not open */
  const bert_model_info *info; /* NULL: not known */
  Stored stored;      /* of a model of a database; schema "": it is none */
} Row;

typedef struct {
  Cursor cursor;
  Row *rows;
  size_t room;
  int count;
} Models;

static void add(Models *m, const char *name, size_t size, Row row, bert_err *e) {
  if (!memory_grow(&m->rows, &m->room, (size_t)m->count + 1, sizeof *m->rows, e)) return;
  row.name = memory_new(size + 1, 1, e);
  if (!row.name) return;
  memcpy(row.name, name, size);
  if (row.model) connection_hold(row.model);
  if (row.model) row.info = &row.model->info;
  m->rows[m->count++] = row;
}

/* 1 if a name means a model that is shown already. */
static int is_shown(const Models *m, const char *name, size_t size) {
  for (int i = 0; i < m->count; i++)
    if (strlen(m->rows[i].name) == size && !memcmp(m->rows[i].name, name, size)) return 1;
  return 0;
}

static void add_stored(void *context, bert_text name, const Stored *x, bert_err *e) {
  Models *m = context;
  if (is_shown(m, name.data, name.size)) return;
  add(m, name.data, name.size, (Row){.model = connection_stored(m->cursor.connection, x->stamp), .stored = *x}, e);
}

static void open(Cursor *c, bert_err *e) {
  Models *m = (Models *)c;
  Connection *connection = c->connection;
  Loaded *model;
  const char *name;
  char schema[sizeof((Stored *)0)->schema];
  for (int i = 0; (name = connection_named(connection, i, &model)); i++)
    add(m, name, strlen(name), (Row){.model = model}, e);
  for (int i = 0; (name = embedded_name(connection, i, e)); i++)
    if (!is_shown(m, name, strlen(name))) add(m, name, strlen(name), (Row){.info = embedded_info(connection, i, e)}, e);
  for (int i = 0; !e->code && stored_schema(connection, i, schema); i++)
    stored_list(connection, schema, add_stored, m, e);
  c->done = m->count == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Models *)c)->count;
}

static void result_source(sqlite3_context *context, const Row *row) {
  char text[100];
  sqlite3_snprintf(sizeof text, text, "%s.bert_model_data", row->stored.schema);
  value_result_text(context, *row->stored.schema ? text : row->model ? row->model->shared->source : row->info->source);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  enum { NAME = 0, HASH = 12, SOURCE = 13 };
  const Row *row = &((Models *)c)->rows[c->row];
  const bert_model_info *info = row->info;
  if (i == NAME) value_result_text(context, row->name);
  else if (i == SOURCE) result_source(context, row);
  else if (!info && i == HASH) value_result_text(context, row->stored.hash);
  if (!info) return;
  switch (i) {
    case 1: value_result_text(context, info->architecture); break;
    case 2: value_result_text(context, info->task); break;
    case 3: sqlite3_result_int(context, info->layers); break;
    case 4: sqlite3_result_int(context, info->hidden); break;
    case 5: sqlite3_result_int(context, info->heads); break;
    case 6: sqlite3_result_int(context, info->vocabulary); break;
    case 7: sqlite3_result_int(context, info->max_tokens); break;
    case 8: value_result_text(context, info->pooling); break;
    case 9: value_result_text(context, info->compute); break;
    case 10: sqlite3_result_int64(context, info->parameters); break;
    case 11: sqlite3_result_int64(context, info->bytes); break;
    case HASH: value_result_text(context, info->hash); break;
    case 14: value_result_text(context, info->labels); break;
    case 15: value_result_text(context, info->features); break;
    case 16: value_result_text(context, info->card); break;
  }
}

static void close(Cursor *c) {
  Models *m = (Models *)c;
  for (int i = 0; i < m->count; i++) {
    sqlite3_free(m->rows[i].name);
    connection_drop(c->connection, m->rows[i].model);
  }
  sqlite3_free(m->rows);
  m->rows = NULL;
  m->room = 0;
  m->count = 0;
}

const CursorKind tvf_models = {sizeof(Models), open, next, column, close};
