/* delta.h -- a matrix in 8 bits as a difference of 2 bits a weight to another one.
** Layer: model. Uses: kernel.
**
** What was fine-tuned differs little from what it was fine-tuned from, so a coarse difference loses little (Liu et al. 2024,
** BitDelta: Your Fine-Tune May Only Be Worth One Bit; with 2 bits here, as small models lose by one). Scales are the base's.
** Of a group of 128 weights of a row,
**
**    integer = the base's integer + (-3, -1, 1 or 3) * step / 16, rounded, within ±127
**
** Both lie as the panels do (kernel.h):
**
**    codes U8 [panels][depth / 4][32]    2 bits a weight, four weights of a column in a byte, the first in the lowest
**    steps U8 [panels][groups][32]       in eighths of the base's integers: the distance of two neighbours
**
** Cost of reading one: a pass over its weights, about 1 ns each. */
#ifndef MODEL_DELTA_H
#define MODEL_DELTA_H

#include "kernel/kernel.h"

/* Bytes of the codes of in x out weights; of the steps there are kernel_panel_scales(in, out). */
static inline size_t delta_codes(int in, int out) { return kernel_panel_bytes8(in, out) / 4; }

/* codes and steps by which base comes nearest to w, in the squares' sum. */
void delta_make(uint8_t *codes, uint8_t *steps, const Panels8 *w, const Panels8 *base, int in, int out);

/* w = base and the difference. */
void delta_add(const Panels8 *w, const Panels8 *base, const uint8_t *codes, const uint8_t *steps, int in, int out);

#endif
