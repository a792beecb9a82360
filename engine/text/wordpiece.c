/* wordpiece.c -- see wordpiece.h.
** Layer: text. Uses: base. */
#include "text/wordpiece.h"

#include <string.h>

void wordpiece_init(WordPiece *w, const WordPieceSize *size, const char *prefix, int64_t max_chars, Arena *a,
                    bert_err *e) {
  *w = (WordPiece){.unknown = -1, .prefix = prefix, .prefix_size = strlen(prefix), .max_chars = max_chars};
  size_t names = size->names, ids = (size_t)size->ids > size->count ? (size_t)size->ids : size->count;
  w->text = arena_push(a, mem_size(1, size->bytes, size->count + names + 1), 1, e); /* NULs around each */
  w->text_size = 1;
  w->at = arena_push(a, ids + names, sizeof *w->at, e);
  w->size = size->ids;
  w->room = (int)(ids + names);
  pieces_init(&w->first, size->count, w->text, a, e);
  pieces_init(&w->rest, size->rest, w->text, a, e);
}

void wordpiece_name(WordPiece *w, int32_t id, const char *name, size_t n) {
  w->at[id] = (uint32_t)w->text_size;
  if (n) memcpy(w->text + w->text_size, name, n);
  w->text_size += n + 1;
  if (id >= w->size) w->size = id + 1;
}

void wordpiece_put(WordPiece *w, const char *piece, size_t n, int32_t id, bert_err *e) {
  if (e->code) return;
  uint32_t at = (uint32_t)w->text_size;
  wordpiece_name(w, id, piece, n);
  if (n) {
    w->count += pieces_put(&w->first, at, (uint32_t)n, id, e);
  } else {
    w->count += !w->has_empty;
    w->has_empty = 1;
  }
  if (n > w->prefix_size && memcmp(piece, w->prefix, w->prefix_size) == 0)
    pieces_put(&w->rest, at + (uint32_t)w->prefix_size, (uint32_t)(n - w->prefix_size), id, e);
}

void wordpiece_unknown(WordPiece *w, const char *piece) {
  w->unknown_text = piece;
  w->unknown = wordpiece_id(w, piece, strlen(piece));
}

int32_t wordpiece_id(const WordPiece *w, const char *piece, size_t n) {
  return n ? pieces_find(&w->first, piece, n) : -1;
}

size_t wordpiece_split(const WordPiece *w, const unsigned char *word, size_t n, int64_t chars, int32_t *ids,
                       int32_t *ends) {
  size_t k = 0;
  if (chars <= w->max_chars) {
    const Pieces *pieces = &w->first;
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
