/* chunk.c -- a text cut into windows of tokens, as pieces of the text itself.
** Layer: model. Uses: base text.
**
** A window takes as many tokens as fit, then gives back those of a word that goes on past it, unless the word began the
** window. The next one starts `overlap` tokens before its end, moved on to the start of a word, and always later than
** the one before. Cost: one tokenization and one walk over the bytes. */
#include "model/model.h"
#include "model/walk.h"
#include "model/window.h"

int chunk_text(Session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e) {
  const Model *m = s->model;
  if (!describe_reads(m, e)) return 0;
  int special = tokenizer_special_count(m->tokenizer, 0);
  if (max_tokens == 0) max_tokens = m->max_tokens;
  if (max_tokens <= special)
    err_set(e, BERT_ARGUMENT, "max_tokens: found %d, wanted more than the %d special tokens", max_tokens, special);
  else if (overlap < 0 || overlap >= max_tokens - special)
    err_set(e, BERT_ARGUMENT, "overlap: found %d, wanted 0 to %d", overlap, max_tokens - special - 1);
  Encoding c;
  tokenizer_encode(m->tokenizer, s->tokens, text, NULL, 0, 1, &c, e);
  if (e->code) return 0;
  int first = 0, last = c.n, count = 0;
  while (first < last && c.special[first]) first++;
  while (last > first && c.special[last - 1]) last--;
  /* Two walks, since the ends run ahead of the next window's start. */
  Walk starts = walk_begin(text), ends = starts;
  s->windows.size = 0;
  for (int from = first, end; from < last && !e->code; from = window_next(&c, from, end, overlap)) {
    end = window_end(&c, from, last, max_tokens - special);
    bert_chunk w = {.start = c.start[from], .end = c.end[end - 1], .tokens = end - from + special};
    w.byte_start = walk_to(&starts, w.start);
    w.byte_end = walk_to(&ends, w.end);
    buf_add(&s->windows, &w, sizeof w, e);
    count++;
    if (end == last) break;
  }
  *chunks = (const bert_chunk *)s->windows.data;
  return count;
}
