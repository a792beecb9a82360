/* fixture.c -- see fixture.h. */
#define _XOPEN_SOURCE 700
#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

/* In memory where that can be: thousands of small files are written, and some disks sync each. */
void fixture_begin(char out[FIXTURE_PATH]) {
  const char *tmp = getenv("TMPDIR");
  if (!tmp || !*tmp) tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
  snprintf(out, FIXTURE_PATH, "%s/sqlite-bert-XXXXXX", tmp);
  OK(mkdtemp(out) != NULL);
}

void fixture_put(const char *directory, const char *name, const void *bytes, size_t size) {
  char path[2 * FIXTURE_PATH];
  const char *slash = strchr(name, '/');
  if (slash) {
    snprintf(path, sizeof path, "%s/%.*s", directory, (int)(slash - name), name);
    mkdir(path, 0777);
  }
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *f = fopen(path, "wb");
  OK(f != NULL);
  if (!f) return;
  EQ(fwrite(bytes, 1, size, f), size);
  EQ(fclose(f), 0);
}

void fixture_text(const char *directory, const char *name, const char *text) {
  fixture_put(directory, name, text, strlen(text));
}

const char *fixture_quoted(const char *text) {
  static char ring[4][32000];
  static int turn;
  char *out = ring[turn++ % 4];
  size_t n = strlen(text);
  OK(n < sizeof ring[0]);
  if (n >= sizeof ring[0]) return "";
  for (size_t i = 0; i <= n; i++) out[i] = text[i] == '\'' ? '"' : text[i];
  return out;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st, (void)type, (void)where;
  return remove(path);
}

void fixture_end(const char *directory) { EQ(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0); }

/* The lowest file descriptor that is free: it rises where one was left open. */
static int free_descriptor(void) {
  int fd = open("/dev/null", O_RDONLY);
  if (fd >= 0) close(fd);
  return fd;
}

int fixture_fail_each(void (*run)(const char *argument, bert_err *e), const char *argument) {
  enum { ENOUGH = 100000 };
  int n = 0;
  for (int forever = 0; forever < 2; forever++) {
    for (n = 1; n < ENOUGH; n++) {
      bert_err e = {0};
      int64_t live = bert_test_live_allocations();
      int descriptor = free_descriptor();
      bert_test_fail_allocation(n, forever);
      run(argument, &e);
      bert_test_fail_allocation(0, 0);
      EQ(bert_test_live_allocations(), live);
      EQ(free_descriptor(), descriptor);
      if (!e.code) break;
      FAILS(e, BERT_NOMEM, "out of memory");
    }
    OK(n < ENOUGH);
  }
  return n - 1;
}

bert_model *fixture_reopen(const bert_model *m, const bert_changes *changes, bert_err *e) {
  bert_bundle *b = bert_bundle_new(e);
  if (!b) return NULL;
  bert_sink sink = bert_bundle_sink(b);
  bert_files files = bert_bundle_files(b);
  bert_model_save_changed(m, changes, &sink, NULL, e);
  bert_model *out = e->code ? NULL : bert_model_open_files(&files, "memory", NULL, e);
  bert_bundle_free(b);
  return out;
}
