/* chunk.c -- a text cut into windows of tokens, as pieces of the text itself.
** Layer: model. Uses: base text.
**
** A window takes as many tokens as fit, then gives back those of a word that goes on past it, unless the word began the
** window. The next one starts `overlap` tokens before its end, moved on to the start of a word, and always later than
** the one before. Cost: one tokenization and one walk over the bytes. */
#include "base/utf8.h"
#include "model/model.h"

/* Offsets in bytes out of offsets in code points, which are asked for in rising order. */
typedef struct {
  const unsigned char *data;
  size_t size, byte;
  int32_t character;
} Walk;

static size_t byte_of(Walk *w, int32_t character) {
  while (w->character < character && w->byte < w->size) {
    int used;
    utf8_decode(w->data + w->byte, w->size - w->byte, &used);
    w->byte += (size_t)used;
    w->character++;
  }
  return w->byte;
}

/* Where the window that starts at `from` ends: tokens from … end-1. */
static int window_end(const Encoding *c, int from, int last, int room) {
  int end = last - from <= room ? last : from + room;
  if (end == last) return end;
  int whole = end;
  while (whole > from && !c->whole[whole]) whole--;
  return whole > from ? whole : end;
}

static int next_start(const Encoding *c, int from, int end, int overlap) {
  int next = end - overlap;
  if (next <= from) next = from + 1;
  while (next < end && !c->whole[next]) next++;
  return next;
}

int chunk_text(Session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e) {
  const Model *m = s->model;
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
  Walk starts = {(const unsigned char *)text.data, text.size, 0, 0}, ends = starts;
  s->windows.size = 0;
  for (int from = first, end; from < last && !e->code; from = next_start(&c, from, end, overlap)) {
    end = window_end(&c, from, last, max_tokens - special);
    bert_chunk w = {.start = c.start[from], .end = c.end[end - 1], .tokens = end - from + special};
    w.byte_start = byte_of(&starts, w.start);
    w.byte_end = byte_of(&ends, w.end);
    buf_add(&s->windows, &w, sizeof w, e);
    count++;
    if (end == last) break;
  }
  *chunks = (const bert_chunk *)s->windows.data;
  return count;
}
