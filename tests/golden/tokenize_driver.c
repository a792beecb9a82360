/* tokenize_driver.c -- a tokenizer behind a pipe, for tests/golden/tokenizer_parity.py.
**
**    tokenize_driver json FILE
**    tokenize_driver vocab FILE LOWERCASE STRIP_ACCENTS CHINESE       (1, 0; strip also -1)
**    tokenize_driver bpe VOCAB MERGES ADD_PREFIX_SPACE KEEP_SPACES MASK_LSTRIP
**
** Reads requests from stdin until it ends, answers each on stdout; integers are 32 bits of this machine's order:
**
**    request  max_tokens, pair, size of a, bytes of a [, size of b, bytes of b]
**    answer   n, total, count, n ids, n starts, n ends, n bytes of types, of special, of whole
**             or -1, size, bytes of the message
**
** count is tokenizer_count's answer for a. A tokenizer that cannot be made answers once, with a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "text/tokenizer.h"

static void put(const void *p, size_t n) {
  if (n && fwrite(p, 1, n, stdout) != n) exit(2);
}

static void put_number(int32_t n) { put(&n, sizeof n); }

static void put_error(const bert_err *e) {
  put_number(-1);
  put_number((int32_t)strlen(e->text));
  put(e->text, strlen(e->text));
}

static int get_number(int32_t *n) { return fread(n, sizeof *n, 1, stdin) == 1; }

static bert_text get_text(char **room) {
  int32_t n = 0;
  if (!get_number(&n) || n < 0) exit(2);
  *room = realloc(*room, (size_t)n + 1);
  if (!*room || fread(*room, 1, (size_t)n, stdin) != (size_t)n) exit(2);
  return (bert_text){*room, (size_t)n};
}

static void answer(const Tokenizer *t, TokenizerScratch *s, bert_text a, const bert_text *b, int max_tokens) {
  bert_err e = {0};
  Encoding out;
  int64_t count = tokenizer_count(t, s, a, &e);
  tokenizer_encode(t, s, a, b, max_tokens, 1, &out, &e);
  if (e.code) {
    put_error(&e);
    return;
  }
  size_t n = (size_t)out.n;
  put_number(out.n);
  put_number((int32_t)out.total);
  put_number((int32_t)count);
  put(out.ids, 4 * n);
  put(out.start, 4 * n);
  put(out.end, 4 * n);
  put(out.types, n);
  put(out.special, n);
  put(out.whole, n);
}

static Tokenizer *open_bpe(const char *vocab, size_t size, char **argv, bert_err *e) {
  size_t merges_size;
  char *merges = io_read_all(NULL, argv[0], (size_t)1 << 28, &merges_size, e);
  TokenizerSettings s = {
      .add_prefix_space = atoi(argv[1]), .keep_spaces = atoi(argv[2]), .mask_lstrip = atoi(argv[3])};
  Tokenizer *t = tokenizer_from_bpe(vocab, size, merges, merges_size, "vocab.json", &s, e);
  mem_free(merges);
  return t;
}

static Tokenizer *open_tokenizer(int argc, char **argv, bert_err *e) {
  size_t size;
  Tokenizer *t = NULL;
  char *text = io_read_all(NULL, argv[2], (size_t)1 << 28, &size, e);
  if (argc == 3) {
    t = tokenizer_from_json(text, size, "tokenizer.json", e);
  } else if (argc == 6) {
    TokenizerSettings s = {
        .lowercase = atoi(argv[3]), .strip_accents = atoi(argv[4]), .chinese_characters = atoi(argv[5])};
    t = tokenizer_from_vocab(text, size, "vocab.txt", &s, e);
  } else {
    t = open_bpe(text, size, argv + 3, e);
  }
  mem_free(text);
  return t;
}

int main(int argc, char **argv) {
  bert_err e = {0};
  if (argc != 3 && argc != 6 && argc != 7) return 2;
  Tokenizer *t = open_tokenizer(argc, argv, &e);
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  if (e.code) put_error(&e);
  char *room[2] = {NULL, NULL};
  int32_t max_tokens, pair;
  while (!e.code && get_number(&max_tokens) && get_number(&pair)) {
    bert_text a = get_text(&room[0]), b = pair ? get_text(&room[1]) : a;
    answer(t, s, a, pair ? &b : NULL, max_tokens);
  }
  fflush(stdout);
  free(room[0]);
  free(room[1]);
  tokenizer_scratch_free(s);
  tokenizer_free(t);
  return mem_live() != 0;
}
