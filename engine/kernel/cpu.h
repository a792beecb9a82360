/* cpu.h -- what the processor and the operating system have.
** Layer: kernel. Uses: nothing. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

/* NULL where the set of that name (ref, avx2, avx512, vnni, neon) runs here, else what is missing. Asks the processor (CPUID) and
** whether the operating system saves the registers (XGETBV). */
const char *cpu_lacks(const char *isa);

#endif
