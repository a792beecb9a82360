/* buf.h -- an array of bytes that grows, up to its maximum.
** Layer: base. Uses: mem.
**
** Growth doubles. What would pass the maximum is an error that names it: no input makes memory grow without bound. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/mem.h"

typedef struct {
  char *data;
  size_t size, room;
  size_t max; /* 0: BUF_MAX */
} Buf;

#define BUF_MAX ((size_t)1 << 31)

/* Room for n more bytes after size, which the caller writes and then adds to size; NULL on error. */
void *buf_room(Buf *b, size_t n, bert_err *e);
void buf_add(Buf *b, const void *bytes, size_t n, bert_err *e);
void buf_fini(Buf *b);

#endif
