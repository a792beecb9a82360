/* encoder.h -- BERT's encoder: token ids in, hidden states out.
** Layer: nn. Uses: base kernel.
**
**    ids, types -> embed -> x -> [ qkv -> attend -> project -> + norm -> inner, activation -> outer -> + norm ] * L -> x
**
** (Devlin et al. 2018, section 3; post-norm layers as in Vaswani et al. 2017.) A batch is the tokens of its rows one after
** the other, without padding: only attention looks at where a row starts and ends. Every function here is the body of a
** team: all ranks call it, each does its part, barriers stand between; a team of one runs straight through.
** A forward pass allocates nothing. What a token's state is depends on its own row alone, bit by bit (kernel.h).
**
** T tokens of the batch, H hidden, A heads, D = H/A, F inner, V vocabulary, P positions. */
#ifndef NN_ENCODER_H
#define NN_ENCODER_H

#include "base/pool.h"
#include "base/progress.h"
#include "kernel/kernel.h"

/* y[out] = w[out][in] x[in] + bias[out], w in panels of floats or, where those are NULL, of 8 bits; bias padded to whole
** panels, or NULL. */
typedef struct {
  int in, out;
  float *panels, *bias;
  Panels8 panels8;
} Linear;

typedef struct {
  float *gamma, *beta;
} Norm;

typedef struct {
  int vocabulary, positions, types;
  int first_position;            /* of a row's first token */
  int pad;                       /* tokens of this id stand at first_position - 1 and count for no other; -1: none */
  float *word, *position, *type; /* [V][H], [P][H], [types][H] or NULL for none */
  int8_t *word8;                 /* where word is NULL: [V][depth of H] in 8 bits, as quantize makes it, */
  float *word_scale;             /* and [V][groups of H] */
  Norm norm;
} Embedding;

typedef struct {
  Linear qkv; /* H -> 3H: queries, keys, values, each [A][D] */
  Linear project;
  Norm attention_norm;
  Linear inner, outer; /* H -> F -> H */
  Norm output_norm;
} Layer;

typedef struct {
  int hidden, heads, inner, layers;
  float epsilon;
  KernelActivation activation;
  Embedding embedding;
  Layer *layer;
} Encoder;

/* Tokens of several rows, one after the other: row r is tokens start[r] … start[r+1]-1. */
typedef struct {
  int rows, tokens, longest;
  const int32_t *ids;
  const uint8_t *types;
  const int32_t *start;
} Batch;

/* Scratch for a team's forward pass. What each rank needs for itself lies in own[rank]. */
typedef struct {
  int tokens, longest, ranks; /* what it has room for */
  float *x, *qkv, *context, *wide, *sum; /* [T][H] [T][3H] [T][H] [T][F] [T][H] */
  int8_t *q;      /* [T][depth of the wider of H and F], for products in 8 bits */
  float *q_scale; /* [T][groups of the same] */
  float **own;
  float *block;
  size_t bytes;
} Scratch;

/* Room for batches of up to `tokens` tokens with rows up to `longest`, run by up to `ranks`. Grows what is there if it is
** too small; on error it is empty. */
void scratch_reserve(Scratch *s, const Encoder *n, int tokens, int longest, int ranks, bert_err *e);
void scratch_fini(Scratch *s);

/* Asked between the parts of a layer. */
typedef struct {
  const bert_progress *progress; /* asked by rank 0 of a team whose `asks` is set */
  int asks;
  int *stopped; /* set once by whoever learns it, read by all */
} Stop;

/* Rank 0 asks, if it is to, and all learn the answer; stop may be NULL. A team has to pass another barrier before the next
** call, so that no rank sets the answer anew while another still reads it. */
int encoder_stopped(const Stop *stop, const Team *team);

/* s->x[T][H] = hidden states after `layers` layers (0: the embeddings). Every id, type and row length is in range.
** If stopped, s->x is unspecified. Body of a team. */
void encoder_forward(const Encoder *n, const Batch *b, int layers, Scratch *s, const Stop *stop, const Team *team);

/* The parts, each the body of a team; all of s as above. */
void embed_tokens(const Encoder *n, const Batch *b, Scratch *s, const Team *team);           /* -> s->x */
void attend(const Encoder *n, const Layer *l, const Batch *b, Scratch *s, const Team *team); /* s->x -> s->x */
void feed_forward(const Encoder *n, const Layer *l, const Batch *b, Scratch *s, const Team *team); /* s->x -> s->x */

/* x[to - from][H] = the sums of the embeddings of tokens from … to-1, before the normalisation; and their rows in the table
** of positions, positions[token], where it is not NULL. One thread's work. */
void embed_sums(float *x, int32_t *positions, const Embedding *m, const Batch *b, int hidden, int from, int to);

/* x[H] = the word embedding of an id. */
void embed_word(float *x, const Embedding *m, int32_t id, int hidden);

/* y[m][out] = activation(x[m][in]), the rank's share of the panels. y_stride >= out, m <= s->tokens. What follows must stand
** behind a barrier: other ranks are not through yet. */
void linear(float *y, size_t y_stride, const float *x, size_t x_stride, const Linear *l, int m,
            KernelActivation activation, Scratch *s, const Team *team);

/* y[m][H] = norm(x + residual), the rank's share of the rows. No barrier. */
void norm_rows(float *y, const float *x, const float *residual, const Norm *n, int m, int hidden, float epsilon,
               const Team *team);

/* Floats of own scratch for attention over rows of up to `longest` tokens. */
size_t attention_own_floats(const Encoder *n, int longest);

#endif
