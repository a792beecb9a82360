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

static void add_config(const Net *n, Buf *b, bert_err *e) {
  static const char *const SUFFIX[TASKS] = {"ForSequenceClassification", "ForSequenceClassification",
                                            "ForQuestionAnswering",
                                            "ForTokenClassification",    "Model",                     "ForMaskedLM",
                                            "ForPreTraining"};
  const char *suffix = n->task == TASK_PRETRAIN && !n->pairs ? "ForMaskedLM" : SUFFIX[n->task];
  json_write_format(b, e, "{\"architectures\": [\"%s%s\"]", n->from->arch->class_name, suffix);
  if (n->info.label_count && n->task != TASK_EMBED) add_labels(b, &n->info, e);
  else if (n->head.kind == TRAIN_FIRST && n->from->config.labels != n->head.units) add_units(b, n->head.units, e);
  const char *problem = n->info.loss == LOSS_BINARY   ? "multi_label_classification"
                        : n->head.units == 1         ? "regression"
                                                      : "single_label_classification";
  if (n->task == TASK_CLASSIFY) json_write_format(b, e, ", \"problem_type\": \"%s\"", problem);
  if (n->task == TASK_QA) json_write_format(b, e, ", \"bert_null_threshold\": %s", n->null_answers ? "0.0" : "null");
  buf_add(b, "}", 2, e); /* with its NUL */
}

static void add_tensors(const Net *n, bert_tensor *tensor, const float **data) {
  for (int i = 0; i < params_names(&n->params); i++) {
    const ParamName *p = params_named(&n->params, i);
    int64_t columns = p->columns ? p->columns : 1;
    tensor[i] = (bert_tensor){p->name, p->columns ? 2 : 1, {p->rows, p->columns}, p->rows * columns};
    data[i] = n->params.w + p->at;
  }
}

Model *net_model(const Net *n, const char *source, const bert_progress *progress, bert_err *e) {
  Buf config = {0};
  Bundle files = {0};
  int count = params_names(&n->params);
  if (n->head.loss == LOSS_PAIR) count -= 2; /* the classifier over two vectors has served; the model gives vectors */
  bert_tensor *tensor = mem_new((size_t)params_names(&n->params), sizeof *tensor, e);
  const float **data = mem_new((size_t)params_names(&n->params), sizeof *data, e);
  add_config(n, &config, e);
  if (!e->code) add_tensors(n, tensor, data);
  bert_changes changes = {.tensor = tensor, .data = data, .count = count, .config = config.data, .without_heads = 1,
                          .without_modules = n->task != TASK_EMBED};
  bert_sink sink = bundle_sink(&files);
  bert_files view = bundle_files(&files);
  save_model(n->from, &changes, &sink, progress, e);
  Model *m = e->code ? NULL : model_open(&view, source, NULL, e);
  bundle_fini(&files);
  buf_fini(&config);
  mem_free(tensor);
  mem_free(data);
  return m;
}
