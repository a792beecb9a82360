/* kernel.c -- chooses the set of kernels for this machine, and packs weights into panels.
** Layer: kernel. Uses: kernel.h sets.h cpu.h. */
#include "kernel/kernel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/sets.h"

/* Slowest first: the last that runs here, and that BERT_ISA does not rule out, is chosen. */
static const struct {
  const char *isa;
  const Kernels *set;
} SETS[] = {{"ref", &kernels_ref},
#if defined(__x86_64__)
            {"avx2", &kernels_avx2},
            {"avx512", &kernels_avx512},
#elif defined(__aarch64__)
            {"neon", &kernels_neon},
#endif
};
enum { SET_COUNT = sizeof SETS / sizeof *SETS };

/* The highest set that BERT_ISA allows: all where it is unset, or names none. */
static int cap(void) {
  const char *isa = getenv("BERT_ISA");
  for (int i = 0; isa && i < SET_COUNT; i++)
    if (!strcmp(isa, SETS[i].isa)) return i;
  return SET_COUNT - 1;
}

/* The choice is made once: a process must not change its arithmetic's speed, or its answer to bert_kernels, midway. */
static int chosen(void) {
  static atomic_int known; /* index + 1 */
  int i = atomic_load_explicit(&known, memory_order_relaxed) - 1;
  if (i >= 0) return i;
  for (i = cap(); i > 0 && cpu_lacks(SETS[i].isa); i--) continue;
  atomic_store_explicit(&known, i + 1, memory_order_relaxed);
  return i;
}

const Kernels *kernels(void) { return SETS[chosen()].set; }

const Kernels *kernels_at(int i) {
  return i >= 0 && i < SET_COUNT && !cpu_lacks(SETS[i].isa) ? SETS[i].set : NULL;
}

const char *kernels_describe(int i, int *is_chosen, const char **reason) {
  if (i < 0 || i >= SET_COUNT) return NULL;
  *is_chosen = i == chosen();
  const char *lacks = cpu_lacks(SETS[i].isa);
  *reason = *is_chosen          ? i == cap() && cap() < SET_COUNT - 1 ? "BERT_ISA asks for it" : "the best that runs here"
            : lacks             ? lacks
            : i > cap()         ? "BERT_ISA rules it out"
                                : "a better one runs here";
  return SETS[i].isa;
}

const char *kernels_operation(int i) {
  static const char *const NAMES[] = {
#define KERNEL(name, parameters, cost) #name,
#include "kernel/kernels.def"
#undef KERNEL
  };
  return i >= 0 && i < (int)(sizeof NAMES / sizeof *NAMES) ? NAMES[i] : NULL;
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
