/* pair.h -- two texts of which only one may be cut, or is read in windows.
** Layer: model. Uses: base text nn.
**
**    [CLS] a a a [SEP] b b b b b b [SEP]      as the tokenizer's template has it
**          |a_count    |b_count
*/
#ifndef MODEL_PAIR_H
#define MODEL_PAIR_H

#include "model/batch.h"

typedef struct {
  Encoding c;  /* both texts, whole */
  int a, a_count;
  int b, b_count;
  int special; /* tokens of the template */
} Pair;

/* Encodes both; valid until the session's next call. */
void pair_encode(Session *s, bert_text a, bert_text b, int offsets, Pair *p, bert_err *e);

/* Adds an item: the template around the first `keep` tokens of a and the tokens from … from+n-1 of b. */
void pair_add(Session *s, const Pair *p, int text, int keep, int from, int n, bert_err *e);

#endif
