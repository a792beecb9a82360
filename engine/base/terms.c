/* terms.c -- see terms.h.
** Layer: base. Uses: arena hash utf8. */
#include "base/terms.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* Where the name stands, or the empty slot where it would. */
static int32_t *place_of(const Terms *l, bert_text name) {
  uint32_t mask = (uint32_t)l->slots - 1, at = (uint32_t)hash_bytes(name.data, name.size, 0) & mask;
  for (; l->slot[at]; at = (at + 1) & mask) {
    const char *known = l->name[l->slot[at] - 1];
    if (strlen(known) == name.size && !memcmp(known, name.data, name.size)) break;
  }
  return &l->slot[at];
}

static void fill(Terms *l) {
  memset(l->slot, 0, (size_t)l->slots * sizeof *l->slot);
  for (int i = 0; i < l->count; i++) *place_of(l, (bert_text){l->name[i], strlen(l->name[i])}) = i + 1;
}

static void grow(Terms *l, bert_err *e) {
  int room = l->room ? 2 * l->room : 16;
  const char **name = mem_grow(l->name, (size_t)room, sizeof *name, e);
  if (name) l->name = name;
  int32_t *slot = mem_grow(l->slot, 2 * (size_t)room, sizeof *slot, e);
  if (slot) l->slot = slot;
  if (e->code) return;
  l->room = room;
  l->slots = 2 * room;
  fill(l);
}

int terms_add(Terms *l, bert_text name, bert_err *e) {
  if (name.size && memchr(name.data, 0, name.size)) err_set(e, BERT_ARGUMENT, "a name has a NUL character inside");
  if (!utf8_is_valid(name.data, name.size)) err_set(e, BERT_ARGUMENT, "a name is not UTF-8");
  if (l->count == TERMS_MAX) err_set(e, BERT_ARGUMENT, "more than %d different names", TERMS_MAX);
  if (!e->code && l->count == l->room) grow(l, e);
  if (e->code) return -1;
  int32_t *place = place_of(l, name);
  if (!*place) {
    l->name[l->count] = arena_copy(l->arena, name.data, name.size, e);
    if (e->code) return -1;
    *place = ++l->count;
  }
  return *place - 1;
}

int terms_find(const Terms *l, bert_text name) { return l->count ? *place_of(l, name) - 1 : -1; }

/* ---- their order ------------------------------------------------------------------------------------------------- */

static int is_whole_number(const char *s) {
  enum { DIGITS = 18 };
  size_t n = strlen(s += *s == '-');
  return n > 0 && n <= DIGITS && strspn(s, "0123456789") == n;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_number(const void *a, const void *b) {
  long long p = strtoll(*(const char *const *)a, NULL, 10), q = strtoll(*(const char *const *)b, NULL, 10);
  return p != q ? (p > q) - (p < q) : by_bytes(a, b);
}

void terms_sort(Terms *l) {
  int numbers = 1;
  for (int i = 0; i < l->count; i++) numbers &= is_whole_number(l->name[i]);
  if (!l->count) return;
  qsort(l->name, (size_t)l->count, sizeof *l->name, numbers ? by_number : by_bytes);
  fill(l);
}

void terms_fini(Terms *l) {
  mem_free(l->name);
  mem_free(l->slot);
  *l = (Terms){.arena = l->arena};
}
