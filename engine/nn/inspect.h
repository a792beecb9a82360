/* inspect.h -- what a layer looks at: its attention weights, written out.
** Layer: nn. Uses: base kernel.
**
** The forward pass never has a matrix of weights in memory (attention.c); who wants to see it pays for it here. */
#ifndef NN_INSPECT_H
#define NN_INSPECT_H

#include "nn/encoder.h"

/* weights[count][T][T] of heads first … first+count-1, for a batch of one row, from s->x, the states before the layer, which
** stay: each token's softmax over all tokens. Body of a team; ends behind a barrier. */
void inspect_attention(const Encoder *n, const Layer *l, const Batch *b, int first, int count, Scratch *s,
                       float *weights, const Team *team);

#endif
