/* train_head.h -- what stands on the encoder while it trains: states in; the loss, and the gradient of the states, out.
** Layer: nn. Uses: base kernel.
**
**    TRAIN_FIRST    x[0] -> (drop) dense, activation (beside features) (drop) -> out    a label, numbers
**    TRAIN_TOKENS   x[T] -> (drop) -> out                        a label of each token; start and end
**    TRAIN_FILL     x[t] -> dense, activation, norm -> decoder   the word behind a mask, at chosen tokens alone;
**                   and, where there are pairs, TRAIN_FIRST      does b follow a?
**    TRAIN_VECTOR   x[T] -> pooled (normalised)                  sentence vectors beside one another (train_vector.c)
**    TRAIN_GIVEN    features -> out                              a label, numbers, of vectors; no encoder, x is not read
**
** A batch may bring the logits of a teacher (TrainBatch.soft): then the loss of an example is (1 - alpha) times what it would
** be, and alpha times the distance from the teacher; of an example whose truth is not known, that distance alone (Hinton et
** al. 2015, and with T^2 as there, so that the two keep their proportion at any temperature).
**
** loss.c has the losses: logits become their own gradients in place. What an example, or a token that is judged, weighs
** is the caller's to say: 1 / their number makes the means that PyTorch has, and a batch may be run in parts. */
#ifndef NN_TRAIN_HEAD_H
#define NN_TRAIN_HEAD_H

#include "nn/example.h"
#include "nn/pooling.h"
#include "nn/train.h"

typedef enum { TRAIN_FIRST, TRAIN_TOKENS, TRAIN_FILL, TRAIN_VECTOR, TRAIN_GIVEN } TrainHeadKind;

typedef struct {
  TrainHeadKind kind;
  LossKind loss;
  int units, feature_count;
  float feature_scale; /* TRAIN_FIRST: features count so many times, that a rate made for H numbers moves them, too */
  TrainLinear dense; /* of TRAIN_FIRST, also that of pairs under TRAIN_FILL */
  KernelActivation activation;
  float drop_in, drop_out; /* probabilities: before dense (or out, of TRAIN_TOKENS), and before out */
  TrainLinear out;         /* of TRAIN_VECTOR with LOSS_PAIR: [units][3 H] */
  TrainLinear fill_dense;
  KernelActivation fill_activation;
  TrainNorm fill_norm;
  TrainLinear decoder;     /* its w is the table of words where they are tied */
  PoolingKind pooling;         /* of TRAIN_VECTOR: cls, mean or max */
  int normalizes;              /* likewise; else vectors are as they are pooled */
  float scale, margin;         /* of LOSS_RANKING and LOSS_TRIPLET */
  float temperature, alpha;    /* of a teacher: what logits are divided by; its share where the truth is known, too */
} TrainHead;

/* What each counts in the loss. */
typedef struct {
  float example, token; /* token: of LOSS_TAG, and a chosen one of LOSS_MASK */
} TrainWeights;

/* What a batch, or a part of it, came to. */
typedef struct {
  double loss;                          /* weighed */
  double fill_loss, next_loss;          /* LOSS_MASK: its parts */
  int64_t right, judged;                /* labels that were right, of so many; masks under LOSS_MASK */
  int64_t next_right, next_judged;
} TrainResult;

/* Room for the head's part of a batch. */
typedef struct {
  float *in, *before, *joined, *logits;        /* TRAIN_FIRST, of R rows */
  float *d_in, *d_joined;
  float *fill_in, *fill_before, *fill_between; /* TRAIN_FILL, of C chosen tokens */
  float *fill_state, *fill_logits, *d_fill;
  Normed fill_kept;
  float *lengths, *d_pooled;                   /* TRAIN_VECTOR */
  float *soft;                                 /* beside a teacher, as logits: room for the losses */
  float *loss;                                 /* of each row, token or chosen token */
  uint8_t *right;
  TrainTokens wanted;                          /* whose states are read: what the pass is to be given */
  int32_t *first, *chosen, *place, *tokens;    /* see want() */
  float *block;
  size_t bytes;
} HeadScratch;

/* Room for the batch, and s->wanted of it. */
void head_reserve(HeadScratch *s, const TrainHead *h, const TrainBatch *b, int hidden, bert_err *e);
void head_release(HeadScratch *s);

/* From p->scratch->x, of the tokens s->wanted: p->scratch->dx; what it comes to and the head's own gradients are added up.
** Body of a team, ends behind a barrier; *out is rank 0's. */
void head_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
               TrainResult *out, const Team *team);

/* ---- train_vector.c ---------------------------------------------------------------------------------------------- */

void vector_step(const TrainPass *p, const TrainHead *h, const TrainBatch *b, HeadScratch *s, TrainWeights w,
                 TrainResult *out, const Team *team);

/* ---- loss.c: one row, one thread --------------------------------------------------------------------------------- */

/* x[n], logits, become (softmax(x) - one at target) times share; returns the cross-entropy. *right: the largest was the
** target. */
float loss_class(float *x, int n, int target, float share, uint8_t *right);
/* x[n] become (sigmoid(x) - y) times share; returns the sum of the n cross-entropies. */
float loss_binary(float *x, const float *y, int n, float share);
/* x[n] become 2 (x - y) times share; returns the sum of the squares. */
float loss_number(float *x, const float *y, int n, float share);
/* loss_class, and what a teacher's soft[n] add (NULL: there is none), as above; soft and room[n] are used up. Where the
** target is not known, *right says whether both have the same largest logit. */
float loss_judge_class(const TrainHead *h, float *x, float *soft, int n, int target, float weight, float *room,
                       uint8_t *right);
/* Likewise loss_binary or loss_number, as h->loss says. */
float loss_judge_values(const TrainHead *h, float *x, float *soft, int n, const float *y, float weight);

#endif
