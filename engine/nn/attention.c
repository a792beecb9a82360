/* attention.c -- scaled dot-product self-attention over each row of a batch.
** Layer: nn. Uses: base kernel.
**
** For a row of n tokens and a head of D numbers, the keys are packed as panels of the product with the queries, the values
** as panels of the product with the probabilities:
**
**    scores[n][n] = q[n][D] * keys[D][n]        softmax(scores / sqrt D)        context[n][D] = scores[n][n] * values[n][D]
**
** Scores are made for QUERIES rows at a time and used while they are in cache: there is never an n x n matrix in memory.
** A team shares the (row, head) pairs out, longest first by their place in the batch. Own scratch: n (2 D + QUERIES). */
#include <math.h>
#include <string.h>

#include "nn/encoder.h"

enum { QUERIES = 56 }; /* four tiles of AVX-512: 56 rows of 512 scores are 112 KiB, a part of L2 */

static size_t padded(int n) { return (size_t)kernel_panels(n) * KERNEL_PANEL; }

size_t attention_own_floats(const Encoder *n, int longest) {
  size_t D = (size_t)(n->hidden / n->heads), N = padded(longest);
  return N * D + (size_t)longest * padded((int)D) + QUERIES * N;
}

/* panels[D][n] of keys[n][D]; the columns past n in the last panel become 0, so that scores there are finite. */
static void pack_keys(float *panels, const float *keys, size_t stride, int n, int d) {
  if (n % KERNEL_PANEL)
    memset(panels + (size_t)(n / KERNEL_PANEL) * (size_t)d * KERNEL_PANEL, 0, (size_t)d * KERNEL_PANEL * sizeof *panels);
  kernel_pack(panels, keys, stride, 0, n, d);
}

/* panels[n][D] of values[n][D]. */
static void pack_values(float *panels, const float *values, size_t stride, int n, int d) {
  for (int p = 0; p < kernel_panels(d); p++) {
    int width = d - p * KERNEL_PANEL < KERNEL_PANEL ? d - p * KERNEL_PANEL : KERNEL_PANEL;
    float *to = panels + (size_t)p * (size_t)n * KERNEL_PANEL;
    for (int t = 0; t < n; t++, to += KERNEL_PANEL) {
      memcpy(to, values + (size_t)t * stride + p * KERNEL_PANEL, (size_t)width * sizeof *to);
      if (width < KERNEL_PANEL) memset(to + width, 0, (size_t)(KERNEL_PANEL - width) * sizeof *to);
    }
  }
}

/* context[n][D] of one head over one row; q is its first query, k and v lie H and 2 H further. */
static void attend_head(float *context, const float *q, int n, int hidden, int d, float *own) {
  size_t stride = 3 * (size_t)hidden, N = padded(n);
  float *keys = own + KERNEL_SCRATCH, *values = keys + N * (size_t)d, *scores = values + (size_t)n * padded(d);
  float scale = 1.0f / sqrtf((float)d);
  pack_keys(keys, q + hidden, stride, n, d);
  pack_values(values, q + 2 * hidden, stride, n, d);
  for (int from = 0; from < n; from += QUERIES) {
    int m = n - from < QUERIES ? n - from : QUERIES;
    KernelGemm g = {.y = scores,
                    .y_stride = N,
                    .x = q + (size_t)from * stride,
                    .x_stride = stride,
                    .w = keys,
                    .w_row = KERNEL_PANEL,
                    .w_panel = (size_t)d * KERNEL_PANEL,
                    .m = m,
                    .n = (int)N,
                    .k = d,
                    .last = kernel_panels(n),
                    .scratch = own};
    kernels()->gemm(&g);
    kernels()->softmax(scores, N, m, n, scale);
    KernelGemm c = {.y = context + (size_t)from * (size_t)hidden,
                    .y_stride = (size_t)hidden,
                    .x = scores,
                    .x_stride = N,
                    .w = values,
                    .w_row = KERNEL_PANEL,
                    .w_panel = (size_t)n * KERNEL_PANEL,
                    .m = m,
                    .n = d,
                    .k = n,
                    .last = kernel_panels(d),
                    .scratch = own};
    kernels()->gemm(&c);
  }
}

void attend(const Encoder *n, const Layer *l, const Batch *b, Scratch *s, const Team *team) {
  size_t H = (size_t)n->hidden;
  float *own = s->own[team->rank];
  int d = n->hidden / n->heads;
  linear(s->qkv, 3 * H, s->x, H, &l->qkv, b->tokens, KERNEL_NONE, s, team);
  team_barrier(team);
  int items = b->rows * n->heads;
  for (int i = team->rank; i < items; i += team->size) {
    int row = i / n->heads, head = i % n->heads;
    size_t start = (size_t)b->start[row];
    attend_head(s->context + start * H + (size_t)head * (size_t)d, s->qkv + start * 3 * H + (size_t)head * (size_t)d,
                b->start[row + 1] - b->start[row], n->hidden, d, own);
  }
  team_barrier(team);
  linear(s->sum, H, s->context, H, &l->project, b->tokens, KERNEL_NONE, s, team);
  team_barrier(team);
  norm_rows(s->x, s->sum, s->x, &l->attention_norm, b->tokens, n->hidden, n->epsilon, team);
  team_barrier(team);
}
