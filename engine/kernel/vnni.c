/* vnni.c -- the products of bytes with AVX-512's VNNI: one instruction multiplies and adds 64 pairs of bytes.
** Layer: kernel. Uses: kernel.h formula.h lanes.h gemm8.h codes.h target.h.
**
** vpdpbusd takes an unsigned left side, so its bytes get 128 added, and the sums begin 128 times the column's sum lower. It
** does not saturate (vpdpbusds would): 128 * 255 * 127 is far inside 32 bits. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"
#include "kernel/target.h"

TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")

#include "kernel/avx512.h"

typedef __m512i Q;
typedef __m512i W;
typedef __m512i X;
#define WIDE 0
#define X_FLIP 0x80808080u
#define TILE8_ROWS 12
#define TILE8_VECTORS 2
V_OP Q q_load(const int32_t *p) { return _mm512_loadu_si512(p); }
V_OP W w_load(const int8_t *p) { return _mm512_loadu_si512(p); }
V_OP V q_float(Q q) { return _mm512_cvtepi32_ps(q); }
V_OP X x_set(int32_t four) { return _mm512_set1_epi32(four); }
/* As an instruction of ours, not an intrinsic: gcc 12 copies and spills every sum of _mm512_dpbusd_epi32 (2.3 x slower). */
V_OP Q q_dot(Q sum, X x, W w) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
  return sum;
}

#define SCAN_ROWS 12
#define SCAN_WIDE 12
V_OP C c_dot(C c, N n, CQ q) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(c) : "v"(n), "v"(q));
  return c;
}

#include "kernel/lanes.h"
#include "kernel/gemm8.h"
#include "kernel/codes.h"
const Kernels kernels_vnni = {.gemm8 = gemm8, .scan = scan, .screen = screen};
TARGET_END
#else
typedef int vnni_is_x86_only; /* a translation unit may not be empty */
#endif
