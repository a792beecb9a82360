/* train.h -- the encoder as training runs it: forward, keeping what the way back needs, and backward.
** Layer: nn. Uses: base kernel.
**
**    ids -> sum, norm, drop -> x0 -> [ qkv -> attend -> project, drop -> + norm                       a layer, L times
**                                      -> inner, activation -> outer, drop -> + norm ] -> xL
**    tables' rows <- dx0 <- [ the same parts, last to first, each adding up its weights' gradients ] <- dxL
**
** (Devlin et al. 2018; Rumelhart et al. 1986.) Rows stand one after the other without padding, as in encoder.h. Kept,
** for each layer: what goes into it, queries, keys and values, what attention gives, inner states before the
** activation, and of each normalisation its result without gamma and beta: 12 H floats a token. Attention weights and
** activations are computed again. Every function is the body of a team; sums over tokens are made by one rank for each
** column, first token first, so that gradients do not depend on how many ranks there are.
**
** What is frozen (param.h) gets no gradient, and the way back ends above the lowest layer that is all frozen down to the
** tables.
**
** A head that reads some tokens' states alone (the first ones, or those behind masks) says so: of the other tokens the last
** layer makes keys and values, and no more. The bits of every gradient are those that zeros for the others would give.
**
** Dropout draws from (seed, step, layer, site, element): a function of where it stands, not of who computes it.
**
** T tokens, H hidden, A heads, D = H/A, F inner, V vocabulary, L layers. */
#ifndef NN_TRAIN_H
#define NN_TRAIN_H

#include "nn/encoder.h"
#include "nn/param.h"
#include "nn/product.h"

#define PARAM_NONE ((size_t)-1)

/* y[out] = w[out][in] x[in] + b[out]; places in Params. b may be PARAM_NONE. */
typedef struct {
  int in, out;
  size_t w, b;
  size_t stride; /* floats from one y to the next; 0: out */
} TrainLinear;

typedef struct {
  size_t gamma, beta;
} TrainNorm;

typedef struct {
  TrainLinear qkv, project, inner, outer;
  TrainNorm attention_norm, output_norm;
} TrainLayer;

typedef struct {
  int hidden, heads, inner, layers;
  float epsilon;
  KernelActivation activation;
  int vocabulary, positions, types, first_position, pad; /* as Embedding */
  size_t word, position, type;                           /* type PARAM_NONE where types is 0 */
  TrainNorm norm;
  TrainLayer *layer;
  float dropout, attention_dropout; /* probabilities */
  float project_dropout;            /* of what attention gives; DistilBERT has none there */
  Params *params;
} TrainEncoder;

/* Where the parameters of layer i end in Params, and those of the embeddings (-1): a layer's stand after those before it. */
static inline size_t train_layer_end(const TrainEncoder *n, int i) {
  return i + 1 < n->layers ? n->layer[i + 1].qkv.w : i < 0 ? n->norm.beta + 1 : n->layer[i].output_norm.beta + 1;
}

/* Where dropout stands. */
typedef enum { DROP_EMBEDDING, DROP_ATTENTION, DROP_PROJECT, DROP_OUTER, DROP_HEAD } DropSite;

/* What is kept of a normalisation: y = hat gamma + beta, scale = 1 / deviation. */
typedef struct {
  float *hat, *scale; /* [T][H] [T] */
} Normed;

typedef struct {
  float *x, *qkv, *context, *middle, *inner; /* in: [T][H] [T][3H] [T][H]; between the halves: [T][H]; [T][F] */
  Normed attention, output;
} KeptLayer;

/* Room for a step's batches. */
typedef struct {
  int tokens, longest, ranks; /* what it has room for */
  KeptLayer *kept;            /* [L] */
  Normed embedded;
  int32_t *position;          /* [T]: the row of the table of positions */
  float *x;                   /* [T][H]: states after the last layer, of the tokens wanted */
  float *dx;                  /* [T][H]: their gradient, then that of each layer's input */
  float *between, *dropped;   /* [T][H] */
  float *wide, *dwide;        /* [T][the wider of F and 3H] */
  float **own;                /* [ranks]: PRODUCT_OWN, then what attention takes */
  float *block;
  size_t bytes;
} TrainScratch;

/* Room for batches of up to `tokens` tokens, as scratch_reserve. */
void train_reserve(TrainScratch *s, const TrainEncoder *n, int tokens, int longest, int ranks, bert_err *e);
void train_release(TrainScratch *s);

/* Tokens of the batch, ascending. */
typedef struct {
  int count;
  const int32_t *token; /* [count]; NULL: the first `count` */
} TrainTokens;

/* One pass: the batch, what draws its dropout, and who may stop it. */
typedef struct {
  const TrainEncoder *net;
  const Batch *batch;
  TrainScratch *scratch;
  TrainTokens wanted;  /* whose states after the last layer are read; token NULL: all */
  uint64_t seed, step; /* of dropout; step counts batches */
  int drops;           /* 0: none, whatever the probabilities */
  const Stop *stop;
} TrainPass;

/* The tokens whose states a layer makes: all, or those wanted of the last one. */
static inline TrainTokens train_made(const TrainPass *p, int layer) {
  return layer + 1 == p->net->layers && p->wanted.token ? p->wanted : (TrainTokens){p->batch->tokens, NULL};
}

/* -> s->x, of the tokens wanted, and what is kept. Ends behind a barrier. Return 0 where stopped. */
int train_forward(const TrainPass *p, const Team *team);
/* s->dx, the gradient of s->x (of the tokens wanted), down to the tables; gradients are added to p->net->params->g. */
int train_backward(const TrainPass *p, const Team *team);

/* The parts. Forward: from x to y, or within kept. Backward: from s->dx to s->dx. Each ends behind a barrier. */
void train_embed(const TrainPass *p, const Team *team);
void train_embed_back(const TrainPass *p, const Team *team);
void train_attend(const TrainPass *p, int layer, const Team *team);
void train_attend_back(const TrainPass *p, int layer, const Team *team);
void train_feed(const TrainPass *p, int layer, float *y, const Team *team);
void train_feed_back(const TrainPass *p, int layer, const Team *team);

/* ---- what the parts and the heads share; no barriers within ------------------------------------------------------ */

/* Floats before the rank's share of m rows of that width. */
static inline size_t train_rows(const Team *t, int m, int width, int rank) {
  return (size_t)team_start(t, m, rank) * (size_t)width;
}

/* y[m][out] = x[m][in] w^T + b, the rank's columns. */
void train_linear(const Params *p, const TrainLinear *l, float *y, const float *x, size_t x_stride, int m, float *own,
                  const Team *team);
/* train_linear, and activated[m][out] = activation(y); activated may be NULL. */
void train_activated(const Params *p, const TrainLinear *l, float *y, float *activated, KernelActivation a, const float *x,
                     size_t x_stride, int m, float *own, const Team *team);
/* As train_linear_back of what was given activation(x), x[m][in]: dx is the gradient of x itself. */
void train_activated_back(const Params *p, const TrainLinear *l, float *dx, const float *dy, const float *x, KernelActivation a,
                          int m, float *own, const Team *team);
/* Gradients of w and b out of dy[m][out] and x[m][in], the rank's columns; and dx[m][in], where it is not NULL, set or,
** with add, added to. */
void train_linear_back(const Params *p, const TrainLinear *l, float *dx, size_t dx_stride, int add, const float *dy,
                       const float *x, size_t x_stride, int m, float *own, const Team *team);

/* Rows to be dropped: row i is that of token[i], or of token i where that is NULL. A token is dropped alike, whichever stand
** beside it. drop NULL: they stay. */
typedef struct {
  const KernelDrop *drop;
  const int32_t *token;
} TrainDrop;

/* y = norm(drop(x) + residual) of the rank's rows, keeping k; x is dropped where it stands. drop may be NULL. */
void train_norm(const Params *p, const TrainNorm *n, float *y, const Normed *k, float *x, const TrainDrop *drop,
                const float *residual, int m, int hidden, float epsilon, const Team *team);
/* dx[m][H] from dy of the rank's rows, and dropped = drop(dx), unless drop is NULL or drops nothing; gradients of gamma and
** beta of its columns. Reads all of dy. */
void train_norm_back(const Params *p, const TrainNorm *n, float *dx, float *dropped, const TrainDrop *drop, const float *dy,
                     const Normed *k, int m, int hidden, const Team *team);

/* The stream of a site, at probability `p` (0: NULL). `what` tells apart streams of one site. */
const KernelDrop *train_drop(const TrainPass *t, DropSite site, int layer, uint64_t what, float p, KernelDrop *d);
/* The rank's rows of y[m][width] = x. */
void train_copy_rows(float *y, const float *x, int m, int width, const Team *team);
/* Drops the rank's rows of x[m][width]; d NULL: none. */
void train_drop_rows(float *x, int m, int width, const KernelDrop *d, const Team *team);
/* to[n][width] = rows at[n] of x; the rank's rows of them. */
void train_gather(float *to, const float *x, const int32_t *at, int n, int width, const Team *team);
/* Rows at[n] of x += d[n][width]; the rank's columns, since a row may be named twice. */
void train_scatter(float *x, const float *d, const int32_t *at, int n, int width, const Team *team);

/* y[n] = activation(x[n]), y may be x; the rank's rows of m of that width. */
void train_activate(float *y, const float *x, int m, int width, KernelActivation a, const Team *team);
void train_activate_back(float *dy, const float *x, int m, int width, KernelActivation a, const Team *team);

/* Floats of own scratch for attention over rows of up to `longest` tokens. */
size_t train_attend_floats(int longest, int d);

#endif
