/* sets.h -- the sets of kernels that this build has, one for each file of an instruction set.
** Layer: kernel. Uses: kernel.h. */
#ifndef KERNEL_SETS_H
#define KERNEL_SETS_H

#include "kernel/kernel.h"

extern const Kernels kernels_ref;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512, kernels_vnni;
#elif defined(__aarch64__)
extern const Kernels kernels_neon;
#endif

#endif
