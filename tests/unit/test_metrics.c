/* test_metrics.c -- metrics, held to scikit-learn, SciPy and the definitions of SQuAD's and CoNLL's scripts. */
#include "model/metrics.h"
#include "test.h"

typedef struct {
  int n, labels;
  int32_t found[32], wanted[32];
  double accuracy, f1, f1_macro, mcc;
} ClassCase;
typedef struct {
  int n;
  uint8_t found[32], wanted[32];
  double accuracy, f1_micro, f1_macro;
} SetCase;
typedef struct {
  int n;
  double x[32], y[32], pearson, spearman;
} NumberCase;
typedef struct {
  const char *found, *wanted;
  int has_none, exact;
  double f1;
} AnswerCase;
typedef struct {
  int n;
  const char *found[32], *wanted[32];
  int spans_found, spans_wanted, right;
} SpanCase;

#include "metrics_cases.h"

#define EACH(cases) for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)

TEST(metrics_of_classes_are_scikit_learns) {
  bert_err e = {0};
  EACH(class_cases) {
    const ClassCase *c = &class_cases[i];
    ClassMetrics m;
    metrics_classes(c->found, c->wanted, c->n, c->labels, &m, &e);
    GOOD(e);
    NEAR(m.accuracy, c->accuracy, 1e-12);
    NEAR(m.f1, c->f1, 1e-12);
    NEAR(m.f1_macro, c->f1_macro, 1e-12);
    NEAR(m.f1_micro, c->accuracy, 1e-12);
    NEAR(m.mcc, c->mcc, 1e-12);
  }
}

TEST(metrics_of_sets_of_labels_are_scikit_learns) {
  EACH(set_cases) {
    ClassMetrics m;
    metrics_sets(set_cases[i].found, set_cases[i].wanted, set_cases[i].n, 4, &m);
    NEAR(m.accuracy, set_cases[i].accuracy, 1e-12);
    NEAR(m.f1_micro, set_cases[i].f1_micro, 1e-12);
    NEAR(m.f1_macro, set_cases[i].f1_macro, 1e-12);
  }
}

TEST(metrics_of_numbers_are_scipys) {
  bert_err e = {0};
  EACH(number_cases) {
    const NumberCase *c = &number_cases[i];
    NEAR(metrics_pearson(c->x, c->y, c->n), c->pearson, 1e-12);
    NEAR(metrics_spearman(c->x, c->y, c->n, &e), c->spearman, 1e-12);
  }
  static const double same[3] = {2, 2, 2}, other[3] = {1, 2, 3};
  NEAR(metrics_pearson(same, other, 3), 0, 0);
  NEAR(metrics_spearman(same, other, 3, &e), 0, 0);
  GOOD(e);
}

TEST(metrics_of_answers_are_those_of_squad) {
  bert_err e = {0};
  EACH(answer_cases) {
    const AnswerCase *c = &answer_cases[i];
    AnswerScore s = metrics_answer((bert_text){c->found, strlen(c->found)}, (bert_text){c->wanted, strlen(c->wanted)},
                                   c->has_none, &e);
    GOOD(e);
    if ((int)s.exact != c->exact || s.f1 < c->f1 - 1e-12 || s.f1 > c->f1 + 1e-12)
      test_failed(__FILE__, __LINE__, "'%s' beside '%s': found %g, %g, wanted %d, %g", c->found, c->wanted, s.exact, s.f1,
                  c->exact, c->f1);
  }
}

TEST(metrics_of_spans_are_conllevals) {
  EACH(span_cases) {
    const SpanCase *c = &span_cases[i];
    SpanCount s = {0};
    metrics_spans(&s, c->found, c->wanted, c->n);
    EQ(s.found, c->spans_found);
    EQ(s.wanted, c->spans_wanted);
    EQ(s.right, c->right);
    EQ(s.words, c->n);
  }
}
