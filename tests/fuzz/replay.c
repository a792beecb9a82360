/* replay.c -- runs a fuzz target over files that were kept, where there is no fuzzer.
**
**    build/…/fuzz_json tests/fuzz/corpus/json        or -v to name each file before it runs
**
** Each file as it stands, then a fixed set of harm done to it: cut short, bytes flipped, doubled and taken out. A
** target that finds something wrong aborts, so coming to the end is passing. The last line is "N passed, 0 failed", N
** the files. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HARM_MAX = 64 }; /* places in a file where each kind of harm is done */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int verbose, files;
static long runs;

/* In a block of exactly that size, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size);
  if (size && !copy) exit(2);
  if (size) memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  runs++;
}

static void run_harmed(uint8_t *data, size_t size) {
  static const uint8_t FLIPS[] = {0x01, 0x10, 0x20, 0x80, 0xFF};
  size_t step = size / HARM_MAX + 1;
  uint8_t *longer = malloc(size + 1);
  if (!longer) exit(2);
  for (size_t at = 0; at < size; at += step) {
    run(data, at);
    for (size_t i = 0; i < sizeof FLIPS; i++) {
      data[at] ^= FLIPS[i];
      run(data, size);
      data[at] ^= FLIPS[i];
    }
    memcpy(longer, data, at + 1);
    memcpy(longer + at + 1, data + at, size - at);
    run(longer, size + 1);
    memcpy(longer + at, data + at + 1, size - at - 1);
    run(longer, size - 1);
  }
  free(longer);
}

static void run_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    exit(2);
  }
  fseek(f, 0, SEEK_END);
  size_t size = (size_t)ftell(f);
  rewind(f);
  uint8_t *data = malloc(size + 1);
  if (!data || fread(data, 1, size, f) != size) exit(2);
  fclose(f);
  if (verbose) printf("%s\n", path), fflush(stdout);
  run(data, size);
  run_harmed(data, size);
  free(data);
  files++;
}

static int visible(const struct dirent *d) { return d->d_name[0] != '.'; }

static void run_directory(const char *path) {
  struct dirent **list;
  int n = scandir(path, &list, visible, alphasort);
  if (n < 0) {
    perror(path);
    exit(2);
  }
  for (int i = 0; i < n; i++) {
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
    run_file(name);
    free(list[i]);
  }
  free(list);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "-v")) verbose = 1;
    else run_directory(argv[i]);
  }
  printf("%ld runs\n%d passed, 0 failed\n", runs, files);
  return files == 0;
}
