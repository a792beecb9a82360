/* rules_bpe.c -- see rules_bpe.h.
** Layer: text. Uses: base. */
#include "text/rules_bpe.h"

#include <string.h>

#include "text/rules_added.h"
#include "text/rules_parts.h"
#include "text/unicode.h"

int rules_bpe_is(const Json *model) {
  const Json *type = json_get(model, "type"); /* files of the first versions have none */
  return type ? json_is(type, "BPE") : json_get(model, "merges") != NULL;
}

/* ---- pieces and merges ------------------------------------------------------------------------------------------- */

static void read_vocab(ScanRules *r, const Json *vocab, const Json *added, Arena *a, bert_err *e) {
  VocabularySize size = rules_measure(vocab, added, e);
  if (e->code) return;
  vocabulary_init(&r->vocabulary, &size, a, e);
  for (const Json *v = json_first(vocab); v && !e->code; v = json_next(v))
    vocabulary_put(&r->vocabulary, json_key(v)->at, json_key(v)->size, (int32_t)json_integer(v, 0, 0, INT32_MAX, "", e),
                   e);
}

/* Two pieces with one space between them. The header of merges.txt, "#version: 0.2", is none. */
static void put_line(Bpe *b, const char *line, size_t n, bert_err *e) {
  static const char HEADER[] = "#version";
  const size_t header = sizeof HEADER - 1;
  if (n >= header && !memcmp(line, HEADER, header)) return;
  const char *end = line + n, *space = n ? memchr(line, ' ', n) : NULL;
  if (space && !memchr(space + 1, ' ', (size_t)(end - space - 1)))
    bpe_put(b, line, (size_t)(space - line), space + 1, (size_t)(end - space - 1), e);
  else
    err_set(e, BERT_FORMAT, "merge %u: wanted two pieces with a space between them", (unsigned)b->count + 1);
}

static void put_pair(Bpe *b, const Json *pair, bert_err *e) {
  const Json *left = json_first(pair), *right = left ? json_next(left) : NULL;
  if (pair->kind != JSON_ARRAY || pair->size != 2 || left->kind != JSON_STRING || right->kind != JSON_STRING)
    json_refuse(pair, "model.merges", "pairs of pieces", e);
  else
    bpe_put(b, left->at, left->size, right->at, right->size, e);
}

static void too_many(size_t n, bert_err *e) {
  if (n > BPE_RANK_MAX) err_set(e, BERT_FORMAT, "%zu merges, at most %d are taken", n, BPE_RANK_MAX);
}

static void read_merges(ScanRules *r, const Json *merges, Arena *a, bert_err *e) {
  if (!merges || merges->kind != JSON_ARRAY) json_refuse(merges, "model.merges", "an array", e);
  else too_many(merges->size, e);
  if (e->code) return;
  Bpe *b = &r->bytes.bpe;
  const Json *first = json_first(merges);
  int lines = first && first->kind == JSON_STRING; /* as versions before 0.20 wrote them */
  bpe_init(b, &r->vocabulary, merges->size, a, e);
  for (const Json *v = first; v && !e->code; v = json_next(v)) {
    if (!lines) put_pair(b, v, e);
    else if (v->kind == JSON_STRING) put_line(b, v->at, v->size, e);
    else json_refuse(v, "model.merges", "two pieces with a space between them", e);
  }
}

/* ---- tokenizer.json ---------------------------------------------------------------------------------------------- */

static int is_null(const Json *v) { return !v || v->kind == JSON_NULL; }

static void refuse_unless_empty(const Json *v, const char *what, bert_err *e) {
  if (!is_null(v) && !json_is(v, "")) json_refuse(v, what, "none", e);
}

static void read_model(ScanRules *r, const Json *model, const Json *added, Arena *a, bert_err *e) {
  const Json *fallback = json_get(model, "byte_fallback"), *dropout = json_get(model, "dropout");
  if (json_flag(fallback, 0, "model.byte_fallback", e)) json_refuse(fallback, "model.byte_fallback", "false", e);
  if (json_number(dropout, 0, "model.dropout", e) != 0) json_refuse(dropout, "model.dropout", "none", e);
  refuse_unless_empty(json_get(model, "continuing_subword_prefix"), "model.continuing_subword_prefix", e);
  refuse_unless_empty(json_get(model, "end_of_word_suffix"), "model.end_of_word_suffix", e);
  read_vocab(r, json_get(model, "vocab"), added, a, e);
  read_merges(r, json_get(model, "merges"), a, e);
  Bpe *b = &r->bytes.bpe;
  b->unknown_text = json_text(json_get(model, "unk_token"), NULL, "model.unk_token", a, e);
  b->fuse_unknown = (uint8_t)json_flag(json_get(model, "fuse_unk"), 0, "model.fuse_unk", e);
  b->ignore_merges = (uint8_t)json_flag(json_get(model, "ignore_merges"), 0, "model.ignore_merges", e);
  if (!e->code) bpe_ready(b);
}

static void read_pre_tokenizer(ByteLevel *b, const Json *v, bert_err *e) {
  v = rules_unwrapped(v, "pretokenizers");
  const Json *type = json_get(v, "type");
  if (!json_is(type, "ByteLevel")) {
    json_refuse(type, "pre_tokenizer.type", "ByteLevel", e);
    return;
  }
  b->add_prefix_space = rules_flag(v, "add_prefix_space", "pre_tokenizer.add_prefix_space", e);
  b->use_regex = (uint8_t)json_flag(json_get(v, "use_regex"), 1, "pre_tokenizer.use_regex", e);
}

void rules_bpe_read(ScanRules *r, const Json *root, Arena *a, bert_err *e) {
  const Json *normalizer = rules_unwrapped(json_get(root, "normalizer"), "normalizers");
  r->kind = SCAN_BYTE_LEVEL;
  if (!is_null(normalizer)) json_refuse(json_get(normalizer, "type"), "normalizer.type", "no normalizer", e);
  read_pre_tokenizer(&r->bytes, json_get(root, "pre_tokenizer"), e);
  read_model(r, json_get(root, "model"), json_get(root, "added_tokens"), a, e);
}

/* ---- vocab.json and merges.txt ----------------------------------------------------------------------------------- */

static void read_merges_txt(ScanRules *r, const char *text, size_t size, Arena *a, bert_err *e) {
  const char *p, *end = text + size, *line;
  size_t n, most = 1;
  for (p = text; p < end; p++) most += (size_t)((*p == '\n') | (*p == '\r'));
  too_many(most, e);
  if (e->code) return;
  Bpe *b = &r->bytes.bpe;
  bpe_init(b, &r->vocabulary, most, a, e);
  p = text;
  while (!e->code && rules_next_line(&p, end, &line, &n))
    if (n) put_line(b, line, n, e);
}

void rules_bpe_files(ScanRules *r, const Json *vocab, const char *merges, size_t size, const TokenizerSettings *s,
                     Arena *a, bert_err *e) {
  if (e->code) return;
  const char *mask = s->mask ? s->mask : "<mask>";
  const char *name[] = {s->bos ? s->bos : "<s>",     s->eos ? s->eos : "</s>", s->unk ? s->unk : "<unk>",
                        s->sep ? s->sep : "</s>",    s->pad ? s->pad : "<pad>", s->cls ? s->cls : "<s>",
                        mask};
  r->kind = SCAN_BYTE_LEVEL;
  r->bytes.add_prefix_space = s->add_prefix_space != 0;
  r->bytes.use_regex = 1;
  read_vocab(r, vocab, NULL, a, e);
  read_merges_txt(r, merges, size, a, e);
  if (e->code) return;
  bpe_ready(&r->bytes.bpe);
  rules_added_specials(r, name, (int)(sizeof name / sizeof *name), s->mask_lstrip ? mask : NULL, a, e);
  if (!e->code) scan_init(r);
}
