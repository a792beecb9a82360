/* outdir.c -- see outdir.h.
** Layer: base. Uses: arena io. */
#define _POSIX_C_SOURCE 200809L
#include "base/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { NAMES_TRIED = 1000 };

struct OutPath {
  const char *path;
  int is_folder;
  OutPath *next;
};

static void set_failed(const char *path, bert_err *e) { err_set(e, BERT_IO, "%s: %s", path, strerror(errno)); }

/* ---- the name ---------------------------------------------------------------------------------------------------- */

static int is_empty(const char *path) {
  DIR *d = opendir(path);
  int n = 0;
  if (!d) return 0;
  for (struct dirent *f; (f = readdir(d));) n += strcmp(f->d_name, ".") && strcmp(f->d_name, "..");
  closedir(d);
  return n == 0;
}

static void refuse_taken(const char *path, bert_err *e) {
  struct stat st;
  if (e->code || lstat(path, &st)) return;
  if (!S_ISDIR(st.st_mode))
    err_set(e, BERT_IO, "%s: found a %s, wanted a new or an empty directory", path,
            S_ISLNK(st.st_mode) ? "symbolic link" : "file");
  else if (!is_empty(path))
    err_set(e, BERT_IO, "%s: found a directory with files in it, wanted a new or an empty one", path);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* Notes what is about to be made, so that it can be removed. */
static OutPath *note(OutDir *d, const char *path, int is_folder, bert_err *e) {
  OutPath *p = arena_push(&d->arena, 1, sizeof *p, e);
  if (p) *p = (OutPath){path, is_folder, d->made};
  return p;
}

void outdir_begin(OutDir *d, const char *path, bert_err *e) {
  *d = (OutDir){.fd = -1};
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  d->path = arena_copy(&d->arena, path, n, e);
  if (!e->code && !n) err_set(e, BERT_ARGUMENT, "the directory's name is empty");
  refuse_taken(d->path, e);
  for (int i = 0; i < NAMES_TRIED && !e->code; i++) {
    char *name = arena_print(&d->arena, e, "%s.saving-%ld-%d", d->path, (long)getpid(), i);
    OutPath *p = note(d, name, 1, e);
    if (!p) return;
    if (mkdir(name, 0777) == 0) {
      d->temporary = name;
      d->made = p;
      return;
    }
    if (errno != EEXIST) set_failed(d->path, e);
  }
  err_set(e, BERT_IO, "%s: found all names for a temporary directory beside it taken", d->path);
}

/* Makes sure that bytes and names survive a power cut. */
static void sync_folder(const char *path, bert_err *e) {
  int fd = e->code ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return; /* some file systems do not let a directory be opened: nothing to sync there */
  if (fsync(fd) && errno != EINVAL) set_failed(path, e);
  close(fd);
}

static void close_file(OutDir *d, bert_err *e) {
  if (d->fd < 0) return;
  if (!e->code && d->left)
    err_set(e, BERT_ARGUMENT, "%s: %" PRIu64 " bytes of it were not written", d->file, d->left);
  if (!e->code && fsync(d->fd) && errno != EINVAL) set_failed(d->file, e);
  if (close(d->fd) && !e->code) set_failed(d->file, e);
  d->fd = -1;
}

/* The folders of temporary/name, each once. */
static void make_folders(OutDir *d, const char *name, bert_err *e) {
  for (const char *slash = strchr(name, '/'); slash && !e->code; slash = strchr(slash + 1, '/')) {
    char *path = arena_print(&d->arena, e, "%s/%.*s", d->temporary, (int)(slash - name), name);
    OutPath *p = note(d, path, 1, e);
    if (p && mkdir(path, 0777) == 0) d->made = p;
    else if (p && errno != EEXIST) set_failed(path, e);
  }
}

static void begin(void *context, const char *name, uint64_t size, bert_err *e) {
  OutDir *d = context;
  close_file(d, e);
  make_folders(d, name, e);
  d->file = arena_print(&d->arena, e, "%s/%s", d->temporary, name);
  OutPath *p = note(d, d->file, 0, e);
  if (!p) return;
  d->fd = open(d->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (d->fd < 0) set_failed(d->file, e);
  else d->made = p;
  d->left = size;
}

static void write_bytes(void *context, const void *bytes, size_t n, bert_err *e) {
  OutDir *d = context;
  const char *p = bytes;
  while (n > 0 && !e->code) {
    ssize_t put = write(d->fd, p, n < (1u << 30) ? n : 1u << 30);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      set_failed(d->file, e);
    } else {
      p += put;
      n -= (size_t)put;
      d->left -= (uint64_t)put;
    }
  }
}

/* Of the file once it is closed; giving the directory its name changes nothing of a file. */
static uint64_t stamp(void *context, bert_err *e) {
  OutDir *d = context;
  close_file(d, e);
  return e->code ? 0 : io_stamp(d->file);
}

bert_sink outdir_sink(OutDir *d) {
  return (bert_sink){.context = d, .begin = begin, .write = write_bytes, .stamp = stamp};
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static const char *parent_of(OutDir *d, bert_err *e) {
  const char *slash = strrchr(d->path, '/');
  if (!slash) return ".";
  return slash == d->path ? "/" : arena_copy(&d->arena, d->path, (size_t)(slash - d->path), e);
}

void outdir_end(OutDir *d, bert_err *e) {
  close_file(d, e);
  const char *parent = d->path ? parent_of(d, e) : NULL;
  for (OutPath *p = d->made; p && !e->code; p = p->next)
    if (p->is_folder) sync_folder(p->path, e);
  refuse_taken(d->path, e);
  if (!e->code && rename(d->temporary, d->path)) set_failed(d->path, e);
  if (!e->code) sync_folder(parent, e);
  else
    for (OutPath *p = d->made; p; p = p->next)
      if (p->is_folder) rmdir(p->path);
      else unlink(p->path);
  arena_fini(&d->arena);
}
