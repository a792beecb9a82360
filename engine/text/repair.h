/* repair.h -- any bytes as UTF-8.
** Layer: text. Uses: base. */
#ifndef TEXT_REPAIR_H
#define TEXT_REPAIR_H

#include "base/mem.h"

/* Scratch, all zeros at first. */
typedef struct {
  unsigned char *text;
  size_t room;
} Repaired;

/* The text with U+FFFD for what is not UTF-8: itself where all of it is, else in r; *n is its size, and becomes the
** result's. NULL on error. */
const unsigned char *repaired_text(Repaired *r, const unsigned char *text, size_t *n, bert_err *e);
void repaired_fini(Repaired *r);

#endif
