/* unicode.c -- see unicode.h.
** Layer: text. Uses: base. */
#include "text/unicode.h"

#include "base/bytes.h"
#include "base/utf8.h"

/* Unicode 15, 3.12: a syllable is 28 * (21 * L + V) + T from U+AC00. */
enum { HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 19 * 21 * 28, L_FIRST = 0x1100, V_FIRST = 0x1161, T_BEFORE = 0x11A7 };

int unicode_decompose(uint32_t c, const UnicodeClass *k, uint32_t *out) {
  uint32_t hangul = c - HANGUL_FIRST;
  if (hangul < HANGUL_COUNT) {
    out[0] = L_FIRST + hangul / (21 * 28);
    out[1] = V_FIRST + hangul / 28 % 21;
    out[2] = T_BEFORE + hangul % 28;
    return hangul % 28 ? 3 : 2;
  }
  if (!(k->flags & UNICODE_DECOMPOSES)) {
    out[0] = c;
    return 1;
  }
  unsigned where = unicode_parts_second[(size_t)unicode_parts_first[c >> 7] << 7 | (c & 127)];
  int count = (int)(where & 3) + 1;
  for (int i = 0; i < count; i++) out[i] = unicode_parts[(where >> 2) + (unsigned)i];
  return count;
}

/* U+FFFD itself is UTF-8, of three bytes from 0xEF on; a broken part that starts so is shorter. */
size_t unicode_prefix(const unsigned char *text, size_t n) {
  size_t at = 0;
  while (at < n) {
    if (n - at >= 8 && !(bytes_load(text + at) & BYTES_EACH(0x80))) {
      at += 8;
      continue;
    }
    int used;
    uint32_t c = utf8_decode(text + at, n - at, &used);
    if (c == UTF8_REPLACEMENT && (used != 3 || text[at] != 0xEF)) break;
    at += (size_t)used;
  }
  return at;
}
