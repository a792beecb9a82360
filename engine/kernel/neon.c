/* neon.c -- the kernels for AArch64, whose base instruction set has them: a V is four registers, a tile 6 rows by half a
** panel (24 of the 32 registers).
** Layer: kernel. Uses: kernel.h formula.h lanes.h. */
#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "kernel/formula.h"
#include "kernel/sets.h"

typedef struct {
  float32x4_t q[4];
} V;
#define TILE_ROWS 6
#define TILE_VECTORS 1
#define V_OP static inline __attribute__((always_inline))

V_OP V v_load(const float *p) { return (V){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
V_OP void v_store(float *p, V v) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.q[i]);
}
V_OP V v_set(float x) { return (V){{vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x)}}; }
#define V_EACH(name, op) \
  V_OP V name(V a, V b) { \
    return (V){{op(a.q[0], b.q[0]), op(a.q[1], b.q[1]), op(a.q[2], b.q[2]), op(a.q[3], b.q[3])}}; \
  }
/* As x86 has them: the second operand where one is not a number. */
V_OP float32x4_t larger(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
V_OP float32x4_t smaller(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
V_EACH(v_add, vaddq_f32)
V_EACH(v_sub, vsubq_f32)
V_EACH(v_mul, vmulq_f32)
V_EACH(v_div, vdivq_f32)
V_EACH(v_max, larger)
V_EACH(v_min, smaller)
V_OP V v_fma(V a, V b, V c) {
  for (int i = 0; i < 4; i++) c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
  return c;
}
V_OP V v_load_part(const float *p, int n, float fill) {
  float lanes[KERNEL_LANES];
  for (int i = 0; i < KERNEL_LANES; i++) lanes[i] = i < n ? p[i] : fill;
  return v_load(lanes);
}
V_OP void v_store_part(float *p, int n, V v) {
  float lanes[KERNEL_LANES];
  v_store(lanes, v);
  memcpy(p, lanes, (size_t)n * sizeof *p);
}
V_OP V v_keep(V v, int n) {
  float lanes[KERNEL_LANES];
  v_store(lanes, v);
  for (int i = n; i < KERNEL_LANES; i++) lanes[i] = 0.0f;
  return v_load(lanes);
}
V_OP float32x4_t power_quarter(float32x4_t e, float32x4_t shifted) {
  int32x4_t n = vsubq_s32(vreinterpretq_s32_f32(shifted), vdupq_n_s32(EXP_ROUND_BITS));
  return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(e), vshlq_n_s32(n, 23)));
}
V_EACH(v_power, power_quarter)
V_OP V v_less(V a, V b, V x, V y) {
  for (int i = 0; i < 4; i++) x.q[i] = vbslq_f32(vcltq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]);
  return x;
}
V_OP float v_fold(V v) {
  float32x4_t four = vaddq_f32(vaddq_f32(v.q[0], v.q[2]), vaddq_f32(v.q[1], v.q[3]));
  float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

#define SET_NAME kernels_neon
#include "kernel/lanes.h"
#else
typedef int neon_is_aarch64_only; /* a translation unit may not be empty */
#endif
