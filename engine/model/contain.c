/* contain.c -- open models into one container. See contained.h.
** Layer: model. Uses: base kernel file text.
**
**    models -> items: files and tensors, as bytes -> equal ones found by their hash -> sorted by alignment -> one safetensors file
**
** It is made twice: what is known of a model that is not open (contained.json's info, its hash among it) is what the first
** one's models say once they are opened. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json_write.h"
#include "file/safetensors_write.h"
#include "model/contained.h"
#include "model/delta.h"
#include "model/extra.h"
#include "model/source.h"

enum { LONG = 4096 }; /* numbers of a vector that are worth 16 bits */

/* A file or a tensor. */
typedef struct {
  SafetensorsEntry entry;
  const char *bytes; /* owned, unless it is equal to another */
  const char *as;    /* the name that the same bytes stand under, or NULL */
  uint64_t hash;
} Item;

typedef struct {
  Arena arena;
  Buf items; /* Item */
  const char *model; /* whose items are added now */
  uint64_t weights;  /* hash of its tensors */
  bert_err *e;
} Maker;

static Item *item(Maker *k, size_t i) { return (Item *)(void *)k->items.data + i; }
static size_t count(const Maker *k) { return k->items.size / sizeof(Item); }

/* ---- items ------------------------------------------------------------------------------------------------------- */

/* bytes (of mem_new) are taken over, also on error. */
static void add(Maker *k, char kind, const char *name, const char *suffix, const char *dtype, int64_t rows,
                int64_t columns, char *bytes, size_t size) {
  Item x = {.bytes = bytes};
  x.entry = (SafetensorsEntry){.name = arena_print(&k->arena, k->e, "%s%c%s%s", k->model, kind, name, suffix),
                               .dtype = dtype, .rank = columns ? 2 : 1, .shape = {rows, columns}, .bytes = size};
  if (!k->e->code) {
    x.hash = hash_bytes(bytes, size, 0);
    for (size_t i = 0; i < count(k) && !x.as; i++) {
      const Item *y = item(k, i);
      if (!y->as && y->hash == x.hash && y->entry.bytes == size && !strcmp(y->entry.dtype, dtype) &&
          !memcmp(y->entry.shape, x.entry.shape, sizeof x.entry.shape) && !memcmp(y->bytes, bytes, size))
        x.as = y->entry.name;
    }
    if (kind == '/') k->weights = hash_bytes(&x.hash, sizeof x.hash, k->weights);
  }
  if (x.as) x.bytes = NULL;
  buf_add(&k->items, &x, sizeof x, k->e);
  if (x.as || k->e->code) mem_free(bytes);
}

static void *copied(const void *bytes, size_t n, bert_err *e) {
  void *copy = mem_new(n, 1, e);
  if (copy && n) memcpy(copy, bytes, n);
  return copy;
}

static void add_copy(Maker *k, const char *name, const char *suffix, const char *dtype, int64_t columns,
                     const void *bytes, size_t numbers, size_t width) {
  char *copy = copied(bytes, numbers * width, k->e);
  add(k, '/', name, suffix, dtype, (int64_t)numbers / columns, columns, copy, numbers * width);
}

static void add_text(Maker *k, const char *name, const void *bytes, size_t n) {
  char *copy = copied(bytes, n, k->e);
  add(k, ':', name, "", "U8", (int64_t)n, 0, copy, n);
}

static void add_words(Maker *k, const Slot *s) {
  size_t V = (size_t)s->rows, depth = (size_t)kernel_depth8(s->columns), groups = (size_t)kernel_groups(s->columns);
  add_copy(k, s->name, "", "I8", (int64_t)depth, s->words->word8, V * depth, 1);
  add_copy(k, s->name, EXTRA_SCALE, "F32", (int64_t)groups, s->words->word_scale, V * groups, sizeof(float));
}

static void add_sums(Maker *k, const Slot *s, size_t n) {
  int16_t *sums = mem_new(n, sizeof *sums, k->e);
  for (size_t i = 0; sums && i < n; i++) sums[i] = (int16_t)(s->linear->panels8.sum[i] / CONTAINED_SUM_UNIT);
  add(k, '/', s->name, CONTAINED_SUM, "I16", (int64_t)n / KERNEL_PANEL, KERNEL_PANEL, (char *)sums, n * sizeof *sums);
}

static void add_panels(Maker *k, const Slot *s) {
  const Linear *l = s->linear;
  size_t scales = kernel_panel_scales(l->in, l->out);
  add_copy(k, s->name, CONTAINED_PANELS, "I8", 4 * KERNEL_PANEL, l->panels8.panels, kernel_panel_bytes8(l->in, l->out), 1);
  add_copy(k, s->name, CONTAINED_SCALE, "F32", KERNEL_PANEL, l->panels8.scale, scales, sizeof(float));
  add_sums(k, s, scales);
}

/* The matrices of m that begin with the one called name, or NULL. */
static const Linear *find_linear(const Model *m, const char *name) {
  for (int i = 0; m && i < m->slots; i++)
    if (m->slot[i].first == 0 && extra_has(&m->slot[i]) && m->slot[i].linear && !strcmp(m->slot[i].name, name))
      return m->slot[i].linear;
  return NULL;
}

static int is_equal(const Linear *a, const Linear *b) {
  return !memcmp(a->panels8.panels, b->panels8.panels, kernel_panel_bytes8(a->in, a->out)) &&
         !memcmp(a->panels8.scale, b->panels8.scale, kernel_panel_scales(a->in, a->out) * sizeof(float));
}

static void add_difference(Maker *k, const Slot *s, const Linear *from) {
  const Linear *l = s->linear;
  size_t bytes = delta_codes(l->in, l->out), scales = kernel_panel_scales(l->in, l->out);
  uint8_t *codes = mem_new(bytes, 1, k->e), *steps = mem_new(scales, 1, k->e);
  if (codes && steps) delta_make(codes, steps, &l->panels8, &from->panels8, l->in, l->out);
  add_copy(k, s->name, CONTAINED_BASE, "I8", 4 * KERNEL_PANEL, from->panels8.panels, kernel_panel_bytes8(l->in, l->out), 1);
  add_copy(k, s->name, CONTAINED_SCALE, "F32", KERNEL_PANEL, from->panels8.scale, scales, sizeof(float));
  add(k, '/', s->name, CONTAINED_CODES, "U8", (int64_t)bytes / KERNEL_PANEL, KERNEL_PANEL, (char *)codes, bytes);
  add(k, '/', s->name, CONTAINED_STEPS, "U8", (int64_t)scales / KERNEL_PANEL, KERNEL_PANEL, (char *)steps, scales);
}

/* The nearest number of 16 bits, ties to even (IEEE 754 binary16); one past its range is an infinity. */
static uint16_t half(float x) {
  int exponent;
  uint16_t sign = signbit(x) ? 0x8000 : 0;
  float magnitude = fabsf(x);
  if (magnitude == 0) return sign;
  frexpf(magnitude, &exponent);
  int unit = exponent - 11 < -24 ? -24 : exponent - 11; /* exponent of the last place */
  float steps = rintf(ldexpf(magnitude, -unit));        /* at most 2^11 */
  /* Steps past 2^10 carry into the exponent by themselves. */
  uint32_t bits = unit == -24 ? (uint32_t)steps : (uint32_t)((unit + 24) << 10) + (uint32_t)steps;
  return bits >= 0x7C00 ? (uint16_t)(sign | 0x7C00) : (uint16_t)(sign | bits);
}

/* x[n] in 16 bits, in place; 0 where one does not fit. */
static int halve(float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if ((half(x[i]) & 0x7FFF) == 0x7C00) return 0;
  for (size_t i = 0; i < n; i++) {
    uint16_t h = half(x[i]);
    memcpy((char *)x + i * sizeof h, &h, sizeof h);
  }
  return 1;
}

static void add_plain(Maker *k, const Slot *s) {
  size_t n = (size_t)s->rows * (s->columns ? (size_t)s->columns : 1);
  float *x = mem_new(n, sizeof *x, k->e);
  if (!x) return;
  slot_read(s, 0, s->rows, x);
  int is_half = (s->columns || s->rows > LONG) && halve(x, n);
  add(k, '/', s->name, "", is_half ? "F16" : "F32", s->rows, s->columns, (char *)x,
      n * (is_half ? sizeof(uint16_t) : sizeof *x));
}

/* 1 for a pooler that no head has, so no answer comes through it. */
static int is_idle(const Model *m, const Slot *s) {
  return m->pooler.out && !strncmp(s->name, m->arch->pooler, strlen(m->arch->pooler));
}

/* base: what m was fine-tuned from, or NULL. */
static void add_tensors(Maker *k, const Model *m, const Model *base) {
  k->weights = 0;
  for (int i = 0; i < m->slots && !k->e->code; i++) {
    const Slot *s = &m->slot[i];
    if (is_idle(m, s)) continue;
    const Linear *from = extra_has(s) && s->linear && s->first == 0 ? find_linear(base, s->name) : NULL;
    if (!extra_has(s)) add_plain(k, s);
    else if (s->words) add_words(k, s);
    else if (from && from->in == s->linear->in && from->out == s->linear->out && !is_equal(from, s->linear))
      add_difference(k, s, from);
    else if (s->first == 0) add_panels(k, s);
  }
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* vocab.txt of a WordPiece tokenizer's pieces; size 0 where they do not go into lines. */
static void print_vocabulary(const Tokenizer *t, Buf *out, bert_err *e) {
  int n = tokenizer_vocabulary(t);
  for (int id = 0; id < n && !e->code; id++) {
    const char *piece = tokenizer_piece(t, id);
    if (!*piece || strpbrk(piece, "\r\n")) {
      out->size = 0;
      return;
    }
    buf_add(out, piece, strlen(piece), e);
    buf_add(out, "\n", 1, e);
  }
}

/* 1 if the files of m are those of the same tokenizer. */
static int gives_tokenizer(const Model *m, const Bundle *texts, bert_err *e) {
  bert_files files = bundle_files(texts);
  Model probe = {.source = m->source, .config = m->config, .sentence = m->sentence, .arch = m->arch};
  bert_err failed = {0};
  probe.folder = (Folder){.root = m->source, .files = &files};
  source_tokenizer(&probe, &failed);
  int same = !failed.code && tokenizer_hash(probe.tokenizer) == tokenizer_hash(m->tokenizer);
  if (failed.code == BERT_NOMEM) err_set(e, BERT_NOMEM, "out of memory");
  tokenizer_free(probe.tokenizer);
  arena_fini(&probe.arena);
  return same && !e->code;
}

/* tokenizer.json becomes vocab.txt where that is the same: half the size, and opened in less time. */
static void shorten_tokenizer(const Model *m, Bundle *texts, bert_err *e) {
  static const char JSON[] = "tokenizer.json", LINES[] = "vocab.txt";
  const BundleFile *json = bundle_find(texts, JSON);
  if (e->code || !json || bundle_find(texts, LINES)) return;
  Buf lines = {0};
  Bundle other = {0};
  print_vocabulary(m->tokenizer, &lines, e);
  for (int i = 0; i < texts->count; i++)
    if (&texts->file[i] != json) bundle_view(&other, texts->file[i].name, texts->file[i].data, texts->file[i].size, e);
  if (lines.size) bundle_put(&other, LINES, lines.data, lines.size, e);
  if (lines.size && gives_tokenizer(m, &other, e)) {
    bundle_remove(texts, JSON);
    bundle_put(texts, LINES, lines.data, lines.size, e);
  }
  bundle_fini(&other);
  buf_fini(&lines);
}

static void add_files(Maker *k, const Model *m) {
  Bundle texts = {0};
  bert_sink sink = bundle_sink(&texts);
  save_texts(m, &sink, k->e);
  shorten_tokenizer(m, &texts, k->e);
  for (int i = 0; i < texts.count && !k->e->code; i++) add_text(k, texts.file[i].name, texts.file[i].data, texts.file[i].size);
  bundle_fini(&texts);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* base[i] is a place before i, and what stands there is whole. */
static void refuse_base(const char *name, const int *base, int i, bert_err *e) {
  if (!base || base[i] < 0) return;
  if (base[i] >= i || base[base[i]] >= 0)
    err_set(e, BERT_ARGUMENT, "%s: found a base that %s, wanted one before it that is whole", name,
            base[i] >= i ? "comes after it" : "has a base itself");
}

static void refuse_twice(const char *const *names, int i, bert_err *e) {
  for (int k = 0; k < i; k++)
    if (!strcmp(names[k], names[i])) err_set(e, BERT_ARGUMENT, "found two models called '%s', wanted each name once", names[i]);
}

static void refuse(const char *name, const Model *m, bert_err *e) {
  static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (!*name || name[strspn(name, LETTERS)])
    err_set(e, BERT_ARGUMENT, "found a model called '%s', wanted a name of letters, digits, - _ and .", name);
  if (m->options.compute != COMPUTE_INT8)
    err_set(e, BERT_ARGUMENT, "%s: found a model in f32, wanted one opened with {\"compute\":\"int8\"}", name);
  if (m->sentence.dense_count || m->can & BERT_CAN_PREDICT || !m->tokenizer)
    err_set(e, BERT_ARGUMENT, "%s: found %s, wanted an encoder with its heads alone", name,
            m->sentence.dense_count ? "Dense modules" : "a classifier of vectors");
}

static void add_known(Maker *k, const Model *m, const bert_model_info *info) {
  Buf known = {0};
  json_write_format(&known, k->e, "{\"weights\": \"%016" PRIx64 "\", \"tokenizer\": \"%016" PRIx64 "\", \"info\": ",
                    k->weights, tokenizer_hash(m->tokenizer));
  contained_print(info, &known, k->e);
  buf_add(&known, "}", 1, k->e);
  if (!k->e->code) add_text(k, CONTAINED_FILE, known.data, known.size);
  buf_fini(&known);
}

/* What is computed with where it lies comes first, then what has numbers of 4 bytes, then the rest. */
static int class_of(const Item *x) {
  return x->as ? 3 : x->entry.bytes % SAFETENSORS_ALIGN == 0 ? 0 : x->entry.bytes % sizeof(float) == 0 ? 1 : 2;
}

static void write_all(Maker *k, const char *const *names, int n, const char *file, const bert_sink *sink) {
  Buf metadata = {0};
  SafetensorsEntry *entry = arena_push(&k->arena, count(k), sizeof *entry, k->e);
  const Item **order = arena_push(&k->arena, count(k), sizeof *order, k->e);
  int used = 0;
  json_write_format(&metadata, k->e, "\"models\":\"");
  for (int i = 0; i < n; i++) json_write_format(&metadata, k->e, "%s%s", i ? " " : "", names[i]);
  json_write_format(&metadata, k->e, "\"");
  for (int class = 0; class < 4 && !k->e->code; class++)
    for (size_t i = 0; i < count(k); i++) {
      const Item *x = item(k, i);
      if (class_of(x) != class) continue;
      if (x->as) json_write_format(&metadata, k->e, ",\"%s\":\"%s\"", x->entry.name, x->as);
      else order[used] = x, entry[used++] = x->entry;
    }
  buf_add(&metadata, "", 1, k->e);
  if (!k->e->code) safetensors_begin(sink, file, metadata.data, entry, used, k->e);
  for (int i = 0; i < used && !k->e->code; i++) sink->write(sink->context, order[i]->bytes, order[i]->entry.bytes, k->e);
  buf_fini(&metadata);
}

static void finish(Maker *k) {
  for (size_t i = 0; i < count(k); i++) mem_free((char *)item(k, i)->bytes);
  buf_fini(&k->items);
  arena_fini(&k->arena);
}

static void make(const char *const *names, Model *const *models, const int *base, const bert_model_info *info, int n,
                 const char *file, const bert_sink *sink, bert_err *e) {
  Maker k = {.e = e};
  for (int i = 0; i < n && !e->code; i++) {
    k.model = names[i];
    add_tensors(&k, models[i], base && base[i] >= 0 ? models[base[i]] : NULL);
    add_files(&k, models[i]);
    add_known(&k, models[i], &info[i]);
  }
  if (!e->code) write_all(&k, names, n, file, sink);
  finish(&k);
}

/* What the models say once they are opened out of the container that is the first of a bundle. */
static void ask(const Bundle *made, bert_model_info *info, Arena *a, int n, bert_err *e) {
  Container *c = e->code ? NULL : container_open(made->file[0].data, made->file[0].size, e);
  for (int i = 0; i < n && !e->code; i++) {
    Model *m = contained_open(c, i, NULL, e);
    if (m) info[i] = m->info;
    const char **texts[] = {&info[i].architecture, &info[i].task,     &info[i].pooling, &info[i].compute,
                            &info[i].labels,       &info[i].features, &info[i].prompts};
    for (size_t t = 0; t < sizeof texts / sizeof *texts && m; t++)
      if (*texts[t]) *texts[t] = arena_copy(a, *texts[t], strlen(*texts[t]), e);
    model_free(m);
  }
  container_free(c);
}

void contain(const char *const *names, Model *const *models, const int *base, int n, const char *file,
             const bert_sink *sink, bert_err *e) {
  Bundle made = {0};
  Arena texts = {0};
  bert_sink memory = bundle_sink(&made);
  bert_model_info *info = arena_push(&texts, (size_t)n, sizeof *info, e);
  for (int i = 0; i < n && !e->code; i++) refuse(names[i], models[i], e);
  for (int i = 0; i < n && !e->code; i++) refuse_twice(names, i, e);
  for (int i = 0; i < n && !e->code; i++) refuse_base(names[i], base, i, e);
  for (int i = 0; i < n && !e->code; i++) info[i] = models[i]->info;
  if (!e->code) make(names, models, base, info, n, file, &memory, e);
  ask(&made, info, &texts, n, e);
  if (!e->code) make(names, models, base, info, n, file, sink, e);
  bundle_fini(&made);
  arena_fini(&texts);
}
