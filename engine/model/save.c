/* save.c -- an open model as the files of the Hugging Face layout. See bert_model_save in bert.h.
** Layer: model. Uses: base file.
**
**    m->texts     config.json (with changes), tokenizer, modules …, as they were read
**    m->slot      model.safetensors in the transformer's folder: the encoder's names with the prefix that transformers
**                 has them under where there are heads too, else without; a module's in the folder of its own
**
** Texts are written as they stand, but for what the options of opening changed: config.json gets them under
** bert_options, and the files of sentence-transformers that say the same say it anew. Weights are read back row by row,
** so saving takes no memory of the model's size. */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "file/dtype.h"
#include "file/safetensors_write.h"
#include "model/model.h"

enum { PIECE = 1 << 14 }; /* numbers written at once */

typedef struct {
  const Model *model;
  const bert_changes *changes; /* never NULL */
  const bert_sink *sink;
  const bert_progress *progress;
  Arena arena;
  float *piece;
  size_t room; /* numbers in piece */
  bert_err *e;
} Saver;

/* A tensor to be written, out of a slot or of the caller's array. */
typedef struct {
  SafetensorsEntry entry;
  const Slot *slot;
  const float *data;
} Output;

/* ---- tensors ------------------------------------------------------------------------------------------------------ */

static void stop_if_asked(Saver *s) {
  if (!s->e->code && s->progress && s->progress->stop && s->progress->stop(s->progress->context))
    err_set(s->e, BERT_INTERRUPT, "interrupted");
}

static void write_numbers(Saver *s, const Output *o) {
  int64_t width = o->entry.rank == 2 ? o->entry.shape[1] : 1, most = (int64_t)s->room / (width ? width : 1);
  for (int64_t r = 0, n; r < o->entry.shape[0] && !s->e->code; r += n) {
    n = o->entry.shape[0] - r < most ? o->entry.shape[0] - r : most;
    size_t count = (size_t)(n * width);
    if (o->data) memcpy(s->piece, o->data + r * width, count * sizeof *s->piece);
    else slot_read(o->slot, r, n, s->piece);
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
  safetensors_begin(s->sink, file, entry, n, s->e);
  for (int i = 0; i < n && !s->e->code; i++) {
    write_numbers(s, &o[i]);
    stop_if_asked(s);
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
  return m->arch->pooler && !strncmp(name, m->arch->pooler, strlen(m->arch->pooler));
}

static Output changed(const Saver *s, int i) {
  const bert_tensor *t = &s->changes->tensor[i];
  return (Output){.entry = entry_of(t->name, t->rank, t->shape), .data = s->changes->data[i]};
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

static void write_transformer(Saver *s, const char *folder) {
  const Model *m = s->model;
  Output *o = arena_push(&s->arena, (size_t)m->slots + (size_t)s->changes->count + 1, sizeof *o, s->e);
  char *file = arena_print(&s->arena, s->e, "%smodel.safetensors", folder);
  int n = 0;
  if (s->e->code) return;
  for (int i = 0; i < m->slots; i++) {
    const Slot *x = &m->slot[i];
    if (x->owner == SLOT_MODULE || (x->owner == SLOT_HEAD && s->changes->without_heads)) continue;
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

/* ---- texts -------------------------------------------------------------------------------------------------------- */

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
  const Options *o = &s->model->options;
  buf_add(out, "{\"bert_options\": ", 17, s->e);
  size_t before = out->size;
  options_print(o, out, s->e);
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
    if (inside && !strcmp(f->name + n, "config.json")) write_config(s, name, f);
    else write_file(s, name, f->data, f->size);
  }
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

void save_model(const Model *m, const bert_changes *changes, const bert_sink *sink, const bert_progress *progress,
                bert_err *e) {
  static const bert_changes NONE;
  Saver s = {.model = m, .changes = changes ? changes : &NONE, .sink = sink, .progress = progress, .e = e};
  if (e->code) return;
  const char *inside = below(m, m->sentence.transformer_directory);
  const char *folder = *inside ? arena_print(&s.arena, e, "%s/", inside) : "";
  if (!e->code) write_texts(&s, folder);
  if (!e->code) write_transformer(&s, s.changes->without_modules ? "" : folder);
  for (int i = 0; i < m->sentence.dense_count && !e->code && !s.changes->without_modules; i++) write_module(&s, i);
  mem_free(s.piece);
  arena_fini(&s.arena);
}
