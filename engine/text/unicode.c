/* unicode.c -- see unicode.h.
** Layer: text. Uses: nothing. */
#include "text/unicode.h"

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
