/* model.c -- opens a model; prompts.
** Layer: model. Uses: base kernel file text nn.
**
** Order: options, configuration and tokenizer (source.c), weights (load.c), then what follows from all of them. A Model
** that fails to open is freed half-built. */
#include "model/model.h"

#include <string.h>

#include "base/hash.h"
#include "model/predict.h"
#include "model/source.h"

static KernelActivation activation_of(Activation a) {
  static const KernelActivation OF[] = {[ACTIVATION_GELU] = KERNEL_GELU,
                                        [ACTIVATION_GELU_TANH] = KERNEL_GELU_TANH,
                                        [ACTIVATION_RELU] = KERNEL_RELU,
                                        [ACTIVATION_TANH] = KERNEL_TANH,
                                        [ACTIVATION_IDENTITY] = KERNEL_NONE};
  return OF[a];
}

/* The window: what the caller asks, else the model's max_seq_length, else what its tokenizer says; never past the
** positions there are. */
static void choose_window(Model *m, bert_err *e) {
  int positions = m->config.positions - m->config.first_position;
  if (m->sentence.max_tokens) m->max_tokens = m->sentence.max_tokens;
  if (m->max_tokens == 0 || m->max_tokens > positions) m->max_tokens = positions;
  if (m->options.max_tokens > positions)
    err_set(e, BERT_ARGUMENT, "options: max_tokens: found %d, wanted at most the model's %d positions",
            m->options.max_tokens, positions);
  if (m->options.max_tokens) m->max_tokens = m->options.max_tokens;
  int special = tokenizer_special_count(m->tokenizer, 0);
  if (special == 0) /* an empty text would have no token at all, and nothing to pool */
    err_set(e, BERT_FORMAT, "%s: found a tokenizer that puts nothing around a text, wanted [CLS] or the like",
            m->sentence.transformer_directory);
  if (m->max_tokens <= special)
    err_set(e, BERT_ARGUMENT, "max_tokens: found %d, wanted more than the %d special tokens", m->max_tokens, special);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* Encoder sizes out of config.json. */
static void take_config(Model *m, bert_err *e) {
  if (e->code) return;
  const ModelConfig *c = &m->config;
  m->arch = strcmp(c->model_type, HFCONFIG_VECTORS) ? arch_find(c->model_type) : predict_arch();
  if (!m->arch)
    err_set(e, BERT_FORMAT, "%s: model_type: found \"%s\", wanted one of %s", c->path, c->model_type, arch_known());
  m->encoder = (Encoder){.hidden = c->hidden,
                         .heads = c->heads,
                         .inner = c->inner,
                         .layers = c->layers,
                         .epsilon = c->norm_epsilon,
                         .activation = activation_of(c->activation)};
}

static Pooling pooling_of(const SentenceConfig *c) {
  Pooling p = {.count = c->pooling_count};
  for (int i = 0; i < p.count; i++) {
    int bit = c->pooling_order[i];
    p.kind[i] = bit == POOL_CLS             ? POOLING_CLS
                : bit == POOL_MAX           ? POOLING_MAX
                : bit == POOL_MEAN          ? POOLING_MEAN
                : bit == POOL_MEAN_SQRT_LEN ? POOLING_MEAN_SQRT_LEN
                : bit == POOL_WEIGHTED_MEAN ? POOLING_WEIGHTED_MEAN
                                            : POOLING_LAST_TOKEN;
  }
  return p;
}

/* What one unit's logit becomes, as the files of a cross-encoder name it; torch.nn's names. */
static void choose_score(Model *m, bert_err *e) {
  static const char *const NAMES[] = {"", "Sigmoid", "Identity", "Tanh", "ReLU"};
  if (!(m->can & BERT_CAN_CLASSIFY) || m->config.labels != 1) return;
  for (int i = 0; i < (int)(sizeof NAMES / sizeof *NAMES); i++)
    if (!strcmp(m->config.head_activation, NAMES[i])) {
      m->score_kind = (ScoreKind)i;
      return;
    }
  err_set(e, BERT_FORMAT, "%s: the activation of its score: found %s, wanted Sigmoid, Identity, Tanh or ReLU",
          m->config.path, m->config.head_activation);
}

/* How hidden states become a sentence vector: pooling, then the Dense modules in a chain. */
static void choose_pooling(Model *m, bert_err *e) {
  m->pooling = m->options.pooling.count ? m->options.pooling : pooling_of(&m->sentence);
  m->dimensions = m->config.hidden * m->pooling.count;
  for (int i = 0; i < m->sentence.dense_count; i++) {
    const DenseConfig *d = &m->sentence.dense[i];
    if (d->in != m->dimensions)
      err_set(e, BERT_FORMAT, "%s: in_features: found %d, wanted the %d numbers of what comes before it", d->directory,
              d->in, m->dimensions);
    m->dense[i].activation = activation_of(d->activation);
    m->dimensions = d->out;
  }
}

static uint64_t mix(uint64_t hash, int64_t x) { return hash_bytes(&x, sizeof x, hash); }
static uint64_t mix_text(uint64_t hash, const char *s) { return s ? hash_bytes(s, strlen(s), hash) : mix(hash, -1); }

/* Everything that decides an output and is not weights, whose contents are in the hash already. Threads decide
** nothing. */
static void finish_hash(Model *m) {
  const Encoder *n = &m->encoder;
  uint64_t epsilon = 0;
  memcpy(&epsilon, &n->epsilon, sizeof n->epsilon);
  int64_t facts[] = {BERT_ARITHMETIC,
                     m->options.compute,
                     m->options.on_long,
                     m->max_tokens,
                     m->pooling.count,
                     m->sentence.normalize,
                     m->sentence.include_prompt,
                     m->sentence.lowercase,
                     m->sentence.dense_count,
                     n->hidden,
                     n->heads,
                     n->inner,
                     n->layers,
                     n->activation,
                     n->embedding.first_position,
                     (int64_t)epsilon,
                     m->tokenizer ? (int64_t)tokenizer_hash(m->tokenizer) : 0};
  m->hash = hash_bytes(facts, sizeof facts, m->hash);
  m->hash = mix_text(m->hash, m->arch->model_type);
  for (int i = 0; i < m->pooling.count; i++) m->hash = mix(m->hash, m->pooling.kind[i]);
  for (int i = 0; i < m->sentence.dense_count; i++) m->hash = mix(m->hash, m->dense[i].activation);
  for (int i = 0; i < m->sentence.prompt_count; i++)
    m->hash = mix_text(mix_text(m->hash, m->sentence.prompt_name[i]), m->sentence.prompt_text[i]);
  m->hash = mix_text(m->hash, m->sentence.default_prompt);
}

/* Likewise of the heads. */
static void hash_heads(Model *m) {
  double threshold = m->options.has_null_threshold ? m->options.null_threshold : m->config.null_threshold;
  int64_t facts[] = {m->can, m->score_kind, m->options.has_null_threshold || m->config.has_null_threshold, 0,
                     m->special[SPECIAL_MASK]};
  memcpy(&facts[3], &threshold, sizeof threshold);
  m->hash = mix_text(hash_bytes(facts, sizeof facts, m->hash), m->config.problem);
  if (m->can & BERT_CAN_FILL && !m->fill.decoder) m->hash = mix(m->hash, 8); /* the bits that the decoder has */
  for (int i = 0; i < m->config.labels; i++) m->hash = mix_text(m->hash, m->config.label[i]);
  for (int i = 0; i < m->classify.features; i++) {
    const FeatureConfig *f = &m->config.feature[i];
    float scale[2] = {f->mean, f->deviation};
    m->hash = mix_text(hash_bytes(scale, sizeof scale, m->hash), f->name);
  }
}

/* What config.json keeps of the options of a model that was saved, and over it what the caller asks. */
static void take_options(Model *m, const char *asked, bert_err *e) {
  if (e->code) return;
  options_parse(&m->options, m->config.options, "bert_options", e);
  err_within(e, "%s", m->config.path);
  options_parse(&m->options, asked, "options", e);
}

/* All that a model has that reads text. */
static void open_reader(Model *m, bert_err *e) {
  source_tokenizer(m, e);
  if (!e->code) choose_window(m, e);
  if (!e->code) load_weights(m, e);
  if (!e->code) choose_pooling(m, e);
}

Model *model_open(const bert_files *files, const char *source, const char *options_json, bert_err *e) {
  Model *m = mem_new(1, sizeof *m, e);
  if (!m) return NULL;
  m->source = arena_copy(&m->arena, source, strlen(source), e);
  m->folder = (Folder){m->source, files, &m->texts};
  return model_open_made(m, options_json, e);
}

Model *model_open_made(Model *m, const char *options_json, bert_err *e) {
  atomic_init(&m->owners, 1);
  source_config(m, e);
  take_options(m, options_json, e);
  take_config(m, e);
  if (!e->code && m->arch == predict_arch()) predict_load(m, e);
  else if (!e->code) open_reader(m, e);
  if (!e->code) choose_score(m, e);
  if (!e->code) finish_hash(m);
  if (!e->code && m->can) hash_heads(m);
  if (!e->code) describe_model(m, e);
  m->folder = (Folder){0};
  m->container = NULL;
  m->like = NULL;
  if (e->code) {
    model_free(m);
    return NULL;
  }
  return m;
}

void model_free(Model *m) {
  if (!m || atomic_fetch_sub(&m->owners, 1) > 1) return;
  tokenizer_free(m->tokenizer);
  mem_pages_free(m->weights, m->weight_bytes);
  bundle_fini(&m->texts);
  arena_fini(&m->arena);
  mem_free(m);
}

const char *model_prompt(const Model *m, const char *name, size_t size) {
  for (int i = 0; i < m->sentence.prompt_count; i++)
    if (strlen(m->sentence.prompt_name[i]) == size && !memcmp(m->sentence.prompt_name[i], name, size))
      return m->sentence.prompt_text[i];
  return NULL;
}

bert_text model_default_prompt(const Model *m) {
  const char *name = m->sentence.default_prompt, *text = name ? model_prompt(m, name, strlen(name)) : NULL;
  return text ? (bert_text){text, strlen(text)} : (bert_text){"", 0};
}
