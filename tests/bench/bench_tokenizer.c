/* bench_tokenizer.c -- the tokenizer measured on this machine, one thread.
**
**    bench_tokenizer tokenizer.json TEXTS       TEXTS has a text a line
**
** MB/s of UTF-8 for counting, for ids, for ids with offsets, and the milliseconds that making the tokenizer takes. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "bench.h"
#include "text/tokenizer.h"

typedef struct {
  const char *json, *text;
  size_t json_size, text_size;
  Tokenizer *t;
  TokenizerScratch *s;
  int offsets;
  int64_t tokens;
  bert_err e;
} Work;

static void make(void *context) {
  Work *w = context;
  tokenizer_free(w->t);
  w->t = tokenizer_from_json(w->json, w->json_size, "tokenizer.json", &w->e);
}

static void each_line(Work *w, int64_t (*one)(Work *w, bert_text line)) {
  const char *p = w->text, *end = p + w->text_size;
  w->tokens = 0;
  while (p < end) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop) stop = end;
    w->tokens += one(w, (bert_text){p, (size_t)(stop - p)});
    p = stop + 1;
  }
}

static int64_t count_one(Work *w, bert_text line) { return tokenizer_count(w->t, w->s, line, &w->e); }

static int64_t encode_one(Work *w, bert_text line) {
  Encoding out;
  tokenizer_encode(w->t, w->s, line, NULL, 0, w->offsets, &out, &w->e);
  return out.total;
}

static void count(void *context) { each_line(context, count_one); }
static void encode(void *context) { each_line(context, encode_one); }

static void show(const char *what, void (*run)(void *), Work *w) {
  double seconds = bench_time(run, w);
  printf("%-22s %7.1f MB/s  %lld tokens\n", what, (double)w->text_size / seconds / 1e6, (long long)w->tokens);
}

int main(int argc, char **argv) {
  Work w = {0};
  if (argc != 3) {
    fprintf(stderr, "usage: bench_tokenizer tokenizer.json TEXTS\n");
    return 2;
  }
  char *json = io_read_all(NULL, argv[1], (size_t)1 << 28, &w.json_size, &w.e);
  char *text = io_read_all(NULL, argv[2], (size_t)1 << 30, &w.text_size, &w.e);
  w.json = json;
  w.text = text;
  w.s = tokenizer_scratch_new(&w.e);
  make(&w);
  if (!w.e.code) {
    double seconds = bench_time(make, &w);
    printf("%-22s %7.2f ms    %lld bytes held\n", "making it", 1e3 * seconds, (long long)tokenizer_bytes(w.t));
    show("counting", count, &w);
    show("ids", encode, &w);
    w.offsets = 1;
    show("ids and offsets", encode, &w);
  }
  if (w.e.code) fprintf(stderr, "%s\n", w.e.text);
  tokenizer_free(w.t);
  tokenizer_scratch_free(w.s);
  mem_free(json);
  mem_free(text);
  return w.e.code != 0;
}
