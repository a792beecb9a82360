/* tokenizer.c -- see tokenizer.h.
** Layer: text. Uses: base.
**
** A Tokenizer is ScanRules (text to tokens) and Templates (what stands around them), all in one arena. */
#include "text/tokenizer.h"

#include <stdatomic.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "text/rules.h"
#include "text/rules_bpe.h"
#include "text/scan.h"
#include "text/template.h"

struct Tokenizer {
  atomic_int owners;
  Arena arena;
  ScanRules rules;
  Templates templates;
  uint64_t hash;
};

/* ---- making one -------------------------------------------------------------------------------------------------- */

static uint64_t hash_text(const char *text, uint64_t seed) { return hash_bytes(text, strlen(text), seed); }

static uint64_t hash_numbers(uint64_t seed, const int64_t *n, size_t count) {
  return hash_bytes(n, count * sizeof *n, seed);
}

static uint64_t hash_template(const Template *t, uint64_t h) {
  for (int i = 0; i < t->count; i++)
    h = hash_numbers(h, (int64_t[]){t->part[i].sequence, t->part[i].id, t->part[i].type}, 3);
  return hash_numbers(h, (int64_t[]){t->count}, 1);
}

static uint64_t hash_wordpiece(const ScanRules *r, uint64_t h) {
  const WordPiece *w = &r->words.wordpiece;
  const Normalizer *n = &r->normalizer;
  h = hash_text(w->unknown_text, hash_text(w->prefix, h));
  return hash_numbers(h, (int64_t[]){w->max_chars, w->unknown, n->clean, n->chinese, n->strip, n->lower}, 6);
}

static uint64_t hash_bpe(const ScanRules *r, uint64_t h) {
  const ByteLevel *l = &r->bytes;
  const Bpe *b = &l->bpe;
  for (uint32_t i = 0; i < b->count; i++) {
    const BpeMerge *m = &b->merge[i];
    h = pieces_mix(h ^ ((uint64_t)m->left << 32 | (uint32_t)m->right), (uint64_t)m->id);
  }
  if (b->unknown_text) h = hash_text(b->unknown_text, h);
  return hash_numbers(h, (int64_t[]){b->unknown_text != NULL, b->fuse_unknown, b->ignore_merges, l->add_prefix_space,
                                     l->use_regex, r->normalizer.lower}, 6);
}

static uint64_t hash_tokenizer(const Tokenizer *t) {
  const ScanRules *r = &t->rules;
  const Vocabulary *v = &r->vocabulary;
  uint64_t h = hash_bytes(v->text, v->text_size, 1);
  for (int id = 0; id < v->size; id++) h = h * 31 + v->at[id];
  h = r->kind == SCAN_BYTE_LEVEL ? hash_bpe(r, h) : hash_wordpiece(r, h);
  for (int i = 0; i < r->token_count; i++) {
    const AddedToken *a = &r->token[i];
    h = hash_bytes(a->content, a->size, h);
    h = hash_numbers(h, (int64_t[]){a->id, a->single_word, a->lstrip, a->rstrip, a->normalized}, 5);
  }
  if (r->blank) h = hash_numbers(h, (int64_t[]){r->trim_prefixed}, 1);
  return hash_template(&t->templates.of[1], hash_template(&t->templates.of[0], h));
}

static Tokenizer *new_tokenizer(bert_err *e) {
  Tokenizer *t = mem_new(1, sizeof *t, e);
  if (t) atomic_init(&t->owners, 1);
  return t;
}

/* What all ways of making one end with. */
static Tokenizer *finish(Tokenizer *t, const char *name, bert_err *e) {
  if (!e->code && t->templates.trim_offsets) scan_trim(&t->rules, t->templates.add_prefix_space, &t->arena, e);
  if (e->code) {
    if (e->code != BERT_NOMEM) err_within(e, "%s", name);
    tokenizer_free(t);
    return NULL;
  }
  t->hash = hash_tokenizer(t);
  return t;
}

Tokenizer *tokenizer_from_json(const char *text, size_t size, const char *name, bert_err *e) {
  Arena values = {0};
  const Json *root = json_parse(text, size, name, &values, e);
  Tokenizer *t = new_tokenizer(e);
  if (!t) {
    arena_fini(&values);
    return NULL;
  }
  rules_from_json(&t->rules, root, &t->arena, e);
  template_read(&t->templates, json_get(root, "post_processor"), &t->arena, e);
  arena_fini(&values);
  return finish(t, name, e);
}

/* The id of a special token that the template needs. */
static int32_t needed(const Tokenizer *t, const char *name, const char *standard, bert_err *e) {
  if (!name) name = standard;
  int32_t id = e->code ? -1 : tokenizer_id(t, name);
  if (id < 0) err_set(e, BERT_FORMAT, "has no piece \"%s\"", name);
  return id;
}

Tokenizer *tokenizer_from_vocab(const char *text, size_t size, const char *name, const TokenizerSettings *s,
                                bert_err *e) {
  Tokenizer *t = new_tokenizer(e);
  if (!t) return NULL;
  rules_from_vocab(&t->rules, text, size, s, &t->arena, e);
  int32_t cls = needed(t, s->cls, "[CLS]", e), sep = needed(t, s->sep, "[SEP]", e);
  template_bert(&t->templates, cls, sep, &t->arena, e);
  return finish(t, name, e);
}

Tokenizer *tokenizer_from_bpe(const char *vocab, size_t vocab_size, const char *merges, size_t merges_size,
                              const char *name, const TokenizerSettings *s, bert_err *e) {
  Arena values = {0};
  const Json *pieces = json_parse(vocab, vocab_size, name, &values, e);
  Tokenizer *t = new_tokenizer(e);
  if (!t) {
    arena_fini(&values);
    return NULL;
  }
  rules_bpe_files(&t->rules, pieces, merges, merges_size, s, &t->arena, e);
  arena_fini(&values);
  int32_t cls = needed(t, s->cls, "<s>", e), sep = needed(t, s->sep, "</s>", e);
  template_roberta(&t->templates, cls, sep, &t->arena, e);
  t->templates.trim_offsets = !s->keep_spaces;
  t->templates.add_prefix_space = s->add_prefix_space != 0;
  return finish(t, name, e);
}

Tokenizer *tokenizer_ref(Tokenizer *t) {
  atomic_fetch_add(&t->owners, 1);
  return t;
}

void tokenizer_free(Tokenizer *t) {
  if (!t || atomic_fetch_sub(&t->owners, 1) > 1) return;
  arena_fini(&t->arena);
  mem_free(t);
}

void tokenizer_lowercase(Tokenizer *t) {
  t->rules.normalizer.lower = 1;
  t->hash = hash_tokenizer(t);
}

/* ---- asking it --------------------------------------------------------------------------------------------------- */

/* The template's ids need not be in the vocabulary. */
int tokenizer_vocabulary(const Tokenizer *t) {
  int ids = t->rules.vocabulary.size;
  for (int pair = 0; pair < 2; pair++) {
    const Template *template = &t->templates.of[pair];
    for (int i = 0; i < template->count; i++)
      if (template->part[i].sequence == TEMPLATE_TOKEN && template->part[i].id >= ids) ids = template->part[i].id + 1;
  }
  return ids;
}

int tokenizer_types(const Tokenizer *t, int pair) {
  const Template *template = &t->templates.of[pair != 0];
  int types = 0;
  for (int i = 0; i < template->count; i++)
    if (template->part[i].type >= types) types = template->part[i].type + 1;
  return types;
}

const char *tokenizer_piece(const Tokenizer *t, int32_t id) { return vocabulary_piece(&t->rules.vocabulary, id); }

int32_t tokenizer_id(const Tokenizer *t, const char *piece) {
  size_t n = strlen(piece);
  int32_t added = n && t->rules.token_count ? pieces_find(&t->rules.contents, piece, n) : -1;
  return added >= 0 ? t->rules.token[added].id : vocabulary_id(&t->rules.vocabulary, piece, n);
}

const uint16_t *tokenizer_byte_characters(const Tokenizer *t) {
  return t->rules.kind == SCAN_BYTE_LEVEL ? t->rules.bytes.bpe.character : NULL;
}

int tokenizer_special_count(const Tokenizer *t, int pair) { return t->templates.of[pair != 0].tokens; }

int64_t tokenizer_bytes(const Tokenizer *t) { return (int64_t)(t->arena.held + sizeof *t); }

uint64_t tokenizer_hash(const Tokenizer *t) { return t->hash; }

/* ---- using it ---------------------------------------------------------------------------------------------------- */

struct TokenizerScratch {
  Scan scan;
  size_t room; /* of what follows */
  int32_t *ids, *start, *end;
  uint8_t *types, *special, *whole;
};

TokenizerScratch *tokenizer_scratch_new(bert_err *e) { return mem_new(1, sizeof(TokenizerScratch), e); }

void tokenizer_scratch_free(TokenizerScratch *s) {
  if (!s) return;
  scan_fini(&s->scan);
  mem_free(s->ids);
  mem_free(s->start);
  mem_free(s->end);
  mem_free(s->types);
  mem_free(s->special);
  mem_free(s->whole);
  mem_free(s);
}

/* Each array for itself: one that has grown stays grown when the next cannot. */
static void grow(TokenizerScratch *s, size_t n, bert_err *e) {
  if (n <= s->room) return;
  size_t room = s->room * 2 > n ? s->room * 2 : n;
  int32_t **wide[] = {&s->ids, &s->start, &s->end};
  uint8_t **narrow[] = {&s->types, &s->special, &s->whole};
  for (int i = 0; i < 3; i++) {
    int32_t *p = mem_grow(*wide[i], room, sizeof *p, e);
    if (p) *wide[i] = p;
    uint8_t *q = mem_grow(*narrow[i], room, 1, e);
    if (q) *narrow[i] = q;
  }
  if (!e->code) s->room = room;
}

static void copy_tokens(TokenizerScratch *s, int at, size_t from, size_t n, int type, int offsets) {
  const TokenList *t = &s->scan.tokens;
  if (!n) return;
  memcpy(s->ids + at, t->ids + from, n * sizeof *s->ids);
  memset(s->types + at, type, n);
  memset(s->special + at, 0, n);
  if (!offsets) return;
  memcpy(s->start + at, t->start + from, n * sizeof *s->start);
  memcpy(s->end + at, t->end + from, n * sizeof *s->end);
  memcpy(s->whole + at, t->whole + from, n);
}

static void put_special(TokenizerScratch *s, int at, const TemplatePart *p) {
  s->ids[at] = p->id;
  s->types[at] = p->type;
  s->special[at] = 1;
  s->start[at] = s->end[at] = 0;
  s->whole[at] = 0;
}

/* Texts of n[] tokens, which begin at begin[], with the template around them. */
static void assemble(const Template *t, TokenizerScratch *s, const size_t *begin, const int64_t *n, int offsets,
                     Encoding *out, bert_err *e) {
  int64_t total = t->tokens + t->uses[0] * n[0] + t->uses[1] * n[1];
  if (total > INT32_MAX) err_set(e, BERT_ARGUMENT, "%lld tokens, at most %d are taken", (long long)total, INT32_MAX);
  else grow(s, (size_t)total, e);
  if (e->code) return;
  int at = 0;
  for (int i = 0; i < t->count; i++) {
    const TemplatePart *p = &t->part[i];
    if (p->sequence == TEMPLATE_TOKEN) {
      put_special(s, at++, p);
    } else {
      copy_tokens(s, at, begin[p->sequence], (size_t)n[p->sequence], p->type, offsets);
      at += (int)n[p->sequence];
    }
  }
  *out = (Encoding){.n = at, .ids = s->ids, .types = s->types, .special = s->special};
  if (offsets) out->start = s->start, out->end = s->end, out->whole = s->whole;
}

void tokenizer_encode(const Tokenizer *t, TokenizerScratch *s, bert_text a, const bert_text *b, int max_tokens,
                      int offsets, Encoding *out, bert_err *e) {
  *out = (Encoding){0};
  const Template *around = &t->templates.of[b != NULL];
  if (max_tokens && max_tokens < around->tokens)
    err_set(e, BERT_ARGUMENT, "max_tokens is %d, and the special tokens alone are %d", max_tokens, around->tokens);
  if (e->code) return;
  size_t keep = max_tokens ? (size_t)max_tokens : SIZE_MAX, begin[2] = {0, 0};
  int64_t n[2] = {0, 0};
  s->scan.tokens.n = 0;
  for (int i = 0; i < (b ? 2 : 1); i++) {
    begin[i] = s->scan.tokens.n;
    n[i] = scan_text(&t->rules, &s->scan, i ? *b : a, offsets, keep, e);
  }
  if (e->code) return;
  int64_t total = around->tokens + around->uses[0] * n[0] + around->uses[1] * n[1];
  if (max_tokens) template_cut(n, b ? 2 : 1, max_tokens - around->tokens);
  assemble(around, s, begin, n, offsets, out, e);
  out->total = total;
}

int64_t tokenizer_count(const Tokenizer *t, TokenizerScratch *s, bert_text a, bert_err *e) {
  const Template *around = &t->templates.of[0];
  s->scan.tokens.n = 0;
  int64_t total = scan_text(&t->rules, &s->scan, a, 0, 0, e);
  return e->code ? 0 : around->tokens + around->uses[0] * total;
}
