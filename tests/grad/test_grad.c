/* test_grad.c -- every gradient against finite differences of the formulas in double; and what dropout draws. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "reference.h"
#include "test.h"

enum { HIDDEN = 12, HEADS = 3, INNER = 20, LAYERS = 2, VOCABULARY = 17, POSITIONS = 12, UNITS = 3, FEATURES = 2,
      ROWS = 6 };

typedef struct {
  Params params;
  TrainEncoder net;
  TrainLayer layer[LAYERS];
  TrainHead head;
  TrainScratch scratch;
  HeadScratch room;
  TrainPass pass;
  TrainBatch batch;
  TrainResult result;
  int32_t ids[64], start[ROWS + 1], label[ROWS], past[ROWS], target[64], position[64];
  uint8_t types[64];
  float value[ROWS * HIDDEN], features[ROWS * FEATURES], soft[64 * VOCABULARY], given[64 * VOCABULARY];
} Net;

static TrainLinear add_linear(Net *n, int in, int out, bert_err *e) {
  TrainLinear l = {.in = in, .out = out};
  l.w = params_add(&n->params, (size_t)(in * out), 0, 1, e);
  l.b = params_add(&n->params, (size_t)out, 0, 0, e);
  return l;
}

static TrainNorm add_norm(Net *n, bert_err *e) {
  TrainNorm x = {0, 0};
  x.gamma = params_add(&n->params, HIDDEN, 0, 0, e);
  x.beta = params_add(&n->params, HIDDEN, 0, 0, e);
  return x;
}

static void build(Net *n, TrainHeadKind kind, LossKind loss, KernelActivation a, int types, bert_err *e) {
  *n = (Net){.net = {.hidden = HIDDEN, .heads = HEADS, .inner = INNER, .layers = LAYERS, .epsilon = 1e-5f,
                     .activation = a,
                     .vocabulary = VOCABULARY, .positions = POSITIONS, .types = types, .pad = -1,
                     .first_position = types ? 0 : 2}};
  Params *p = &n->params;
  n->net.params = p;
  n->net.layer = n->layer;
  n->net.word = params_add(p, VOCABULARY * HIDDEN, VOCABULARY, 1, e);
  n->net.position = params_add(p, POSITIONS * HIDDEN, 0, 1, e);
  n->net.type = types ? params_add(p, (size_t)(types * HIDDEN), 0, 1, e) : PARAM_NONE;
  n->net.norm = add_norm(n, e);
  for (int i = 0; i < LAYERS; i++) {
    TrainLayer *l = &n->layer[i];
    l->qkv = add_linear(n, HIDDEN, 3 * HIDDEN, e);
    l->project = add_linear(n, HIDDEN, HIDDEN, e);
    l->attention_norm = add_norm(n, e);
    l->inner = add_linear(n, HIDDEN, INNER, e);
    l->outer = add_linear(n, INNER, HIDDEN, e);
    l->output_norm = add_norm(n, e);
  }
  n->head = (TrainHead){.kind = kind, .loss = loss, .units = loss == LOSS_SPAN || kind == TRAIN_FILL ? 2 : UNITS,
                        .activation = KERNEL_TANH, .fill_activation = KERNEL_GELU, .scale = 20, .margin = 5, .feature_scale = 3,
                        .feature_count = kind == TRAIN_FIRST || kind == TRAIN_GIVEN ? FEATURES : 0,
                        .pooling = types > 0 ? loss == LOSS_PAIR ? POOLING_MAX : POOLING_MEAN : POOLING_CLS,
                        .normalizes = loss != LOSS_TRIPLET};
  int wide = kind == TRAIN_VECTOR ? 3 * HIDDEN : (kind == TRAIN_GIVEN ? 0 : HIDDEN) + n->head.feature_count;
  n->head.dense = add_linear(n, HIDDEN, HIDDEN, e);
  n->head.out = add_linear(n, wide, n->head.units, e);
  n->head.fill_dense = add_linear(n, HIDDEN, HIDDEN, e);
  n->head.fill_norm = add_norm(n, e);
  n->head.decoder = (TrainLinear){.in = HIDDEN, .out = VOCABULARY, .w = n->net.word,
                                     .b = params_add(p, VOCABULARY, 0, 0, e)};
  params_allocate(p, e);
}

static void fill(Net *n, int towers, Rng *r) {
  TrainBatch *b = &n->batch;
  static const int LENGTH[ROWS] = {5, 1, 9, 2, 4, 7};
  int T = 0;
  for (size_t i = 0; i < n->params.count; i++) n->params.w[i] = 0.8f * (rng_unit(rng_next(r)) - 0.5f);
  for (int i = 0; i < params_blocks(&n->params); i++)
    if (params_block(&n->params, i)->count == HIDDEN) /* norms: gamma about 1 */
      for (int j = 0; j < HIDDEN; j++) n->params.w[params_block(&n->params, i)->at + (size_t)j] += 0.7f;
  for (int i = 0; i < ROWS; i++) {
    n->start[i] = T;
    for (int t = 0; t < LENGTH[i]; t++, T++) {
      n->ids[T] = (int32_t)rng_below(r, VOCABULARY);
      n->types[T] = n->net.types ? (uint8_t)(t > 2) : 0;
      n->target[T] = (int32_t)rng_below(r, UNITS + 1) - 1;
    }
    n->label[i] = (int32_t)rng_below(r, n->head.loss == LOSS_SPAN ? (uint32_t)LENGTH[i] : (uint32_t)n->head.units);
    n->past[i] = (int32_t)rng_below(r, (uint32_t)LENGTH[i]);
    n->position[i] = (int32_t)rng_below(r, (uint32_t)T);
  }
  n->start[ROWS] = T;
  for (int i = 0; i < ROWS * HIDDEN; i++) n->value[i] = rng_unit(rng_next(r));
  for (int i = 0; i < ROWS * FEATURES; i++) n->features[i] = 2 * rng_unit(rng_next(r)) - 1;
  if (n->head.kind == TRAIN_FILL)
    for (int i = 0; i < ROWS; i++) n->target[i] = (int32_t)rng_below(r, VOCABULARY);
  *b = (TrainBatch){.tokens = {ROWS, T, 9, n->ids, n->types, n->start}, .examples = ROWS / towers, .towers = towers,
                    .label = n->label, .past = n->past, .target = n->target, .position = n->position,
                    .next = n->head.kind == TRAIN_FILL ? n->label : NULL, .chosen = n->head.kind == TRAIN_FILL ? ROWS : 0,
                    .value = n->value, .width = n->head.units, .features = n->features, .feature_count = FEATURES};
}

static void body(void *context, const Team *team) {
  Net *n = context;
  int judged = n->batch.chosen;
  for (int t = 0; n->head.loss == LOSS_TAG && t < n->batch.tokens.tokens; t++) judged += n->target[t] != TARGET_NONE;
  TrainWeights weights = {1.0f / (float)n->batch.examples, judged ? 1.0f / (float)judged : 0};
  OK(train_forward(&n->pass, team));
  head_step(&n->pass, &n->head, &n->batch, &n->room, weights, &n->result, team);
  OK(train_backward(&n->pass, team));
}

static void run_reserved(Net *n, int threads, bert_err *e) {
  train_reserve(&n->scratch, &n->net, n->batch.tokens.tokens, n->batch.tokens.longest, threads, e);
  GOOD(*e);
  n->pass = (TrainPass){.net = &n->net, .batch = &n->batch.tokens, .scratch = &n->scratch, .wanted = n->room.wanted,
                        .seed = 7, .step = 3, .drops = n->net.dropout > 0};
  pool_team(threads, body, n);
}

static void run(Net *n, int threads, bert_err *e) {
  head_reserve(&n->room, &n->head, &n->batch, HIDDEN, e);
  run_reserved(n, threads, e);
}

static void drop_net(Net *n) {
  train_release(&n->scratch);
  head_release(&n->room);
  params_fini(&n->params);
}

/* Every parameter's gradient: off by no more than 2e-5 of the largest. */
static void compare(Net *n, const char *what) {
  double *w = calloc(n->params.count, sizeof *w), largest = 0, worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < n->params.count; i++) {
    w[i] = (double)n->params.w[i];
    largest = fmax(largest, fabs((double)n->params.g[i]));
  }
  Reference r = {&n->pass, &n->head, &n->batch, w, n->batch.soft ? n->given : NULL};
  double loss = reference_loss(&r);
  if (!(fabs(loss - n->result.loss) <= 2e-6 * (1 + fabs(loss))))
    test_failed(__FILE__, __LINE__, "%s: loss %.9g, wanted %.9g", what, n->result.loss, loss);
  for (size_t i = 0; i < n->params.count; i++) {
    double h = 1e-5, kept = w[i];
    w[i] = kept + h;
    double up = reference_loss(&r);
    w[i] = kept - h;
    double down = reference_loss(&r);
    w[i] = kept;
    double off = fabs((up - down) / (2 * h) - (double)n->params.g[i]);
    if (!(off <= worst)) worst = off, at = i;
  }
  if (!(worst <= 2e-5 * largest))
    test_failed(__FILE__, __LINE__, "%s: gradient %zu is off by %.3g, the largest is %.3g", what, at, worst, largest);
  OK(largest > 1e-3);
  free(w);
}

static void one(const char *what, TrainHeadKind kind, LossKind loss, int towers, KernelActivation a, int types,
                float drops) {
  bert_err e = {0};
  Net n;
  Rng r = rng_stream(11, (uint64_t)loss);
  build(&n, kind, loss, a, types, &e);
  n.net.dropout = n.net.project_dropout = n.net.attention_dropout = n.head.drop_in = n.head.drop_out = drops;
  fill(&n, towers, &r);
  run(&n, 1, &e);
  compare(&n, what);
  drop_net(&n);
}

/* The same beside a teacher, whose logits are drawn; every third target is not known. */
static void taught(const char *what, TrainHeadKind kind, LossKind loss) {
  bert_err e = {0};
  Net n;
  Rng r = rng_stream(12, (uint64_t)loss);
  build(&n, kind, loss, KERNEL_GELU, 2, &e);
  n.head.temperature = 2.5f, n.head.alpha = 0.3f;
  fill(&n, 1, &r);
  for (int i = 0; i < 64 * VOCABULARY; i++) n.soft[i] = n.given[i] = 6 * rng_unit(rng_next(&r)) - 3;
  n.batch.soft = n.soft;
  for (int i = 0; i < n.batch.tokens.tokens && loss == LOSS_TAG; i += 3) n.target[i] = TARGET_TEACHER;
  for (int i = 0; i < ROWS && kind != TRAIN_FILL; i += 3) {
    n.label[i] = n.past[i] = TARGET_TEACHER;
    for (int u = 0; u < UNITS; u++) n.value[i * UNITS + u] = NAN;
  }
  run(&n, 1, &e);
  compare(&n, what);
  drop_net(&n);
}

TEST(grad_of_labels) { one("class", TRAIN_FIRST, LOSS_CLASS, 1, KERNEL_GELU, 2, 0); }
TEST(grad_of_several_labels) { one("binary", TRAIN_FIRST, LOSS_BINARY, 1, KERNEL_GELU_TANH, 0, 0); }
TEST(grad_of_numbers) { one("number", TRAIN_FIRST, LOSS_NUMBER, 1, KERNEL_RELU, 2, 0); }
TEST(grad_of_labels_of_vectors) { one("given", TRAIN_GIVEN, LOSS_CLASS, 1, KERNEL_GELU, 2, 0); }
TEST(grad_of_numbers_of_vectors) { one("given numbers", TRAIN_GIVEN, LOSS_NUMBER, 1, KERNEL_GELU, 0, 0); }
TEST(grad_of_tags) { one("tag", TRAIN_TOKENS, LOSS_TAG, 1, KERNEL_GELU, 2, 0); }
TEST(grad_of_spans) { one("span", TRAIN_TOKENS, LOSS_SPAN, 1, KERNEL_GELU, 0, 0); }
TEST(grad_of_masks_and_pairs) { one("mask", TRAIN_FILL, LOSS_MASK, 1, KERNEL_GELU, 2, 0); }
TEST(grad_of_cosine) { one("cosine", TRAIN_VECTOR, LOSS_COSINE, 2, KERNEL_GELU, 2, 0); }
TEST(grad_of_ranking) { one("ranking", TRAIN_VECTOR, LOSS_RANKING, 2, KERNEL_GELU, 2, 0); }
TEST(grad_of_ranking_with_negatives) { one("negatives", TRAIN_VECTOR, LOSS_RANKING, 3, KERNEL_GELU, 0, 0); }
TEST(grad_of_triplets) { one("triplet", TRAIN_VECTOR, LOSS_TRIPLET, 3, KERNEL_GELU, 2, 0); }
TEST(grad_of_vector_pairs) { one("pair", TRAIN_VECTOR, LOSS_PAIR, 2, KERNEL_GELU, 2, 0); }
TEST(grad_of_distillation) { one("vector", TRAIN_VECTOR, LOSS_VECTOR, 1, KERNEL_GELU, 0, 0); }
TEST(grad_beside_a_teacher_of_labels) { taught("taught class", TRAIN_FIRST, LOSS_CLASS); }
TEST(grad_beside_a_teacher_of_several_labels) { taught("taught binary", TRAIN_FIRST, LOSS_BINARY); }
TEST(grad_beside_a_teacher_of_numbers) { taught("taught number", TRAIN_FIRST, LOSS_NUMBER); }
TEST(grad_beside_a_teacher_of_tags) { taught("taught tag", TRAIN_TOKENS, LOSS_TAG); }
TEST(grad_beside_a_teacher_of_spans) { taught("taught span", TRAIN_TOKENS, LOSS_SPAN); }
TEST(grad_beside_a_teacher_of_masks) { taught("taught mask", TRAIN_FILL, LOSS_MASK); }
TEST(grad_through_dropout) { one("dropped labels", TRAIN_FIRST, LOSS_CLASS, 1, KERNEL_GELU, 2, 0.3f); }
TEST(grad_through_dropped_tokens) { one("dropped tags", TRAIN_TOKENS, LOSS_TAG, 1, KERNEL_GELU, 0, 0.3f); }

TEST(grad_has_the_same_bits_for_every_team) {
  bert_err e = {0};
  Net n[2];
  for (int i = 0; i < 2; i++) {
    Rng r = rng_stream(5, 1);
    build(&n[i], TRAIN_FILL, LOSS_MASK, KERNEL_GELU, 2, &e);
    n[i].net.dropout = n[i].net.project_dropout = n[i].net.attention_dropout = 0.1f;
    fill(&n[i], 1, &r);
    run(&n[i], i ? 3 : 1, &e);
  }
  OK(n[0].result.loss == n[1].result.loss);
  EQ(memcmp(n[0].params.g, n[1].params.g, n[0].params.count * sizeof(float)), 0);
  drop_net(&n[0]), drop_net(&n[1]);
}

/* Of the tokens that no head reads the last layer makes less, and every gradient is as if it had made all. */
static void run_all(Net *n, bert_err *e) {
  HeadScratch *s = &n->room;
  head_reserve(s, &n->head, &n->batch, HIDDEN, e);
  s->wanted = (TrainTokens){n->batch.tokens.tokens, NULL};
  for (int i = 0; i < ROWS; i++) s->first[i] = n->start[i];
  for (int i = 0; i < n->batch.chosen; i++) s->chosen[i] = n->position[i];
  run_reserved(n, 1, e);
}

TEST(grad_has_the_same_bits_from_all_states_as_from_those_read) {
  static const TrainHeadKind KIND[] = {TRAIN_FIRST, TRAIN_FILL, TRAIN_FILL};
  bert_err e = {0};
  for (int k = 0; k < 3; k++) {
    Net n[2];
    for (int i = 0; i < 2; i++) {
      Rng r = rng_stream(5, 1);
      build(&n[i], KIND[k], k ? LOSS_MASK : LOSS_CLASS, KERNEL_GELU, 2, &e);
      n[i].net.dropout = n[i].net.project_dropout = n[i].net.attention_dropout = 0.1f;
      fill(&n[i], 1, &r);
      if (k == 2) n[i].batch.next = NULL; /* rows that no query reads */
      if (i) run_all(&n[i], &e);
      else run(&n[i], 2, &e);
    }
    OK(n[0].pass.wanted.count < n[1].pass.batch->tokens);
    OK(n[0].result.loss == n[1].result.loss);
    for (size_t i = 0; i < n[0].params.count; i++) OK(n[0].params.g[i] == n[1].params.g[i]);
    drop_net(&n[0]), drop_net(&n[1]);
  }
}

/* Frozen blocks get no gradient, and the others what they get without. */
TEST(grad_of_frozen_parameters_is_not_computed) {
  bert_err e = {0};
  Net n[2];
  for (int i = 0; i < 2; i++) {
    Rng r = rng_stream(5, 1);
    build(&n[i], TRAIN_FILL, LOSS_MASK, KERNEL_GELU, 2, &e);
    fill(&n[i], 1, &r);
    for (int k = 0; i && k < params_blocks(&n[i].params); k++) {
      ParamBlock *b = params_block(&n[i].params, k);
      b->frozen = b->at < train_layer_end(&n[i].net, 0) || b->at % 3 == 0; /* the lower layer, and some of the others */
    }
    run(&n[i], 1, &e);
  }
  int frozen = 0;
  for (int k = 0; k < params_blocks(&n[1].params); k++) {
    const ParamBlock *b = params_block(&n[1].params, k);
    const float *all = n[0].params.g + b->at, *g = n[1].params.g + b->at;
    if (!b->frozen) EQ(memcmp(g, all, b->count * sizeof *g), 0);
    for (size_t j = 0; b->frozen && j < b->count; j++) EQ(g[j] == 0, 1);
    frozen += b->frozen;
  }
  OK(frozen > 16 && frozen < params_blocks(&n[1].params));
  drop_net(&n[0]), drop_net(&n[1]);
}

/* Of a million draws, the share dropped is within four deviations; neighbours and other sites are independent of it. */
TEST(dropout_draws_as_often_as_it_says) {
  enum { N = 1 << 20 };
  bert_err e = {0};
  float *x[2] = {mem_pages(N * sizeof(float), &e), mem_pages(N * sizeof(float), &e)};
  TrainPass pass = {.seed = 1, .step = 9, .drops = 1};
  GOOD(e);
  for (int i = 0; i < 2; i++) {
    KernelDrop d;
    OK(train_drop(&pass, DROP_PROJECT, i, 0, 0.1f, &d) == &d);
    for (int j = 0; j < N; j++) x[i][j] = 2;
    kernels()->dropout(x[i], x[i], N, &d, 0);
  }
  double dropped = 0, neighbours = 0, both = 0, sum = 0;
  for (int j = 0; j < N; j++) {
    dropped += x[0][j] == 0;
    neighbours += j > 0 && x[0][j] == 0 && x[0][j - 1] == 0;
    both += x[0][j] == 0 && x[1][j] == 0;
    sum += (double)x[0][j];
  }
  NEAR(dropped / N, 0.1, 4 * sqrt(0.09 / N));
  NEAR(neighbours / N, 0.01, 4 * sqrt(0.0099 / N));
  NEAR(both / N, 0.01, 4 * sqrt(0.0099 / N));
  NEAR(sum / N, 2.0, 2 * 4 * sqrt(0.09 / N) / 0.9);
  OK(train_drop(&pass, DROP_PROJECT, 0, 0, 0.0f, &(KernelDrop){0}) == NULL);
  mem_pages_free(x[0], N * sizeof(float)), mem_pages_free(x[1], N * sizeof(float));
}
