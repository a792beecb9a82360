/* bench.c -- kernels measured on this machine: GFLOP/s or GB/s, and the share of what the machine can do.
**
**    bench            every operation of every set that runs here
**
** kernels.def asks for bench_NAME of every operation. One thread; shapes are those of all-MiniLM-L6-v2 (H 384, F 1536,
** D 32) and of BERT-base and Large. */
#include "bench.h"

#include <math.h>
#include <stdio.h>

#include "kernel/kernel.h"

static double peak_flops, peak_ops8, peak_bytes; /* of the set that is measured, and of memory */
static const char *isa;
static const Kernels *set;

static void *memory(size_t floats) {
  bert_err e = {0};
  float *p = mem_pages(floats * sizeof *p, &e);
  for (size_t i = 0; p && i < floats; i++) p[i] = (float)((i * 7919) % 2001) / 1000.0f - 1.0f;
  return p;
}

/* ---- gemm ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  KernelGemm g;
  float *rows;
} GemmRun;

static void run_gemm(void *context) { set->gemm(&((GemmRun *)context)->g); }
static void run_blas(void *context) {
  GemmRun *r = context;
  bench_blas(r->g.m, r->g.n, r->g.k, r->g.x, r->rows, r->g.y);
}

static void one_gemm(const char *what, int m, int n, int k) {
  GemmRun r = {.rows = memory((size_t)n * (size_t)k)};
  r.g = (KernelGemm){.y = memory((size_t)m * (size_t)n), .y_stride = (size_t)n, .x = memory((size_t)m * (size_t)k),
                     .x_stride = (size_t)k, .w = memory(kernel_panel_floats(k, n)), .m = m, .n = n, .k = k, .last = kernel_panels(n),
                     .scratch = memory(KERNEL_SCRATCH)};
  double flops = 2.0 * m * n * k, rate = flops / bench_time(run_gemm, &r);
  printf("%-7s gemm      %-22s m %4d  n %4d  k %4d  %7.1f GFLOP/s  %3.0f %% of peak", isa, what, m, n, k, rate / 1e9,
         100 * rate / peak_flops);
  if (bench_blas(m, n, k, r.g.x, r.rows, r.g.y)) printf("   OpenBLAS %7.1f", flops / bench_time(run_blas, &r) / 1e9);
  printf("\n");
  mem_pages_free(r.rows, (size_t)n * (size_t)k * 4);
  mem_pages_free(r.g.y, (size_t)m * (size_t)n * 4);
  mem_pages_free((float *)r.g.x, (size_t)m * (size_t)k * 4);
  mem_pages_free((float *)r.g.w, kernel_panel_floats(k, n) * 4);
  mem_pages_free(r.g.scratch, KERNEL_SCRATCH * 4);
}

static void bench_gemm(void) {
  one_gemm("MiniLM qkv", 224, 1152, 384);
  one_gemm("MiniLM inner", 224, 1536, 384);
  one_gemm("MiniLM outer", 224, 384, 1536);
  one_gemm("MiniLM one sentence", 23, 1536, 384);
  one_gemm("MiniLM one head", 56, 256, 32);
  one_gemm("BERT-base inner", 224, 3072, 768);
  one_gemm("BERT-base outer", 224, 768, 3072);
  one_gemm("BERT-large inner", 224, 4096, 1024);
  one_gemm("BERT-large outer", 224, 1024, 4096);
}

typedef struct {
  KernelGemm8 g;
  float *x;
} Gemm8Run;

static void run_gemm8(void *context) { set->gemm8(&((Gemm8Run *)context)->g); }

static void one_gemm8(const char *what, int m, int n, int k) {
  size_t wide = (size_t)n * (size_t)k, scales = kernel_panel_scales(k, n), bytes = kernel_panel_bytes8(k, n);
  float *x = memory((size_t)m * (size_t)k), *w = memory(wide);
  size_t q_floats = (size_t)m * (size_t)kernel_depth8(k) / 4 + 16, x_scales = (size_t)m * (size_t)kernel_groups(k);
  Panels8 p = {memory(bytes / 4), memory(scales), memory(scales)};
  Gemm8Run r = {.x = x};
  r.g = (KernelGemm8){.y = memory((size_t)m * (size_t)n), .y_stride = (size_t)n, .x = memory(q_floats),
                      .x_scale = memory(x_scales), .w = p.panels, .w_scale = p.scale, .w_sum = p.sum, .m = m, .n = n, .k = k,
                      .last = kernel_panels(n), .scratch = memory(KERNEL_SCRATCH)};
  kernel_pack8(&p, w, (size_t)k, 0, n, k);
  set->quantize((int8_t *)r.g.x, (float *)r.g.x_scale, x, (size_t)k, m, k);
  double rate = 2.0 * m * n * k / bench_time(run_gemm8, &r);
  printf("%-7s gemm8     %-22s m %4d  n %4d  k %4d  %7.1f GOP/s    %3.0f %% of peak, %3.1f x that of f32\n", isa, what, m, n, k,
         rate / 1e9, peak_ops8 > 0 ? 100 * rate / peak_ops8 : 0, rate / peak_flops);
  mem_pages_free(x, (size_t)m * (size_t)k * 4), mem_pages_free(w, wide * 4);
  mem_pages_free(p.panels, bytes), mem_pages_free(p.scale, scales * 4), mem_pages_free(p.sum, scales * 4);
  mem_pages_free(r.g.y, (size_t)m * (size_t)n * 4), mem_pages_free((void *)r.g.x, q_floats * 4);
  mem_pages_free((void *)r.g.x_scale, x_scales * 4), mem_pages_free(r.g.scratch, KERNEL_SCRATCH * 4);
}

static void run_attend(void *context) { set->attend(context); }

static void one_attend(const char *what, int n, int d) {
  size_t count = (size_t)n * 3 * (size_t)d, room = kernel_attend_floats(n, d);
  float *x = memory(count), *y = memory((size_t)n * (size_t)d);
  KernelAttend a = {y, (size_t)d, x, x + d, x + 2 * d, 3 * (size_t)d, n, d, 0.1f, memory(room)};
  double rate = 4.0 * n * n * d / bench_time(run_attend, &a);
  printf("%-7s attend    %-22s n %4d  d %4d          %7.1f GFLOP/s  %3.0f %% of peak\n", isa, what, n, d, rate / 1e9,
         100 * rate / peak_flops);
  mem_pages_free(x, count * 4), mem_pages_free(y, (size_t)n * (size_t)d * 4), mem_pages_free(a.scratch, room * 4);
}

static void bench_attend(void) {
  one_attend("MiniLM sentence", 23, 32);
  one_attend("MiniLM paragraph", 159, 32);
  one_attend("BERT-base window", 512, 64);
}

static void bench_gemm8(void) {
  one_gemm8("MiniLM qkv", 224, 1152, 384);
  one_gemm8("MiniLM outer", 224, 384, 1536);
  one_gemm8("MiniLM one sentence", 23, 1536, 384);
  one_gemm8("BERT-base inner", 224, 3072, 768);
  one_gemm8("BERT-large outer", 224, 1024, 4096);
}

/* ---- the others: bytes in and out -------------------------------------------------------------------------------------- */

enum { ROWS = 64, WIDTH = 384 };
static float *rows, *more, *gamma_row, *beta_row;

static void report(const char *what, double seconds, double bytes) {
  printf("%-7s %-9s %-22s %d x %d  %7.1f GB/s  %5.2f x what memory gives\n", isa, what, "", ROWS, WIDTH,
         bytes / seconds / 1e9, bytes / seconds / peak_bytes);
}

static void run_pack(void *unused) {
  (void)unused;
  set->pack(third, rows, WIDTH, 0, ROWS, WIDTH);
}
static void run_pack_rows(void *unused) {
  (void)unused;
  set->pack_rows(third, rows, WIDTH, WIDTH, ROWS);
}
static void run_softmax(void *unused) {
  (void)unused;
  set->softmax(rows, WIDTH, ROWS, WIDTH, 0.1f);
}
static void run_layernorm(void *unused) {
  (void)unused;
  set->layernorm(rows, rows, more, gamma_row, beta_row, ROWS, WIDTH, 1e-12f);
}
static void run_activate(void *unused) {
  (void)unused;
  set->activate(more, more, (size_t)ROWS * WIDTH, KERNEL_GELU);
}
static void run_dot(void *unused) {
  float sum;
  (void)unused;
  for (int i = 0; i < ROWS; i++) set->dot(&sum, rows + i * WIDTH, more + i * WIDTH, WIDTH);
}

static void run_quantize(void *unused) {
  static int8_t q[ROWS * WIDTH];
  static float scale[ROWS * WIDTH / KERNEL_GROUP];
  (void)unused;
  set->quantize(q, scale, more, WIDTH, ROWS, WIDTH);
}

static void bench_quantize(void) { report("quantize", bench_time(run_quantize, NULL), 5.0 * ROWS * WIDTH); }
static void bench_pack(void) { report("pack", bench_time(run_pack, NULL), 2.0 * 4 * ALL); }
static void bench_pack_rows(void) { report("pack_rows", bench_time(run_pack_rows, NULL), 2.0 * 4 * ALL); }
static void bench_softmax(void) { report("softmax", bench_time(run_softmax, NULL), 2.0 * 4 * ROWS * WIDTH); }
static void bench_layernorm(void) { report("layernorm", bench_time(run_layernorm, NULL), 3.0 * 4 * ROWS * WIDTH); }
static void bench_activate(void) { report("activate", bench_time(run_activate, NULL), 2.0 * 4 * ROWS * WIDTH); }
static void bench_dot(void) { report("dot", bench_time(run_dot, NULL), 2.0 * 4 * ROWS * WIDTH); }

/* ---- training ---- */

static float *third, *fourth;
enum { ALL = ROWS * WIDTH };

static void run_layernorm_keep(void *unused) {
  (void)unused;
  set->layernorm_keep(third, fourth, gamma_row, rows, more, beta_row, beta_row, ROWS, WIDTH, 1e-12f);
}
static void run_layernorm_back(void *unused) {
  (void)unused;
  set->layernorm_back(third, rows, more, gamma_row, beta_row, ROWS, WIDTH);
}
static void run_activate_back(void *unused) {
  (void)unused;
  set->activate_back(third, more, ALL, KERNEL_GELU);
}
static void run_softmax_back(void *unused) {
  (void)unused;
  set->softmax_back(third, more, rows, WIDTH, ROWS, WIDTH, 0.1f);
}
static void run_column_sums(void *unused) {
  (void)unused;
  set->column_sums(gamma_row, rows, more, WIDTH, ROWS, WIDTH);
}
static void run_dropout(void *unused) {
  static const KernelDrop d = {{1, 2}, 429496729u, 1.0f};
  (void)unused;
  set->dropout(third, third, ALL, &d, 0);
}
static void run_adam(void *unused) {
  KernelAdam a = {third, fourth, rows, more, ALL, 1.0f, 0.1f, 0.001f, 1e-6f, 1.0f, 1e-9f, 1.0f};
  (void)unused;
  set->adam(&a);
}

static void bench_layernorm_keep(void) { report("layernorm_keep", bench_time(run_layernorm_keep, NULL), 4.0 * 4 * ALL); }
static void bench_layernorm_back(void) { report("layernorm_back", bench_time(run_layernorm_back, NULL), 3.0 * 4 * ALL); }
static void bench_activate_back(void) { report("activate_back", bench_time(run_activate_back, NULL), 3.0 * 4 * ALL); }
static void bench_softmax_back(void) { report("softmax_back", bench_time(run_softmax_back, NULL), 4.0 * 4 * ALL); }
static void bench_column_sums(void) { report("column_sums", bench_time(run_column_sums, NULL), 2.0 * 4 * ALL); }
static void bench_dropout(void) { report("dropout", bench_time(run_dropout, NULL), 2.0 * 4 * ALL); }
static void bench_adam(void) { report("adam", bench_time(run_adam, NULL), 7.0 * 4 * ALL); }

/* 4096 rows, which do not leave L2, of codes; one query and many of them, whom no row passes. */
enum { SCAN_PANELS = 128, SCAN_QUERIES = 96 };
static KernelScan scanned;
static KernelBound bound = {0, 1, 0, 0, INFINITY};
static float *row;
static uint8_t *codes;

static void run_scan(void *unused) {
  (void)unused;
  set->scan(&scanned);
}
static void run_screen(void *unused) {
  uint32_t passed;
  (void)unused;
  for (int i = 0; i < SCAN_PANELS * KERNEL_PANEL; i += KERNEL_PANEL)
    set->screen(&passed, scanned.passed->sum, row + i, row + i, row + i, &bound);
}
static void run_dot_code(void *unused) {
  float sum;
  (void)unused;
  for (int i = 0; i < ROWS; i++) set->dot_code(&sum, rows, codes + i * WIDTH, WIDTH);
}

static void bench_scan(void) {
  size_t n = (size_t)SCAN_PANELS * KERNEL_PANEL;
  static KernelBound bounds[SCAN_QUERIES];
  for (int i = 0; i < SCAN_QUERIES; i++) bounds[i] = bound;
  codes = memory(n * WIDTH / 8), row = memory(n);
  scanned = (KernelScan){memory(sizeof(KernelPassed) / 4), 0, codes, row, row, row, memory(SCAN_QUERIES * WIDTH / 4), bounds, 1,
                         SCAN_PANELS, WIDTH};
  for (int m = 1; m <= SCAN_QUERIES; m = m == 1 ? 12 : m * 8) {
    scanned.m = m;
    double seconds = bench_time(run_scan, NULL), work = 2.0 * (double)n * WIDTH * m;
    printf("%-7s scan      %d queries            %zu x %d  %7.1f GOP/s  %5.2f ns a row and query\n", isa, m, n, WIDTH,
           work / seconds / 1e9, seconds / (double)n / m * 1e9);
  }
}
static void bench_screen(void) {
  int n = SCAN_PANELS * KERNEL_PANEL;
  printf("%-7s screen    %d rows  %5.2f ns a row\n", isa, n, bench_time(run_screen, NULL) / n * 1e9);
}
static void bench_dot_code(void) { report("dot_code", bench_time(run_dot_code, NULL), 5.0 * ROWS * WIDTH); }

int main(void) {
  peak_bytes = bench_peak_bytes();
  printf("one core: %.1f GB/s from memory\n", peak_bytes / 1e9);
  rows = memory((size_t)ROWS * WIDTH);
  more = memory((size_t)ROWS * WIDTH);
  third = memory(ALL);
  fourth = memory(ALL);
  gamma_row = memory(WIDTH);
  beta_row = memory(WIDTH);
  for (int i = 0; (isa = kernels_name(i)); i++) {
    if (i == 0 || !(set = kernels_at(i))) continue; /* ref is a definition, not an implementation */
    peak_flops = bench_peak_flops(isa);
    peak_ops8 = bench_peak_ops8(isa);
    printf("%-7s peak      %.1f GFLOP/s in fused multiply-adds, %.1f GOP/s in 8 bits\n", isa, peak_flops / 1e9,
           peak_ops8 / 1e9);
#define KERNEL(name, parameters, cost) bench_##name();
#include "kernel/kernels.def"
#undef KERNEL
  }
  return 0;
}
