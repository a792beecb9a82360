/* train_parts.c -- see train_parts.h.
** Layer: model. Uses: base nn. */
#include "model/train_parts.h"

void parts_fini(PartRoom *room) {
  buf_fini(&room->start);
  buf_fini(&room->position);
  buf_fini(&room->target);
}

TrainWeights parts_weights(const TrainBatch *b, LossKind loss, float share) {
  int judged = b->chosen;
  for (int t = 0; loss == LOSS_TAG && t < b->tokens.tokens; t++) judged += b->target[t] != TARGET_NONE;
  return (TrainWeights){share / (float)b->examples, judged ? share / (float)judged : 0};
}

/* The chosen tokens among tokens from … to-1. */
static void choose(const TrainBatch *b, int from, int to, PartRoom *room, TrainBatch *out, bert_err *e) {
  room->position.size = room->target.size = 0;
  for (int i = 0; i < b->chosen; i++) {
    int32_t at = b->position[i] - from;
    if (b->position[i] < from || b->position[i] >= to) continue;
    buf_add(&room->position, &at, sizeof at, e);
    buf_add(&room->target, &b->target[i], sizeof *b->target, e);
  }
  out->chosen = (int)(room->position.size / sizeof(int32_t));
  out->position = (const int32_t *)room->position.data;
  out->target = (const int32_t *)room->target.data;
}

int parts_next(const TrainBatch *b, int *row, PartRoom *room, TrainBatch *out, bert_err *e) {
  const int32_t *start = b->tokens.start;
  int first = *row, past = first, longest = 0;
  if (e->code || first >= b->tokens.rows) return 0;
  *row = b->tokens.rows;
  *out = *b;
  if (b->towers > 1) return 1;
  while (past < b->tokens.rows && (past == first || start[past + 1] - start[first] <= PART_TOKENS)) {
    int n = start[past + 1] - start[past];
    longest = n > longest ? n : longest;
    past++;
  }
  *row = past;
  int from = start[first], to = start[past], rows = past - first;
  int32_t *starts;
  room->start.size = 0;
  starts = buf_room(&room->start, (size_t)(rows + 1) * sizeof *starts, e);
  if (e->code) return 0;
  for (int i = 0; i <= rows; i++) starts[i] = start[first + i] - from;
  out->tokens = (Batch){rows, to - from, longest, b->tokens.ids + from, b->tokens.types + from, starts};
  out->examples = rows;
  if (b->label) out->label = b->label + first;
  if (b->past) out->past = b->past + first;
  if (b->next) out->next = b->next + first;
  if (b->value) out->value = b->value + (size_t)first * (size_t)b->width;
  if (b->features) out->features = b->features + (size_t)first * (size_t)b->feature_count;
  if (b->position) choose(b, from, to, room, out, e);
  else if (b->target) out->target = b->target + from;
  return !e->code;
}
