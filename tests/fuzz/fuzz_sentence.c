/* fuzz_sentence.c -- tagged sentences out of cells of any bytes: JSON, white space or conll.
**
**    '2' words NUL tags NUL words …     rows of two columns         '1' lines NUL lines …     rows of one */
#include <stdlib.h>
#include <string.h>

#include "model/sentence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int claim) {
  if (!claim) abort();
}

/* Reads every byte, so that a sanitizer sees a view of what is not there. */
static void check_text(bert_text t) {
  want(t.size > 0);
  for (size_t i = 0; i < t.size; i++) want(!strchr(" \t\n\v\f\r", t.data[i]) || !t.data[i]);
}

static Rows *read_rows(int columns, const char *text, size_t size, bert_err *e) {
  static const char *const NAMES[] = {"words", "tags"};
  Rows *rows = rows_new(columns, NAMES, e);
  for (size_t at = 0; rows && at < size && !e->code;) {
    const char *past = memchr(text + at, 0, size - at);
    size_t n = past ? (size_t)(past - text) - at : size - at;
    rows_add_bytes(rows, ROWS_TEXT, (bert_text){text + at, n}, e);
    at += n + 1;
  }
  return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bert_err e = {0};
  if (!size) return 0;
  Rows *rows = read_rows(data[0] == '2' ? 2 : 1, (const char *)data + 1, size - 1, &e);
  Sentences s = {0};
  const TaggedWord *word;
  sentences_open(&s, rows, 0, &e);
  want(!e.code);
  for (int n; (n = sentences_next(&s, &word, &e));)
    for (int i = 0; i < n; i++) {
      check_text(word[i].word);
      check_text(word[i].tag);
    }
  want(!e.code || e.code == BERT_ARGUMENT);
  sentences_fini(&s);
  rows_free(rows);
  return 0;
}
