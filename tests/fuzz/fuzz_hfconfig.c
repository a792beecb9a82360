/* fuzz_hfconfig.c -- the configuration files of a model directory over any bytes.
**
** Input: files, each a letter that names it ('a' is NAMES[0]) and its text, with 0xFF between them. They are written to
** a directory of this process, in memory where the system has /dev/shm. */
#define _XOPEN_SOURCE 700
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/hfconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const NAMES[] = {"config.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "modules.json",
                                    "1_Pooling/config.json",
                                    "2_Dense/config.json",
                                    "3_Normalize/config.json",
                                    "sentence_bert_config.json",
                                    "config_sentence_transformers.json",
                                    "0_Transformer/sentence_roberta_config.json"};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES };

static char directory[PATH_MAX / 2];

static void want(int claim) {
  if (!claim) abort();
}

static void path_of(char out[PATH_MAX], const char *name) { snprintf(out, PATH_MAX, "%s/%s", directory, name); }

static void remove_directory(void) {
  static const char *const FOLDERS[] = {"0_Transformer", "1_Pooling", "2_Dense", "3_Normalize"};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
    path_of(path, FOLDERS[i]);
    rmdir(path);
  }
  rmdir(directory);
}

static void make_directory(void) {
  char path[PATH_MAX];
  snprintf(directory, sizeof directory, "%s/sqlite-bert-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
  want(mkdtemp(directory) != NULL);
  atexit(remove_directory);
  for (int i = 0; i < NAME_COUNT; i++) {
    path_of(path, NAMES[i]);
    *strrchr(path, '/') = 0;
    mkdir(path, 0700);
  }
}

static void put(const char *name, const uint8_t *text, size_t size) {
  char path[PATH_MAX];
  path_of(path, name);
  FILE *f = fopen(path, "wb");
  want(f != NULL);
  want(fwrite(text, 1, size, f) == size);
  fclose(f);
}

static void check_model(const ModelConfig *c) {
  want(c->path && c->model_type && c->architecture && c->problem && c->labels >= 0);
  for (int i = 0; i < c->labels; i++) want(c->label[i] != NULL);
  want(c->head_activation != NULL);
  if (!c->hidden) return;
  want(c->heads > 0 && c->hidden % c->heads == 0 && c->norm_epsilon >= 0);
  want(c->pad >= -1 && c->first_position >= 0 && c->first_position < c->positions);
}

static void check_sentence(const SentenceConfig *c) {
  int pooling = 0;
  for (int i = 0; i < c->pooling_count; i++) pooling |= c->pooling_order[i];
  want(pooling == c->pooling && pooling != 0);
  want(!strncmp(c->transformer_directory, directory, strlen(directory)) && !strstr(c->transformer_directory, "/../"));
  for (int i = 0; i < c->dense_count; i++) want(c->dense[i].in > 0 && c->dense[i].out > 0 && c->dense[i].directory);
  for (int i = 0; i < c->prompt_count; i++) want(c->prompt_name[i] && c->prompt_text[i]);
}

static void read_all(void) {
  Arena a = {0};
  bert_err e[3];
  ModelConfig m;
  SentenceConfig s;
  TokenizerConfig t;
  memset(e, 0, sizeof e);
  hfconfig_model(NULL, directory, &m, &a, &e[0]);
  hfconfig_sentence(NULL, directory, &s, &a, &e[1]);
  hfconfig_tokenizer(NULL, directory, &t, &a, &e[2]);
  if (!e[0].code) check_model(&m);
  if (!e[1].code) check_sentence(&s);
  if (!e[2].code) want(t.max_tokens >= 0 && t.tokenizer_class);
  arena_fini(&a);
  want(mem_live() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = data + size;
  char path[PATH_MAX];
  unsigned written = 0;
  if (!*directory) make_directory();
  while (data < end) {
    const uint8_t *next = memchr(data, 0xFF, (size_t)(end - data));
    if (!next) next = end;
    unsigned name = *data - 'a';
    if (name < NAME_COUNT) {
      put(NAMES[name], data + 1, (size_t)(next - data - 1));
      written |= 1u << name;
    }
    data = next + (next < end);
  }
  read_all();
  for (int i = 0; i < NAME_COUNT; i++) {
    path_of(path, NAMES[i]);
    if (written & 1u << i) unlink(path);
  }
  return 0;
}
