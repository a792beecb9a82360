/* error.c -- sticky errors, as SQLite wants them.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_cosine('[1, 2]', '[1, 2, 3]');   -- Error: bert_cosine: v has 2 numbers and w has 3, wanted as many
**    SELECT bert_embed(x'00');                    -- Error: bert_embed: text is a BLOB of 1 byte, wanted TEXT
**
** Who runs the function (fn.c, tvf.c) puts its name in front. */
#include "ext.h"

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

void error_set(bert_err *e, bert_code code, const char *format, ...) {
  if (e->code) return;
  e->code = code;
  va_list ap;
  va_start(ap, format);
  vsnprintf(e->text, sizeof e->text, format, ap);
  va_end(ap);
  end_whole(e->text, sizeof e->text);
}

void error_within(bert_err *e, const char *context) {
  if (!e->code) return;
  bert_err inner = *e;
  e->code = BERT_OK;
  error_set(e, inner.code, "%s: %s", context, inner.text);
}

int error_shown(const char *text, size_t size, int most) {
  if (size <= (size_t)most) return (int)size;
  while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80) most--;
  return most;
}

char *error_text(const char *function, const bert_err *e) {
  if (e->code == BERT_NOMEM || e->code == BERT_INTERRUPT) return NULL;
  return sqlite3_mprintf("%s: %s", function, e->text);
}

void error_sqlite(bert_err *e, sqlite3 *db, int rc) {
  bert_code code = rc == SQLITE_INTERRUPT ? BERT_INTERRUPT : rc == SQLITE_NOMEM ? BERT_NOMEM : BERT_ARGUMENT;
  error_set(e, code, "%s", sqlite3_errmsg(db));
}

int error_rc(const bert_err *e) {
  switch (e->code) {
    case BERT_OK: return SQLITE_OK;
    case BERT_NOMEM: return SQLITE_NOMEM;
    case BERT_INTERRUPT: return SQLITE_INTERRUPT;
    default: return SQLITE_ERROR;
  }
}
