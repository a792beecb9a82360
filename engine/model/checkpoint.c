/* checkpoint.c -- see checkpoint.h.
** Layer: model. Uses: base nn. */
#define _POSIX_C_SOURCE 200809L
#include "model/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/io.h"

typedef struct {
  char magic[8];
  uint64_t identity;
  int64_t step;
  uint64_t count;
} Header;

static const char MAGIC[8] = "bertTRN2";

static void set_failed(const char *path, bert_err *e) { err_set(e, BERT_IO, "%s: %s", path, strerror(errno)); }

static void write_all(int fd, const char *path, const void *bytes, size_t n, bert_err *e) {
  const char *p = bytes;
  while (n > 0 && !e->code) {
    ssize_t put = write(fd, p, n < (1u << 30) ? n : 1u << 30);
    if (put < 0 && errno != EINTR) set_failed(path, e);
    if (put > 0) p += put, n -= (size_t)put;
  }
}

enum { ARRAYS = 3 };

/* w, m, v of a block: what a checkpoint has of it, in order. */
static float *array_of(const Params *p, const ParamBlock *b, int i) {
  return (i == 0 ? p->w : i == 1 ? p->m : p->v) + b->at;
}

/* The next block from *i on that is not frozen, or NULL. */
static const ParamBlock *next_block(const Params *p, int *i) {
  while (*i < params_blocks(p) && params_block(p, *i)->frozen) ++*i;
  return *i < params_blocks(p) ? params_block(p, (*i)++) : NULL;
}

static uint64_t count_of(const Params *p) {
  uint64_t count = 0;
  const ParamBlock *b;
  for (int i = 0; (b = next_block(p, &i)) != NULL;) count += b->count;
  return count;
}

static void write_file(const char *path, const Header *h, const Params *p, bert_err *e) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    set_failed(path, e);
    return;
  }
  uint64_t hash = hash_bytes(h, sizeof *h, 0);
  write_all(fd, path, h, sizeof *h, e);
  const ParamBlock *b;
  for (int at = 0; (b = next_block(p, &at)) != NULL;)
    for (int i = 0; i < ARRAYS; i++) {
      write_all(fd, path, array_of(p, b, i), b->count * sizeof(float), e);
      hash = hash_bytes(array_of(p, b, i), b->count * sizeof(float), hash);
    }
  write_all(fd, path, &hash, sizeof hash, e);
  if (!e->code && fsync(fd) && errno != EINVAL) set_failed(path, e);
  if (close(fd) && !e->code) set_failed(path, e);
}

static void make_directory(const char *directory, bert_err *e) {
  struct stat there;
  if (e->code || !mkdir(directory, 0777)) return;
  if (errno != EEXIST || stat(directory, &there)) set_failed(directory, e);
  else if (!S_ISDIR(there.st_mode)) err_set(e, BERT_IO, "%s: found a file, wanted a directory", directory);
}

void checkpoint_write(const char *directory, uint64_t identity, int64_t step, const Params *p, bert_err *e) {
  Arena a = {0};
  Header h = {.identity = identity, .step = step, .count = count_of(p)};
  memcpy(h.magic, MAGIC, sizeof h.magic);
  const char *path = arena_print(&a, e, "%s/training.checkpoint", directory);
  const char *other = arena_print(&a, e, "%s/training.checkpoint.new", directory);
  make_directory(directory, e);
  if (!e->code) {
    write_file(other, &h, p, e);
    if (!e->code && rename(other, path)) set_failed(path, e);
    if (e->code) unlink(other);
  }
  arena_fini(&a);
}

/* The numbers of f, whose header is good, into p; on error p is in pieces, which who trains then gives up. */
static void read_arrays(const File *f, const char *path, const Header *h, Params *p, bert_err *e) {
  uint64_t hash = hash_bytes(h, sizeof *h, 0), found = 0, offset = sizeof *h;
  const ParamBlock *b;
  for (int at = 0; (b = next_block(p, &at)) != NULL;)
    for (int i = 0; i < ARRAYS; i++, offset += b->count * sizeof(float)) {
      io_read(f, path, offset, array_of(p, b, i), b->count * sizeof(float), e);
      if (!e->code) hash = hash_bytes(array_of(p, b, i), b->count * sizeof(float), hash);
    }
  io_read(f, path, offset, &found, sizeof found, e);
  if (!e->code && found != hash) err_set(e, BERT_FORMAT, "%s: its contents are damaged (another checksum)", path);
}

int64_t checkpoint_read(const char *directory, uint64_t identity, Params *p, bert_err *e) {
  Arena a = {0};
  Header h = {.step = 0};
  Folder here = {.root = directory};
  const char *path = arena_print(&a, e, "%s/training.checkpoint", directory);
  make_directory(directory, e);
  if (!e->code && io_exists(&here, path)) {
    File f = io_open(&here, path, e);
    io_read(&f, path, 0, &h, sizeof h, e);
    if (!e->code && memcmp(h.magic, MAGIC, sizeof h.magic))
      err_set(e, BERT_FORMAT, "%s: found another file, wanted a checkpoint of training", path);
    if (!e->code && (h.identity != identity || h.count != count_of(p)))
      err_set(e, BERT_ARGUMENT,
              "%s: is of another run (its model, task, options or rows differ), wanted one of this run, or a directory "
              "without one", path);
    if (!e->code && (h.step < 0 || f.size != sizeof h + ARRAYS * h.count * sizeof(float) + sizeof(uint64_t)))
      err_set(e, BERT_FORMAT, "%s: found %llu bytes, wanted %llu", path, (unsigned long long)f.size,
              (unsigned long long)(sizeof h + ARRAYS * h.count * sizeof(float) + sizeof(uint64_t)));
    if (!e->code) read_arrays(&f, path, &h, p, e);
    if (!e->code) params_revive(p);
    io_close(&f);
  }
  arena_fini(&a);
  return e->code ? 0 : h.step;
}
