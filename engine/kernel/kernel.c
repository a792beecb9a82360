/* kernel.c -- chooses the set of kernels for this machine, and packs weights into panels.
** Layer: kernel. Uses: base kernel.h sets.h cpu.h. */
#include "kernel/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "kernel/cpu.h"
#include "kernel/sets.h"

/* Slowest first: the last that runs here, and that BERT_ISA does not rule out, is chosen. */
static const struct {
  const char *isa;
  const Kernels *own; /* NULL where an operation is that of the set before */
} SETS[] = {{"ref", &kernels_ref},
#if defined(__x86_64__)
            {"avx2", &kernels_avx2},
            {"avx512", &kernels_avx512},
            {"vnni", &kernels_vnni},
#elif defined(__aarch64__)
            {"neon", &kernels_neon},
#endif
};
enum { SET_COUNT = sizeof SETS / sizeof *SETS };

/* The sets with their gaps filled, and which of them is in use. */
static struct {
  Kernels set[SET_COUNT];
  int chosen, cap;
} known;

static void fill(Kernels *set, const Kernels *below, const Kernels *own) {
  if (below) *set = *below;
#define KERNEL(name, parameters, cost) \
  if (own->name) set->name = own->name;
#include "kernel/kernels.def"
#undef KERNEL
}

/* The choice is made once: a process must not change its arithmetic's speed, or its answer to bert_kernels, midway. */
static void choose(void) {
  const char *isa = getenv("BERT_ISA");
  known.cap = SET_COUNT - 1;
  for (int i = 0; i < SET_COUNT; i++) {
    fill(&known.set[i], i ? &known.set[i - 1] : NULL, SETS[i].own);
    if (isa && !strcmp(isa, SETS[i].isa)) known.cap = i;
  }
  for (known.chosen = known.cap; known.chosen > 0 && cpu_lacks(SETS[known.chosen].isa);) known.chosen--;
}

static void know(void) {
  static PoolOnce once;
  pool_once(&once, choose);
}

const Kernels *kernels(void) {
  know();
  return &known.set[known.chosen];
}

const Kernels *kernels_at(int i) {
  know();
  return i >= 0 && i < SET_COUNT && !cpu_lacks(SETS[i].isa) ? &known.set[i] : NULL;
}

const char *kernels_name(int i) { return i >= 0 && i < SET_COUNT ? SETS[i].isa : NULL; }

/* Whether set i has the operation of its own, and whether the chosen set uses just that. */
static int has(int i, int operation, int *used) {
  int at = 0, own = 0;
#define KERNEL(name, parameters, cost)                                             \
  if (at++ == operation) {                                                         \
    own = SETS[i].own->name != NULL;                                               \
    *used = own && known.set[known.chosen].name == SETS[i].own->name;              \
  }
#include "kernel/kernels.def"
#undef KERNEL
  return own;
}

int kernels_row(int i, KernelRow *row) {
  static const char *const NAMES[] = {
#define KERNEL(name, parameters, cost) #name,
#include "kernel/kernels.def"
#undef KERNEL
  };
  enum { OPERATIONS = sizeof NAMES / sizeof *NAMES };
  know();
  for (int s = 0; s < SET_COUNT; s++)
    for (int o = 0, used; o < OPERATIONS; o++) {
      if (!has(s, o, &used) || i-- > 0) continue;
      const char *lacks = cpu_lacks(SETS[s].isa);
      const char *reason = used              ? known.cap < SET_COUNT - 1 ? "the best that BERT_ISA allows" : "the best that runs here"
                           : lacks           ? lacks
                           : s > known.cap   ? "BERT_ISA rules it out"
                                             : "a better one runs here";
      *row = (KernelRow){NAMES[o], SETS[s].isa, used, reason};
      return 1;
    }
  return 0;
}

void kernel_unpack(float *out, const float *panels, int first, int rows, int k) {
  for (int r = 0; r < rows; r++) {
    const float *from = panels + (size_t)((first + r) / KERNEL_PANEL) * (size_t)k * KERNEL_PANEL +
                        (first + r) % KERNEL_PANEL;
    for (int i = 0; i < k; i++, from += KERNEL_PANEL) *out++ = *from;
  }
}

/* ---- in 8 bits: a column's group of up to 128 numbers, four of them to each row of the panel --------------------- */

typedef struct {
  int8_t *numbers; /* four, then the next four a row of the panel further on */
  float *scale;
  int32_t *sum;
  int at, n; /* which of the k numbers */
} Group8;

static Group8 group8(const Panels8 *p, int column, int g, int k) {
  size_t panel = (size_t)column / KERNEL_PANEL, c = (size_t)column % KERNEL_PANEL;
  size_t at = (size_t)g * KERNEL_GROUP, i = (panel * (size_t)kernel_groups(k) + (size_t)g) * KERNEL_PANEL + c;
  return (Group8){.numbers = p->panels + (panel * (size_t)kernel_depth8(k) + at) * KERNEL_PANEL + 4 * c,
                  .scale = p->scale + i,
                  .sum = p->sum + i,
                  .at = (int)at,
                  .n = k - (int)at < KERNEL_GROUP ? k - (int)at : KERNEL_GROUP};
}

/* q[KERNEL_GROUP], zeros past the group's n, goes in. */
static void put_group8(const Group8 *to, const int8_t *q) {
  int32_t total = 0;
  for (int i = 0; i < to->n; i += 4) memcpy(to->numbers + (size_t)i * KERNEL_PANEL, q + i, 4);
  for (int i = 0; i < KERNEL_GROUP; i++) total += q[i];
  *to->sum = -128 * total;
}

void kernel_pack8(const Panels8 *p, const float *w, size_t stride, int first, int rows, int k) {
  for (int r = 0; r < rows; r++)
    for (int g = 0; g < kernel_groups(k); g++) {
      Group8 to = group8(p, first + r, g, k);
      int8_t q[KERNEL_GROUP] = {0};
      kernels()->quantize(q, to.scale, w + (size_t)r * stride + to.at, (size_t)to.n, 1, to.n);
      put_group8(&to, q);
    }
}

void kernel_repack8(const Panels8 *p, const int8_t *q, const float *scale, int row, int at, int n, int k) {
  for (int end = at + n; at < end; at += KERNEL_GROUP, q += KERNEL_GROUP) {
    Group8 to = group8(p, row, at / KERNEL_GROUP, k);
    int8_t padded[KERNEL_GROUP] = {0};
    memcpy(padded, q, (size_t)to.n);
    *to.scale = *scale++;
    put_group8(&to, padded);
  }
}

void kernel_unpack8(int8_t *q, float *scale, const Panels8 *p, int row, int at, int n, int k) {
  for (int end = at + n; at < end; at += KERNEL_GROUP, q += KERNEL_GROUP) {
    Group8 from = group8(p, row, at / KERNEL_GROUP, k);
    for (int i = 0; i < from.n; i++) q[i] = from.numbers[(size_t)(i / 4) * 4 * KERNEL_PANEL + (size_t)(i % 4)];
    *scale++ = *from.scale;
  }
}

/* Whole groups have a length that compilers know, and nothing that may overlap: so they use vectors. */
static void scale_group(float *restrict out, const int8_t *restrict q, float scale) {
  for (int i = 0; i < KERNEL_GROUP; i++) out[i] = (float)q[i] * scale;
}

void kernel_scale8(float *out, const int8_t *q, const float *scale, int n) {
  for (; n >= KERNEL_GROUP; n -= KERNEL_GROUP, out += KERNEL_GROUP, q += KERNEL_GROUP) scale_group(out, q, *scale++);
  for (int i = 0; i < n; i++) out[i] = (float)q[i] * *scale;
}
