/* param.h -- the numbers that training moves: weights, their gradients, Adam's moments.
** Layer: nn. Uses: base kernel.
**
**    block:   qkv.w          qkv.b   project.w   …        in order of params_add, each at a cache line
**    w:       [3H * H . . . |3H . . |H * H . . .|…]       likewise g, m and v
**
** Matrices lie as Hugging Face's files have them, [out][in]. Names are given to parts of blocks: query, key and value
** are one block that is multiplied at once. Of a block whose gradient is sparse (the table of words) rows come in when they
** are first read (live), and move from then on; the others are not there, since a row without moments does nothing
** but decay, by `decayed`. No page of theirs is touched. A frozen block neither moves nor decays: it has no gradient, and
** the pages of its g, m and v are never touched. */
#ifndef NN_PARAM_H
#define NN_PARAM_H

#include "base/buf.h"
#include "base/pool.h"
#include "kernel/kernel.h"

typedef struct {
  size_t at, count; /* floats from the beginning of w */
  int rows;         /* of a sparse one, else 0 */
  int decays, frozen;
  uint8_t *live;    /* [rows]: is there */
  uint8_t *touched; /* [rows]: has a gradient now */
} ParamBlock;

/* A tensor as files have it. */
typedef struct {
  char name[160];
  size_t at;
  int rows, columns; /* columns 0: a vector */
} ParamName;

typedef struct {
  float *w, *g, *m, *v; /* [count]; m and v stand in one allocation with w and g */
  size_t count;
  Buf blocks, names;
  double *sums; /* of each chunk's squares */
  size_t bytes, chunks;
  double decayed; /* what is left, after the steps made, of a weight that decays alone */
} Params;

/* The steps of a schedule, and what Adam is like. */
typedef struct {
  double rate; /* of this step */
  double beta1, beta2, epsilon, decay, clip; /* clip 0: none */
  int corrects; /* bias of the moments */
  int64_t step; /* from 1 */
} AdamStep;

/* A block of so many floats; where it begins. sparse_rows: see above. */
size_t params_add(Params *p, size_t count, int sparse_rows, int decays, bert_err *e);
/* Cuts the last block into so many equal ones, which stay side by side. */
void params_cut(Params *p, int parts, bert_err *e);
/* Names a part: rows x columns from `at` on; columns 0 is a vector. */
void params_name(Params *p, const char *name, size_t at, int rows, int columns, bert_err *e);
/* Makes room for all blocks, zeros. */
void params_allocate(Params *p, bert_err *e);
void params_fini(Params *p);

int params_blocks(const Params *p);
ParamBlock *params_block(const Params *p, int i);
int params_names(const Params *p);
const ParamName *params_named(const Params *p, int i);
/* 1 where some of the `count` floats from `at` on are in a block that is not frozen. */
int params_move(const Params *p, size_t at, size_t count);
/* The block that begins at `at`. */
ParamBlock *params_at(const Params *p, size_t at);

/* Length of the gradient; the same whatever the team. Body of a team, *norm written by rank 0, behind a barrier. */
void params_norm(const Params *p, double *norm, const Team *team);
/* A step of Adam along the gradient times `scale`, after which gradients are 0 and no row is touched. Body of
** a team. */
void params_step(Params *p, const AdamStep *s, double scale, const Team *team);
/* Gradients to 0: a step that is given up. */
void params_forget(Params *p);

#endif
