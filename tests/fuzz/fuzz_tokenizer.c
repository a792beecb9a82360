/* fuzz_tokenizer.c -- tokenizers out of any bytes, over texts of any bytes.
**
** Input: [kind, window, bytes of the file, 0xFF, text]. An even kind is a tokenizer.json, an odd one a vocab.txt whose
** settings are the bits above. What comes out must hang together: see check_tokens.h. */
#include "check_tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    check_encodings(t, s, (bert_text){text, n}, max_tokens);
    check_encodings(t, s, (bert_text){text, n / 2}, max_tokens / 16);
    free(text);
  }
  tokenizer_scratch_free(s);
  tokenizer_free(t);
  want(mem_live() == 0);
  return 0;
}
