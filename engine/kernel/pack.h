/* pack.h -- matrices into panels: the right side of a product. See lanes.h.
** Layer: kernel. Uses: kernel.h lanes.h square.h. */
static void pack(float *panels, const float *w, size_t stride, int first, int rows, int k) {
  for (int r = 0; r < rows;) {
    int column = (first + r) % KERNEL_PANEL, n = KERNEL_PANEL - column;
    if (n > rows - r) n = rows - r;
    float *to = panels + (size_t)((first + r) / KERNEL_PANEL) * (size_t)k * KERNEL_PANEL + column;
    pack_strip(to, KERNEL_PANEL, w + (size_t)r * stride, stride, n, k, 0);
    r += n;
  }
}

/* to[16] = the first n of from[16], n of any size, and zeros. */
INLINE void pack_lanes(float *to, const float *from, int n) {
  v_store(to, n >= KERNEL_LANES ? v_load(from) : n > 0 ? v_load_part(from, n, 0.0f) : v_set(0.0f));
}

/* A few rows of all panels, then the next: rows are read from end to end while panels grow side by side. */
static void pack_rows(float *panels, const float *w, size_t stride, int n, int k) {
  enum { ROWS = 16 };
  for (int row = 0; row < k; row += ROWS)
    for (int p = 0; p < kernel_panels(n); p++) {
      float *to = panels + ((size_t)p * (size_t)k + (size_t)row) * KERNEL_PANEL;
      const float *from = w + (size_t)row * stride + p * KERNEL_PANEL;
      int left = n - p * KERNEL_PANEL, last = k - row < ROWS ? k : row + ROWS;
      for (int i = row; i < last; i++, to += KERNEL_PANEL, from += stride)
        for (int c = 0; c < KERNEL_PANEL; c += KERNEL_LANES) pack_lanes(to + c, from + c, left - c);
    }
}
