/* source.c -- see source.h.
** Layer: model. Uses: base file text. */
#include "model/source.h"

#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/json.h"
#include "file/gguf.h"
#include "file/hfconfig_write.h"

enum { TOKENIZER_BYTES_MAX = 64 << 20, CARD_BYTES_MAX = 1 << 20 };

/* A folder that was handed in is a directory, whatever its name. */
static int is_gguf(const Folder *in, const char *path) { return !(in && in->files) && io_exists(NULL, path); }

static void refuse_missing(const char *path, bert_err *e) {
  if (!*path) err_set(e, BERT_ARGUMENT, "the path is empty, wanted a model directory or a .gguf file");
  err_set(e, BERT_IO, "%s: found no such directory, wanted a model directory in the Hugging Face layout, or a .gguf file",
          path);
}

/* card.json, if it is there: whatever its makers say, but an object. */
static void read_card(Model *m, bert_err *e) {
  size_t size = 0;
  const char *path = arena_print(&m->arena, e, "%s/" SOURCE_CARD, m->source);
  if (e->code || !io_exists(&m->folder, path)) return;
  Arena values = {0};
  char *text = io_read_all(&m->folder, path, CARD_BYTES_MAX, &size, e);
  const Json *root = text ? json_parse(text, size, path, &values, e) : NULL;
  if (root && root->kind != JSON_OBJECT) json_refuse(root, path, "an object", e);
  if (!e->code) m->card = arena_copy(&m->arena, text, size, e);
  arena_fini(&values);
  mem_free(text);
}

void source_config(Model *m, bert_err *e) {
  if (e->code) return;
  if (is_gguf(&m->folder, m->source)) {
    Gguf *g = gguf_open(m->source, e);
    if (!g) return;
    gguf_sentence(g, &m->sentence, &m->arena, e);
    gguf_model(g, &m->config, &m->arena, e);
    gguf_close(g);
    if (e->code) return;
    hfconfig_write_model(&m->config, &m->texts, e);
    hfconfig_write_modules(&m->sentence, m->config.hidden, &m->texts, e);
    m->sentence.pooling_directory = arena_print(&m->arena, e, "%s/" HFCONFIG_POOLING, m->source);
    return;
  }
  if (!io_is_directory(&m->folder, m->source)) refuse_missing(m->source, e);
  hfconfig_sentence(&m->folder, m->source, &m->sentence, &m->arena, e);
  hfconfig_model(&m->folder, m->sentence.transformer_directory, &m->config, &m->arena, e);
  read_card(m, e);
}

/* ---- the tokenizer ---------------------------------------------------------------------------------------------- */

/* The path of `file` in the transformer's folder, else in the model's own; NULL if it is in neither. */
static const char *find_file(Model *m, const char *file, bert_err *e) {
  const char *folders[2] = {m->sentence.transformer_directory, m->source};
  for (int i = 0; i < 2 && !e->code; i++) {
    const char *path = arena_print(&m->arena, e, "%s/%s", folders[i], file);
    if (path && io_exists(&m->folder, path)) return path;
  }
  return NULL;
}

static TokenizerSettings settings_of(const TokenizerConfig *c) {
  return (TokenizerSettings){.lowercase = c->lowercase,
                             .strip_accents = c->strip_accents,
                             .chinese_characters = c->chinese_characters,
                             .unk = c->unk,
                             .cls = c->cls,
                             .sep = c->sep,
                             .pad = c->pad,
                             .mask = c->mask,
                             .bos = c->bos,
                             .eos = c->eos,
                             .add_prefix_space = c->add_prefix_space,
                             .keep_spaces = !c->trim_offsets,
                             .mask_lstrip = c->mask_lstrip};
}

/* From vocab.json and merges.txt. */
static Tokenizer *open_bpe(const Folder *in, const char *vocab_path, const char *merges_path, const TokenizerConfig *c,
                           bert_err *e) {
  size_t vocab_size, merges_size;
  char *vocab = io_read_all(in, vocab_path, TOKENIZER_BYTES_MAX, &vocab_size, e);
  char *merges = io_read_all(in, merges_path, TOKENIZER_BYTES_MAX, &merges_size, e);
  TokenizerSettings s = settings_of(c);
  Tokenizer *t = e->code ? NULL : tokenizer_from_bpe(vocab, vocab_size, merges, merges_size, vocab_path, &s, e);
  mem_free(vocab);
  mem_free(merges);
  return t;
}

/* From tokenizer.json, which wins, or vocab.txt. */
static Tokenizer *open_text(const Folder *in, const char *path, int json, const TokenizerConfig *c, bert_err *e) {
  size_t size;
  char *text = io_read_all(in, path, TOKENIZER_BYTES_MAX, &size, e);
  TokenizerSettings s = settings_of(c);
  Tokenizer *t = e->code ? NULL
                 : json  ? tokenizer_from_json(text, size, path, e)
                         : tokenizer_from_vocab(text, size, path, &s, e);
  mem_free(text);
  return t;
}

/* Returns the path that messages name. */
static const char *open_files(Model *m, TokenizerConfig *c, bert_err *e) {
  hfconfig_tokenizer(&m->folder, m->sentence.transformer_directory, c, &m->arena, e);
  const char *json = find_file(m, "tokenizer.json", e);
  const char *vocab = json ? NULL : find_file(m, "vocab.txt", e);
  const char *pieces = json || vocab ? NULL : find_file(m, "vocab.json", e);
  const char *merges = pieces ? find_file(m, "merges.txt", e) : NULL;
  if (e->code) return NULL;
  if (json || vocab) m->tokenizer = open_text(&m->folder, json ? json : vocab, json != NULL, c, e);
  else if (merges) m->tokenizer = open_bpe(&m->folder, pieces, merges, c, e);
  else
    err_set(e, BERT_IO, "%s: found no tokenizer, wanted tokenizer.json, vocab.txt, or vocab.json with merges.txt",
            m->sentence.transformer_directory);
  return json ? json : vocab ? vocab : pieces;
}

static const char *share(Model *m, TokenizerConfig *c, bert_err *e) {
  hfconfig_tokenizer(&m->folder, m->sentence.transformer_directory, c, &m->arena, e);
  if (!e->code) m->tokenizer = tokenizer_ref(m->like->tokenizer);
  return m->source;
}

static const char *open_gguf(Model *m, TokenizerConfig *c, bert_err *e) {
  Gguf *g = gguf_open(m->source, e);
  if (!g) return NULL;
  size_t size = 0;
  gguf_tokenizer(g, c, &m->arena, e);
  char *vocab = gguf_vocabulary(g, &size, e);
  gguf_close(g);
  TokenizerSettings s = settings_of(c);
  if (!e->code) {
    m->tokenizer = tokenizer_from_vocab(vocab, size, m->source, &s, e);
    bundle_put(&m->texts, "vocab.txt", vocab, size, e);
    hfconfig_write_tokenizer(c, &m->texts, e);
  }
  mem_free(vocab);
  return m->source;
}

/* Ids and segments that the tokenizer can give have rows in the model's tables. */
static void check_tables(const Model *m, const char *path, bert_err *e) {
  int ids = tokenizer_vocabulary(m->tokenizer), types = tokenizer_types(m->tokenizer, 0);
  if (ids > m->config.vocabulary)
    err_set(e, BERT_FORMAT, "%s: found token id %d, wanted ids below the vocab_size of %s, %d", path, ids - 1,
            m->config.path, m->config.vocabulary);
  if (m->config.types && types > m->config.types)
    err_set(e, BERT_FORMAT, "%s: found segment %d, wanted segments below the type_vocab_size of %s, %d", path,
            types - 1, m->config.path, m->config.types);
}

/* The special tokens, by the names of tokenizer_config.json or those that the architecture's own tokenizer has. */
static void find_special(Model *m, const TokenizerConfig *c) {
  const char *names[MODEL_SPECIAL] = {c->unk, c->cls, c->sep, c->pad, c->mask};
  for (int i = 0; i < MODEL_SPECIAL; i++)
    m->special[i] = tokenizer_id(m->tokenizer, names[i] ? names[i] : m->arch->special[i]);
}

void source_tokenizer(Model *m, bert_err *e) {
  if (e->code) return;
  TokenizerConfig c;
  const char *path = m->like                              ? share(m, &c, e)
                     : is_gguf(&m->folder, m->source) ? open_gguf(m, &c, e)
                                                      : open_files(m, &c, e);
  if (e->code) return;
  if (m->sentence.lowercase && !m->like) tokenizer_lowercase(m->tokenizer);
  check_tables(m, path, e);
  m->max_tokens = c.max_tokens;
  find_special(m, &c);
}

bert_stamp source_stamp(const char *path, const char *options_json, bert_err *e) {
  bert_stamp s = {0};
  if (e->code) return s;
  s.a = is_gguf(NULL, path) ? io_stamp(path) : io_stamp_directory(path);
  s.b = options_json ? hash_bytes(options_json, strlen(options_json), 1) : 0;
  if (!s.a) refuse_missing(path, e);
  return s;
}
