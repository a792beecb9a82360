/* embed.c -- makes the block of models that bert.so has inside: `make embedded MODELS="bert-vectors=DIR bert-qa=DIR …"`.
**
**    embed FILE NAME=DIRECTORY[,BASE] …
**
** A directory is one that bert_load opens; it computes in 8 bits from then on. Its card.json is shown by bert_models. BASE names
** an earlier one that this was fine-tuned from: of its matrices, 2 bits a weight of difference are kept. Prints what each model
** adds to the file: what it has equal to one before it costs nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bert.h"

enum { MODELS_MAX = 100 };

/* A sink of one file. */
typedef struct {
  FILE *file;
  const char *path;
} Out;

static void begin(void *context, const char *name, uint64_t size, bert_err *e) { (void)context, (void)name, (void)size, (void)e; }

static void set_unwritten(const Out *out, bert_err *e) {
  if (e->code) return;
  e->code = BERT_IO;
  snprintf(e->text, sizeof e->text, "%s: cannot be written", out->path);
}

static void write(void *context, const void *bytes, size_t n, bert_err *e) {
  const Out *out = context;
  if (!e->code && fwrite(bytes, 1, n, out->file) != n) set_unwritten(out, e);
}

/* Counts bytes. */
static void add_size(void *context, const char *name, uint64_t size, bert_err *e) {
  (void)name, (void)e;
  *(uint64_t *)context += size;
}
static void nothing(void *context, const void *bytes, size_t n, bert_err *e) { (void)context, (void)bytes, (void)n, (void)e; }

static int failed(const bert_err *e) {
  if (e->code) fprintf(stderr, "embed: %s\n", e->text);
  return e->code != 0;
}

static void report(const char *const *names, bert_model *const *models, const int *base, int n, bert_err *e) {
  uint64_t before = 0;
  for (int i = 1; i <= n; i++) {
    uint64_t size = 0;
    bert_sink counter = {.context = &size, .begin = add_size, .write = nothing};
    bert_model_info info;
    bert_container_write(names, models, base, i, "", &counter, e);
    if (e->code) return;
    bert_model_describe(models[i - 1], &info);
    printf("%-16s %5.2f MB  %d x %d x %d  %s%s\n", names[i - 1], (double)(size - before) / 1e6, info.layers, info.hidden,
           info.inner, info.task, info.card ? "" : "  (no card.json)");
    before = size;
  }
  printf("%-16s %5.2f MB\n", "all", (double)before / 1e6);
}

/* The place of the name among names[n], or -1. */
static int find(const char *const *names, int n, const char *name) {
  while (--n >= 0 && strcmp(names[n], name) != 0) continue;
  return n;
}

int main(int argc, char **argv) {
  static const char *names[MODELS_MAX];
  static bert_model *models[MODELS_MAX];
  static int base[MODELS_MAX];
  bert_err e = {0};
  if (argc < 3 || argc - 2 > MODELS_MAX) {
    fprintf(stderr, "usage: embed FILE NAME=DIRECTORY[,BASE] …\n");
    return 2;
  }
  int n = argc - 2;
  for (int i = 0; i < n && !e.code; i++) {
    char *directory = strchr(argv[2 + i], '=');
    if (!directory) {
      fprintf(stderr, "embed: found %s, wanted NAME=DIRECTORY\n", argv[2 + i]);
      return 2;
    }
    *directory = 0;
    names[i] = argv[2 + i];
    char *comma = strrchr(directory + 1, ',');
    base[i] = comma ? find(names, i, comma + 1) : -1;
    if (comma && base[i] < 0) {
      fprintf(stderr, "embed: %s: found the base %s, wanted a model before it\n", names[i], comma + 1);
      return 2;
    }
    if (comma) *comma = 0;
    models[i] = bert_model_open(directory + 1, "{\"compute\":\"int8\"}", &e);
  }
  if (!e.code) report(names, models, base, n, &e);
  if (failed(&e)) return 1;
  Out out = {fopen(argv[1], "wb"), argv[1]};
  bert_sink sink = {.context = &out, .begin = begin, .write = write};
  if (!out.file) {
    perror(argv[1]);
    return 1;
  }
  bert_container_write(names, models, base, n, argv[1], &sink, &e);
  if (fclose(out.file) != 0) set_unwritten(&out, &e);
  for (int i = 0; i < n; i++) bert_model_free(models[i]);
  return failed(&e);
}
