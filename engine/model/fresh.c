/* fresh.c -- a BERT whose weights are drawn: what pre-training from nothing begins with.
** Layer: model. Uses: base file nn.
**
**    config.json (BERT-base's sizes, or the caller's), vocab.txt -> files in memory with drawn weights -> model_open
**
** Going through files costs a copy of the weights, and gives the checks, the tokenizer and the hash that every other
** model has. Matrices are N(0, initializer_range) cut at two deviations, biases 0, gammas 1, as google-research/bert
** begins. */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "file/safetensors_write.h"
#include "model/train_net.h"

static const char BASE[] =
    "{\"architectures\": [\"BertForPreTraining\"], \"model_type\": \"bert\", \"hidden_act\": \"gelu\", "
    "\"hidden_size\": 768, \"num_hidden_layers\": 12, \"num_attention_heads\": 12, \"intermediate_size\": 3072, "
    "\"max_position_embeddings\": 512, \"type_vocab_size\": 2, \"layer_norm_eps\": 1e-12, \"initializer_range\": 0.02, "
    "\"hidden_dropout_prob\": 0.1, \"attention_probs_dropout_prob\": 0.1, \"pad_token_id\": 0}";

typedef struct {
  Arena arena;
  const Arch *arch;
  Buf entries; /* SafetensorsEntry */
  bert_err *e;
} Fresh;

static void add(Fresh *f, const char *pattern, int layer, const char *suffix, int rows, int columns) {
  char name[128];
  snprintf(name, sizeof name, pattern, layer); /* a row of arch.c: "%d" at most once */
  const char *prefix = strncmp(pattern, "cls.", 4) ? f->arch->prefix : "";
  SafetensorsEntry x = {.name = arena_print(&f->arena, f->e, "%s%s%s", prefix, name, suffix),
                        .dtype = "F32",
                        .rank = columns ? 2 : 1,
                        .shape = {rows, columns},
                        .bytes = sizeof(float) * (uint64_t)rows * (uint64_t)(columns ? columns : 1)};
  buf_add(&f->entries, &x, sizeof x, f->e);
}

static void add_linear(Fresh *f, const char *pattern, int layer, int in, int out) {
  add(f, pattern, layer, ".weight", out, in);
  add(f, pattern, layer, ".bias", out, 0);
}

static void add_norm(Fresh *f, const char *pattern, int layer, int hidden) {
  add(f, pattern, layer, ".weight", hidden, 0);
  add(f, pattern, layer, ".bias", hidden, 0);
}

static void add_all(Fresh *f, const ModelConfig *c) {
  const Arch *a = f->arch;
  int H = c->hidden;
  add(f, a->word, 0, "", c->vocabulary, H);
  add(f, a->position, 0, "", c->positions, H);
  if (c->types) add(f, a->type, 0, "", c->types, H);
  add_norm(f, a->embedding_norm, 0, H);
  for (int i = 0; i < c->layers && !f->e->code; i++) {
    add_linear(f, a->query, i, H, H);
    add_linear(f, a->key, i, H, H);
    add_linear(f, a->value, i, H, H);
    add_linear(f, a->project, i, H, H);
    add_norm(f, a->attention_norm, i, H);
    add_linear(f, a->inner, i, H, c->inner);
    add_linear(f, a->outer, i, c->inner, H);
    add_norm(f, a->output_norm, i, H);
  }
  add_linear(f, a->next_dense.name, 0, H, H);
  add_linear(f, a->next, 0, H, 2);
  add_linear(f, a->fill_dense, 0, H, H);
  add_norm(f, a->fill_norm, 0, H);
  add(f, a->fill_bias, 0, "", c->vocabulary, 0);
}

static void write_weights(Fresh *f, const ModelConfig *c, const bert_sink *sink, double deviation, uint64_t seed) {
  add_all(f, c);
  const SafetensorsEntry *x = (const SafetensorsEntry *)f->entries.data;
  int n = (int)(f->entries.size / sizeof *x);
  safetensors_begin(sink, "model.safetensors", NULL, x, n, f->e);
  for (int i = 0; i < n && !f->e->code; i++) {
    size_t count = (size_t)x[i].bytes / sizeof(float);
    float *w = mem_new(count, sizeof *w, f->e);
    if (!w) return;
    net_draw(w, x[i].name, count, x[i].rank == 2, deviation, seed, (size_t)i);
    sink->write(sink->context, w, x[i].bytes, f->e);
    mem_free(w);
  }
}

static int lines_of(bert_text text) {
  int n = 0;
  for (size_t i = 0; i < text.size; i++) n += text.data[i] == '\n';
  return n + (text.size > 0 && text.data[text.size - 1] != '\n');
}

/* config.json: BERT-base's, the caller's members in place, and the vocabulary's size. Returns initializer_range. */
static double put_config(Fresh *f, Bundle *files, const char *config, int vocabulary) {
  Buf text = {0}, all = {0}, size = {0};
  const Json *base = json_parse(BASE, sizeof BASE - 1, "config", &f->arena, f->e);
  const Json *own = config ? json_parse(config, strlen(config), "config", &f->arena, f->e) : NULL;
  if (own && own->kind != JSON_OBJECT) json_refuse(own, "config", "an object such as {\"hidden_size\":256}", f->e);
  if (!f->e->code) json_write_merged(&text, base, own, f->e);
  json_write_format(&size, f->e, "{\"vocab_size\": %d}", vocabulary);
  const Json *first = f->e->code ? NULL : json_parse(text.data, text.size, "config", &f->arena, f->e);
  const Json *second = f->e->code ? NULL : json_parse(size.data, size.size, "config", &f->arena, f->e);
  if (!f->e->code) json_write_merged(&all, first, second, f->e);
  double deviation = net_deviation(first, f->e);
  if (!f->e->code) bundle_put(files, "config.json", all.data, all.size, f->e);
  buf_fini(&text), buf_fini(&all), buf_fini(&size);
  return deviation;
}

Model *model_fresh(const char *config, bert_text vocabulary, int lowercase, uint64_t seed, bert_err *e) {
  Fresh f = {.e = e};
  Bundle files = {0};
  ModelConfig c;
  bert_files view = bundle_files(&files);
  Folder here = {.root = "new", .files = &view};
  bert_sink sink = bundle_sink(&files);
  double deviation = put_config(&f, &files, config, lines_of(vocabulary));
  bundle_put(&files, "vocab.txt", vocabulary.data, vocabulary.size, e);
  const char *tokenizer = arena_print(&f.arena, e, "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": %s}",
                                      lowercase ? "true" : "false");
  if (!e->code) bundle_put(&files, "tokenizer_config.json", tokenizer, strlen(tokenizer), e);
  if (!e->code) hfconfig_model(&here, "new", &c, &f.arena, e);
  f.arch = e->code ? NULL : arch_find(c.model_type);
  if (!e->code && (!f.arch || strcmp(c.model_type, "bert")))
    err_set(e, BERT_ARGUMENT, "config: model_type: found \"%s\", wanted bert", c.model_type);
  if (!e->code) write_weights(&f, &c, &sink, deviation, seed);
  Model *m = e->code ? NULL : model_open(&view, "new", NULL, e);
  buf_fini(&f.entries);
  bundle_fini(&files);
  arena_fini(&f.arena);
  return m;
}
