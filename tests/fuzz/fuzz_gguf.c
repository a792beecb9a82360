/* fuzz_gguf.c -- a GGUF file over any bytes: opened, its model, sentence and vocabulary asked for, its tensors read.
**
** The file is written to a directory of this process, in memory where the system has /dev/shm. */
#define _XOPEN_SOURCE 700
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBERS_MAX = 4096 };

static char directory[PATH_MAX / 2], path[PATH_MAX];

static void want(int claim) {
  if (!claim) abort();
}

static void remove_directory(void) {
  unlink(path);
  rmdir(directory);
}

static void make_directory(void) {
  snprintf(directory, sizeof directory, "%s/sqlite-bert-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
  want(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/model.gguf", directory);
  atexit(remove_directory);
}

static void check_vocabulary(const Gguf *g) {
  bert_err e = {0};
  size_t size, lines = 0;
  char *vocab = gguf_vocabulary(g, &size, &e);
  want((vocab == NULL) == (e.code != BERT_OK));
  for (size_t i = 0; vocab && i < size; i++) lines += vocab[i] == '\n';
  if (vocab) want(lines == gguf_get(g, "tokenizer.ggml.tokens")->count && vocab[size - 1] == '\n');
  mem_free(vocab);
}

static void ask(const Gguf *g) {
  Arena a = {0};
  bert_err e[3];
  ModelConfig m;
  SentenceConfig s;
  TokenizerConfig t;
  memset(e, 0, sizeof e);
  gguf_model(g, &m, &a, &e[0]);
  gguf_sentence(g, &s, &a, &e[1]);
  gguf_tokenizer(g, &t, &a, &e[2]);
  if (!e[0].code) want(m.hidden % m.heads == 0 && m.layers > 0 && m.vocabulary > 0 && m.norm_epsilon >= 0);
  for (int i = 0; !e[0].code && i < m.labels; i++) want(m.label[i] != NULL);
  if (!e[1].code) want(s.pooling && s.pooling == s.pooling_order[0]);
  check_vocabulary(g);
  arena_fini(&a);
}

static void read_weights(size_t size) {
  static float x[NUMBERS_MAX];
  bert_err e = {0};
  Weights *w = weights_open(NULL, path, &e);
  want((w == NULL) == (e.code != BERT_OK));
  for (int i = 0; w && weights_at(w, i); i++) {
    const Tensor *t = weights_at(w, i);
    bert_err f = {0};
    want(t->offset + t->bytes <= size || t->bytes == 0);
    if (t->count <= NUMBERS_MAX) weights_read(w, t, 0, t->rank ? t->shape[0] : 1, x, &f);
    want(f.code == BERT_OK || f.code == BERT_FORMAT);
  }
  weights_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bert_err e = {0};
  if (!*directory) make_directory();
  FILE *f = fopen(path, "wb");
  want(f != NULL);
  want(fwrite(data, 1, size, f) == size);
  fclose(f);
  Gguf *g = gguf_open(path, &e);
  want((g == NULL) == (e.code != BERT_OK));
  if (g) ask(g);
  gguf_close(g);
  read_weights(size);
  want(mem_live() == 0);
  return 0;
}
