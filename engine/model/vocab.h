/* vocab.h -- a vocabulary trained as options say: bert.h under other names.
** Layer: model. Uses: base text. */
#ifndef MODEL_VOCAB_H
#define MODEL_VOCAB_H

#include "bert.h"

typedef struct bert_vocab Vocab;

Vocab *vocab_new(const char *options_json, bert_err *e);
void vocab_free(Vocab *v);
void vocab_add(Vocab *v, bert_text text, bert_err *e);
int vocab_next(Vocab *v, bert_vocab_piece *out, const bert_progress *progress, bert_err *e);

#endif
