/* rescore.c -- see rescore.h.
** Layer: index. Uses: base kernel.
**
** Order among equals: distance, then rowid. A candidate's cosine is not known from its bounds, so ties at the k-th
** place are all compared: whoever reaches the k-th cosine is asked for. */
#include "index/rescore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "kernel/cosine.h"

/* Floats of vectors that are asked for at once: 4 MiB. */
enum { ASK_FLOATS = 1 << 20, ROUND_LEAST = 32 };

/* A candidate of a query that is to be compared. */
typedef struct {
  int64_t slot;
  int query;
  size_t hit; /* where its distance goes */
} Want;

typedef struct {
  Candidates *all;   /* best upper bound first */
  size_t next;       /* those before are compared */
  size_t round;      /* how many the next round may take */
  Best best;         /* the k largest cosines */
  bert_hit *hit;     /* [next] */
} Rescored;

typedef struct {
  const bert_scope *scope;
  const float *queries;
  Rescored *of; /* [count] */
  int count;
  Want *want;
  size_t wanted, room;
  int64_t *slots;
  float *vectors; /* [ask][dimensions] */
  size_t ask;
  const bert_progress *progress;
} Rescore;

static int by_high(const void *a, const void *b) {
  const Candidate *x = a, *y = b;
  if (x->high != y->high) return x->high > y->high ? -1 : 1;
  return (x->rowid > y->rowid) - (x->rowid < y->rowid);
}
static int by_slot(const void *a, const void *b) {
  const Want *x = a, *y = b;
  return (x->slot > y->slot) - (x->slot < y->slot);
}
static int by_distance(const void *a, const void *b) {
  const bert_hit *x = a, *y = b;
  if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
  return (x->rowid > y->rowid) - (x->rowid < y->rowid);
}

/* The least cosine that still matters. */
static double least_of(const Rescored *r) { return r->best.most && r->best.n == r->best.most ? r->best.at[0] : -2; }

/* Adds to the list what query q needs in this round. */
static void want_more(Rescore *s, int q, bert_err *e) {
  Rescored *r = &s->of[q];
  double least = least_of(r);
  for (size_t n = 0; n < r->round && r->next < r->all->n && r->all->at[r->next].high >= least; n++, r->next++) {
    const Candidate *c = &r->all->at[r->next];
    if (s->wanted == s->room) {
      size_t room = s->room ? 2 * s->room : 64;
      Want *want = mem_grow(s->want, room, sizeof *want, e);
      if (!want) return;
      s->want = want, s->room = room;
    }
    r->hit[r->next] = (bert_hit){c->slot, c->rowid, 0};
    s->want[s->wanted++] = (Want){c->slot, q, r->next};
  }
  r->round = 2 * r->round < ROUND_LEAST ? ROUND_LEAST : 2 * r->round;
}

static void compare(Rescore *s, const Want *w, const float *vector, bert_err *e) {
  Rescored *r = &s->of[w->query];
  size_t d = (size_t)s->scope->dimensions;
  double cosine = cosine_of(vector, s->queries + (size_t)w->query * d, s->scope->dimensions);
  float rounded = (float)cosine;
  r->hit[w->hit].distance = 1 - cosine;
  /* Rounded down, so that no cosine equal to the k-th falls below it. */
  best_push(&r->best, rounded > cosine ? nextafterf(rounded, -2) : rounded, e);
}

/* Asks for the vectors of wants from `at` on, as many as fit, and compares them; returns where the next ones begin. */
static size_t ask(Rescore *s, size_t at, bert_err *e) {
  size_t end = at, n = 0, d = (size_t)s->scope->dimensions;
  for (; end < s->wanted; end++) {
    if (n && s->slots[n - 1] == s->want[end].slot) continue;
    if (n == s->ask) break;
    s->slots[n++] = s->want[end].slot;
  }
  if (s->scope->store.vectors(s->scope->store.context, s->slots, (int)n, s->vectors))
    err_set(e, BERT_IO, "vectors of an index cannot be read");
  for (size_t v = 0; at < end && !e->code; at++) {
    if (s->slots[v] != s->want[at].slot) v++;
    compare(s, &s->want[at], s->vectors + v * d, e);
  }
  progress_ask(s->progress, e);
  return end;
}

static void compare_rounds(Rescore *s, bert_err *e) {
  do {
    s->wanted = 0;
    for (int q = 0; q < s->count && !e->code; q++) want_more(s, q, e);
    if (s->wanted) qsort(s->want, s->wanted, sizeof *s->want, by_slot);
    for (size_t at = 0; at < s->wanted && !e->code;) at = ask(s, at, e);
  } while (s->wanted && !e->code);
}

/* No vectors: the bounds, which are one number, are the answer. */
static void take_estimates(Rescore *s) {
  for (int q = 0; q < s->count; q++) {
    Rescored *r = &s->of[q];
    for (; r->next < r->all->n; r->next++) {
      const Candidate *c = &r->all->at[r->next];
      r->hit[r->next] = (bert_hit){c->slot, c->rowid, 1 - (double)c->high};
    }
  }
}

static void finish(Rescore *s, Rescored *r, bert_hits *out) {
  out->hit = r->hit;
  r->hit = NULL;
  if (r->next) qsort(out->hit, r->next, sizeof *out->hit, by_distance);
  int64_t n = (int64_t)r->next < s->scope->k ? (int64_t)r->next : s->scope->k;
  while (n && !(out->hit[n - 1].distance <= s->scope->most)) n--;
  out->n = n;
}

void rescore(const bert_scope *scope, const float *queries, int count, Candidates *const *all, bert_hits *out,
             const bert_progress *progress, bert_err *e) {
  Rescore s = {.scope = scope, .queries = queries, .count = count, .progress = progress};
  size_t d = (size_t)scope->dimensions, most = 1;
  s.of = mem_new((size_t)count, sizeof *s.of, e);
  for (int q = 0; q < count && !e->code; q++) {
    Rescored *r = &s.of[q];
    size_t k = (uint64_t)scope->k < all[q]->n ? (size_t)scope->k : all[q]->n;
    *r = (Rescored){.all = all[q], .round = k, .best = {.most = k}};
    if (r->all->n) qsort(r->all->at, r->all->n, sizeof *r->all->at, by_high);
    r->hit = mem_new(r->all->n, sizeof *r->hit, e);
    most += r->all->n;
  }
  s.ask = ASK_FLOATS / d < most ? ASK_FLOATS / d + 1 : most;
  if (scope->store.vectors) {
    s.slots = mem_new(s.ask, sizeof *s.slots, e);
    s.vectors = mem_new(s.ask, d * sizeof *s.vectors, e);
    if (!e->code) compare_rounds(&s, e);
  } else if (!e->code) {
    take_estimates(&s);
  }
  for (int q = 0; s.of && q < count; q++) {
    if (!e->code) finish(&s, &s.of[q], &out[q]);
    mem_free(s.of[q].hit), mem_free(s.of[q].best.at);
  }
  mem_free(s.of), mem_free(s.want), mem_free(s.slots), mem_free(s.vectors);
}
