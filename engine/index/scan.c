/* scan.c -- see scan.h.
** Layer: index. Uses: kernel. */
#include "index/scan.h"

#include <math.h>

/* A panel of which so few rows are wanted (by a filter) is not read: their 8-bit codes are, a few lines of memory each. */
enum { SPARSE = 4 };
/* Panels of a scan call, and these times its queries: enough to forget the calls, few enough for a threshold of late. */
enum { RUN = 16, RUN_PAIRS = 512 };
/* Rows put off, and bytes, between a code being asked for and read. */
enum { AHEAD = 4, LINE = 64 };
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
  Candidate one = {.slot = number * BERT_BLOCK_SLOTS + place};
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
  one.rowid = b->rowid[place]; /* a line of memory that few need */
  candidates_add(&found->found, &one, threshold, e);
  best_push(&found->best, one.low, e);
  if (!e->code && s->k && found->best.n == s->k) scan_raise(query, found->best.at[0]);
}

/* Those nearer than most so far, by their cosines of 4 bits. */
static KernelBound nearer(const CodeQuery *code, const Found *f) {
  int full = f->nearest.most && f->nearest.n == f->nearest.most;
  return (KernelBound){code->zero, code->factor, 0, 0, full ? f->nearest.at[0] : -INFINITY};
}

/* Bound (3) for the query's present threshold; any row where angles might exceed pi. */
static KernelBound bound_of(const Scan *s, int q, const Block *b, Found *f) {
  const CodeQuery *code = &s->query[q].code;
  if (s->sampling) return nearer(code, f);
  renew(s, q, f);
  if (f->angle + b->widest4 > PI - 1e-3) return (KernelBound){code->zero, code->factor, 0, 0, -INFINITY};
  return (KernelBound){code->zero, code->factor, f->c, f->s, (float)-s->slack};
}

/* Those rows of a panel that reach a bound with the sums they have. */
static uint32_t reaching(const Block *b, const KernelPassed *p, const KernelBound *bound) {
  size_t row = (size_t)p->panel * KERNEL_PANEL;
  uint32_t rows;
  kernels()->screen(&rows, p->sum, b->scale4 + row, b->cosine4 + row, b->sine4 + row, bound);
  return rows & p->rows;
}

/* ---- rows that are put off ------------------------------------------------------------------------------------------- */

/* Takes out what the bound, as it stands, no longer lets through. */
static void laters_prune(const Scan *s, const Lot *lot, int q, Found *f) {
  size_t n = 0;
  for (size_t i = 0; i < f->later.n; i++) {
    Later *l = &f->later.at[i];
    KernelBound bound = bound_of(s, q, lot->block[l->block], f);
    l->passed.rows = reaching(lot->block[l->block], &l->passed, &bound);
    if (l->passed.rows) f->later.at[n++] = *l;
  }
  f->later.n = n;
}

static void laters_add(const Scan *s, const Lot *lot, int q, Found *f, const KernelPassed *passed, uint32_t rows, int block,
                       bert_err *e) {
  Laters *l = &f->later;
  if (l->n == l->room) {
    laters_prune(s, lot, q, f);
    if (l->n * 2 >= l->room) {
      size_t room = l->room ? 2 * l->room : 64;
      Later *at = mem_grow(l->at, room, sizeof *at, e);
      if (!at) return;
      l->at = at, l->room = room;
    }
  }
  l->at[l->n] = (Later){block, *passed};
  l->at[l->n++].passed.rows = rows;
}

/* Codes lie far apart, so that those of the next rows are asked for before these are read. */
static void fetch_codes(const Lot *lot, const Later *l) {
  const Block *b = lot->block[l->block];
  for (uint32_t rows = l->passed.rows; rows; rows &= rows - 1) {
    const uint8_t *code = b->codes + (size_t)(l->passed.panel * KERNEL_PANEL + __builtin_ctz(rows)) * (size_t)b->depth;
    for (int i = 0; i < b->depth; i += LINE) __builtin_prefetch(code + i);
  }
}

void scan_later(const Scan *s, const Lot *lot, int q, Laters *later, Found *f, bert_err *e) {
  for (size_t i = 0; i < later->n; i++) {
    const Later *l = &later->at[i];
    const Block *b = lot->block[l->block];
    if (i + AHEAD < later->n) fetch_codes(lot, l + AHEAD);
    KernelBound bound = bound_of(s, q, b, f);
    for (uint32_t rows = reaching(b, &l->passed, &bound); rows && !e->code; rows &= rows - 1)
      refine(s, q, b, lot->ref[l->block].block, l->passed.panel * KERNEL_PANEL + __builtin_ctz(rows), f, e);
  }
  later->n = 0;
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

/* Rows that bound (3) let through: those nearer than most so far go on, others are put off. Without a k all are as good as any
** other. A sample puts off the near ones, of which few are so in the end. */
static void pass_rows(const Pass *p, KernelPassed *passed) {
  const Scan *s = p->s;
  const CodeQuery *code = &s->query[passed->query].code;
  Found *f = &p->w->found[passed->query];
  KernelBound bound = nearer(code, f);
  passed->rows &= wanted(p, passed->panel);
  uint32_t near = passed->rows ? reaching(p->b, passed, &bound) : 0, put_off = s->sampling ? near : passed->rows & ~near;
  if (put_off) laters_add(s, p->lot, passed->query, f, passed, put_off, p->i, p->w->e);
  for (; near && !p->w->e->code; near &= near - 1) {
    int r = __builtin_ctz(near), place = passed->panel * KERNEL_PANEL + r;
    best_push(&f->nearest, ((float)passed->sum[r] - code->zero) * (code->factor * p->b->scale4[place]), p->w->e);
    if (!s->sampling) refine(s, passed->query, p->b, p->lot->ref[p->i].block, place, f, p->w->e);
  }
}

/* Panels that one call may take. */
static int longest_run(const Scan *s) {
  int n = RUN_PAIRS / s->count;
  return n < 1 ? 1 : n < RUN ? n : RUN;
}

static void scan_run(const Pass *p, int panel, int panels) {
  const Scan *s = p->s;
  const Block *b = p->b;
  size_t row = (size_t)panel * KERNEL_PANEL;
  for (int q = 0; q < s->count; q++) p->w->bound[q] = bound_of(s, q, b, &p->w->found[q]);
  KernelScan scan = {p->w->passed, 0, b->panels + row / 2 * (size_t)s->depth, b->scale4 + row, b->cosine4 + row, b->sine4 + row,
                     s->q8, p->w->bound, s->count, panels, s->depth};
  kernels()->scan(&scan);
  for (int i = 0; i < scan.count && !p->w->e->code; i++) {
    scan.passed[i].panel += panel;
    pass_rows(p, &scan.passed[i]);
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

size_t scan_room(const Scan *s) { return (size_t)s->count * (size_t)longest_run(s); }

void scan_block(const Scan *s, const Lot *lot, int i, const Worker *w) {
  Pass p = {s, lot, lot->block[i], w, i};
  int64_t work = 0, panel_work = (int64_t)KERNEL_PANEL * s->depth * s->count;
  for (int panel = 0, end = p.b->padded / KERNEL_PANEL, n; panel < end && !w->e->code; panel += n) {
    n = run_from(&p, panel, end);
    if (n) scan_run(&p, panel, n);
    else if (!s->sampling) sparse_panel(&p, panel);
    if (!n) n = 1;
    work += n * panel_work;
    if (work < PAUSE) continue;
    work = 0;
    if (w->pause) w->pause(w->context);
    if (atomic_load_explicit(w->stop, memory_order_relaxed)) return;
  }
}
