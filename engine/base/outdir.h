/* outdir.h -- a directory that appears with all its files or not at all.
** Layer: base. Uses: arena.
**
**    models/m.saving-4711-0/config.json …   each file written and synced, then the directory   ->   models/m   by renaming
**
** It is written under a name beside its own, so both lie on one file system. What is there already is never touched: the
** name must be free, or that of an empty directory. After an error (a full disk, no permission, an interrupt)
** outdir_end removes what was written. */
#ifndef BASE_OUTDIR_H
#define BASE_OUTDIR_H

#include "base/arena.h"

typedef struct OutPath OutPath;

typedef struct {
  Arena arena;
  const char *path, *temporary;
  OutPath *made; /* the last one first; of files and folders */
  const char *file; /* that is open now */
  int fd;
  uint64_t left; /* bytes that it still wants */
} OutDir;

void outdir_begin(OutDir *d, const char *path, bert_err *e);
bert_sink outdir_sink(OutDir *d);
/* Gives the directory its name, or, on a failed e, removes it. */
void outdir_end(OutDir *d, bert_err *e);

#endif
