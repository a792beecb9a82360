/* io.h -- reads files: a range, or the whole up to a limit.
** Layer: base. Uses: mem bundle.
**
** Files are named by their paths. Those below the root of a Folder that was handed in come from its owner, by what
** follows the root; a NULL Folder, or one without files, is the disk:
**
**    root "main:m", path "main:m/1_Pooling/config.json"   ->   files->read(…, "1_Pooling/config.json", …)
**
** Files are read, never mapped: a mapped file that somebody truncates kills the host by SIGBUS. A file is a regular one or
** it is refused (a FIFO would hang, a device never ends). */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/bundle.h"

typedef struct {
  const char *root;
  const bert_files *files; /* NULL: on disk */
  Bundle *kept;            /* NULL, or where files that are read whole are kept too, by what follows the root */
} Folder;

typedef struct {
  int fd; /* on disk */
  const Folder *in;
  const unsigned char *memory; /* NULL, or its bytes */
  uint64_t size;
} File;

/* Opens for reading; on error there is nothing to close. Messages name the path. The folder outlives the file. */
File io_open(const Folder *in, const char *path, bert_err *e);
void io_close(File *f);
/* A file of bytes that stay where they are. */
File io_memory(const void *bytes, uint64_t size);

/* Exactly n bytes from offset; fewer is BERT_FORMAT ("… ends at byte …"). */
void io_read(const File *f, const char *path, uint64_t offset, void *out, size_t n, bert_err *e);

/* The whole file, NUL-terminated, freed by mem_free; more than max bytes is BERT_FORMAT. */
char *io_read_all(const Folder *in, const char *path, size_t max, size_t *size, bert_err *e);

/* 1 if there is a regular file (a directory) of that path. */
int io_exists(const Folder *in, const char *path);
int io_is_directory(const Folder *in, const char *path);

/* What tells one state of a file from another: device, inode, size, times, mixed; 0 if there is no such file. */
uint64_t io_stamp(const char *path);

/* The same of every file in a directory and in the directories below it, IO_STAMP_DEPTH deep; 0 if there is none of that
** path. Costs a stat a file; past IO_STAMP_FILES files the rest is not looked at. */
enum { IO_STAMP_FILES = 1000, IO_STAMP_DEPTH = 4 };
uint64_t io_stamp_directory(const char *path);

#endif
