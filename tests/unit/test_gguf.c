/* test_gguf.c -- GGUF: llama.cpp's models by Hugging Face's names, every type to the bit, and headers that lie. */
#include <math.h>
#include <stdlib.h>

#include "base/io.h"
#include "file/dtype.h"
#include "file/gguf.h"
#include "fixture.h"
#include "test.h"

#define FORMATS "tests/golden/formats/"

/* ---- numbers -------------------------------------------------------------------------------------------------- */

/* All of a tensor; freed by the caller. */
static float *numbers_of(const Weights *w, const char *name, int64_t *count, bert_err *e) {
  const Tensor *t = weights_find(w, name, e);
  float *x = t ? calloc((size_t)t->count + 1, sizeof *x) : NULL;
  *count = t ? t->count : 0;
  if (t) weights_read(w, t, 0, t->rank ? t->shape[0] : 1, x, e);
  return x;
}

TEST(gguf_types_are_read_to_the_bit) {
  bert_err e = {0}, f = {0};
  float part[256];
  int types = 0;
  Weights *w = weights_open(NULL, FORMATS "types.gguf", &e), *wanted = weights_open(NULL, FORMATS "types-expected", &e);
  GOOD(e);
  for (int i = 0; wanted && weights_at(wanted, i); i++, types++) {
    const char *name = weights_at(wanted, i)->name;
    int64_t n, m;
    float *x = numbers_of(w, name, &n, &e), *y = numbers_of(wanted, name, &m, &e);
    EQ(n, m);
    if (!x || !y || n != m || memcmp(x, y, (size_t)n * sizeof *x)) test_failed(__FILE__, __LINE__, "%s differs", name);
    if (y) weights_read(w, weights_find(w, name, &e), 2, 1, part, &e);
    if (y) OK(!memcmp(part, y + 512, sizeof part));
    free(x);
    free(y);
  }
  EQ(types, 16);
  GOOD(e);
  weights_read(w, weights_find(w, "I32", &e), 0, 8, part, &f);
  FAILS(f, BERT_FORMAT, "types.gguf: I32: found dtype I32, wanted F32");
  weights_free(w);
  weights_free(wanted);
}

/* Where vectors are in blocks, and where what is asked for begins and ends inside of one. */
TEST(gguf_blocks_are_read_in_part) {
  bert_err e = {0};
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  enum { N = 70 * 1024 }; /* numbers: more than are read at once */
  static unsigned char block[34 * N / 32];
  static float x[N];
  for (int i = 0; i < N / 32; i++) {
    unsigned char *q = block + 34 * i;
    q[0] = 0, q[1] = 0x3C; /* 1.0 */
    for (int j = 0; j < 32; j++) q[2 + j] = (unsigned char)((32 * i + j) % 127);
  }
  unsigned char header[200];
  size_t n = 0;
#define PUT(text) memcpy(header + n, text, sizeof text - 1), n += sizeof text - 1
  PUT("GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0");
  PUT("\x14\0\0\0\0\0\0\0general.architecture\x08\0\0\0\4\0\0\0\0\0\0\0" "bert");
  PUT("\1\0\0\0\0\0\0\0v\1\0\0\0\0\x18\1\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0");
#undef PUT
  size_t data = (n + 31) / 32 * 32, size = data + sizeof block;
  unsigned char *file = calloc(size, 1);
  memcpy(file, header, n);
  memcpy(file + data, block, sizeof block);
  fixture_begin(dir);
  fixture_put(dir, "v.gguf", file, size);
  snprintf(path, sizeof path, "%s/v.gguf", dir);
  Weights *w = weights_open(NULL, path, &e);
  const Tensor *t = weights_find(w, "v", &e);
  GOOD(e);
  if (t) EQ(t->count, N);
  static const int RANGES[][2] = {{0, 1},     {31, 2},     {5, 20},     {0, N}, {1, N - 1},
                                  {N - 1, 1}, {65535, 40}, {17, 65536}, {3, 0}};
  for (size_t r = 0; t && r < sizeof RANGES / sizeof *RANGES; r++) {
    int wrong = 0;
    weights_read(w, t, RANGES[r][0], RANGES[r][1], x, &e);
    for (int i = 0; i < RANGES[r][1]; i++) wrong += x[i] != (float)((RANGES[r][0] + i) % 127);
    EQ(wrong, 0);
  }
  GOOD(e);
  weights_free(w);
  fixture_end(dir);
  free(file);
}

TEST(gguf_scale_that_is_not_finite_is_refused) {
  bert_err e = {0};
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  size_t size;
  char *file = io_read_all(NULL, FORMATS "types.gguf", 1 << 20, &size, &e);
  float x[768];
  Weights *w = weights_open(NULL, FORMATS "types.gguf", &e);
  const Tensor *t = weights_find(w, "Q8_0", &e);
  GOOD(e);
  fixture_begin(dir);
  if (t) memcpy(file + t->offset + 34, "\0\x7E", 2); /* NaN, in the second block */
  fixture_put(dir, "x.gguf", file, size);
  weights_free(w);
  snprintf(path, sizeof path, "%s/x.gguf", dir);
  w = weights_open(NULL, path, &e);
  GOOD(e);
  weights_read(w, weights_find(w, "Q8_0", &e), 0, 3, x, &e);
  FAILS(e, BERT_FORMAT, "x.gguf: Q8_0: found nan at index 32, wanted finite numbers");
  weights_free(w);
  mem_free(file);
  fixture_end(dir);
}

/* ---- a model -------------------------------------------------------------------------------------------------- */

/* Every tensor of the directory is in the file, and no number further off than `tolerance`. */
static void same_model(const char *path, double tolerance) {
  bert_err e = {0};
  Weights *w = weights_open(NULL, path, &e), *wanted = weights_open(NULL, FORMATS "bert", &e);
  GOOD(e);
  for (int i = 0; wanted && weights_at(wanted, i) && !e.code; i++) {
    const Tensor *t = weights_at(wanted, i);
    int64_t n, m;
    float *x = numbers_of(w, t->name, &n, &e), *y = numbers_of(wanted, t->name, &m, &e);
    double far = 0;
    weights_want_shape(weights_find(w, t->name, &e), t->shape[0], t->rank > 1 ? t->shape[1] : 0, &e);
    for (int64_t j = 0; x && y && j < m; j++) far = fmax(far, fabs((double)x[j] - (double)y[j]));
    if (far > tolerance) test_failed(__FILE__, __LINE__, "%s: %s is %g off", path, t->name, far);
    free(x);
    free(y);
  }
  GOOD(e);
  weights_free(w);
  weights_free(wanted);
}

TEST(gguf_model_has_the_tensors_of_a_directory) {
  same_model(FORMATS "bert-f32.gguf", 0);
  same_model(FORMATS "bert-f16.gguf", 1e-3); /* whose query, key and value are one tensor */
  same_model(FORMATS "bert-q8_0.gguf", 0.02);
}

TEST(gguf_model_has_the_configuration_of_a_directory) {
  Arena a = {0};
  bert_err e = {0};
  ModelConfig c, wanted;
  SentenceConfig s;
  Gguf *g = gguf_open(FORMATS "bert-q8_0.gguf", &e);
  gguf_model(g, &c, &a, &e);
  gguf_sentence(g, &s, &a, &e);
  hfconfig_model(NULL, FORMATS "bert", &wanted, &a, &e);
  GOOD(e);
  STR(c.model_type, "bert");
  STR(c.architecture, "BertModel");
  STR(c.path, FORMATS "bert-q8_0.gguf");
  EQ(c.vocabulary, wanted.vocabulary);
  EQ(c.hidden, wanted.hidden);
  EQ(c.layers, wanted.layers);
  EQ(c.heads, wanted.heads);
  EQ(c.inner, wanted.inner);
  EQ(c.positions, wanted.positions);
  EQ(c.types, wanted.types);
  EQ(c.activation, wanted.activation);
  OK(c.norm_epsilon == wanted.norm_epsilon);
  EQ(c.labels, 0);
  STR(c.problem, "");
  STR(c.head_activation, "");
  EQ(s.pooling, POOL_CLS);
  EQ(s.pooling_count, 1);
  EQ(s.pooling_order[0], POOL_CLS);
  EQ(s.normalize, 1);
  EQ(s.max_tokens, 32);
  EQ(s.prompt_count, 2);
  STR(s.transformer_directory, FORMATS "bert-q8_0.gguf");
  gguf_close(g);
  arena_fini(&a);
}

TEST(gguf_vocabulary_is_that_of_vocab_txt) {
  Arena a = {0};
  bert_err e = {0};
  TokenizerConfig c;
  size_t size, wanted_size;
  Gguf *g = gguf_open(FORMATS "bert-f32.gguf", &e);
  char *vocab = gguf_vocabulary(g, &size, &e);
  char *wanted = io_read_all(NULL, FORMATS "bert/vocab.txt", 1 << 20, &wanted_size, &e);
  gguf_tokenizer(g, &c, &a, &e);
  GOOD(e);
  EQ(size, wanted_size);
  OK(vocab && wanted && size == wanted_size && !memcmp(vocab, wanted, size));
  STR(c.cls, "[CLS]");
  STR(c.sep, "[SEP]");
  STR(c.unk, "[UNK]");
  STR(c.pad, "[PAD]");
  STR(c.mask, "[MASK]");
  EQ(c.lowercase, 1);
  mem_free(vocab);
  mem_free(wanted);
  gguf_close(g);
  arena_fini(&a);
}

/* ---- files by hand -------------------------------------------------------------------------------------------- */

typedef struct {
  unsigned char bytes[4096];
  size_t size;
  int keys, tensors;
} Draft;

static void put(Draft *d, uint64_t x, int width) {
  for (int i = 0; i < width; i++) d->bytes[d->size++] = (unsigned char)(x >> 8 * i);
}

static void put_text(Draft *d, const char *text) {
  put(d, strlen(text), 8);
  memcpy(d->bytes + d->size, text, strlen(text));
  d->size += strlen(text);
}

static void begin(Draft *d) {
  *d = (Draft){{0}, 0, 0, 0};
  memcpy(d->bytes, "GGUF", 4);
  d->size = 4;
  put(d, 3, 4);
  put(d, 0, 16 - 8);
  put(d, 0, 8);
}

static void key_text(Draft *d, const char *key, const char *text) {
  put_text(d, key);
  put(d, GGUF_TEXT, 4);
  put_text(d, text);
  d->keys++;
}

static void key_number(Draft *d, const char *key, GgufType type, uint64_t x, int width) {
  put_text(d, key);
  put(d, type, 4);
  put(d, x, width);
  d->keys++;
}

static void key_texts(Draft *d, const char *key, const char *const *text, int n) {
  put_text(d, key);
  put(d, GGUF_ARRAY, 4);
  put(d, GGUF_TEXT, 4);
  put(d, (uint64_t)n, 8);
  for (int i = 0; i < n; i++) put_text(d, text[i]);
  d->keys++;
}

static void tensor(Draft *d, const char *name, int rank, uint64_t inner, uint64_t outer, int type, uint64_t offset) {
  put_text(d, name);
  put(d, (uint64_t)rank, 4);
  if (rank > 0) put(d, inner, 8);
  if (rank > 1) put(d, outer, 8);
  put(d, (uint64_t)type, 4);
  put(d, offset, 8);
  d->tensors++;
}

/* Writes it, with `data` bytes after the header, and the path into out. */
static void finish(Draft *d, size_t data, const char *dir, char out[FIXTURE_PATH + 10]) {
  size_t end = d->size;
  d->size = 8;
  put(d, (uint64_t)d->tensors, 8);
  put(d, (uint64_t)d->keys, 8);
  d->size = (end + 31) / 32 * 32 + data;
  fixture_put(dir, "m.gguf", d->bytes, d->size);
  snprintf(out, FIXTURE_PATH + 10, "%s/m.gguf", dir);
}

static void read_all(const char *path, bert_err *e) {
  Arena a = {0};
  ModelConfig c;
  SentenceConfig s;
  TokenizerConfig t;
  size_t size;
  Gguf *g = gguf_open(path, e);
  if (g) {
    gguf_model(g, &c, &a, e);
    gguf_sentence(g, &s, &a, e);
    gguf_tokenizer(g, &t, &a, e);
    mem_free(gguf_vocabulary(g, &size, e));
  }
  gguf_close(g);
  weights_free(weights_open(NULL, path, e));
  arena_fini(&a);
}

/* A model that is complete, but for the keys and tensors named; what a case then adds is read first. */
static void add_rest(Draft *d, const char *without) {
  static const struct {
    const char *key;
    uint64_t value;
  } NUMBERS[] = {{"bert.embedding_length", 8}, {"bert.block_count", 1}, {"bert.attention.head_count", 2},
                 {"bert.feed_forward_length", 8}, {"tokenizer.ggml.cls_token_id", 0}};
  static const char *const PIECES[] = {"[CLS]", ("\xE2\x96\x81" "a"), "b"};
  if (strcmp(without, "general.architecture")) key_text(d, "general.architecture", "bert");
  for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
    if (strcmp(without, NUMBERS[i].key)) key_number(d, NUMBERS[i].key, GGUF_U32, NUMBERS[i].value, 4);
  if (strcmp(without, "tokenizer.ggml.model")) key_text(d, "tokenizer.ggml.model", "bert");
  if (strcmp(without, "tokenizer.ggml.tokens")) key_texts(d, "tokenizer.ggml.tokens", PIECES, 3);
  if (strcmp(without, "token_embd.weight")) tensor(d, "token_embd.weight", 2, 8, 3, 0, 0);
  if (strcmp(without, "position_embd.weight")) tensor(d, "position_embd.weight", 2, 8, 4, 0, 96);
}

enum { DATA = 512 };

/* The draft as it stands fails with that message, or is read where it is NULL. */
static void reads_whole(Draft *d, const char *message) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  bert_err e = {0};
  fixture_begin(dir);
  finish(d, DATA, dir, path);
  read_all(path, &e);
  if (message) {
    FAILS(e, BERT_FORMAT, message);
    FAILS(e, BERT_FORMAT, "/m.gguf: ");
  } else {
    GOOD(e);
  }
  fixture_end(dir);
}

static void reads(Draft *d, const char *without, const char *message) {
  add_rest(d, without);
  reads_whole(d, message);
}

TEST(gguf_numbers_that_do_not_fit_are_refused) {
  static const struct {
    const char *key;
    GgufType type;
    uint64_t value;
    int width;
    const char *message; /* NULL: it fits */
  } CASES[] = {
      {"split.count", GGUF_U16, 2, 2, "split.count: found a model in several files, wanted one"},
      {"bert.block_count", GGUF_U32, 0, 4, "bert.block_count: found 0, wanted an integer from 1 to 256"},
      {"bert.block_count", GGUF_I32, UINT32_MAX, 4, "bert.block_count: found -1, wanted"},
      {"bert.block_count", GGUF_U64, UINT64_MAX, 8, "found 18446744073709551615, wanted"},
      {"bert.block_count", GGUF_I64, (uint64_t)1 << 63, 8, "found -9223372036854775808, wanted"},
      {"bert.block_count", GGUF_I64, 1, 8, NULL},
      {"bert.block_count", GGUF_I8, 1, 1, NULL},
      {"bert.block_count", GGUF_F32, 1, 4, "bert.block_count: found a number, wanted an integer"},
      {"bert.attention.head_count", GGUF_U32, 3, 4, "head_count: found 3, wanted a divisor of bert.embedding_length 8"},
      {"bert.attention.layer_norm_epsilon", GGUF_F32, 0, 4, "layer_norm_epsilon: found 0, wanted a number between"},
      {"bert.attention.layer_norm_epsilon", GGUF_F64, 0x7FF8000000000000, 8, "layer_norm_epsilon: found nan"},
      {"bert.attention.layer_norm_epsilon", GGUF_F64, 0x3F50624DD2F1A9FC, 8, NULL}, /* 0.001 */
      {"bert.attention.causal", GGUF_FLAG, 1, 1, "bert.attention.causal: found true, wanted false: an encoder"},
      {"bert.attention.causal", GGUF_FLAG, 0, 1, NULL},
      {"bert.attention.causal", GGUF_U8, 1, 1, "causal: found an integer, wanted a flag"},
      {"bert.pooling_type", GGUF_U32, 9, 4, "bert.pooling_type: found 9, wanted an integer from 0 to 4"},
      {"bert.context_length", GGUF_U32, 0, 4, "bert.context_length: found 0, wanted"},
      {"general.alignment", GGUF_U32, 24, 4, "general.alignment: found 24, wanted a power of two"},
      {"general.alignment", GGUF_U32, 0, 4, "general.alignment: found 0, wanted"},
      {"general.architecture", GGUF_U32, 1, 4, "general.architecture: found an integer, wanted a text"},
      {"tokenizer.ggml.cls_token_id", GGUF_U32, 3, 4, "cls_token_id: found 3, wanted an integer from 0 to 2"},
      {"x", GGUF_TYPES, 0, 4, "found a value of type 13, wanted one below 13"},
      {"a\xff", GGUF_U8, 1, 1, "found a key that is no UTF-8"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    Draft d;
    begin(&d);
    key_number(&d, CASES[i].key, CASES[i].type, CASES[i].value, CASES[i].width);
    reads(&d, CASES[i].key, CASES[i].message);
  }
}

TEST(gguf_keys_that_do_not_fit_are_refused) {
  static const char *const BAD[] = {"a", "\xff"};
  Draft d;
  begin(&d), reads(&d, "", NULL);
  begin(&d), key_text(&d, "general.architecture", "nomic-bert");
  reads(&d, "general.architecture", "general.architecture: found \"nomic-bert\", wanted bert");
  begin(&d), reads(&d, "general.architecture", "general.architecture: found \"\", wanted bert");
  begin(&d), reads(&d, "bert.block_count", "bert.block_count: found nothing, wanted an integer");
  begin(&d), key_number(&d, "x", GGUF_ARRAY, GGUF_ARRAY, 4), put(&d, 1, 8);
  reads(&d, "", "found an array of type 9, wanted one of texts, numbers or flags");
  begin(&d), key_text(&d, "bert.classifier.output_labels", "x");
  reads(&d, "", "output_labels: found something else, wanted at most 65536 texts");
  begin(&d), key_texts(&d, "bert.classifier.output_labels", BAD, 2);
  reads(&d, "", "output_labels: found a label that is no UTF-8");
}

TEST(gguf_vocabularies_that_do_not_fit_are_refused) {
  static const char *const BROKEN[] = {"[CLS]", "\xE2\x96\x81" "a\nb"};
  Draft d;
  begin(&d), key_text(&d, "tokenizer.ggml.model", "gpt2");
  reads(&d, "tokenizer.ggml.model", "tokenizer.ggml.model: found \"gpt2\", wanted bert: a WordPiece vocabulary");
  begin(&d), reads(&d, "tokenizer.ggml.tokens", "tokenizer.ggml.tokens: found nothing, wanted an array of texts");
  begin(&d), key_text(&d, "tokenizer.ggml.tokens", "x"), reads(&d, "", "tokenizer.ggml.tokens: found something else");
  begin(&d), key_texts(&d, "tokenizer.ggml.tokens", BROKEN, 2);
  reads(&d, "", "tokenizer.ggml.tokens: found a line break in token 1");
  begin(&d), key_texts(&d, "tokenizer.ggml.token_type", BROKEN, 2), reads(&d, "", "token_type: found something else");
}

TEST(gguf_tensors_that_do_not_fit_are_refused) {
  Draft d;
  begin(&d), reads(&d, "token_embd.weight", "found no tensor token_embd.weight among 1");
#define CASE(message, ...) \
  begin(&d), add_rest(&d, "position_embd.weight"), tensor(&d, __VA_ARGS__), reads_whole(&d, message)
  CASE("p: found 131072 bytes at 96", "p", 2, 32768, 1, 0, 96);
  CASE("p: found 128 bytes at 0, wanted them aligned to 32, at 96 or later", "p", 2, 8, 4, 0, 0);
  CASE("p: found 128 bytes at 100", "p", 2, 8, 4, 0, 100);
  CASE("at 18446744073709551584", "p", 2, 8, 4, 0, UINT64_MAX - 31);
  CASE("p: shape: found a product past 2^63", "p", 2, (uint64_t)1 << 40, (uint64_t)1 << 40, 0, 96);
  CASE("p: shape: found a product past 2^63", "p", 1, UINT64_MAX, 0, 0, 96);
  CASE("p: shape: found a product past 2^63", "p", 1, (uint64_t)1 << 62, 0, 0, 96);
  CASE("p: found rows of 8 numbers, wanted a multiple of 32 for Q4_0", "p", 2, 8, 4, 2, 96);
  CASE("p: found rows of 32 numbers, wanted a multiple of 256 for Q4_K", "p", 2, 32, 4, 12, 96);
  CASE("found a tensor of 5 dimensions, wanted at most 4", "p", 5, 8, 4, 0, 96);
  CASE("the name of a tensor that is no UTF-8", "p\xff", 2, 8, 4, 0, 96);
  CASE("position_embd.weight: found no matrix of 1 to", "position_embd.weight", 1, 8, 0, 0, 96);
#undef CASE
  begin(&d), add_rest(&d, ""), tensor(&d, "blk.0.attn_qkv.weight", 2, 8, 4, 0, 224);
  reads_whole(&d, "blk.0.attn_qkv.weight: found it in an odd shape, wanted query, key and value");
}

TEST(gguf_types_that_are_not_read_keep_their_name_until_they_are_asked_for) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  bert_err e = {0}, f[2];
  float x[32];
  memset(f, 0, sizeof f);
  Draft d;
  begin(&d), add_rest(&d, "");
  tensor(&d, "a", 2, 256, 1, 16, 256);
  tensor(&d, "b", 1, 3, 0, 99, 256);
  fixture_begin(dir);
  finish(&d, DATA, dir, path);
  Weights *w = weights_open(NULL, path, &e);
  GOOD(e);
  weights_read(w, weights_find(w, "a", &e), 0, 1, x, &f[0]);
  weights_read(w, weights_find(w, "b", &e), 0, 3, x, &f[1]);
  FAILS(f[0], BERT_FORMAT, "m.gguf: a: found dtype IQ2_XXS, wanted F32");
  FAILS(f[1], BERT_FORMAT, "m.gguf: b: found dtype number 99, wanted F32");
  weights_free(w);
  fixture_end(dir);
}

TEST(gguf_labels_and_a_classifier_are_a_head) {
  static const char *const LABELS[] = {"no", "yes", "perhaps"};
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  Arena a = {0};
  bert_err e = {0};
  ModelConfig c;
  Draft d;
  begin(&d), key_texts(&d, "bert.classifier.output_labels", LABELS, 3), add_rest(&d, "");
  tensor(&d, "cls.weight", 1, 8, 0, 0, 224);
  tensor(&d, "cls.output.bias", 1, 3, 0, 0, 256);
  tensor(&d, "cls.output.weight", 1, 3, 0, 0, 288);
  tensor(&d, "blk.123.layer_output_norm.bias", 1, 3, 0, 0, 320);
  tensor(&d, "blk.-1.attn_q.weight", 1, 3, 0, 0, 352);
  fixture_begin(dir);
  finish(&d, DATA, dir, path);
  Gguf *g = gguf_open(path, &e);
  gguf_model(g, &c, &a, &e);
  Weights *w = weights_open(NULL, path, &e);
  GOOD(e);
  EQ(c.labels, 3);
  STR(c.label[2], "perhaps");
  EQ(c.types, 2); /* of zeros: the file has none */
  STR(c.architecture, "BertForSequenceClassification");
  OK(weights_maybe(w, "pooler.dense.weight") && weights_maybe(w, "classifier.bias"));
  OK(weights_maybe(w, "encoder.layer.123.output.LayerNorm.bias") && weights_maybe(w, "blk.-1.attn_q.weight"));
  gguf_close(g);
  weights_free(w);
  arena_fini(&a);
  fixture_end(dir);
}

/* Older converters marked no special tokens; a piece "##" goes on with nothing; cased vocabularies have capitals. */
TEST(gguf_pieces_of_odd_forms_become_lines) {
  static const char *const PIECES[] = {"[CLS]", "\xE2\x96\x81[", "\xE2\x96\x81\xE2\x96\x81", "", "]",
                                       "[]", ("\xE2\x96\x81" "A")};
  static const char WANTED[] = "[CLS]\n[\n\xE2\x96\x81\n##\n##]\n##[]\nA\n";
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  Arena a = {0};
  bert_err e = {0};
  TokenizerConfig c;
  size_t size;
  Draft d;
  begin(&d), key_texts(&d, "tokenizer.ggml.tokens", PIECES, 7), add_rest(&d, "tokenizer.ggml.tokens");
  fixture_begin(dir);
  finish(&d, DATA, dir, path);
  Gguf *g = gguf_open(path, &e);
  char *vocab = gguf_vocabulary(g, &size, &e);
  gguf_tokenizer(g, &c, &a, &e);
  GOOD(e);
  EQ(size, sizeof WANTED - 1);
  OK(vocab && !memcmp(vocab, WANTED, sizeof WANTED - 1));
  EQ(c.lowercase, 0);
  OK(c.mask == NULL);
  mem_free(vocab);
  gguf_close(g);
  arena_fini(&a);
  fixture_end(dir);
}

/* ---- damage --------------------------------------------------------------------------------------------------- */

static size_t draft_file(Draft *d, const char *dir, char path[FIXTURE_PATH + 10]) {
  begin(d), add_rest(d, "");
  finish(d, DATA, dir, path);
  return d->size;
}

TEST(gguf_counts_that_lie_are_refused) {
  static const struct {
    size_t at;
    unsigned char value;
    const char *message;
  } CASES[] = {{0, 'g', "found something else than a GGUF file"},
               {4, 1, "found version 1, wanted 2 or 3, little-endian"},
               {7, 3, "found version 50331651"},
               {15, 0x80, "found 9223372036854775810 tensors"},
               {23, 0x80, "keys, wanted at most 65536 of each"},
               {9, 0xFF, "found no end of the header in"},
               {17, 0xFF, "found no end of the header in"},
               {31, 0xFF, "found no end of the header in"}};
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  Draft d;
  fixture_begin(dir);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    bert_err e = {0};
    draft_file(&d, dir, path);
    d.bytes[CASES[i].at] = CASES[i].value;
    fixture_put(dir, "m.gguf", d.bytes, d.size);
    read_all(path, &e);
    FAILS(e, BERT_FORMAT, CASES[i].message);
  }
  fixture_end(dir);
}

TEST(gguf_cut_short_or_with_a_flipped_bit_is_an_error_or_a_model) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  Draft d;
  fixture_begin(dir);
  size_t size = draft_file(&d, dir, path), header = size - DATA;
  for (size_t n = 0; n < header + 200; n++) {
    bert_err e = {0};
    fixture_put(dir, "m.gguf", d.bytes, n);
    read_all(path, &e);
    EQ(e.code, BERT_FORMAT);
  }
  for (size_t bit = 0; bit < 8 * header; bit++) {
    bert_err e = {0};
    d.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    fixture_put(dir, "m.gguf", d.bytes, size);
    read_all(path, &e);
    OK(!e.code || e.code == BERT_FORMAT);
    d.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  fixture_end(dir);
}

TEST(gguf_running_out_of_memory_is_an_error) {
  OK(fixture_fail_each(read_all, FORMATS "bert-f16.gguf") > 10);
}

TEST(gguf_that_is_not_there_is_named) {
  bert_err e = {0};
  OK(gguf_open("/nowhere/m.gguf", &e) == NULL);
  FAILS(e, BERT_IO, "/nowhere/m.gguf: No such file");
}
