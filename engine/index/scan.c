/* scan.c -- see scan.h.
** Layer: index. Uses: kernel. */
#include "index/scan.h"

#include <math.h>

#include "kernel/kernel.h"

/* A panel of which so few rows are wanted (by a filter) is not read: their 8-bit codes are, a few lines of memory each. */
enum { SPARSE = 4 };
/* Panels of a scan call times its queries: enough to forget the calls, and sums that stay in L1. */
enum { RUN = 16 };
/* Multiplications between two calls of pause. */
enum { PAUSE = 100000000 };
static const double PI = 3.14159265358979323846;

/* ---- the largest and the candidates --------------------------------------------------------------------------------- */

static void sift_up(float *at, size_t i) {
  for (float x = at[i]; i && at[(i - 1) / 2] > x; i = (i - 1) / 2) {
    at[i] = at[(i - 1) / 2];
    at[(i - 1) / 2] = x;
  }
}

static void sift_down(float *at, size_t n, float x) {
  size_t i = 0;
  for (size_t child = 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && at[child + 1] < at[child]) child++;
    if (at[child] >= x) break;
    at[i] = at[child];
    i = child;
  }
  at[i] = x;
}

void best_push(Best *b, float x, bert_err *e) {
  if (b->n == b->most) {
    if (b->n && x > b->at[0]) sift_down(b->at, b->n, x);
    return;
  }
  if (b->n == b->room) {
    size_t room = b->room ? 2 * b->room : 16;
    float *at = mem_grow(b->at, room, sizeof *at, e);
    if (!at) return;
    b->at = at, b->room = room;
  }
  b->at[b->n] = x;
  sift_up(b->at, b->n++);
}

void candidates_prune(Candidates *c, float threshold) {
  size_t n = 0;
  for (size_t i = 0; i < c->n; i++)
    if (c->at[i].high >= threshold) c->at[n++] = c->at[i];
  c->n = n;
}

void candidates_add(Candidates *c, const Candidate *one, float threshold, bert_err *e) {
  if (c->n == c->room) {
    candidates_prune(c, threshold);
    if (c->n * 2 >= c->room) {
      size_t room = c->room ? 2 * c->room : 64;
      Candidate *at = mem_grow(c->at, room, sizeof *at, e);
      if (!at) return;
      c->at = at, c->room = room;
    }
  }
  c->at[c->n++] = *one;
}

void scan_raise(ScanQuery *q, float t) {
  float was = atomic_load_explicit(&q->threshold, memory_order_relaxed);
  while (was < t && !atomic_compare_exchange_weak_explicit(&q->threshold, &was, t, memory_order_relaxed,
                                                           memory_order_relaxed)) {
  }
}

/* ---- bounds ----------------------------------------------------------------------------------------------------------- */

/* The cosines that a row whose fine code has cosine y with the query may have: bounds (2). Both grow with y, so slack is
** taken from y before, where a square root would magnify it, and from the bound after. */
static void interval(const Scan *s, const Block *b, int place, float y, Candidate *out) {
  double c = b->cosine8[place], sine = b->sine8[place], least = y - s->slack, most = y + s->slack;
  out->low = (float)(least <= -c ? -1 : least >= 1 ? c : least * c - sqrt(1 - least * least) * sine - s->slack);
  out->high = (float)(most >= c ? 1 : most <= -1 ? -c : most * c + sqrt(1 - most * most) * sine + s->slack);
}

static void consider(const Scan *s, int q, const Block *b, int64_t number, int place, Found *found, bert_err *e) {
  ScanQuery *query = &s->query[q];
  Candidate one = {0, 0, number * BERT_BLOCK_SLOTS + place, b->rowid[place]};
  if (!query->zero && b->scale8[place] > 0) {
    float y;
    kernels()->dot_code(&y, query->code.q, b->codes + (size_t)place * (size_t)b->depth, b->dimensions);
    y *= b->scale8[place];
    if (s->estimate) one.low = one.high = y;
    else interval(s, b, place, y, &one);
  }
  float threshold = atomic_load_explicit(&query->threshold, memory_order_relaxed);
  if (one.high < threshold) return;
  candidates_add(&found->found, &one, threshold, e);
  best_push(&found->best, one.low, e);
  if (!e->code && s->k && found->best.n == s->k) scan_raise(query, found->best.at[0]);
}

/* Bound (3) for the query's present threshold. */
static void renew(const Scan *s, int q, Found *found) {
  ScanQuery *query = &s->query[q];
  float t = atomic_load_explicit(&query->threshold, memory_order_relaxed);
  if (t == found->threshold) return;
  double x = fmax(-1, fmin(1, t - s->slack)), rest = sqrt(1 - x * x); /* a row at t may have t - slack in truth */
  found->threshold = t;
  found->c = (float)(x * query->code.cosine - rest * query->code.sine);
  found->s = (float)(rest * query->code.cosine + x * query->code.sine);
  found->angle = t < -1 ? 2 * PI : acos(x) + asin(query->code.sine);
}

/* ---- one block --------------------------------------------------------------------------------------------------------- */

typedef struct {
  const Scan *s;
  const Block *b;
  int64_t number;
  const uint32_t *allowed;
  Found *found;
  int32_t *sums;
  bert_err *e;
} Pass;

/* What of panel p's rows the filter leaves. */
static uint32_t wanted(const Pass *p, int panel) {
  return p->allowed ? p->b->taken[panel] & p->allowed[panel] : p->b->taken[panel];
}

static void consider_rows(const Pass *p, int q, int panel, uint32_t rows) {
  for (; rows && !p->e->code; rows &= rows - 1)
    consider(p->s, q, p->b, p->number, panel * KERNEL_PANEL + __builtin_ctz(rows), &p->found[q], p->e);
}

/* Sets mask[panels] for query q by bound (3). */
static void screen_query(const Pass *p, int q, int panel, int panels, uint32_t *mask) {
  const Block *b = p->b;
  const CodeQuery *code = &p->s->query[q].code;
  Found *found = &p->found[q];
  size_t row = (size_t)panel * KERNEL_PANEL;
  renew(p->s, q, found);
  /* Estimates are angles to the fine code, which may be p8 farther from the row. */
  double widest = b->widest4 + (p->s->estimate ? b->widest8 : 0), angle = found->angle + widest;
  KernelScreen screen = {mask, p->sums + (size_t)q * (size_t)panels * KERNEL_PANEL, b->scale4 + row, b->cosine4 + row, b->sine4 + row,
                         panels, code->zero, code->factor, found->c, found->s, (float)-p->s->slack};
  if (angle > PI - 1e-3) screen.c = screen.s = 0, screen.offset = -INFINITY;
  else if (p->s->estimate) {
    double c = cos(found->angle + b->widest8), sine = sin(found->angle + b->widest8);
    screen.c = (float)c, screen.s = (float)sine;
  }
  kernels()->screen(&screen);
}

/* Panels that one call may take. */
static int longest_run(const Scan *s) { return s->count < RUN ? RUN / s->count : 1; }

static void scan_run(const Pass *p, int panel, int panels) {
  const Scan *s = p->s;
  uint32_t mask[RUN];
  KernelScan scan = {p->sums, (size_t)panels * KERNEL_PANEL, p->b->panels + (size_t)panel * KERNEL_PANEL / 2 * (size_t)s->depth,
                     s->q8, s->count, panels, s->depth};
  kernels()->scan(&scan);
  for (int q = 0; q < s->count && !p->e->code; q++) {
    screen_query(p, q, panel, panels, mask);
    for (int i = 0; i < panels; i++) consider_rows(p, q, panel + i, mask[i] & wanted(p, panel + i));
  }
}

/* How many panels from `panel` on are to be read whole, as far as a call goes; 0 where this one is not. */
static int run_from(const Pass *p, int panel, int end) {
  int n = 0, most = longest_run(p->s);
  while (n < most && panel + n < end && __builtin_popcount(wanted(p, panel + n)) > SPARSE) n++;
  return n;
}

size_t scan_sums(const Scan *s) { return (size_t)s->count * (size_t)longest_run(s) * KERNEL_PANEL; }

void scan_block(const Scan *s, const Block *b, int64_t number, const uint32_t *allowed, Found *found, int32_t *sums,
                void (*pause)(void *context), void *context, const atomic_int *stop, bert_err *e) {
  Pass p = {s, b, number, allowed, found, sums, e};
  int64_t work = 0, panel_work = (int64_t)KERNEL_PANEL * s->depth * s->count;
  for (int panel = 0, end = b->padded / KERNEL_PANEL, n; panel < end && !e->code; panel += n) {
    n = run_from(&p, panel, end);
    if (n) scan_run(&p, panel, n);
    else
      for (int q = 0; q < s->count; q++) consider_rows(&p, q, panel, wanted(&p, panel));
    if (!n) n = 1;
    work += n * panel_work;
    if (work < PAUSE) continue;
    work = 0;
    if (pause) pause(context);
    if (atomic_load_explicit(stop, memory_order_relaxed)) return;
  }
}
