/* load.c -- weights out of files into the kernels' panels.
** Layer: model. Uses: base kernel file nn.
**
** The same walk over the architecture's tensors runs twice: first it checks shapes and counts floats, then, with one
** block for all of them, it reads. Rows are read 32 at a time and packed while they are in cache, so reading costs no
** memory beyond the weights; their bytes, in the order of the walk, make the hash.
** Cost: one read of the file, one pass of packing; about 50 ms for 90 MB from the page cache on Zen 4. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "file/weights.h"
#include "model/model.h"

enum { ROWS_AT_ONCE = 32, NAME_ROOM = 200 };

typedef struct {
  const Weights *files;
  const Arch *arch;
  const char *prefix; /* "bert." or "" as the names of this model have it */
  float *block;       /* NULL on the first walk */
  size_t used;        /* floats */
  float *rows;        /* [ROWS_AT_ONCE][widest row] */
  Compute compute;    /* of the encoder's matrices */
  int64_t parameters;
  uint64_t hash;
  bert_err *e;
} Loader;

/* The next n floats of the block, at a cache line; NULL on the first walk. */
static float *take(Loader *l, size_t n) {
  float *p = l->block ? l->block + l->used : NULL;
  l->used = mem_size(1, l->used, (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES);
  return p;
}

static const Tensor *find(Loader *l, const char *pattern, int layer, const char *suffix, const char *otherwise) {
  char name[NAME_ROOM], full[NAME_ROOM];
  const Tensor *t = NULL;
  /* The pattern is a row of arch.c: "%d" at most once. */
  snprintf(name, sizeof name, pattern, layer);
  if (otherwise) {
    snprintf(full, sizeof full, "%s%s%s", l->prefix, name, otherwise);
    t = weights_maybe(l->files, full);
  }
  if (t) return t;
  snprintf(full, sizeof full, "%s%s%s", l->prefix, name, suffix);
  return weights_find(l->files, full, l->e);
}

/* Reads rows first … first+n-1 and mixes them into the hash. */
static void read_rows(Loader *l, const Tensor *t, int64_t first, int64_t n, size_t width, float *out) {
  weights_read(l->files, t, first, n, out, l->e);
  if (!l->e->code) l->hash = hash_bytes(out, (size_t)n * width * sizeof *out, l->hash);
}

/* A matrix that stays as it stands in the file; columns 0: a vector. */
static float *load_plain(Loader *l, const Tensor *t, int rows, int columns) {
  weights_want_shape(t, rows, columns, l->e);
  size_t width = columns ? (size_t)columns : 1;
  float *p = take(l, mem_size((size_t)rows, width, 0));
  l->parameters += (int64_t)rows * (int64_t)width;
  for (int64_t r = 0; p && r < rows && !l->e->code; r += ROWS_AT_ONCE) {
    int64_t n = rows - r < ROWS_AT_ONCE ? rows - r : ROWS_AT_ONCE;
    read_rows(l, t, r, n, width, p + (size_t)r * width);
  }
  return p;
}

/* The table of word embeddings, in 8 bits: most of a small model's weights. */
static void load_words8(Loader *l, Embedding *m, const Tensor *t, int hidden) {
  size_t depth = (size_t)kernel_depth8(hidden), groups = (size_t)kernel_groups(hidden), V = (size_t)m->vocabulary;
  weights_want_shape(t, m->vocabulary, hidden, l->e);
  m->word8 = (int8_t *)take(l, mem_size(V, depth, sizeof(float) - 1) / sizeof(float));
  m->word_scale = take(l, mem_size(V, groups, 0));
  l->parameters += (int64_t)V * hidden;
  for (int r = 0; l->block && r < m->vocabulary && !l->e->code; r += ROWS_AT_ONCE) {
    int n = m->vocabulary - r < ROWS_AT_ONCE ? m->vocabulary - r : ROWS_AT_ONCE;
    read_rows(l, t, r, n, (size_t)hidden, l->rows);
    kernels()->quantize(m->word8 + (size_t)r * depth, m->word_scale + (size_t)r * groups, l->rows, (size_t)hidden, n, hidden);
  }
}

/* One of the matrices that stand side by side in a Linear: its outputs are columns first … of the panels. */
static void load_part(Loader *l, Linear *to, int first, int out, const Tensor *w, const Tensor *bias) {
  weights_want_shape(w, out, to->in, l->e);
  if (bias) weights_want_shape(bias, out, 0, l->e);
  l->parameters += (int64_t)out * to->in + (bias ? out : 0);
  if (!l->block) return;
  for (int r = 0; r < out && !l->e->code; r += ROWS_AT_ONCE) {
    int n = out - r < ROWS_AT_ONCE ? out - r : ROWS_AT_ONCE;
    read_rows(l, w, r, n, (size_t)to->in, l->rows);
    if (to->panels) kernel_pack(to->panels, l->rows, (size_t)to->in, first + r, n, to->in);
    else kernel_pack8(&to->panels8, l->rows, (size_t)to->in, first + r, n, to->in);
  }
  if (bias) read_rows(l, bias, 0, out, 1, to->bias + first);
}

static void begin_linear(Loader *l, Linear *to, int in, int out, int bias, Compute compute) {
  *to = (Linear){.in = in, .out = out};
  if (compute == COMPUTE_F32) {
    to->panels = take(l, kernel_panel_floats(in, out));
  } else {
    to->panels8.panels = (int8_t *)take(l, kernel_panel_bytes8(in, out) / sizeof(float));
    to->panels8.scale = take(l, kernel_panel_scales(in, out));
    to->panels8.sum = (int32_t *)take(l, kernel_panel_scales(in, out));
  }
  to->bias = bias ? take(l, (size_t)kernel_panels(out) * KERNEL_PANEL) : NULL;
}

static void load_linear(Loader *l, Linear *to, const char *pattern, int layer, int in, int out) {
  begin_linear(l, to, in, out, 1, l->compute);
  const Tensor *w = find(l, pattern, layer, ".weight", NULL), *b = find(l, pattern, layer, ".bias", NULL);
  load_part(l, to, 0, out, w, b);
}

static void load_qkv(Loader *l, Linear *to, int layer, int hidden) {
  const char *parts[3] = {l->arch->query, l->arch->key, l->arch->value};
  begin_linear(l, to, hidden, 3 * hidden, 1, l->compute);
  for (int i = 0; i < 3; i++) {
    const Tensor *w = find(l, parts[i], layer, ".weight", NULL), *b = find(l, parts[i], layer, ".bias", NULL);
    load_part(l, to, i * hidden, hidden, w, b);
  }
}

static void load_norm(Loader *l, Norm *to, const char *pattern, int layer, int hidden) {
  to->gamma = load_plain(l, find(l, pattern, layer, ".weight", ".gamma"), hidden, 0);
  to->beta = load_plain(l, find(l, pattern, layer, ".bias", ".beta"), hidden, 0);
}

static void load_embedding(Loader *l, Embedding *m, const ModelConfig *c) {
  m->vocabulary = c->vocabulary;
  m->positions = c->positions;
  m->types = c->types;
  m->first_position = l->arch->first_position;
  const Tensor *word = find(l, l->arch->word, 0, "", NULL);
  if (l->compute == COMPUTE_INT8) load_words8(l, m, word, c->hidden);
  else m->word = load_plain(l, word, c->vocabulary, c->hidden);
  m->position = load_plain(l, find(l, l->arch->position, 0, "", NULL), c->positions, c->hidden);
  m->type = load_plain(l, find(l, l->arch->type, 0, "", NULL), c->types, c->hidden);
  load_norm(l, &m->norm, l->arch->embedding_norm, 0, c->hidden);
}

static void load_encoder(Loader *l, Encoder *n, const ModelConfig *c) {
  load_embedding(l, &n->embedding, c);
  for (int i = 0; i < c->layers && !l->e->code; i++) {
    Layer *y = &n->layer[i];
    load_qkv(l, &y->qkv, i, c->hidden);
    load_linear(l, &y->project, l->arch->project, i, c->hidden, c->hidden);
    load_norm(l, &y->attention_norm, l->arch->attention_norm, i, c->hidden);
    load_linear(l, &y->inner, l->arch->inner, i, c->hidden, c->inner);
    load_linear(l, &y->outer, l->arch->outer, i, c->inner, c->hidden);
    load_norm(l, &y->output_norm, l->arch->output_norm, i, c->hidden);
  }
}

/* A Dense module: linear.weight and linear.bias in a directory of its own. */
static void load_dense(Loader *l, Dense *d, const DenseConfig *c) {
  Weights *files = weights_open(c->directory, l->e);
  const Weights *outer = l->files;
  l->files = files;
  begin_linear(l, &d->linear, c->in, c->out, c->bias, COMPUTE_F32);
  if (files) {
    const Tensor *b = c->bias ? weights_find(files, "linear.bias", l->e) : NULL;
    load_part(l, &d->linear, 0, c->out, weights_find(files, "linear.weight", l->e), b);
  }
  l->files = outer;
  weights_free(files);
}

static void walk(Loader *l, Model *m) {
  load_encoder(l, &m->encoder, &m->config);
  for (int i = 0; i < m->sentence.dense_count && !l->e->code; i++)
    load_dense(l, &m->dense[i], &m->sentence.dense[i]);
}

/* Numbers of the widest row that is packed. */
static size_t widest(const Model *m) {
  int width = m->config.hidden > m->config.inner ? m->config.hidden : m->config.inner;
  for (int i = 0; i < m->sentence.dense_count; i++)
    if (m->sentence.dense[i].in > width) width = m->sentence.dense[i].in;
  return (size_t)width;
}

void load_weights(Model *m, bert_err *e) {
  Loader l = {.arch = m->arch, .prefix = "", .compute = m->options.compute, .hash = m->hash, .e = e};
  Weights *files = weights_open(m->sentence.transformer_directory, e);
  l.files = files;
  if (files && !weights_maybe(files, m->arch->word)) l.prefix = m->arch->prefix;
  m->encoder.layer = arena_push(&m->arena, (size_t)m->config.layers, sizeof(Layer), e);
  m->dense = arena_push(&m->arena, (size_t)m->sentence.dense_count, sizeof(Dense), e);
  if (!e->code) walk(&l, m);
  m->weight_bytes = mem_size(l.used, sizeof(float), 0);
  if (!e->code) m->weights = mem_pages(m->weight_bytes, e);
  l.rows = mem_new(widest(m) * ROWS_AT_ONCE, sizeof(float), e);
  if (!e->code) {
    l.block = m->weights;
    l.used = 0;
    l.parameters = 0;
    walk(&l, m);
  }
  m->parameters = l.parameters;
  m->hash = l.hash;
  mem_free(l.rows);
  weights_free(files);
}
