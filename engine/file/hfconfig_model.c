/* hfconfig_model.c -- config.json: the encoder's sizes, its activation, the labels of its head.
** Layer: file. Uses: base document.
**
** An absent key takes the default that transformers' BertConfig has. Bounds are several times what the largest model of
** the family has, so that no product of sizes overflows further on; whether the weights agree is for who reads them. */
#include "file/hfconfig.h"

#include <string.h>

#include "file/document.h"

enum {
  VOCABULARY_MAX = 1 << 24,
  HIDDEN_MAX = 1 << 14,
  LAYERS_MAX = 256,
  INNER_MAX = 1 << 18,
  POSITIONS_MAX = 1 << 20,
  TYPES_MAX = 1 << 10,
  LABELS_MAX = 1 << 16
};

/* transformers' ACT2FN, as far as an encoder of this family has been seen with it. */
static const struct {
  const char *name;
  Activation activation;
} ACTIVATIONS[] = {
    {"gelu", ACTIVATION_GELU},           {"gelu_python", ACTIVATION_GELU},
    {"gelu_new", ACTIVATION_GELU_TANH},  {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
    {"gelu_fast", ACTIVATION_GELU_TANH}, {"gelu_python_tanh", ACTIVATION_GELU_TANH},
    {"relu", ACTIVATION_RELU},           {"gelu_accurate", ACTIVATION_GELU_TANH},
    {"tanh", ACTIVATION_TANH},           {"linear", ACTIVATION_IDENTITY},
};

static Activation activation_of(const Document *d, bert_err *e) {
  const Json *v = json_get(d->root, "hidden_act");
  if (!v || v->kind == JSON_NULL) return ACTIVATION_GELU;
  for (size_t i = 0; i < sizeof ACTIVATIONS / sizeof *ACTIVATIONS; i++)
    if (json_is(v, ACTIVATIONS[i].name)) return ACTIVATIONS[i].activation;
  document_refuse(d, "hidden_act", v, "gelu, gelu_new, gelu_pytorch_tanh, relu, tanh or linear", e);
  return ACTIVATION_GELU;
}

/* model_type; where it is absent, as in the oldest files, what the architecture's name says. */
static void read_type(const Document *d, ModelConfig *out, Arena *a, bert_err *e) {
  const Json *list = json_get(d->root, "architectures");
  if (list && list->kind != JSON_ARRAY && list->kind != JSON_NULL)
    document_refuse(d, "architectures", list, "an array of names", e);
  if (e->code) return;
  out->architecture = json_text(json_first(list), "", "architectures", a, e);
  err_within(e, "%s", d->path);
  out->model_type = document_text(d, d->root, "model_type", NULL, a, e);
  if (!out->model_type) out->model_type = strncmp(out->architecture, "Bert", 4) ? "" : "bert";
}

static void read_sizes(const Document *d, ModelConfig *out, bert_err *e) {
  const Json *in = d->root;
  out->vocabulary = document_integer(d, in, "vocab_size", 30522, 1, VOCABULARY_MAX, e);
  out->hidden = document_integer(d, in, "hidden_size", 768, 1, HIDDEN_MAX, e);
  out->layers = document_integer(d, in, "num_hidden_layers", 12, 1, LAYERS_MAX, e);
  out->heads = document_integer(d, in, "num_attention_heads", 12, 1, HIDDEN_MAX, e);
  out->inner = document_integer(d, in, "intermediate_size", 3072, 1, INNER_MAX, e);
  out->positions = document_integer(d, in, "max_position_embeddings", 512, 1, POSITIONS_MAX, e);
  out->types = document_integer(d, in, "type_vocab_size", 2, 1, TYPES_MAX, e);
  if (out->hidden % out->heads != 0)
    err_set(e, BERT_FORMAT, "%s: num_attention_heads: found %d, wanted a divisor of hidden_size %d", d->path,
            out->heads, out->hidden);
  double epsilon = document_number(d, in, "layer_norm_eps", 1e-12, e);
  if (!(epsilon > 0 && epsilon < 1))
    document_refuse(d, "layer_norm_eps", json_get(in, "layer_norm_eps"), "a number between 0 and 1", e);
  out->norm_epsilon = (float)epsilon;
}

/* What would change the arithmetic, and is not done here. */
static void refuse_variants(const Document *d, bert_err *e) {
  const Json *position = json_get(d->root, "position_embedding_type");
  if (position && position->kind != JSON_NULL && !json_is(position, "absolute"))
    document_refuse(d, "position_embedding_type", position, "absolute", e);
  if (document_flag(d, d->root, "is_decoder", 0, e))
    document_refuse(d, "is_decoder", json_get(d->root, "is_decoder"), "false: an encoder", e);
}

/* ---- labels --------------------------------------------------------------------------------------------------- */

/* The id that an id2label's key spells, if it is below n; else n. */
static int label_id(const Json *key, int n) {
  int id = 0;
  for (uint32_t i = 0; i < key->size; i++) {
    if (key->at[i] < '0' || key->at[i] > '9' || id >= n) return n;
    id = id * 10 + (key->at[i] - '0');
  }
  return key->size && id < n ? id : n;
}

/* {"0": "NEGATIVE", "1": "POSITIVE"}, in any order. As in transformers the head has as many labels as the map has
** members, and an id that the map leaves out is called LABEL_id. Some files have numbers for names. */
static void read_labels(const Document *d, ModelConfig *out, Arena *a, bert_err *e) {
  const Json *map = json_get(d->root, "id2label");
  int n = document_integer(d, d->root, "num_labels", 0, 0, LABELS_MAX, e);
  if (map && map->kind != JSON_OBJECT && map->kind != JSON_NULL) document_refuse(d, "id2label", map, "an object", e);
  if (map && map->kind == JSON_OBJECT) n = map->size > LABELS_MAX ? -1 : (int)map->size;
  if (n < 0)
    err_set(e, BERT_FORMAT, "%s: id2label: found %u labels, wanted at most %d", d->path, map->size, LABELS_MAX);
  if (!e->code) out->label = arena_push(a, (size_t)n, sizeof *out->label, e);
  for (const Json *v = json_first(map); v && !e->code; v = json_next(v)) {
    int id = label_id(json_key(v), n);
    if (id == n) continue;
    if (v->kind == JSON_NUMBER) out->label[id] = arena_copy(a, v->at, v->size, e);
    else out->label[id] = json_text(v, NULL, "id2label", a, e);
    err_within(e, "%s", d->path);
  }
  for (int i = 0; i < n && !e->code; i++)
    if (!out->label[i]) out->label[i] = arena_print(a, e, "LABEL_%d", i);
  out->labels = n;
}

void hfconfig_model(const char *directory, ModelConfig *out, Arena *a, bert_err *e) {
  Document d;
  *out = (ModelConfig){0};
  if (e->code) return;
  document_open(&d, directory, "config.json", JSON_OBJECT, 1, e);
  if (!e->code) {
    out->path = arena_copy(a, d.path, strlen(d.path), e);
    read_type(&d, out, a, e);
    read_labels(&d, out, a, e);
    out->problem = document_text(&d, d.root, "problem_type", "", a, e);
  }
  if (!e->code && !strcmp(out->model_type, "bert")) {
    read_sizes(&d, out, e);
    out->activation = activation_of(&d, e);
    refuse_variants(&d, e);
  }
  document_close(&d);
}
