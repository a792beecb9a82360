/* neon.c -- the kernels for AArch64, whose base instruction set has them: a V is four registers, a tile 6 rows by half a
** panel (24 of the 32 registers).
** Layer: kernel. Uses: kernel.h formula.h lanes.h rows.h pack.h train.h gemm.h attend.h gemm8.h codes.h. */
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
V_OP V v_sqrt(V a) {
  return (V){{vsqrtq_f32(a.q[0]), vsqrtq_f32(a.q[1]), vsqrtq_f32(a.q[2]), vsqrtq_f32(a.q[3])}};
}
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

V_OP void v_store_bytes(int8_t *p, V v) {
  for (int i = 0; i < 2; i++) {
    int16x4_t low = vmovn_s32(vreinterpretq_s32_f32(v.q[2 * i])), high = vmovn_s32(vreinterpretq_s32_f32(v.q[2 * i + 1]));
    vst1_s8(p + 8 * i, vmovn_s16(vcombine_s16(low, high)));
  }
}

/* Bytes are multiplied to 16 bits (127^2 fits), and added in pairs to 32, twice. */
typedef struct {
  int32x4_t q[4];
} Q;
typedef struct {
  int8x16_t q[4];
} W;
typedef int8x8_t X;
#define WIDE 0
#define X_FLIP 0
#define TILE8_ROWS 4
#define TILE8_VECTORS 1
V_OP Q q_zero(void) { return (Q){{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}}; }
V_OP W w_load(const int8_t *p) { return (W){{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}}; }
V_OP X x_set(int32_t four) { return vreinterpret_s8_s32(vdup_n_s32(four)); }
V_OP Q q_dot(Q sum, X x, W w) {
  for (int i = 0; i < 4; i++) {
    int16x8_t low = vmull_s8(x, vget_low_s8(w.q[i])), high = vmull_s8(x, vget_high_s8(w.q[i]));
    int32x4_t pairs = vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
    sum.q[i] = vaddq_s32(sum.q[i], pairs);
  }
  return sum;
}
V_OP V q_float(Q q) {
  return (V){{vcvtq_f32_s32(q.q[0]), vcvtq_f32_s32(q.q[1]), vcvtq_f32_s32(q.q[2]), vcvtq_f32_s32(q.q[3])}};
}

typedef Q C;
typedef W N;
typedef int8x8_t CQ;
#define SCAN_ROWS 4
#define SCAN_WIDE 2
V_OP C c_zero(void) { return q_zero(); }
V_OP C c_add(C a, C b) {
  for (int i = 0; i < 4; i++) a.q[i] = vaddq_s32(a.q[i], b.q[i]);
  return a;
}
V_OP void c_store(int32_t *p, C c) {
  for (int i = 0; i < 4; i++) vst1q_s32(p + 4 * i, c.q[i]);
}
V_OP N n_load(const uint8_t *p) { return w_load((const int8_t *)p); }
V_OP void n_store(uint8_t *p, N n) {
  for (int i = 0; i < 4; i++) vst1q_s8((int8_t *)p + 16 * i, n.q[i]);
}
V_OP N n_low(N n) {
  for (int i = 0; i < 4; i++) n.q[i] = vandq_s8(n.q[i], vdupq_n_s8(15));
  return n;
}
V_OP N n_high(N n) {
  for (int i = 0; i < 4; i++) n.q[i] = vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(n.q[i]), 4));
  return n;
}
V_OP CQ cq_set(int32_t four) { return x_set(four); }
V_OP C c_dot(C c, N n, CQ q) { return q_dot(c, q, n); }
V_OP V v_ints(const int32_t *p) { return q_float((Q){{vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)}}); }
V_OP V v_bytes(const uint8_t *p) {
  uint8x16_t bytes = vld1q_u8(p);
  uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  return (V){{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
              vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
}
V_OP uint32_t v_reaches(V a, V b) {
  static const uint32_t BITS[4] = {1, 2, 4, 8};
  uint32_t mask = 0;
  for (int i = 0; i < 4; i++) mask |= vaddvq_u32(vandq_u32(vcgeq_f32(a.q[i], b.q[i]), vld1q_u32(BITS))) << 4 * i;
  return mask;
}

#include "kernel/lanes.h"
#include "kernel/rows.h"
#include "kernel/pack.h"
#include "kernel/train.h"
#include "kernel/gemm.h"
#include "kernel/attend.h"
#include "kernel/gemm8.h"
#include "kernel/codes.h"
#define SET_NAME kernels_neon
#include "kernel/set.h"
#else
typedef int neon_is_aarch64_only; /* a translation unit may not be empty */
#endif
