/* names.h -- labels of points: each different one once, in the order of coming.
** Layer: draw. Uses: base.
**
**    "cat" "dog" "cat"  ->  0 1 0          count 2 1
**
** An open-addressing table of indices over one block of text. All zeros is empty. */
#ifndef DRAW_NAMES_H
#define DRAW_NAMES_H

#include "base/buf.h"

typedef struct {
  size_t start, size; /* of its bytes */
  uint64_t hash;
  int count;          /* how often it came */
  int style;          /* for who draws */
} Name;

typedef struct {
  Buf bytes, names; /* Name [n] */
  int32_t *slots;   /* 1 + an index, or 0 */
  size_t room;      /* of slots: a power of 2 */
} Names;

/* The index of a text, which counts once more; -1 on error. */
int names_add(Names *n, bert_text text, bert_err *e);
int names_count(const Names *n);
Name *names_at(const Names *n, int i);
bert_text names_text(const Names *n, int i);
void names_fini(Names *n);

#endif
