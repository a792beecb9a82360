/* err.c -- see err.h.
** Layer: base. Uses: bert.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts a text that filled its buffer back to a whole character. */
static void end_whole(char *text, size_t room) {
  size_t n = strlen(text);
  if (n + 1 < room) return;
  while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80) n--;
  if (n > 0 && (unsigned char)text[n - 1] >= 0xC0) n--;
  text[n] = 0;
}

void err_set(bert_err *e, bert_code code, const char *format, ...) {
  if (e->code) return;
  e->code = code;
  va_list ap;
  va_start(ap, format);
  vsnprintf(e->text, sizeof e->text, format, ap);
  va_end(ap);
  end_whole(e->text, sizeof e->text);
}

void err_within(bert_err *e, const char *format, ...) {
  if (!e->code) return;
  char text[sizeof e->text];
  memcpy(text, e->text, sizeof text);
  va_list ap;
  va_start(ap, format);
  vsnprintf(e->text, sizeof e->text, format, ap);
  va_end(ap);
  size_t n = strlen(e->text);
  snprintf(e->text + n, sizeof e->text - n, ": %s", text);
  end_whole(e->text, sizeof e->text);
}
