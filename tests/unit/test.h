/* test.h -- a test reads as a claim.
**
**    TEST(wordpiece_unknown_word_is_one_unk) {
**      EQ(encode("zzqx", ids), 1);
**    }
**
** Every tests/unit and tests/kernel file links into one program, build/.../unit; `unit NAME` runs the tests whose name
** contains NAME. A failed claim prints file, line and both sides, and the test goes on. The last line is "N passed, N failed". */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <string.h>

#include "bert.h"

typedef struct Test {
  const char *name;
  void (*run)(void);
  struct Test *next;
} Test;

void test_add(Test *t);
void test_failed(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define TEST(name)                                                                  \
  static void test_##name(void);                                                    \
  __attribute__((constructor)) static void test_add_##name(void) {                  \
    static Test t = {#name, test_##name, NULL};                                     \
    test_add(&t);                                                                   \
  }                                                                                 \
  static void test_##name(void)

#define OK(claim) \
  do { \
    if (!(claim)) test_failed(__FILE__, __LINE__, "%s", #claim); \
  } while (0)
#define EQ(found, wanted) \
  do { \
    long long f_ = (long long)(found), w_ = (long long)(wanted); \
    if (f_ != w_) test_failed(__FILE__, __LINE__, "%s: found %lld, wanted %lld", #found, f_, w_); \
  } while (0)
#define NEAR(found, wanted, tolerance) \
  do { \
    double f_ = (found), w_ = (wanted), d_ = f_ > w_ ? f_ - w_ : w_ - f_; \
    if (!(d_ <= (tolerance))) test_failed(__FILE__, __LINE__, "%s: found %.9g, wanted %.9g", #found, f_, w_); \
  } while (0)
#define STR(found, wanted) \
  do { \
    const char *f_ = (found), *w_ = (wanted); \
    if (!f_ || strcmp(f_, w_)) test_failed(__FILE__, __LINE__, "%s: found \"%s\", wanted \"%s\"", #found, f_ ? f_ : "(null)", w_); \
  } while (0)
/* The error is of that code and its text contains `part`. */
#define FAILS(e, wanted, part) \
  do { \
    EQ((e).code, wanted); \
    if (!strstr((e).text, part)) test_failed(__FILE__, __LINE__, "message \"%s\" does not contain \"%s\"", (e).text, part); \
  } while (0)
/* No error, or it is shown. */
#define GOOD(e) \
  do { \
    if ((e).code) test_failed(__FILE__, __LINE__, "error %d: %s", (int)(e).code, (e).text); \
  } while (0)

#endif
