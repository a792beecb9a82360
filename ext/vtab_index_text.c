/* vtab_index_text.c -- what of a row is embedded: its text columns, joined or weighted, and the hash of that.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    CREATE VIRTUAL TABLE t USING bert_index(title, body, text='title, body');     -- title, line end, body: one vector
**    CREATE VIRTUAL TABLE t USING bert_index(title, body, text='title:2, body');   -- a vector each; their mean, 2 to 1
**
** A column that is NULL is left out. Where columns have weights, one that is empty is left out, too, and the vector of a
** row is the mean of its columns' vectors, each of them first brought to length 1, as the mean is in the end; columns
** that cancel each other out give zeros. A row of which nothing is left has no vector. Questions are embedded as ever.
**
** In memory, a row's text is its columns with line ends between them, or, with weights, for each column
**
**    uint8 which of the text columns, uint64 size, little-endian, bytes
**
** The hash covers these bytes, the model, the prompt and the weights, so that what must be embedded anew can be told
** from what need not. */
#include "vtab_index.h"

#include <math.h>
#include <string.h>

enum { HEAD = 9 };

static void append_bytes(IndexTable *t, const void *bytes, size_t size, bert_err *e) {
  if (!memory_grow(&t->texts, &t->texts_room, t->texts_used + size + 1, 1, e)) return;
  if (size) memcpy(t->texts + t->texts_used, bytes, size);
  t->texts_used += size;
}

static void append_head(IndexTable *t, int which, size_t size, bert_err *e) {
  unsigned char head[HEAD] = {(unsigned char)which};
  index_put64(head + 1, size);
  append_bytes(t, head, sizeof head, e);
}

int index_join_text(IndexTable *t, sqlite3_value **values, size_t *start, size_t *size, bert_err *e) {
  int parts = 0;
  *start = t->texts_used;
  for (int i = 0; i < t->columns.text_count; i++) {
    int column = t->columns.texts[i];
    bert_text text;
    if (!value_text(values[column], t->columns.columns[column].name, &text, e)) continue;
    if (t->columns.weights && text.size == 0) continue;
    if (t->columns.weights) append_head(t, i, text.size, e);
    else if (parts) append_bytes(t, "\n", 1, e);
    append_bytes(t, text.data, text.size, e);
    parts++;
  }
  *size = t->texts_used - *start;
  t->texts_used = *start; /* it stays there until another one comes, or index_wait keeps it */
  if (parts) append_bytes(t, NULL, 0, e);
  return parts > 0 && !e->code;
}

int index_text_parts(const IndexTable *t, const char *text, size_t size, bert_text *texts, double *weights) {
  int n = 0;
  if (!t->columns.weights) {
    texts[0] = (bert_text){text, size};
    return 1;
  }
  for (const char *at = text; at < text + size; n++) {
    const unsigned char *head = (const unsigned char *)at;
    uint64_t bytes = 0;
    for (int i = 8; i > 0; i--) bytes = bytes << 8 | head[i];
    texts[n] = (bert_text){at + HEAD, (size_t)bytes};
    if (weights) weights[n] = t->columns.weights[head[0]];
    at += HEAD + (size_t)bytes;
  }
  return n;
}

void index_text_mean(const float *vectors, const double *weights, int n, int d, float *out) {
  double scale[INDEX_COLUMNS_MAX], length = 0;
  for (int i = 0; i < n; i++) {
    const float *v = vectors + (size_t)i * (size_t)d;
    double sum = 0;
    for (int j = 0; j < d; j++) sum += (double)v[j] * v[j];
    scale[i] = sum > 0 ? weights[i] / sqrt(sum) : 0;
  }
  for (int pass = 0; pass < 2; pass++) /* its length first */
    for (int j = 0; j < d; j++) {
      double sum = 0;
      for (int i = 0; i < n; i++) sum += scale[i] * vectors[(size_t)i * (size_t)d + (size_t)j];
      if (pass == 0) length += sum * sum;
      else out[j] = (float)(length > 0 ? sum / sqrt(length) : 0);
    }
}

static uint64_t hash_of_weights(const IndexTable *t, uint64_t seed) {
  for (int i = 0; i < t->columns.text_count; i++) {
    unsigned char bytes[8];
    uint64_t bits;
    memcpy(&bits, &t->columns.weights[i], sizeof bits);
    index_put64(bytes, bits);
    seed = index_hash(bytes, sizeof bytes, seed);
  }
  return seed;
}

sqlite3_int64 index_text_hash(const IndexTable *t, const char *text, size_t size) {
  uint64_t seed = index_hash(t->model_hash, strlen(t->model_hash), 0);
  if (t->columns.prompt) seed = index_hash(t->columns.prompt, strlen(t->columns.prompt), seed);
  if (t->columns.weights) seed = hash_of_weights(t, seed);
  return (sqlite3_int64)index_hash(text, size, seed);
}
