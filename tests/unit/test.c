/* test.c -- runs the tests; see test.h. A test that leaves an allocation behind has failed.
**
**    unit            all of them           unit search     those with "search" in their names
**                                          unit -grad      all others than those with "grad" */
#include "test.h"

#include <stdarg.h>
#include <stdlib.h>

static Test *tests;
static int failures;

/* Keeps the list in the order of the names, whatever order the linker chose. */
void test_add(Test *t) {
  Test **at = &tests;
  while (*at && strcmp((*at)->name, t->name) < 0) at = &(*at)->next;
  t->next = *at;
  *at = t;
}

void test_failed(const char *file, int line, const char *format, ...) {
  va_list ap;
  failures++;
  printf("%s:%d: ", file, line);
  va_start(ap, format);
  vprintf(format, ap);
  va_end(ap);
  printf("\n");
}

static int is_wanted(const char *name, const char *word) {
  return !word || (*word == '-' ? !strstr(name, word + 1) : strstr(name, word) != NULL);
}

int main(int argc, char **argv) {
  int passed = 0, failed = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (Test *t = tests; t; t = t->next) {
    if (!is_wanted(t->name, argc > 1 ? argv[1] : NULL)) continue;
    int64_t live = bert_test_live_allocations();
    failures = 0;
    t->run();
    bert_test_fail_allocation(0, 0);
    if (bert_test_live_allocations() != live)
      test_failed("leak", 0, "%lld allocations left", (long long)(bert_test_live_allocations() - live));
    if (failures) printf("FAIL %s\n", t->name);
    if (failures) failed++;
    else passed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0 || passed == 0;
}
