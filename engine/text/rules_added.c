/* rules_added.c -- see rules_added.h.
** Layer: text. Uses: base. */
#include "text/rules_added.h"

#include <string.h>

enum { ADDED_MAX = 1 << 20 };

/* Ids, and the names of those that the vocabulary does not have. `all` finds a content's first place in token. */
static void give_ids(ScanRules *r, AddedToken *token, int n, Pieces *all, const char *text, bert_err *e) {
  Vocabulary *v = &r->vocabulary;
  int32_t next = v->count;
  for (int i = 0; i < n && !e->code; i++) {
    AddedToken *t = &token[i];
    int32_t before = pieces_find(all, t->content, t->size);
    int32_t known = before >= 0 ? token[before].id : vocabulary_id(v, t->content, t->size);
    t->id = known >= 0 ? known : next++;
    if (known < 0) vocabulary_name(v, t->id, t->content, t->size);
    if (before < 0) pieces_put(all, (uint32_t)(t->content - text), t->size, i, e);
  }
}

/* Of several tokens with one id the last counts. */
static int overridden(const int32_t *last, const AddedToken *token, int i) { return last[token[i].id] != i; }

/* The patterns of tokens that stand in normalized text: their normalized contents, one after the other. */
static void normalized_patterns(ScanRules *r, const AddedToken *token, int n, const int32_t *last, Arena *a,
                                bert_err *e) {
  Normalized out = {0};
  size_t *at = arena_push(a, (size_t)n + 1, sizeof *at, e);
  int count = 0;
  for (int i = 0; i < n && !e->code; i++) {
    at[i] = out.size;
    if (!token[i].normalized || overridden(last, token, i)) continue;
    int32_t index = 0;
    const unsigned char *p = (const unsigned char *)token[i].content;
    normalize_run(&r->normalizer, &out, p, p + token[i].size, &index, 0, e);
    if (out.size == at[i])
      err_set(e, BERT_FORMAT, "added_tokens: nothing is left of \"%s\" when normalized", token[i].content);
    count++;
  }
  if (count && !e->code) {
    at[n] = out.size;
    const char *text = arena_copy(a, (const char *)out.text, out.size, e);
    added_init(&r->added_normalized, (size_t)count, text, token, a, e);
    for (int i = 0; i < n && !e->code; i++)
      if (at[i + 1] > at[i]) added_put(&r->added_normalized, (uint32_t)at[i], (uint32_t)(at[i + 1] - at[i]), i, e);
  }
  normalized_fini(&out);
}

void rules_added_put(ScanRules *r, AddedToken *token, int n, const char *text, Arena *a, bert_err *e) {
  if (e->code || !n) return;
  pieces_init(&r->contents, (size_t)n, text, a, e);
  r->token = token;
  r->token_count = n;
  give_ids(r, token, n, &r->contents, text, e);
  int32_t *last = arena_push(a, (size_t)r->vocabulary.room, sizeof *last, e);
  added_init(&r->added, (size_t)n, text, token, a, e);
  if (e->code) return;
  for (int i = 0; i < n; i++) last[token[i].id] = i;
  for (int i = 0; i < n; i++)
    if (!token[i].normalized && !overridden(last, token, i))
      added_put(&r->added, (uint32_t)(token[i].content - text), token[i].size, i, e);
  normalized_patterns(r, token, n, last, a, e);
}

int rules_added_count(const Json *list, size_t *bytes, bert_err *e) {
  if (list && list->kind != JSON_NULL && list->kind != JSON_ARRAY) json_refuse(list, "added_tokens", "an array", e);
  if (list && list->size > ADDED_MAX) json_refuse(list, "added_tokens", "at most 1048576 tokens", e);
  int n = 0;
  *bytes = 0;
  for (const Json *v = json_first(list); v && !e->code; v = json_next(v), n++) {
    const Json *content = json_get(v, "content");
    if (!content || content->kind != JSON_STRING) json_refuse(content, "added_tokens: content", "a string", e);
    else *bytes += content->size;
  }
  return n;
}

static uint8_t added_flag(const Json *v, const char *name, int otherwise, bert_err *e) {
  return (uint8_t)json_flag(json_get(v, name), otherwise, "a flag of added_tokens", e);
}

void rules_added_read(ScanRules *r, const Json *list, Arena *a, bert_err *e) {
  size_t bytes;
  int n = rules_added_count(list, &bytes, e), used = 0;
  char *text = arena_push(a, mem_size(1, bytes, (size_t)n), 1, e), *p = text;
  AddedToken *token = arena_push(a, (size_t)n, sizeof *token, e);
  for (const Json *v = json_first(list); v && !e->code; v = json_next(v)) {
    const Json *content = json_get(v, "content");
    if (!content->size) continue; /* as the reference does */
    memcpy(p, content->at, content->size);
    int special = added_flag(v, "special", 0, e);
    token[used++] = (AddedToken){.content = p, .size = content->size,
                                 .single_word = added_flag(v, "single_word", 0, e),
                                 .lstrip = added_flag(v, "lstrip", 0, e), .rstrip = added_flag(v, "rstrip", 0, e),
                                 .normalized = added_flag(v, "normalized", !special, e)};
    p += content->size + 1;
  }
  rules_added_put(r, token, used, text, a, e);
}

/* Names by their ids, as tokenizer.json has them: the same tokenizer has the same hash, whichever file it is from. */
static void sort_names(const ScanRules *r, const char **name, int n) {
  for (int i = 1; i < n; i++)
    for (int j = i; j > 0; j--) {
      const char *a = name[j - 1], *b = name[j];
      if (vocabulary_id(&r->vocabulary, a, strlen(a)) <= vocabulary_id(&r->vocabulary, b, strlen(b))) break;
      name[j - 1] = b, name[j] = a;
    }
}

void rules_added_specials(ScanRules *r, const char **name, int n, const char *lstrip, Arena *a, bert_err *e) {
  size_t bytes = 0;
  int used = 0;
  sort_names(r, name, n);
  for (int i = 0; i < n; i++) bytes += strlen(name[i]) + 1;
  char *text = arena_push(a, bytes, 1, e), *p = text;
  AddedToken *token = arena_push(a, (size_t)n, sizeof *token, e);
  if (e->code) return;
  for (int i = 0; i < n; i++) {
    size_t size = strlen(name[i]);
    if (vocabulary_id(&r->vocabulary, name[i], size) < 0) continue;
    memcpy(p, name[i], size + 1);
    token[used++] = (AddedToken){.content = p, .size = (uint32_t)size, .lstrip = name[i] == lstrip};
    p += size + 1;
  }
  rules_added_put(r, token, used, text, a, e);
}
