/* training.h -- a run of training: its options, its schedule, its steps.
** Layer: model. Uses: base kernel nn.
**
**    examples -> an order of each epoch, drawn from (seed, epoch) -> batches -> forward, backward, `accumulate` of them
**             -> length of the gradient, clipped -> Adam at the schedule's rate -> a row of the table of steps
**
** Pre-training goes through two phases, short sequences first, each with examples and epochs of its own, which are both there
** from the beginning; else there is one.
**
** A run is a function of its options and examples: the step's number says which examples it takes, what dropout draws
** and what the rate is, so that a run may stop at a checkpoint (weights and moments) and go on to the same bits. */
#ifndef MODEL_TRAINING_H
#define MODEL_TRAINING_H

#include "model/teacher.h"
#include "model/train_net.h"
#include "model/train_parts.h"

typedef struct {
  double epochs, learning_rate, warmup; /* warmup below 1: share of the steps; else steps */
  int64_t steps;                        /* 0: as epochs say */
  int batch_size, accumulate;
  double short_share;                   /* of the steps of pre-training are made with sequences of short_tokens at most */
  int short_tokens;
  int constant;                         /* schedule: the rate does not fall after the warm-up */
  double weight_decay, beta1, beta2, epsilon, clip;
  int correct_bias;
  NetDropout drop;
  NetFreeze freeze;
  double scale, margin;
  double temperature, alpha; /* beside a teacher: see train_head.h */
  uint64_t seed;
  const char *checkpoint; /* a directory, or NULL */
  int64_t checkpoint_steps;
  ExamplesOptions examples;
} TrainOptions;

/* Options as JSON; a key that is neither among them nor one of the callers' own is an error. Texts live in the arena.
** */
void training_options(TrainOptions *o, const char *json, Task task, Arena *a, bert_err *e);
/* Of all that decides what is learned but the number of steps: equal, however the options were written. */
uint64_t training_options_hash(const TrainOptions *o);

typedef struct bert_training Training;

/* Steps over the same examples, again and again. */
typedef struct {
  Examples *examples;
  int count;              /* examples of an epoch */
  int64_t first;          /* steps before it */
  int64_t steps_of_epoch;
} TrainPhase;

struct bert_training {
  TrainOptions options;
  Arena arena;
  Net net;
  TrainPhase phase[2];
  int phases;
  Teacher teacher;
  int64_t step, steps;    /* made; in all */
  int epoch;              /* that `order` is of, -1: none; counted through the phases */
  int32_t *order;
  TrainScratch scratch;
  HeadScratch room;
  PartRoom part;
  int threads;
  uint64_t identity;      /* of the run: see checkpoint.h */
  double seconds;         /* of this run's steps */
  int64_t tokens, done;   /* of this run */
};

Training *training_finetune(Model *from, Model *teacher, const char *task, const Rows *rows, const char *options,
                            const bert_progress *progress, bert_err *e);
Training *training_pretrain(Model *from, Model *teacher, const Rows *rows, const char *options,
                            const bert_progress *progress, bert_err *e);
int training_step(Training *t, bert_step *out, const bert_progress *progress, bert_err *e);
/* See bert_training_check. */
void training_check(const Training *t, const Rows *rows, const bert_progress *progress, bert_err *e);
Model *training_model(const Training *t, const bert_progress *progress, bert_err *e);
void training_free(Training *t);

#endif
