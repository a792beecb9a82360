/* set.h -- ends a file of kernels: fills the struct SET_NAME with the functions named as in kernels.def.
** Layer: kernel. Uses: kernels.def. */
const Kernels SET_NAME = {
#define KERNEL(name, parameters, cost) .name = name,
#include "kernel/kernels.def"
#undef KERNEL
};
