/* hfconfig_tokenizer.c -- tokenizer_config.json and special_tokens_map.json.
** Layer: file. Uses: base document.
**
** What a tokenizer.json says itself is not asked for here: this serves models that have a vocab.txt, or vocab.json and
** merges.txt, alone, and the window (model_max_length), which tokenizer.json does not have. */
#include "file/hfconfig.h"

#include <stddef.h>

#include "file/document.h"

/* A window from here on means "none": transformers writes int(1e30). */
#define WINDOW_NONE 1e9

/* "[CLS]" or {"content": "[CLS]", …}; NULL where it is absent. */
static const char *token_of(const Document *d, const char *key, Arena *a, bert_err *e) {
  const Json *v = json_get(d->root, key);
  if (v && v->kind == JSON_OBJECT) return document_text(d, v, "content", NULL, a, e);
  return document_text(d, d->root, key, NULL, a, e);
}

/* As in transformers: special_tokens_map.json goes before tokenizer_config.json, unless that has the tokens' decoder,
** which newer versions write. */
static void read_tokens(const Document *config, const Document *map, TokenizerConfig *out, Arena *a, bert_err *e) {
  const struct {
    const char *key;
    const char **out;
  } TOKENS[] = {{"unk_token", &out->unk},
                {"cls_token", &out->cls},
                {"sep_token", &out->sep},
                {"pad_token", &out->pad},
                {"mask_token", &out->mask},
                {"bos_token", &out->bos},
                {"eos_token", &out->eos}};
  int newer = json_get(config->root, "added_tokens_decoder") != NULL;
  const Document *first = newer ? config : map, *second = newer ? map : config;
  for (size_t i = 0; i < sizeof TOKENS / sizeof *TOKENS; i++) {
    *TOKENS[i].out = token_of(first, TOKENS[i].key, a, e);
    if (!*TOKENS[i].out) *TOKENS[i].out = token_of(second, TOKENS[i].key, a, e);
  }
}

/* "lstrip" of the mask token: of its own entry, or of that among the added tokens. */
static int read_mask_lstrip(const Document *config, const Document *map, const char *mask, bert_err *e) {
  const Json *entry = json_get(config->root, "mask_token");
  if (!entry) entry = json_get(map->root, "mask_token");
  const Json *added = json_get(config->root, "added_tokens_decoder");
  for (const Json *v = json_first(added); v && mask; v = json_next(v))
    if (json_is(json_get(v, "content"), mask)) entry = v;
  return json_flag(json_get(entry, "lstrip"), 0, "mask_token: lstrip", e);
}

/* model_max_length, called max_len in the oldest files. */
static int read_window(const Document *d, bert_err *e) {
  const char *key = json_get(d->root, "model_max_length") ? "model_max_length" : "max_len";
  if (document_number(d, d->root, key, WINDOW_NONE, e) >= WINDOW_NONE) return 0;
  return document_integer(d, d->root, key, 0, 1, (int)WINDOW_NONE, e);
}

void hfconfig_tokenizer(const Folder *in, const char *directory, TokenizerConfig *out, Arena *a, bert_err *e) {
  Document config = {0}, map = {0};
  *out = (TokenizerConfig){.lowercase = 1, .strip_accents = -1, .chinese_characters = 1, .tokenizer_class = "",
                           .trim_offsets = 1};
  document_open(&config, in, directory, "tokenizer_config.json", JSON_OBJECT, 0, e);
  document_open(&map, in, directory, "special_tokens_map.json", JSON_OBJECT, 0, e);
  out->lowercase = document_flag(&config, config.root, "do_lower_case", 1, e);
  out->strip_accents = document_flag(&config, config.root, "strip_accents", -1, e);
  out->chinese_characters = document_flag(&config, config.root, "tokenize_chinese_chars", 1, e);
  out->tokenizer_class = document_text(&config, config.root, "tokenizer_class", "", a, e);
  out->max_tokens = read_window(&config, e);
  out->add_prefix_space = document_flag(&config, config.root, "add_prefix_space", 0, e);
  out->trim_offsets = document_flag(&config, config.root, "trim_offsets", 1, e);
  read_tokens(&config, &map, out, a, e);
  out->mask_lstrip = read_mask_lstrip(&config, &map, out->mask, e);
  document_close(&config);
  document_close(&map);
}
