/* test_container.c -- models in one block of bytes: what they answer, what they share, what is refused. */
#include <stdlib.h>
#include <string.h>

#include "bert.h"
#include "fixture.h"
#include "test.h"

#define MODELS "tests/golden/models/"
#define HEADS "tests/golden/heads/"

static const char INT8[] = "{\"compute\":\"int8\"}";

/* A container in memory, its models opened from directories. */
typedef struct {
  bert_bundle *bundle;
  bert_text bytes;
  bert_container *container;
} Made;

static Made make_with(const char *const *names, const char *const *paths, const int *base, int n, bert_err *e) {
  Made made = {.bundle = bert_bundle_new(e)};
  bert_model *models[8] = {NULL};
  for (int i = 0; i < n; i++) models[i] = bert_model_open(paths[i], INT8, e);
  if (!e->code) {
    bert_sink sink = bert_bundle_sink(made.bundle);
    bert_container_write(names, models, base, n, "all", &sink, e);
  }
  for (int i = 0; i < n; i++) bert_model_free(models[i]);
  if (!e->code) made.bytes = bert_bundle_get(made.bundle, "all");
  if (!e->code) made.container = bert_container_open(made.bytes.data, made.bytes.size, e);
  return made;
}

static Made make(const char *const *names, const char *const *paths, int n, bert_err *e) {
  return make_with(names, paths, NULL, n, e);
}

static void unmake(Made *made) {
  bert_container_free(made->container);
  bert_bundle_free(made->bundle);
}

enum { D = 32 };

/* A vector out of a model, and its hash. */
static void embed(bert_model *m, float v[D], bert_model_info *info, bert_err *e) {
  bert_text t = {"Hello world, who wrote the letter?", 34};
  bert_session *s = m ? bert_session_new(m, e) : NULL;
  if (m) bert_model_describe(m, info);
  if (m) EQ(info->dimensions <= D, 1);
  if (s) bert_embed(s, &t, 1, NULL, v, NULL, e);
  bert_session_free(s);
}

static const char *const TWO[] = {"a", "b"};
static const char *const PATHS[] = {MODELS "sbert-mean", HEADS "bert-classify"};

TEST(container_gives_the_models_that_went_in) {
  bert_err e = {0};
  Made made = make(TWO, PATHS, 2, &e);
  GOOD(e);
  STR(bert_container_name(made.container, 0), "a");
  STR(bert_container_name(made.container, 1), "b");
  OK(bert_container_name(made.container, 2) == NULL);
  for (int i = 0; i < 2; i++) {
    float ours[D] = {0}, theirs[D] = {0}, again[D] = {0};
    bert_model_info known, open, file, saved;
    bert_container_describe(made.container, i, &known, &e);
    bert_model *m = bert_container_model(made.container, i, NULL, &e), *directory = bert_model_open(PATHS[i], INT8, &e);
    bert_model *copy = m ? fixture_reopen(m, NULL, &e) : NULL;
    embed(m, ours, &open, &e);
    embed(directory, theirs, &file, &e);
    embed(copy, again, &saved, &e);
    GOOD(e);
    STR(known.hash, open.hash); /* what is told without opening */
    STR(known.architecture, open.architecture);
    STR(known.task, open.task);
    EQ(known.layers, open.layers);
    EQ(known.parameters, open.parameters);
    STR(known.compute, "int8");
    if (open.labels) STR(known.labels, open.labels);
    STR(saved.hash, open.hash); /* what is saved is the same model */
    OK(!memcmp(again, ours, sizeof ours));
    EQ(open.parameters, file.parameters);
    for (int d = 0; d < open.dimensions; d++) NEAR(ours[d], theirs[d], 0.02);
    bert_model_free(m);
    bert_model_free(directory);
    bert_model_free(copy);
  }
  unmake(&made);
}

TEST(container_keeps_a_model_as_a_difference) {
  bert_err e = {0};
  static const char *const HEADED[] = {HEADS "bert-qa", HEADS "bert-classify"};
  static const int BASE[] = {-1, 0};
  Made whole = make(TWO, HEADED, 2, &e), made = make_with(TWO, HEADED, BASE, 2, &e);
  float v[D] = {0}, w[D] = {0};
  bert_model_info known, open, saved;
  GOOD(e);
  OK(made.bytes.size < whole.bytes.size);
  bert_container_describe(made.container, 1, &known, &e);
  bert_model *m = bert_container_model(made.container, 1, NULL, &e), *copy = m ? fixture_reopen(m, NULL, &e) : NULL;
  embed(m, v, &open, &e);
  embed(copy, w, &saved, &e);
  GOOD(e);
  STR(known.hash, open.hash);
  STR(saved.hash, open.hash);
  OK(!memcmp(v, w, sizeof v));
  bert_model_free(m);
  bert_model_free(copy);
  unmake(&whole);
  unmake(&made);
}

TEST(container_refuses_a_name_twice) {
  static const char *const NAMES[] = {"a", "b", "a"}, *const SAME[] = {HEADS "bert-qa", HEADS "bert-qa", HEADS "bert-qa"};
  bert_err e = {0};
  Made made = make(NAMES, SAME, 3, &e);
  FAILS(e, BERT_ARGUMENT, "found two models called 'a', wanted each name once");
  unmake(&made);
}

TEST(container_refuses_a_base_that_is_none) {
  static const char *const SAME[] = {HEADS "bert-qa", HEADS "bert-qa", HEADS "bert-qa"}, *const THREE[] = {"a", "b", "c"};
  static const int LATER[] = {1, -1, -1}, CHAIN[] = {-1, 0, 1};
  bert_err e = {0};
  Made made = make_with(THREE, SAME, LATER, 3, &e);
  FAILS(e, BERT_ARGUMENT, "a: found a base that comes after it, wanted one before it that is whole");
  unmake(&made);
  e = (bert_err){0};
  made = make_with(THREE, SAME, CHAIN, 3, &e);
  FAILS(e, BERT_ARGUMENT, "c: found a base that has a base itself");
  unmake(&made);
}

TEST(container_has_once_what_is_equal) {
  bert_err e = {0};
  static const char *const SAME[] = {HEADS "bert-classify", HEADS "bert-classify"};
  Made one = make(TWO, SAME, 1, &e), two = make(TWO, SAME, 2, &e);
  GOOD(e);
  OK(two.bytes.size < one.bytes.size + one.bytes.size / 3); /* names, and no weights */
  bert_model *a = bert_container_model(two.container, 0, NULL, &e), *b = bert_container_model(two.container, 1, a, &e);
  float v[D] = {0}, w[D] = {0};
  bert_model_info x, y;
  bert_container_free(two.container);
  two.container = NULL; /* models stay, and so does the tokenizer when its first owner goes */
  embed(a, v, &x, &e);
  bert_model_free(a);
  embed(b, w, &y, &e);
  GOOD(e);
  OK(!memcmp(v, w, sizeof v));
  bert_model_free(b);
  unmake(&one);
  unmake(&two);
}

TEST(container_decodes_masks_with_its_words) {
  bert_err e = {0};
  static const char *const MLM[] = {HEADS "bert-pretraining"};
  bert_text t = {"the [MASK] begins in the mountains.", 35};
  bert_fills ours = {0}, theirs = {0};
  Made made = make(TWO, MLM, 1, &e);
  bert_model *m = bert_container_model(made.container, 0, NULL, &e), *file = bert_model_open(MLM[0], INT8, &e);
  bert_session *s = bert_session_new(m, &e), *r = bert_session_new(file, &e);
  bert_fill_mask(s, t, 0, &ours, NULL, &e);
  bert_fill_mask(r, t, 0, &theirs, NULL, &e);
  GOOD(e);
  EQ(ours.fill[0].id, theirs.fill[0].id);
  NEAR(ours.fill[0].score, theirs.fill[0].score, 0.02);
  NEAR(bert_next_sentence(s, t, t, NULL, &e), bert_next_sentence(r, t, t, NULL, &e), 0.02);
  bert_session_free(s);
  bert_session_free(r);
  bert_model_free(m);
  bert_model_free(file);
  unmake(&made);
}

TEST(container_refuses_what_it_cannot_hold) {
  static const struct {
    const char *name, *path, *options, *says;
  } CASES[] = {{"a", MODELS "sbert-mean", NULL, "a: found a model in f32, wanted one opened with {\"compute\":\"int8\"}"},
               {"a", MODELS "sbert-dense-tanh", INT8, "a: found Dense modules, wanted an encoder"},
               {"a:b", MODELS "sbert-mean", INT8, "found a model called 'a:b', wanted a name of letters"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    bert_err e = {0};
    bert_bundle *b = bert_bundle_new(&e);
    bert_sink sink = bert_bundle_sink(b);
    bert_model *m = bert_model_open(CASES[i].path, CASES[i].options, &e);
    GOOD(e);
    bert_container_write(&CASES[i].name, &m, NULL, 1, "all", &sink, &e);
    FAILS(e, BERT_ARGUMENT, CASES[i].says);
    bert_model_free(m);
    bert_bundle_free(b);
  }
}

/* A container with text changed somewhere, opened with all that is in it. */
static void spoil(const Made *made, const char *old, const char *new, const char *says) {
  bert_err e = {0};
  char *bytes = malloc(made->bytes.size);
  if (!bytes) return;
  memcpy(bytes, made->bytes.data, made->bytes.size);
  size_t n = strlen(old), i = 0;
  EQ(n, strlen(new));
  while (i + n <= made->bytes.size && memcmp(bytes + i, old, n)) i++;
  OK(i + n <= made->bytes.size);
  memcpy(bytes + i, new, n);
  bert_container *c = bert_container_open(bytes, made->bytes.size, &e);
  bert_model *m = c ? bert_container_model(c, 0, NULL, &e) : NULL;
  FAILS(e, BERT_FORMAT, says);
  bert_model_free(m);
  bert_container_free(c);
  free(bytes);
}

TEST(container_checks_what_it_has) {
  bert_err e = {0};
  Made made = make(TWO, PATHS, 2, &e);
  GOOD(e);
  spoil(&made, "\"models\"", "\"modelz\"", "found no list of models");
  spoil(&made, "\"models\":\"a b\"", "\"models\":\"a c\"", "wanted one that begins with a model's");
  spoil(&made, "a:contained.json", "a:contained.jsom", "found no contained.json");
  spoil(&made, "query.weight.panels\":{\"dtype\":\"I8", "query.weight.panels\":{\"dtype\":\"U8", "wanted");
  spoil(&made, "a/embeddings.word_embeddings.weight\":", "a/embeddings.word_embeddings.weighs\":", "found no tensor");
  for (size_t n = 0; n < 4000 && n < made.bytes.size; n += 37) {
    e = (bert_err){0};
    OK(bert_container_open(made.bytes.data, n, &e) == NULL);
    EQ(e.code, BERT_FORMAT);
  }
  unmake(&made);
}

static bert_text whole; /* a container, for what follows */

static void open_all(const char *path, bert_err *e) {
  (void)path;
  bert_container *c = bert_container_open(whole.data, whole.size, e);
  bert_model *a = c ? bert_container_model(c, 0, NULL, e) : NULL;
  bert_model_info info;
  if (a) bert_container_describe(c, 1, &info, e);
  bert_model *b = a ? bert_container_model(c, 1, a, e) : NULL;
  bert_model_free(a);
  bert_model_free(b);
  bert_container_free(c);
}

/* All or nothing: who asks again asks for what was missing. */
static void describe_one(const char *path, bert_err *e) {
  (void)path;
  bert_model_info info = {0};
  bert_container *c = bert_container_open(whole.data, whole.size, e);
  if (c) bert_container_describe(c, 0, &info, e);
  EQ(info.architecture != NULL, e->code == 0);
  EQ(info.card != NULL, e->code == 0);
  bert_container_free(c);
}

static void write_one(const char *path, bert_err *e) {
  Made made = make(TWO, &path, 1, e);
  unmake(&made);
}

/* The container of a model that has a card, of 40 kB. */
static Made make_with_card(const bert_changes *changes, bert_err *e) {
  enum { SIZE = 40000 };
  Made made = {.bundle = bert_bundle_new(e)};
  bert_bundle *b = bert_bundle_new(e);
  bert_model *m = bert_model_open(MODELS "sbert-mean", NULL, e);
  bert_sink saved = bert_bundle_sink(b), written = bert_bundle_sink(made.bundle);
  bert_files files = bert_bundle_files(b);
  char *card = calloc(SIZE, 1);
  memset(card, ' ', SIZE);
  memcpy(card, "{}", 2);
  if (!e->code) bert_model_save_changed(m, changes, &saved, NULL, e);
  bert_bundle_put(b, "card.json", card, SIZE, e);
  bert_model *with = e->code ? NULL : bert_model_open_files(&files, "memory", INT8, e);
  if (with) bert_container_write(TWO, &with, NULL, 1, "all", &written, e);
  if (!e->code) made.bytes = bert_bundle_get(made.bundle, "all");
  bert_model_free(with);
  bert_model_free(m);
  bert_bundle_free(b);
  free(card);
  return made;
}

TEST(container_tells_all_of_a_model_or_nothing) {
  bert_err e = {0};
  Made made = make_with_card(NULL, &e);
  GOOD(e);
  whole = made.bytes;
  OK(fixture_fail_each(describe_one, "") > 2);
  unmake(&made);
}

TEST(container_keeps_what_16_bits_do_not_hold) {
  enum { H = 12 };
  bert_err e = {0};
  float numbers[2 * H] = {1, 70000};
  const float *data = numbers;
  bert_tensor t = {"embeddings.token_type_embeddings.weight", 2, {2, H}, 2 * H};
  bert_changes c = {.tensor = &t, .data = &data, .count = 1};
  Made made = make_with_card(&c, &e);
  GOOD(e);
  OK(strstr(made.bytes.data + 8, "token_type_embeddings.weight\":{\"dtype\":\"F32") != NULL);
  OK(strstr(made.bytes.data + 8, "position_embeddings.weight\":{\"dtype\":\"F16") != NULL);
  unmake(&made);
}

TEST(container_fails_where_memory_does) {
  bert_err e = {0};
  Made made = make(TWO, PATHS, 2, &e);
  GOOD(e);
  whole = made.bytes;
  OK(fixture_fail_each(open_all, "") > 50);
  OK(fixture_fail_each(write_one, HEADS "bert-classify") > 100);
  unmake(&made);
}

TEST(card_goes_with_a_model_and_not_with_what_is_trained_from_it) {
  bert_err e = {0};
  bert_model *m = bert_model_open(MODELS "sbert-mean", INT8, &e);
  bert_bundle *b = bert_bundle_new(&e);
  bert_sink sink = bert_bundle_sink(b);
  bert_files files = bert_bundle_files(b);
  bert_model_info info;
  bert_model_save(m, &sink, NULL, &e);
  bert_bundle_put(b, "card.json", "{\"licence\":\"MIT\"}", 17, &e);
  bert_model *with = bert_model_open_files(&files, "memory", NULL, &e);
  bert_model *again = with ? fixture_reopen(with, NULL, &e) : NULL;
  GOOD(e);
  bert_model_describe(again, &info);
  STR(info.card, "{\"licence\":\"MIT\"}");
  float zeros[D * D] = {0};
  const float *data = zeros;
  bert_tensor t = {"embeddings.LayerNorm.bias", 1, {info.hidden, 0}, info.hidden};
  bert_changes c = {.tensor = &t, .data = &data, .count = 1};
  bert_model *trained = fixture_reopen(with, &c, &e);
  GOOD(e);
  bert_model_describe(trained, &info);
  OK(info.card == NULL);
  bert_bundle_put(b, "card.json", "[1]", 3, &e);
  OK(bert_model_open_files(&files, "memory", NULL, &e) == NULL);
  FAILS(e, BERT_FORMAT, "memory/card.json: found an array, wanted an object");
  bert_model_free(m);
  bert_model_free(with);
  bert_model_free(again);
  bert_model_free(trained);
  bert_bundle_free(b);
}
