/* train_net.c -- see train_net.h: the network out of a model.
** Layer: model. Uses: base kernel file nn. */
#include "model/train_net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

enum { RNG_WEIGHTS = 1, NAME_ROOM = 128 };

static const char *const NAMES[] = {"classify", "rerank", "qa", "tag", "embed", "mlm", "head"};

const char *net_judged_as(Task task) { return NAMES[task == TASK_PRETRAIN ? TASK_MLM : task]; }

int net_task(const char *name, bert_err *e) {
  for (int i = 0; i < (int)(sizeof NAMES / sizeof *NAMES); i++)
    if (!strcmp(name, NAMES[i])) return i;
  err_set(e, BERT_ARGUMENT, "the task '%.40s', wanted one of classify, rerank, qa, tag, embed, mlm, head", name);
  return -1;
}

/* ---- blocks and their names -------------------------------------------------------------------------------------- */

/* "pattern" with its layer, and a suffix. */
static void name_part(Net *n, const char *pattern, int layer, const char *suffix, size_t at, int rows, int columns,
                      bert_err *e) {
  char name[NAME_ROOM], full[NAME_ROOM + 16];
  snprintf(name, sizeof name, pattern, layer); /* a row of arch.c: "%d" at most once */
  snprintf(full, sizeof full, "%s%s", name, suffix);
  params_name(&n->params, full, at, rows, columns, e);
}

static TrainLinear add_linear(Net *n, const char *pattern, int layer, int in, int out, bert_err *e) {
  TrainLinear l = {.in = in, .out = out};
  l.w = params_add(&n->params, mem_size((size_t)in, (size_t)out, 0), 0, 1, e);
  l.b = params_add(&n->params, (size_t)out, 0, 0, e);
  name_part(n, pattern, layer, ".weight", l.w, out, in, e);
  name_part(n, pattern, layer, ".bias", l.b, out, 0, e);
  return l;
}

static TrainLinear add_qkv(Net *n, int layer, int hidden, bert_err *e) {
  const char *parts[3] = {n->from->arch->query, n->from->arch->key, n->from->arch->value};
  size_t H = (size_t)hidden;
  TrainLinear l = {.in = hidden, .out = 3 * hidden};
  l.w = params_add(&n->params, mem_size(3 * H, H, 0), 0, 1, e);
  params_cut(&n->params, 3, e);
  l.b = params_add(&n->params, 3 * H, 0, 0, e);
  params_cut(&n->params, 3, e);
  for (size_t i = 0; i < 3; i++) {
    name_part(n, parts[i], layer, ".weight", l.w + i * H * H, hidden, hidden, e);
    name_part(n, parts[i], layer, ".bias", l.b + i * H, hidden, 0, e);
  }
  return l;
}

static TrainNorm add_norm(Net *n, const char *pattern, int layer, bert_err *e) {
  TrainNorm x;
  size_t H = (size_t)n->encoder.hidden;
  x.gamma = params_add(&n->params, H, 0, 0, e);
  x.beta = params_add(&n->params, H, 0, 0, e);
  name_part(n, pattern, layer, ".weight", x.gamma, n->encoder.hidden, 0, e);
  name_part(n, pattern, layer, ".bias", x.beta, n->encoder.hidden, 0, e);
  return x;
}

static size_t add_table(Net *n, const char *name, int rows, int sparse, bert_err *e) {
  size_t at = params_add(&n->params, mem_size((size_t)rows, (size_t)n->encoder.hidden, 0), sparse ? rows : 0, 1, e);
  params_name(&n->params, name, at, rows, n->encoder.hidden, e);
  return at;
}

static int has_decoder(const Net *n) { return n->task == TASK_MLM || n->task == TASK_PRETRAIN; }

static void add_encoder(Net *n, bert_err *e) {
  const Model *m = n->from;
  const Arch *a = m->arch;
  const Encoder *o = &m->encoder;
  TrainEncoder *t = &n->encoder;
  *t = (TrainEncoder){.hidden = o->hidden,
                      .heads = o->heads,
                      .inner = o->inner,
                      .layers = o->layers,
                      .epsilon = o->epsilon,
                      .activation = o->activation,
                      .vocabulary = o->embedding.vocabulary,
                      .positions = o->embedding.positions,
                      .types = o->embedding.types,
                      .first_position = o->embedding.first_position,
                      .pad = o->embedding.pad,
                      .params = &n->params};
  t->word = add_table(n, a->word, t->vocabulary, !(has_decoder(n) && m->config.tied), e);
  t->position = add_table(n, a->position, t->positions, 0, e);
  t->type = t->types ? add_table(n, a->type, t->types, 0, e) : PARAM_NONE;
  t->norm = add_norm(n, a->embedding_norm, 0, e);
  t->layer = arena_push(&n->arena, (size_t)t->layers, sizeof *t->layer, e);
  for (int i = 0; i < t->layers && !e->code; i++) {
    TrainLayer *l = &t->layer[i];
    l->qkv = add_qkv(n, i, t->hidden, e);
    l->project = add_linear(n, a->project, i, t->hidden, t->hidden, e);
    l->attention_norm = add_norm(n, a->attention_norm, i, e);
    l->inner = add_linear(n, a->inner, i, t->hidden, t->inner, e);
    l->outer = add_linear(n, a->outer, i, t->inner, t->hidden, e);
    l->output_norm = add_norm(n, a->output_norm, i, e);
  }
}

/* ---- heads ------------------------------------------------------------------------------------------------------- */

/* Numbers that join the H numbers of a pooled vector get its length, sqrt(H) (feature_scale): at the rates of
** fine-tuning, some 1e-5 a step, the weight of a single number would stay near nothing. train_save.c multiplies it in. */
static void add_first(Net *n, const ArchDense *dense, const char *out, int units, bert_err *e) {
  TrainHead *h = &n->head;
  int H = n->encoder.hidden;
  h->dense = add_linear(n, dense->name, 0, H, H, e);
  h->activation = dense->activation;
  h->units = units;
  h->out = add_linear(n, out, 0, H + h->feature_count, units, e);
}

static void add_fill(Net *n, bert_err *e) {
  const Model *m = n->from;
  const Arch *a = m->arch;
  TrainHead *h = &n->head;
  int H = n->encoder.hidden, V = n->encoder.vocabulary;
  h->fill_dense = add_linear(n, a->fill_dense, 0, H, H, e);
  h->fill_activation = a->fill_is_gelu ? KERNEL_GELU : n->encoder.activation;
  h->fill_norm = add_norm(n, a->fill_norm, 0, e);
  h->decoder = (TrainLinear){.in = H, .out = V, .w = n->encoder.word};
  if (!m->config.tied) h->decoder.w = add_table(n, a->decoder, V, 0, e);
  h->decoder.b = params_add(&n->params, (size_t)V, 0, 0, e);
  params_name(&n->params, a->fill_bias, h->decoder.b, V, 0, e);
  if (n->pairs) add_first(n, &a->next_dense, a->next, 2, e);
}

static void add_vector(Net *n, bert_err *e) {
  const Model *m = n->from;
  TrainHead *h = &n->head;
  PoolingKind kind = m->pooling.kind[0];
  if (m->sentence.dense_count || m->pooling.count != 1 || (kind != POOLING_MEAN && kind != POOLING_CLS && kind != POOLING_MAX))
    err_set(e, BERT_ARGUMENT, "%s: found pooling %s%s, wanted cls, mean or max alone: others are not trained", m->source,
            m->info.pooling, m->sentence.dense_count ? " and Dense modules" : "");
  h->pooling = kind;
  h->normalizes = m->sentence.normalize;
  h->units = n->info.units;
  if (!e->code && h->loss == LOSS_VECTOR && h->units != n->encoder.hidden)
    err_set(e, BERT_ARGUMENT, "found a teacher's vectors of %d numbers, wanted as many as the model gives: %d",
            h->units, n->encoder.hidden);
  if (h->loss == LOSS_PAIR) h->out = add_linear(n, "classifier", 0, 3 * n->encoder.hidden, h->units, e);
}

static void add_head(Net *n, bert_err *e) {
  if (n->info.feature_count && n->task != TASK_CLASSIFY && n->task != TASK_HEAD)
    err_set(e, BERT_ARGUMENT, "found %d numeric columns beside the texts, wanted none: only classify takes numbers",
            n->info.feature_count);
  if (n->info.feature_count > CONFIG_FEATURES_MAX && n->task != TASK_HEAD)
    err_set(e, BERT_ARGUMENT, "found %d numeric columns beside the texts, wanted at most %d", n->info.feature_count,
            CONFIG_FEATURES_MAX);
  const Arch *a = n->from->arch;
  TrainHead *h = &n->head;
  *h = (TrainHead){.loss = n->info.loss, .scale = 20, .margin = 5, .feature_count = n->info.feature_count,
                   .feature_scale = sqrtf((float)n->encoder.hidden)};
  switch (n->task) {
    case TASK_CLASSIFY:
    case TASK_RERANK:
      h->kind = TRAIN_FIRST;
      add_first(n, &a->classify_dense, a->classify, n->info.units, e);
      break;
    case TASK_QA:
    case TASK_TAG:
      h->kind = TRAIN_TOKENS;
      h->units = n->task == TASK_QA ? 2 : n->info.units;
      h->out = add_linear(n, n->task == TASK_QA ? a->answer : a->tag, 0, n->encoder.hidden, h->units, e);
      break;
    case TASK_EMBED:
      h->kind = TRAIN_VECTOR;
      add_vector(n, e);
      break;
    case TASK_HEAD:
      h->kind = TRAIN_GIVEN;
      h->units = n->info.units;
      h->out = add_linear(n, "classifier", 0, h->feature_count, h->units, e);
      break;
    default:
      h->kind = TRAIN_FILL;
      add_fill(n, e);
  }
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

/* A probability out of config.json; `otherwise` where it says nothing. */
static float probability(const Json *config, const char *key, double otherwise, bert_err *e) {
  double p = json_number(json_get(config, key), otherwise, key, e);
  if (!(p >= 0 && p < 1)) err_set(e, BERT_FORMAT, "config.json: %s: found %g, wanted from 0 to less than 1", key, p);
  return (float)p;
}

/* Where a head has dropout, as transformers' models of that task do. */
static void place_head_dropout(Net *n, float p) {
  TrainHead *h = &n->head;
  int is_roberta = !strcmp(n->from->arch->model_type, "roberta");
  int is_distil = !strcmp(n->from->arch->model_type, "distilbert");
  if (h->kind == TRAIN_FIRST) h->drop_out = p;
  if (h->kind == TRAIN_FIRST && is_roberta) h->drop_in = p;
  if (h->kind == TRAIN_TOKENS && (n->task == TASK_TAG || is_distil)) h->drop_in = p;
}

/* NULL: there is none. */
static const Json *config_of(Net *n, bert_err *e) {
  const Model *m = n->from;
  for (int i = 0; i < m->texts.count && !e->code; i++) {
    const BundleFile *f = &m->texts.file[i];
    const char *last = strrchr(f->name, '/');
    if (!strcmp(last ? last + 1 : f->name, "config.json") && !strstr(f->name, "_Pooling"))
      return json_parse(f->data, f->size, f->name, &n->arena, e);
  }
  return NULL;
}

static void set_dropout(Net *n, const Json *config, const NetDropout *drop, bert_err *e) {
  int is_distil = !strcmp(n->from->arch->model_type, "distilbert");
  float hidden = probability(config, is_distil ? "dropout" : "hidden_dropout_prob", 0.1, e);
  float attention = probability(config, is_distil ? "attention_dropout" : "attention_probs_dropout_prob", 0.1, e);
  double own = is_distil ? (n->task == TASK_TAG ? hidden : n->task == TASK_QA ? 0.1 : 0.2) : (double)hidden;
  const char *key = !is_distil ? "classifier_dropout" : n->task == TASK_QA ? "qa_dropout" : "seq_classif_dropout";
  float head = is_distil && n->task == TASK_TAG ? hidden : probability(config, key, own, e);
  n->encoder.dropout = drop->hidden >= 0 ? (float)drop->hidden : hidden;
  n->encoder.project_dropout = is_distil ? 0 : n->encoder.dropout;
  n->encoder.attention_dropout = drop->attention >= 0 ? (float)drop->attention : attention;
  place_head_dropout(n, drop->head >= 0 ? (float)drop->head : drop->hidden >= 0 ? (float)drop->hidden : head);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

double net_deviation(const Json *config, bert_err *e) {
  static const char KEY[] = "initializer_range";
  double x = json_number(json_get(config, KEY), 0.02, KEY, e);
  if (!e->code && !(x >= 0 && x <= 100)) err_set(e, BERT_FORMAT, "config.json: %s: found %g, wanted from 0 to 100", KEY, x);
  return x;
}

/* N(0, deviation) within two deviations, by Box and Muller's way; number i is a function of seed, name's place and i. */
static void draw(float *w, size_t count, double deviation, uint64_t seed, size_t place) {
  Rng r = rng_stream(seed, RNG_WEIGHTS + ((uint64_t)place << 8));
  for (size_t i = 0; i < count;) {
    double u = 1 - (double)rng_unit(rng_next(&r)), v = (double)rng_unit(rng_next(&r));
    double x = sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
    if (fabs(x) <= 2) w[i++] = (float)(deviation * x);
  }
}

void net_draw(float *w, const char *name, size_t count, int is_matrix, double deviation, uint64_t seed, size_t place) {
  int is_norm = strstr(name, "LayerNorm") || strstr(name, "layer_norm");
  if (is_matrix) draw(w, count, deviation, seed, place);
  else
    for (size_t i = 0; i < count; i++) w[i] = is_norm && strstr(name, ".weight") ? 1.0f : 0.0f;
}

static int same_labels(const Net *n) {
  const ModelConfig *c = &n->from->config;
  if (n->info.label_count == 0) return 1;
  if (c->labels != n->info.label_count) return 0;
  for (int i = 0; i < c->labels; i++)
    if (strcmp(c->label[i], n->info.label[i])) return 0;
  return 1;
}

/* The model's tensor of that name, unless it is that of a head for other labels. */
static const Slot *known(const Net *n, const ParamName *p) {
  const Model *m = n->from;
  for (int i = 0; i < m->slots; i++) {
    const Slot *s = &m->slot[i];
    if (s->owner == SLOT_MODULE || strcmp(s->name, p->name)) continue;
    if (s->rows != p->rows || s->columns != p->columns) return NULL;
    int anew = n->head.feature_count || (n->task != TASK_QA && !same_labels(n));
    return s->owner == SLOT_HEAD && anew ? NULL : s;
  }
  return NULL;
}

static void read_weights(Net *n) {
  for (int i = 0; i < params_names(&n->params); i++) {
    const ParamName *p = params_named(&n->params, i);
    const Slot *s = known(n, p);
    if (params_at(&n->params, p->at)->rows) n->words = s;
    else if (s) slot_read(s, 0, p->rows, n->params.w + p->at);
    else net_draw(n->params.w + p->at, p->name, (size_t)p->rows * (size_t)(p->columns ? p->columns : 1),
                  p->columns > 0, n->deviation, n->seed, p->at);
  }
}

void net_words(const Net *n, int first, int rows, float *out) {
  const ParamBlock *b = params_at(&n->params, n->encoder.word);
  size_t H = (size_t)n->encoder.hidden;
  float left = b->frozen ? 1 : (float)n->params.decayed;
  for (int r = first; r < first + rows; r++, out += H) {
    if (b->live[r]) memcpy(out, n->params.w + b->at + (size_t)r * H, H * sizeof *out);
    else slot_read(n->words, r, 1, out);
    for (size_t i = 0; !b->live[r] && i < H; i++) out[i] *= left;
  }
}

void net_admit(Net *n, const int32_t *ids, int count) {
  ParamBlock *b = n->words ? params_at(&n->params, n->encoder.word) : NULL;
  for (int i = 0; b && i < count; i++) {
    if (b->live[ids[i]]) continue;
    net_words(n, ids[i], 1, n->params.w + b->at + (size_t)ids[i] * (size_t)n->encoder.hidden);
    b->live[ids[i]] = 1;
  }
}

/* What numbers beside a text add begins at nothing. */
static void forget_features(Net *n) {
  const TrainLinear *out = &n->head.out;
  size_t J = (size_t)out->in, F = (size_t)n->head.feature_count;
  for (size_t u = 0; u < (size_t)out->out; u++) memset(n->params.w + out->w + u * J + J - F, 0, F * sizeof(float));
}

void net_open(Net *n, Model *from, Task task, const ExamplesInfo *info, int pairs, const NetDropout *drop,
              uint64_t seed, bert_err *e) {
  *n = (Net){.task = task, .info = *info, .pairs = pairs, .seed = seed};
  if (e->code) return;
  atomic_fetch_add(&from->owners, 1);
  n->from = from;
  if (task == TASK_HEAD) n->encoder = (TrainEncoder){.heads = 1, .params = &n->params};
  else add_encoder(n, e);
  add_head(n, e);
  const Json *config = task == TASK_HEAD ? NULL : config_of(n, e);
  n->deviation = net_deviation(config, e);
  if (task != TASK_HEAD) set_dropout(n, config, drop, e);
  params_allocate(&n->params, e);
  if (!e->code) read_weights(n);
  if (!e->code && n->head.feature_count && n->task == TASK_CLASSIFY) forget_features(n);
}

void net_close(Net *n) {
  params_fini(&n->params);
  arena_fini(&n->arena);
  model_free(n->from);
  *n = (Net){0};
}
