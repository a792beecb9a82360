/* test_safetensors.c -- weights: what is read, to the bit, and every lie that a file can tell. */
#include <math.h>
#include <stdlib.h>

#include "file/safetensors.h"
#include "fixture.h"
#include "test.h"

enum { FILE_MAX = 1 << 20 };

/* prefix, header with ' for ", then `data` bytes. */
static size_t build(char *out, const char *header, size_t data) {
  size_t n = strlen(header);
  for (int i = 0; i < 8; i++) out[i] = (char)((uint64_t)n >> 8 * i);
  memcpy(out + 8, fixture_quoted(header), n);
  for (size_t i = 0; i < data; i++) out[8 + n + i] = (char)(i & 0x3F);
  return 8 + n + data;
}

static void put_model(const char *directory, const char *name, const char *header, const void *data, size_t size) {
  char *file = malloc(8 + strlen(header) + size);
  size_t n = build(file, header, size);
  if (size) memcpy(file + n - size, data, size);
  fixture_put(directory, name, file, n);
  free(file);
}

static void read_all(const char *directory, bert_err *e) {
  float out[64];
  Weights *w = weights_open(NULL, directory, e);
  for (int i = 0; w && weights_at(w, i); i++) {
    const Tensor *t = weights_at(w, i);
    if (t->dtype != DTYPE_OTHER && t->count <= 64) weights_read(w, t, 0, t->rank ? t->shape[0] : 1, out, e);
  }
  weights_free(w);
}

/* Opening a directory whose model.safetensors has this header, then 64 bytes, fails so. */
static void refused(const char *header, const char *part) {
  char dir[FIXTURE_PATH];
  static char file[FILE_MAX];
  bert_err e = {0};
  fixture_begin(dir);
  fixture_put(dir, "model.safetensors", file, build(file, header, 64));
  OK(weights_open(NULL, dir, &e) == NULL);
  FAILS(e, BERT_FORMAT, fixture_quoted(part));
  FAILS(e, BERT_FORMAT, "model.safetensors: ");
  fixture_end(dir);
}

static const char SMALL[] =
    "{'__metadata__':{'format':'pt'},"
    "'m':{'dtype':'F32','shape':[2,3],'data_offsets':[0,24]},"
    "'s':{'dtype':'F32','shape':[],'data_offsets':[24,28]},"
    "'none':{'dtype':'F32','shape':[0,7],'data_offsets':[28,28]},"
    "'ids':{'dtype':'I64','shape':[1,2],'data_offsets':[28,44]},"
    "'h':{'dtype':'F16','shape':[4],'data_offsets':[44,52]},"
    "'b':{'dtype':'BF16','shape':[4],'data_offsets':[52,60]}}  ";

static void put_small(const char *directory) {
  unsigned char data[60] = {0};
  const float m[7] = {1, 2, 3, -4, 0.5f, 1e-45f, 7};
  const uint16_t h[4] = {0x3C00, 0xC000, 0x0001, 0x7BFF}, b[4] = {0x3F80, 0xC000, 0x0001, 0x7F7F};
  memcpy(data, m, sizeof m);
  memcpy(data + 44, h, sizeof h);
  memcpy(data + 52, b, sizeof b);
  put_model(directory, "model.safetensors", SMALL, data, sizeof data);
}

TEST(safetensors_reads_names_shapes_and_numbers) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  put_small(dir);
  Weights *w = weights_open(NULL, dir, &e);
  GOOD(e);
  const Tensor *m = weights_find(w, "m", &e);
  weights_want_shape(m, 2, 3, &e);
  EQ(m->count, 6);
  float x[6] = {0};
  weights_read(w, m, 0, 2, x, &e);
  EQ(x[0], 1);
  EQ(x[3], -4);
  OK(x[5] == 1e-45f);
  weights_read(w, m, 1, 1, x, &e);
  EQ(x[0], -4);
  weights_read(w, weights_find(w, "s", &e), 0, 1, x, &e);
  EQ(x[0], 7);
  weights_read(w, weights_find(w, "none", &e), 0, 0, NULL, &e);
  weights_read(w, weights_find(w, "h", &e), 0, 4, x, &e);
  OK(x[0] == 1 && x[1] == -2 && x[2] == 0x1p-24f && x[3] == 65504);
  weights_read(w, weights_find(w, "b", &e), 1, 3, x, &e);
  OK(x[0] == -2 && x[1] == 0x1p-133f && x[2] == 0x1.FEp+127f);
  STR(weights_at(w, 0)->name, "m");
  OK(weights_at(w, 5) != NULL);
  OK(weights_at(w, 6) == NULL);
  OK(weights_at(w, -1) == NULL);
  OK(weights_maybe(w, "x") == NULL);
  GOOD(e);
  weights_free(w);
  fixture_end(dir);
}

TEST(safetensors_asking_for_what_is_not_there_names_it) {
  char dir[FIXTURE_PATH];
  bert_err e = {0}, f[5];
  float x[6];
  memset(f, 0, sizeof f);
  fixture_begin(dir);
  put_small(dir);
  Weights *w = weights_open(NULL, dir, &e);
  GOOD(e);
  OK(weights_find(w, "x", &f[0]) == NULL);
  FAILS(f[0], BERT_FORMAT, "model.safetensors: found no tensor x among 6");
  weights_want_shape(weights_find(w, "m", &e), 3, 3, &f[1]);
  FAILS(f[1], BERT_FORMAT, "m: 2x3, wanted 3x3");
  weights_want_shape(weights_find(w, "s", &e), 9, 0, &f[2]);
  FAILS(f[2], BERT_FORMAT, "s: a scalar, wanted 9");
  weights_read(w, weights_find(w, "ids", &e), 0, 1, x, &f[3]);
  FAILS(f[3], BERT_FORMAT, "ids: found dtype I64, wanted F32, F16, BF16, F64 or one of ggml's quantised types");
  weights_read(w, weights_find(w, "m", &e), 1, 2, x, &f[4]);
  FAILS(f[4], BERT_ARGUMENT, "m: 2 rows from 1 asked for, it has 2");
  GOOD(e);
  weights_free(w);
  weights_free(NULL);
  fixture_end(dir);
}

/* The value of a half, by the formula of IEEE 754. */
static double half_value(unsigned h) {
  int sign = h >> 15 ? -1 : 1, exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
  return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

TEST(safetensors_converts_every_finite_half_and_brain_float_exactly) {
  static uint16_t in[2][65536];
  static float out[65536];
  unsigned halves = 0, brains = 0;
  char dir[FIXTURE_PATH], header[200];
  bert_err e = {0};
  for (unsigned v = 0; v < 65536; v++) {
    if ((v >> 10 & 31) != 31) in[0][halves++] = (uint16_t)v;
    if ((v >> 7 & 255) != 255) in[1][brains++] = (uint16_t)v;
  }
  snprintf(header, sizeof header,
           "{'h':{'dtype':'F16','shape':[%u],'data_offsets':[0,%u]},"
           "'b':{'dtype':'BF16','shape':[%u],'data_offsets':[%u,%u]}}",
           halves, 2 * halves, brains, 2 * halves, 2 * (halves + brains));
  memmove(in[0] + halves, in[1], 2 * brains);
  fixture_begin(dir);
  put_model(dir, "model.safetensors", header, in[0], 2 * (halves + brains));
  Weights *w = weights_open(NULL, dir, &e);
  weights_read(w, weights_find(w, "h", &e), 0, halves, out, &e);
  unsigned wrong = 0;
  for (unsigned v = 0, i = 0; v < 65536; v++)
    if ((v >> 10 & 31) != 31) wrong += out[i] != half_value(v) || !signbit(out[i]) != !(v >> 15), i++;
  EQ(wrong, 0);
  weights_read(w, weights_find(w, "b", &e), 0, brains, out, &e);
  for (unsigned v = 0, i = 0; v < 65536; v++) {
    uint32_t bits = v << 16;
    if ((v >> 7 & 255) != 255) wrong += memcmp(&out[i++], &bits, 4) != 0;
  }
  EQ(wrong, 0);
  GOOD(e);
  weights_free(w);
  fixture_end(dir);
}

TEST(safetensors_refuses_numbers_that_are_not_finite_and_says_where) {
  enum { N = 70000 }; /* more than a block */
  static const int AT[] = {0, 1, 1023, 1024, 65535, 65536, N - 1};
  static float x[N], out[N];
  char dir[FIXTURE_PATH], header[100];
  snprintf(header, sizeof header, "{'x':{'dtype':'F32','shape':[%d],'data_offsets':[0,%d]}}", N, 4 * N);
  fixture_begin(dir);
  for (size_t i = 0; i < sizeof AT / sizeof *AT; i++) {
    const float BAD[3] = {NAN, INFINITY, -INFINITY};
    bert_err e = {0};
    char part[60];
    memset(x, 0x7F, sizeof x); /* 3.39e38: one bit from an infinity */
    x[AT[i]] = BAD[i % 3];
    put_model(dir, "model.safetensors", header, x, sizeof x);
    Weights *w = weights_open(NULL, dir, &e);
    weights_read(w, weights_find(w, "x", &e), 0, N, out, &e);
    snprintf(part, sizeof part, "x: found %g at index %d, wanted finite numbers", (double)fabsf(BAD[i % 3]), AT[i]);
    FAILS(e, BERT_FORMAT, i % 3 == 2 ? strstr(part, "inf") : part);
    weights_free(w);
  }
  fixture_end(dir);
}

TEST(safetensors_refuses_half_infinities) {
  char dir[FIXTURE_PATH];
  const uint16_t h[2] = {0x7C00, 0x7E00};
  float x[1];
  fixture_begin(dir);
  put_model(dir, "model.safetensors", "{'x':{'dtype':'F16','shape':[2],'data_offsets':[0,4]}}", h, 4);
  for (int i = 0; i < 2; i++) {
    bert_err e = {0};
    Weights *w = weights_open(NULL, dir, &e);
    weights_read(w, weights_find(w, "x", &e), i, 1, x, &e);
    FAILS(e, BERT_FORMAT, i ? "nan at index 1" : "inf at index 0");
    weights_free(w);
  }
  fixture_end(dir);
}

TEST(safetensors_lies_are_refused) {
#define T(name, dtype, shape, offsets) "'" name "':{'dtype':'" dtype "','shape':" shape ",'data_offsets':" offsets "}"
  static const struct {
    const char *header, *part;
  } CASES[] = {
      {"", "line 1, column 1: found the end of the text"},
      {"[]", "found a header that is no object"},
      {"{'a':1}", "a: found no object"},
      {"{'a':{'shape':[16],'data_offsets':[0,64]}}", "a: dtype: found none"},
      {"{'a':{'dtype':3,'shape':[16],'data_offsets':[0,64]}}", "a: dtype: found 3, wanted a string"},
      {"{'a':{'dtype':'F32','data_offsets':[0,64]}}", "a: shape: found none"},
      {"{'a':{'dtype':'F32','shape':[16]}}", "a: data_offsets: found none"},
      {"{" T("a", "F32", "16", "[0,64]") "}", "a: shape: found something else, wanted an array"},
      {"{" T("a", "F32", "[16]", "[0,64,64]") "}", "a: data_offsets: found something else, wanted two integers"},
      {"{" T("a", "F32", "[16]", "[0]") "}", "a: data_offsets: found something else"},
      {"{" T("a", "F32", "[16]", "{'b':0,'e':64}") "}", "a: data_offsets: found something else"},
      {"{" T("a", "F32", "[15]", "[0,64]") "}", "a: data_offsets: found 64 bytes, wanted 15 numbers of F32"},
      {"{" T("a", "F16", "[16]", "[0,64]") "}", "a: data_offsets: found 64 bytes, wanted 16 numbers of F16"},
      {"{" T("a", "I64", "[16]", "[0,64]") "}", "a: data_offsets: found 64 bytes, wanted 16 numbers of I64"},
      {"{" T("a", "F4", "[127]", "[0,64]") "}", "found 64 bytes, wanted 127 numbers of F4"},
      {"{" T("a", "F32", "[-16]", "[0,64]") "}", "a: shape: found -16, wanted an integer from 0"},
      {"{" T("a", "F32", "[1.5]", "[0,64]") "}", "a: shape: found 1.5"},
      {"{" T("a", "F32", "[null]", "[0,64]") "}", "a: shape: found null"},
      {"{" T("a", "F32", "['16']", "[0,64]") "}", "a: shape: found '16'"},
      {"{" T("a", "F32", "[16]", "[-4,60]") "}", "a: data_offsets: found -4"},
      {"{" T("a", "F32", "[16]", "[null,9223372036854775807]") "}", "a: data_offsets: found -1"},
      {"{" T("a", "F32", "[16]", "[64,0]") "}", "a: data_offsets: found 64 to 0, wanted a range"},
      {"{" T("a", "F32", "[4294967296,4294967296]", "[0,64]") "}", "a: shape: found a product past 2^63"},
      {"{" T("a", "F32", "[4611686018427387904,4,0]", "[0,0]") "}", "a: shape: found a product past 2^63"},
      {"{" T("a", "F32", "[2305843009213693952]", "[0,64]") "}",
       "a: data_offsets: found 64 bytes, wanted 2305843009213693952"},
      {"{" T("a", "F32", "[9223372036854775808]", "[0,64]") "}", "a: shape: found 9223372036854775808"},
      {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,16]", "[0,64]") "}", "a: shape: found 9 dimensions, wanted at most 8"},
      {"{" T("a", "F32", "[32]", "[0,128]") "}", "a: data_offsets: found 128, wanted at most 64, where the file ends"},
      {"{" T("a", "F32", "[8]", "[0,32]") "}", "found 64 bytes after the header, wanted 32 as its tensors say"},
      {"{" T("a", "F32", "[8]", "[32,64]") "}", "a: data_offsets: found 32, wanted 0"},
      {"{" T("a", "F32", "[8]", "[0,32]") "," T("b", "F32", "[9]", "[28,64]") "}",
       "b: data_offsets: found 28, wanted 32"},
      {"{" T("a", "F32", "[8]", "[0,32]") "," T("b", "F32", "[7]", "[36,64]") "}",
       "b: data_offsets: found 36, wanted 32"},
      {"{" T("a", "F32", "[8]", "[0,32]") "," T("b", "F32", "[8]", "[0,32]") "}",
       "b: data_offsets: found 0, wanted 32"},
      {"{" T("a", "F32", "[8]", "[0,32]") "," T("a", "F32", "[8]", "[32,64]") "}", "found tensor a, which it has too"},
      {"{" T("a", "X9", "[8]", "[0,9223372036854775807]") "}",
       "a: data_offsets: found 9223372036854775807, wanted at most 64"},
      {"{" T("a\\u0000", "F32", "[16]", "[0,64]") "}", "name of a tensor: found a string with a NUL inside"},
      {"{'__metadata__':[]}", "__metadata__: found something else, wanted an object of strings"},
      {"{'__metadata__':{'a':1}}", "__metadata__: found something else"},
      {"{}", "found 64 bytes after the header, wanted 0"},
      {"{" T("a", "F32", "[16]", "[0,64]") "} x", "wanted the end of the text"},
  };
#undef T
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) refused(CASES[i].header, CASES[i].part);
}

TEST(safetensors_keeps_dtypes_it_does_not_know_until_they_are_asked_for) {
  char dir[FIXTURE_PATH];
  bert_err e = {0}, f = {0};
  float x[16];
  fixture_begin(dir);
  put_model(dir, "model.safetensors", "{'q':{'dtype':'Q9_K','shape':[7],'data_offsets':[0,4]}}", "abcd", 4);
  Weights *w = weights_open(NULL, dir, &e);
  GOOD(e);
  weights_read(w, weights_find(w, "q", &e), 0, 7, x, &f);
  FAILS(f, BERT_FORMAT, "q: found dtype Q9_K");
  weights_free(w);
  fixture_end(dir);
}

TEST(safetensors_takes_tensors_in_any_order_and_sorts_them_by_place) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  put_model(dir, "model.safetensors",
            "{'z':{'dtype':'U8','shape':[2],'data_offsets':[2,4]},'__metadata__':null,"
            "'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2],'more':1}}",
            "abcd", 4);
  Weights *w = weights_open(NULL, dir, &e);
  GOOD(e);
  STR(weights_at(w, 0)->name, "a");
  STR(weights_at(w, 1)->name, "z");
  weights_free(w);
  fixture_end(dir);
}

TEST(safetensors_every_prefix_of_a_file_is_refused) {
  char dir[FIXTURE_PATH], part[40];
  static char file[FILE_MAX];
  size_t size = build(file, SMALL, 60);
  fixture_begin(dir);
  for (size_t n = 0; n < size; n++) {
    bert_err e = {0};
    fixture_put(dir, "model.safetensors", file, n);
    OK(weights_open(NULL, dir, &e) == NULL);
    snprintf(part, sizeof part, "%s", n < 8 ? "wanted a safetensors file" : "model.safetensors: ");
    FAILS(e, BERT_FORMAT, part);
  }
  fixture_end(dir);
}

TEST(safetensors_a_flipped_bit_gives_tensors_inside_the_file_or_a_message) {
  char dir[FIXTURE_PATH];
  static char file[FILE_MAX];
  size_t size = build(file, SMALL, 60);
  fixture_begin(dir);
  for (size_t bit = 0; bit < 8 * (size - 60); bit++) {
    bert_err e = {0};
    file[bit / 8] ^= (char)(1 << bit % 8);
    fixture_put(dir, "model.safetensors", file, size);
    Weights *w = weights_open(NULL, dir, &e);
    OK(w ? !e.code : e.code == BERT_FORMAT);
    for (int i = 0; w && weights_at(w, i); i++) OK(weights_at(w, i)->offset + weights_at(w, i)->bytes <= size);
    weights_free(w);
    e = (bert_err){0};
    read_all(dir, &e);
    OK(!e.code || e.code == BERT_FORMAT);
    file[bit / 8] ^= (char)(1 << bit % 8);
  }
  fixture_end(dir);
}

TEST(safetensors_header_length_is_held_against_the_limit_and_the_file) {
  static const struct {
    uint64_t length;
    const char *part;
  } CASES[] = {{UINT64_MAX, "found a header of 18446744073709551615 bytes, wanted at most 100000000"},
               {100000001, "found a header of 100000001 bytes, wanted at most 100000000"},
               {100000000, "found a header of 100000000 bytes, wanted at most what the file of 20 bytes holds"},
               {13, "found a header of 13 bytes, wanted at most what the file of 20 bytes holds"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    unsigned char prefix[8];
    bert_err e = {0};
    for (int b = 0; b < 8; b++) prefix[b] = (unsigned char)(CASES[i].length >> 8 * b);
    EQ(safetensors_header_size(prefix, 20, "model.safetensors", &e), 0);
    FAILS(e, BERT_FORMAT, CASES[i].part);
  }
}

/* ---- shards --------------------------------------------------------------------------------------------------- */

#define ONE(name) "{'" name "':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}"

static void put_shards(const char *directory) {
  const float x = 1, y = 2;
  put_model(directory, "model-1.safetensors", ONE("a"), &x, 4);
  put_model(directory, "model-2.safetensors", ONE("b"), &y, 4);
  fixture_text(directory, "model.safetensors.index.json",
               fixture_quoted("{'metadata':{'total_size':8},"
                              "'weight_map':{'b':'model-2.safetensors','a':'model-1.safetensors'}}"));
}

TEST(weights_come_from_shards) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  float x = 0;
  fixture_begin(dir);
  put_shards(dir);
  Weights *w = weights_open(NULL, dir, &e);
  weights_read(w, weights_find(w, "a", &e), 0, 1, &x, &e);
  EQ(x, 1);
  weights_read(w, weights_find(w, "b", &e), 0, 1, &x, &e);
  EQ(x, 2);
  OK(weights_at(w, 1) && !weights_at(w, 2));
  GOOD(e);
  weights_free(w);
  fixture_end(dir);
}

TEST(weights_index_that_lies_or_leaves_the_directory_is_refused) {
  static const struct {
    const char *index;
    bert_code code;
    const char *part;
  } CASES[] = {
      {"[]", BERT_FORMAT, "index.json: weight_map: found none"},
      {"{}", BERT_FORMAT, "index.json: weight_map: found none"},
      {"{'weight_map':[]}", BERT_FORMAT, "index.json: weight_map: found none, wanted an object"},
      {"{'weight_map':{'a':1}}", BERT_FORMAT, "weight_map: found 1, wanted a string"},
      {"{'weight_map':{'a':''}}", BERT_FORMAT, "weight_map: found '', wanted a name in this directory"},
      {"{'weight_map':{'a':'../model-1.safetensors'}}", BERT_FORMAT, "found '../model-1.safetensors'"},
      {"{'weight_map':{'a':'/etc/passwd'}}", BERT_FORMAT, "found '/etc/passwd', wanted a name in this directory"},
      {"{'weight_map':{'a':'..'}}", BERT_FORMAT, "found '..'"},
      {"{'weight_map':{'a':'x\\\\y'}}", BERT_FORMAT, "found 'x\\y'"},
      {"{'weight_map':{'a':'x\\u0000'}}", BERT_FORMAT, "a string with a NUL inside"},
      {"{'weight_map':{'a':'model-3.safetensors'}}", BERT_IO, "model-3.safetensors: No such file"},
      {"{'weight_map':{'a':'model-2.safetensors'}}", BERT_FORMAT, "found tensor a in "},
      {"{'weight_map':{'a':'model-2.safetensors'}}", BERT_FORMAT, "model-2.safetensors, which does not have it"},
      {"{'weight_map':{'a':'model-2.safetensors','b':'model-1.safetensors'}}", BERT_FORMAT, "found tensor a in "},
      {"{'weight_map':{'a':'model-1.safetensors','b':'model-4.safetensors'}}", BERT_FORMAT,
       "model-4.safetensors: found tensor a, which "},
      {"{'weight_map':{'a':'model-1.safeten", BERT_FORMAT, "index.json: line 1, column 36"},
  };
  char dir[FIXTURE_PATH];
  const float x = 1;
  fixture_begin(dir);
  put_shards(dir);
  put_model(dir, "model-4.safetensors", ONE("a"), &x, 4);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    bert_err e = {0};
    fixture_text(dir, "model.safetensors.index.json", fixture_quoted(CASES[i].index));
    OK(weights_open(NULL, dir, &e) == NULL);
    FAILS(e, CASES[i].code, fixture_quoted(CASES[i].part));
  }
  fixture_end(dir);
}

TEST(weights_index_of_too_many_files_is_refused) {
  static char index[1 << 16] = "{'weight_map':{";
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  size_t n = strlen(index);
  for (int i = 0; i < 300; i++) n += (size_t)snprintf(index + n, sizeof index - n, "'t%d':'f%d',", i, i);
  snprintf(index + n, sizeof index - n, "'a':'b'}}");
  fixture_begin(dir);
  fixture_text(dir, "model.safetensors.index.json", fixture_quoted(index));
  OK(weights_open(NULL, dir, &e) == NULL);
  FAILS(e, BERT_FORMAT, "weight_map: found more than 256 files");
  fixture_end(dir);
}

TEST(weights_that_are_absent_are_named) {
  char dir[FIXTURE_PATH];
  bert_err e = {0}, g = {0};
  fixture_begin(dir);
  OK(weights_open(NULL, dir, &e) == NULL);
  FAILS(e, BERT_IO, "found no weights, wanted model.safetensors, model.safetensors.index.json, pytorch_model.bin or ");
  fixture_end(dir);
  OK(weights_open(NULL, dir, &g) == NULL);
  FAILS(g, BERT_IO, "found no such directory");
}

TEST(weights_running_out_of_memory_is_an_error) {
  char dir[FIXTURE_PATH];
  fixture_begin(dir);
  put_small(dir);
  OK(fixture_fail_each(read_all, dir) > 4);
  remove(strcat(strcpy((char[FIXTURE_PATH + 30]){0}, dir), "/model.safetensors"));
  put_shards(dir);
  OK(fixture_fail_each(read_all, dir) > 6);
  fixture_end(dir);
}

TEST(weights_a_file_cut_short_after_opening_is_an_error) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  float x[6];
  fixture_begin(dir);
  put_small(dir);
  Weights *w = weights_open(NULL, dir, &e);
  GOOD(e);
  fixture_text(dir, "model.safetensors", "cut");
  weights_read(w, weights_find(w, "m", &e), 0, 2, x, &e);
  FAILS(e, BERT_FORMAT, "model.safetensors: ends at byte");
  weights_free(w);
  fixture_end(dir);
}
