/* options.h -- what the caller of bert_model_open asks for, out of JSON.
** Layer: model. Uses: base nn. */
#ifndef MODEL_OPTIONS_H
#define MODEL_OPTIONS_H

#include "base/mem.h"

typedef enum { ON_LONG_TRUNCATE, ON_LONG_ERROR, ON_LONG_MEAN } OnLong;

typedef struct {
  int pooling;    /* a POOLING_ bit, or 0: the model's own */
  int max_tokens; /* or 0: the model's own */
  int threads;    /* or 0: pool_threads() */
  OnLong on_long;
} Options;

/* json NULL or "" is all defaults. An unknown key, or a value that is none of those named, is BERT_ARGUMENT. */
void options_parse(Options *o, const char *json, bert_err *e);

/* "mean", "cls+max" … of POOLING_ bits; lives for ever. Joined modes are printed into out[64]. */
const char *options_pooling_name(int modes, char out[64]);

#endif
