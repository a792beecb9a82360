/* fuzz_pickle.c -- pytorch_model.bin over any bytes.
**
** Input: a letter, then bytes. 'p': a pickle; what it names must lie inside of its storages. 'z': a file, which is
** opened as weights and read; it is written to a directory of this process, in memory where the system has /dev/shm. */
#define _XOPEN_SOURCE 700
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/pickle.h"
#include "file/weights.h"

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
  snprintf(path, sizeof path, "%s/pytorch_model.bin", directory);
  atexit(remove_directory);
}

static void check_tensor(const PickleTensor *t) {
  int64_t count = 1, last = t->offset;
  want(t->name && t->storage && t->storage->key && t->rank >= 0 && t->rank <= TENSOR_RANK_MAX && t->offset >= 0);
  for (int i = 0; i < t->rank; i++) {
    want(t->shape[i] >= 0 && t->stride[i] >= 0);
    count *= t->shape[i];
  }
  want(count == t->count && count <= t->storage->numbers);
  for (int i = 0; i < t->rank && count > 0; i++) last += (t->shape[i] - 1) * t->stride[i];
  want(count == 0 || last < t->storage->numbers);
}

static void run_pickle(const uint8_t *data, size_t size) {
  Arena a = {0};
  bert_err e = {0};
  int n = 0;
  const PickleTensor *t = pickle_tensors(data, size, &n, &a, &e);
  want((t == NULL) == (e.code != BERT_OK));
  for (int i = 0; t && i < n; i++) check_tensor(&t[i]);
  arena_fini(&a);
}

static void run_file(const uint8_t *data, size_t size) {
  static float x[NUMBERS_MAX];
  if (!*directory) make_directory();
  FILE *f = fopen(path, "wb");
  want(f != NULL);
  want(fwrite(data, 1, size, f) == size);
  fclose(f);
  bert_err e = {0};
  Weights *w = weights_open(NULL, directory, &e);
  want((w == NULL) == (e.code != BERT_OK));
  for (int i = 0; w && weights_at(w, i); i++) {
    const Tensor *t = weights_at(w, i);
    bert_err f_read = {0};
    want(t->bytes <= size && t->offset <= size);
    if (t->count <= NUMBERS_MAX) weights_read(w, t, 0, t->rank ? t->shape[0] : 1, x, &f_read);
    want(f_read.code == BERT_OK || f_read.code == BERT_FORMAT);
  }
  weights_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && *data == 'p') run_pickle(data + 1, size - 1);
  if (size && *data == 'z') run_file(data + 1, size - 1);
  want(mem_live() == 0);
  return 0;
}
