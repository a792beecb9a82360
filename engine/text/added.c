/* added.c -- see added.h.
** Layer: text. Uses: base. */
#include "text/added.h"

#include <string.h>

#include "text/unicode.h"

enum { ONLY_NONE = -1 };

void added_init(AddedSet *s, size_t count, const char *text, const AddedToken *token, Arena *a, bert_err *e) {
  *s = (AddedSet){.token = token, .only = ONLY_NONE};
  if (count) pieces_init(&s->pieces, count, text, a, e);
}

void added_put(AddedSet *s, uint32_t at, uint32_t size, int index, bert_err *e) {
  if (e->code) return;
  const char *pattern = s->pieces.text + at;
  if (pieces_find(&s->pieces, pattern, size) >= 0) return;
  pieces_put(&s->pieces, at, size, index, e);
  unsigned char begin = (unsigned char)pattern[0];
  s->only = !s->count || s->only == begin ? begin : ONLY_NONE;
  s->begins[begin] = 1;
  s->count++;
}

/* The first place from `at` on where a pattern may begin, or n. */
static size_t may_begin(const AddedSet *s, const unsigned char *text, size_t at, size_t n) {
  if (s->only >= 0) {
    const unsigned char *p = memchr(text + at, s->only, n - at);
    return p ? (size_t)(p - text) : n;
  }
  while (at < n && !s->begins[text[at]]) at++;
  return at;
}

static int is_word(uint32_t c) { return (unicode_class(c)->flags & UNICODE_WORD) != 0; }
static int is_space(uint32_t c) { return (unicode_class(c)->flags & UNICODE_SPACE) != 0; }

static int stands_alone(const unsigned char *text, size_t n, size_t start, size_t stop) {
  const unsigned char *after = text + stop;
  return (start == 0 || !is_word(unicode_before(text + start))) && (stop == n || !is_word(unicode_next(&after)));
}

static size_t spaces_before(const unsigned char *text, size_t start, size_t least) {
  while (start > least && is_space(unicode_before(text + start)))
    do start--;
    while ((text[start] & 0xC0) == 0x80);
  return start;
}

/* The end of the white space from `stop` on. Tokens that are white space themselves ask again within a run. */
static size_t spaces_after(AddedWalk *w, const unsigned char *text, size_t n, size_t stop) {
  if (stop < w->spaces_end) return w->spaces_end;
  const unsigned char *p = text + stop, *next = p;
  while (next < text + n && is_space(unicode_next(&next))) p = next;
  return w->spaces_end = (size_t)(p - text);
}

int added_next(const AddedSet *s, AddedWalk *w, const unsigned char *text, size_t n, AddedMatch *m) {
  if (!s->count) return 0;
  for (;;) {
    size_t start = w->search = may_begin(s, text, w->search, n), size;
    if (start == n) return 0;
    int32_t index = pieces_longest(&s->pieces, text + start, n - start, &size);
    if (index < 0) {
      w->search++;
      continue;
    }
    size_t stop = w->search = start + size;
    const AddedToken *t = &s->token[index];
    if (t->single_word && !stands_alone(text, n, start, stop)) continue;
    if (t->lstrip) start = start > w->taken ? spaces_before(text, start, w->taken) : w->taken;
    if (t->rstrip) stop = spaces_after(w, text, n, stop);
    if (start >= stop) continue; /* white space that the token before has taken */
    *m = (AddedMatch){start, stop, t->rstrip, t->id};
    w->taken = stop;
    return 1;
  }
}
