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

void kernel_pack(float *panels, const float *w, size_t stride, int first, int rows, int k) {
  for (int r = 0; r < rows;) {
    int column = (first + r) % KERNEL_PANEL, n = KERNEL_PANEL - column;
    if (n > rows - r) n = rows - r;
    float *to = panels + (size_t)((first + r) / KERNEL_PANEL) * (size_t)k * KERNEL_PANEL + column;
    const float *from = w + (size_t)r * stride;
    for (int i = 0; i < k; i++, to += KERNEL_PANEL)
      for (int c = 0; c < n; c++) to[c] = from[(size_t)c * stride + (size_t)i];
    r += n;
  }
}

void kernel_pack_rows(float *panels, const float *w, size_t stride, int n, int k) {
  for (int p = 0; p < kernel_panels(n); p++) {
    const float *from = w + (size_t)p * KERNEL_PANEL;
    int part = n - p * KERNEL_PANEL;
    for (int i = 0; i < k; i++, panels += KERNEL_PANEL, from += stride) {
      if (part >= KERNEL_PANEL) memcpy(panels, from, KERNEL_PANEL * sizeof *panels);
      else
        for (int c = 0; c < KERNEL_PANEL; c++) panels[c] = c < part ? from[c] : 0.0f;
    }
  }
}

/* One column's group: w[n], four numbers to each row of the panel, with its scale and its sum. */
static void pack_group8(int8_t *to, float *scale, int32_t *sum, const float *w, int n) {
  int8_t q[KERNEL_GROUP] = {0};
  int32_t total = 0;
  kernels()->quantize(q, scale, w, (size_t)n, 1, n);
  for (int i = 0; i < n; i += 4) memcpy(to + (size_t)i * KERNEL_PANEL, q + i, 4);
  for (int i = 0; i < KERNEL_GROUP; i++) total += q[i];
  *sum = -128 * total;
}

void kernel_pack8(const Panels8 *p, const float *w, size_t stride, int first, int rows, int k) {
  size_t depth = (size_t)kernel_depth8(k), groups = (size_t)kernel_groups(k);
  for (int r = 0; r < rows; r++) {
    size_t panel = (size_t)(first + r) / KERNEL_PANEL, column = (size_t)(first + r) % KERNEL_PANEL;
    for (size_t g = 0; g < groups; g++) {
      size_t at = g * KERNEL_GROUP, n = (size_t)k - at < KERNEL_GROUP ? (size_t)k - at : KERNEL_GROUP;
      size_t i = (panel * groups + g) * KERNEL_PANEL + column;
      pack_group8(p->panels + (panel * depth + at) * KERNEL_PANEL + 4 * column, p->scale + i, p->sum + i,
                  w + (size_t)r * stride + at, (int)n);
    }
  }
}
