/* terms.h -- different texts, each once, with their numbers.
** Layer: base. Uses: arena hash.
**
**    "neg" "pos" "neg" …  ->  0 "neg"  1 "pos"        whole numbers in their order, other names bytewise
**
** An open-addressing table over names in an arena: memory for the different names alone. */
#ifndef BASE_TERMS_H
#define BASE_TERMS_H

#include "base/arena.h"

enum { TERMS_MAX = 1 << 20 };

/* A Terms of zeros and an arena is empty and ready. */
typedef struct {
  Arena *arena;
  const char **name; /* [count] */
  int count, room;
  int32_t *slot; /* [slots]: 1 + its number, or 0 */
  int slots;
} Terms;

/* The number of a name, put in if it is new. */
int terms_add(Terms *l, bert_text name, bert_err *e);
/* The number of a name, or -1. */
int terms_find(const Terms *l, bert_text name);
/* Gives the names their final order. */
void terms_sort(Terms *l);
void terms_fini(Terms *l);

#endif
