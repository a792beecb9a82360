/* save.c -- an open model as the files of the Hugging Face layout. See bert_model_save in bert.h.
** Layer: model. Uses: base file.
**
**    m->texts     config.json (with changes), tokenizer, modules …, as they were read
**    m->slot      model.safetensors in the transformer's folder: the encoder's names with the prefix that transformers
**                 has them under where there are heads too, else without; a module's in the folder of its own
**
** Texts are written as they stand, but for what the options of opening changed: config.json gets them under
** bert_options, and the files of sentence-transformers that say the same say it anew. Weights are read back row by row,
** so saving takes no memory of the model's size.
**
** A model in 8 bits has no f32 any more, and its files may be gone or changed: model.safetensors gets the integers times
** their scales. So what is written depends on the model alone, and transformers computes with the same weights as we do;
** bert_extra.safetensors keeps them to the bit (extra.h). */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json_write.h"
#include "base/progress.h"
#include "file/dtype.h"
#include "file/hfconfig_write.h"
#include "file/safetensors_write.h"
#include "model/extra.h"
#include "model/model.h"
#include "model/source.h"

enum { PIECE = 1 << 14 }; /* numbers written at once */

typedef struct {
  const Model *model;
  const bert_changes *changes; /* never NULL */
  const bert_sink *sink, *to; /* to the caller's, through a digest */
  const bert_progress *progress;
  Digest digest; /* of the bytes of the file that is being written */
  Arena arena;
  float *piece;
  size_t room; /* numbers in piece */
  bert_err *e;
} Saver;

/* A tensor to be written, out of a slot, or one of the caller's. */
typedef struct {
  SafetensorsEntry entry;
  const Slot *slot;
  int change; /* of the caller's: which, where slot is NULL */
} Output;

/* ---- the sink, digested ------------------------------------------------------------------------------------------ */

static void begin_digested(void *context, const char *name, uint64_t size, bert_err *e) {
  Saver *s = context;
  s->digest = (Digest){0};
  s->to->begin(s->to->context, name, size, e);
}

static void write_digested(void *context, const void *bytes, size_t n, bert_err *e) {
  Saver *s = context;
  digest_add(&s->digest, bytes, n);
  s->to->write(s->to->context, bytes, n, e);
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static void write_numbers(Saver *s, const Output *o) {
  int64_t width = o->entry.rank == 2 ? o->entry.shape[1] : 1, most = (int64_t)s->room / (width ? width : 1);
  for (int64_t r = 0, n; r < o->entry.shape[0] && !s->e->code; r += n) {
    n = o->entry.shape[0] - r < most ? o->entry.shape[0] - r : most;
    size_t count = (size_t)(n * width);
    const float *data = o->slot ? NULL : s->changes->data[o->change];
    if (o->slot) slot_read(o->slot, r, n, s->piece);
    else if (data) memcpy(s->piece, data + r * width, count * sizeof *s->piece);
    else s->changes->rows(s->changes->context, o->change, r, n, s->piece);
    dtype_little_endian(s->piece, count);
    s->sink->write(s->sink->context, s->piece, count * sizeof *s->piece, s->e);
  }
}

/* Room in s->piece for the widest row. */
static void reserve(Saver *s, const Output *o, int n) {
  size_t room = PIECE;
  for (int i = 0; i < n; i++)
    if (o[i].entry.rank == 2 && (size_t)o[i].entry.shape[1] > room) room = (size_t)o[i].entry.shape[1];
  if (room <= s->room || s->e->code) return;
  mem_free(s->piece);
  s->piece = mem_new(room, sizeof *s->piece, s->e);
  s->room = s->piece ? room : 0;
}

static void write_tensors(Saver *s, const char *file, const Output *o, int n) {
  SafetensorsEntry *entry = arena_push(&s->arena, (size_t)n, sizeof *entry, s->e);
  reserve(s, o, n);
  if (s->e->code) return;
  for (int i = 0; i < n; i++) entry[i] = o[i].entry;
  safetensors_begin(s->sink, file, NULL, entry, n, s->e);
  for (int i = 0; i < n && !s->e->code; i++) {
    write_numbers(s, &o[i]);
    progress_ask(s->progress, s->e);
  }
}

static SafetensorsEntry entry_of(const char *name, int rank, const int64_t shape[2]) {
  SafetensorsEntry x = {.name = name, .dtype = "F32", .rank = rank, .shape = {shape[0], rank == 2 ? shape[1] : 0}};
  x.bytes = sizeof(float) * (uint64_t)shape[0] * (uint64_t)(rank == 2 ? shape[1] : 1);
  return x;
}

/* The change of that name, or -1. */
static int change_of(const Saver *s, const char *name) {
  int i = 0;
  while (i < s->changes->count && strcmp(s->changes->tensor[i].name, name)) i++;
  return i < s->changes->count ? i : -1;
}

static int is_encoders(const Model *m, const char *name) {
  for (int i = 0; i < m->slots; i++)
    if (m->slot[i].owner == SLOT_ENCODER && !strcmp(m->slot[i].name, name)) return 1;
  if (m->arch->type && !strcmp(name, m->arch->type)) return 1;
  return m->arch->pooler && !strncmp(name, m->arch->pooler, strlen(m->arch->pooler));
}

static Output changed(const Saver *s, int i) {
  const bert_tensor *t = &s->changes->tensor[i];
  return (Output){.entry = entry_of(t->name, t->rank, t->shape), .change = i};
}

static Output kept(const Slot *x) {
  int64_t shape[2] = {x->rows, x->columns};
  return (Output){.entry = entry_of(x->name, x->columns ? 2 : 1, shape), .slot = x};
}

/* The names that transformers has for them: an untied decoder's bias under both of its names, the encoder's prefix. */
static int finish_names(Saver *s, Output *o, int n) {
  const Model *m = s->model;
  int heads = 0;
  for (int i = n - 1; i >= 0; i--) {
    heads |= !is_encoders(m, o[i].entry.name);
    if (m->config.tied || !m->arch->fill_bias_otherwise || strcmp(o[i].entry.name, m->arch->fill_bias)) continue;
    o[n] = o[i];
    o[n++].entry.name = m->arch->fill_bias_otherwise;
  }
  for (int i = 0; i < n && heads; i++)
    if (is_encoders(m, o[i].entry.name))
      o[i].entry.name = arena_print(&s->arena, s->e, "%s%s", m->arch->prefix, o[i].entry.name);
  return n;
}

/* A model whose tensors are changed has them in f32. */
static int writes_extra(const Saver *s) {
  return s->model->options.compute == COMPUTE_INT8 && !s->changes->count && !s->changes->without_heads;
}

static void write_transformer(Saver *s, const char *folder) {
  const Model *m = s->model;
  Output *o = arena_push(&s->arena, (size_t)m->slots + (size_t)s->changes->count + 1, sizeof *o, s->e);
  char *file = arena_print(&s->arena, s->e, "%smodel.safetensors", folder);
  int n = 0;
  if (s->e->code) return;
  for (int i = 0; i < m->slots; i++) {
    const Slot *x = &m->slot[i];
    if (x->owner == SLOT_MODULE || (x->owner == SLOT_HEAD && s->changes->without_heads)) continue;
    if (s->to->compact && writes_extra(s) && extra_has(x)) continue;
    int change = change_of(s, x->name);
    o[n++] = change < 0 ? kept(x) : changed(s, change);
  }
  for (int i = 0, old = n, j; i < s->changes->count; i++) {
    for (j = 0; j < old && strcmp(o[j].entry.name, s->changes->tensor[i].name);) j++;
    if (j == old) o[n++] = changed(s, i);
  }
  n = finish_names(s, o, n);
  if (!s->e->code) write_tensors(s, file, o, n);
}

/* A path below the model's source, as a name. */
static const char *below(const Model *m, const char *path) {
  size_t root = strlen(m->source);
  return strlen(path) > root ? path + root + 1 : "";
}

static void write_module(Saver *s, int module) {
  const Model *m = s->model;
  Output o[2];
  int n = 0;
  for (int i = 0; i < m->slots; i++)
    if (m->slot[i].owner == SLOT_MODULE && m->slot[i].module == module && n < 2) o[n++] = kept(&m->slot[i]);
  const char *folder = below(m, m->sentence.dense[module].directory);
  char *file = arena_print(&s->arena, s->e, "%s/model.safetensors", folder);
  if (!s->e->code) write_tensors(s, file, o, n);
}

/* ---- bert_extra.safetensors -------------------------------------------------------------------------------------- */

/* Entries of the scales, of the integers, and the stamp; returns how many. */
static int list_extra(Saver *s, SafetensorsEntry *x) {
  const Model *m = s->model;
  int n = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < m->slots && !s->e->code; i++) {
      const Slot *slot = &m->slot[i];
      if (!extra_has(slot)) continue;
      int64_t columns = pass ? slot->columns : kernel_groups(slot->columns);
      x[n] = (SafetensorsEntry){slot->name, pass ? "I8" : "F32", 2, {slot->rows, columns},
                                (uint64_t)slot->rows * (uint64_t)columns * (pass ? 1 : sizeof(float))};
      if (!pass) x[n].name = arena_print(&s->arena, s->e, "%s" EXTRA_SCALE, slot->name);
      n++;
    }
  x[n++] = (SafetensorsEntry){EXTRA_STAMP, "U8", 1, {EXTRA_STAMP_SIZE}, EXTRA_STAMP_SIZE};
  return n;
}

/* Scales (pass 0) or integers (pass 1) of a tensor, row by row. */
static void write_rows8(Saver *s, const Slot *x, int pass, int8_t *q, float *scale) {
  size_t groups = (size_t)kernel_groups(x->columns);
  for (int r = 0; r < x->rows && !s->e->code; r++) {
    slot_read8(x, r, q, scale);
    if (pass == 0) dtype_little_endian(scale, groups);
    if (pass) s->sink->write(s->sink->context, q, (size_t)x->columns, s->e);
    else s->sink->write(s->sink->context, scale, groups * sizeof *scale, s->e);
  }
}

/* Right after model.safetensors, whose digest stands in s. */
static void write_extra(Saver *s, const char *folder) {
  const Model *m = s->model;
  ExtraStamp stamp = {EXTRA_VERSION, BERT_ARITHMETIC, digest_end(&s->digest), 0, m->weight_hash, 0};
  if (!s->e->code && s->to->stamp) stamp.file = s->to->stamp(s->to->context, s->e);
  unsigned char bytes[EXTRA_STAMP_SIZE];
  int widest = 1;
  for (int i = 0; i < m->slots; i++)
    if (m->slot[i].columns > widest) widest = m->slot[i].columns;
  SafetensorsEntry *x = arena_push(&s->arena, 2 * (size_t)m->slots + 1, sizeof *x, s->e);
  char *file = arena_print(&s->arena, s->e, "%s" EXTRA_FILE, folder);
  int8_t *q = arena_push(&s->arena, (size_t)widest, 1, s->e);
  float *scale = arena_push(&s->arena, (size_t)kernel_groups(widest), sizeof *scale, s->e);
  int n = s->e->code ? 0 : list_extra(s, x);
  if (!s->e->code) safetensors_begin(s->sink, file, NULL, x, n, s->e);
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < m->slots && !s->e->code; i++) {
      if (extra_has(&m->slot[i])) write_rows8(s, &m->slot[i], pass, q, scale);
      progress_ask(s->progress, s->e);
    }
  extra_stamp_print(&stamp, bytes);
  if (!s->e->code) s->sink->write(s->sink->context, bytes, EXTRA_SELF, s->e);
  stamp.self = digest_end(&s->digest);
  extra_stamp_print(&stamp, bytes);
  if (!s->e->code) s->sink->write(s->sink->context, bytes + EXTRA_SELF, sizeof bytes - EXTRA_SELF, s->e);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static const Json *parse(Saver *s, const char *text, size_t n, const char *name) {
  const Json *root = json_parse(text, n, name, &s->arena, s->e);
  if (root && root->kind != JSON_OBJECT) json_refuse(root, name, "an object", s->e);
  return s->e->code ? NULL : root;
}

/* text, an object or empty, with the members of `change` in place; *text becomes the new one. */
static void merge(Saver *s, Buf *text, const char *change, const char *name) {
  Buf out = {0};
  const Json *base = text->size ? parse(s, text->data, text->size, name) : NULL;
  const Json *other = parse(s, change, strlen(change), name);
  if (!s->e->code) json_write_merged(&out, base, other, s->e);
  buf_fini(text); /* base had views of it */
  *text = out;
}

static void write_file(Saver *s, const char *name, const void *bytes, size_t n) {
  if (!s->e->code) s->sink->begin(s->sink->context, name, n, s->e);
  if (!s->e->code && n) s->sink->write(s->sink->context, bytes, n, s->e);
}

/* What of config.json is not as it was read: numbers are f32 now, and the options are kept. */
static void add_config_changes(Saver *s, const Json *base, Buf *out) {
  static const char *const DTYPES[] = {"dtype", "torch_dtype"};
  Options o = s->model->options;
  if (!writes_extra(s)) o.compute = COMPUTE_F32;
  buf_add(out, "{\"bert_options\": ", 17, s->e);
  size_t before = out->size;
  options_print(&o, out, s->e);
  if (!s->e->code && out->size == before + 2) { /* {} */
    out->size = before;
    buf_add(out, "null", 4, s->e);
  }
  for (int i = 0; i < 2; i++)
    if (json_get(base, DTYPES[i])) json_write_format(out, s->e, ", \"%s\": \"float32\"", DTYPES[i]);
  buf_add(out, "}", 2, s->e); /* with its NUL */
}

static void write_config(Saver *s, const char *name, const BundleFile *f) {
  Buf text = {0}, change = {0};
  buf_add(&text, f->data, f->size, s->e);
  const Json *base = s->e->code ? NULL : parse(s, f->data, f->size, name);
  if (base) add_config_changes(s, base, &change);
  if (!s->e->code) merge(s, &text, change.data, name);
  if (!s->e->code && s->changes->config) merge(s, &text, s->changes->config, "config");
  write_file(s, name, text.data, text.size);
  buf_fini(&text);
  buf_fini(&change);
}

/* A text with the members of `change` (freed) in place. */
static void write_merged(Saver *s, const char *name, const BundleFile *f, Buf *change) {
  Buf text = {0};
  buf_add(&text, f->data, f->size, s->e);
  buf_add(change, "", 1, s->e); /* its NUL */
  if (!s->e->code) merge(s, &text, change->data, name);
  write_file(s, name, text.data, text.size);
  buf_fini(&text);
  buf_fini(change);
}

/* max_tokens for sentence-transformers, which looks at the tokenizer's settings first, where the file has some. */
static void write_window(Saver *s, const char *name, const BundleFile *f) {
  const Json *base = parse(s, f->data, f->size, name), *old = json_get(base, "processor_kwargs");
  const char *key = old ? "processor_kwargs" : "tokenizer_args";
  if (!old) old = json_get(base, key);
  char window[60];
  snprintf(window, sizeof window, "{\"model_max_length\": %d}", s->model->options.max_tokens);
  Buf change = {0};
  json_write_format(&change, s->e, "{\"max_seq_length\": %d", s->model->options.max_tokens);
  if (old && old->kind == JSON_OBJECT) {
    json_write_format(&change, s->e, ", \"%s\": ", key);
    json_write_merged(&change, old, parse(s, window, strlen(window), name), s->e);
  }
  json_write_format(&change, s->e, "}");
  write_merged(s, name, f, &change);
}

static void write_tokenizer_window(Saver *s, const char *name, const BundleFile *f) {
  Buf change = {0};
  json_write_format(&change, s->e, "{\"model_max_length\": %d}", s->model->options.max_tokens);
  write_merged(s, name, f, &change);
}

/* POOL_ bits of a pooling that was asked for. */
static int pooling_bits(const Pooling *p) {
  static const int BITS[POOLING_KINDS] = {
      [POOLING_CLS] = POOL_CLS,           [POOLING_MAX] = POOL_MAX,
      [POOLING_MEAN] = POOL_MEAN,         [POOLING_MEAN_SQRT_LEN] = POOL_MEAN_SQRT_LEN,
      [POOLING_WEIGHTED_MEAN] = POOL_WEIGHTED_MEAN, [POOLING_LAST_TOKEN] = POOL_LAST_TOKEN};
  return BITS[p->kind[0]];
}

static void write_pooling(Saver *s, const char *name, const BundleFile *f) {
  const Json *base = parse(s, f->data, f->size, name), *mode = json_get(base, "pooling_mode");
  Buf change = {0};
  hfconfig_print_pooling(pooling_bits(&s->model->options.pooling), mode && mode->kind != JSON_NULL, &change, s->e);
  write_merged(s, name, f, &change);
}

/* modules.json for a bare encoder that was opened with a pooling: sentence-transformers would take the mean. */
static void write_modules(Saver *s) {
  const Model *m = s->model;
  SentenceConfig c = {.pooling = pooling_bits(&m->options.pooling), .max_tokens = m->options.max_tokens};
  Bundle files = {0};
  hfconfig_write_modules(&c, m->config.hidden, &files, s->e);
  for (int i = 0; i < files.count; i++) write_file(s, files.file[i].name, files.file[i].data, files.file[i].size);
  bundle_fini(&files);
}

/* Whose function a text is written by: those that the options of opening changed. */
static void write_text(Saver *s, const char *folder, const char *name, const BundleFile *f) {
  const Model *m = s->model;
  const char *pooling = m->sentence.pooling_directory ? below(m, m->sentence.pooling_directory) : NULL;
  size_t n = strlen(folder), p = pooling ? strlen(pooling) : 0;
  const char *inside = strncmp(f->name, folder, n) ? "" : f->name + n;
  if (!strcmp(inside, "config.json")) write_config(s, name, f);
  else if (m->options.max_tokens && !strcmp(inside, "sentence_bert_config.json")) write_window(s, name, f);
  else if (m->options.max_tokens && !strcmp(inside, "tokenizer_config.json")) write_tokenizer_window(s, name, f);
  else if (m->options.pooling.count && p && !strncmp(f->name, pooling, p) && !strcmp(f->name + p, "/config.json"))
    write_pooling(s, name, f);
  else write_file(s, name, f->data, f->size);
}

/* 1 for what only sentence-transformers reads. */
static int is_modules(const char *name) {
  return strchr(name, '/') || !strcmp(name, "modules.json") || !strncmp(name, "sentence_", 9) ||
         !strcmp(name, "config_sentence_transformers.json");
}

static void write_texts(Saver *s, const char *folder) {
  const Bundle *texts = &s->model->texts;
  size_t n = strlen(folder);
  for (int i = 0; i < texts->count && !s->e->code; i++) {
    const BundleFile *f = &texts->file[i];
    const char *name = f->name;
    int inside = !strncmp(name, folder, n);
    if (s->changes->without_modules && inside) name += n;
    if (s->changes->without_modules && is_modules(name)) continue;
    if (s->changes->count && !strcmp(name, SOURCE_CARD)) continue; /* of other weights */
    write_text(s, folder, name, f);
  }
  const Model *m = s->model;
  if (!m->sentence.present && !m->can && m->options.pooling.count && !s->changes->count) write_modules(s);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

void save_texts(const Model *m, const bert_sink *sink, bert_err *e) {
  static const bert_changes NONE;
  Saver s = {.model = m, .changes = &NONE, .sink = sink, .to = sink, .e = e};
  const char *inside = below(m, m->sentence.transformer_directory);
  const char *folder = *inside ? arena_print(&s.arena, e, "%s/", inside) : "";
  if (!e->code) write_texts(&s, folder);
  arena_fini(&s.arena);
}

void save_model(const Model *m, const bert_changes *changes, const bert_sink *sink, const bert_progress *progress,
                bert_err *e) {
  static const bert_changes NONE;
  Saver s = {.model = m, .changes = changes ? changes : &NONE, .to = sink, .progress = progress, .e = e};
  const bert_sink digested = {.context = &s, .begin = begin_digested, .write = write_digested};
  if (e->code) return;
  s.sink = &digested;
  const char *inside = below(m, m->sentence.transformer_directory);
  const char *folder = *inside ? arena_print(&s.arena, e, "%s/", inside) : "";
  if (!e->code) write_texts(&s, folder);
  if (!e->code && s.changes->without_modules) folder = "";
  if (!e->code) write_transformer(&s, folder);
  if (!e->code && writes_extra(&s)) write_extra(&s, folder);
  for (int i = 0; i < m->sentence.dense_count && !e->code && !s.changes->without_modules; i++) write_module(&s, i);
  mem_free(s.piece);
  arena_fini(&s.arena);
}
