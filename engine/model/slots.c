/* slots.c -- the tensors of an open model, by name, as rows of f32.
** Layer: model. Uses: kernel model.h. */
#include <string.h>

#include "model/model.h"

static void read_words8(const Slot *s, int64_t first, int64_t rows, float *out) {
  size_t depth = (size_t)kernel_depth8(s->columns), groups = (size_t)kernel_groups(s->columns);
  for (size_t r = (size_t)first; rows > 0; r++, rows--, out += s->columns)
    kernel_scale8(out, s->words->word8 + r * depth, s->words->word_scale + r * groups, s->columns);
}

/* A row's integers and scales go through small pieces of stack: whole groups of a row of any width. */
static void read_panels8(const Slot *s, int64_t first, int64_t rows, float *out) {
  enum { PIECE = 8 * KERNEL_GROUP };
  int8_t q[PIECE];
  float scale[PIECE / KERNEL_GROUP];
  for (int64_t r = first; r < first + rows; r++)
    for (int at = 0, n; at < s->columns; at += n, out += n) {
      n = s->columns - at < PIECE ? s->columns - at : PIECE;
      kernel_unpack8(q, scale, &s->linear->panels8, s->first + (int)r, at, n, s->columns);
      kernel_scale8(out, q, scale, n);
    }
}

void slot_read(const Slot *s, int64_t first, int64_t rows, float *out) {
  size_t width = s->columns ? (size_t)s->columns : 1;
  if (s->plain) memcpy(out, s->plain + (size_t)first * width, (size_t)rows * width * sizeof *out);
  else if (s->words) read_words8(s, first, rows, out);
  else if (s->linear->panels) kernel_unpack(out, s->linear->panels, s->first + (int)first, (int)rows, s->columns);
  else read_panels8(s, first, rows, out);
}

void slot_read8(const Slot *s, int row, int8_t *q, float *scale) {
  size_t depth = (size_t)kernel_depth8(s->columns), groups = (size_t)kernel_groups(s->columns), r = (size_t)row;
  if (!s->words) {
    kernel_unpack8(q, scale, &s->linear->panels8, s->first + row, 0, s->columns, s->columns);
    return;
  }
  memcpy(q, s->words->word8 + r * depth, (size_t)s->columns);
  memcpy(scale, s->words->word_scale + r * groups, groups * sizeof *scale);
}

int slots_describe(const Model *m, int i, bert_tensor *out) {
  if (i < 0 || i >= m->slots || m->slot[i].owner == SLOT_MODULE) return 0; /* modules' come last */
  const Slot *s = &m->slot[i];
  *out = (bert_tensor){.name = s->name,
                       .rank = s->columns ? 2 : 1,
                       .shape = {s->rows, s->columns},
                       .count = (int64_t)s->rows * (s->columns ? s->columns : 1)};
  return 1;
}
