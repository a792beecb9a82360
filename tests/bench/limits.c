/* limits.c -- the machine's limits, and OpenBLAS as the yardstick; see bench.h. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "kernel/target.h"

double bench_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_time(void (*run)(void *context), void *context) {
  run(context);
  double start = bench_now();
  run(context);
  double once = bench_now() - start, best = once;
  int calls = once > 0.005 ? 1 : (int)(0.005 / (once > 1e-8 ? once : 1e-8)) + 1;
  for (int round = 0; round < 15; round++) {
    start = bench_now();
    for (int i = 0; i < calls; i++) run(context);
    double each = (bench_now() - start) / calls;
    if (each < best) best = each;
  }
  return best;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------- */

enum { TURNS = 1 << 16, CHAINS = 12 };
static volatile float kept;

/* Chains of fused multiply-adds that do not wait for one another, more than any core has in flight. */
#define CHAINS_OF(type, one, fma, sum_of)                                              \
  type sum[CHAINS], factor = one(0.999f), add = one(0.001f);                           \
  for (int c = 0; c < CHAINS; c++) sum[c] = one((float)c);                             \
  for (int i = 0; i < TURNS; i++)                                                      \
    _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = fma(sum[c], factor, add); \
  for (int c = 1; c < CHAINS; c++) sum[0] = fma(sum[0], factor, sum[c]);               \
  kept = sum_of(sum[0]);

#if defined(__x86_64__)
#include <immintrin.h>
TARGET_BEGIN("avx512f,fma")
static float first_512(__m512 v) { return _mm512_cvtss_f32(v); }
static void chains_512(void *unused) {
  (void)unused;
  CHAINS_OF(__m512, _mm512_set1_ps, _mm512_fmadd_ps, first_512)
}
TARGET_END
TARGET_BEGIN("avx2,fma")
static float first_256(__m256 v) { return _mm256_cvtss_f32(v); }
static void chains_256(void *unused) {
  (void)unused;
  CHAINS_OF(__m256, _mm256_set1_ps, _mm256_fmadd_ps, first_256)
}
TARGET_END
/* Products of numbers of 16 bits by pairs, and sums of 32: what multiplies bytes where nothing multiplies them itself. As
** instructions of ours: compilers take the products out of the loop. */
#define PAIRS(sum, x, w, kept)                                                                                     \
  __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+" kept(sum), "=&" kept(pairs) : kept(x), kept(w)); \
  return sum
#define ONE_512(x) _mm512_set1_epi32((int)(1000 * (x)))
#define ONE_256(x) _mm256_set1_epi32((int)(1000 * (x)))
TARGET_BEGIN("avx512f,avx512bw")
static float first_word_512(__m512i v) { return (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(v)); }
static inline __m512i pairs_dot_512(__m512i sum, __m512i x, __m512i w) {
  __m512i pairs;
  PAIRS(sum, x, w, "v");
}
static void pairs_512(void *unused) {
  (void)unused;
  CHAINS_OF(__m512i, ONE_512, pairs_dot_512, first_word_512)
}
/* As in vnni.c. */
static inline __m512i bytes_dot(__m512i sum, __m512i x, __m512i w) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
  return sum;
}
static void bytes_512(void *unused) {
  (void)unused;
  CHAINS_OF(__m512i, ONE_512, bytes_dot, first_word_512)
}
TARGET_END
TARGET_BEGIN("avx2")
static float first_word_256(__m256i v) { return (float)_mm_cvtsi128_si32(_mm256_castsi256_si128(v)); }
static inline __m256i pairs_dot_256(__m256i sum, __m256i x, __m256i w) {
  __m256i pairs;
  PAIRS(sum, x, w, "x");
}
static void pairs_256(void *unused) {
  (void)unused;
  CHAINS_OF(__m256i, ONE_256, pairs_dot_256, first_word_256)
}
TARGET_END

/* Operations a second: two for each of `lanes` products of each turn. */
static double rate(int lanes, void (*chains)(void *unused)) { return 2.0 * lanes * CHAINS * TURNS / bench_time(chains, NULL); }

double bench_peak_flops(const char *isa) {
  if (!strcmp(isa, "avx512") || !strcmp(isa, "vnni")) return rate(16, chains_512);
  return !strcmp(isa, "avx2") ? rate(8, chains_256) : 0;
}

double bench_peak_ops8(const char *isa) {
  if (!strcmp(isa, "vnni")) return rate(64, bytes_512);
  if (!strcmp(isa, "avx512")) return rate(32, pairs_512);
  return !strcmp(isa, "avx2") ? rate(16, pairs_256) : 0;
}
#elif defined(__aarch64__)
#include <arm_neon.h>
static float32x4_t fma_neon(float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }
static float first_neon(float32x4_t v) { return vgetq_lane_f32(v, 0); }
static void chains_neon(void *unused) {
  (void)unused;
  CHAINS_OF(float32x4_t, vdupq_n_f32, fma_neon, first_neon)
}
double bench_peak_flops(const char *isa) { return (void)isa, 2.0 * 4 * CHAINS * TURNS / bench_time(chains_neon, NULL); }
double bench_peak_ops8(const char *isa) { return (void)isa, 0; }
#else
double bench_peak_flops(const char *isa) { return (void)isa, 0; }
double bench_peak_ops8(const char *isa) { return (void)isa, 0; }
#endif

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

enum { FAR = 256 << 20 };

static void read_all(void *context) {
  const unsigned long long *p = context;
  unsigned long long sum[8] = {0};
  for (size_t i = 0; i < FAR / sizeof *p; i += 8)
    for (int j = 0; j < 8; j++) sum[j] += p[i + (size_t)j];
  kept = (float)(sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7]);
}

double bench_peak_bytes(void) {
  void *p = malloc(FAR);
  if (!p) return 0;
  memset(p, 1, FAR);
  double bytes = FAR / bench_time(read_all, p);
  free(p);
  return bytes;
}

/* ---- OpenBLAS ----------------------------------------------------------------------------------------------------------- */

typedef void Sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                   const float *b, int ldb, float beta, float *c, int ldc);

static Sgemm *find_blas(void) {
  static int looked;
  static Sgemm *sgemm;
  if (looked++) return sgemm;
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, "cblas_sgemm") : NULL;
  memcpy(&sgemm, &symbol, sizeof sgemm);
  return sgemm;
}

int bench_blas(int m, int n, int k, const float *x, const float *w, float *y) {
  enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };
  Sgemm *sgemm = find_blas();
  if (!sgemm) return 0;
  sgemm(ROW_MAJOR, AS_IS, TRANSPOSED, m, n, k, 1.0f, x, k, w, k, 0.0f, y, n);
  return 1;
}
