/* param.c -- see param.h.
** Layer: nn. Uses: base kernel.
**
** Adam and the norm go over chunks of a block, shared out among the team. Squares are summed in 16 lanes within a
** chunk, chunks in double and in order, so that the norm is the same for every number of threads. */
#include "nn/param.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 13 };

static size_t lines(size_t n) { return (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES; }

size_t params_add(Params *p, size_t count, int sparse_rows, int decays, bert_err *e) {
  ParamBlock b = {.at = p->count, .count = count, .rows = sparse_rows, .decays = decays};
  if (sparse_rows) {
    b.live = mem_new(2, (size_t)sparse_rows, e);
    b.touched = b.live + sparse_rows;
  }
  buf_add(&p->blocks, &b, sizeof b, e);
  if (e->code) mem_free(b.live);
  p->count = mem_size(1, p->count, lines(count));
  return b.at;
}

void params_cut(Params *p, int parts, bert_err *e) {
  if (e->code) return;
  ParamBlock b = *params_block(p, params_blocks(p) - 1);
  p->blocks.size -= sizeof b;
  b.count /= (size_t)parts;
  for (int i = 0; i < parts; i++, b.at += b.count) buf_add(&p->blocks, &b, sizeof b, e);
}

void params_name(Params *p, const char *name, size_t at, int rows, int columns, bert_err *e) {
  ParamName n = {.at = at, .rows = rows, .columns = columns};
  snprintf(n.name, sizeof n.name, "%s", name);
  buf_add(&p->names, &n, sizeof n, e);
}

int params_blocks(const Params *p) { return (int)(p->blocks.size / sizeof(ParamBlock)); }
ParamBlock *params_block(const Params *p, int i) { return (ParamBlock *)p->blocks.data + i; }
int params_names(const Params *p) { return (int)(p->names.size / sizeof(ParamName)); }
const ParamName *params_named(const Params *p, int i) { return (const ParamName *)p->names.data + i; }

/* The last chunk of a block may be shorter; a sparse block has one a row. */
static size_t chunks_of(const ParamBlock *b) { return b->rows ? (size_t)b->rows : (b->count + CHUNK - 1) / CHUNK; }

void params_allocate(Params *p, bert_err *e) {
  size_t each = mem_size(1, lines(p->count), KERNEL_PANEL); /* a product reads biases by whole panels */
  p->chunks = 0;
  for (int i = 0; i < params_blocks(p); i++) p->chunks += chunks_of(params_block(p, i));
  p->bytes = mem_size(mem_size(each, 4, 0), sizeof(float), 0);
  p->w = e->code ? NULL : mem_pages(p->bytes, e);
  p->sums = mem_new(p->chunks, sizeof *p->sums, e);
  if (e->code) return;
  p->g = p->w + each;
  p->m = p->g + each;
  p->v = p->m + each;
  p->decayed = 1;
  for (int i = 0; i < params_blocks(p); i++) {
    const ParamBlock *b = params_block(p, i);
    for (size_t a = 0; b->rows && a < 4; a++) mem_pages_apart(p->w, p->bytes, a * each + b->at, b->count);
  }
}

void params_fini(Params *p) {
  for (int i = 0; i < params_blocks(p); i++) mem_free(params_block(p, i)->live);
  mem_pages_free(p->w, p->bytes);
  mem_free(p->sums);
  buf_fini(&p->blocks);
  buf_fini(&p->names);
  *p = (Params){0};
}

int params_move(const Params *p, size_t at, size_t count) {
  for (int i = 0; i < params_blocks(p); i++) {
    const ParamBlock *b = params_block(p, i);
    if (b->at < at + count && at < b->at + b->count && !b->frozen) return 1;
  }
  return 0;
}

ParamBlock *params_at(const Params *p, size_t at) {
  for (int i = 0; i < params_blocks(p); i++)
    if (params_block(p, i)->at == at) return params_block(p, i);
  return NULL;
}

/* A run of floats of a block. */
typedef struct {
  ParamBlock *block;
  size_t at, n;
  int row; /* of a sparse block, else -1 */
} Chunk;

/* Calls `each` with the rank's chunks of what is not frozen; its index counts over all blocks. */
static void go(const Params *p, void (*each)(void *context, const Chunk *c, size_t index), void *context,
               const Team *team) {
  size_t index = 0, from = p->chunks * (size_t)team->rank / (size_t)team->size;
  size_t to = p->chunks * (size_t)(team->rank + 1) / (size_t)team->size;
  for (int i = 0; i < params_blocks(p); i++) {
    ParamBlock *b = params_block(p, i);
    size_t count = chunks_of(b), step = b->rows ? b->count / (size_t)b->rows : CHUNK;
    size_t first = from > index ? from - index : 0, past = to > index ? to - index : 0;
    for (size_t c = first; !b->frozen && c < past && c < count; c++) {
      size_t at = c * step, n = b->count - at < step ? b->count - at : step;
      Chunk chunk = {b, b->at + at, n, b->rows ? (int)c : -1};
      each(context, &chunk, index + c);
    }
    index += count;
  }
}

static void square(void *context, const Chunk *c, size_t index) {
  Params *p = context;
  float sum = 0;
  if (c->row < 0 || c->block->touched[c->row]) kernels()->dot(&sum, p->g + c->at, p->g + c->at, (int)c->n);
  p->sums[index] = (double)sum;
}

void params_norm(const Params *p, double *norm, const Team *team) {
  go(p, square, (Params *)p, team);
  team_barrier(team);
  if (team->rank == 0) {
    double sum = 0;
    for (size_t i = 0; i < p->chunks; i++) sum += p->sums[i];
    *norm = sqrt(sum);
  }
  team_barrier(team);
}

typedef struct {
  Params *params;
  KernelAdam adam;
  float decaying; /* what `keep` is in blocks that decay */
} Moving;

static void move(void *context, const Chunk *c, size_t index) {
  const Moving *x = context;
  KernelAdam a = x->adam;
  float *w = x->params->w + c->at, *g = x->params->g + c->at;
  (void)index;
  a.keep = c->block->decays ? x->decaying : 1.0f;
  if (c->row >= 0 && !c->block->live[c->row]) return;
  if (c->row >= 0) c->block->touched[c->row] = 0;
  a.w = w, a.g = g, a.n = c->n;
  a.m = x->params->m + c->at;
  a.v = x->params->v + c->at;
  kernels()->adam(&a);
  memset(g, 0, c->n * sizeof *g);
}

void params_step(Params *p, const AdamStep *s, double scale, const Team *team) {
  double first = s->corrects ? 1 - pow(s->beta1, (double)s->step) : 1;
  double second = s->corrects ? 1 - pow(s->beta2, (double)s->step) : 1;
  Moving x = {.params = p,
              .adam = {.scale = (float)scale,
                       .new1 = (float)(1 - s->beta1),
                       .new2 = (float)(1 - s->beta2),
                       .epsilon = (float)s->epsilon,
                       .rate = (float)(s->rate / first),
                       .root = (float)(1 / sqrt(second))},
              .decaying = (float)(1 - s->rate * s->decay)};
  if (team->rank == 0) p->decayed *= (double)x.decaying;
  go(p, move, &x, team);
}

void params_forget(Params *p) {
  for (int i = 0; i < params_blocks(p); i++) {
    ParamBlock *b = params_block(p, i);
    size_t width = b->rows ? b->count / (size_t)b->rows : 0;
    if (!b->rows && !b->frozen) memset(p->g + b->at, 0, b->count * sizeof *p->g);
    for (int r = 0; r < b->rows; r++)
      if (b->touched[r]) memset(p->g + b->at + (size_t)r * width, 0, width * sizeof *p->g);
    if (b->rows) memset(b->touched, 0, (size_t)b->rows);
  }
}
