/* normalize.c -- see normalize.h.
** Layer: text. Uses: base. */
#include "text/normalize.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* What one character can become: spaces around it, UNICODE_PARTS_MAX parts, each lower-cased to at most two. */
enum { BYTES_A_CHARACTER = 2 + UNICODE_PARTS_MAX * 2 * 4 };

static int text_room(Normalized *n, bert_err *e) {
  int sourced = !n->aligned || n->source;
  if (sourced && n->room - n->size >= BYTES_A_CHARACTER) return 1;
  size_t room = n->room ? n->room * 2 : 1024;
  unsigned char *text = mem_grow(n->text, room, 1, e);
  if (!text) return 0;
  n->text = text;
  if (n->aligned || n->source) { /* both keep the same room */
    int32_t *source = mem_grow(n->source, room, sizeof *source, e);
    if (!source) return 0;
    n->source = source;
  }
  n->room = room;
  return 1;
}

static void put(Normalized *n, uint32_t c, int32_t source) {
  int used = 1;
  if (c < 0x80) n->text[n->size] = (unsigned char)c;
  else used = utf8_encode(c, n->text + n->size);
  if (n->aligned)
    for (int i = 0; i < used; i++) n->source[n->size + (size_t)i] = source;
  n->size += (size_t)used;
}

static void put_lower(const Normalizer *o, Normalized *n, uint32_t c, const UnicodeClass *k, int32_t source) {
  if (!o->lower) {
    put(n, c, source);
    return;
  }
  put(n, (uint32_t)((int32_t)c + k->lower), source);
  if (c == UNICODE_I_WITH_DOT) put(n, UNICODE_DOT_ABOVE, source);
}

/* ---- marks ------------------------------------------------------------------------------------------------------- */

static int mark_room(Normalized *n, bert_err *e) {
  if (n->marks < n->mark_room) return 1;
  size_t room = n->mark_room ? n->mark_room * 2 : 32;
  Mark *m = mem_grow(n->mark, mem_size(room, 2, 0), sizeof *m, e);
  if (!m) return 0;
  n->mark = m;
  n->mark_room = room;
  return 1;
}

/* Stable, by class: a count for each of the 256. */
static Mark *sort_marks(Normalized *n) {
  size_t start[257] = {0};
  for (size_t i = 0; i < n->marks; i++) start[n->mark[i].combining + 1]++;
  for (int k = 0; k < 256; k++) start[k + 1] += start[k];
  Mark *sorted = n->mark + n->mark_room;
  for (size_t i = 0; i < n->marks; i++) sorted[start[n->mark[i].combining]++] = n->mark[i];
  return sorted;
}

/* Gives out the marks that stay, in canonical order, aligned by place. */
static void put_kept_marks(const Normalizer *o, Normalized *n, bert_err *e) {
  const Mark *sorted = sort_marks(n), *next = n->mark;
  for (size_t i = 0; i < n->marks; i++) {
    const Mark *m = &sorted[i];
    if (m->first) {
      while (!next->first) next++;
      n->last = next++->source;
    }
    const UnicodeClass *k = unicode_class(m->c);
    if (k->flags & UNICODE_MARK) continue;
    if (!text_room(n, e)) return;
    put_lower(o, n, m->c, k, n->last);
  }
}

/* A starter, or the end, follows: nothing moves across it. */
static void flush_marks(const Normalizer *o, Normalized *n, bert_err *e) {
  if (!n->marks) return;
  if (n->kept_marks) put_kept_marks(o, n, e);
  n->marks = 0;
  n->kept_marks = 0;
}

/* ---- one character ----------------------------------------------------------------------------------------------- */

static void put_part(const Normalizer *o, Normalized *n, uint32_t c, const UnicodeClass *k, int first, int32_t source,
                     bert_err *e) {
  if (!k->combining) {
    flush_marks(o, n, e);
    n->last = source;
    if (!(k->flags & UNICODE_MARK) && text_room(n, e)) put_lower(o, n, c, k, source);
  } else if (mark_room(n, e)) {
    n->mark[n->marks++] = (Mark){c, source, k->combining, (uint8_t)first};
    n->kept_marks += !(k->flags & UNICODE_MARK);
  }
}

static void put_stripped(const Normalizer *o, Normalized *n, uint32_t c, const UnicodeClass *k, int32_t source,
                         bert_err *e) {
  uint32_t part[UNICODE_PARTS_MAX];
  int count = unicode_decompose(c, k, part);
  for (int i = 0; i < count; i++) put_part(o, n, part[i], part[i] == c ? k : unicode_class(part[i]), i == 0, source, e);
}

static void put_character(const Normalizer *o, Normalized *n, uint32_t c, int32_t source, bert_err *e) {
  const UnicodeClass *k = unicode_class(c);
  if (o->clean) {
    if (k->flags & UNICODE_CONTROL) return;
    if (k->flags & UNICODE_SPACE) {
      c = ' ';
      k = unicode_class(' ');
    }
  }
  int apart = o->chinese && (k->flags & UNICODE_CJK);
  if (apart) {
    flush_marks(o, n, e);
    if (text_room(n, e)) put(n, ' ', source);
  }
  if (o->strip) put_stripped(o, n, c, k, source, e);
  else if (text_room(n, e)) put_lower(o, n, c, k, source);
  if (apart) {
    flush_marks(o, n, e);
    if (text_room(n, e)) put(n, ' ', source);
  }
}

const unsigned char *normalize_run(const Normalizer *o, Normalized *n, const unsigned char *p, const unsigned char *end,
                                   int32_t *index, int to_space, bert_err *e) {
  int32_t source = *index;
  for (; p < end && !e->code; source++) {
    if (to_space && (*p == ' ' || (*p <= '\r' && (*p == '\t' || *p == '\n' || *p == '\r')))) break;
    put_character(o, n, unicode_next(&p), source, e);
  }
  flush_marks(o, n, e);
  *index = source;
  return p;
}

void normalized_fini(Normalized *n) {
  mem_free(n->text);
  mem_free(n->source);
  mem_free(n->mark);
  *n = (Normalized){0};
}
