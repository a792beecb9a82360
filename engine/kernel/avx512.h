/* avx512.h -- V for AVX-512 (F, BW, DQ, VL), one register; shared by avx512.c and vnni.c, within their target regions.
** Layer: kernel. Uses: formula.h. */
typedef __m512 V;
#define TILE_ROWS 14
#define TILE_VECTORS 2
#define V_OP static inline __attribute__((always_inline))
#define SQUARE 16

V_OP V v_load(const float *p) { return _mm512_loadu_ps(p); }
V_OP void v_store(float *p, V v) { _mm512_storeu_ps(p, v); }
V_OP V v_set(float x) { return _mm512_set1_ps(x); }
V_OP V v_add(V a, V b) { return _mm512_add_ps(a, b); }
V_OP V v_sub(V a, V b) { return _mm512_sub_ps(a, b); }
V_OP V v_mul(V a, V b) { return _mm512_mul_ps(a, b); }
V_OP V v_div(V a, V b) { return _mm512_div_ps(a, b); }
V_OP V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
V_OP V v_sqrt(V a) { return _mm512_sqrt_ps(a); }
V_OP V v_max(V a, V b) { return _mm512_max_ps(a, b); }
V_OP V v_min(V a, V b) { return _mm512_min_ps(a, b); }
V_OP __mmask16 first(int n) { return (__mmask16)((1u << n) - 1); }
V_OP V v_load_part(const float *p, int n, float fill) { return _mm512_mask_loadu_ps(v_set(fill), first(n), p); }
V_OP void v_store_part(float *p, int n, V v) { _mm512_mask_storeu_ps(p, first(n), v); }
V_OP V v_keep(V v, int n) { return _mm512_maskz_mov_ps(first(n), v); }
V_OP V v_power(V e, V shifted) {
  __m512i n = _mm512_sub_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(EXP_ROUND_BITS));
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(e), _mm512_slli_epi32(n, 23)));
}
V_OP V v_less(V a, V b, V x, V y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x); }
V_OP float v_fold(V v) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
V_OP __m512i s_load(const void *p, int n) { return _mm512_maskz_loadu_epi32(first(n), p); }
V_OP void s_store(void *p, __m512i s, int n) { _mm512_mask_storeu_epi32(p, first(n), s); }
V_OP void v_store_bytes(int8_t *p, V v) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
}

/* Codes: their halves as bytes, and what a sum of 16 rows is made of. */
typedef __m512i C;
typedef __m512i N;
typedef __m512i CQ;
V_OP C c_zero(void) { return _mm512_setzero_si512(); }
V_OP C c_add(C a, C b) { return _mm512_add_epi32(a, b); }
V_OP void c_store(int32_t *p, C c) { _mm512_storeu_si512(p, c); }
V_OP N n_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
V_OP void n_store(uint8_t *p, N n) { _mm512_storeu_si512(p, n); }
V_OP N n_low(N n) { return _mm512_and_si512(n, _mm512_set1_epi8(15)); }
V_OP N n_high(N n) { return n_low(_mm512_srli_epi16(n, 4)); }
V_OP CQ cq_set(int32_t four) { return _mm512_set1_epi32(four); }
V_OP V v_ints(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
V_OP V v_bytes(const uint8_t *p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
V_OP uint32_t v_reaches(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
