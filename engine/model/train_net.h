/* train_net.h -- an open model as the numbers that training moves, and back.
** Layer: model. Uses: base kernel nn.
**
**    Model -> Net: every tensor of the encoder and of the task's head, by Hugging Face's names -> trained
**    Net -> bert_model_save_changed (tensors, config.json) -> files in memory -> Model
**
** A head that the model has, with the units and labels that are wanted, goes on being trained; else it begins anew:
** weights drawn from N(0, initializer_range) cut at two deviations, biases 0, as in BERT. */
#ifndef MODEL_TRAIN_NET_H
#define MODEL_TRAIN_NET_H

#include "model/examples.h"
#include "nn/train_head.h"

typedef enum {
  TASK_CLASSIFY,
  TASK_RERANK,
  TASK_QA,
  TASK_TAG,
  TASK_EMBED,
  TASK_MLM,
  TASK_HEAD,     /* of vectors: no encoder */
  TASK_PRETRAIN, /* MLM, and NSP where its examples are pairs */
  TASKS
} Task;

typedef struct {
  Model *from;
  Task task;
  ExamplesInfo info;
  Params params;
  TrainEncoder encoder;
  TrainHead head;
  int pairs; /* TASK_PRETRAIN: has the head of next sentences */
  const Slot *words; /* the table whose rows come into params when they are first read (param.h); NULL: all are there */
  double deviation; /* of weights that are drawn */
  int null_answers; /* TASK_QA: some rows have no answer, so the model may give none */
  uint64_t seed;
  Arena arena;
} Net;

/* Probabilities of dropout; below 0: as config.json says, else 0.1. */
typedef struct {
  double hidden, attention, head;
} NetDropout;

/* The network of a task, its weights read or drawn. from is kept (a reference more). */
void net_open(Net *n, Model *from, Task task, const ExamplesInfo *info, int pairs, const NetDropout *drop,
              uint64_t seed, bert_err *e);
void net_close(Net *n);

/* What stays as it is: see train_freeze.c. */
typedef struct {
  const char *const *name; /* [count] */
  int count;
  int layers; /* the embeddings and so many of the lowest layers; 0: none */
} NetFreeze;

/* Takes it from the options; texts live in the arena. */
void net_freeze_option(NetFreeze *f, const Json *v, Arena *a, bert_err *e);
/* Freezes it in an open network; a name that is of no parameter is BERT_ARGUMENT. */
void net_freeze(Net *n, const NetFreeze *f, bert_err *e);

/* Has the rows of these ids in params: before they are read. */
void net_admit(Net *n, const int32_t *ids, int count);
/* out[rows][hidden] = rows of the table of words as they stand, wherever they are. */
void net_words(const Net *n, int first, int rows, float *out);

/* An ordinary model of the weights as they stand. `source` is what bert_model_info shows. */
Model *net_model(const Net *n, const char *source, const bert_progress *progress, bert_err *e);

/* A weight as it begins: a matrix is drawn (place tells one from another), a gamma is 1, all else 0. */
void net_draw(float *w, const char *name, size_t count, int is_matrix, double deviation, uint64_t seed, size_t place);
/* The deviation of drawn weights that a config.json asks for, BERT's 0.02 where it says nothing. */
double net_deviation(const Json *config, bert_err *e);

/* A BERT of drawn weights: config has what differs from BERT-base's config.json, as JSON or NULL; vocabulary is a
** vocab.txt. */
Model *model_fresh(const char *config, bert_text vocabulary, int lowercase, uint64_t seed, bert_err *e);

/* The task of that name, or -1 and an error that lists them. */
int net_task(const char *name, bert_err *e);
/* The task of bert_evaluate that judges a model of it. */
const char *net_judged_as(Task task);

#endif
