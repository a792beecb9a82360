/* tvf_models.c -- bert_models: the models that this connection has names for.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT name, architecture, layers, hidden FROM bert_models;   -- m|bert|6|384
**    SELECT name || '@' || hash FROM bert_models;                  -- m@5b0d6e1f9a3c2748, to pin it in a schema
**
** A scan shows the names of its start, whatever is loaded or unloaded meanwhile. */
#include "ext.h"

#include <string.h>

typedef struct {
  char *name;
  Loaded *model;
} Row;

typedef struct {
  Cursor cursor;
  Row *rows;
  size_t room;
  int count;
} Models;

static void add(Models *m, const char *name, Loaded *model, bert_err *e) {
  size_t size = strlen(name) + 1;
  if (!memory_grow(&m->rows, &m->room, (size_t)m->count + 1, sizeof *m->rows, e)) return;
  char *copy = memory_new(size, 1, e);
  if (!copy) return;
  memcpy(copy, name, size);
  connection_hold(model);
  m->rows[m->count++] = (Row){copy, model};
}

static void open(Cursor *c, bert_err *e) {
  Models *m = (Models *)c;
  Loaded *model;
  const char *name;
  for (int i = 0; (name = connection_named(c->connection, i, &model)); i++) add(m, name, model, e);
  c->done = m->count == 0;
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  c->done = c->row >= ((Models *)c)->count;
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const Row *row = &((Models *)c)->rows[c->row];
  const bert_model_info *info = &row->model->info;
  switch (i) {
    case 0: value_result_text(context, row->name); break;
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
    case 12: value_result_text(context, info->hash); break;
    case 13: value_result_text(context, row->model->shared->source); break;
    case 14: value_result_text(context, info->labels); break;
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
