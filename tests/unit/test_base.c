/* test_base.c -- the floor that all else stands on: errors, memory, arenas, buffers, files, hash, UTF-8. */
#define _XOPEN_SOURCE 700
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "fixture.h"
#include "test.h"

/* ---- err ------------------------------------------------------------------------------------------------------ */

TEST(err_first_one_wins) {
  bert_err e = {0};
  err_within(&e, "nothing happened");
  STR(e.text, "");
  err_set(&e, BERT_IO, "first %d", 1);
  err_set(&e, BERT_NOMEM, "second");
  EQ(e.code, BERT_IO);
  STR(e.text, "first 1");
  err_within(&e, "while %s", "reading");
  STR(e.text, "while reading: first 1");
}

TEST(err_long_texts_end_at_a_whole_character) {
  char text[800] = "";
  for (int i = 0; i < 250; i++) strcat(text, "\xE4\xB8\xAD");
  for (int pad = 0; pad < 3; pad++) {
    bert_err e = {0};
    err_set(&e, BERT_FORMAT, "%.*s%s", pad, "ab", text);
    size_t n = strlen(e.text);
    OK(n <= 511 && n >= 508);
    EQ((n - (size_t)pad) % 3, 0);
    err_within(&e, "x");
    OK(strlen(e.text) <= 511);
    EQ((strlen(e.text) - 3 - (size_t)pad) % 3, 0);
  }
}

/* ---- mem ------------------------------------------------------------------------------------------------------ */

TEST(mem_size_saturates) {
  EQ(mem_size(3, 4, 5), 17);
  OK(mem_size(SIZE_MAX / 2, 3, 0) == SIZE_MAX);
  OK(mem_size(SIZE_MAX, 1, 1) == SIZE_MAX);
  OK(mem_size(0, SIZE_MAX, 7) == 7);
}

TEST(mem_new_zeroes_and_counts) {
  bert_err e = {0};
  int64_t live = mem_live();
  unsigned char *p = mem_new(1000, 3, &e), *none = mem_new(0, 8, &e);
  GOOD(e);
  OK(none != NULL);
  EQ(mem_live(), live + 2);
  for (int i = 0; i < 3000; i++) OK(p[i] == 0);
  mem_free(p);
  mem_free(none);
  mem_free(NULL);
  EQ(mem_live(), live);
}

TEST(mem_refuses_what_cannot_be) {
  bert_err e[4];
  memset(e, 0, sizeof e);
  OK(mem_new(SIZE_MAX, 2, &e[0]) == NULL);
  FAILS(e[0], BERT_NOMEM, "out of memory");
  OK(mem_new((size_t)PTRDIFF_MAX + 1, 1, &e[1]) == NULL);
  FAILS(e[1], BERT_NOMEM, "out of memory");
  OK(mem_grow(NULL, SIZE_MAX, 2, &e[2]) == NULL);
  FAILS(e[2], BERT_NOMEM, "out of memory");
  OK(mem_pages(SIZE_MAX, &e[3]) == NULL);
  FAILS(e[3], BERT_NOMEM, "out of memory");
}

TEST(mem_grow_keeps_what_was_held_and_on_failure_too) {
  bert_err e = {0};
  char *p = mem_grow(NULL, 4, 1, &e);
  memcpy(p, "abc", 4);
  mem_fail_after(1, 0);
  OK(mem_grow(p, 100, 1, &e) == NULL);
  FAILS(e, BERT_NOMEM, "out of memory");
  STR(p, "abc");
  OK(mem_grow(p, 100, 1, &e) == NULL); /* a failed error does nothing more */
  e = (bert_err){0};
  p = mem_grow(p, 100000, 1, &e);
  GOOD(e);
  STR(p, "abc");
  mem_free(p);
}

TEST(mem_fails_on_request_once_or_for_good) {
  bert_err e = {0}, f = {0}, g = {0}, h = {0};
  mem_fail_after(2, 0);
  void *a = mem_new(1, 1, &e), *b = mem_new(1, 1, &f), *c = mem_new(1, 1, &g);
  OK(a && !b && c);
  FAILS(f, BERT_NOMEM, "out of memory");
  mem_fail_after(1, 1);
  OK(!mem_new(1, 1, &h));
  h = (bert_err){0};
  OK(!mem_pages(1, &h));
  mem_fail_after(0, 0);
  mem_free(a);
  mem_free(c);
}

TEST(mem_pages_are_aligned_zeroed_and_given_back) {
  static const size_t SIZES[] = {0, 1, 100, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20};
  int64_t live = mem_live();
  for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
    bert_err e = {0};
    unsigned char *p = mem_pages(SIZES[i], &e), any = 0;
    GOOD(e);
    EQ((uintptr_t)p % (SIZES[i] < 4 << 20 ? 64 : 2 << 20), 0);
    for (size_t j = 0; j < SIZES[i]; j++) any |= p[j];
    EQ(any, 0);
    if (SIZES[i]) p[SIZES[i] - 1] = 1;
    EQ(mem_live(), live + 1);
    mem_pages_free(p, SIZES[i]);
    EQ(mem_live(), live);
  }
  mem_pages_free(NULL, 100);
}

/* ---- arena ---------------------------------------------------------------------------------------------------- */

TEST(arena_pushes_are_zeroed_aligned_and_apart) {
  Arena a = {0};
  bert_err e = {0};
  unsigned char *last = NULL;
  for (size_t i = 0; i < 3000; i++) {
    size_t n = i * 7 % 100;
    unsigned char *p = arena_push(&a, n, 1, &e), any = 0;
    GOOD(e);
    EQ((uintptr_t)p % 16, 0);
    for (size_t j = 0; j < n; j++) any |= p[j];
    EQ(any, 0);
    memset(p, 0xAA, n);
    OK(!n || p != last);
    if (n) last = p;
  }
  unsigned char *big = arena_push(&a, 3 << 20, 1, &e);
  GOOD(e);
  big[(3 << 20) - 1] = 1;
  OK(a.held >= 3 << 20);
  arena_fini(&a);
  EQ(a.held, 0);
  OK(arena_push(&a, 1, 1, &e) != NULL);
  arena_fini(&a);
}

TEST(arena_copies_and_prints) {
  Arena a = {0};
  bert_err e = {0};
  STR(arena_copy(&a, "abcdef", 3, &e), "abc");
  STR(arena_copy(&a, NULL, 0, &e), "");
  STR(arena_print(&a, &e, "%s-%d", "x", 42), "x-42");
  char long_text[5000];
  memset(long_text, 'y', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = 0;
  STR(arena_print(&a, &e, "%s", long_text), long_text);
  GOOD(e);
  arena_fini(&a);
}

TEST(arena_refuses_sizes_that_overflow) {
  Arena a = {0};
  bert_err e = {0}, f = {0};
  OK(arena_push(&a, SIZE_MAX, 2, &e) == NULL);
  FAILS(e, BERT_NOMEM, "out of memory");
  OK(arena_push(&a, SIZE_MAX - 8, 1, &f) == NULL);
  FAILS(f, BERT_NOMEM, "out of memory");
  arena_fini(&a);
}

/* ---- buf ------------------------------------------------------------------------------------------------------ */

TEST(buf_grows_to_its_maximum_and_no_further) {
  Buf b = {.max = 1000};
  bert_err e = {0};
  for (int i = 0; i < 100; i++) buf_add(&b, "0123456789", 10, &e);
  GOOD(e);
  EQ(b.size, 1000);
  OK(!memcmp(b.data + 990, "0123456789", 10));
  buf_add(&b, "x", 1, &e);
  FAILS(e, BERT_ARGUMENT, "1001 bytes, at most 1000 are taken");
  EQ(b.size, 1000);
  buf_fini(&b);
  EQ(b.max, 1000);
  EQ(b.size, 0);
}

TEST(buf_room_that_overflows_is_refused) {
  Buf b = {0};
  bert_err e = {0}, f = {0};
  buf_add(&b, NULL, 0, &e);
  buf_add(&b, "a", 1, &e);
  GOOD(e);
  OK(buf_room(&b, SIZE_MAX, &f) == NULL);
  FAILS(f, BERT_ARGUMENT, "are taken");
  buf_fini(&b);
}

/* ---- io ------------------------------------------------------------------------------------------------------- */

static void read_file(const char *path, bert_err *e) {
  size_t size;
  mem_free(io_read_all(NULL, path, 1 << 20, &size, e));
}

TEST(io_reads_a_file_whole_and_in_part) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  bert_err e = {0};
  size_t size;
  fixture_begin(dir);
  fixture_put(dir, "f", "hel\0lo", 6);
  snprintf(path, sizeof path, "%s/f", dir);
  char *text = io_read_all(NULL, path, 6, &size, &e);
  GOOD(e);
  EQ(size, 6);
  OK(!memcmp(text, "hel\0lo", 7));
  mem_free(text);
  File f = io_open(NULL, path, &e);
  char part[3] = {0};
  EQ(f.size, 6);
  io_read(&f, path, 4, part, 2, &e);
  STR(part, "lo");
  GOOD(e);
  io_read(&f, path, 4, part, 3, &e);
  FAILS(e, BERT_FORMAT, "f: ends at byte 6, wanted 1 bytes more");
  io_close(&f);
  io_close(&f);
  EQ(fixture_fail_each(read_file, path), 1);
  fixture_end(dir);
}

TEST(io_refuses_what_is_no_file_or_too_large) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  bert_err e[5];
  memset(e, 0, sizeof e);
  fixture_begin(dir);
  fixture_text(dir, "f", "12345");
  snprintf(path, sizeof path, "%s/f", dir);
  size_t size;
  OK(io_read_all(NULL, path, 4, &size, &e[0]) == NULL);
  FAILS(e[0], BERT_FORMAT, "f: 5 bytes, at most 4 are taken");
  read_file(dir, &e[1]);
  FAILS(e[1], BERT_IO, "found a directory, wanted a regular file");
  snprintf(path, sizeof path, "%s/none", dir);
  read_file(path, &e[2]);
  FAILS(e[2], BERT_IO, "none: No such file");
  snprintf(path, sizeof path, "%s/pipe", dir);
  EQ(mkfifo(path, 0600), 0);
  read_file(path, &e[3]);
  FAILS(e[3], BERT_IO, "pipe: found a pipe, wanted a regular file");
  read_file("/dev/zero", &e[4]);
  FAILS(e[4], BERT_IO, "/dev/zero: found a device or socket");
  OK(!io_exists(NULL, path) && !io_exists(NULL, dir) && io_is_directory(NULL, dir) && !io_is_directory(NULL, path));
  fixture_end(dir);
}

TEST(io_stamp_tells_one_state_from_another) {
  char dir[FIXTURE_PATH], path[FIXTURE_PATH + 10];
  fixture_begin(dir);
  snprintf(path, sizeof path, "%s/f", dir);
  EQ(io_stamp(path), 0);
  fixture_text(dir, "f", "one");
  uint64_t one = io_stamp(path);
  OK(one != 0 && one == io_stamp(path));
  fixture_text(dir, "f", "three");
  OK(io_stamp(path) != one);
  fixture_end(dir);
}

/* ---- hash ----------------------------------------------------------------------------------------------------- */

TEST(hash_changes_with_every_bit_length_and_seed) {
  unsigned char text[200];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)(i * 37);
  for (size_t n = 0; n < sizeof text; n += 13) {
    uint64_t h = hash_bytes(text, n, 1);
    OK(h != hash_bytes(text, n, 2));
    OK(h != hash_bytes(text, n + 1, 1));
    for (size_t bit = 0; bit < 8 * n; bit++) {
      text[bit / 8] ^= (unsigned char)(1 << bit % 8);
      OK(h != hash_bytes(text, n, 1));
      text[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
  }
}

TEST(hash_does_not_depend_on_alignment_and_tells_zeros_apart) {
  unsigned char text[100], moved[110], zeros[100] = {0};
  for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)(i * 91);
  for (size_t shift = 0; shift < 9; shift++) {
    memcpy(moved + shift, text, sizeof text);
    OK(hash_bytes(text, sizeof text, 5) == hash_bytes(moved + shift, sizeof text, 5));
  }
  for (size_t i = 0; i < sizeof zeros; i++)
    for (size_t j = 0; j < i; j++) OK(hash_bytes(zeros, i, 0) != hash_bytes(zeros, j, 0));
}

TEST(hash_is_the_same_on_every_machine) {
  static const char TEXT[] = "The quick brown fox jumps over the lazy dog, then over the dog's quick brown friend.";
  EQ(hash_bytes(TEXT, sizeof TEXT - 1, 0), 0xD16C0546BED7426Du);
  EQ(hash_bytes(TEXT, 9, 7), 0xBE6A92263BB420DCu);
}

/* ---- utf8 ----------------------------------------------------------------------------------------------------- */

TEST(utf8_every_scalar_value_comes_back) {
  unsigned wrong = 0;
  for (uint32_t c = 0; c <= 0x10FFFF; c++) {
    unsigned char p[4];
    int used = 0;
    if (c == 0xD800) c = 0xE000;
    int n = utf8_encode(c, p);
    wrong += n != (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
    wrong += utf8_decode(p, (size_t)n, &used) != c || used != n;
  }
  EQ(wrong, 0);
}

TEST(utf8_broken_sequences_read_as_maximal_parts) {
  static const struct {
    const char *bytes;
    size_t size;
    int used[4]; /* of each character; 0 ends */
  } CASES[] = {
      {"\x80", 1, {1}},
      {"\xBF\x80", 2, {1, 1}},
      {"\xC0\xAF", 2, {1, 1}},
      {"\xC3", 1, {1}},
      {"\xC3\x28", 2, {1, 1}},
      {"\xE0\x80\xAF", 3, {1, 1, 1}},
      {"\xE1\x80", 2, {2}},
      {"\xE1\x80\xE1", 3, {2, 1}},
      {"\xED\xA0\x80", 3, {1, 1, 1}},
      {"\xF0\x9F\x98", 3, {3}},
      {"\xF0\x80\x80\x80", 4, {1, 1, 1, 1}},
      {"\xF4\x90\x80\x80", 4, {1, 1, 1, 1}},
      {"\xF1\x80\x80\x41", 4, {3, 1}},
      {"\xF5\x80", 2, {1, 1}},
      {"\xFF\xFE", 2, {1, 1}},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    const unsigned char *p = (const unsigned char *)CASES[i].bytes;
    size_t at = 0, n = 0;
    for (; at < CASES[i].size; n++) {
      int used = 0;
      uint32_t c = utf8_decode(p + at, CASES[i].size - at, &used);
      EQ(used, CASES[i].used[n]);
      OK(c == UTF8_REPLACEMENT || (c < 0x80 && p[at] == c));
      if (used < 1) break;
      at += (size_t)used;
    }
    EQ(utf8_length(CASES[i].bytes, CASES[i].size), n);
  }
}

TEST(utf8_length_counts_code_points_and_nul_is_one) {
  EQ(utf8_length("", 0), 0);
  EQ(utf8_length("a\0\xC3\xA9\xF0\x9F\x98\x80", 8), 4);
}
