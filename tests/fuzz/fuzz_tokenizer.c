/* fuzz_tokenizer.c -- tokenizers out of any bytes, over texts of any bytes.
**
** Input: [kind, window, bytes of the file, 0xFF, text]. An even kind is a tokenizer.json, an odd one a vocab.txt whose
** settings are the bits above. What comes out must hang together: the same tokens counted and made, within the window
** and outside, with offsets inside the text. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int claim) {
  if (!claim) abort();
}

/* Ends where it ends, so that a sanitizer sees reading past it. */
static char *copy_of(const uint8_t *data, size_t n) {
  char *p = malloc(n ? n : 1);
  want(p != NULL);
  if (n) memcpy(p, data, n);
  return p;
}

static Tokenizer *make(const uint8_t *data, size_t size, int kind, bert_err *e) {
  TokenizerSettings s = {
      .lowercase = kind >> 1 & 1, .strip_accents = (kind >> 2 & 3) % 3 - 1, .chinese_characters = kind >> 4 & 1};
  char *text = copy_of(data, size);
  Tokenizer *t = kind & 1 ? tokenizer_from_vocab(text, size, "vocab.txt", &s, e)
                          : tokenizer_from_json(text, size, "tokenizer.json", e);
  free(text);
  want((t == NULL) == (e->code != BERT_OK));
  return t;
}

static void check_pieces(const Tokenizer *t) {
  int n = tokenizer_vocabulary(t);
  want(n >= 0 && tokenizer_bytes(t) > 0);
  for (int32_t id = -1; id <= n; id++) want(tokenizer_piece(t, id) != NULL);
  want(tokenizer_id(t, "[UNK]") < n);
}

static void check(const Encoding *out, int characters, int max_tokens) {
  want(out->n >= 0 && out->n <= out->total && (!max_tokens || out->n <= max_tokens));
  for (int i = 0; i < out->n; i++) {
    want(out->special[i] <= 1 && out->whole[i] <= 1 && out->ids[i] >= 0);
    want(out->start[i] >= 0 && out->start[i] <= out->end[i] && out->end[i] <= characters);
  }
}

static void encode(const Tokenizer *t, TokenizerScratch *s, bert_text text, int max_tokens) {
  bert_err e[4];
  Encoding all, cut;
  memset(e, 0, sizeof e);
  int characters = (int)utf8_length(text.data, text.size);
  int64_t count = tokenizer_count(t, s, text, &e[0]);
  tokenizer_encode(t, s, text, NULL, 0, 1, &all, &e[1]);
  want(e[0].code == e[1].code);
  if (e[0].code) return;
  check(&all, characters, 0);
  want(all.n == all.total && all.total == count);
  tokenizer_encode(t, s, text, NULL, max_tokens, 1, &cut, &e[2]);
  if (!e[2].code) {
    check(&cut, characters, max_tokens);
    want(cut.total == count);
  }
  tokenizer_encode(t, s, text, &text, max_tokens, 1, &cut, &e[3]);
  if (!e[3].code) check(&cut, characters, max_tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  bert_err e = {0};
  int kind = data[0], max_tokens = data[1];
  const uint8_t *file = data + 2, *end = data + size, *stop = memchr(file, 0xFF, (size_t)(end - file));
  if (!stop) stop = end;
  Tokenizer *t = make(file, (size_t)(stop - file), kind, &e);
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  if (t) {
    size_t n = stop < end ? (size_t)(end - stop - 1) : 0;
    char *text = copy_of(end - n, n);
    check_pieces(t);
    encode(t, s, (bert_text){text, n}, max_tokens);
    encode(t, s, (bert_text){text, n / 2}, max_tokens / 16);
    free(text);
  }
  tokenizer_scratch_free(s);
  tokenizer_free(t);
  want(mem_live() == 0);
  return 0;
}
