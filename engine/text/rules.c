/* rules.c -- see rules.h.
** Layer: text. Uses: base. */
#include "text/rules.h"

#include <string.h>

#include "text/rules_added.h"
#include "text/rules_bpe.h"
#include "text/rules_parts.h"
#include "text/unicode.h"

/* ---- tokenizer.json ---------------------------------------------------------------------------------------------- */

static int is_null(const Json *v) { return !v || v->kind == JSON_NULL; }

static void read_normalizer(Normalizer *n, const Json *v, bert_err *e) {
  v = rules_unwrapped(v, "normalizers");
  if (is_null(v)) return;
  if (!json_is(json_get(v, "type"), "BertNormalizer")) {
    json_refuse(json_get(v, "type"), "normalizer.type", "BertNormalizer", e);
    return;
  }
  n->clean = rules_flag(v, "clean_text", "normalizer.clean_text", e);
  n->chinese = rules_flag(v, "handle_chinese_chars", "normalizer.handle_chinese_chars", e);
  n->lower = rules_flag(v, "lowercase", "normalizer.lowercase", e);
  n->strip = (uint8_t)json_flag(json_get(v, "strip_accents"), n->lower, "normalizer.strip_accents", e);
}

static void read_pre_tokenizer(const Json *v, bert_err *e) {
  v = rules_unwrapped(v, "pretokenizers");
  const Json *type = json_get(v, "type");
  if (!json_is(type, "BertPreTokenizer")) json_refuse(type, "pre_tokenizer.type", "BertPreTokenizer", e);
}

/* How many pieces begin with the prefix and go on. */
static size_t count_rest(const Json *vocab, const char *prefix) {
  size_t n = strlen(prefix), count = 0;
  for (const Json *v = json_first(vocab); v; v = json_next(v))
    count += json_key(v)->size > n && !memcmp(json_key(v)->at, prefix, n);
  return count;
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

static void read_wordpiece(ScanRules *r, const Json *model, const Json *added, Arena *a, bert_err *e) {
  WordPiece *w = &r->words.wordpiece;
  const Json *vocab = json_get(model, "vocab"), *chars = json_get(model, "max_input_chars_per_word");
  if (is_null(chars)) json_refuse(chars, "model.max_input_chars_per_word", "a number", e);
  const char *unknown = needed_text(json_get(model, "unk_token"), "model.unk_token", a, e);
  const Json *go_on = json_get(model, "continuing_subword_prefix");
  const char *prefix = needed_text(go_on, "model.continuing_subword_prefix", a, e);
  int64_t max = json_integer(chars, 100, 0, INT64_MAX, "model.max_input_chars_per_word", e);
  VocabularySize size = rules_measure(vocab, added, e);
  if (e->code) return;
  vocabulary_init(&r->vocabulary, &size, a, e);
  wordpiece_init(w, &r->vocabulary, count_rest(vocab, prefix), prefix, max, a, e);
  for (const Json *v = json_first(vocab); v && !e->code; v = json_next(v)) {
    int32_t id = (int32_t)json_integer(v, 0, 0, VOCABULARY_ID_MAX, "", e);
    uint32_t at = vocabulary_put(&r->vocabulary, json_key(v)->at, json_key(v)->size, id, e);
    wordpiece_put(w, at, json_key(v)->size, id, e);
  }
  if (!e->code) wordpiece_unknown(w, unknown);
}

void rules_from_json(ScanRules *r, const Json *root, Arena *a, bert_err *e) {
  if (e->code) return;
  const Json *added = json_get(root, "added_tokens"), *model = json_get(root, "model");
  if (rules_bpe_is(model)) {
    rules_bpe_read(r, root, a, e);
  } else if (is_wordpiece(model)) {
    read_wordpiece(r, model, added, a, e);
    read_normalizer(&r->normalizer, json_get(root, "normalizer"), e);
    read_pre_tokenizer(json_get(root, "pre_tokenizer"), e);
  } else {
    json_refuse(json_get(model, "type"), "model.type", "WordPiece or BPE", e);
  }
  rules_added_read(r, added, a, e);
  if (!e->code) scan_init(r);
}

/* ---- vocab.txt --------------------------------------------------------------------------------------------------- */

static void read_lines(ScanRules *r, const char *text, size_t length, Arena *a, bert_err *e) {
  static const char PREFIX[] = "##";
  enum { MAX_CHARS = 100 };
  WordPiece *w = &r->words.wordpiece;
  const char *p = text, *end = text + length, *line;
  VocabularySize size = {0};
  size_t n, rest = 0;
  while (rules_next_line(&p, end, &line, &n)) {
    size.count++;
    size.bytes += n;
    rest += n > 2 && !memcmp(line, PREFIX, 2);
  }
  if (!size.count || size.count > VOCABULARY_ID_MAX)
    err_set(e, BERT_FORMAT, "found %zu lines, wanted a piece a line, at most %d", size.count, VOCABULARY_ID_MAX);
  size.ids = (int)size.count;
  if (e->code) return;
  vocabulary_init(&r->vocabulary, &size, a, e);
  wordpiece_init(w, &r->vocabulary, rest, PREFIX, MAX_CHARS, a, e);
  p = text;
  for (int32_t id = 0; rules_next_line(&p, end, &line, &n) && !e->code; id++) {
    if (unicode_prefix((const unsigned char *)line, n) < n) err_set(e, BERT_FORMAT, "line %d is not UTF-8", (int)id + 1);
    wordpiece_put(w, vocabulary_put(&r->vocabulary, line, n, id, e), n, id, e);
  }
}

void rules_from_vocab(ScanRules *r, const char *text, size_t size, const TokenizerSettings *s, Arena *a, bert_err *e) {
  if (e->code) return;
  const char *name[] = {s->unk ? s->unk : "[UNK]", s->sep ? s->sep : "[SEP]", s->pad ? s->pad : "[PAD]",
                        s->cls ? s->cls : "[CLS]", s->mask ? s->mask : "[MASK]"};
  r->normalizer = (Normalizer){.clean = 1, .chinese = s->chinese_characters != 0, .lower = s->lowercase != 0,
                               .strip = s->strip_accents < 0 ? s->lowercase != 0 : s->strip_accents != 0};
  read_lines(r, text, size, a, e);
  if (e->code) return;
  wordpiece_unknown(&r->words.wordpiece, arena_copy(a, name[0], strlen(name[0]), e));
  rules_added_specials(r, name, (int)(sizeof name / sizeof *name), NULL, a, e);
  if (!e->code) scan_init(r);
}
