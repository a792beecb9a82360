/* rows.c -- see rows.h.
** Layer: base. Uses: arena buf err hash. */
#include "base/rows.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"

typedef struct {
  RowsKind kind;
  union {
    int64_t integer;
    double real;
    size_t place; /* in bytes */
  };
  size_t size;
} Cell;

struct bert_rows {
  Arena arena;
  const char **name;
  int columns;
  Buf cells, bytes;
};

Rows *rows_new(int columns, const char *const *names, bert_err *e) {
  Rows *r = mem_new(1, sizeof *r, e);
  if (!r) return NULL;
  r->columns = columns;
  r->name = arena_push(&r->arena, (size_t)columns, sizeof *r->name, e);
  for (int i = 0; i < columns && !e->code; i++) r->name[i] = arena_copy(&r->arena, names[i], strlen(names[i]), e);
  if (!e->code) return r;
  rows_free(r);
  return NULL;
}

void rows_free(Rows *r) {
  if (!r) return;
  buf_fini(&r->cells);
  buf_fini(&r->bytes);
  arena_fini(&r->arena);
  mem_free(r);
}

static void add(Rows *r, Cell cell, bert_err *e) { buf_add(&r->cells, &cell, sizeof cell, e); }

void rows_add_null(Rows *r, bert_err *e) { add(r, (Cell){.kind = ROWS_NULL}, e); }
void rows_add_integer(Rows *r, int64_t x, bert_err *e) { add(r, (Cell){.kind = ROWS_INTEGER, .integer = x}, e); }
void rows_add_real(Rows *r, double x, bert_err *e) { add(r, (Cell){.kind = ROWS_REAL, .real = x}, e); }

void rows_add_bytes(Rows *r, RowsKind kind, bert_text x, bert_err *e) {
  Cell cell = {.kind = kind, .place = r->bytes.size, .size = x.size};
  buf_add(&r->bytes, x.data, x.size, e);
  buf_add(&r->bytes, "", 1, e);
  add(r, cell, e);
}

int rows_columns(const Rows *r) { return r->columns; }
const char *rows_name(const Rows *r, int column) { return r->name[column]; }

int rows_is_named(const Rows *r, int column, const char *wanted) {
  const char *name = r->name[column];
  for (; *name && *wanted; name++, wanted++)
    if ((*name >= 'A' && *name <= 'Z' ? *name | 32 : *name) != *wanted) return 0;
  return *name == *wanted;
}

int rows_count(const Rows *r) { return (int)(r->cells.size / sizeof(Cell) / (size_t)r->columns); }

RowsValue rows_at(const Rows *r, int row, int column) {
  const Cell *c = (const Cell *)r->cells.data + (size_t)row * (size_t)r->columns + column;
  RowsValue v = {.kind = c->kind};
  if (c->kind == ROWS_INTEGER) v.number = (double)(v.integer = c->integer);
  else if (c->kind == ROWS_REAL) v.number = c->real;
  else if (c->kind != ROWS_NULL) v.bytes = (bert_text){r->bytes.data + c->place, c->size};
  return v;
}

uint64_t rows_hash(const Rows *r) {
  uint64_t hash = hash_bytes(r->bytes.data, r->bytes.size, (uint64_t)r->columns);
  for (int i = 0; i < r->columns; i++) hash = hash_bytes(r->name[i], strlen(r->name[i]), hash);
  const Cell *c = (const Cell *)r->cells.data;
  for (size_t i = 0; i < r->cells.size / sizeof *c; i++) /* integer stands for all of the union */
    hash = hash_bytes(&(uint64_t[]){c[i].kind, (uint64_t)c[i].integer, c[i].size}, 3 * sizeof(uint64_t), hash);
  return hash;
}

/* 1 for a name such as body; without AS, SQLite gives a column the text of its expression. */
static int is_name(const char *name) {
  int plain = *name && strcmp(name, "NULL");
  for (const char *at = name; *at && plain; at++)
    plain = *at == '_' || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (unsigned char)*at >= 128 ||
            (at > name && *at >= '0' && *at <= '9');
  return plain;
}

void rows_refuse(const Rows *r, int row, int column, const char *wanted, bert_err *e) {
  enum { MOST = 60 };
  RowsValue v = rows_at(r, row, column);
  char found[MOST + 32] = "NULL";
  int shown = v.bytes.size < MOST ? (int)v.bytes.size : MOST;
  while (shown < (int)v.bytes.size && shown > 0 && ((unsigned char)v.bytes.data[shown] & 0xC0) == 0x80) shown--;
  if (v.kind == ROWS_INTEGER) snprintf(found, sizeof found, "the INTEGER %lld", (long long)v.integer);
  if (v.kind == ROWS_REAL) snprintf(found, sizeof found, "the REAL %.15g", v.number);
  if (v.kind == ROWS_BLOB) snprintf(found, sizeof found, "a BLOB of %zu bytes", v.bytes.size);
  if (v.kind == ROWS_TEXT && !v.bytes.size) snprintf(found, sizeof found, "an empty text");
  if (v.kind == ROWS_TEXT && v.bytes.size)
    snprintf(found, sizeof found, "the TEXT '%.*s%s'", shown, v.bytes.data, shown < (int)v.bytes.size ? "…" : "");
  if (is_name(rows_name(r, column)))
    err_set(e, BERT_ARGUMENT, "row %d: %s is %s, wanted %s", row + 1, rows_name(r, column), found, wanted);
  else err_set(e, BERT_ARGUMENT, "row %d: column %d is %s, wanted %s", row + 1, column + 1, found, wanted);
}

bert_text rows_text(const Rows *r, int row, int column, bert_err *e) {
  if (e->code) return (bert_text){0};
  RowsValue v = rows_at(r, row, column);
  if (v.kind != ROWS_TEXT || !v.bytes.size) rows_refuse(r, row, column, "a TEXT that is not empty", e);
  return v.bytes;
}

bert_text rows_label(const Rows *r, int row, int column, char room[24], bert_err *e) {
  if (e->code) return (bert_text){0};
  RowsValue v = rows_at(r, row, column);
  if (v.kind == ROWS_INTEGER) {
    v.bytes = (bert_text){room, 0};
    v.bytes.size = (size_t)snprintf(room, 24, "%lld", (long long)v.integer);
  } else if (v.kind != ROWS_TEXT || !v.bytes.size) {
    rows_refuse(r, row, column, "a label: TEXT or INTEGER", e);
  }
  return v.bytes;
}
