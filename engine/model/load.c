/* load.c -- weights out of files into the kernels' panels.
** Layer: model. Uses: base kernel file nn.
**
** The same walk over the architecture's tensors runs twice: first it checks shapes and counts floats, then, with one
** block for all of them, it reads. Rows are read 32 at a time and packed while they are in cache, so reading costs no
** memory beyond the weights; their bytes, in the order of the walk, make the hash. Heads are those whose tensors are
** there: the architecture's name in config.json only decides between two that share a name. Where each tensor has gone is
** noted in m->slot. A model of a container (container.h) has its matrices in panels already, and they stay where they lie.
** Cost: one read of the file, one pass of packing; about 50 ms for 90 MB from the page cache on Zen 4. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "file/weights.h"
#include "model/contained.h"
#include "model/delta.h"
#include "model/extra.h"
#include "model/model.h"

enum { ROWS_AT_ONCE = 32, NAME_ROOM = 200 };

/* A tensor of the files (NULL: there is none, or an error) and the name that Slots know it by, kept on the second walk. */
typedef struct {
  const Tensor *tensor;
  const char *name;
  const Tensor *packed, *scale; /* of bert_extra.safetensors, where it is wanted in 8 bits and is there; tensor is NULL */
  int in_place; /* a container has it as it is wanted; tensor is NULL */
} Found;

typedef struct {
  Model *model;
  const Weights *files;
  const Weights *extra; /* NULL: there is none (extra.h) */
  uint64_t extra_hash;
  const Arch *arch;
  const char *prefix; /* of the names looked for: "bert." or "" in the encoder, as this model has it; "" in heads */
  float *block;       /* NULL on the first walk */
  size_t used;        /* floats */
  float *rows;        /* [ROWS_AT_ONCE][widest row], and as many scales */
  SlotOwner owner;    /* of what is loaded now */
  int module;
  size_t slots;       /* at most */
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

static Found found(Loader *l, const Tensor *t, const char *name) {
  return (Found){.tensor = t, .name = l->block ? arena_copy(&l->model->arena, name, strlen(name), l->e) : NULL};
}

static Found find(Loader *l, const char *pattern, int layer, const char *suffix, const char *otherwise) {
  char name[NAME_ROOM], full[2 * NAME_ROOM];
  const Tensor *t = NULL;
  /* The pattern is a row of arch.c: "%d" at most once. */
  size_t n = (size_t)snprintf(name, sizeof name, pattern, layer);
  if (otherwise) {
    snprintf(full, sizeof full, "%s%s%s", l->prefix, name, otherwise);
    t = weights_maybe(l->files, full);
  }
  snprintf(name + n, sizeof name - n, "%s", suffix);
  snprintf(full, sizeof full, "%s%s", l->prefix, name);
  return found(l, t ? t : weights_find(l->files, full, l->e), name);
}

static void print_name(char name[NAME_ROOM], const char *pattern, int layer, const char *suffix) {
  size_t n = (size_t)snprintf(name, NAME_ROOM, pattern, layer);
  snprintf(name + n, NAME_ROOM - n, "%s", suffix);
}

/* A matrix that is to be computed with. */
static Found find_matrix(Loader *l, const char *pattern, int layer, const char *suffix, Compute compute) {
  char name[NAME_ROOM], scale[2 * NAME_ROOM];
  print_name(name, pattern, layer, suffix);
  if (l->model->container && compute == COMPUTE_INT8) {
    Found there = found(l, NULL, name);
    there.in_place = 1;
    return there;
  }
  const Tensor *packed = compute == COMPUTE_INT8 ? weights_maybe(l->extra, name) : NULL;
  if (!packed) return find(l, pattern, layer, suffix, NULL);
  snprintf(scale, sizeof scale, "%s" EXTRA_SCALE, name);
  Found f = found(l, NULL, name);
  f.packed = packed;
  f.scale = weights_find(l->extra, scale, l->e);
  return f;
}

/* What a container has of a matrix in 8 bits, where it lies; NULL on error. */
static void *placed(Loader *l, const char *name, const char *suffix, const char *dtype, size_t bytes) {
  char full[2 * NAME_ROOM];
  snprintf(full, sizeof full, "%s%s", name, suffix);
  const Tensor *t = weights_find(l->files, full, l->e);
  if (l->e->code) return NULL;
  if (strcmp(t->dtype_name, dtype) || t->bytes != bytes)
    err_set(l->e, BERT_FORMAT, "%s: %s: found %" PRIu64 " bytes of %s, wanted %zu of %s", t->path, full, t->bytes,
            t->dtype_name, bytes, dtype);
  return (void *)weights_place(l->files, t); /* as what is packed, but never written to */
}

/* Notes where a tensor goes; one that two heads share (a pooler) once. */
static void note(Loader *l, Slot s) {
  Model *m = l->model;
  l->slots++;
  if (!l->block || l->e->code) return;
  s.owner = l->owner;
  s.module = l->module;
  for (int i = 0; i < m->slots; i++)
    if (m->slot[i].owner == s.owner && m->slot[i].module == s.module && !strcmp(m->slot[i].name, s.name)) return;
  m->slot[m->slots++] = s;
}

/* Reads rows first … first+n-1, those of no tensor being the zeros that are there, and mixes them into the hash. */
static void read_rows(Loader *l, const Tensor *t, int64_t first, int64_t n, size_t width, float *out) {
  if (t) weights_read(l->files, t, first, n, out, l->e);
  if (!l->e->code) l->hash = hash_bytes(out, (size_t)n * width * sizeof *out, l->hash);
}

/* A matrix that stays as it stands in the file; columns 0: a vector. */
static float *load_plain(Loader *l, Found f, int rows, int columns) {
  weights_want_shape(f.tensor, rows, columns, l->e);
  size_t width = columns ? (size_t)columns : 1;
  float *p = take(l, mem_size((size_t)rows, width, 0));
  note(l, (Slot){.name = f.name, .rows = rows, .columns = columns, .plain = p});
  l->parameters += (int64_t)rows * (int64_t)width;
  for (int64_t r = 0; p && r < rows && !l->e->code; r += ROWS_AT_ONCE) {
    int64_t n = rows - r < ROWS_AT_ONCE ? rows - r : ROWS_AT_ONCE;
    read_rows(l, f.tensor, r, n, width, p + (size_t)r * width);
  }
  return p;
}

/* 1 if one of q[n] is -128. Blocks of a fixed length let compilers use vectors. */
static int has_lowest(const int8_t *q, size_t n) {
  enum { BLOCK = 256 };
  int8_t found = 0;
  for (; n >= BLOCK; q += BLOCK, n -= BLOCK)
    for (int i = 0; i < BLOCK; i++) found |= (int8_t)-(q[i] == INT8_MIN);
  for (size_t i = 0; i < n; i++) found |= (int8_t)-(q[i] == INT8_MIN);
  return found != 0;
}

/* Rows r … r+n-1 of what is in 8 bits: integers into l->rows, scales behind them. */
static float *read_packed(Loader *l, const Found *f, int64_t r, int n, int width) {
  int8_t *q = (int8_t *)l->rows;
  float *scale = l->rows + (size_t)ROWS_AT_ONCE * (size_t)width;
  weights_read_bytes(l->extra, f->packed, (uint64_t)r * (uint64_t)width, q, (size_t)n * (size_t)width, l->e);
  weights_read(l->extra, f->scale, r, n, scale, l->e);
  if (!l->e->code && has_lowest(q, (size_t)n * (size_t)width)) /* which the kernels' sums have no room for */
    err_set(l->e, BERT_FORMAT, "%s: %s: found -128, wanted integers in -127 to 127", f->packed->path, f->packed->name);
  return scale;
}

/* Shapes of a matrix and, in 8 bits, of its scales. */
static void check_matrix(Loader *l, const Found *f, int rows, int columns) {
  weights_want_shape(f->tensor, rows, columns, l->e);
  weights_want_shape(f->packed, rows, columns, l->e);
  weights_want_shape(f->scale, rows, kernel_groups(columns), l->e);
  if (!l->e->code && f->packed && strcmp(f->packed->dtype_name, "I8"))
    err_set(l->e, BERT_FORMAT, "%s: %s: found dtype %s, wanted I8", f->packed->path, f->packed->name,
            f->packed->dtype_name);
}

/* The table of word embeddings, in 8 bits: most of a small model's weights. */
static void load_words8(Loader *l, Embedding *m, Found f, int hidden) {
  size_t depth = (size_t)kernel_depth8(hidden), groups = (size_t)kernel_groups(hidden), V = (size_t)m->vocabulary;
  check_matrix(l, &f, m->vocabulary, hidden);
  note(l, (Slot){.name = f.name, .rows = m->vocabulary, .columns = hidden, .words = m});
  l->parameters += (int64_t)V * hidden;
  if (f.in_place) {
    m->word8 = placed(l, l->arch->word, "", "I8", mem_size(V, depth, 0));
    m->word_scale = placed(l, l->arch->word, EXTRA_SCALE, "F32", mem_size(V, groups * sizeof(float), 0));
    return;
  }
  m->word8 = (int8_t *)take(l, mem_size(V, depth, sizeof(float) - 1) / sizeof(float));
  m->word_scale = take(l, mem_size(V, groups, 0));
  for (int r = 0; l->block && r < m->vocabulary && !l->e->code; r += ROWS_AT_ONCE) {
    int n = m->vocabulary - r < ROWS_AT_ONCE ? m->vocabulary - r : ROWS_AT_ONCE;
    int8_t *q = m->word8 + (size_t)r * depth;
    float *scale = m->word_scale + (size_t)r * groups;
    if (f.packed) {
      memcpy(scale, read_packed(l, &f, r, n, hidden), (size_t)n * groups * sizeof *scale);
      for (int i = 0; i < n; i++, q += depth) memcpy(q, (int8_t *)l->rows + (size_t)i * (size_t)hidden, (size_t)hidden);
    } else {
      read_rows(l, f.tensor, r, n, (size_t)hidden, l->rows);
      kernels()->quantize(q, scale, l->rows, (size_t)hidden, n, hidden);
    }
  }
}

/* One of the matrices that stand side by side in a Linear: its outputs are columns first … of the panels. */
static void load_part(Loader *l, Linear *to, int first, int out, Found w, Found bias) {
  check_matrix(l, &w, out, to->in);
  weights_want_shape(bias.tensor, out, 0, l->e);
  l->parameters += (int64_t)out * to->in + (bias.tensor ? out : 0);
  note(l, (Slot){.name = w.name, .rows = out, .columns = to->in, .linear = to, .first = first});
  if (bias.tensor) note(l, (Slot){.name = bias.name, .rows = out, .plain = l->block ? to->bias + first : NULL});
  if (!l->block) return;
  for (int r = 0; r < out && !w.in_place && !l->e->code; r += ROWS_AT_ONCE) {
    int n = out - r < ROWS_AT_ONCE ? out - r : ROWS_AT_ONCE;
    if (w.packed) {
      const float *scale = read_packed(l, &w, r, n, to->in);
      for (int i = 0; i < n && !l->e->code; i++, scale += kernel_groups(to->in))
        kernel_repack8(&to->panels8, (int8_t *)l->rows + (size_t)i * (size_t)to->in, scale, first + r + i, 0, to->in,
                       to->in);
      continue;
    }
    read_rows(l, w.tensor, r, n, (size_t)to->in, l->rows);
    if (to->panels) kernels()->pack(to->panels, l->rows, (size_t)to->in, first + r, n, to->in);
    else kernel_pack8(&to->panels8, l->rows, (size_t)to->in, first + r, n, to->in);
  }
  if (bias.tensor) read_rows(l, bias.tensor, 0, out, 1, to->bias + first);
}

static void take_linear8(Loader *l, Linear *to) {
  to->panels8.panels = (int8_t *)take(l, kernel_panel_bytes8(to->in, to->out) / sizeof(float));
  to->panels8.scale = take(l, kernel_panel_scales(to->in, to->out));
  to->panels8.sum = (int32_t *)take(l, kernel_panel_scales(to->in, to->out));
}

/* 1 if the container has it as a difference. */
static int is_difference(Loader *l, const char *first) {
  char full[2 * NAME_ROOM];
  snprintf(full, sizeof full, "%s" CONTAINED_CODES, first);
  return weights_maybe(l->files, full) != NULL;
}

static void add_difference(Loader *l, Linear *to, const char *first) {
  size_t scales = kernel_panel_scales(to->in, to->out);
  Panels8 base = {.panels = placed(l, first, CONTAINED_BASE, "I8", kernel_panel_bytes8(to->in, to->out)),
                  .scale = placed(l, first, CONTAINED_SCALE, "F32", scales * sizeof(float))};
  const uint8_t *codes = placed(l, first, CONTAINED_CODES, "U8", delta_codes(to->in, to->out));
  const uint8_t *steps = placed(l, first, CONTAINED_STEPS, "U8", scales);
  if (l->block && !l->e->code) delta_add(&to->panels8, &base, codes, steps, to->in, to->out);
}

/* `first` names the first of its matrices. */
static void place_linear(Loader *l, Linear *to, const char *first) {
  size_t scales = kernel_panel_scales(to->in, to->out);
  to->panels8.panels = placed(l, first, CONTAINED_PANELS, "I8", kernel_panel_bytes8(to->in, to->out));
  to->panels8.scale = placed(l, first, CONTAINED_SCALE, "F32", scales * sizeof(float));
  const int16_t *sums = placed(l, first, CONTAINED_SUM, "I16", scales * sizeof *sums);
  to->panels8.sum = (int32_t *)take(l, scales);
  for (size_t i = 0; l->block && !l->e->code && i < scales; i++) to->panels8.sum[i] = CONTAINED_SUM_UNIT * sums[i];
}

static void begin_linear(Loader *l, Linear *to, const char *first, int in, int out, int bias, Compute compute) {
  *to = (Linear){.in = in, .out = out};
  if (compute == COMPUTE_F32) {
    to->panels = take(l, kernel_panel_floats(in, out));
  } else if (l->model->container && !is_difference(l, first)) {
    place_linear(l, to, first);
  } else {
    take_linear8(l, to);
    if (l->model->container) add_difference(l, to, first);
  }
  to->bias = bias ? take(l, (size_t)kernel_panels(out) * KERNEL_PANEL) : NULL;
}

static void load_linear(Loader *l, Linear *to, const char *pattern, int layer, int in, int out, Compute compute) {
  char first[NAME_ROOM];
  print_name(first, pattern, layer, ".weight");
  begin_linear(l, to, first, in, out, 1, compute);
  Found w = find_matrix(l, pattern, layer, ".weight", compute), b = find(l, pattern, layer, ".bias", NULL);
  load_part(l, to, 0, out, w, b);
}

static void load_qkv(Loader *l, Linear *to, int layer, int hidden) {
  const char *parts[3] = {l->arch->query, l->arch->key, l->arch->value};
  char first[NAME_ROOM];
  print_name(first, parts[0], layer, ".weight");
  begin_linear(l, to, first, hidden, 3 * hidden, 1, l->compute);
  for (int i = 0; i < 3; i++) {
    Found w = find_matrix(l, parts[i], layer, ".weight", l->compute), b = find(l, parts[i], layer, ".bias", NULL);
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
  m->first_position = c->first_position;
  m->pad = c->first_position ? c->pad : -1;
  Found word = find_matrix(l, l->arch->word, 0, "", l->compute);
  if (l->compute == COMPUTE_INT8) load_words8(l, m, word, c->hidden);
  else m->word = load_plain(l, word, c->vocabulary, c->hidden);
  m->position = load_plain(l, find(l, l->arch->position, 0, "", NULL), c->positions, c->hidden);
  if (c->types) {
    Found type = c->zero_types ? found(l, NULL, l->arch->type) : find(l, l->arch->type, 0, "", NULL);
    m->type = load_plain(l, type, c->types, c->hidden);
  }
  load_norm(l, &m->norm, l->arch->embedding_norm, 0, c->hidden);
}

static void load_encoder(Loader *l, Encoder *n, const ModelConfig *c) {
  load_embedding(l, &n->embedding, c);
  for (int i = 0; i < c->layers && !l->e->code; i++) {
    Layer *y = &n->layer[i];
    load_qkv(l, &y->qkv, i, c->hidden);
    load_linear(l, &y->project, l->arch->project, i, c->hidden, c->hidden, l->compute);
    load_norm(l, &y->attention_norm, l->arch->attention_norm, i, c->hidden);
    load_linear(l, &y->inner, l->arch->inner, i, c->hidden, c->inner, l->compute);
    load_linear(l, &y->outer, l->arch->outer, i, c->inner, c->hidden, l->compute);
    load_norm(l, &y->output_norm, l->arch->output_norm, i, c->hidden);
  }
}

/* A Dense module: linear.weight and linear.bias in a directory of its own. */
static void load_dense(Loader *l, Dense *d, const DenseConfig *c) {
  Weights *files = weights_open(&l->model->folder, c->directory, l->e);
  const Weights *outer = l->files;
  l->files = files;
  begin_linear(l, &d->linear, NULL, c->in, c->out, c->bias, COMPUTE_F32);
  if (files) {
    Found w = find(l, "linear", 0, ".weight", NULL), none = {0};
    load_part(l, &d->linear, 0, c->out, w, c->bias ? find(l, "linear", 0, ".bias", NULL) : none);
  }
  l->files = outer;
  weights_free(files);
}

/* ---- heads ------------------------------------------------------------------------------------------------------- */

static const Tensor *head_tensor(const Loader *l, const char *prefix, const char *name, const char *suffix) {
  char full[NAME_ROOM];
  snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
  return weights_maybe(l->files, full);
}

static int has_dense(const Loader *l, const ArchDense *d) {
  return head_tensor(l, d->has_prefix ? l->prefix : "", d->name, ".weight") != NULL;
}

/* A classifier on every token, or on the first alone: BERT and DistilBERT call both by one name. */
static unsigned classifiers_there(const Loader *l, const ModelConfig *c) {
  const Arch *a = l->arch;
  int classify = head_tensor(l, "", a->classify, ".weight") != NULL;
  int tag = head_tensor(l, "", a->tag, ".weight") != NULL;
  if (classify && tag) {
    tag = strstr(c->architecture, "ForTokenClassification") ||
          (!has_dense(l, &a->classify_dense) && !strstr(c->architecture, "ForSequenceClassification"));
    classify = !tag;
  }
  return (classify ? BERT_CAN_CLASSIFY : 0) | (tag ? BERT_CAN_TAG : 0);
}

/* The heads that the files have. A directory of sentence vectors needs none. */
static unsigned heads_there(const Loader *l, const Model *m) {
  const Arch *a = l->arch;
  if (!l->files || (m->sentence.present && !m->sentence.cross_encoder)) return 0;
  unsigned can = classifiers_there(l, &m->config);
  if (head_tensor(l, "", a->answer, ".weight")) can |= BERT_CAN_ANSWER;
  if (head_tensor(l, "", a->fill_dense, ".weight")) can |= BERT_CAN_FILL;
  if (a->next && has_dense(l, &a->next_dense) && head_tensor(l, "", a->next, ".weight")) can |= BERT_CAN_NEXT;
  return can;
}

/* How many labels: what config.json says, else as many as the head has units, by the names that transformers makes. */
static void name_labels(Loader *l, Model *m) {
  ModelConfig *c = &m->config;
  const char *name = m->can & BERT_CAN_CLASSIFY ? l->arch->classify : l->arch->tag;
  if (c->labels || !(m->can & (BERT_CAN_CLASSIFY | BERT_CAN_TAG))) return;
  const Tensor *t = head_tensor(l, "", name, ".weight");
  if (t->rank != 2 || t->shape[0] < 1 || t->shape[0] > CONFIG_LABELS_MAX) {
    err_set(l->e, BERT_FORMAT, "%s: %s: wanted a matrix of 1 to %d rows, as %s names no labels", t->path, t->name,
            CONFIG_LABELS_MAX, c->path);
    return;
  }
  c->label = arena_push(&m->arena, (size_t)t->shape[0], sizeof *c->label, l->e);
  for (int i = 0; i < t->shape[0] && !l->e->code; i++) c->label[i] = arena_print(&m->arena, l->e, "LABEL_%d", i);
  c->labels = (int)t->shape[0];
}

static void load_first(Loader *l, FirstHead *h, const ArchDense *dense, const char *out, int hidden, int units) {
  const char *prefix = l->prefix;
  if (!dense->has_prefix) l->prefix = "";
  l->owner = dense->has_prefix ? SLOT_ENCODER : SLOT_HEAD;
  load_linear(l, &h->dense, dense->name, 0, hidden, hidden, COMPUTE_F32);
  l->owner = SLOT_HEAD;
  l->prefix = "";
  load_linear(l, &h->out, out, 0, hidden, units, COMPUTE_F32);
  l->prefix = prefix;
  h->activation = dense->activation;
}

/* The classifier's columns for numbers are a tensor of their own: the other is as transformers has it, where the model
** opens to the answers that it gives to average numbers. */
static void load_features(Loader *l, FirstHead *h, const ModelConfig *c) {
  const char *prefix = l->prefix;
  h->features = c->features;
  if (!c->features) return;
  l->prefix = "";
  h->by_feature = load_plain(l, find(l, MODEL_FEATURES, 0, "", NULL), c->labels, c->features);
  l->prefix = prefix;
}

/* The decoder's bias goes by two names; where both are there, an untied decoder has the second as its own. */
static Found fill_bias(Loader *l, int tied) {
  const char *names[2] = {l->arch->fill_bias, l->arch->fill_bias_otherwise};
  for (int i = 0; i < 2; i++) {
    const char *name = names[tied ? i : 1 - i];
    const Tensor *t = name ? weights_maybe(l->files, name) : NULL;
    if (t) return found(l, t, names[0]);
  }
  return found(l, weights_find(l->files, names[0], l->e), names[0]);
}

static void load_fill(Loader *l, FillHead *h, const Encoder *n, const ModelConfig *c) {
  const Arch *a = l->arch;
  load_linear(l, &h->dense, a->fill_dense, 0, c->hidden, c->hidden, COMPUTE_F32);
  load_norm(l, &h->norm, a->fill_norm, 0, c->hidden);
  h->activation = a->fill_is_gelu ? KERNEL_GELU : n->activation;
  h->epsilon = c->norm_epsilon;
  const Tensor *own = c->tied ? NULL : weights_maybe(l->files, a->decoder);
  h->decoder = own ? load_plain(l, found(l, own, a->decoder), c->vocabulary, c->hidden) : n->embedding.word;
  h->words = &n->embedding;
  h->bias = load_plain(l, fill_bias(l, c->tied), c->vocabulary, 0);
}

/* The pooler of an encoder, where no head has it. No output comes through it, so it counts in neither hash nor
** parameters; one of another shape than poolers have is left alone. */
static void load_pooler(Loader *l, Model *m) {
  const Arch *a = l->arch;
  int has = (m->can & BERT_CAN_CLASSIFY && a->classify_dense.has_prefix) ||
            (m->can & BERT_CAN_NEXT && a->next_dense.has_prefix), hidden = m->config.hidden;
  const Tensor *w = a->pooler ? head_tensor(l, l->prefix, a->pooler, ".weight") : NULL;
  const Tensor *b = a->pooler ? head_tensor(l, l->prefix, a->pooler, ".bias") : NULL;
  if (has || !w || !b || w->rank != 2 || w->shape[0] != hidden || w->shape[1] != hidden || b->count != hidden) return;
  uint64_t hash = l->hash;
  int64_t parameters = l->parameters;
  load_linear(l, &m->pooler, a->pooler, 0, hidden, hidden, COMPUTE_F32);
  l->hash = hash;
  l->parameters = parameters;
}

static void load_heads(Loader *l, Model *m) {
  const ModelConfig *c = &m->config;
  const Arch *a = l->arch;
  const char *prefix = l->prefix;
  l->owner = SLOT_HEAD;
  if (m->can & BERT_CAN_CLASSIFY) {
    load_first(l, &m->classify, &a->classify_dense, a->classify, c->hidden, c->labels);
    load_features(l, &m->classify, c);
  }
  if (m->can & BERT_CAN_NEXT) load_first(l, &m->next, &a->next_dense, a->next, c->hidden, 2);
  l->prefix = "";
  if (m->can & BERT_CAN_TAG) load_linear(l, &m->tag, a->tag, 0, c->hidden, c->labels, COMPUTE_F32);
  if (m->can & BERT_CAN_ANSWER) load_linear(l, &m->answer, a->answer, 0, c->hidden, 2, COMPUTE_F32);
  if (m->can & BERT_CAN_FILL) load_fill(l, &m->fill, &m->encoder, c);
  l->prefix = prefix;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void walk(Loader *l, Model *m) {
  l->owner = SLOT_ENCODER;
  load_encoder(l, &m->encoder, &m->config);
  if (!l->e->code) load_pooler(l, m);
  if (!l->e->code) load_heads(l, m);
  if (l->extra) l->hash = l->extra_hash;
  if (m->container) l->hash = m->contained_hash;
  m->weight_hash = l->hash;
  l->owner = SLOT_MODULE;
  l->prefix = "";
  for (l->module = 0; l->module < m->sentence.dense_count && !l->e->code; l->module++)
    load_dense(l, &m->dense[l->module], &m->sentence.dense[l->module]);
  l->module = 0;
}

/* Numbers of the widest row that is packed. */
static size_t widest(const Model *m) {
  int width = m->config.hidden > m->config.inner ? m->config.hidden : m->config.inner;
  for (int i = 0; i < m->sentence.dense_count; i++)
    if (m->sentence.dense[i].in > width) width = m->sentence.dense[i].in;
  return (size_t)width;
}

void load_weights(Model *m, bert_err *e) {
  Loader l = {.model = m, .arch = m->arch, .prefix = "", .compute = m->options.compute, .hash = m->hash, .e = e};
  Weights *files = m->container ? container_weights(m->container, m->contained, e)
                                : weights_open(&m->folder, m->sentence.transformer_directory, e);
  Weights *extra = l.compute == COMPUTE_INT8 && files && !m->container ? extra_open(m, &l.extra_hash, e) : NULL;
  l.files = files;
  l.extra = extra;
  const char *prefix = files && !weights_maybe(files, m->arch->position) ? m->arch->prefix : "";
  l.prefix = prefix;
  m->can = heads_there(&l, m);
  name_labels(&l, m);
  m->encoder.layer = arena_push(&m->arena, (size_t)m->config.layers, sizeof(Layer), e);
  m->dense = arena_push(&m->arena, (size_t)m->sentence.dense_count, sizeof(Dense), e);
  if (!e->code) walk(&l, m);
  m->weight_bytes = mem_size(l.used, sizeof(float), 0);
  if (!e->code) m->weights = mem_pages(m->weight_bytes, e);
  m->slot = arena_push(&m->arena, l.slots, sizeof *m->slot, e);
  l.rows = mem_new((widest(m) + (size_t)kernel_groups((int)widest(m))) * ROWS_AT_ONCE, sizeof(float), e);
  if (!e->code) {
    l.block = m->weights;
    l.prefix = prefix;
    l.used = 0;
    l.parameters = 0;
    walk(&l, m);
  }
  m->parameters = l.parameters;
  m->hash = l.hash;
  mem_free(l.rows);
  weights_free(files);
  weights_free(extra);
}
