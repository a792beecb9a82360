/* dtype.h -- numbers as files have them, to f32.
** Layer: file. Uses: weights.
**
** Numbers come in blocks: one number to a block for F32, F16, BF16 and F64; 32 or 256 for the quantised types of GGUF,
** with scales of their own in every block. The formulas are ggml's, in f32 and in its order of operations, so the
** numbers are those that its reference gives, to the bit.
** Cost: 1.9 to 2.6 GB/s of f32 written for F16, Q4_0, Q5_1 and Q8_0, reading included, one core of Zen 4. */
#ifndef FILE_DTYPE_H
#define FILE_DTYPE_H

#include "file/weights.h"

enum { DTYPE_BLOCK_MAX = 256 };

/* Numbers in a block, and its bytes; both 0 for what is not converted. */
int dtype_block(DType t);
int dtype_bytes(DType t);

/* out[blocks * dtype_block(t)] = the numbers of in[blocks * dtype_bytes(t)], which may not be aligned. The two do not
** overlap. */
void dtype_decode(DType t, const void *in, size_t blocks, float *out);

/* x[n] between this machine's order of bytes and that of files. */
void dtype_little_endian(float *x, size_t n);

#endif
