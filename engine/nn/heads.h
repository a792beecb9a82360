/* heads.h -- what stands on top of the encoder: states in, logits out.
** Layer: nn. Uses: base kernel.
**
**    x[0]     -> dense, activation -> out            a label for a text: BERT's pooler and classifier, its NSP head,
**                                                    RoBERTa's and DistilBERT's classifiers
**    x[T][H]  -> out                                 a label, or start and end, for each token
**    x[t]     -> dense, activation, norm -> decoder  the word behind a mask; the decoder is the table of words
**
** All in f32, whatever the encoder computes in, but for the table of words: heads are small, and their few numbers decide.
** Each function is one thread's work, or a team's where it takes one; `own` is the rank's part of a Scratch. Nothing is
** allocated. */
#ifndef NN_HEADS_H
#define NN_HEADS_H

#include "nn/encoder.h"

/* A label for the whole row, out of its first token. */
typedef struct {
  Linear dense; /* H -> H */
  KernelActivation activation;
  Linear out;
  int features;            /* numbers beside the text; 0: none */
  const float *by_feature; /* [out][features]: what they add to the logits */
} FirstHead;

typedef struct {
  Linear dense; /* H -> H */
  KernelActivation activation;
  Norm norm;
  float epsilon;
  const float *decoder; /* [V][H], or NULL: */
  const Embedding *words; /* the table of words decodes, in 8 bits as it is */
  float *bias;          /* [V] */
} FillHead;

/* logits[out] from x[H], the state of a row's first token, and feature[features], standardised; between has room for
** H. */
void head_first(float *logits, const float *x, const float *feature, const FirstHead *h, float *between, float *own);

/* logits[n][out] from x[n][H]. */
void head_tokens(float *logits, const float *x, int n, const Linear *l, float *own);

/* state[H], what the decoder takes, from x[H]; between has room for H. */
void head_fill_state(float *state, const float *x, const FillHead *h, float *between, float *own);

/* The rank's share of logits[vocabulary] from state[H]; row has room for H. No barrier. */
void head_fill_logits(float *logits, const float *state, const FillHead *h, int vocabulary, float *row,
                      const Team *team);

#endif
