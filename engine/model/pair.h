/* pair.h -- two texts of which only one may be cut, or is read in windows.
** Layer: model. Uses: base text nn.
**
**    [CLS] a a a [SEP] b b b b b b [SEP]      as the tokenizer's template has it
**          |a_count    |b_count
*/
#ifndef MODEL_PAIR_H
#define MODEL_PAIR_H

#include "model/batch.h"

typedef struct {
  Encoding c;  /* both texts, whole */
  int a, a_count;
  int b, b_count;
  int special; /* tokens of the template */
} Pair;

/* Encodes both; valid until the session's next call. */
void pair_encode(Session *s, bert_text a, bert_text b, int offsets, Pair *p, bert_err *e);

/* Adds an item: the template around the first `keep` tokens of a and the tokens from … from+n-1 of b. */
void pair_add(Session *s, const Pair *p, int text, int keep, int from, int n, bert_err *e);

/* Of questions and passages, in tokens (Devlin et al. 2018, and run_squad). */
enum { PAIR_WINDOW = 384, PAIR_OVERLAP = 128, PAIR_QUESTION = 64 };

/* A pair whose second text is read in windows that overlap: questions and their passage. */
typedef struct {
  Pair p;
  int keep; /* tokens of the first text that every window has */
  int room; /* tokens of the second text that a window holds */
  int step; /* from a window's start to the next one's */
} PairWindows;

/* Windows of up to `window` tokens, of which the first text has at most `most`; each repeats `overlap` tokens of the
** one before, or half of what it can. As pair_encode. */
void pair_windows(PairWindows *w, Session *s, bert_text a, bert_text b, int window, int most, int overlap, bert_err *e);
/* How many tokens of the second text the window has that starts at its token `from`. */
static inline int pair_window_count(const PairWindows *w, int from) {
  return w->p.b_count - from < w->room ? w->p.b_count - from : w->room;
}
/* Adds that window as an item. */
void pair_window_add(Session *s, const PairWindows *w, int text, int from, bert_err *e);
/* Where the second text's tokens stand in a window's. */
static inline int pair_window_at(const PairWindows *w) { return w->p.b - (w->p.a_count - w->keep); }

#endif
