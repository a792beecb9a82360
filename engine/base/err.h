/* err.h -- sticky errors: the first one wins.
** Layer: base. Uses: bert.h.
**
** Every function that can fail takes a bert_err * last and does nothing when it already holds an error, so a caller reads
** straight down and checks once. The text names the thing, what was found and what was wanted. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "bert.h"

/* Sets *e unless it holds an error already. The text is cut at 511 bytes, never inside a UTF-8 character. */
void err_set(bert_err *e, bert_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text of a failed *e; does nothing on a good one. */
void err_within(bert_err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
