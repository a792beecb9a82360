/* io.c -- see io.h.
** Layer: base. Uses: mem hash bundle. */
#define _POSIX_C_SOURCE 200809L
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

static int is_handed_in(const Folder *in) { return in && in->files; }

/* What follows the root of a path below it. */
static const char *name_of(const Folder *in, const char *path) { return path + strlen(in->root) + 1; }

static File open_handed_in(const Folder *in, const char *path, bert_err *e) {
  int64_t size = in->files->size(in->files->context, name_of(in, path));
  if (size < 0) err_set(e, BERT_IO, "%s: %s", path, strerror(ENOENT));
  return (File){.fd = -1, .in = in, .size = size < 0 ? 0 : (uint64_t)size};
}

File io_memory(const void *bytes, uint64_t size) { return (File){.fd = -1, .memory = bytes, .size = size}; }

File io_open(const Folder *in, const char *path, bert_err *e) {
  File f = {.fd = -1, .in = in};
  if (e->code) return f;
  if (is_handed_in(in)) return open_handed_in(in, path, e);
  /* O_NONBLOCK: opening a FIFO must not wait for a writer; it means nothing to a regular file. */
  f.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  if (f.fd < 0 || fstat(f.fd, &st)) {
    err_set(e, BERT_IO, "%s: %s", path, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    err_set(e, BERT_IO, "%s: found a %s, wanted a regular file", path,
            S_ISDIR(st.st_mode) ? "directory" : S_ISFIFO(st.st_mode) ? "pipe" : "device or socket");
  } else {
    f.size = (uint64_t)st.st_size;
  }
  if (e->code) io_close(&f);
  return f;
}

void io_close(File *f) {
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
}

void io_read(const File *f, const char *path, uint64_t offset, void *out, size_t n, bert_err *e) {
  char *to = out;
  if ((f->memory || is_handed_in(f->in)) && !e->code) {
    uint64_t left = offset < f->size ? f->size - offset : 0;
    if (n > left)
      err_set(e, BERT_FORMAT, "%s: ends at byte %" PRIu64 ", wanted %zu bytes more", path, f->size, n - (size_t)left);
    else if (n && f->memory) memcpy(out, f->memory + offset, n);
    else if (n) f->in->files->read(f->in->files->context, name_of(f->in, path), offset, out, n, e);
    return;
  }
  while (n > 0 && !e->code) {
    ssize_t got = pread(f->fd, to, n < (1u << 30) ? n : 1u << 30, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      err_set(e, BERT_IO, "%s: %s", path, strerror(errno));
    } else if (got == 0) {
      err_set(e, BERT_FORMAT, "%s: ends at byte %" PRIu64 ", wanted %zu bytes more", path, offset, n);
    } else {
      to += got;
      offset += (uint64_t)got;
      n -= (size_t)got;
    }
  }
}

char *io_read_all(const Folder *in, const char *path, size_t max, size_t *size, bert_err *e) {
  *size = 0;
  File f = io_open(in, path, e);
  if (!e->code && f.size > max)
    err_set(e, BERT_FORMAT, "%s: %" PRIu64 " bytes, at most %zu are taken", path, f.size, max);
  char *text = mem_new((size_t)f.size + 1, 1, e);
  if (text) io_read(&f, path, 0, text, (size_t)f.size, e);
  if (in && in->kept) bundle_put(in->kept, name_of(in, path), text, (size_t)f.size, e);
  if (e->code) {
    mem_free(text);
    text = NULL;
  } else {
    *size = (size_t)f.size;
  }
  io_close(&f);
  return text;
}

int io_exists(const Folder *in, const char *path) {
  if (is_handed_in(in)) return in->files->size(in->files->context, name_of(in, path)) >= 0;
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int io_is_directory(const Folder *in, const char *path) {
  if (is_handed_in(in)) return 1;
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

uint64_t io_stamp(const char *path) {
  struct stat st;
  if (stat(path, &st)) return 0;
  uint64_t facts[7] = {(uint64_t)st.st_dev,          (uint64_t)st.st_ino,          (uint64_t)st.st_size,
                       (uint64_t)st.st_mtim.tv_sec,  (uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_ctim.tv_sec,
                       (uint64_t)st.st_ctim.tv_nsec};
  return hash_bytes(facts, sizeof facts, 0) | 1;
}

/* Adds up the stamps of the files below `path`: a sum does not mind the order in which a directory lists them. */
static void stamp_below(const char *path, int depth, int *left, uint64_t *sum) {
  DIR *d = opendir(path);
  if (!d) return;
  *sum += 1;
  for (struct dirent *f; *left > 0 && (f = readdir(d));) {
    char name[4096];
    if (f->d_name[0] == '.' || snprintf(name, sizeof name, "%s/%s", path, f->d_name) >= (int)sizeof name) continue;
    --*left;
    uint64_t facts[2] = {hash_bytes(f->d_name, strlen(f->d_name), 0), io_stamp(name)};
    *sum += hash_bytes(facts, sizeof facts, 0);
    if (depth > 0 && io_is_directory(NULL, name)) stamp_below(name, depth - 1, left, sum);
  }
  closedir(d);
}

uint64_t io_stamp_directory(const char *path) {
  uint64_t sum = 0;
  int left = IO_STAMP_FILES;
  stamp_below(path, IO_STAMP_DEPTH, &left, &sum);
  return sum;
}
