/* rows.h -- a query's rows, copied: what training and evaluation read, long after the query has ended.
** Layer: base. Uses: arena buf.
**
**    names  "body" "label"
**    cells  [kind, number or place] …, row by row          bytes  texts and blobs, each with a NUL after it
**
** 24 bytes a cell and the bytes themselves, at most BUF_MAX (2 GiB) of either. Rows are only ever added; those that a
** reader has seen stay where they are once adding has ended. */
#ifndef BASE_ROWS_H
#define BASE_ROWS_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct bert_rows Rows;

typedef enum { ROWS_NULL, ROWS_INTEGER, ROWS_REAL, ROWS_TEXT, ROWS_BLOB } RowsKind;

/* A cell. `number` holds both kinds of number; a text ends in a NUL that its size leaves out. */
typedef struct {
  RowsKind kind;
  int64_t integer; /* of ROWS_INTEGER */
  double number;   /* of ROWS_INTEGER and ROWS_REAL */
  bert_text bytes; /* of ROWS_TEXT and ROWS_BLOB */
} RowsValue;

/* Rows of that many columns, none yet. Terms are copied. */
Rows *rows_new(int columns, const char *const *names, bert_err *e);
void rows_free(Rows *r);

/* The next cell, left to right, row after row. */
void rows_add_null(Rows *r, bert_err *e);
void rows_add_integer(Rows *r, int64_t x, bert_err *e);
void rows_add_real(Rows *r, double x, bert_err *e);
void rows_add_bytes(Rows *r, RowsKind kind, bert_text x, bert_err *e);

int rows_columns(const Rows *r);
const char *rows_name(const Rows *r, int column);
/* 1 where that is its name, which is given in small letters. */
int rows_is_named(const Rows *r, int column, const char *wanted);
/* Whole rows. */
int rows_count(const Rows *r);
RowsValue rows_at(const Rows *r, int row, int column);

/* Of all names and cells: tells whether two queries gave the same. */
uint64_t rows_hash(const Rows *r);

/* The text of a cell; anything else, and an empty text, is BERT_ARGUMENT that names the row and the column. */
bert_text rows_text(const Rows *r, int row, int column, bert_err *e);

/* The label that a cell holds: TEXT, or an INTEGER as its digits (in room); anything else is refused. */
bert_text rows_label(const Rows *r, int row, int column, char room[24], bert_err *e);

/* Sets BERT_ARGUMENT "row 3: label is NULL, wanted …", with what the cell holds (shortened); rows count from 1. A column
** that has no name, but an expression, goes by its number. */
void rows_refuse(const Rows *r, int row, int column, const char *wanted, bert_err *e);

#endif
