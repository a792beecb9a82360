/* kernel.h -- the contract of the operations that take the time.
** Layer: kernel. Uses: base.
**
** kernels.def has a row an operation; a row makes the field below, the line of the SQL table bert_kernels, and asks for a
** check in tests/kernel and a measurement in tests/bench. ref.c is the definition, as the formulas read; the file of
** an instruction set gives the same bits faster (see lanes.h for how), and `kernels()` picks the best that processor
** and operating system have.
**
** Same bits everywhere: every output element is one accumulator, summed over k in ascending order with fused
** multiply-adds; sums along a row run in 16 lanes (element i in lane i mod 16) that are folded 8, 4, 2, 1; exp, erf and
** tanh are our own polynomials (formula.h); no estimates, no flush to zero. So a value depends on its inputs alone, not on
** blocking, threads or the instruction set. What is not a number stays so through every operation (its payload is not
** promised), so that a vector made of it can be refused at the end.
**
** Matrices on the right are kept in panels of 32 columns, which every instruction set divides evenly:
**
**    w[K][N]  ->  panel 0: [k = 0: 32 columns][k = 1: 32 columns] … [k = K-1]   panel 1: …   the last one padded with 0
**
** In 8 bits, numbers are integers in ±127 times a scale. A scale holds for a group of 128 along k, of one token's numbers on
** the left, of one column's on the right: an outlier coarsens its own group alone. Products are summed in 32-bit integers
** within a group, which is exact, and groups in float, in order. Four k stand together, as the dot products of VNNI and NEON
** take them:
**
**    panel: [k = 0 … 3: 32 columns of 4 bytes][k = 4 … 7: …] …       K padded with 0 to a multiple of 4
*/
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "base/mem.h"

#ifdef __FAST_MATH__
#error "-ffast-math and -Ofast change the bits of vectors: build without"
#endif

enum { KERNEL_LANES = 16, KERNEL_PANEL = 32, KERNEL_ROWS = 112, KERNEL_DEPTH = 512, KERNEL_GROUP = 128 };

/* ceil(n / 32). */
static inline int kernel_panels(int n) { return (n + KERNEL_PANEL - 1) / KERNEL_PANEL; }

/* What is done to an element once its sum is complete. */
typedef enum { KERNEL_NONE, KERNEL_GELU, KERNEL_GELU_TANH, KERNEL_RELU, KERNEL_TANH } KernelActivation;

/* y[m][n] = activation(x[m][k] * w[k][n] + bias[n]) for the columns of panels first … last-1. y overlaps nothing.
** add: sums begin with what stands in y, whatever the bias, so that a product may be cut along k. */
typedef struct {
  float *y;
  size_t y_stride; /* floats from a row to the next, likewise below */
  const float *x;
  size_t x_stride;
  const float *w;        /* panels[k][32] */
  const float *bias;     /* padded to whole panels, or NULL for 0 */
  int m, n, k;
  int first, last;
  KernelActivation activation;
  float *scratch; /* KERNEL_SCRATCH floats of the calling thread, aligned to 64 */
  int transposed; /* x lies as [k][m], x_stride from one k to the next */
  int add;
} KernelGemm;
/* Packed rows, KERNEL_ROWS of KERNEL_DEPTH floats or at least one of 2^17 numbers of 16 bits (the deepest that gemm8 takes);
** then a panel's columns of the rows, then a group of a panel in 16 bits. */
enum { KERNEL_PACKED = 1 << 16 };
#define KERNEL_SCRATCH ((size_t)KERNEL_PACKED + KERNEL_ROWS * KERNEL_PANEL + KERNEL_GROUP * KERNEL_PANEL / 2)

/* The same product in 8 bits. Depth and groups are those of k: kernel_depth8(k), kernel_groups(k). */
typedef struct {
  float *y;
  size_t y_stride;
  const int8_t *x;      /* [m][depth], as quantize makes it */
  const float *x_scale; /* [m][groups] */
  const int8_t *w;      /* panels[depth / 4][32][4] */
  const float *w_scale; /* panels[groups][32] */
  const int32_t *w_sum; /* panels[groups][32]: -128 times the sum of the group's integers, for unsigned left sides */
  const float *bias;    /* padded to whole panels, or NULL for 0 */
  int m, n, k;
  int first, last;
  KernelActivation activation;
  float *scratch; /* KERNEL_SCRATCH floats of the calling thread, aligned to 64 */
} KernelGemm8;

/* context[n][d] = softmax(scale q k^T) v of one head over one row of n tokens (Vaswani et al. 2017, 3.2.1). Weights are
** summed, and values added up, from the row's first token to its last; the sum divides at the end. */
typedef struct {
  float *context;
  size_t context_stride;
  const float *q, *k, *v; /* [n][d], rows `stride` floats apart */
  size_t stride;
  int n, d;
  float scale;
  float *scratch; /* kernel_attend_floats(n, d), aligned to 64 */
} KernelAttend;

/* Queries as a panel, keys and values as rows of their own, weights of 32 queries: [d][32] [n][d] [n][32 panels of d]
** [n][32], the keys' share rounded up so that all begin on lines. */
static inline size_t kernel_attend_floats(int n, int d) {
  size_t wide = (size_t)kernel_panels(d) * KERNEL_PANEL;
  return (size_t)d * KERNEL_PANEL + (size_t)n * ((size_t)(d + 15) / 16 * 16 + wide + KERNEL_PANEL);
}

/* A step of Adam on n numbers: m += (1 - beta1)(g - m), v += (1 - beta2)(g^2 - v), w = keep w - rate m / (sqrt(v) root +
** epsilon), g being the gradient times `scale`. (Kingma, Ba 2015; weights decay apart from it, Loshchilov, Hutter 2019) */
typedef struct {
  float *w, *m, *v;
  const float *g;
  size_t n;
  float scale, new1, new2; /* new: 1 - beta1, 1 - beta2, rounded once (in floats 1 - 0.999 would be off by 1.3e-5 of itself) */
  float epsilon;
  float keep; /* 1 - rate times decay */
  float rate; /* over 1 - beta1^t, where bias is corrected */
  float root; /* 1 / sqrt(1 - beta2^t), likewise, else 1 */
} KernelAdam;

/* Which elements are dropped: element i is where a hash of key and i is below `threshold`, share 2^-32 threshold. */
typedef struct {
  uint32_t key[2], threshold;
  float scale; /* of those kept */
} KernelDrop;

/* What a row must reach to pass: (sum - zero) * (factor * scale) >= c cosine + offset - s sine, with the row's scale,
** cosine and sine. A row whose scale is not a number never does. */
typedef struct {
  float zero, factor, c, s, offset;
} KernelBound;

/* Who passed of a panel for a query: bit r for row r; and the sums of all rows. */
typedef struct {
  int32_t sum[KERNEL_PANEL];
  uint32_t rows;
  int32_t query, panel;
} KernelPassed;

/* Sums q[m][depth] . code of 4 bits, 0 … 15, and who passes a bound with them. Codes lie in panels: 32 rows side by side,
** eight k deep. A row's four bytes hold k = 0 … 3 in their low halves and k = 4 … 7 in their high ones, so that a mask and a
** shift make of them what the dot products of bytes take:
**
**    panel: [k = 0 … 7: 32 rows of 4 bytes][k = 8 … 15: …] …
**    q:     groups of 4 queries, [k = 0 … 3: 4 queries of 4 bytes][k = 4 … 7: …] …; see kernel_query_at
**
** Integers, exact: 15 * 127 * 65,536 is inside 31 bits. */
typedef struct {
  KernelPassed *passed; /* room for m * panels; those with rows, by panel, then query */
  int count;            /* set to how many they are */
  const uint8_t *codes; /* panels[depth / 8][32][4] */
  const float *scale, *cosine, *sine; /* of the panels' rows */
  const int8_t *q;      /* in ±127 */
  const KernelBound *bound; /* [m] */
  int m, panels, depth; /* depth a multiple of 8, at most 65,536 */
} KernelScan;

/* Where number k of query i lies in a scan's q, and how many numbers q has. */
static inline size_t kernel_query_at(int i, int k, int depth) {
  return ((size_t)(i / 4) * (size_t)(depth / 4) + (size_t)(k / 4)) * 16 + (size_t)(i % 4 * 4 + k % 4);
}
static inline size_t kernel_query_numbers(int m, int depth) { return (size_t)((m + 3) / 4) * 4 * (size_t)depth; }

/* k rounded up to a multiple of 4; groups of 128 that k takes, the last one may be shorter. */
static inline int kernel_depth8(int k) { return (k + 3) / 4 * 4; }
static inline int kernel_groups(int k) { return (k + KERNEL_GROUP - 1) / KERNEL_GROUP; }

typedef struct {
#define KERNEL(name, parameters, cost) void(*name) parameters;
#include "kernel/kernels.def"
#undef KERNEL
} Kernels;

/* The chosen set; the same at every call. */
const Kernels *kernels(void);

/* Set i of those built in (0 is ref), for tests and benchmarks; NULL past the end or where this machine lacks it. */
const Kernels *kernels_at(int i);

/* Set i of those built in: its name; NULL past the end. */
const char *kernels_name(int i);

/* Row i of what is built in: an operation of a set that has it of its own. 0 past the end. */
typedef struct {
  const char *operation, *isa;
  int chosen;
  const char *reason; /* why it is, or is not, in use */
} KernelRow;
int kernels_row(int i, KernelRow *row);

/* Floats that w[k][n] takes in panels. */
static inline size_t kernel_panel_floats(int k, int n) {
  return (size_t)kernel_panels(n) * (size_t)k * KERNEL_PANEL;
}

/* The way back: out[rows][k] = rows first … first+rows-1 of what was packed. */
void kernel_unpack(float *out, const float *panels, int first, int rows, int k);

/* A matrix w[k][n] in 8 bits. */
typedef struct {
  int8_t *panels;
  float *scale;
  int32_t *sum;
} Panels8;

/* Bytes of its parts. */
static inline size_t kernel_panel_bytes8(int k, int n) {
  return (size_t)kernel_panels(n) * (size_t)kernel_depth8(k) * KERNEL_PANEL;
}
static inline size_t kernel_panel_scales(int k, int n) {
  return (size_t)kernel_panels(n) * (size_t)kernel_groups(k) * KERNEL_PANEL;
}

/* As pack, rounding to 8 bits: scale = the group's largest magnitude / 127. All of p is zero at first. */
void kernel_pack8(const Panels8 *p, const float *w, size_t stride, int first, int rows, int k);

/* Row `row` as integers and a scale a group, out of panels and into them: q[n] are those from `at` on, which begins a
** group; n reaches the end of one, or of the row. */
void kernel_unpack8(int8_t *q, float *scale, const Panels8 *p, int row, int at, int n, int k);
void kernel_repack8(const Panels8 *p, const int8_t *q, const float *scale, int row, int at, int n, int k);

/* out[n] = integers times the scale of their group, the first of which begins at q[0]. */
void kernel_scale8(float *out, const int8_t *q, const float *scale, int n);

#endif
