/* evaluate.c -- see evaluate.h.
** Layer: model. Uses: base kernel text nn.
**
** Rows are judged a window at a time, through the same calls that users make (bert_classify, bert_embed, …), so what is
** measured is what is served: truncation, prompts, pooling, the arithmetic of the model's options. */
#include "model/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "kernel/cosine.h"
#include "model/metrics.h"
#include "model/predict.h"
#include "model/vector.h"

enum { WINDOW_ROWS = 1024 };

void evaluate_put(Evaluation *v, const char *name, double value) {
  if (v->count < BERT_METRICS_MAX) v->out[v->count++] = (bert_metric){name, value};
}

void evaluate_done(const Evaluation *v, int done, int of) {
  if (v->progress && v->progress->done) v->progress->done(v->progress->context, done, of);
}

int evaluate_can(const Evaluation *v, unsigned head, bert_err *e) {
  return v->reads ? !e->code : describe_can(v->session->model, head, e);
}

static void want_columns(const Evaluation *v, int fewest, int most, const char *wanted, bert_err *e) {
  int columns = rows_columns(v->rows);
  if (columns < fewest || columns > most)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d column%s, wanted %s", columns, columns == 1 ? "" : "s", wanted);
}

/* The numbers of a column. */
static void numbers_of(const Evaluation *v, int column, double low, double high, const char *wanted, double *out,
                       bert_err *e) {
  for (int i = 0; i < rows_count(v->rows) && !e->code; i++) {
    RowsValue x = rows_at(v->rows, i, column);
    if ((x.kind != ROWS_REAL && x.kind != ROWS_INTEGER) || !isfinite(x.number) || x.number < low || x.number > high)
      rows_refuse(v->rows, i, column, wanted, e);
    out[i] = x.number;
  }
}

/* ---- classify, rerank, nsp --------------------------------------------------------------------------------------- */

typedef void Visit(Evaluation *v, int row, const float *logits, void *context, bert_err *e);

/* Hands on the logits of every row: of its first column, or of its first two, and of `features` last ones. */
static void each_logits(Evaluation *v, int pairs, int features, Visit *visit, void *context, bert_err *e) {
  int n = rows_count(v->rows);
  size_t units = (size_t)v->judged.units;
  bert_text *texts = mem_new(2 * WINDOW_ROWS, sizeof *texts, e);
  float *logits = mem_new(WINDOW_ROWS * units, sizeof *logits, e);
  size_t F = (size_t)features;
  float *numbers = F ? mem_new(WINDOW_ROWS * F, sizeof *numbers, e) : NULL;
  for (int first = 0; first < n && !e->code; first += WINDOW_ROWS) {
    int count = n - first < WINDOW_ROWS ? n - first : WINDOW_ROWS;
    for (int i = 0; i < count; i++) {
      texts[i] = rows_text(v->rows, first + i, 0, e);
      if (pairs) texts[WINDOW_ROWS + i] = rows_text(v->rows, first + i, 1, e);
      for (int k = 0; numbers && k < features; k++) /* finite, as examples_make has checked */
        numbers[(size_t)i * F + (size_t)k] =
            (float)rows_at(v->rows, first + i, rows_columns(v->rows) - features + k).number;
    }
    if (v->reads) continue;
    if (!e->code)
      classify_texts(v->session, texts, pairs ? texts + WINDOW_ROWS : NULL, numbers, count, logits, v->progress, e);
    for (int i = 0; i < count && !e->code; i++) visit(v, first + i, logits + (size_t)i * units, context, e);
    evaluate_done(v, first + count, n);
  }
  mem_free(texts);
  mem_free(logits);
  mem_free(numbers);
}

/* Likewise of vectors, which stand in the first column. */
static void each_predicted(Evaluation *v, Visit *visit, void *context, bert_err *e) {
  size_t units = (size_t)v->judged.units;
  float *logits = mem_new(units, sizeof *logits, e);
  for (int i = 0; i < rows_count(v->rows) && !e->code && !v->reads; i++) {
    bert_text x = rows_at(v->rows, i, 0).bytes; /* finite floats, as examples_make has checked */
    int width = (int)(x.size / sizeof(float));
    float *numbers = mem_new((size_t)width, sizeof *numbers, e);
    if (numbers) memcpy(numbers, x.data, (size_t)width * sizeof *numbers);
    if (!e->code) predict_vectors(v->session, numbers, width, 1, logits, e);
    if (!e->code) visit(v, i, logits, context, e);
    mem_free(numbers);
    if ((i + 1) % WINDOW_ROWS) continue;
    evaluate_done(v, i + 1, rows_count(v->rows));
    progress_ask(v->progress, e);
  }
  mem_free(logits);
}

typedef struct {
  int32_t *found;
  uint8_t *set;   /* of models with many labels */
  double *number; /* of models with one unit */
} Found;

static void take_logits(Evaluation *v, int row, const float *logits, void *context, bert_err *e) {
  Found *f = context;
  const Model *m = v->session->model;
  int units = m->info.label_count, best = 0;
  (void)e;
  if (f->number) f->number[row] = (double)classify_number(m, logits[0]);
  for (int k = 0; k < units; k++) {
    if (logits[k] > logits[best]) best = k;
    if (f->set) f->set[(size_t)row * (size_t)units + (size_t)k] = logits[k] > 0; /* its sigmoid is above a half */
  }
  if (f->found) f->found[row] = best;
}

static void put_numbers(Evaluation *v, const double *found, const double *wanted, bert_err *e) {
  int n = rows_count(v->rows);
  double squares = 0;
  for (int i = 0; i < n; i++) squares += (found[i] - wanted[i]) * (found[i] - wanted[i]);
  double spearman = metrics_spearman(found, wanted, n, e);
  evaluate_put(v, "pearson", metrics_pearson(found, wanted, n));
  evaluate_put(v, "spearman", spearman);
  evaluate_put(v, "mse", squares / n);
}

static void put_classes(Evaluation *v, const Found *f, const TrainBatch *b, bert_err *e) {
  int labels = v->judged.units, n = b->examples;
  ClassMetrics m = {0};
  if (f->found) {
    metrics_classes(f->found, b->label, n, labels, &m, e);
  } else {
    uint8_t *wanted = mem_new((size_t)n * (size_t)labels, 1, e);
    for (size_t i = 0; wanted && i < (size_t)n * (size_t)labels; i++) wanted[i] = b->value[i] > 0.5f;
    if (wanted) metrics_sets(f->set, wanted, n, labels, &m);
    mem_free(wanted);
  }
  evaluate_put(v, "accuracy", m.accuracy);
  if (f->found && labels == 2) evaluate_put(v, "f1", m.f1);
  evaluate_put(v, "f1_macro", m.f1_macro);
  evaluate_put(v, "f1_micro", m.f1_micro);
  if (f->found) evaluate_put(v, "mcc", m.mcc);
}

/* All examples, as one batch: for the targets that examples_make has checked. */
static void all_targets(Examples *x, TrainBatch *out, bert_err *e) {
  int n = examples_count(x);
  int32_t *order = mem_new((size_t)n, sizeof *order, e);
  for (int i = 0; order && i < n; i++) order[i] = i;
  if (order) examples_batch(x, order, n, out, e);
  mem_free(order);
}

/* Labels or numbers of texts or, task head, of vectors. */
static void judge_labels(Evaluation *v, const char *task, bert_err *e) {
  Model *m = v->session->model;
  int vectors = !strcmp(task, "head");
  const Judged *j = &v->judged;
  if (!evaluate_can(v, vectors ? BERT_CAN_PREDICT : BERT_CAN_CLASSIFY, e)) return;
  ExamplesInfo info = {0};
  TrainBatch b = {0};
  Found f = {0};
  size_t n = (size_t)rows_count(v->rows), labels = (size_t)j->units;
  int one = labels == 1 && !j->multi_label;
  v->options.regression = one;
  v->options.multi_label = j->multi_label;
  v->options.label = one ? NULL : j->label;
  v->options.label_count = one ? 0 : j->labels;
  Examples *x = examples_make(m, task, v->rows, &v->options, v->progress, e);
  if (x) examples_describe(x, &info);
  int features = info.feature_count;
  if (!vectors && features != j->features)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d numbers after the label, wanted the %d that the model takes%s%s",
            features, j->features, j->feature_names ? ": " : "", j->feature_names ? j->feature_names : "");
  if (vectors && v->reads && features != j->features)
    err_set(e, BERT_ARGUMENT, "found vectors of %d numbers, wanted %d, as it is trained", features, j->features);
  if (!e->code) all_targets(x, &b, e);
  if (one) f.number = mem_new(2 * n, sizeof *f.number, e);
  else if (j->multi_label) f.set = mem_new(n * labels, 1, e);
  else f.found = mem_new(n, sizeof *f.found, e);
  if (!e->code && vectors) each_predicted(v, take_logits, &f, e);
  else if (!e->code) each_logits(v, rows_columns(v->rows) - features == 3, features, take_logits, &f, e);
  for (size_t i = 0; one && i < n && !e->code; i++) f.number[n + i] = (double)b.value[i];
  if (!e->code && one) put_numbers(v, f.number, f.number + n, e);
  else if (!e->code) put_classes(v, &f, &b, e);
  mem_free(f.number);
  mem_free(f.set);
  mem_free(f.found);
  examples_free(x);
}

static void evaluate_classify(Evaluation *v, bert_err *e) { judge_labels(v, "classify", e); }
static void evaluate_head(Evaluation *v, bert_err *e) { judge_labels(v, "head", e); }

/* ---- rerank ------------------------------------------------------------------------------------------------------ */

typedef struct {
  double score, wanted;
  int row;
} Candidate;

static int same_query(const Evaluation *v, int a, int b, bert_err *e) {
  bert_text p = rows_text(v->rows, a, 0, e), q = rows_text(v->rows, b, 0, e);
  return p.size == q.size && !memcmp(p.data, q.data, p.size);
}

/* The best first; equals as they came. */
static int by_score(const void *a, const void *b) {
  const Candidate *p = a, *q = b;
  if (p->score > q->score || p->score < q->score) return p->score > q->score ? -1 : 1;
  return (p->row > q->row) - (p->row < q->row);
}

static int by_wanted(const void *a, const void *b) {
  const Candidate *p = a, *q = b;
  return (p->wanted < q->wanted) - (p->wanted > q->wanted);
}

enum { FIRST = 10 };

/* The discounted gain of the first 10. */
static double gain_of(const Candidate *c, int n) {
  double gain = 0;
  for (int i = 0; i < n && i < FIRST; i++) gain += c[i].wanted / log2(i + 2);
  return gain;
}

/* Of one query's candidates, which it sorts: 1 / place of the first good one, and the discounted gain, both among the first
** 10. */
static void judge_query(Candidate *c, int n, double *reciprocal, double *gain) {
  int first = 0;
  qsort(c, (size_t)n, sizeof *c, by_score);
  while (first < n && c[first].wanted <= 0) first++;
  if (first < n && first < FIRST) *reciprocal += 1.0 / (first + 1);
  double found = gain_of(c, n);
  qsort(c, (size_t)n, sizeof *c, by_wanted);
  double ideal = gain_of(c, n);
  *gain += ideal > 0 ? found / ideal : 0;
}

static void take_score(Evaluation *v, int row, const float *logits, void *context, bert_err *e) {
  ((Candidate *)context)[row].score = (double)classify_rerank(v->session->model, logits[0], e);
}

static void evaluate_rerank(Evaluation *v, bert_err *e) {
  int n = rows_count(v->rows), queries = 0, right = 0;
  double reciprocal = 0, gain = 0;
  if (!evaluate_can(v, BERT_CAN_CLASSIFY, e)) return;
  want_columns(v, 3, 3, "query, passage, label (rows of one query follow one another)", e);
  Candidate *c = mem_new((size_t)n, sizeof *c, e);
  double *wanted = mem_new((size_t)n, sizeof *wanted, e);
  if (!e->code) numbers_of(v, 2, 0, 1, "a number from 0 to 1", wanted, e);
  for (int i = 0; i < n && !e->code; i++) c[i].wanted = wanted[i], c[i].row = i;
  each_logits(v, 1, 0, take_score, c, e);
  for (int first = 0, past; first < n && !e->code; first = past, queries++) {
    for (past = first + 1; past < n && same_query(v, first, past, e); past++) continue;
    judge_query(c + first, past - first, &reciprocal, &gain);
    for (int i = first; i < past; i++) right += (c[i].score > 0.5) == (c[i].wanted > 0.5);
  }
  evaluate_put(v, "mrr_at_10", queries ? reciprocal / queries : 0);
  evaluate_put(v, "ndcg_at_10", queries ? gain / queries : 0);
  evaluate_put(v, "accuracy", n ? (double)right / n : 0);
  mem_free(c);
  mem_free(wanted);
}

static void evaluate_nsp(Evaluation *v, bert_err *e) {
  int n = rows_count(v->rows);
  ClassMetrics m = {0};
  if (!evaluate_can(v, BERT_CAN_NEXT, e)) return;
  want_columns(v, 3, 3, "a, b, label (1: b follows a; 0: it does not)", e);
  int32_t *found = mem_new((size_t)n, 2 * sizeof *found, e);
  double *label = mem_new((size_t)n, sizeof *label, e);
  int32_t *wanted = e->code ? NULL : found + n;
  if (!e->code) numbers_of(v, 2, 0, 1, "1 where the second text follows the first, else 0", label, e);
  for (int i = 0; i < n && !e->code; i++) {
    bert_text a = rows_text(v->rows, i, 0, e), b = rows_text(v->rows, i, 1, e);
    if (!e->code && !v->reads) found[i] = classify_next(v->session, a, b, v->progress, e) > 0.5;
    evaluate_done(v, i + 1, n);
    wanted[i] = label[i] > 0.5;
  }
  if (!e->code) metrics_classes(found, wanted, n, 2, &m, e);
  evaluate_put(v, "accuracy", m.accuracy);
  evaluate_put(v, "f1", m.f1);
  mem_free(found);
  mem_free(label);
}

/* ---- embed ------------------------------------------------------------------------------------------------------- */

/* out[n][2 or 3]: cosines of the first column's vectors with those of the others. */
static void cosines_of(Evaluation *v, int texts, double *out, bert_err *e) {
  int n = rows_count(v->rows), D = v->session->model->dimensions;
  bert_text *text = mem_new((size_t)texts * WINDOW_ROWS, sizeof *text, e);
  float *vector = mem_new((size_t)texts * WINDOW_ROWS, (size_t)D * sizeof *vector, e);
  for (int first = 0; first < n && !e->code; first += WINDOW_ROWS) {
    int count = n - first < WINDOW_ROWS ? n - first : WINDOW_ROWS;
    for (int i = 0; i < count * texts; i++) text[i] = rows_text(v->rows, first + i / texts, i % texts, e);
    if (v->reads) continue;
    embed_texts(v->session, text, count * texts, NULL, vector, v->progress, e);
    evaluate_done(v, first + count, n);
    for (int i = 0; i < count && !e->code; i++) {
      const float *own = vector + (size_t)(i * texts) * (size_t)D;
      for (int t = 1; t < texts; t++)
        out[(first + i) * (texts - 1) + t - 1] = cosine_of(own, own + (size_t)t * (size_t)D, D);
    }
  }
  mem_free(text);
  mem_free(vector);
}

static void evaluate_embed(Evaluation *v, bert_err *e) {
  int n = rows_count(v->rows), right = 0;
  want_columns(v, 3, 3, "a, b, score, or anchor, positive, negative", e);
  int triplets = !e->code && rows_at(v->rows, 0, 2).kind == ROWS_TEXT;
  double *cosine = mem_new((size_t)n, 2 * sizeof *cosine, e), *wanted = mem_new((size_t)n, sizeof *wanted, e);
  if (!e->code && !triplets) numbers_of(v, 2, -HUGE_VAL, HUGE_VAL, "a finite number", wanted, e);
  if (triplets && rows_is_named(v->rows, 2, "label"))
    rows_refuse(v->rows, 0, 2, "a score, or the text of a negative under another name: labels of pairs are not judged", e);
  if (!e->code) cosines_of(v, triplets ? 3 : 2, cosine, e);
  if (!e->code && triplets) {
    for (int i = 0; i < n; i++) right += cosine[2 * i] > cosine[2 * i + 1];
    evaluate_put(v, "accuracy", (double)right / n);
  } else if (!e->code) {
    double spearman = metrics_spearman(cosine, wanted, n, e);
    evaluate_put(v, "pearson", metrics_pearson(cosine, wanted, n));
    evaluate_put(v, "spearman", spearman);
  }
  mem_free(cosine);
  mem_free(wanted);
}

/* ---- qa ---------------------------------------------------------------------------------------------------------- */

/* The answers that are right: a text, or a JSON array of several. NULL where there is none. */
static const Json *right_answers(const Evaluation *v, int row, Arena *a, bert_text *one, bert_err *e) {
  RowsValue x = rows_at(v->rows, row, 2);
  bert_err wrong = {0};
  *one = x.bytes;
  if (x.kind != ROWS_NULL && x.kind != ROWS_TEXT)
    rows_refuse(v->rows, row, 2, "a TEXT, a JSON array of texts or NULL", e);
  if (e->code || x.kind == ROWS_NULL || !x.bytes.size || x.bytes.data[0] != '[') return NULL;
  const Json *list = json_parse(x.bytes.data, x.bytes.size, "answer", a, &wrong);
  if (wrong.code == BERT_NOMEM) err_set(e, BERT_NOMEM, "%s", wrong.text);
  for (const Json *t = json_first(list); t; t = json_next(t))
    if (t->kind != JSON_STRING) return NULL;
  return list && list->kind == JSON_ARRAY ? list : NULL;
}

/* The best score beside any of them. Without one that has words, the right answer is the empty text. */
static AnswerScore judge_answer(const Evaluation *v, int row, bert_text found, int has_none, int *answered,
                                bert_err *e) {
  Arena a = {0};
  bert_text one, empty = {"", 0};
  AnswerScore best = {0, 0};
  const Json *list = right_answers(v, row, &a, &one, e), *t = json_first(list);
  *answered = 0;
  for (int more = list ? t != NULL : one.size > 0; more && !e->code; more = list && t) {
    bert_text wanted = list ? (bert_text){t->at, t->size} : one;
    if (list) t = json_next(t);
    if (has_none && metrics_answer_is_empty(wanted, e)) continue;
    AnswerScore s = metrics_answer(found, wanted, has_none, e);
    *answered = 1;
    if (s.exact > best.exact) best.exact = s.exact;
    if (s.f1 > best.f1) best.f1 = s.f1;
  }
  if (!*answered && !e->code) best = metrics_answer(found, empty, has_none, e);
  arena_fini(&a);
  return best;
}

static int any_none(const Rows *rows) {
  for (int i = 0; i < rows_count(rows); i++) {
    RowsValue x = rows_at(rows, i, 2);
    if (x.kind == ROWS_NULL || !x.bytes.size || (x.bytes.size == 2 && !memcmp(x.bytes.data, "[]", 2))) return 1;
  }
  return 0;
}

static void evaluate_qa(Evaluation *v, bert_err *e) {
  static const double EVEN = 0; /* run_squad's null_score_diff_threshold */
  static const char *const NAMES[2][2] = {{"no_answer_exact", "no_answer_f1"}, {"has_answer_exact", "has_answer_f1"}};
  const Model *m = v->session->model;
  int own = m->options.has_null_threshold || m->config.has_null_threshold, n = rows_count(v->rows), answered;
  if (!evaluate_can(v, BERT_CAN_ANSWER, e)) return;
  want_columns(v, 3, 4, "question, passage, answer [, start]", e);
  int none = !e->code && any_none(v->rows);
  AnswerScore sum[2] = {{0, 0}, {0, 0}};
  int count[2] = {0, 0};
  for (int i = 0; i < n && !e->code; i++) {
    bert_text question = rows_text(v->rows, i, 0, e), passage = rows_text(v->rows, i, 1, e), found = {"", 0};
    bert_answer a;
    if (!e->code && !v->reads && answer_best(v->session, question, passage, none && !own ? &EVEN : NULL, &a, v->progress, e))
      found = (bert_text){passage.data + a.byte_start, a.byte_end - a.byte_start};
    AnswerScore s = judge_answer(v, i, found, none, &answered, e);
    sum[answered].exact += s.exact;
    sum[answered].f1 += s.f1;
    count[answered]++;
    evaluate_done(v, i + 1, n);
  }
  evaluate_put(v, "exact_match", 100 * (sum[0].exact + sum[1].exact) / n);
  evaluate_put(v, "f1", 100 * (sum[0].f1 + sum[1].f1) / n);
  for (int k = 1; k >= 0 && none; k--) {
    if (!count[k]) continue;
    evaluate_put(v, NAMES[k][0], 100 * sum[k].exact / count[k]);
    evaluate_put(v, NAMES[k][1], 100 * sum[k].f1 / count[k]);
  }
}

/* ---- any --------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*run)(Evaluation *v, bert_err *e);
} TASKS[] = {{"classify", evaluate_classify}, {"qa", evaluate_qa},   {"tag", evaluate_tag}, {"embed", evaluate_embed},
             {"rerank", evaluate_rerank},     {"mlm", evaluate_mlm}, {"nsp", evaluate_nsp},
             {"head", evaluate_head}};

static void run(Evaluation *v, const char *task, const char *options_json, bert_err *e) {
  Arena a = {0};
  size_t t = 0;
  while (t < sizeof TASKS / sizeof *TASKS && strcmp(TASKS[t].name, task)) t++;
  if (t == sizeof TASKS / sizeof *TASKS)
    err_set(e, BERT_ARGUMENT, "task: found \"%.40s\", wanted one of classify, qa, tag, embed, rerank, mlm, nsp, head",
            task);
  if (!e->code && !rows_count(v->rows)) err_set(e, BERT_ARGUMENT, "the SQL gives no rows, wanted at least one");
  examples_options(&v->options, options_json, "model", &a, e);
  if (!e->code) TASKS[t].run(v, e);
  arena_fini(&a);
}

int evaluate_rows(Session *s, const char *task, const Rows *rows, const char *options_json, bert_metric *out,
                  const bert_progress *progress, bert_err *e) {
  const Model *m = s->model;
  Judged judged = {m->info.label_count, m->info.multi_label, m->config.label, m->config.labels, m->info.feature_count,
                   m->info.features};
  Evaluation v = {.session = s, .judged = judged, .rows = rows, .progress = progress, .out = out};
  run(&v, task, options_json, e);
  return e->code ? 0 : v.count;
}

void evaluate_check(Model *m, const Judged *judged, const char *task, const Rows *rows, const bert_progress *progress,
                    bert_err *e) {
  bert_metric none[BERT_METRICS_MAX];
  Session *s = session_new(m, 1, e);
  Evaluation v = {.session = s, .judged = *judged, .rows = rows, .progress = progress, .out = none, .reads = 1};
  if (s) run(&v, task, NULL, e);
  session_free(s);
}
