/* labels.h -- the classes that a column names, each once, with their numbers.
** Layer: model. Uses: base.
**
**    "neg" "pos" "neg" …  ->  0 "neg"  1 "pos"        whole numbers in their order, other names bytewise
**
** An open-addressing table over names in an arena: memory for the different names alone. */
#ifndef MODEL_LABELS_H
#define MODEL_LABELS_H

#include "base/rows.h"

enum { LABELS_MAX = 1 << 20 };

/* A Labels of zeros and an arena is empty and ready. */
typedef struct {
  Arena *arena;
  const char **name; /* [count] */
  int count, room;
  int32_t *slot; /* [slots]: 1 + a label, or 0 */
  int slots;
} Labels;

/* The number of a name, put in if it is new. */
int labels_add(Labels *l, bert_text name, bert_err *e);
/* The number of a name, or -1. */
int labels_find(const Labels *l, bert_text name);
/* Gives the names their final order. */
void labels_sort(Labels *l);
void labels_fini(Labels *l);

/* The label that a cell holds: TEXT, or an INTEGER as its digits (in room); anything else is refused. */
bert_text labels_text(const Rows *r, int row, int column, char room[24], bert_err *e);

#endif
