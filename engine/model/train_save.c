/* train_save.c -- see train_net.h: an ordinary model out of a network.
** Layer: model. Uses: base nn.
**
** config.json says what transformers wants to know: the class of the architecture, the labels, the kind of problem. Its
** other members stay as they were. */
#include <string.h>

#include "base/json_write.h"
#include "model/train_net.h"

static void add(Buf *b, const char *text, bert_err *e) { buf_add(b, text, strlen(text), e); }

static void add_labels(Buf *b, const ExamplesInfo *info, bert_err *e) {
  add(b, ", \"id2label\": {", e);
  for (int i = 0; i < info->label_count; i++) {
    json_write_format(b, e, "%s\"%d\": ", i ? ", " : "", i);
    json_write_string(b, info->label[i], strlen(info->label[i]), e);
  }
  add(b, "}, \"label2id\": {", e);
  for (int i = 0; i < info->label_count; i++) {
    if (i) add(b, ", ", e);
    json_write_string(b, info->label[i], strlen(info->label[i]), e);
    json_write_format(b, e, ": %d", i);
  }
  add(b, "}", e);
}

/* Units without labels, as transformers names them: without names its config would take two. */
static void add_units(Buf *b, int units, bert_err *e) {
  add(b, ", \"id2label\": {", e);
  for (int i = 0; i < units; i++) json_write_format(b, e, "%s\"%d\": \"LABEL_%d\"", i ? ", " : "", i, i);
  add(b, "}, \"label2id\": {", e);
  for (int i = 0; i < units; i++) json_write_format(b, e, "%s\"LABEL_%d\": %d", i ? ", " : "", i, i);
  add(b, "}", e);
}

/* The numbers beside the text, or that there are none any more. */
static void add_features(Buf *b, const ExamplesInfo *info, bert_err *e) {
  add(b, ", \"bert_features\": ", e);
  for (int i = 0; i < info->feature_count; i++) {
    const FeatureConfig *f = &info->feature[i];
    json_write_format(b, e, "%s{\"name\": ", i ? ", " : "[");
    json_write_string(b, f->name, strlen(f->name), e);
    json_write_format(b, e, ", \"mean\": %.9g, \"deviation\": %.9g}", (double)f->mean, (double)f->deviation);
  }
  add(b, info->feature_count ? "]" : "null", e);
}

static void add_config(const Net *n, Buf *b, bert_err *e) {
  static const char *const SUFFIX[TASKS] = {"ForSequenceClassification", "ForSequenceClassification",
                                            "ForQuestionAnswering",
                                            "ForTokenClassification",    "Model",                     "ForMaskedLM", "ForVectorClassification",
                                            "ForPreTraining"};
  const char *suffix = n->task == TASK_PRETRAIN && !n->pairs ? "ForMaskedLM" : SUFFIX[n->task];
  json_write_format(b, e, "{\"architectures\": [\"%s%s\"]", n->from->arch->class_name, suffix);
  if (n->info.label_count && n->task != TASK_EMBED) add_labels(b, &n->info, e);
  else if ((n->head.kind == TRAIN_FIRST || n->task == TASK_HEAD) && n->from->config.labels != n->head.units) add_units(b, n->head.units, e);
  const char *problem = n->info.loss == LOSS_BINARY   ? "multi_label_classification"
                        : n->head.units == 1         ? "regression"
                                                      : "single_label_classification";
  if (n->task == TASK_CLASSIFY || n->task == TASK_HEAD) json_write_format(b, e, ", \"problem_type\": \"%s\"", problem);
  if (n->task == TASK_HEAD) json_write_format(b, e, ", \"input_size\": %d", n->head.feature_count);
  else add_features(b, &n->info, e);
  if (n->task == TASK_QA) json_write_format(b, e, ", \"bert_null_threshold\": %s", n->null_answers ? "0.0" : "null");
  buf_add(b, "}", 2, e); /* with its NUL */
}

static bert_tensor matrix(const char *name, int64_t rows, int64_t columns) {
  return (bert_tensor){name, 2, {rows, columns}, rows * columns};
}

/* What is written under the names of the parameters. */
typedef struct {
  bert_tensor *tensor;
  const float **data;
  float *split; /* [units][H], [units][features] of a classifier with features; [features] twice of one of vectors */
  int count;
} Tensors;

static void add_tensor(Tensors *t, bert_tensor tensor, const float *data) {
  t->tensor[t->count] = tensor;
  t->data[t->count++] = data;
}

/* A classifier's columns for the text and those for numbers, which load.c has as two. */
static void add_split(Tensors *t, const Net *n, const ParamName *p) {
  size_t F = (size_t)n->head.feature_count, J = (size_t)p->columns, H = J - F, U = (size_t)p->rows;
  float *text = t->split, *numbers = t->split + U * H;
  for (size_t u = 0; u < U; u++) {
    const float *row = n->params.w + p->at + u * J;
    memcpy(text + u * H, row, H * sizeof *row);
    for (size_t k = 0; k < F; k++) numbers[u * F + k] = n->head.feature_scale * row[H + k];
  }
  add_tensor(t, matrix(p->name, p->rows, (int64_t)H), text);
  add_tensor(t, matrix(MODEL_FEATURES, p->rows, (int64_t)F), numbers);
}

/* mean and deviation, as predict.c has them. */
static void add_scale(Tensors *t, const ExamplesInfo *info) {
  static const char *const NAMES[2] = {"mean", "deviation"};
  int64_t F = info->feature_count;
  for (int which = 0; which < 2; which++) {
    float *to = t->split + which * F;
    for (int64_t k = 0; k < F; k++) to[k] = which ? info->feature[k].deviation : info->feature[k].mean;
    add_tensor(t, (bert_tensor){NAMES[which], 1, {F, 0}, F}, to);
  }
}

static void add_tensors(const Net *n, Tensors *t) {
  if (n->task == TASK_HEAD) add_scale(t, &n->info);
  for (int i = 0; i < params_names(&n->params); i++) {
    const ParamName *p = params_named(&n->params, i);
    if (n->head.feature_count && n->task != TASK_HEAD && p->at == n->head.out.w) add_split(t, n, p);
    else if (n->words && p->at == n->encoder.word) add_tensor(t, matrix(p->name, p->rows, p->columns), NULL);
    else if (p->columns) add_tensor(t, matrix(p->name, p->rows, p->columns), n->params.w + p->at);
    else add_tensor(t, (bert_tensor){p->name, 1, {p->rows, 0}, p->rows}, n->params.w + p->at);
  }
  if (n->head.loss == LOSS_PAIR) t->count -= 2; /* the classifier over two vectors has served: it gives one */
}

/* Of the only tensor without data, the table of words. */
static void read_words(void *context, int tensor, int64_t first, int64_t n, float *out) {
  (void)tensor;
  net_words(context, (int)first, (int)n, out);
}

Model *net_model(const Net *n, const char *source, const bert_progress *progress, bert_err *e) {
  Buf config = {0};
  Bundle files = {0};
  Tensors t = {.count = 0};
  size_t room = (size_t)params_names(&n->params) + 2, units = n->task == TASK_HEAD ? 2 : (size_t)n->head.out.out;
  t.tensor = mem_new(room, sizeof *t.tensor, e);
  t.data = mem_new(room, sizeof *t.data, e);
  if (n->head.feature_count) t.split = mem_new((size_t)n->head.out.in * units, sizeof *t.split, e);
  add_config(n, &config, e);
  if (!e->code) add_tensors(n, &t);
  bert_changes changes = {.tensor = t.tensor, .data = t.data, .count = t.count, .rows = read_words, .context = (Net *)n,
                          .config = config.data, .without_heads = 1, .without_modules = n->task != TASK_EMBED};
  bert_sink sink = bundle_sink(&files);
  bert_files view = bundle_files(&files);
  save_model(n->from, &changes, &sink, progress, e);
  Model *m = e->code ? NULL : model_open(&view, source, NULL, e);
  bundle_fini(&files);
  buf_fini(&config);
  mem_free(t.tensor);
  mem_free(t.data);
  mem_free(t.split);
  return m;
}
