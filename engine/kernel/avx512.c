/* avx512.c -- the kernels for AVX-512 (F, BW, DQ, VL): a V is one register, a tile 14 rows by a whole panel.
** Layer: kernel. Uses: kernel.h formula.h lanes.h rows.h pack.h train.h gemm.h attend.h gemm8.h codes.h target.h. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"
#include "kernel/target.h"

TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

#include "kernel/avx512.h"

/* Numbers are widened to 16 bits and multiplied by pairs, as in avx2.c. */
typedef __m512i Q;
typedef __m512i W;
typedef __m512i X;
#define WIDE 1
#define X_FLIP 0
#define TILE8_ROWS 14
#define TILE8_VECTORS 2
V_OP Q q_zero(void) { return _mm512_setzero_si512(); }
V_OP W w_load(const int8_t *p) { return _mm512_loadu_si512(p); }
V_OP X x_set(int32_t two) { return _mm512_set1_epi32(two); }
V_OP Q q_dot(Q sum, X x, W w) {
  __m512i pairs;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sum), "=&v"(pairs) : "v"(x), "v"(w));
  return sum;
}
V_OP V q_float(Q q) { return _mm512_cvtepi32_ps(q); }

#define SCAN_ROWS 8
#define SCAN_WIDE 8
V_OP C c_dot(C c, N n, CQ q) {
  return _mm512_add_epi32(c, _mm512_madd_epi16(_mm512_maddubs_epi16(n, q), _mm512_set1_epi16(1)));
}

#include "kernel/lanes.h"
#include "kernel/rows.h"
#include "kernel/pack.h"
#include "kernel/train.h"
#include "kernel/gemm.h"
#include "kernel/attend.h"
#include "kernel/gemm8.h"
#include "kernel/codes.h"
#define SET_NAME kernels_avx512
#include "kernel/set.h"
TARGET_END
#else
typedef int avx512_is_x86_only; /* a translation unit may not be empty */
#endif
