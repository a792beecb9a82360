/* examples_mask.c -- which tokens are masked, and by what (Devlin et al. 2018, section 3.1; create_pretraining_data).
** Layer: model. Uses: base text nn.
**
**    of a row of n tokens   max(1, round(0.15 n)), at most max_predictions, are chosen; [CLS] and [SEP] never
**    of the chosen          80 % become [MASK], 10 % any token of the vocabulary, 10 % stay as they are
**
** whole_word chooses words: a piece that goes on with one ("##ing"; of byte-level BPE what has no space before it) is chosen
** with the piece before it, or not at all.
** Drawn from (seed, epoch, example) alone. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "model/examples_store.h"

/* Tokens first … past-1, chosen together. */
typedef struct {
  int32_t first, past;
} Unit;

static int is_kept(const Model *m, int32_t id) {
  return id == m->special[SPECIAL_CLS] || id == m->special[SPECIAL_SEP] || id == m->special[SPECIAL_PAD];
}

static int goes_on(const Model *m, int32_t id) {
  const char *piece = tokenizer_piece(m->tokenizer, id);
  const uint16_t *spelled = tokenizer_byte_characters(m->tokenizer);
  if (!spelled) return !strncmp(piece, "##", 2);
  unsigned char space[4];
  size_t n = (size_t)utf8_encode(spelled[' '], space);
  return strncmp(piece, (const char *)space, n) != 0;
}

static int units_of(Examples *x, const int32_t *ids, int n, bert_err *e) {
  const Model *m = x->session->model;
  x->chosen.size = 0;
  Unit *unit = buf_room(&x->chosen, (size_t)n * sizeof *unit, e);
  int count = 0;
  for (int t = 0; t < n && unit; t++) {
    if (is_kept(m, ids[t])) continue;
    int joins = x->options.whole_word && count && unit[count - 1].past == t && goes_on(m, ids[t]);
    if (joins) unit[count - 1].past = t + 1;
    else unit[count++] = (Unit){t, t + 1};
  }
  return count;
}

static int by_place(const void *a, const void *b) {
  const Unit *p = a, *q = b;
  return (p->first > q->first) - (p->first < q->first);
}

/* Moves units drawn at random to the front, as many as make `most` tokens; one that would pass it is left out. */
static int draw_units(Unit *unit, int count, int most, Rng *r) {
  int taken = 0, tokens = 0;
  for (int left = count; left > 0 && tokens < most; left--) {
    int k = taken + (int)rng_below(r, (uint32_t)left);
    Unit u = unit[k];
    int fits = tokens + u.past - u.first <= most;
    int to = fits ? taken : taken + left - 1; /* what does not fit goes where nothing is drawn */
    unit[k] = unit[to];
    unit[to] = u;
    if (!fits) continue;
    tokens += u.past - u.first;
    taken++;
  }
  return taken;
}

static int32_t masked(const Model *m, int32_t id, Rng *r) {
  uint32_t lot = rng_below(r, 10);
  if (lot < 8) return m->special[SPECIAL_MASK];
  return lot == 8 ? id : (int32_t)rng_below(r, (uint32_t)m->config.vocabulary);
}

void examples_mask(Examples *x, int i, int32_t *ids, int n, int base, Buf *position, Buf *target, bert_err *e) {
  const Model *m = x->session->model;
  Rng r = rng_stream(x->options.seed, examples_stream(STREAM_MASK, x->epoch, i));
  int most = (int)(x->options.masked_lm_prob * n + 0.5);
  if (most < 1) most = 1;
  if (most > x->max_predictions) most = x->max_predictions;
  int count = units_of(x, ids, n, e);
  if (e->code) return;
  Unit *unit = (Unit *)x->chosen.data;
  int taken = draw_units(unit, count, most, &r);
  if (taken) qsort(unit, (size_t)taken, sizeof *unit, by_place);
  for (int k = 0; k < taken; k++)
    for (int32_t t = unit[k].first; t < unit[k].past; t++) {
      int32_t at = base + t;
      buf_add(position, &at, sizeof at, e);
      buf_add(target, &ids[t], sizeof ids[t], e);
      ids[t] = masked(m, ids[t], &r);
    }
}
