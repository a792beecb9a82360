/* evaluate_tokens.c -- tagging and masked words: what comes out at tokens beside their targets.
** Layer: model. Uses: base kernel text nn.
**
** The examples are those of training (examples.h): the first piece of a word is judged, and masks are drawn by seed. */
#include <math.h>

#include "model/evaluate.h"
#include "model/logits.h"
#include "model/metrics.h"
#include "model/score.h"
#include "model/vector.h"

/* Tokens of a portion whose masks are judged: each has V logits. */
enum { MASKS_PORTION = 1 << 10 };

/* Examples from *at on, some `portion` tokens, as a batch; 0 at the end. */
static int next_portion(Examples *x, int portion, int *at, TrainBatch *batch, Buf *order, bert_err *e) {
  int count = examples_count(x), tokens = 0;
  order->size = 0;
  for (; *at < count && tokens < portion && !e->code; ++*at) {
    int32_t i = *at;
    buf_add(order, &i, sizeof i, e);
    tokens += examples_length(x, *at);
  }
  if (e->code || !order->size) return 0;
  examples_batch(x, (const int32_t *)order->data, (int)(order->size / sizeof(int32_t)), batch, e);
  return e->code == BERT_OK;
}

/* ---- tag --------------------------------------------------------------------------------------------------------- */

/* The labels of one row's words, found and wanted, go into the count. */
static void judge_row(const Model *m, const TrainBatch *b, int row, const float *logits, SpanCount *count, Buf *labels,
                      bert_err *e) {
  size_t units = (size_t)m->tag.out, n = 0;
  labels->size = 0;
  int first = b->tokens.start[row], past = b->tokens.start[row + 1];
  const char **name = buf_room(labels, 2 * (size_t)(past - first) * sizeof *name, e);
  if (!name) return;
  const char **wanted = name + (past - first);
  for (int t = first; t < past; t++) {
    if (b->target[t] < 0) continue;
    name[n] = m->config.label[score_largest(logits + (size_t)t * units, (int)units)];
    wanted[n++] = m->config.label[b->target[t]];
  }
  metrics_spans(count, name, wanted, (int)n);
}

void evaluate_tag(Evaluation *v, bert_err *e) {
  const Model *m = v->session->model;
  if (!evaluate_can(v, BERT_CAN_TAG, e)) return;
  v->options.label = v->judged.label;
  v->options.label_count = v->judged.labels;
  Examples *x = examples_make(v->session->model, "tag", v->rows, &v->options, v->progress, e);
  Buf order = {0}, labels = {0};
  SpanCount count = {0};
  TrainBatch batch;
  for (int at = 0; x && !v->reads && next_portion(x, LOGITS_PORTION, &at, &batch, &order, e);) {
    batch_add(v->session, &batch.tokens, e);
    const float *logits = logits_run(v->session, &m->tag, v->progress, e);
    for (int r = 0; r < batch.tokens.rows && !e->code; r++) judge_row(m, &batch, r, logits, &count, &labels, e);
    evaluate_done(v, at, examples_count(x));
  }
  evaluate_put(v, "f1", metrics_span_f1(&count));
  evaluate_put(v, "precision", metrics_span_precision(&count));
  evaluate_put(v, "recall", metrics_span_recall(&count));
  evaluate_put(v, "accuracy", count.words ? (double)count.words_right / (double)count.words : 0);
  buf_fini(&order);
  buf_fini(&labels);
  examples_free(x);
}

/* ---- mlm --------------------------------------------------------------------------------------------------------- */

/* -log softmax(x)[target], summed in the order of x. */
static double loss_of(const float *x, int n, int target) {
  double most = (double)x[score_largest(x, n)], sum = 0;
  for (int i = 0; i < n; i++) sum += exp((double)x[i] - most);
  return log(sum) - ((double)x[target] - most);
}

void evaluate_mlm(Evaluation *v, bert_err *e) {
  const Model *m = v->session->model;
  if (!evaluate_can(v, BERT_CAN_FILL, e)) return;
  Examples *x = examples_make(v->session->model, "mlm", v->rows, &v->options, v->progress, e);
  int V = m->config.vocabulary;
  TrainBatch batch;
  Buf order = {0};
  double loss = 0, right = 0, chosen = 0;
  for (int at = 0; x && !v->reads && next_portion(x, MASKS_PORTION, &at, &batch, &order, e);) {
    const float *logits = logits_masks(v->session, &batch.tokens, batch.position, batch.chosen, v->progress, e);
    for (int k = 0; k < batch.chosen && logits; k++, logits += V) {
      loss += loss_of(logits, V, batch.target[k]);
      right += score_largest(logits, V) == batch.target[k];
    }
    chosen += batch.chosen;
    evaluate_done(v, at, examples_count(x));
  }
  evaluate_put(v, "perplexity", chosen > 0 ? exp(loss / chosen) : 0);
  evaluate_put(v, "loss", chosen > 0 ? loss / chosen : 0);
  evaluate_put(v, "accuracy", chosen > 0 ? right / chosen : 0);
  buf_fini(&order);
  examples_free(x);
}
