/* test_rng.c -- random numbers: the published values of Philox, and what is made of them. */
#include "base/rng.h"
#include "test.h"

static void same(const uint32_t *found, const uint32_t *wanted) {
  for (int i = 0; i < 4; i++) EQ(found[i], wanted[i]);
}

/* Test vectors that the paper's authors publish with Random123. */
TEST(rng_is_philox_4x32_10) {
  uint32_t x[4];
  rng_block(0, 0, 0, x);
  same(x, (uint32_t[4]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  rng_block(UINT64_MAX, UINT64_MAX, UINT64_MAX, x);
  same(x, (uint32_t[4]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  rng_block(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, x);
  same(x, (uint32_t[4]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(rng_next_walks_the_blocks) {
  Rng r = rng_stream(7, 3);
  uint32_t x[4];
  for (int i = 0; i < 8; i++) {
    rng_block(7, 3, (uint64_t)i / 4, x);
    EQ(rng_next(&r), x[i % 4]);
  }
}

TEST(rng_below_is_even_and_in_range) {
  enum { N = 7, DRAWS = 70000 };
  Rng r = rng_stream(1, 0);
  int count[N] = {0};
  for (int i = 0; i < DRAWS; i++) {
    uint32_t k = rng_below(&r, N);
    if (k < N) count[k]++;
  }
  for (int k = 0; k < N; k++) NEAR(count[k], DRAWS / N, 400); /* four standard deviations */
  EQ(rng_below(&r, 1), 0);
}

TEST(rng_unit_is_below_one) {
  OK(rng_unit(0) == 0);
  OK(rng_unit(UINT32_MAX) < 1);
}

TEST(rng_shuffle_keeps_all_and_moves_them) {
  enum { N = 1000 };
  int32_t order[N];
  char seen[N] = {0};
  Rng r = rng_stream(5, 1);
  for (int i = 0; i < N; i++) order[i] = i;
  rng_shuffle(&r, order, N);
  int stayed = 0, missing = 0;
  for (int i = 0; i < N; i++) {
    seen[order[i]] = 1;
    stayed += order[i] == i;
  }
  for (int i = 0; i < N; i++) missing += !seen[i];
  EQ(missing, 0);
  OK(stayed < 8); /* one is expected */
}
