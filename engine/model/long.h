/* long.h -- texts past the model's window, as its option on_long says.
** Layer: model. Uses: base text nn.
**
**    truncate  cut to the window            error  refused            mean  windows that share nothing, and their mean
*/
#ifndef MODEL_LONG_H
#define MODEL_LONG_H

#include "model/batch.h"

/* Fails where an encoding (of a "text", a "pair") is past the window and on_long is error. */
void long_refuse(const Model *m, const Encoding *c, const char *what, bert_err *e);

/* Adds a text as one item, or as one a window. skip: tokens of a prompt at its start. */
void long_add(Session *s, int index, bert_text text, int skip, bert_err *e);

/* Adds a pair as one item, cut longest first. */
void long_add_pair(Session *s, int index, bert_text a, bert_text b, bert_err *e);

/* out[texts][width] = the means of the items' vectors[count][width], added in the order of the items. Each text has at
** least one; windows[texts] gets how many. */
void long_average(const Item *items, int count, int width, const float *vectors, float *out, int texts, int *windows);

#endif
