/* wordcount.c -- see wordcount.h.
** Layer: text. Uses: base. */
#include "text/wordcount.h"

#include <string.h>

#include "base/hash.h"
#include "text/unicode.h"

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* The slot of a word, or the empty one where it would be. */
static uint32_t *place_of(const WordCount *w, const unsigned char *text, size_t n) {
  size_t at = hash_bytes(text, n, 0) & (w->slots - 1);
  for (; w->slot[at]; at = (at + 1) & (w->slots - 1)) {
    const CountedWord *x = &w->word[w->slot[at] - 1];
    if (x->size == n && !memcmp(wordcount_text(w, x), text, n)) break;
  }
  return &w->slot[at];
}

static void fill(WordCount *w) {
  memset(w->slot, 0, w->slots * sizeof *w->slot);
  for (size_t i = 0; i < w->words; i++)
    *place_of(w, wordcount_text(w, &w->word[i]), w->word[i].size) = (uint32_t)i + 1;
}

static void grow(WordCount *w, bert_err *e) {
  size_t room = w->room ? 2 * w->room : 1024;
  CountedWord *word = mem_grow(w->word, room, sizeof *word, e);
  if (word) w->word = word;
  uint32_t *slot = mem_grow(w->slot, 2 * room, sizeof *slot, e);
  if (slot) w->slot = slot;
  if (e->code) return;
  w->room = room;
  w->slots = 2 * room;
  fill(w);
}

/* Words keep their order, and their texts move together. */
static void forget(WordCount *w) {
  size_t max = w->max ? w->max : WORDCOUNT_MAX;
  for (int64_t least = 1; w->words > max / 2; least++) {
    size_t kept = 0, bytes = 0;
    for (size_t i = 0; i < w->words; i++) {
      CountedWord x = w->word[i];
      if (x.count <= least) continue;
      memmove(w->bytes.data + bytes, w->bytes.data + x.at, x.size);
      x.at = (uint32_t)bytes;
      bytes += x.size;
      w->word[kept++] = x;
    }
    w->words = kept;
    w->bytes.size = bytes;
  }
  fill(w);
}

static void count(WordCount *w, const unsigned char *text, size_t n, bert_err *e) {
  if (w->words == (w->max ? w->max : WORDCOUNT_MAX)) forget(w);
  if (w->words == w->room) grow(w, e);
  if (e->code) return;
  uint32_t *place = place_of(w, text, n);
  if (!*place) {
    CountedWord x = {.at = (uint32_t)w->bytes.size, .size = (uint32_t)n};
    buf_add(&w->bytes, text, n, e);
    if (e->code) return;
    w->word[w->words++] = x;
    *place = (uint32_t)w->words;
  }
  w->word[*place - 1].count++;
}

/* ---- words out of text ------------------------------------------------------------------------------------------- */

/* Words of normalized text: split as words.c does. */
static void count_words(WordCount *w, const unsigned char *text, size_t n, bert_err *e) {
  const unsigned char *p = text, *end = text + n, *word = text;
  int chars = 0;
  while (p < end && !e->code) {
    const unsigned char *at = p;
    int flags = unicode_class(unicode_next(&p))->flags;
    if (!(flags & (UNICODE_SPACE | UNICODE_PUNCTUATION))) {
      chars++;
      continue;
    }
    if (chars && chars <= WORDCOUNT_CHARS) count(w, word, (size_t)(at - word), e);
    if (!(flags & UNICODE_SPACE)) count(w, at, (size_t)(p - at), e);
    word = p;
    chars = 0;
  }
  if (chars && chars <= WORDCOUNT_CHARS) count(w, word, (size_t)(end - word), e);
}

void wordcount_add(WordCount *w, bert_text text, bert_err *e) {
  if (text.size > INT32_MAX)
    err_set(e, BERT_ARGUMENT, "a text of %zu bytes, at most %d are taken", text.size, INT32_MAX);
  if (e->code || !text.size) return;
  size_t n = text.size;
  int32_t index = 0;
  const unsigned char *p = repaired_text(&w->repaired, (const unsigned char *)text.data, &n, e), *end = p + n;
  while (p < end && !e->code) {
    w->normalized.size = 0;
    p = normalize_run(&w->normalizer, &w->normalized, p, end, &index, 1, e);
    if (w->normalized.size) count_words(w, w->normalized.text, w->normalized.size, e);
    if (p < end) p++; /* the space that it stopped at */
  }
}

void wordcount_fini(WordCount *w) {
  mem_free(w->word);
  mem_free(w->slot);
  buf_fini(&w->bytes);
  normalized_fini(&w->normalized);
  repaired_fini(&w->repaired);
  *w = (WordCount){.normalizer = w->normalizer, .max = w->max};
}
