/* weights.h -- where tensors come from: names, shapes and numbers, whatever the file.
** Layer: file. Uses: base.
**
** Opening reads names and shapes alone and checks them against the file's size; numbers are read when asked for, tensor
** by tensor, converted to f32, so a model costs no more memory than its weights once. Formats, the first that is there:
** model.safetensors, model.safetensors.index.json with its shards, pytorch_model.bin, pytorch_model.bin.index.json; or
** a .gguf file, whose tensors go by the names that they have in Hugging Face's files. */
#ifndef FILE_WEIGHTS_H
#define FILE_WEIGHTS_H

#include "base/arena.h"
#include "base/io.h"

typedef enum {
  DTYPE_F32,
  DTYPE_F16,
  DTYPE_BF16,
  DTYPE_F64,
  DTYPE_Q4_0, /* from here on ggml's quantised types, blocks of numbers with a scale */
  DTYPE_Q4_1,
  DTYPE_Q5_0,
  DTYPE_Q5_1,
  DTYPE_Q8_0,
  DTYPE_IQ4_NL,
  DTYPE_Q2_K,
  DTYPE_Q3_K,
  DTYPE_Q4_K,
  DTYPE_Q5_K,
  DTYPE_Q6_K,
  DTYPE_IQ4_XS,
  DTYPE_OTHER /* known by name at most, and not converted */
} DType;
enum { TENSOR_RANK_MAX = 8 };

typedef struct {
  const char *name;
  DType dtype;
  const char *dtype_name; /* as the file spells it */
  int rank;
  int64_t shape[TENSOR_RANK_MAX];
  int64_t count;    /* product of the shape */
  int file;         /* which of the files */
  const char *path; /* of that file */
  uint64_t offset, bytes;
  int64_t step[2];  /* numbers from one row to the next, and from one column to the next, for a view that is not in
                       order (a transposed matrix of a pickle); 0, 0: in order */
} Tensor;

typedef struct Weights Weights;

/* The tensors of a model directory, or of a .gguf file; files stay open until weights_free. BERT_IO where none of the
** known files is there, naming those looked for. Tensors of one name twice are BERT_FORMAT. */
Weights *weights_open(const Folder *in, const char *path, bert_err *e);
/* Those of one safetensors file. */
Weights *weights_open_safetensors(const Folder *in, const char *path, bert_err *e);
/* t[n], whose bytes lie at their offsets in bytes[size], which stay where they are; names and `path` too. */
Weights *weights_in_memory(const void *bytes, size_t size, const Tensor *t, int n, const char *path, bert_err *e);
void weights_free(Weights *w);

/* NULL if there is none of that name; weights_find says so in *e, weights_maybe does not mind. */
const Tensor *weights_maybe(const Weights *w, const char *name);
const Tensor *weights_find(const Weights *w, const char *name, bert_err *e);
/* Tensor i in file order, NULL past the end. */
const Tensor *weights_at(const Weights *w, int i);

/* "…/model.safetensors: pooler.dense.weight: 384x768, wanted 768x768". columns 0: a vector of `rows`. t may be NULL on
** a failed e. */
void weights_want_shape(const Tensor *t, int64_t rows, int64_t columns, bert_err *e);

/* out[rows][count / shape[0]] = f32 of the rows of t from first_row (a vector has rows of one number, a scalar is one
** row). NaN and infinity are BERT_FORMAT: no vector made with them would mean anything. So is DTYPE_OTHER. May be
** called from several threads at once. Cost: that of reading; all of MiniLM-L6 (90 MB) takes 17 ms once the file is in
** the page cache, one core of Zen 4. A view that is not in order is read in runs, at a tenth of that speed or less. */
void weights_read(const Weights *w, const Tensor *t, int64_t first_row, int64_t rows, float *out, bert_err *e);

/* Where t's bytes lie, if its file is in memory; else NULL. */
const void *weights_place(const Weights *w, const Tensor *t);

/* out[n] = bytes of t from byte `from` on, as the file has them, whatever its dtype; all of them are t's. */
void weights_read_bytes(const Weights *w, const Tensor *t, uint64_t from, void *out, size_t n, bert_err *e);

#endif
