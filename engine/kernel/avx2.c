/* avx2.c -- the kernels for AVX2 with FMA: a V is two registers, a tile 6 rows by half a panel.
** Layer: kernel. Uses: kernel.h formula.h lanes.h rows.h pack.h train.h gemm.h attend.h gemm8.h codes.h target.h. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"
#include "kernel/target.h"

TARGET_BEGIN("avx2,fma")

typedef struct {
  __m256 low, high;
} V;
#define TILE_ROWS 6
#define TILE_VECTORS 1
#define V_OP static inline __attribute__((always_inline))

V_OP V v_load(const float *p) { return (V){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
V_OP void v_store(float *p, V v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
V_OP V v_set(float x) { return (V){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
#define V_BOTH(name, op) \
  V_OP V name(V a, V b) { return (V){op(a.low, b.low), op(a.high, b.high)}; }
V_BOTH(v_add, _mm256_add_ps)
V_BOTH(v_sub, _mm256_sub_ps)
V_BOTH(v_mul, _mm256_mul_ps)
V_BOTH(v_div, _mm256_div_ps)
V_BOTH(v_max, _mm256_max_ps)
V_BOTH(v_min, _mm256_min_ps)
V_OP V v_sqrt(V a) { return (V){_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)}; }
V_OP V v_fma(V a, V b, V c) {
  return (V){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
/* Ones in the lanes below n of the eight from `at`. */
V_OP __m256i first(int n, int at) {
  __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(at));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}
V_OP V v_load_part(const float *p, int n, float fill) {
  __m256i low = first(n, 0), high = first(n, 8);
  __m256 other = _mm256_set1_ps(fill);
  return (V){_mm256_blendv_ps(other, _mm256_maskload_ps(p, low), _mm256_castsi256_ps(low)),
             _mm256_blendv_ps(other, _mm256_maskload_ps(p + 8, high), _mm256_castsi256_ps(high))};
}
V_OP void v_store_part(float *p, int n, V v) {
  _mm256_maskstore_ps(p, first(n, 0), v.low);
  _mm256_maskstore_ps(p + 8, first(n, 8), v.high);
}
V_OP V v_keep(V v, int n) {
  return (V){_mm256_and_ps(v.low, _mm256_castsi256_ps(first(n, 0))),
             _mm256_and_ps(v.high, _mm256_castsi256_ps(first(n, 8)))};
}
V_OP __m256 power_half(__m256 e, __m256 shifted) {
  __m256i n = _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(EXP_ROUND_BITS));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(e), _mm256_slli_epi32(n, 23)));
}
V_BOTH(v_power, power_half)
V_OP V v_less(V a, V b, V x, V y) {
  return (V){_mm256_blendv_ps(y.low, x.low, _mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ)),
             _mm256_blendv_ps(y.high, x.high, _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ))};
}
V_OP float v_fold(V v) {
  __m256 eight = _mm256_add_ps(v.low, v.high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* The low bytes of eight lanes, in the low half of each 128 bits' first four bytes. */
V_OP __m128i bytes_of(__m256 v) {
  __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1,
                                  -1, -1, -1, -1, -1, -1, -1, -1);
  __m256i low = _mm256_shuffle_epi8(_mm256_castps_si256(v), pick);
  return _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
}
V_OP void v_store_bytes(int8_t *p, V v) {
  _mm_storel_epi64((__m128i *)p, bytes_of(v.low));
  _mm_storel_epi64((__m128i *)(p + 8), bytes_of(v.high));
}

/* Numbers are widened to 16 bits and multiplied by pairs, which is exact: two instructions for 16 products, of which any of
** three ports takes the sum. maddubs takes 32, but one side of it is unsigned, and |x| with the signs of x moved to w makes it
** four instructions, three of them for two ports. */
typedef struct {
  __m256i low, high;
} Q;
typedef Q W;
typedef __m256i X;
#define WIDE 1
#define X_FLIP 0
#define TILE8_ROWS 6
#define TILE8_VECTORS 1
V_OP Q q_zero(void) { return (Q){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
V_OP W w_load(const int8_t *p) {
  return (W){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}
V_OP X x_set(int32_t two) { return _mm256_set1_epi32(two); }
/* As instructions of ours, in this order: gcc 12 takes all products first, and spills every sum. */
V_OP __m256i dot_half(__m256i sum, X x, __m256i w) {
  __m256i pairs;
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=&x"(pairs) : "x"(x), "x"(w));
  return sum;
}
V_OP Q q_dot(Q sum, X x, W w) { return (Q){dot_half(sum.low, x, w.low), dot_half(sum.high, x, w.high)}; }
V_OP V q_float(Q q) { return (V){_mm256_cvtepi32_ps(q.low), _mm256_cvtepi32_ps(q.high)}; }

/* Products of a code's 4 bits with 8 fit 16 bits by pairs: 2 * 15 * 127 = 3,810. */
typedef Q C;
typedef Q N;
typedef __m256i CQ;
#define SCAN_ROWS 4
#define SCAN_WIDE 2
V_OP C c_zero(void) { return q_zero(); }
V_OP C c_add(C a, C b) { return (C){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
V_OP void c_store(int32_t *p, C c) {
  _mm256_storeu_si256((__m256i *)p, c.low);
  _mm256_storeu_si256((__m256i *)(p + 8), c.high);
}
V_OP N n_load(const uint8_t *p) { return w_load((const int8_t *)p); }
V_OP void n_store(uint8_t *p, N n) {
  _mm256_storeu_si256((__m256i *)p, n.low);
  _mm256_storeu_si256((__m256i *)(p + 32), n.high);
}
V_OP __m256i low_half(__m256i n) { return _mm256_and_si256(n, _mm256_set1_epi8(15)); }
V_OP N n_low(N n) { return (N){low_half(n.low), low_half(n.high)}; }
V_OP N n_high(N n) { return (N){low_half(_mm256_srli_epi16(n.low, 4)), low_half(_mm256_srli_epi16(n.high, 4))}; }
V_OP CQ cq_set(int32_t four) { return _mm256_set1_epi32(four); }
V_OP __m256i code_half(__m256i sum, __m256i n, CQ q) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(n, q), _mm256_set1_epi16(1)));
}
V_OP C c_dot(C c, N n, CQ q) { return (C){code_half(c.low, n.low, q), code_half(c.high, n.high, q)}; }
V_OP V v_ints(const int32_t *p) {
  return q_float((Q){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 8))});
}
V_OP V v_bytes(const uint8_t *p) {
  return q_float((Q){_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)),
                     _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8)))});
}
V_OP uint32_t v_reaches(V a, V b) {
  return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ)) |
         (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ)) << 8;
}

#include "kernel/lanes.h"
#include "kernel/rows.h"
#include "kernel/pack.h"
#include "kernel/train.h"
#include "kernel/gemm.h"
#include "kernel/attend.h"
#include "kernel/gemm8.h"
#include "kernel/codes.h"
#define SET_NAME kernels_avx2
#include "kernel/set.h"
TARGET_END
#else
typedef int avx2_is_x86_only; /* a translation unit may not be empty */
#endif
