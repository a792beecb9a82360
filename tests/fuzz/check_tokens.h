/* check_tokens.h -- what any tokenizer's answers must be: the same tokens counted and made, within the window and outside,
** with offsets inside the text. For the fuzz targets that make tokenizers. */
#ifndef CHECK_TOKENS_H
#define CHECK_TOKENS_H

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer.h"

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

static void check_encodings(const Tokenizer *t, TokenizerScratch *s, bert_text text, int max_tokens) {
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

#endif
