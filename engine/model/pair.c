/* pair.c -- see pair.h.
** Layer: model. Uses: base text nn. */
#include "model/pair.h"

void pair_encode(Session *s, bert_text a, bert_text b, int offsets, Pair *p, bert_err *e) {
  const Tokenizer *t = s->model->tokenizer;
  *p = (Pair){.special = tokenizer_special_count(t, 1)};
  tokens_refuse_pair(s->model, e);
  int64_t alone = e->code ? 0 : tokenizer_count(t, s->tokens, a, e) - tokenizer_special_count(t, 0);
  tokenizer_encode(t, s->tokens, a, &b, 0, offsets, &p->c, e);
  if (e->code) return;
  const Encoding *c = &p->c;
  p->a_count = (int)alone;
  p->b_count = c->n - p->special - p->a_count;
  while (p->a < c->n && c->special[p->a]) p->a++;
  p->b = p->a + p->a_count;
  while (p->b < c->n && c->special[p->b]) p->b++;
  if (p->a_count == 0 || p->b_count == 0) /* nothing shows where the absent one would stand */
    p->a = p->a_count ? p->a : p->b, p->b = p->b_count ? p->b : p->a + p->a_count;
}

void pair_add(Session *s, const Pair *p, int text, int keep, int from, int n, bert_err *e) {
  int past_a = p->a + p->a_count, past_b = p->b + p->b_count;
  batch_begin(s, text, 0, e);
  batch_tokens(s, &p->c, 0, p->a + keep, e);
  batch_tokens(s, &p->c, past_a, p->b - past_a, e);
  batch_tokens(s, &p->c, p->b + from, n, e);
  batch_tokens(s, &p->c, past_b, p->c.n - past_b, e);
}

void pair_windows(PairWindows *w, Session *s, bert_text a, bert_text b, int window, int most, int overlap,
                  bert_err *e) {
  *w = (PairWindows){.keep = 0};
  pair_encode(s, a, b, 1, &w->p, e);
  if (e->code) return;
  int room = window - w->p.special;
  if (room < 2) {
    err_set(e, BERT_ARGUMENT, "%s: found a window of %d tokens, wanted at least %d: %d special ones, question, passage",
            s->model->source, window, w->p.special + 2, w->p.special);
    return;
  }
  w->keep = w->p.a_count < most ? w->p.a_count : most;
  if (w->keep > room - 1) w->keep = room - 1;
  w->room = room - w->keep;
  if (overlap > window / 2) overlap = window / 2;
  w->step = w->room - (overlap < w->room ? overlap : w->room / 2);
}

void pair_window_add(Session *s, const PairWindows *w, int text, int from, bert_err *e) {
  pair_add(s, &w->p, text, w->keep, from, pair_window_count(w, from), e);
}
