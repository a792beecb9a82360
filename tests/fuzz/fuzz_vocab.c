/* fuzz_vocab.c -- a vocabulary trained on any bytes: its pieces are a tokenizer, which takes the same bytes.
**
**    options NUL text NUL text … */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/vocab.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int claim) {
  if (!claim) abort();
}

/* The pieces, a line each, as a vocab.txt has them. */
static void add_pieces(Vocab *v, Buf *out, bert_err *e) {
  bert_vocab_piece p;
  for (int id = 0; vocab_next(v, &p, NULL, e); id++) {
    want(p.id == id && *p.piece && !strchr(p.piece, '\n') && p.frequency >= 0);
    buf_add(out, p.piece, strlen(p.piece), e);
    buf_add(out, "\n", 1, e);
  }
}

/* They are a tokenizer. */
static void check(const Buf *pieces, bert_text text) {
  bert_err e = {0};
  TokenizerSettings s = {.lowercase = 1, .strip_accents = -1, .chinese_characters = 1};
  Tokenizer *t = tokenizer_from_vocab(pieces->data, pieces->size, "fuzz", &s, &e);
  want(t != NULL);
  TokenizerScratch *scratch = tokenizer_scratch_new(&e);
  want(tokenizer_count(t, scratch, text, &e) >= 2 && !e.code);
  tokenizer_scratch_free(scratch);
  tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bert_err e = {0};
  Buf pieces = {0};
  const char *text = (const char *)data, *past = size ? memchr(text, 0, size) : NULL;
  if (!past) return 0;
  Vocab *v = vocab_new(text, &e);
  bert_text rest = {past + 1, size - (size_t)(past - text) - 1};
  for (size_t at = 0; v && at < rest.size && !e.code;) {
    const char *end = memchr(rest.data + at, 0, rest.size - at);
    size_t n = end ? (size_t)(end - rest.data) - at : rest.size - at;
    vocab_add(v, (bert_text){rest.data + at, n}, &e);
    at += n + 1;
  }
  if (v) add_pieces(v, &pieces, &e);
  if (!e.code) check(&pieces, rest);
  want(!e.code || e.code == BERT_ARGUMENT);
  vocab_free(v);
  buf_fini(&pieces);
  return 0;
}
