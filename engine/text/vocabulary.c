/* vocabulary.c -- see vocabulary.h.
** Layer: text. Uses: base. */
#include "text/vocabulary.h"

#include <string.h>

void vocabulary_init(Vocabulary *v, const VocabularySize *size, Arena *a, bert_err *e) {
  size_t names = size->names, ids = (size_t)size->ids > size->count ? (size_t)size->ids : size->count;
  *v = (Vocabulary){.text_size = 1, .size = size->ids, .room = (int)(ids + names)};
  v->text = arena_push(a, mem_size(1, size->bytes, size->count + names + 1), 1, e); /* NULs around each */
  v->at = arena_push(a, ids + names, sizeof *v->at, e);
  pieces_init(&v->pieces, size->count, v->text, a, e);
}

void vocabulary_name(Vocabulary *v, int32_t id, const char *name, size_t n) {
  v->at[id] = (uint32_t)v->text_size;
  if (n) memcpy(v->text + v->text_size, name, n);
  v->text_size += n + 1;
  if (id >= v->size) v->size = id + 1;
}

uint32_t vocabulary_put(Vocabulary *v, const char *piece, size_t n, int32_t id, bert_err *e) {
  if (e->code) return 0;
  uint32_t at = (uint32_t)v->text_size;
  vocabulary_name(v, id, piece, n);
  if (n) {
    v->count += pieces_put(&v->pieces, at, (uint32_t)n, id, e);
  } else {
    v->count += !v->has_empty;
    v->has_empty = 1;
  }
  return at;
}

int32_t vocabulary_id(const Vocabulary *v, const char *piece, size_t n) {
  return n ? pieces_find(&v->pieces, piece, n) : -1;
}
