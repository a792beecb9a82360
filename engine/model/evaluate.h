/* evaluate.h -- a model's answers to a query's rows beside what stands there: bert.h under other names.
** Layer: model. Uses: base text nn. */
#ifndef MODEL_EVALUATE_H
#define MODEL_EVALUATE_H

#include "model/examples.h"

/* Adds to out[EVALUATE_MOST]; returns how many metrics there are. See bert_evaluate. */
int evaluate_rows(Session *s, const char *task, const Rows *rows, const char *options_json, bert_metric *out,
                  const bert_progress *progress, bert_err *e);

/* Refuses rows that evaluate_rows would, and computes nothing. */
void evaluate_check(Session *s, const char *task, const Rows *rows, const bert_progress *progress, bert_err *e);

/* What the parts share: out[] so far. */
typedef struct {
  Session *session;
  const Rows *rows;
  ExamplesOptions options;
  const bert_progress *progress;
  int reads; /* 1: the rows are read and refused where they cannot be judged, and nothing is asked of the model */
  bert_metric *out;
  int count;
} Evaluation;

void evaluate_put(Evaluation *v, const char *name, double value);
/* Tells who watches that so many rows, or examples, of so many are judged. */
void evaluate_done(const Evaluation *v, int done, int of);

/* evaluate_tokens.c: targets at tokens. */
void evaluate_tag(Evaluation *v, bert_err *e);
void evaluate_mlm(Evaluation *v, bert_err *e);

#endif
