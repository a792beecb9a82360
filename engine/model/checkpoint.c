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
  uint64_t count; /* of numbers that may move */
  double decayed;
} Header;

static const char MAGIC[8] = "bertTRN3";
enum { ARRAYS = 3 };

static void set_failed(const char *path, bert_err *e) { err_set(e, BERT_IO, "%s: %s", path, strerror(errno)); }

static void write_all(int fd, const char *path, const void *bytes, size_t n, bert_err *e) {
  const char *p = bytes;
  while (n > 0 && !e->code) {
    ssize_t put = write(fd, p, n < (1u << 30) ? n : 1u << 30);
    if (put < 0 && errno != EINTR) set_failed(path, e);
    if (put > 0) p += put, n -= (size_t)put;
  }
}

/* ---- what a checkpoint has of the parameters, in order ----------------------------------------------------------- */

/* A piece of memory that is written or read. */
typedef void Visit(void *context, void *bytes, size_t n);

/* w, m and v of n numbers. */
static void visit_arrays(const Params *p, size_t at, size_t n, Visit *visit, void *context) {
  float *arrays[ARRAYS] = {p->w, p->m, p->v};
  for (int i = 0; i < ARRAYS; i++) visit(context, arrays[i] + at, n * sizeof(float));
}

/* Which rows of a sparse block are there, then those, a run after the other. */
static void visit_rows(const Params *p, const ParamBlock *b, Visit *visit, void *context) {
  size_t width = b->count / (size_t)b->rows;
  visit(context, b->live, (size_t)b->rows);
  for (int from = 0, to; from < b->rows; from = to) {
    for (to = from; to < b->rows && b->live[to];) to++;
    if (to > from) visit_arrays(p, b->at + (size_t)from * width, (size_t)(to - from) * width, visit, context);
    while (to < b->rows && !b->live[to]) to++;
  }
}

static void visit_all(const Params *p, Visit *visit, void *context) {
  for (int i = 0; i < params_blocks(p); i++) {
    const ParamBlock *b = params_block(p, i);
    if (b->frozen) continue;
    if (b->rows) visit_rows(p, b, visit, context);
    else visit_arrays(p, b->at, b->count, visit, context);
  }
}

static uint64_t count_of(const Params *p) {
  uint64_t count = 0;
  for (int i = 0; i < params_blocks(p); i++) count += params_block(p, i)->frozen ? 0 : params_block(p, i)->count;
  return count;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* An open file, and where it has come to. */
typedef struct {
  const char *path;
  int fd;        /* to write */
  const File *f; /* to read */
  uint64_t at, hash;
  bert_err *e;
} Place;

static void write_piece(void *context, void *bytes, size_t n) {
  Place *p = context;
  write_all(p->fd, p->path, bytes, n, p->e);
  if (!p->e->code) p->hash = hash_bytes(bytes, n, p->hash);
}

static void write_file(const char *path, const Header *h, const Params *p, bert_err *e) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    set_failed(path, e);
    return;
  }
  Place place = {.path = path, .fd = fd, .e = e};
  write_piece(&place, (Header *)h, sizeof *h);
  visit_all(p, write_piece, &place);
  write_all(fd, path, &place.hash, sizeof place.hash, e);
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
  Header h = {.identity = identity, .step = step, .count = count_of(p), .decayed = p->decayed};
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

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void read_piece(void *context, void *bytes, size_t n) {
  Place *p = context;
  io_read(p->f, p->path, p->at, bytes, n, p->e);
  if (!p->e->code) p->hash = hash_bytes(bytes, n, p->hash);
  p->at += n;
}

/* The numbers of f, whose header is good, into p; on error p is in pieces, which who trains then gives up. */
static void read_arrays(const File *f, const char *path, const Header *h, Params *p, bert_err *e) {
  uint64_t found = 0;
  Place place = {.path = path, .f = f, .at = sizeof *h, .hash = hash_bytes(h, sizeof *h, 0), .e = e};
  visit_all(p, read_piece, &place);
  io_read(f, path, place.at, &found, sizeof found, e);
  if (!e->code && (found != place.hash || f->size != place.at + sizeof found))
    err_set(e, BERT_FORMAT, "%s: its contents are damaged (another checksum)", path);
  p->decayed = h->decayed;
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
    if (!e->code && h.step < 0) err_set(e, BERT_FORMAT, "%s: found step %lld", path, (long long)h.step);
    if (!e->code) read_arrays(&f, path, &h, p, e);
    io_close(&f);
  }
  arena_fini(&a);
  return e->code ? 0 : h.step;
}
