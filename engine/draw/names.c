/* names.c -- see names.h.
** Layer: draw. Uses: base. */
#include "draw/names.h"

#include <string.h>

#include "base/hash.h"

int names_count(const Names *n) { return (int)(n->names.size / sizeof(Name)); }
Name *names_at(const Names *n, int i) { return (Name *)n->names.data + i; }

bert_text names_text(const Names *n, int i) {
  const Name *x = names_at(n, i);
  return (bert_text){n->bytes.data + x->start, x->size};
}

/* The slot that holds the text, or the empty one where it belongs. */
static int32_t *slot_of(const Names *n, bert_text text, uint64_t hash) {
  size_t at = hash & (n->room - 1);
  for (; n->slots[at]; at = (at + 1) & (n->room - 1)) {
    const Name *x = names_at(n, n->slots[at] - 1);
    if (x->hash == hash && x->size == text.size && (!text.size || !memcmp(n->bytes.data + x->start, text.data, text.size)))
      break;
  }
  return &n->slots[at];
}

static void grow(Names *n, bert_err *e) {
  enum { FIRST = 64 };
  size_t room = n->room ? n->room * 2 : FIRST;
  int32_t *slots = mem_new(room, sizeof *slots, e);
  if (!slots) return;
  mem_free(n->slots);
  n->slots = slots;
  n->room = room;
  for (int i = 0; i < names_count(n); i++) *slot_of(n, names_text(n, i), names_at(n, i)->hash) = i + 1;
}

int names_add(Names *n, bert_text text, bert_err *e) {
  size_t count = (size_t)names_count(n);
  if (e->code) return -1;
  if (2 * (count + 1) > n->room) grow(n, e);
  if (e->code) return -1;
  uint64_t hash = hash_bytes(text.data ? text.data : "", text.size, 0);
  int32_t *slot = slot_of(n, text, hash);
  if (!*slot) {
    Name new = {.start = n->bytes.size, .size = text.size, .hash = hash};
    buf_add(&n->bytes, text.data, text.size, e);
    buf_add(&n->names, &new, sizeof new, e);
    if (e->code) return -1;
    *slot = (int32_t)count + 1;
  }
  names_at(n, *slot - 1)->count++;
  return *slot - 1;
}

void names_fini(Names *n) {
  buf_fini(&n->bytes);
  buf_fini(&n->names);
  mem_free(n->slots);
  *n = (Names){0};
}
