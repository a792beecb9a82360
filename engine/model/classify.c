/* classify.c -- a label or a number for a text or a pair: classification, reranking, zero-shot, next sentence.
** Layer: model. Uses: base kernel text nn.
**
**    items (long.h, pair.h) -> states (batch.h) -> the head on the first token's -> logits -> scores
*/
#include <ctype.h>
#include <string.h>

#include "model/long.h"
#include "model/pair.h"
#include "model/score.h"
#include "model/vector.h"

/* ---- items to logits --------------------------------------------------------------------------------------------- */

typedef struct {
  const FirstHead *head;
  float *logits;  /* [texts][out], or of items where some text has several: by_item */
  int by_item;
  const float *features; /* [texts][head's features], standardised */
  float *between; /* [threads][H] */
} Job;

static int finish_row(void *context, const Row *row) {
  const Job *job = context;
  int out = job->head->out.out;
  float *logits = job->logits + (size_t)(job->by_item ? row->index : row->item->text) * (size_t)out;
  size_t first = (size_t)row->item->text * (size_t)job->head->features;
  const float *feature = job->features ? job->features + first : NULL;
  head_first(logits, row->x, feature, job->head, job->between + (size_t)row->worker * (size_t)job->head->dense.out, row->own);
  return vector_finite(logits, out);
}

/* logits[texts][out] of the items that were added. */
static void run(Session *s, const FirstHead *head, const float *features, int texts, float *logits,
                const bert_progress *progress, bert_err *e) {
  int count = batch_count(s), out = head->out.out;
  Job job = {.head = head, .logits = logits, .by_item = count > texts, .features = features};
  s->vectors.size = s->pooled.size = 0;
  job.between = buf_room(&s->pooled, mem_size((size_t)s->threads * sizeof(float), (size_t)head->dense.out, 0), e);
  size_t windows = job.by_item ? mem_size((size_t)count * sizeof(float), (size_t)out, 0) : 0;
  float *each = buf_room(&s->vectors, mem_size((size_t)texts, sizeof(int), windows), e);
  if (e->code) return;
  if (job.by_item) job.logits = each;
  Finish finish = {finish_row, &job};
  int broken = batch_run(s, &finish, progress, e);
  if (broken) err_set(e, BERT_FORMAT, "the model's output for text %d of %d is not finite", broken, texts);
  if (!e->code && job.by_item)
    long_average(batch_items(s), count, out, each, logits, texts, (int *)((char *)each + windows));
}

/* Those of n texts, standardised, in s->features; NULL where the model takes none, or on error. */
static const float *standardised(Session *s, const float *features, int n, bert_err *e) {
  const Model *m = s->model;
  size_t F = (size_t)m->classify.features;
  if (!features && F)
    err_set(e, BERT_ARGUMENT, "%s: found a text without numbers, wanted them beside it, as it was trained: %s",
            m->source, m->info.features);
  if (!F) return NULL;
  s->features.size = 0;
  float *out = buf_room(&s->features, mem_size((size_t)n * F, sizeof *out, 0), e);
  for (size_t i = 0; !e->code && i < (size_t)n * F; i++) {
    const FeatureConfig *f = &m->config.feature[i % F];
    out[i] = score_feature(features[i], f->mean, f->deviation);
  }
  return e->code ? NULL : out;
}

void classify_texts(Session *s, const bert_text *a, const bert_text *b, const float *features, int n, float *logits,
                    const bert_progress *progress, bert_err *e) {
  if (!describe_can(s->model, BERT_CAN_CLASSIFY, e) || n <= 0) return;
  features = standardised(s, features, n, e);
  batch_clear(s);
  for (int i = 0; i < n && !e->code; i++)
    if (b && b[i].data) long_add_pair(s, i, a[i], b[i], e);
    else long_add(s, i, a[i], 0, e);
  if (!e->code) run(s, &s->model->classify, features, n, logits, progress, e);
}

double classify_next(Session *s, bert_text a, bert_text b, const bert_progress *progress, bert_err *e) {
  float logits[2] = {0, 0};
  if (!describe_can(s->model, BERT_CAN_NEXT, e)) return 0;
  batch_clear(s);
  long_add_pair(s, 0, a, b, e);
  run(s, &s->model->next, NULL, 1, logits, progress, e);
  if (e->code) return 0;
  score_softmax(logits, 2);
  return logits[0];
}

/* ---- logits to scores -------------------------------------------------------------------------------------------- */

void classify_scores(const Model *m, const float *logits, float *scores) {
  int n = m->info.label_count;
  if (n <= 0) return;
  memmove(scores, logits, (size_t)n * sizeof *scores);
  if (!strcmp(m->config.problem, "regression")) return;
  if (m->info.multi_label || n == 1)
    for (int i = 0; i < n; i++) scores[i] = score_sigmoid(scores[i]);
  else score_softmax(scores, n);
}

static float activated(ScoreKind kind, float logit) {
  if (kind == SCORE_SIGMOID) return score_sigmoid(logit);
  if (kind == SCORE_RELU || kind == SCORE_TANH)
    kernels()->activate(&logit, &logit, 1, kind == SCORE_RELU ? KERNEL_RELU : KERNEL_TANH);
  return logit;
}

float classify_number(const Model *m, float logit) { return activated(m->score_kind, logit); }

float classify_rerank(const Model *m, float logit, bert_err *e) {
  if (!describe_can(m, BERT_CAN_CLASSIFY, e)) return 0;
  if (m->info.label_count != 1)
    err_set(e, BERT_ARGUMENT, "%s: found a classifier of %d labels, wanted a reranker, which has one", m->source,
            m->info.label_count);
  return activated(m->score_kind == SCORE_UNSAID ? SCORE_SIGMOID : m->score_kind, logit);
}

/* ---- zero-shot --------------------------------------------------------------------------------------------------- */

/* The label that stands for entailment, as transformers finds it: the last one where no name begins so. */
static int entailment(const Model *m) {
  static const char WANTED[] = "entail";
  for (int i = 0; i < m->config.labels; i++) {
    const char *name = m->config.label[i];
    size_t n = 0;
    while (WANTED[n] && tolower((unsigned char)name[n]) == WANTED[n]) n++;
    if (!WANTED[n]) return i;
  }
  return m->config.labels - 1;
}

/* s->text = the hypothesis with the label where its {} is. */
static void fill_in(Session *s, bert_text hypothesis, bert_text label, bert_err *e) {
  int found = 0;
  s->text.size = 0;
  for (size_t i = 0; i < hypothesis.size && !e->code; i++) {
    const char *p = hypothesis.data + i, next = i + 1 < hypothesis.size ? p[1] : 0;
    if (*p == '{' && next == '}') {
      buf_add(&s->text, label.data, label.size, e);
      found++, i++;
    } else if ((*p == '{' || *p == '}') && next == *p) {
      buf_add(&s->text, p, 1, e);
      i++;
    } else if (*p == '{' || *p == '}') {
      found = -1;
      break;
    } else {
      buf_add(&s->text, p, 1, e);
    }
  }
  if (found != 1)
    err_set(e, BERT_ARGUMENT, "template: found \"%.*s\", wanted one {} where the label goes ({{ and }} are braces)",
            hypothesis.size < 200 ? (int)hypothesis.size : 200, hypothesis.data ? hypothesis.data : "");
}

/* Adds the text and a hypothesis, the text cut where the window wants it. */
static void add_hypothesis(Session *s, int index, bert_text text, bert_err *e) {
  Pair p;
  pair_encode(s, text, (bert_text){s->text.data, s->text.size}, 0, &p, e);
  if (e->code) return;
  int room = s->model->max_tokens - p.special - p.b_count, keep = p.a_count < room ? p.a_count : room;
  if (keep < p.a_count && keep < 1) {
    err_set(e, BERT_ARGUMENT, "found a hypothesis of %d tokens, wanted at most %d, so that the text has room beside it",
            p.b_count, s->model->max_tokens - p.special - 1);
    return;
  }
  pair_add(s, &p, index, keep, 0, p.b_count, e);
}

void classify_zero_shot(Session *s, bert_text text, const bert_text *labels, int n, const bert_text *hypothesis,
                        int multi_label, double *scores, const bert_progress *progress, bert_err *e) {
  static const char STANDARD[] = "This example is {}.";
  const Model *m = s->model;
  if (!describe_can(m, BERT_CAN_CLASSIFY, e) || n <= 0) return;
  int units = m->config.labels, yes = entailment(m), no = yes == 0 ? units - 1 : 0;
  standardised(s, NULL, 0, e);
  if (units < 2)
    err_set(e, BERT_ARGUMENT, "%s: found a classifier of one label, wanted one of inference: entailment, contradiction",
            m->source);
  batch_clear(s);
  for (int i = 0; i < n && !e->code; i++) {
    fill_in(s, hypothesis ? *hypothesis : (bert_text){STANDARD, sizeof STANDARD - 1}, labels[i], e);
    add_hypothesis(s, i, text, e);
  }
  s->windows.size = 0;
  float *logits = buf_room(&s->windows, mem_size((size_t)n * (size_t)(units + 1), sizeof *logits, 0), e);
  if (!e->code) run(s, &m->classify, NULL, n, logits, progress, e);
  if (e->code) return;
  float *chosen = logits + (size_t)n * (size_t)units;
  for (int i = 0; i < n; i++) chosen[i] = logits[(size_t)i * (size_t)units + (size_t)yes];
  if (!multi_label && n > 1) score_softmax(chosen, n);
  else
    for (int i = 0; i < n; i++) chosen[i] = score_sigmoid(chosen[i] - logits[(size_t)i * (size_t)units + (size_t)no]);
  for (int i = 0; i < n; i++) scores[i] = (double)chosen[i];
}
