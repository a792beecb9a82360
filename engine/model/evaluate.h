/* evaluate.h -- a model's answers to a query's rows beside what stands there: bert.h under other names.
** Layer: model. Uses: base text nn. */
#ifndef MODEL_EVALUATE_H
#define MODEL_EVALUATE_H

#include "model/examples.h"

/* Adds to out[EVALUATE_MOST]; returns how many metrics there are. See bert_evaluate. */
int evaluate_rows(Session *s, const char *task, const Rows *rows, const char *options_json, bert_metric *out,
                  const bert_progress *progress, bert_err *e);

/* What rows are held against: of a model, or of one that is still to be trained. */
typedef struct {
  int units;                /* that the head has */
  int multi_label;
  const char *const *label; /* [labels] */
  int labels, features;
  const char *feature_names; /* JSON, or NULL */
} Judged;

/* Refuses rows that evaluate_rows would refuse for the model that comes of training m to be so, and computes nothing. */
void evaluate_check(Model *m, const Judged *judged, const char *task, const Rows *rows, const bert_progress *progress,
                    bert_err *e);

/* What the parts share: out[] so far. */
typedef struct {
  Session *session;
  Judged judged;
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

/* 1 where the model has that head, which one that is to be trained will have. */
int evaluate_can(const Evaluation *v, unsigned head, bert_err *e);

/* evaluate_tokens.c: targets at tokens. */
void evaluate_tag(Evaluation *v, bert_err *e);
void evaluate_mlm(Evaluation *v, bert_err *e);

#endif
