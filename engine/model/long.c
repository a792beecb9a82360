/* long.c -- see long.h.
** Layer: model. Uses: base text nn. */
#include "model/long.h"

#include <string.h>

/* Windows that share nothing, each between the special tokens of the whole. */
static void add_windows(Session *s, const Encoding *c, int text, int skip, bert_err *e) {
  int lead = 0, trail = 0;
  while (lead < c->n && c->special[lead]) lead++;
  while (trail < c->n - lead && c->special[c->n - 1 - trail]) trail++;
  int room = s->model->max_tokens - lead - trail, end = c->n - trail;
  for (int from = lead; (from < end || from == lead) && !e->code; from += room) {
    int n = end - from < room ? end - from : room;
    batch_begin(s, text, from == lead ? skip : 0, e);
    batch_tokens(s, c, 0, lead, e);
    batch_tokens(s, c, from, n, e);
    batch_tokens(s, c, end, trail, e);
  }
}

void long_refuse(const Model *m, const Encoding *c, const char *what, bert_err *e) {
  if (m->options.on_long == ON_LONG_ERROR && c->total > m->max_tokens)
    err_set(e, BERT_ARGUMENT, "found a %s of %lld tokens, wanted at most the model's %d (its option on_long is error)",
            what, (long long)c->total, m->max_tokens);
}

void long_add(Session *s, int index, bert_text text, int skip, bert_err *e) {
  const Model *m = s->model;
  Encoding c;
  int window = m->options.on_long == ON_LONG_MEAN ? 0 : m->max_tokens;
  tokenizer_encode(m->tokenizer, s->tokens, text, NULL, window, 0, &c, e);
  if (!e->code) long_refuse(m, &c, "text", e);
  if (e->code) return;
  if (m->options.on_long == ON_LONG_MEAN && c.n > m->max_tokens) {
    add_windows(s, &c, index, skip, e);
    return;
  }
  batch_begin(s, index, skip < c.n ? skip : c.n - 1, e);
  batch_tokens(s, &c, 0, c.n, e);
}

void long_add_pair(Session *s, int index, bert_text a, bert_text b, bert_err *e) {
  const Model *m = s->model;
  Encoding c;
  tokens_refuse_pair(m, e);
  tokenizer_encode(m->tokenizer, s->tokens, a, &b, m->max_tokens, 0, &c, e);
  if (!e->code) long_refuse(m, &c, "pair", e);
  batch_begin(s, index, 0, e);
  if (!e->code) batch_tokens(s, &c, 0, c.n, e);
}

void long_average(const Item *items, int count, int width, const float *vectors, float *out, int texts, int *windows) {
  size_t W = (size_t)width;
  memset(out, 0, (size_t)texts * W * sizeof *out);
  memset(windows, 0, (size_t)texts * sizeof *windows);
  for (int i = 0; i < count; i++) windows[items[i].text]++;
  for (int i = 0; i < count; i++) {
    const float *from = vectors + (size_t)i * W;
    float *to = out + (size_t)items[i].text * W, share = 1.0f / (float)windows[items[i].text];
    if (windows[items[i].text] == 1) memcpy(to, from, W * sizeof *to); /* its own bits, -0 included */
    else
      for (size_t j = 0; j < W; j++) to[j] += from[j] * share;
  }
}
