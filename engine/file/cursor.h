/* cursor.h -- little-endian numbers out of bytes, and never one past their end.
** Layer: file. Uses: base.
**
** Asking for more than there is gives NULL or 0 and sets `spent`; from then on nothing is given, so a reader reads
** straight down and checks once. */
#ifndef FILE_CURSOR_H
#define FILE_CURSOR_H

#include "base/utf8.h"

typedef struct {
  const unsigned char *at, *end;
  int spent;
} Cursor;

/* bytes may be NULL where size is 0. */
static inline Cursor cursor_over(const void *bytes, size_t size) {
  static const unsigned char none[1];
  const unsigned char *p = bytes ? bytes : none;
  return (Cursor){p, p + size, 0};
}

/* The next n bytes. */
static inline const unsigned char *cursor_take(Cursor *c, uint64_t n) {
  if (c->spent || n > (uint64_t)(c->end - c->at)) {
    c->spent = 1;
    return NULL;
  }
  const unsigned char *p = c->at;
  c->at += n;
  return p;
}

/* The number in the next `width` bytes, 1 to 8. */
static inline uint64_t cursor_number(Cursor *c, int width) {
  const unsigned char *p = cursor_take(c, (uint64_t)width);
  uint64_t x = 0;
  while (p && width-- > 0) x = x << 8 | p[width];
  return x;
}

/* 1 if p[0..n) can be a name: UTF-8 without NUL. */
static inline int cursor_is_name(const void *p, size_t n) {
  const unsigned char *s = p;
  int used;
  for (size_t i = 0; i < n; i += (size_t)used) {
    uint32_t c = utf8_decode(s + i, n - i, &used);
    if (c == 0 || (c == UTF8_REPLACEMENT && (used != 3 || s[i] != 0xEF))) return 0;
  }
  return 1;
}

#endif
