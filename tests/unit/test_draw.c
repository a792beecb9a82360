/* test_draw.c -- ticks, escapes, labels, principal components. */
#include "draw/axis.h"
#include "draw/heat.h"
#include "draw/names.h"
#include "draw/pca.h"
#include "draw/plot.h"
#include "draw/svg.h"
#include "test.h"

/* ---- axes --------------------------------------------------------------------------------------------------------- */

static const char *ticks(double low, double high) {
  static char all[400];
  Axis a = axis_over(low, high, 6);
  all[0] = 0;
  for (int64_t i = a.first; i <= a.last; i++) {
    char text[AXIS_TEXT];
    axis_text(&a, i, text);
    strcat(strcat(all, text), i < a.last ? " " : "");
  }
  return all;
}

TEST(axis_ticks_are_round_and_enclose_the_values) {
  STR(ticks(3.2, 17.9), "0 5 10 15 20");
  STR(ticks(0, 1), "0 0.2 0.4 0.6 0.8 1.0");
  STR(ticks(-0.1, 0.3), "-0.1 0 0.1 0.2 0.3");
  STR(ticks(0.00011, 0.00034), "0.00010 0.00015 0.00020 0.00025 0.00030 0.00035");
  STR(ticks(0, 20000), "0 5000 10000 15000 20000");
  STR(ticks(1e6, 3.1e6), "1e6 1.5e6 2e6 2.5e6 3e6 3.5e6");
  STR(ticks(-2e-8, 1e-8), "-2e-8 -1.5e-8 -1e-8 -5e-9 0 5e-9 1e-8");
  STR(ticks(1, 100), "0 20 40 60 80 100");
}

TEST(axis_over_one_value_goes_beyond_it) {
  STR(ticks(5, 5), "4.4 4.6 4.8 5.0 5.2 5.4 5.6");
  STR(ticks(0, 0), "-1.0 -0.5 0 0.5 1.0");
  STR(ticks(1e15, 1e15 + 0.5), "9e14 9.5e14 1e15 1.05e15 1.1e15");
}

TEST(axis_holds_at_its_ends) {
  Axis a = axis_over(-AXIS_MAX, AXIS_MAX, 6), tiny = axis_over(0, 1e-40, 6);
  NEAR(axis_part(&a, 0), 0.5, 1e-12);
  OK(axis_part(&a, AXIS_MAX) < 1.000001 && axis_part(&a, -AXIS_MAX) > -0.000001);
  OK(axis_part(&tiny, 1e-40) >= 0 && axis_part(&tiny, 1e-40) <= 1);
}

/* ---- text --------------------------------------------------------------------------------------------------------- */

static const char *put_text(const char *bytes, size_t n, const char *format) {
  static char all[400];
  bert_err e = {0};
  Buf b = {0};
  bert_text text = {bytes, n};
  svg_put(&b, &e, format, &text);
  memcpy(all, b.data, b.size);
  all[b.size] = 0;
  buf_fini(&b);
  return all;
}

TEST(svg_text_is_escaped_whatever_its_bytes) {
  STR(put_text("<a b=\"c\">&'", 11, "%t"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
  STR(put_text("a\0b\x01\x1f\x7f\n\t", 8, "%t"), "a\xEF\xBF\xBD" "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD  ");
  STR(put_text("\xFF\xED\xA0\x80\xEF\xBF\xBF", 7, "%t"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  STR(put_text("\xE6\x9D\xB1 \xD7\xA9", 6, "%t"), "\xE6\x9D\xB1 \xD7\xA9");
  STR(put_text("01234567890123456789012345678901234567890123", 44, "%c"), "0123456789012345678901234567890123456789\xE2\x80\xA6");
  STR(put_text("", 0, "%%[%c]"), "%[]");
}

TEST(svg_numbers_are_short_and_alike_everywhere) {
  bert_err e = {0};
  Buf b = {0};
  svg_put(&b, &e, "%n %n %n %n %n %d", 1.0, -0.5, 12.345, -0.004, 1e6, -7);
  buf_add(&b, "", 1, &e);
  STR(b.data, "1 -0.5 12.35 0 1000000 -7");
  buf_fini(&b);
}

TEST(names_count_each_text_once) {
  bert_err e = {0};
  Names n = {0};
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < 500; i++) {
      char text[8];
      EQ(names_add(&n, (bert_text){text, (size_t)snprintf(text, sizeof text, "%d", i)}, &e), i);
    }
  EQ(names_add(&n, (bert_text){NULL, 0}, &e), 500);
  EQ(names_count(&n), 501);
  EQ(names_at(&n, 499)->count, 2);
  GOOD(e);
  names_fini(&n);
}

/* ---- principal components ------------------------------------------------------------------------------------------ */

TEST(pca_finds_the_two_directions_of_a_flat_cloud) {
  enum { N = 60, D = 7 };
  float x[N][D];
  bert_err e = {0};
  Pca p;
  /* 5 cos along (0.6, 0.8, 0 …), 2 sin along the third axis, around a point far from zero. */
  for (int r = 0; r < N; r++)
    for (int k = 0; k < D; k++) x[r][k] = 100;
  for (int r = 0; r < N; r++) {
    float a = (float)(r % 12 - 5.5), b = (float)(r / 12 - 2);
    x[r][0] += 0.6f * a, x[r][1] += 0.8f * a, x[r][2] += b;
  }
  pca_run(&p, x[0], N, D, NULL, &e);
  GOOD(e);
  for (int r = 0; r < N; r++) {
    NEAR(p.at[r][0], r % 12 - 5.5, 1e-4);
    NEAR(p.at[r][1], r / 12 - 2, 1e-4);
  }
  NEAR(p.share[0], 143.0 / 167, 1e-4); /* variances 143/12 and 2 */
  NEAR(p.share[1], 24.0 / 167, 1e-4);
  mem_free(p.at);
}

TEST(pca_of_few_or_equal_vectors_is_finite) {
  static const float same[3][2] = {{1, 2}, {1, 2}, {1, 2}}, line[3][1] = {{3}, {4}, {8}};
  bert_err e = {0};
  Pca p;
  pca_run(&p, same[0], 3, 2, NULL, &e);
  OK(p.at[2][0] == 0 && p.at[2][1] == 0 && p.share[0] == 0);
  mem_free(p.at);
  pca_run(&p, line[0], 3, 1, NULL, &e);
  NEAR(p.at[2][0], 3, 1e-12);
  NEAR(p.share[0], 1, 1e-12);
  OK(p.at[2][1] == 0);
  mem_free(p.at);
  pca_run(&p, same[0], 1, 2, NULL, &e);
  OK(p.at[0][0] == 0);
  mem_free(p.at);
  GOOD(e);
}

static int stop(void *context) { return ++*(int *)context > 2; }

TEST(pca_stops_when_asked) {
  static float x[40][40];
  int asked = 0;
  bert_err e = {0};
  bert_progress progress = {.stop = stop, .context = &asked};
  Pca p;
  for (int i = 0; i < 1600; i++) x[i / 40][i % 40] = (float)(i * 7919 % 1009); /* a round cloud, which takes many rounds */
  pca_run(&p, x[0], 40, 40, &progress, &e);
  EQ(e.code, BERT_INTERRUPT);
  EQ(asked, 3);
  OK(!p.at);
}

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

TEST(heat_shows_fewer_tokens_of_more_heads) {
  EQ(heat_tokens(8), 64);
  EQ(heat_tokens(144), 64);
  EQ(heat_tokens(24 * 16), 39);
  EQ(heat_tokens(1 << 20), 8);
}

TEST(plot_of_many_points_is_a_small_picture) {
  bert_err e = {0};
  bert_plot *p = bert_plot_new(&e);
  for (int i = 0; i < 100000; i++) bert_plot_add(p, i, i % 977, NULL, &e);
  bert_text svg = bert_plot_draw(p, &e);
  GOOD(e);
  OK(svg.size > 10000 && svg.size < 60000); /* four points a column, each of about 12 bytes */
  bert_plot_free(p);
}

TEST(plot_refuses_what_cannot_be_drawn) {
  bert_err e = {0}, more = {0};
  bert_plot *p = bert_plot_new(&e);
  bert_plot_add(p, 1, 2e38, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "y is infinite or past 1e38");
  bert_plot_add(p, 0.0 / 0.0, 1, NULL, &more);
  FAILS(more, BERT_ARGUMENT, "x is infinite");
  bert_plot_free(p);
}

TEST(map_refuses_vectors_of_another_length_and_too_many) {
  static const float v[3] = {1, 2, 3};
  bert_err e = {0}, more = {0};
  bert_map *m = bert_map_new(&e);
  bert_map_add(m, v, 3, NULL, &e);
  bert_map_add(m, v, 2, NULL, &more);
  FAILS(more, BERT_ARGUMENT, "a vector of 2 numbers after 1 of 3");
  for (int i = 1; i < 10000; i++) bert_map_add(m, v, 3, NULL, &e);
  GOOD(e);
  bert_map_add(m, v, 3, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "at most 10000 vectors");
  bert_map_free(m);
}
