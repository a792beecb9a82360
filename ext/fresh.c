/* fresh.c -- the model that pre-training from nothing begins with, out of its options.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT step, mlm_loss FROM bert_pretrain('SELECT body FROM documents', '{"model":"mine","vocabulary":"vocab.txt",
**                                             "config":{"hidden_size":256,"num_hidden_layers":4},"steps":1000}');
**    … '{"model":"mine","vocabulary":"SELECT piece FROM bert_train_vocab(''SELECT body FROM documents'')"}'
**
** The option `vocabulary` is a file, or SQL that gives a piece a row, in the order of ids. Without it training goes on
** from the model `from`: one of the two is given. */
#include "ext.h"

#include <stdio.h>
#include <string.h>

enum { VOCABULARY_MAX = 1 << 28 };

/* Bytes that grow, out of SQLite's heap. */
typedef struct {
  char *data;
  size_t size, room;
} Bytes;

static void add(Bytes *b, const void *bytes, size_t n, bert_err *e) {
  if (e->code) return;
  if (b->size + n > VOCABULARY_MAX) error_set(e, BERT_ARGUMENT, "vocabulary: more than %d bytes", VOCABULARY_MAX);
  else if (memory_grow(&b->data, &b->room, b->size + n + 1, 1, e) && n) memcpy(b->data + b->size, bytes, n);
  if (!e->code) b->size += n;
}

static void read_file(Bytes *b, const char *path, bert_err *e) {
  char piece[4096];
  FILE *f = fopen(path, "rb");
  if (!f) error_set(e, BERT_IO, "vocabulary: %s cannot be opened", path);
  for (size_t n; f && (n = fread(piece, 1, sizeof piece, f)) > 0;) add(b, piece, n, e);
  if (f && ferror(f)) error_set(e, BERT_IO, "vocabulary: %s cannot be read", path);
  if (f) fclose(f);
}

static void read_query(Bytes *b, Connection *c, const char *sql, int *rc, bert_err *e) {
  Inner inner = {0};
  inner_open(&inner, c, (bert_text){sql, strlen(sql)}, 1, 1, "piece", e);
  while (inner_step(&inner, e)) {
    const unsigned char *piece = sqlite3_column_text(inner.statement, 0);
    int n = sqlite3_column_bytes(inner.statement, 0);
    if (!piece || n == 0 || memchr(piece, '\n', (size_t)n))
      error_set(e, BERT_ARGUMENT,
                "vocabulary: found a piece that is NULL, empty, or has a line's end in it, wanted TEXT");
    add(b, piece, (size_t)n, e);
    add(b, "\n", 1, e);
  }
  *rc = inner.rc;
  inner_close(&inner);
}

/* Options that would be for nothing. */
static void refuse_beside(Connection *c, sqlite3_value *options, int is_new, bert_err *e) {
  static const char *const NEW[] = {"config", "lowercase"};
  if (is_new && options_has(c, options, "from", e))
    error_set(e, BERT_ARGUMENT, "options: found both vocabulary and from, wanted one: a new model, or one that goes on");
  for (int i = 0; i < 2 && !is_new; i++)
    if (options_has(c, options, NEW[i], e))
      error_set(e, BERT_ARGUMENT, "options: found %s without vocabulary, wanted both: they are of a new model", NEW[i]);
}

bert_model *fresh_model(Connection *c, sqlite3_value *options, int *rc, bert_err *e) {
  char *vocabulary = options_text(c, options, "vocabulary", e), *config = NULL;
  Bytes text = {0};
  bert_model *m = NULL;
  refuse_beside(c, options, vocabulary != NULL, e);
  if (vocabulary) {
    config = options_object(c, options, "config", e);
    sqlite3_int64 lowercase = options_integer(c, options, "lowercase", 1, e), seed = options_integer(c, options, "seed",
                                                                                                   0, e);
    if (inner_is_query(vocabulary)) read_query(&text, c, vocabulary, rc, e);
    else if (!e->code) read_file(&text, vocabulary, e);
    m = bert_model_fresh(config, (bert_text){text.data, text.size}, lowercase != 0, (uint64_t)seed, e);
  }
  sqlite3_free(text.data);
  sqlite3_free(vocabulary);
  sqlite3_free(config);
  return m;
}
