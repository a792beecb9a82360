/* options.h -- what the caller of bert_model_open asks for, out of JSON.
** Layer: model. Uses: base nn. */
#ifndef MODEL_OPTIONS_H
#define MODEL_OPTIONS_H

#include "base/buf.h"
#include "nn/pooling.h"

enum { OPTIONS_POOLING_ROOM = 80 };

typedef enum { ON_LONG_TRUNCATE, ON_LONG_ERROR, ON_LONG_MEAN } OnLong;

typedef enum { COMPUTE_F32, COMPUTE_INT8 } Compute;

typedef struct {
  Compute compute;
  Pooling pooling; /* count 0: the model's own */
  int max_tokens; /* or 0: the model's own */
  int threads;    /* or 0: pool_threads() */
  OnLong on_long;
  int has_null_threshold;
  double null_threshold;
} Options;

/* Sets what json (NULL or "": nothing) has a key for; messages begin with `what`. An unknown key, or a value that is none
** of those named, is BERT_ARGUMENT. */
void options_parse(Options *o, const char *json, const char *what, bert_err *e);

/* The JSON object that options_parse takes for all of *o but the threads, which are the machine's; "{}" for none. */
void options_print(const Options *o, Buf *out, bert_err *e);

/* Prints "mean", "cls+max" … */
void options_pooling_name(const Pooling *p, char out[OPTIONS_POOLING_ROOM]);

#endif
