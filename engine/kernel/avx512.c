/* avx512.c -- the kernels for AVX-512 (F, BW, DQ, VL): a V is one register, a tile 14 rows by a whole panel.
** Layer: kernel. Uses: kernel.h formula.h lanes.h rows.h train.h gemm.h attend.h gemm8.h codes.h target.h. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"
#include "kernel/target.h"

TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

#include "kernel/avx512.h"

/* Bytes are widened to 16 bits and multiplied by pairs, which is exact. A sum holds two partial sums a column, eight
** columns a register. */
typedef struct {
  __m512i low, high;
} Q;
typedef Q W;
typedef __m512i X;
#define X_FLIP 0
#define TILE8_ROWS 6
#define TILE8_VECTORS 2
V_OP Q q_zero(void) { return (Q){_mm512_setzero_si512(), _mm512_setzero_si512()}; }
V_OP __m512i widened(const int8_t *p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
V_OP W w_load(const int8_t *p) { return (W){widened(p), widened(p + 32)}; }
V_OP X x_set(int32_t four) { return _mm512_cvtepi8_epi16(_mm256_set1_epi32(four)); }
V_OP Q q_dot(Q sum, X x, W w) {
  return (Q){_mm512_add_epi32(sum.low, _mm512_madd_epi16(x, w.low)),
             _mm512_add_epi32(sum.high, _mm512_madd_epi16(x, w.high))};
}
V_OP V q_float(Q q) {
  __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_permutex2var_epi32(q.low, even, q.high),
                                             _mm512_permutex2var_epi32(q.low, odd, q.high)));
}

#define SCAN_ROWS 8
V_OP C c_dot(C c, N n, CQ q) {
  return _mm512_add_epi32(c, _mm512_madd_epi16(_mm512_maddubs_epi16(n, q), _mm512_set1_epi16(1)));
}

#include "kernel/lanes.h"
#include "kernel/rows.h"
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
