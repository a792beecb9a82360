/* scan.c -- see scan.h.
** Layer: index. Uses: kernel. */
#include "index/scan.h"

#include <math.h>

#include "kernel/kernel.h"

/* A panel of which so few rows are wanted (by a filter) is not read: their 8-bit codes are, a few lines of memory each. */
enum { SPARSE = 4 };
/* Panels of a scan call, and these times its queries: enough to forget the calls, and sums that stay near. */
enum { RUN = 16, RUN_SUMS = 512 };
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

/* The constants of bounds (2) and (3) for the query's present threshold. */
static void renew(const Scan *s, int q, Found *found) {
  ScanQuery *query = &s->query[q];
  float t = atomic_load_explicit(&query->threshold, memory_order_relaxed);
  if (t == found->threshold) return;
  found->threshold = t;
  /* A row whose computed cosine is t may have t - slack in truth. */
  found->near = t < -1 ? 2 * PI : acos(fmax(-1, fmin(1, t - s->slack)));
  found->near_c = cos(found->near), found->near_s = sin(found->near);
  found->angle = found->near + query->code.angle + s->widest;
  found->c = (float)cos(found->angle);
  found->s = (float)sin(found->angle);
}

/* Whether a row whose fine code has cosine y with the query is too far, by (2) and without a square root. */
static int too_far(const Scan *s, const Found *f, const Block *b, int place, float y) {
  return f->near <= PI / 2 && y + s->slack < f->near_c * b->cosine8[place] - f->near_s * b->sine8[place] - s->slack;
}

/* Bound (2) for a row, which becomes a candidate or is out. */
static void refine(const Scan *s, int q, const Block *b, int64_t number, int place, Found *found, bert_err *e) {
  ScanQuery *query = &s->query[q];
  Candidate one = {0, 0, number * BERT_BLOCK_SLOTS + place, b->rowid[place]};
  if (!query->zero && b->scale8[place] > 0) {
    float y;
    kernels()->dot_code(&y, query->code.q, b->codes + (size_t)place * (size_t)b->depth, b->dimensions);
    y *= b->scale8[place];
    renew(s, q, found);
    if (s->estimate) one.low = one.high = y;
    else if (too_far(s, found, b, place, y)) return;
    else interval(s, b, place, y, &one);
  }
  float threshold = atomic_load_explicit(&query->threshold, memory_order_relaxed);
  if (one.high < threshold) return;
  candidates_add(&found->found, &one, threshold, e);
  best_push(&found->best, one.low, e);
  if (!e->code && s->k && found->best.n == s->k) scan_raise(query, found->best.at[0]);
}

/* ---- rows that are put off ------------------------------------------------------------------------------------------- */

/* Whether bound (3), as it stands, still lets the row through: any row where angles might exceed pi, p4 being less than
** half of it. */
static int still(const Scan *s, const Found *f, const Later *l) {
  return f->angle > PI / 2 || l->y >= f->c * l->cosine - f->s * l->sine - (float)s->slack;
}

static void laters_add(const Scan *s, Found *f, const Later *one, bert_err *e) {
  Laters *l = &f->later;
  if (l->n == l->room) {
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
      if (still(s, f, &l->at[i])) l->at[n++] = l->at[i];
    l->n = n;
    if (n * 2 >= l->room) {
      size_t room = l->room ? 2 * l->room : 256;
      Later *at = mem_grow(l->at, room, sizeof *at, e);
      if (!at) return;
      l->at = at, l->room = room;
    }
  }
  l->at[l->n++] = *one;
}

void scan_later(const Scan *s, const Lot *lot, int q, Found *f, bert_err *e) {
  for (size_t i = 0; i < f->later.n && !e->code; i++) {
    const Later *l = &f->later.at[i];
    renew(s, q, f);
    if (still(s, f, l)) refine(s, q, lot->block[l->block], lot->ref[l->block].block, l->place, f, e);
  }
  f->later.n = 0;
}

/* ---- one block --------------------------------------------------------------------------------------------------------- */

typedef struct {
  const Scan *s;
  const Lot *lot;
  const Block *b;
  const Worker *w;
  int i; /* of the lot */
} Pass;

/* What of panel p's rows the filter leaves. */
static uint32_t wanted(const Pass *p, int panel) {
  const uint32_t *allowed = p->lot->ref[p->i].allowed;
  return allowed ? p->b->taken[panel] & allowed[panel] : p->b->taken[panel];
}

/* Rows of a panel that bound (3) let through; sum is the panel's. Without a k all are as good as any other. */
static void pass_rows(const Pass *p, int q, int panel, uint32_t rows, const int32_t *sum) {
  const CodeQuery *code = &p->s->query[q].code;
  Found *f = &p->w->found[q];
  for (; rows && !p->w->e->code; rows &= rows - 1) {
    int r = __builtin_ctz(rows), place = panel * KERNEL_PANEL + r;
    float y = ((float)sum[r] - code->zero) * (code->factor * p->b->scale4[place]);
    Later one = {y, p->b->cosine4[place], p->b->sine4[place], p->i, place};
    if (f->nearest.most && f->nearest.n == f->nearest.most && y <= f->nearest.at[0]) {
      laters_add(p->s, f, &one, p->w->e);
      continue;
    }
    best_push(&f->nearest, y, p->w->e);
    refine(p->s, q, p->b, p->lot->ref[p->i].block, place, f, p->w->e);
  }
}

/* Sets mask[panels] for query q by bound (3). */
static void screen_query(const Pass *p, int q, int panel, int panels, const int32_t *sum, uint32_t *mask) {
  const Block *b = p->b;
  const CodeQuery *code = &p->s->query[q].code;
  Found *f = &p->w->found[q];
  size_t row = (size_t)panel * KERNEL_PANEL;
  renew(p->s, q, f);
  KernelScreen screen = {mask, sum, b->scale4 + row, b->cosine4 + row, b->sine4 + row, panels, code->zero, code->factor, f->c,
                         f->s, (float)-p->s->slack};
  if (f->angle + b->widest4 > PI - 1e-3) screen.c = screen.s = 0, screen.offset = -INFINITY;
  kernels()->screen(&screen);
}

/* Panels that one call may take. */
static int longest_run(const Scan *s) {
  int n = RUN_SUMS / s->count;
  return n < 1 ? 1 : n < RUN ? n : RUN;
}

static void scan_run(const Pass *p, int panel, int panels) {
  const Scan *s = p->s;
  uint32_t mask[RUN];
  size_t stride = (size_t)panels * KERNEL_PANEL;
  KernelScan scan = {p->w->sums, stride, p->b->panels + (size_t)panel * KERNEL_PANEL / 2 * (size_t)s->depth, s->q8, s->count,
                     panels, s->depth};
  kernels()->scan(&scan);
  for (int q = 0; q < s->count && !p->w->e->code; q++) {
    const int32_t *sum = p->w->sums + (size_t)q * stride;
    screen_query(p, q, panel, panels, sum, mask);
    for (int i = 0; i < panels; i++) {
      uint32_t rows = mask[i] ? mask[i] & wanted(p, panel + i) : 0;
      if (rows) pass_rows(p, q, panel + i, rows, sum + (size_t)i * KERNEL_PANEL);
    }
  }
}

/* How many panels from `panel` on are to be read whole, as far as a call goes; 0 where this one is not. */
static int run_from(const Pass *p, int panel, int end) {
  int n = 0, most = longest_run(p->s);
  while (n < most && panel + n < end && __builtin_popcount(wanted(p, panel + n)) > SPARSE) n++;
  return n;
}

/* The few rows of a panel that are wanted, by their fine codes. */
static void sparse_panel(const Pass *p, int panel) {
  for (int q = 0; q < p->s->count; q++)
    for (uint32_t rows = wanted(p, panel); rows && !p->w->e->code; rows &= rows - 1)
      refine(p->s, q, p->b, p->lot->ref[p->i].block, panel * KERNEL_PANEL + __builtin_ctz(rows), &p->w->found[q], p->w->e);
}

size_t scan_sums(const Scan *s) { return (size_t)s->count * (size_t)longest_run(s) * KERNEL_PANEL; }

void scan_block(const Scan *s, const Lot *lot, int i, const Worker *w) {
  Pass p = {s, lot, lot->block[i], w, i};
  int64_t work = 0, panel_work = (int64_t)KERNEL_PANEL * s->depth * s->count;
  for (int panel = 0, end = p.b->padded / KERNEL_PANEL, n; panel < end && !w->e->code; panel += n) {
    n = run_from(&p, panel, end);
    if (n) scan_run(&p, panel, n);
    else sparse_panel(&p, panel);
    if (!n) n = 1;
    work += n * panel_work;
    if (work < PAUSE) continue;
    work = 0;
    if (w->pause) w->pause(w->context);
    if (atomic_load_explicit(w->stop, memory_order_relaxed)) return;
  }
}
