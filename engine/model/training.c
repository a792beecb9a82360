/* training.c -- see training.h: the steps.
** Layer: model. Uses: base kernel nn. */
#include "model/training.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/rng.h"
#include "model/checkpoint.h"
#include "model/evaluate.h"
#include "model/predict.h"

enum { RNG_ORDER = 2, ANSWER = 2 /* its column */ };

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static void add_phase(Training *t, Model *from, const Rows *rows, const char *name, int max_tokens, const bert_progress *progress,
                      bert_err *e) {
  ExamplesOptions o = t->options.examples;
  TrainPhase *p = &t->phase[t->phases++];
  int64_t each = (int64_t)t->options.batch_size * t->options.accumulate;
  if (max_tokens) o.max_tokens = max_tokens;
  p->examples = e->code ? NULL : examples_make(from, name, rows, &o, progress, e);
  if (e->code) return;
  p->count = examples_count(p->examples);
  p->steps_of_epoch = (p->count + each - 1) / each;
  if (!p->count) err_set(e, BERT_ARGUMENT, "the rows give no example to train on");
}

/* Steps in all, and before the second phase, once the examples are known. */
static void plan(Training *t) {
  const TrainOptions *o = &t->options;
  double pass = (double)t->phase[0].steps_of_epoch, share = o->short_share; /* steps of a pass; of both phases, on average */
  if (t->phases > 1) pass = 1 / (share / pass + (1 - share) / (double)t->phase[1].steps_of_epoch);
  t->steps = o->steps ? o->steps : (int64_t)ceil(o->epochs * pass);
  if (t->phases > 1) t->phase[1].first = llround(share * (double)t->steps);
  t->epoch = -1;
}

/* The examples of a run: of pre-training those of short_tokens stand before those of the whole window, where that is
** longer. */
static void make_phases(Training *t, Model *from, Task task, const Rows *rows, const char *name, const bert_progress *progress,
                        bert_err *e) {
  const TrainOptions *o = &t->options;
  int window = o->examples.max_tokens && o->examples.max_tokens < from->max_tokens ? o->examples.max_tokens : from->max_tokens;
  if (task == TASK_PRETRAIN && o->short_share > 0 && o->short_tokens < window)
    add_phase(t, from, rows, name, o->short_tokens, progress, e);
  add_phase(t, from, rows, name, 0, progress, e);
  if (!e->code) plan(t);
}

static const TrainPhase *phase_at(const Training *t, int64_t step) {
  return &t->phase[t->phases > 1 && step >= t->phase[1].first];
}

/* What a run is a function of. */
static uint64_t identify(const Training *t, const Model *teacher, const Rows *rows) {
  uint64_t of[] = {t->net.from->hash, teacher ? teacher->hash : 0, (uint64_t)t->net.task, (uint64_t)t->steps,
                   training_options_hash(&t->options)};
  uint64_t hash = hash_bytes(of, sizeof of, rows_hash(rows));
  uint64_t phases[] = {(uint64_t)t->options.short_tokens, (uint64_t)t->phase[1].first};
  return t->phases > 1 ? hash_bytes(phases, sizeof phases, hash) : hash;
}

static int has_no_answer(const Rows *rows, int row) {
  return rows_columns(rows) > ANSWER && rows_at(rows, row, ANSWER).kind == ROWS_NULL;
}

/* teacher: NULL, or a model that knows the task; rows stay with it. */
static Training *begin(Model *from, Model *teacher, Task task, const Rows *rows, const char *name, const char *options,
                       const bert_progress *progress, bert_err *e) {
  Training *t = mem_new(1, sizeof *t, e);
  ExamplesInfo info = {0};
  if (!t) return NULL;
  training_options(&t->options, options, task, &t->arena, e);
  if (teacher) teacher_open(&t->teacher, teacher, name, rows, &t->options.examples, e);
  if (!e->code) make_phases(t, from, task, rows, name, progress, e);
  const Examples *longest = e->code ? NULL : t->phase[t->phases - 1].examples;
  if (longest) teacher_meet(&t->teacher, from, longest, &t->options.examples, progress, e);
  if (longest) examples_describe(longest, &info);
  net_open(&t->net, from, task, &info, info.pairs, &t->options.drop, t->options.seed, e);
  net_freeze(&t->net, &t->options.freeze, e);
  for (int i = 0; task == TASK_QA && !e->code && i < rows_count(rows); i++)
    t->net.null_answers |= has_no_answer(rows, i);
  if (teacher) t->net.null_answers |= teacher->config.has_null_threshold;
  t->net.head.scale = (float)t->options.scale;
  t->net.head.margin = (float)t->options.margin;
  t->net.head.temperature = (float)t->options.temperature;
  t->net.head.alpha = (float)t->options.alpha;
  int most = t->phase[0].count > t->phase[1].count ? t->phase[0].count : t->phase[1].count;
  t->order = mem_new((size_t)most, sizeof *t->order, e);
  t->threads = from->options.threads ? from->options.threads : pool_threads();
  if (!e->code && t->options.checkpoint) {
    t->identity = identify(t, teacher, rows);
    t->step = checkpoint_read(t->options.checkpoint, t->identity, &t->net.params, e);
  }
  if (e->code) {
    training_free(t);
    return NULL;
  }
  return t;
}

Training *training_finetune(Model *from, Model *teacher, const char *task, const Rows *rows, const char *options,
                            const bert_progress *progress, bert_err *e) {
  int which = net_task(task, e);
  Model *blank = which == TASK_HEAD ? predict_new(e) : NULL;
  Training *t = e->code ? NULL : begin(blank ? blank : from, teacher, (Task)which, rows, task, options, progress, e);
  model_free(blank);
  return t;
}

Training *training_pretrain(Model *from, Model *teacher, const Rows *rows, const char *options,
                            const bert_progress *progress, bert_err *e) {
  return e->code ? NULL : begin(from, teacher, TASK_PRETRAIN, rows, "pretrain", options, progress, e);
}

/* The room of steps. */
static void release(Training *t) {
  train_release(&t->scratch);
  head_release(&t->room);
}

void training_free(Training *t) {
  if (!t) return;
  net_close(&t->net);
  for (int i = 0; i < t->phases; i++) examples_free(t->phase[i].examples);
  teacher_close(&t->teacher);
  release(t);
  parts_fini(&t->part);
  mem_free(t->order);
  arena_fini(&t->arena);
  mem_free(t);
}

/* The names that the trained model's labels will have. */
static const char *const *labels_of(const Net *n, int units, Arena *a, bert_err *e) {
  if (n->info.label_count) return n->info.label;
  if (n->from->config.labels == units) return n->from->config.label;
  const char **name = arena_push(a, (size_t)units, sizeof *name, e);
  for (int i = 0; i < units && !e->code; i++) name[i] = arena_print(a, e, "LABEL_%d", i);
  return name;
}

void training_check(const Training *t, const Rows *rows, const bert_progress *progress, bert_err *e) {
  const Net *n = &t->net;
  Arena a = {0};
  if (e->code) return;
  Judged j = {.units = n->head.units, .labels = n->head.units, .features = n->head.feature_count,
              .multi_label = n->info.loss == LOSS_BINARY};
  if (n->task == TASK_CLASSIFY || n->task == TASK_TAG || n->task == TASK_HEAD) j.label = labels_of(n, j.units, &a, e);
  if (!e->code) evaluate_check(n->from, &j, net_judged_as(n->task), rows, progress, e);
  arena_fini(&a);
}

Model *training_model(const Training *t, const bert_progress *progress, bert_err *e) {
  return e->code ? NULL : net_model(&t->net, t->net.from->source, progress, e);
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

static double rate_at(const Training *t, int64_t step) {
  const TrainOptions *o = &t->options;
  double warm = o->warmup < 1 ? ceil(o->warmup * (double)t->steps) : o->warmup, at = (double)step;
  if (at < warm) return o->learning_rate * at / warm;
  if (o->constant) return o->learning_rate;
  double left = (double)t->steps - at;
  return (double)t->steps > warm ? o->learning_rate * left / ((double)t->steps - warm) : o->learning_rate;
}

/* Which epoch a step is of: those of the first phase, the last of which may be cut short, come before those of the second. */
static int epoch_of(const Training *t, int64_t step) {
  const TrainPhase *p = phase_at(t, step), *before = t->phase;
  int64_t earlier = (p->first + before->steps_of_epoch - 1) / before->steps_of_epoch;
  return (int)((p == before ? 0 : earlier) + (step - p->first) / p->steps_of_epoch);
}

/* Passes over the examples that so many steps make. */
static double passes_of(const Training *t, int64_t steps) {
  const TrainPhase *p = t->phase, *last = phase_at(t, steps);
  double earlier = last == p ? 0 : (double)last->first / (double)p->steps_of_epoch;
  return earlier + (double)(steps - last->first) / (double)last->steps_of_epoch;
}

/* The order of the coming step's epoch, which is a function of its number. */
static void begin_epoch(Training *t, int epoch) {
  const TrainPhase *p = phase_at(t, t->step);
  Rng r = rng_stream(t->options.seed, RNG_ORDER + ((uint64_t)epoch << 8));
  for (int i = 0; i < p->count; i++) t->order[i] = i;
  rng_shuffle(&r, t->order, p->count);
  examples_epoch(p->examples, epoch);
  t->epoch = epoch;
}

/* What a team works on. */
typedef struct {
  Training *training;
  TrainPass pass;
  TrainBatch part;
  TrainWeights weights;
  TrainResult result;
  AdamStep adam;
  double length; /* of the gradient */
} Job;

static void run_part(void *context, const Team *team) {
  Job *j = context;
  Training *t = j->training;
  int encodes = t->net.task != TASK_HEAD;
  if (encodes && !train_forward(&j->pass, team)) return;
  head_step(&j->pass, &t->net.head, &j->part, &t->room, j->weights, &j->result, team);
  if (encodes) train_backward(&j->pass, team);
}

static void run_step(void *context, const Team *team) {
  Job *j = context;
  Params *p = &j->training->net.params;
  params_norm(p, &j->length, team);
  double clip = j->adam.clip, scale = clip > 0 && j->length > clip ? clip / (j->length + 1e-6) : 1;
  if (isfinite(j->length)) params_step(p, &j->adam, scale, team);
}

/* The examples of batch `micro` of the coming step: where they stand in the epoch's order, how many. */
static int slice(const Training *t, int micro, int *from) {
  const TrainPhase *p = phase_at(t, t->step);
  int64_t each = (int64_t)t->options.batch_size * t->options.accumulate, at = (t->step - p->first) % p->steps_of_epoch * each;
  at += (int64_t)micro * t->options.batch_size;
  int64_t left = p->count - at;
  *from = (int)at;
  return left <= 0 ? 0 : left < t->options.batch_size ? (int)left : t->options.batch_size;
}

static int batches_of(const Training *t) {
  int n = 0, from;
  while (n < t->options.accumulate && slice(t, n, &from) > 0) n++;
  return n;
}

/* Forward and backward of a batch, the examples order[], a part after the other; place tells the dropout of one batch from
** that of another. */
static void run_batch(Training *t, Job *j, const TrainBatch *b, const int32_t *order, uint64_t place, const Stop *stop,
                      bert_err *e) {
  for (int row = 0, part = 0; !*stop->stopped && parts_next(b, &row, &t->part, &j->part, e); part++) {
    teacher_say(&t->teacher, order + row - j->part.examples, &j->part, stop->progress, e);
    net_admit(&t->net, j->part.tokens.ids, j->part.tokens.tokens);
    train_reserve(&t->scratch, &t->net.encoder, j->part.tokens.tokens, j->part.tokens.longest, t->threads, e);
    head_reserve(&t->room, &t->net.head, &j->part, t->net.encoder.hidden, e);
    if (e->code) return;
    j->pass = (TrainPass){.net = &t->net.encoder,
                          .batch = &j->part.tokens,
                          .scratch = &t->scratch,
                          .wanted = t->room.wanted,
                          .seed = t->options.seed,
                          .step = (place << 24) + (uint64_t)part,
                          .drops = 1,
                          .stop = stop};
    pool_team(t->threads, run_part, j);
  }
  if (*stop->stopped) err_set(e, BERT_INTERRUPT, "interrupted");
}

/* All batches of a step; their results and gradients add up. */
static void run_batches(Training *t, Job *j, int64_t *tokens, const bert_progress *progress, bert_err *e) {
  int stopped = 0, from, count = batches_of(t);
  Stop stop = {progress, 1, &stopped};
  TrainBatch b;
  for (int i = 0; i < count && !e->code; i++) {
    int n = slice(t, i, &from);
    examples_batch(phase_at(t, t->step)->examples, t->order + from, n, &b, e);
    if (e->code) return;
    j->weights = parts_weights(&b, t->net.head.loss, 1.0f / (float)count);
    run_batch(t, j, &b, t->order + from, (uint64_t)t->step * (uint64_t)t->options.accumulate + (uint64_t)i, &stop, e);
    *tokens += b.tokens.tokens;
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double share_of(int64_t right, int64_t of) { return of ? (double)right / (double)of : NAN; }

static void describe(const Training *t, const TrainResult *r, double rate, bert_step *out) {
  int fills = t->net.head.kind == TRAIN_FILL, nexts = r->next_judged > 0;
  *out = (bert_step){.step = t->step,
                     .steps = t->steps,
                     .epoch = passes_of(t, t->step),
                     .epoch_ends = t->step == t->steps || epoch_of(t, t->step) != t->epoch,
                     .loss = r->loss,
                     .mlm_loss = fills ? r->fill_loss : NAN,
                     .nsp_loss = nexts ? r->next_loss : NAN,
                     .accuracy = fills ? NAN : share_of(r->right, r->judged),
                     .mlm_accuracy = fills ? share_of(r->right, r->judged) : NAN,
                     .nsp_accuracy = share_of(r->next_right, r->next_judged),
                     .learning_rate = rate,
                     .tokens_per_second = t->seconds > 0 ? (double)t->tokens / t->seconds : 0,
                     .seconds = t->seconds,
                     .eta = t->seconds / (double)t->done * (double)(t->steps - t->step)};
}

int training_step(Training *t, bert_step *out, const bert_progress *progress, bert_err *e) {
  if (e->code || t->step >= t->steps) return 0;
  double begun = now();
  int epoch = epoch_of(t, t->step);
  if (epoch != t->epoch) begin_epoch(t, epoch);
  const TrainOptions *o = &t->options;
  int64_t tokens = 0;
  Job j = {.training = t,
           .adam = {.rate = rate_at(t, t->step),
                    .beta1 = o->beta1,
                    .beta2 = o->beta2,
                    .epsilon = o->epsilon,
                    .decay = o->weight_decay,
                    .clip = o->clip,
                    .corrects = o->correct_bias,
                    .step = t->step + 1}};
  run_batches(t, &j, &tokens, progress, e);
  if (!e->code) pool_team(t->threads, run_step, &j);
  if (!e->code && !(isfinite(j.length) && isfinite(j.result.loss)))
    err_set(e, BERT_ARGUMENT, "step %lld: the loss is no longer finite: a smaller learning_rate may help",
            (long long)t->step + 1);
  if (e->code) {
    params_forget(&t->net.params);
    return 0;
  }
  t->step++, t->done++;
  t->tokens += tokens;
  t->seconds += now() - begun;
  describe(t, &j.result, j.adam.rate, out);
  if (o->checkpoint && (t->step % o->checkpoint_steps == 0 || t->step == t->steps))
    checkpoint_write(o->checkpoint, t->identity, t->step, &t->net.params, e);
  if (t->step == t->steps) release(t); /* the model is made in what is given back now */
  return !e->code;
}
