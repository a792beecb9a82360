/* metrics.h -- how good answers are: what found[] is worth beside wanted[].
** Layer: model. Uses: base text.
**
** Each as its usual implementation has it, to the last digit that doubles give: scikit-learn (accuracy, F1, MCC), SciPy
** (Pearson, Spearman with mean ranks for ties), the official scripts of SQuAD 1.1 and 2.0 (exact match, F1), conlleval
** and seqeval (F1 of spans). A quotient by 0 is 0, as there. */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include "base/buf.h"

typedef struct {
  double accuracy, f1, f1_macro, f1_micro, mcc; /* f1: of label 1, where there are two labels */
} ClassMetrics;

/* found[n], wanted[n] in [0, labels). */
void metrics_classes(const int32_t *found, const int32_t *wanted, int n, int labels, ClassMetrics *out, bert_err *e);

/* found[n][labels], wanted[n][labels] of 0 and 1. accuracy: rows that are right in all labels; mcc and f1 are unset. */
void metrics_sets(const uint8_t *found, const uint8_t *wanted, int n, int labels, ClassMetrics *out);

double metrics_pearson(const double *x, const double *y, int n);
double metrics_spearman(const double *x, const double *y, int n, bert_err *e);

/* SQuAD: an answer beside one that is right. has_none: as the script of 2.0, where questions without an answer occur.
** */
typedef struct {
  double exact, f1; /* 0 to 1 */
} AnswerScore;
AnswerScore metrics_answer(bert_text found, bert_text wanted, int has_none, bert_err *e);
/* 1 where nothing is left of the text when case, articles, punctuation and white space are taken off. */
int metrics_answer_is_empty(bert_text text, bert_err *e);

/* Spans of tags (B-X, I-X, and E-, S- of other schemes; O), counted sentence by sentence. All zeros at first. */
typedef struct {
  int64_t found, wanted, right; /* spans */
  int64_t words, words_right;
} SpanCount;
void metrics_spans(SpanCount *c, const char *const *found, const char *const *wanted, int n);
double metrics_span_f1(const SpanCount *c);
double metrics_span_precision(const SpanCount *c);
double metrics_span_recall(const SpanCount *c);

#endif
