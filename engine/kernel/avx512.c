/* avx512.c -- the kernels for AVX-512 (F, BW, DQ, VL): a V is one register, a tile 14 rows by a whole panel.
** Layer: kernel. Uses: kernel.h formula.h lanes.h rows.h gemm.h attend.h gemm8.h target.h. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"
#include "kernel/target.h"

TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

#include "kernel/avx512.h"

/* maddubs takes one unsigned side: |x|, with the signs of x moved to w. Two products reach 2 * 127^2 = 32,258 at most, which
** 16 bits hold: nothing saturates. */
typedef struct {
  __m512i size;
  __mmask64 minus;
} X;
#define X_FLIP 0
#define TILE8_ROWS 12
#define TILE8_VECTORS 2
V_OP X x_set(int32_t four) {
  __m512i x = _mm512_set1_epi32(four);
  return (X){_mm512_abs_epi8(x), _mm512_movepi8_mask(x)};
}
V_OP Q q_dot(Q sum, X x, W w) {
  __m512i same = _mm512_mask_sub_epi8(w, x.minus, _mm512_setzero_si512(), w);
  __m512i pairs = _mm512_maddubs_epi16(x.size, same);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

#include "kernel/lanes.h"
#include "kernel/rows.h"
#include "kernel/gemm.h"
#include "kernel/attend.h"
#include "kernel/gemm8.h"
#define SET_NAME kernels_avx512
#include "kernel/set.h"
TARGET_END
#else
typedef int avx512_is_x86_only; /* a translation unit may not be empty */
#endif
