/* source.h -- what a model's files say, whichever they are: configuration and tokenizer.
** Layer: model. Uses: file text.
**
**    a directory   config.json and its kin (hfconfig.h); tokenizer.json, else vocab.txt, else vocab.json and merges.txt;
**                  card.json, which this library's own models have: data, recipe, measures, licence
**    a file        GGUF, which has all of it (gguf.h)
**
** m->source says which. Weights come the same way (weights.h). */
#ifndef MODEL_SOURCE_H
#define MODEL_SOURCE_H

#include "model/model.h"

#define SOURCE_CARD "card.json"

/* Fills m->sentence, m->config and m->card. */
void source_config(Model *m, bert_err *e);

/* Makes m->tokenizer and fills m->max_tokens and m->special; m->config and m->arch are known. */
void source_tokenizer(Model *m, bert_err *e);

/* bert_model_stamp. */
bert_stamp source_stamp(const char *path, const char *options_json, bert_err *e);

#endif
