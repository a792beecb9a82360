/* tvf_kernels.c -- bert_kernels: each kernel, and the instruction set that it runs with here.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT operation, isa FROM bert_kernels WHERE chosen;                    -- gemm|avx512 …, say
**    SELECT operation, isa, reason FROM bert_kernels WHERE NOT chosen;        -- what does not run, and why */
#include "ext.h"

typedef struct {
  Cursor cursor;
  bert_kernel_info info;
} Kernels;

static void fetch(Cursor *c) { c->done = !bert_kernel_describe((int)c->row, &((Kernels *)c)->info); }

static void open(Cursor *c, bert_err *e) {
  (void)e;
  fetch(c);
}

static void next(Cursor *c, bert_err *e) {
  (void)e;
  fetch(c);
}

static void column(Cursor *c, sqlite3_context *context, int i) {
  const bert_kernel_info *info = &((Kernels *)c)->info;
  switch (i) {
    case 0: value_result_text(context, info->operation); break;
    case 1: value_result_text(context, info->isa); break;
    case 2: sqlite3_result_int(context, info->chosen); break;
    case 3: value_result_text(context, info->reason); break;
  }
}

static void close(Cursor *c) { (void)c; }

const CursorKind tvf_kernels = {sizeof(Kernels), open, next, column, close};
