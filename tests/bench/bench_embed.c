/* bench_embed.c -- texts to vectors, measured on this machine: tokens a second, and the share of its arithmetic's peak.
**
**    bench_embed MODEL CORPUS.csv [THREADS]
**
** The corpus is the demo's: paragraphs, and the sentences they fall into. Each mode of arithmetic is measured in batches and
** one text at a time; the best of three rounds counts, each on texts of its own ending, so nothing can be remembered.
** Shares are of peak_flops times threads, counting the matrix products alone: 2 (4 H^2 + 2 H F) L operations a token. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bert.h"
#include "kernel/kernel.h"

enum { TEXTS = 2000, ONES = 60, ROOM = 4096 };

typedef struct {
  const char *name;
  int n;
  char *text[TEXTS];
} Work;

static void add(Work *w, const char *text, size_t n) {
  if (w->n == TEXTS || n < 20 || n > ROOM - 8) return;
  char *copy = malloc(ROOM);
  if (!copy) return;
  memcpy(copy, text, n);
  copy[n] = 0;
  w->text[w->n++] = copy;
}

/* The last field of each line, quotes taken off; sentences end at ". " */
static int read_corpus(const char *path, Work *paragraphs, Work *sentences) {
  static char line[1 << 16];
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  while (fgets(line, sizeof line, f)) {
    char *body = strchr(line, '"'), *end = body ? strrchr(body, '"') : NULL;
    if (!body || end <= body) continue;
    add(paragraphs, body + 1, (size_t)(end - body - 1));
    for (char *s = body + 1, *stop; s < end; s = stop + 2) {
      stop = strstr(s, ". ");
      if (!stop || stop > end) stop = end;
      add(sentences, s, (size_t)(stop - s));
    }
  }
  fclose(f);
  return paragraphs->n > 0;
}

typedef struct {
  double tokens_a_second, rows_a_second;
} Rate;

static Rate measure(bert_session *s, const Work *w, int dimensions, bert_err *e) {
  static bert_text texts[TEXTS];
  float *out = malloc((size_t)w->n * (size_t)dimensions * sizeof *out);
  Rate best = {0, 0};
  for (int round = 0; out && round < 3 && !e->code; round++) {
    int64_t tokens = 0;
    for (int i = 0; i < w->n; i++) {
      size_t n = strlen(w->text[i]);
      while (n && isdigit((unsigned char)w->text[i][n - 1])) n--;
      sprintf(w->text[i] + n, "%d", round);
      texts[i] = (bert_text){w->text[i], strlen(w->text[i])};
      bert_encoding c = {0};
      bert_encode(s, texts[i], NULL, 1, &c, e);
      tokens += c.n;
    }
    double start = bench_now();
    bert_embed(s, texts, w->n, NULL, out, NULL, e);
    double batch = (double)tokens / (bench_now() - start);
    int ones = w->n < ONES ? w->n : ONES;
    start = bench_now();
    for (int i = 0; i < ones; i++) bert_embed(s, &texts[i], 1, NULL, out, NULL, e);
    double one = ones / (bench_now() - start);
    if (batch > best.tokens_a_second) best.tokens_a_second = batch;
    if (one > best.rows_a_second) best.rows_a_second = one;
  }
  free(out);
  return best;
}

static void report(const char *model, const char *compute, int threads, const Work *w, double peak) {
  bert_err e = {0};
  char options[80];
  snprintf(options, sizeof options, "{\"compute\":\"%s\",\"threads\":%d}", compute, threads);
  bert_model *m = bert_model_open(model, options, &e);
  bert_session *s = m ? bert_session_new(m, &e) : NULL;
  bert_model_info info = {0};
  if (m) bert_model_describe(m, &info);
  Rate r = s ? measure(s, w, info.dimensions, &e) : (Rate){0, 0};
  double a_token = 2.0 * info.layers * info.hidden * (4.0 * info.hidden + 2.0 * info.inner);
  if (e.code)
    printf("%s: %s\n", compute, e.text);
  else
    printf("%-5s %-11s %5d texts  %8.0f tokens/s  %4.0f %% of the f32 peak   one at a time %8.1f rows/s\n", compute, w->name,
           w->n, r.tokens_a_second, 100 * r.tokens_a_second * a_token / (peak * threads), r.rows_a_second);
  bert_session_free(s);
  bert_model_free(m);
}

static const char *isa_in_use(void) {
  int i = 0;
  while (kernels_name(i + 1) && kernels() != kernels_at(i)) i++;
  return kernels_name(i);
}

int main(int argc, char **argv) {
  static Work paragraphs = {.name = "paragraphs"}, sentences = {.name = "sentences"};
  if (argc < 3 || !read_corpus(argv[2], &paragraphs, &sentences)) {
    fprintf(stderr, "usage: bench_embed MODEL CORPUS.csv [THREADS]\n");
    return 2;
  }
  int threads = argc > 3 ? atoi(argv[3]) : bert_threads();
  double peak = bench_peak_flops(isa_in_use());
  printf("%d threads\n", threads);
  const char *computes[] = {"f32", "int8"};
  for (int c = 0; c < 2; c++) {
    report(argv[1], computes[c], threads, &sentences, peak);
    report(argv[1], computes[c], threads, &paragraphs, peak);
  }
  for (int i = 0; i < TEXTS; i++) free(paragraphs.text[i]), free(sentences.text[i]);
  return 0;
}
