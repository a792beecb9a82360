/* set.h -- ends a file that has every kernel: fills the struct SET_NAME with the functions named as in kernels.def. A file
** that has a few fills its struct itself; kernel.c takes the others from the set below it.
** Layer: kernel. Uses: kernels.def. */
const Kernels SET_NAME = {
#define KERNEL(name, parameters, cost) .name = name,
#include "kernel/kernels.def"
#undef KERNEL
};
