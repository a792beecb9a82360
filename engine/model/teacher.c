/* teacher.c -- see teacher.h.
** Layer: model. Uses: base text nn. */
#include "model/teacher.h"

#include <string.h>

#include "model/batch.h"
#include "model/logits.h"

static int is(const Teacher *t, const char *task) { return !strcmp(t->task, task); }
static int fills(const Teacher *t) { return is(t, "mlm") || is(t, "pretrain"); }
static int reads_tokens(const Teacher *t) { return is(t, "qa") || is(t, "tag"); }

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void want_labels(const Model *m, const ExamplesOptions *o, bert_err *e) {
  int n = m->config.labels, same = o->label_count == n;
  for (int i = 0; i < n && same; i++) same = !strcmp(o->label[i], m->config.label[i]);
  if (o->label_count && !same)
    err_set(e, BERT_ARGUMENT, "labels: found %d other than the teacher's, wanted them left out or as it has them: %s",
            o->label_count, m->info.labels);
}

static void want_kind(int *option, int teacher, const char *name, bert_err *e) {
  if (*option >= 0 && *option != teacher)
    err_set(e, BERT_ARGUMENT, "%s: found %s, wanted it left out or as the teacher is: %s", name,
            *option ? "true" : "false", teacher ? "true" : "false");
  *option = teacher;
}

/* The student is to have the teacher's labels. */
static void take_labels(const Model *m, const char *task, ExamplesOptions *o, bert_err *e) {
  int one = strcmp(task, "tag") && m->config.labels == 1 && !m->info.multi_label;
  want_labels(m, o, e);
  if (m->info.feature_count)
    err_set(e, BERT_ARGUMENT, "the teacher %s takes numbers beside a text, wanted one that reads texts alone", m->source);
  if (!strcmp(task, "rerank")) {
    if (!one) err_set(e, BERT_ARGUMENT, "the teacher %s has %d labels, wanted one that scores pairs", m->source,
                      m->config.labels);
    return;
  }
  o->label = one ? NULL : m->config.label;
  o->label_count = one ? 0 : m->config.labels;
  if (strcmp(task, "classify")) return;
  want_kind(&o->regression, one, "regression", e);
  want_kind(&o->multi_label, m->info.multi_label, "multi_label", e);
}

void teacher_open(Teacher *t, Model *m, const char *task, const Rows *rows, ExamplesOptions *o, bert_err *e) {
  static const struct {
    const char *task;
    unsigned can;
  } TASKS[] = {{"classify", BERT_CAN_CLASSIFY}, {"rerank", BERT_CAN_CLASSIFY}, {"qa", BERT_CAN_ANSWER},
               {"tag", BERT_CAN_TAG},           {"embed", 0},                   {"mlm", BERT_CAN_FILL},
               {"pretrain", BERT_CAN_FILL}};
  enum { COUNT = sizeof TASKS / sizeof *TASKS };
  int i = 0;
  if (e->code) return;
  while (i < COUNT && strcmp(TASKS[i].task, task)) i++;
  if (i == COUNT) {
    err_set(e, BERT_ARGUMENT, "the task '%.40s' with a teacher, wanted one of classify, rerank, qa, tag, embed, mlm", task);
    return;
  }
  t->task = TASKS[i].task;
  t->rows = rows;
  o->taught = 1;
  o->taught_width = m->dimensions;
  if (TASKS[i].can ? !describe_can(m, TASKS[i].can, e) : !describe_reads(m, e)) err_within(e, "teacher");
  if (!e->code && TASKS[i].can & (BERT_CAN_CLASSIFY | BERT_CAN_TAG)) take_labels(m, task, o, e);
  t->session = session_new(m, m->options.threads, e);
}

/* Both have the same pieces under the same ids. */
static void want_vocabulary(const Model *m, const Model *student, bert_err *e) {
  int mine = student->config.vocabulary, its = m->config.vocabulary, id = 0;
  if (!e->code && mine != its)
    err_set(e, BERT_ARGUMENT, "%s has %d pieces, wanted the %d of the model that is trained", m->source, its, mine);
  if (e->code) return;
  while (id < mine && !strcmp(tokenizer_piece(m->tokenizer, id), tokenizer_piece(student->tokenizer, id))) id++;
  if (id < mine)
    err_set(e, BERT_ARGUMENT, "%s has the piece \"%.40s\" as %d, wanted \"%.40s\", as the model that is trained", m->source,
            tokenizer_piece(m->tokenizer, id), id, tokenizer_piece(student->tokenizer, id));
}

/* The teacher's own reading of the rows has the same tokens. */
static void want_tokens(Teacher *t, const Examples *examples, const ExamplesOptions *o, const bert_progress *progress,
                        bert_err *e) {
  Model *m = t->session->model;
  ExamplesOptions own = *o;
  own.max_tokens = examples_window(examples);
  t->examples = e->code ? NULL : examples_make(m, t->task, t->rows, &own, progress, e);
  int row = e->code ? -1 : examples_differ(examples, t->examples);
  if (row >= 0)
    err_set(e, BERT_ARGUMENT, "%s reads row %d as other tokens than the model that is trained, wanted one of the same "
            "vocabulary", m->source, row + 1);
}

void teacher_meet(Teacher *t, const Model *student, const Examples *examples, const ExamplesOptions *o,
                  const bert_progress *progress, bert_err *e) {
  ExamplesInfo info;
  if (e->code || !t->session) return;
  Model *m = t->session->model;
  examples_describe(examples, &info);
  t->texts = info.texts;
  if ((reads_tokens(t) || fills(t)) && m->max_tokens < examples_window(examples))
    err_set(e, BERT_ARGUMENT, "%s has a window of %d tokens, wanted the %d of the model that is trained (option "
            "max_tokens)", m->source, m->max_tokens, examples_window(examples));
  if (reads_tokens(t)) want_tokens(t, examples, o, progress, e);
  if (fills(t)) want_vocabulary(m, student, e);
  if (info.pairs && m->encoder.embedding.types < 2)
    err_set(e, BERT_ARGUMENT, "%s has no segments, wanted a teacher that reads pairs (or the option nsp false)", m->source);
  err_within(e, "teacher");
}

void teacher_close(Teacher *t) {
  examples_free(t->examples);
  session_free(t->session);
  buf_fini(&t->text);
  buf_fini(&t->out);
  *t = (Teacher){0};
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* t->out[n][width] of rows order[n]. */
static void say_of_texts(Teacher *t, const int32_t *order, int n, int width, const bert_progress *progress, bert_err *e) {
  const Model *m = t->session->model;
  float *out = buf_room(&t->out, mem_size((size_t)n, (size_t)width * sizeof *out, 0), e);
  bert_text *a = buf_room(&t->text, 2 * (size_t)n * sizeof *a, e), *b = a + n;
  for (int i = 0; i < n && !e->code; i++) {
    a[i] = rows_text(t->rows, order[i], 0, e);
    if (t->texts > 1) b[i] = rows_text(t->rows, order[i], 1, e);
  }
  if (e->code) return;
  if (is(t, "embed")) embed_texts(t->session, a, n, NULL, out, progress, e);
  else classify_texts(t->session, a, t->texts > 1 ? b : NULL, NULL, n, out, progress, e);
  if (is(t, "classify") && m->config.labels == 1 && !m->info.multi_label)
    for (int i = 0; i < n && !e->code; i++) out[i] = classify_number(m, out[i]);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* t->out[tokens][units] of examples order[n]. */
static void say_of_tokens(Teacher *t, const int32_t *order, int n, const bert_progress *progress, bert_err *e) {
  const Model *m = t->session->model;
  TrainBatch b;
  examples_batch(t->examples, order, n, &b, e);
  const Linear *head = is(t, "qa") ? &m->answer : &m->tag;
  if (!e->code) batch_add(t->session, &b.tokens, e);
  const float *logits = e->code ? NULL : logits_run(t->session, head, progress, e);
  if (logits) buf_add(&t->out, logits, (size_t)b.tokens.tokens * (size_t)head->out * sizeof *logits, e);
}

/* t->out[chosen][V] of a part's masks. */
static void say_of_masks(Teacher *t, const TrainBatch *part, const bert_progress *progress, bert_err *e) {
  size_t count = (size_t)part->chosen * (size_t)t->session->model->config.vocabulary;
  const float *logits = logits_masks(t->session, &part->tokens, part->position, part->chosen, progress, e);
  if (logits) buf_add(&t->out, logits, count * sizeof *logits, e);
}

/* ------------------------------------------------------------------------------------------------------------------ */

void teacher_say(Teacher *t, const int32_t *order, TrainBatch *part, const bert_progress *progress, bert_err *e) {
  if (e->code || !t->session) return;
  t->text.size = t->out.size = 0;
  if (fills(t)) say_of_masks(t, part, progress, e);
  else if (reads_tokens(t)) say_of_tokens(t, order, part->examples, progress, e);
  else say_of_texts(t, order, part->examples, part->width, progress, e);
  if (is(t, "embed")) part->value = (const float *)t->out.data;
  else part->soft = (float *)t->out.data;
  err_within(e, "teacher");
}
