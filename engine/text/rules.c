/* rules.c -- see rules.h.
** Layer: text. Uses: base. */
#include "text/rules.h"

#include <string.h>

#include "text/unicode.h"

enum { ADDED_MAX = 1 << 20 };

/* ---- added tokens ------------------------------------------------------------------------------------------------ */

/* Ids, and the names of those that the vocabulary does not have. `all` finds a content's first place in token. */
static void give_ids(ScanRules *r, AddedToken *token, int n, Pieces *all, const char *text, bert_err *e) {
  WordPiece *w = &r->wordpiece;
  int32_t next = w->count;
  for (int i = 0; i < n && !e->code; i++) {
    AddedToken *t = &token[i];
    int32_t before = pieces_find(all, t->content, t->size);
    int32_t known = before >= 0 ? token[before].id : wordpiece_id(w, t->content, t->size);
    t->id = known >= 0 ? known : next++;
    if (known < 0) wordpiece_name(w, t->id, t->content, t->size);
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

/* Makes token[n], whose contents lie in text, r's added tokens. */
static void add_tokens(ScanRules *r, AddedToken *token, int n, const char *text, Arena *a, bert_err *e) {
  if (e->code || !n) return;
  pieces_init(&r->contents, (size_t)n, text, a, e);
  r->token = token;
  r->token_count = n;
  give_ids(r, token, n, &r->contents, text, e);
  int32_t *last = arena_push(a, (size_t)r->wordpiece.room, sizeof *last, e);
  added_init(&r->added, (size_t)n, text, token, a, e);
  if (e->code) return;
  for (int i = 0; i < n; i++) last[token[i].id] = i;
  for (int i = 0; i < n; i++)
    if (!token[i].normalized && !overridden(last, token, i))
      added_put(&r->added, (uint32_t)(token[i].content - text), token[i].size, i, e);
  normalized_patterns(r, token, n, last, a, e);
}

/* How many, and the bytes of their contents. */
static int count_added(const Json *list, size_t *bytes, bert_err *e) {
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

static void read_added(ScanRules *r, const Json *list, Arena *a, bert_err *e) {
  size_t bytes;
  int n = count_added(list, &bytes, e), used = 0;
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
  add_tokens(r, token, used, text, a, e);
}

/* ---- tokenizer.json ---------------------------------------------------------------------------------------------- */

static int is_null(const Json *v) { return !v || v->kind == JSON_NULL; }

/* A Sequence of one stands for that one; `list` is the name of its array. */
static const Json *unwrapped(const Json *v, const char *list) {
  for (const Json *inside = v; inside && json_is(json_get(inside, "type"), "Sequence");) {
    const Json *all = json_get(inside, list);
    if (!all || all->kind != JSON_ARRAY || all->size != 1) break;
    v = inside = json_first(all);
  }
  return v;
}

static uint8_t needed_flag(const Json *v, const char *name, const char *what, bert_err *e) {
  const Json *flag = json_get(v, name);
  if (is_null(flag)) json_refuse(flag, what, "true or false", e);
  return (uint8_t)json_flag(flag, 0, what, e);
}

static void read_normalizer(Normalizer *n, const Json *v, bert_err *e) {
  v = unwrapped(v, "normalizers");
  if (is_null(v)) return;
  if (!json_is(json_get(v, "type"), "BertNormalizer")) {
    json_refuse(json_get(v, "type"), "normalizer.type", "BertNormalizer", e);
    return;
  }
  n->clean = needed_flag(v, "clean_text", "normalizer.clean_text", e);
  n->chinese = needed_flag(v, "handle_chinese_chars", "normalizer.handle_chinese_chars", e);
  n->lower = needed_flag(v, "lowercase", "normalizer.lowercase", e);
  n->strip = (uint8_t)json_flag(json_get(v, "strip_accents"), n->lower, "normalizer.strip_accents", e);
}

static void read_pre_tokenizer(const Json *v, bert_err *e) {
  v = unwrapped(v, "pretokenizers");
  const Json *type = json_get(v, "type");
  if (!json_is(type, "BertPreTokenizer")) json_refuse(type, "pre_tokenizer.type", "BertPreTokenizer", e);
}

/* Checks the ids on the way. */
static WordPieceSize measure(const Json *vocab, const char *prefix, bert_err *e) {
  WordPieceSize s = {0};
  size_t n = strlen(prefix);
  for (const Json *v = json_first(vocab); v && !e->code; v = json_next(v)) {
    const Json *piece = json_key(v);
    if (v->kind != JSON_NUMBER) json_refuse(v, "model.vocab", "an id", e);
    int64_t id = json_integer(v, 0, 0, WORDPIECE_ID_MAX, "model.vocab", e);
    if (id >= s.ids) s.ids = (int)id + 1;
    s.count++;
    s.rest += piece->size > n && !memcmp(piece->at, prefix, n);
    s.bytes += piece->size;
  }
  return s;
}

/* Files of the first versions have no type; max_input_chars_per_word tells this model from the others. */
static int is_wordpiece(const Json *model) {
  const Json *type = json_get(model, "type");
  return type ? json_is(type, "WordPiece") : json_get(model, "max_input_chars_per_word") != NULL;
}

static const char *needed_text(const Json *v, const char *what, Arena *a, bert_err *e) {
  if (!v || v->kind != JSON_STRING) json_refuse(v, what, "a string", e);
  return json_text(v, "", what, a, e);
}

static void read_model(WordPiece *w, const Json *model, const Json *added, Arena *a, bert_err *e) {
  if (!is_wordpiece(model)) {
    json_refuse(json_get(model, "type"), "model.type", "WordPiece", e);
    return;
  }
  const Json *vocab = json_get(model, "vocab"), *chars = json_get(model, "max_input_chars_per_word");
  if (!vocab || vocab->kind != JSON_OBJECT) json_refuse(vocab, "model.vocab", "an object", e);
  if (is_null(chars)) json_refuse(chars, "model.max_input_chars_per_word", "a number", e);
  const char *unknown = needed_text(json_get(model, "unk_token"), "model.unk_token", a, e);
  const Json *go_on = json_get(model, "continuing_subword_prefix");
  const char *prefix = needed_text(go_on, "model.continuing_subword_prefix", a, e);
  int64_t max = json_integer(chars, 100, 0, INT64_MAX, "model.max_input_chars_per_word", e);
  WordPieceSize size = measure(vocab, prefix, e);
  size_t bytes;
  size.names = (size_t)count_added(added, &bytes, e);
  size.bytes += bytes;
  if (e->code) return;
  wordpiece_init(w, &size, prefix, max, a, e);
  for (const Json *v = json_first(vocab); v && !e->code; v = json_next(v))
    wordpiece_put(w, json_key(v)->at, json_key(v)->size, (int32_t)json_integer(v, 0, 0, WORDPIECE_ID_MAX, "", e), e);
  if (!e->code) wordpiece_unknown(w, unknown);
}

void rules_from_json(ScanRules *r, const Json *root, Arena *a, bert_err *e) {
  if (e->code) return;
  const Json *added = json_get(root, "added_tokens");
  read_model(&r->wordpiece, json_get(root, "model"), added, a, e);
  read_normalizer(&r->normalizer, json_get(root, "normalizer"), e);
  read_pre_tokenizer(json_get(root, "pre_tokenizer"), e);
  read_added(r, added, a, e);
  if (!e->code) scan_init(r);
}

/* ---- vocab.txt --------------------------------------------------------------------------------------------------- */

/* The line at *p, without its end (any of \n, \r\n, \r); *p goes behind it. 0 at the end of the text. */
static int next_line(const char **p, const char *end, const char **line, size_t *n) {
  if (*p >= end) return 0;
  const char *q = *line = *p;
  while (q < end && *q != '\n' && *q != '\r') q++;
  *n = (size_t)(q - *line);
  if (q < end) q += *q == '\r' && q + 1 < end && q[1] == '\n' ? 2 : 1;
  *p = q;
  return 1;
}

static void read_lines(WordPiece *w, const char *text, size_t length, Arena *a, bert_err *e) {
  static const char PREFIX[] = "##";
  enum { MAX_CHARS = 100 };
  const char *p = text, *end = text + length, *line;
  WordPieceSize size = {0};
  size_t n;
  while (next_line(&p, end, &line, &n)) {
    size.count++;
    size.bytes += n;
    size.rest += n > 2 && !memcmp(line, PREFIX, 2);
  }
  if (!size.count || size.count > WORDPIECE_ID_MAX)
    err_set(e, BERT_FORMAT, "found %zu lines, wanted a piece a line, at most %d", size.count, WORDPIECE_ID_MAX);
  size.ids = (int)size.count;
  if (e->code) return;
  wordpiece_init(w, &size, PREFIX, MAX_CHARS, a, e);
  p = text;
  for (int32_t id = 0; next_line(&p, end, &line, &n) && !e->code; id++) {
    if (unicode_prefix((const unsigned char *)line, n) < n) err_set(e, BERT_FORMAT, "line %d is not UTF-8", (int)id + 1);
    wordpiece_put(w, line, n, id, e);
  }
}

/* BertTokenizer's special tokens, those that the vocabulary has. */
static void add_specials(ScanRules *r, const char *const *name, int n, Arena *a, bert_err *e) {
  size_t bytes = 0;
  int used = 0;
  for (int i = 0; i < n; i++) bytes += strlen(name[i]) + 1;
  char *text = arena_push(a, bytes, 1, e), *p = text;
  AddedToken *token = arena_push(a, (size_t)n, sizeof *token, e);
  if (e->code) return;
  for (int i = 0; i < n; i++) {
    size_t size = strlen(name[i]);
    if (wordpiece_id(&r->wordpiece, name[i], size) < 0) continue;
    memcpy(p, name[i], size + 1);
    token[used++] = (AddedToken){.content = p, .size = (uint32_t)size};
    p += size + 1;
  }
  add_tokens(r, token, used, text, a, e);
}

void rules_from_vocab(ScanRules *r, const char *text, size_t size, const TokenizerSettings *s, Arena *a, bert_err *e) {
  if (e->code) return;
  const char *name[] = {s->unk ? s->unk : "[UNK]", s->sep ? s->sep : "[SEP]", s->pad ? s->pad : "[PAD]",
                        s->cls ? s->cls : "[CLS]", s->mask ? s->mask : "[MASK]"};
  r->normalizer = (Normalizer){.clean = 1, .chinese = s->chinese_characters != 0, .lower = s->lowercase != 0,
                               .strip = s->strip_accents < 0 ? s->lowercase != 0 : s->strip_accents != 0};
  read_lines(&r->wordpiece, text, size, a, e);
  if (e->code) return;
  wordpiece_unknown(&r->wordpiece, arena_copy(a, name[0], strlen(name[0]), e));
  add_specials(r, name, (int)(sizeof name / sizeof *name), a, e);
  if (!e->code) scan_init(r);
}
