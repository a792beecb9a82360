/* test_parts.c -- a batch in parts is the batch: every row, target and weight once, each at its place. */
#include "model/train_parts.h"
#include "test.h"

enum { ROWS = 40, EACH = 97, TOKENS = ROWS * EACH };

static int32_t ids[TOKENS], start[ROWS + 1], label[ROWS], target[TOKENS], position[ROWS];
static uint8_t types[TOKENS];
static float value[ROWS * 2];

/* Row r has EACH tokens, whose ids count over the batch; its chosen token is its r-th, which is to be id 1000 + r. */
static TrainBatch batch(int chosen) {
  for (int r = 0; r < ROWS; r++) {
    start[r] = r * EACH;
    label[r] = r;
    value[2 * r] = (float)r, value[2 * r + 1] = (float)-r;
    position[r] = r * EACH + r;
  }
  start[ROWS] = TOKENS;
  for (int t = 0; t < TOKENS; t++) ids[t] = t, target[t] = chosen ? 1000 + t : t % 3 - 1;
  return (TrainBatch){.tokens = {ROWS, TOKENS, EACH, ids, types, start}, .examples = ROWS, .towers = 1, .label = label,
                      .target = target, .position = chosen ? position : NULL, .chosen = chosen ? ROWS : 0,
                      .value = value, .width = 2};
}

TEST(parts_have_every_row_once) {
  bert_err e = {0};
  PartRoom room = {0};
  TrainBatch b = batch(1), p;
  int row = 0, seen = 0, parts = 0;
  while (parts_next(&b, &row, &room, &p, &e)) {
    parts++;
    OK(p.tokens.tokens <= PART_TOKENS);
    EQ(p.examples, p.tokens.rows);
    EQ(p.chosen, p.tokens.rows);
    EQ(p.tokens.start[0], 0);
    for (int r = 0; r < p.tokens.rows; r++, seen++) {
      EQ(p.label[r], seen);
      EQ(p.value[2 * r + 1], -seen);
      EQ(p.tokens.start[r + 1] - p.tokens.start[r], EACH);
      EQ(p.tokens.ids[p.tokens.start[r]], seen * EACH);
      EQ(p.tokens.ids[p.position[r]], seen * EACH + seen);
      EQ(p.target[r], 1000 + seen);
    }
  }
  GOOD(e);
  EQ(seen, ROWS);
  EQ(parts, 4); /* ten rows of 97 in 1,024 */
  parts_fini(&room);
}

TEST(parts_weigh_what_the_whole_weighs) {
  TrainBatch b = batch(0);
  TrainWeights w = parts_weights(&b, LOSS_TAG, 0.5f);
  int judged = 0;
  for (int t = 0; t < TOKENS; t++) judged += target[t] >= 0;
  NEAR((double)w.example, 0.5 / ROWS, 1e-9);
  NEAR((double)w.token, 0.5 / judged, 1e-9);
}

TEST(parts_do_not_cut_what_is_compared) {
  bert_err e = {0};
  PartRoom room = {0};
  TrainBatch b = batch(0), p;
  int row = 0;
  b.towers = 2, b.examples = ROWS / 2;
  EQ(parts_next(&b, &row, &room, &p, &e), 1);
  EQ(p.tokens.rows, ROWS);
  EQ(parts_next(&b, &row, &room, &p, &e), 0);
  parts_fini(&room);
}
