/* hfconfig_model.c -- config.json: the encoder's sizes, its activation, the labels of its head.
** Layer: file. Uses: base document.
**
** An absent key takes the default that transformers' BertConfig has. Whether the
** weights agree is for who reads them. */
#include "file/hfconfig.h"

#include <math.h>
#include <string.h>

#include "base/json_write.h"
#include "file/document.h"

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

/* How a type spells its sizes, and what it has where its file does not say; transformers' defaults. */
typedef struct {
  const char *model_type, *architecture; /* how names of its architectures begin */
  const char *hidden, *layers, *heads, *inner, *activation;
  int layers_default, vocabulary, types, pad; /* types 0: it has no segments, whatever the file says */
  int positions_follow_pad;   /* positions count from pad + 1 */
  int epsilon_is_fixed;
} Family;

static const Family FAMILIES[] = {
    {"bert", "Bert", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
     .layers_default = 12, .vocabulary = 30522, .types = 2, .pad = 0},
    {"roberta", "Roberta", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
     "hidden_act", .layers_default = 12, .vocabulary = 50265, .types = 2, .pad = 1, .positions_follow_pad = 1},
    {"distilbert", "DistilBert", "dim", "n_layers", "n_heads", "hidden_dim", "activation", .layers_default = 6,
     .vocabulary = 30522, .types = 0, .pad = 0, .epsilon_is_fixed = 1},
};
enum { FAMILY_COUNT = sizeof FAMILIES / sizeof *FAMILIES };

static const Family *family_of(const char *model_type) {
  for (int i = 0; i < FAMILY_COUNT; i++)
    if (!strcmp(FAMILIES[i].model_type, model_type)) return &FAMILIES[i];
  return NULL;
}

static Activation activation_of(const Document *d, const char *key, bert_err *e) {
  const Json *v = json_get(d->root, key);
  if (!v || v->kind == JSON_NULL) return ACTIVATION_GELU;
  for (size_t i = 0; i < sizeof ACTIVATIONS / sizeof *ACTIVATIONS; i++)
    if (json_is(v, ACTIVATIONS[i].name)) return ACTIVATIONS[i].activation;
  document_refuse(d, key, v, "gelu, gelu_new, gelu_pytorch_tanh, relu, tanh or linear", e);
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
  if (out->model_type || e->code) return;
  out->model_type = "";
  for (int i = 0; i < FAMILY_COUNT; i++)
    if (!strncmp(out->architecture, FAMILIES[i].architecture, strlen(FAMILIES[i].architecture)))
      out->model_type = FAMILIES[i].model_type;
}

static void read_epsilon(const Document *d, const Family *f, ModelConfig *out, bert_err *e) {
  double epsilon = f->epsilon_is_fixed ? 1e-12 : document_number(d, d->root, "layer_norm_eps", 1e-12, e);
  if (!(epsilon > 0 && epsilon < 1))
    document_refuse(d, "layer_norm_eps", json_get(d->root, "layer_norm_eps"), "a number between 0 and 1", e);
  out->norm_epsilon = (float)epsilon;
}

/* pad_token_id, and with it where positions begin. */
static void read_positions(const Document *d, const Family *f, ModelConfig *out, bert_err *e) {
  const Json *pad = json_get(d->root, "pad_token_id");
  out->positions = document_integer(d, d->root, "max_position_embeddings", 512, 1, CONFIG_POSITIONS_MAX, e);
  out->pad = document_integer(d, d->root, "pad_token_id", f->pad, -1, CONFIG_VOCABULARY_MAX, e);
  if (pad && pad->kind == JSON_NULL) out->pad = -1;
  if (e->code || !f->positions_follow_pad) return;
  out->first_position = out->pad + 1;
  if (out->pad < 0 || out->first_position >= out->positions)
    document_refuse(d, "pad_token_id", pad, "an id below max_position_embeddings - 1: positions begin after it", e);
}

static void read_sizes(const Document *d, const Family *f, ModelConfig *out, bert_err *e) {
  const Json *in = d->root;
  out->vocabulary = document_integer(d, in, "vocab_size", f->vocabulary, 1, CONFIG_VOCABULARY_MAX, e);
  out->hidden = document_integer(d, in, f->hidden, 768, 1, CONFIG_HIDDEN_MAX, e);
  out->layers = document_integer(d, in, f->layers, f->layers_default, 1, CONFIG_LAYERS_MAX, e);
  out->heads = document_integer(d, in, f->heads, 12, 1, CONFIG_HIDDEN_MAX, e);
  out->inner = document_integer(d, in, f->inner, 3072, 1, CONFIG_INNER_MAX, e);
  if (f->types) out->types = document_integer(d, in, "type_vocab_size", f->types, 1, CONFIG_TYPES_MAX, e);
  if (!e->code && out->hidden % out->heads != 0)
    err_set(e, BERT_FORMAT, "%s: %s: found %d, wanted a divisor of %s %d", d->path, f->heads, out->heads, f->hidden,
            out->hidden);
  read_positions(d, f, out, e);
  read_epsilon(d, f, out, e);
  out->activation = activation_of(d, f->activation, e);
  out->tied = document_flag(d, in, "tie_word_embeddings", 1, e);
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
  int n = document_integer(d, d->root, "num_labels", 0, 0, CONFIG_LABELS_MAX, e);
  if (map && map->kind != JSON_OBJECT && map->kind != JSON_NULL) document_refuse(d, "id2label", map, "an object", e);
  if (map && map->kind == JSON_OBJECT) n = map->size > CONFIG_LABELS_MAX ? -1 : (int)map->size;
  if (n < 0)
    err_set(e, BERT_FORMAT, "%s: id2label: found %u labels, wanted at most %d", d->path, map->size, CONFIG_LABELS_MAX);
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

/* ---- the head -------------------------------------------------------------------------------------------------- */

/* "torch.nn.modules.activation.Sigmoid" is "Sigmoid". What is not torch's own is not looked at, as in
** sentence-transformers, which would have to trust its code. */
static const char *activation_name(const Document *d, const Json *in, const char *key, Arena *a, bert_err *e) {
  const char *path = document_text(d, in, key, "", a, e), *last = strrchr(path, '.');
  return last && !strncmp(path, "torch.", 6) ? last + 1 : "";
}

/* Where a CrossEncoder keeps its activation: since version 4 in config.json, since 5.4 in a file of its own too, which
** goes first; before that under a key with a long name. */
static void read_head_activation(const Folder *in, const char *directory, const Document *d, ModelConfig *out, Arena *a, bert_err *e) {
  Document own, modules; /* without modules.json sentence-transformers does not look at its own */
  document_open(&modules, in, directory, "modules.json", JSON_ARRAY, 0, e);
  if (modules.root) document_open(&own, in, directory, "config_sentence_transformers.json", JSON_OBJECT, 0, e);
  else own = (Document){0};
  document_close(&modules);
  if (json_is(json_get(own.root, "model_type"), "CrossEncoder"))
    out->head_activation = activation_name(&own, own.root, "activation_fn", a, e);
  document_close(&own);
  const Json *since = json_get(d->root, "sentence_transformers");
  if (e->code || *out->head_activation) return;
  if (json_get(since, "activation_fn")) out->head_activation = activation_name(d, since, "activation_fn", a, e);
  else out->head_activation = activation_name(d, d->root, "sbert_ce_default_activation_function", a, e);
}

static void read_null_threshold(const Document *d, ModelConfig *out, bert_err *e) {
  static const char KEY[] = "bert_null_threshold";
  const Json *v = json_get(d->root, KEY);
  out->has_null_threshold = v && v->kind != JSON_NULL;
  out->null_threshold = document_number(d, d->root, KEY, 0, e);
}

/* One of bert_features. */
static void read_feature(const Json *v, FeatureConfig *out, Arena *a, bert_err *e) {
  if (v->kind != JSON_OBJECT) json_refuse(v, "a feature", "an object: name, mean, deviation", e);
  double mean = json_number(json_get(v, "mean"), 0, "mean", e);
  double deviation = json_number(json_get(v, "deviation"), 1, "deviation", e);
  *out = (FeatureConfig){json_text(json_get(v, "name"), "", "name", a, e), (float)mean, (float)deviation};
  if (!isfinite(out->mean)) json_refuse(json_get(v, "mean"), "mean", "a number that float32 can hold", e);
  if (!(out->deviation > 0 && isfinite(out->deviation)))
    json_refuse(json_get(v, "deviation"), "deviation", "a float32 above 0", e);
}

/* Numbers beside the text, which train_save.c writes. */
static void read_features(const Document *d, ModelConfig *out, Arena *a, bert_err *e) {
  static const char KEY[] = "bert_features";
  const Json *list = json_get(d->root, KEY);
  if (!list || list->kind == JSON_NULL || e->code) return;
  if (list->kind != JSON_ARRAY || list->size < 1 || list->size > CONFIG_FEATURES_MAX) {
    document_refuse(d, KEY, list, "an array of 1 to 64 features", e);
    return;
  }
  out->feature = arena_push(a, list->size, sizeof *out->feature, e);
  for (const Json *v = json_first(list); v && !e->code; v = json_next(v))
    read_feature(v, &out->feature[out->features++], a, e);
  err_within(e, "%s: %s", d->path, KEY);
}

/* The object as text, for options.c of the model. */
static void read_options(const Document *d, ModelConfig *out, Arena *a, bert_err *e) {
  const Json *v = json_get(d->root, "bert_options");
  Buf text = {0};
  if (!v || v->kind == JSON_NULL || e->code) return;
  if (v->kind != JSON_OBJECT) document_refuse(d, "bert_options", v, "an object", e);
  json_write(&text, v, e);
  if (!e->code) out->options = arena_copy(a, text.data, text.size, e);
  buf_fini(&text);
}

void hfconfig_model(const Folder *in, const char *directory, ModelConfig *out, Arena *a, bert_err *e) {
  Document d;
  *out = (ModelConfig){.head_activation = "", .options = ""};
  if (e->code) return;
  document_open(&d, in, directory, "config.json", JSON_OBJECT, 1, e);
  if (!e->code) {
    out->path = arena_copy(a, d.path, strlen(d.path), e);
    read_type(&d, out, a, e);
    read_labels(&d, out, a, e);
    out->problem = document_text(&d, d.root, "problem_type", "", a, e);
    read_null_threshold(&d, out, e);
    read_features(&d, out, a, e);
    read_options(&d, out, a, e);
    read_head_activation(in, directory, &d, out, a, e);
  }
  if (!e->code && !strcmp(out->model_type, HFCONFIG_VECTORS))
    out->inputs = document_integer(&d, d.root, "input_size", 0, 1, CONFIG_INPUTS_MAX, e);
  const Family *family = e->code ? NULL : family_of(out->model_type);
  if (family) {
    read_sizes(&d, family, out, e);
    refuse_variants(&d, e);
  }
  document_close(&d);
}
