/* cpu.c -- see cpu.h.
** Layer: kernel. Uses: nothing. */
#include "kernel/cpu.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
const char *cpu_lacks(const char *isa) {
  /* __builtin_cpu_supports asks XGETBV too: an instruction set whose registers are not saved counts as absent. */
  __builtin_cpu_init();
  if (!strcmp(isa, "avx2") || !strcmp(isa, "avx512")) {
    if (!__builtin_cpu_supports("avx2")) return "this processor has no AVX2";
    if (!__builtin_cpu_supports("fma")) return "this processor has no FMA";
  }
  if (!strcmp(isa, "avx512") || !strcmp(isa, "vnni")) {
    if (!__builtin_cpu_supports("avx512f")) return "this processor has no AVX-512";
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
      return "this processor's AVX-512 lacks BW, DQ or VL";
  }
  if (!strcmp(isa, "vnni") && !__builtin_cpu_supports("avx512vnni")) return "this processor has no AVX-512 VNNI";
  return NULL;
}
#else
const char *cpu_lacks(const char *isa) {
  (void)isa;
  return NULL;
}
#endif
