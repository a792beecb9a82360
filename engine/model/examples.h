/* examples.h -- a query's rows as what a step of training takes.
** Layer: model. Uses: base text nn.
**
**    Rows -> examples_make(task) -> tokens of each example, its target -> examples_batch(those of a step) -> TrainBatch
**
** Beside a teacher (teacher.h) targets may be missing: all of them, where the query gives texts alone (of classify: one; of
** tag: words, or one column of plain text, unless it is called conll), or NULL in a row (of qa that means no answer, as
** ever). embed then takes a column of texts alone.
**
** What stands wrong in a row is BERT_ARGUMENT that names the row. The columns:
**
**    classify   text [, pair], label [, x1, …]    label TEXT or INTEGER: a class; a JSON array: any number of labels;
**                                                 REAL (or INTEGER, beside a REAL): a number (regression); BLOB: a
**                                                 teacher's logits
**    rerank     query, passage, label             label from 0 to 1
**    head       vector, label                     a classifier over vectors alone; label as of classify
**    embed      a, b                              b is what a should be near: ranking
**               a, b, score                       a number: the cosine; a column called label: softmax over classes
**               anchor, positive, negative        ranking with hard negatives, or triplet (option loss)
**               text, vector                      the vector of a teacher
**    qa         question, passage, answer [, start]   start in characters from 0, else where it first stands as
**                                                 whole words, or at all; answer NULL: there is none
**    tag        words, tags                       JSON arrays, or words parted by white space
**               conll                             lines "word … tag", a blank line after each sentence
**    mlm        text                              masked as in pre-training
**
** A column called label, labels or score is the target wherever it stands (those after it are numeric features), else
** it is the last of two or three. Numeric features are standardised: (x - mean) / deviation over all rows. */
#ifndef MODEL_EXAMPLES_H
#define MODEL_EXAMPLES_H

#include "base/json.h"
#include "base/rows.h"
#include "model/model.h"
#include "nn/example.h"

typedef struct bert_masked Examples;

/* What the head must be. Views live as long as the examples. */
typedef struct {
  LossKind loss;
  int towers;
  int units;              /* labels, or numbers that come out */
  int label_count;        /* 0 where the target is no label */
  const char *const *label;
  int multi_label;
  int pairs;              /* 1: batches say whether the second part follows (next) */
  int texts;              /* columns of text before the target (of classify, rerank, embed) */
  int feature_count;
  const FeatureConfig *feature; /* [feature_count] */
} ExamplesInfo;

typedef struct {
  uint64_t seed;
  int max_tokens;            /* of an example; 0: the model's window (of qa at most PAIR_WINDOW) */
  const char *const *label;  /* [label_count]: the labels' order, and no others; label_count 0: those of the rows */
  int label_count;
  int multi_label, regression; /* 1, 0, or -1: as the rows say */
  int taught;                /* a teacher says what is wanted: see above */
  int taught_width;          /* of embed: numbers in its vectors */
  const char *loss;          /* of embed: "cosine", "ranking", "triplet", "softmax", "distil"; NULL: as the columns say */
  int doc_stride, max_question; /* of qa, in tokens: how much of a window the next repeats; what is used of a question */
  double masked_lm_prob;     /* share of the tokens that are chosen */
  int max_predictions;       /* at most so many; 0: the share of max_tokens, rounded up */
  int whole_word;            /* words are chosen, not pieces: see examples_mask.c */
  double short_seq_prob;     /* share of the sequences that are made shorter */
  int dupe_factor;           /* how often a document is read, packed another way each time */
  int nsp;                   /* pairs, half of which follow one another; -1: where the model has two segments */
} ExamplesOptions;

/* The defaults: seed 0, and the paper's. */
void examples_defaults(ExamplesOptions *o);
/* All of an object of options (JSON, or NULL) where the caller has none but `own`: an unknown key is BERT_ARGUMENT.
** Texts live in the arena. */
void examples_options(ExamplesOptions *o, const char *json, const char *own, Arena *a, bert_err *e);
/* Equal where the same rows make the same examples. */
uint64_t examples_options_hash(const ExamplesOptions *o);
/* Takes a member of an object of options if its key is one of the above (but label); 0 if it is not. Texts live in the
** arena. */
int examples_option(ExamplesOptions *o, const Json *v, Arena *a, bert_err *e);

/* task: also "pretrain", whose columns are text (a document a row), or document, text (rows of one document follow one
** another); see examples_pack.c. Rows are needed during the call alone. NULL on error. */
Examples *examples_make(Model *m, const char *task, const Rows *rows, const ExamplesOptions *o,
                        const bert_progress *progress, bert_err *e);
void examples_free(Examples *x);

void examples_describe(const Examples *x, ExamplesInfo *out);
int examples_window(const Examples *x);        /* tokens that an example may have */
int examples_count(const Examples *x);         /* of an epoch */
int examples_length(const Examples *x, int i); /* tokens over all towers */

/* Two readings of the same rows, of one tower each: the first row (from 0) that has other tokens in them, or -1. */
int examples_differ(const Examples *x, const Examples *y);

/* Masks are drawn from (seed, epoch, example); epoch 0 at first. */
void examples_epoch(Examples *x, int epoch);

/* The examples order[0..n) as a batch, in that order; its arrays are valid until the next call. */
void examples_batch(Examples *x, const int32_t *order, int n, TrainBatch *out, bert_err *e);

/* bert.h under other names. */
Examples *examples_masked(Model *m, const Rows *documents, const char *options_json, const bert_progress *progress,
                          bert_err *e);
void examples_masked_get(Examples *x, int i, bert_masked_row *out, bert_err *e);

#endif
