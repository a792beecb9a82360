/* fuzz_bpe.c -- byte-level BPE out of any vocab.json and merges.txt, over texts of any bytes.
**
** Input: [settings, window, vocab.json, 0xFF, merges.txt, 0xFF, text]. Bit 0: a small good vocabulary, and all of the
** input is text; bits 1 to 4: add_prefix_space, keep_spaces, mask_lstrip, lower-casing. What comes out must hang
** together: see check_tokens.h. A second tokenizer uses the scratch in between, so what it keeps of words is tried, too. */
#include "check_tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char VOCAB[] = "{\"<s>\":0,\"</s>\":1,\"<mask>\":2,\"\u0120\":3,\"a\":4,\"b\":5,\"c\":6,\"ab\":7,\"\u0120ab\":8,"
                            "\"abc\":9,\"aa\":10,\"aaaa\":11,\"'\":12,\"s\":13,\"'s\":14,\"\u00C3\":15,\"\u00A9\":16,"
                            "\"\u00C3\u00A9\":17,\"bc\":18,\"[UNK]\":19}";
static const char MERGES[] = "a b\nb c\na bc\nab c\na a\naa aa\n\u0120 ab\n' s\n\u00C3 \u00A9\n";

/* The bytes up to 0xFF or the end, from *at; *at goes behind. */
static const uint8_t *part(const uint8_t **at, const uint8_t *end, size_t *n) {
  const uint8_t *begin = *at, *stop = memchr(begin, 0xFF, (size_t)(end - begin));
  if (!stop) stop = end;
  *n = (size_t)(stop - begin);
  *at = stop < end ? stop + 1 : end;
  return begin;
}

static Tokenizer *make(const uint8_t *vocab, size_t n, const uint8_t *merges, size_t m, int settings, bert_err *e) {
  TokenizerSettings s = {
      .add_prefix_space = settings >> 1 & 1, .keep_spaces = settings >> 2 & 1, .mask_lstrip = settings >> 3 & 1};
  char *v = copy_of(vocab, n), *w = copy_of(merges, m);
  Tokenizer *t = tokenizer_from_bpe(v, n, w, m, "vocab.json", &s, e);
  free(v);
  free(w);
  want((t == NULL) == (e->code != BERT_OK));
  if (t && settings >> 4 & 1) tokenizer_lowercase(t);
  return t;
}

static Tokenizer *make_good(int settings, bert_err *e) {
  return make((const uint8_t *)VOCAB, sizeof VOCAB - 1, (const uint8_t *)MERGES, sizeof MERGES - 1, settings, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  bert_err e = {0};
  int settings = data[0], max_tokens = data[1];
  const uint8_t *at = data + 2, *end = data + size;
  size_t n = 0, m = 0;
  const uint8_t *vocab = settings & 1 ? NULL : part(&at, end, &n), *merges = settings & 1 ? NULL : part(&at, end, &m);
  Tokenizer *good = make_good(settings, &e);
  want(good != NULL);
  Tokenizer *t = settings & 1 ? make_good(0, &e) : make(vocab, n, merges, m, settings, &e);
  TokenizerScratch *s = tokenizer_scratch_new(&(bert_err){0});
  size_t left = (size_t)(end - at);
  char *text = copy_of(at, left);
  if (t) {
    check_pieces(t);
    check_encodings(t, s, (bert_text){text, left}, max_tokens);
  }
  check_encodings(good, s, (bert_text){text, left}, max_tokens / 16);
  if (t) check_encodings(t, s, (bert_text){text, left / 2}, max_tokens);
  free(text);
  tokenizer_scratch_free(s);
  tokenizer_free(t);
  tokenizer_free(good);
  want(mem_live() == 0);
  return 0;
}
