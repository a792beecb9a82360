/* target.h -- regions of code for an instruction set, and what is inlined and unrolled, in gcc's words and in clang's.
** Layer: kernel. Uses: nothing.
**
** Regions, not compiler flags: the file's headers stay plain, and nothing the compiler emits elsewhere can need an
** instruction that the processor lacks. */
#ifndef KERNEL_TARGET_H
#define KERNEL_TARGET_H

#define TARGET_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define TARGET_BEGIN(isa) TARGET_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define TARGET_END _Pragma("clang attribute pop")
#else
#define TARGET_BEGIN(isa) _Pragma("GCC push_options") TARGET_PRAGMA(GCC target(isa))
#define TARGET_END _Pragma("GCC pop_options")
#endif

#define INLINE static inline __attribute__((always_inline))
/* A tile's loops unroll whole, or its sums would live in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
