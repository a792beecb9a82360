/* wordpiece.c -- see wordpiece.h.
** Layer: text. Uses: base. */
#include "text/wordpiece.h"

#include <string.h>

void wordpiece_init(WordPiece *w, const Vocabulary *v, size_t rest, const char *prefix, int64_t max_chars, Arena *a,
                    bert_err *e) {
  *w = (WordPiece){
      .vocabulary = v, .unknown = -1, .prefix = prefix, .prefix_size = strlen(prefix), .max_chars = max_chars};
  pieces_init(&w->rest, rest, v->text, a, e);
}

void wordpiece_put(WordPiece *w, uint32_t at, size_t n, int32_t id, bert_err *e) {
  if (e->code || n <= w->prefix_size || memcmp(w->vocabulary->text + at, w->prefix, w->prefix_size) != 0) return;
  pieces_put(&w->rest, at + (uint32_t)w->prefix_size, (uint32_t)(n - w->prefix_size), id, e);
}

void wordpiece_unknown(WordPiece *w, const char *piece) {
  w->unknown_text = piece;
  w->unknown = vocabulary_id(w->vocabulary, piece, strlen(piece));
}

size_t wordpiece_split(const WordPiece *w, const unsigned char *word, size_t n, int64_t chars, int32_t *ids,
                       int32_t *ends) {
  size_t k = 0;
  if (chars <= w->max_chars) {
    const Pieces *pieces = &w->vocabulary->pieces;
    for (size_t at = 0; at < n; pieces = &w->rest) {
      size_t size;
      int32_t id = pieces_longest(pieces, word + at, n - at, &size);
      if (id < 0) goto unknown;
      at += size;
      if (ends) ends[k] = (int32_t)at;
      ids[k++] = id;
    }
    return k;
  }
unknown:
  ids[0] = w->unknown;
  if (ends) ends[0] = (int32_t)n;
  return 1;
}
