/* utf8.c -- see utf8.h.
** Layer: base. Uses: bert.h. */
#include "base/utf8.h"

#include <string.h>

uint32_t utf8_decode(const unsigned char *p, size_t n, int *used) {
  uint32_t c = p[0];
  *used = 1;
  if (c < 0x80) return c;
  /* The second byte's range rules out overlong forms, surrogates and values past U+10FFFF (Unicode 15, table 3-7). */
  unsigned low = 0x80, high = 0xBF;
  int more;
  if (c >= 0xC2 && c <= 0xDF) {
    more = 1;
    c &= 0x1F;
  } else if (c >= 0xE0 && c <= 0xEF) {
    more = 2;
    if (c == 0xE0) low = 0xA0;
    if (c == 0xED) high = 0x9F;
    c &= 0x0F;
  } else if (c >= 0xF0 && c <= 0xF4) {
    more = 3;
    if (c == 0xF0) low = 0x90;
    if (c == 0xF4) high = 0x8F;
    c &= 0x07;
  } else {
    return UTF8_REPLACEMENT;
  }
  for (int i = 1; i <= more; i++) {
    if ((size_t)i >= n || p[i] < low || p[i] > high) {
      *used = i;
      return UTF8_REPLACEMENT;
    }
    c = c << 6 | (p[i] & 0x3F);
    low = 0x80, high = 0xBF;
  }
  *used = more + 1;
  return c;
}

int utf8_encode(uint32_t c, unsigned char *out) {
  if (c < 0x80) {
    out[0] = (unsigned char)c;
    return 1;
  }
  int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char LEAD[5] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (int i = n - 1; i > 0; i--, c >>= 6) out[i] = (unsigned char)(0x80 | (c & 0x3F));
  out[0] = (unsigned char)(LEAD[n] | c);
  return n;
}

size_t utf8_length(const char *p, size_t n) {
  const unsigned char *s = (const unsigned char *)p, *end = s + n;
  size_t count = 0;
  while (s < end) {
    int used;
    utf8_decode(s, (size_t)(end - s), &used);
    s += used;
    count++;
  }
  return count;
}

int utf8_is_valid(const char *p, size_t n) {
  for (size_t at = 0; at < n;) {
    int used;
    uint32_t c = utf8_decode((const unsigned char *)p + at, n - at, &used);
    if (c == UTF8_REPLACEMENT && (used != 3 || memcmp(p + at, "\xEF\xBF\xBD", 3))) return 0;
    at += (size_t)used;
  }
  return 1;
}
