/* fingerprint.c -- the bytes of vectors as one line a model, to hold one machine's against another's.
**
**    fingerprint MODELS        prints "NAME COMPUTE HASH" for every model directory there, in the order of their names
**
** Two builds print the same exactly when every vector of theirs is the same, byte for byte: of one text alone, of all in a
** batch, in f32 and in int8, with one thread and with three. make neon compares this machine with AArch64. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bert.h"

static const char *const TEXTS[] = {"", "a", "The quick brown fox jumps over the lazy dog.",
                                    "Many words, one after the other, and then some more of them: until the window of the "
                                    "model is full, or nearly full, which takes a while with small pieces of words."};
enum { COUNT = sizeof TEXTS / sizeof *TEXTS };

static uint64_t vectors(bert_session *s, int dimensions, uint64_t hash, bert_err *e) {
  bert_text texts[COUNT];
  float *out = calloc(COUNT, (size_t)dimensions * sizeof *out);
  if (!out) return 0;
  for (int i = 0; i < COUNT; i++) texts[i] = (bert_text){TEXTS[i], strlen(TEXTS[i])};
  bert_embed(s, texts, COUNT, NULL, out, NULL, e);
  hash = hash_bytes(out, COUNT * (size_t)dimensions * sizeof *out, hash);
  for (int i = 0; i < COUNT; i++) {
    bert_embed(s, &texts[i], 1, NULL, out, NULL, e);
    hash = hash_bytes(out, (size_t)dimensions * sizeof *out, hash);
  }
  free(out);
  return hash;
}

static void one(const char *directory, const char *name, const char *compute) {
  uint64_t hash = 0;
  bert_err e = {0};
  for (int threads = 1; threads <= 3; threads += 2) {
    char options[80];
    snprintf(options, sizeof options, "{\"compute\":\"%s\",\"threads\":%d}", compute, threads);
    bert_model *m = bert_model_open(directory, options, &e);
    bert_session *s = m ? bert_session_new(m, &e) : NULL;
    bert_model_info info = {0};
    if (m) bert_model_describe(m, &info);
    if (s) hash = vectors(s, info.dimensions, hash, &e);
    bert_session_free(s);
    bert_model_free(m);
  }
  if (e.code) printf("%s %s error %d\n", name, compute, (int)e.code);
  else printf("%s %s %016" PRIx64 "\n", name, compute, hash);
}

int main(int argc, char **argv) {
  struct dirent **entry;
  int n = argc > 1 ? scandir(argv[1], &entry, NULL, alphasort) : -1;
  if (n < 0) {
    fprintf(stderr, "usage: fingerprint MODELS\n");
    return 2;
  }
  for (int i = 0; i < n; i++) {
    char directory[4096];
    snprintf(directory, sizeof directory, "%s/%s", argv[1], entry[i]->d_name);
    if (entry[i]->d_name[0] != '.') {
      one(directory, entry[i]->d_name, "f32");
      one(directory, entry[i]->d_name, "int8");
    }
    free(entry[i]);
  }
  free(entry);
  return 0;
}
