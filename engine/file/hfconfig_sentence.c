/* hfconfig_sentence.c -- what sentence-transformers puts around an encoder.
** Layer: file. Uses: base document.
**
**    modules.json    [{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}, …]
**                    Transformer, Pooling, then Dense and Normalize as the model has them
**    each module     its folder's config.json; the Transformer's is sentence_bert_config.json
**    config_sentence_transformers.json    prompts
**
** Modules run in the order of the list, as sentence-transformers has it (it never reads idx). Types are known by their
** last name: version 5.4 moved them ("sentence_transformers.base.modules.dense.Dense"). A module that is not known, or
** whose settings would compute what we do not, is refused: a vector that is almost right is worse than none. */
#include "file/hfconfig.h"

#include <string.h>

#include "file/document.h"

enum {
  MODULES_MAX = 64,
  PROMPTS_MAX = 1000,
  FOLDER_MAX = 255,    /* bytes of a module's path */
  DENSE_MAX = 1 << 16, /* numbers in a vector */
  WINDOW_MAX = 1 << 20 /* tokens */
};

typedef struct {
  const Folder *in;
  const char *directory;
  SentenceConfig *out;
  Arena *arena;
  bert_err *e;
} Reader;

/* ---- folders -------------------------------------------------------------------------------------------------- */

/* 1 if joining `path` to a directory stays inside it. */
static int stays_inside(const char *path) {
  if (*path == '/' || strchr(path, '\\') || strlen(path) > FOLDER_MAX) return 0;
  for (const char *p = path; *p;) {
    size_t n = strcspn(p, "/");
    if (n == 2 && p[0] == '.' && p[1] == '.') return 0;
    p += n + (p[n] == '/');
  }
  return 1;
}

/* The folder of a module in modules.json. */
static const char *folder_of(Reader *r, const Document *d, const Json *module) {
  const char *path = document_text(d, module, "path", "", r->arena, r->e);
  if (r->e->code) return "";
  if (!*path) return r->directory;
  if (!stays_inside(path))
    document_refuse(d, "path", json_get(module, "path"), "a folder inside the model's directory", r->e);
  return arena_print(r->arena, r->e, "%s/%s", r->directory, path);
}

/* ---- modules -------------------------------------------------------------------------------------------------- */

/* The oldest versions named the file after the encoder; the first that says something counts. */
static void read_transformer(Reader *r, const char *folder) {
  static const char *const NAMES[] = {
      "sentence_bert_config.json",      "sentence_roberta_config.json", "sentence_distilbert_config.json",
      "sentence_camembert_config.json", "sentence_albert_config.json",  "sentence_xlm-roberta_config.json",
      "sentence_xlnet_config.json"};
  int done = 0;
  r->out->transformer_directory = folder;
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && !done && !r->e->code; i++) {
    Document d;
    document_open(&d, r->in, folder, NAMES[i], JSON_OBJECT, 0, r->e);
    done = d.root && d.root->size > 0;
    /* Settings of the tokenizer go before max_seq_length. */
    const Json *tokenizer = json_get(d.root, "processor_kwargs");
    if (!tokenizer) tokenizer = json_get(d.root, "tokenizer_args");
    int window = document_integer(&d, d.root, "max_seq_length", 0, 1, WINDOW_MAX, r->e);
    r->out->max_tokens = document_integer(&d, tokenizer, "model_max_length", window, 1, WINDOW_MAX, r->e);
    r->out->lowercase = document_flag(&d, d.root, "do_lower_case", 0, r->e);
    document_close(&d);
  }
}

/* In the order in which sentence-transformers joins them where they are flags; a list of names has its own order. */
const HfPooling HFCONFIG_POOLINGS[POOL_COUNT] = {
    {"pooling_mode_cls_token", "cls", POOL_CLS},
    {"pooling_mode_max_tokens", "max", POOL_MAX},
    {"pooling_mode_mean_tokens", "mean", POOL_MEAN},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", POOL_MEAN_SQRT_LEN},
    {"pooling_mode_weightedmean_tokens", "weightedmean", POOL_WEIGHTED_MEAN},
    {"pooling_mode_lasttoken", "lasttoken", POOL_LAST_TOKEN},
};

static void add_pooling(SentenceConfig *c, int bit) {
  c->pooling |= bit;
  c->pooling_order[c->pooling_count++] = bit;
}

/* "pooling_mode": a name, or one of a list of names. */
static void add_named_pooling(SentenceConfig *c, const Document *d, const Json *mode, bert_err *e) {
  int i = 0;
  while (i < POOL_COUNT && !json_is(mode, HFCONFIG_POOLINGS[i].mode)) i++;
  if (i == POOL_COUNT)
    document_refuse(d, "pooling_mode", mode, "cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken", e);
  else if (c->pooling & HFCONFIG_POOLINGS[i].bit)
    document_refuse(d, "pooling_mode", mode, "each mode once", e);
  else
    add_pooling(c, HFCONFIG_POOLINGS[i].bit);
}

static void add_flagged_pooling(SentenceConfig *c, const Document *d, bert_err *e) {
  for (int i = 0; i < POOL_COUNT; i++)
    if (document_flag(d, d->root, HFCONFIG_POOLINGS[i].flag, 0, e)) add_pooling(c, HFCONFIG_POOLINGS[i].bit);
  if (!c->pooling) add_pooling(c, POOL_MEAN);
}

static void read_pooling(Reader *r, const char *folder) {
  Document d;
  document_open(&d, r->in, folder, "config.json", JSON_OBJECT, 1, r->e);
  SentenceConfig *c = r->out;
  c->pooling_directory = folder;
  const Json *mode = json_get(d.root, "pooling_mode");
  c->pooling = c->pooling_count = 0;
  if (!mode || mode->kind == JSON_NULL) {
    add_flagged_pooling(c, &d, r->e);
  } else if (mode->kind != JSON_ARRAY) {
    add_named_pooling(c, &d, mode, r->e);
  } else {
    for (const Json *v = json_first(mode); v && !r->e->code; v = json_next(v)) add_named_pooling(c, &d, v, r->e);
    if (!c->pooling) document_refuse(&d, "pooling_mode", mode, "at least one mode", r->e);
  }
  c->include_prompt = document_flag(&d, d.root, "include_prompt", 1, r->e);
  document_close(&d);
}

/* A module that works on something else than the sentence's vector is not one that we compute. */
static void want_sentence_vector(const Document *d, bert_err *e) {
  static const char *const KEYS[] = {"module_input_name", "module_output_name"};
  for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
    const Json *v = json_get(d->root, KEYS[i]);
    if (v && v->kind != JSON_NULL && !json_is(v, "sentence_embedding"))
      document_refuse(d, KEYS[i], v, "sentence_embedding", e);
  }
}

/* "torch.nn.modules.activation.Tanh" and "torch.nn.Tanh" are the same. */
static Activation dense_activation(const Document *d, Arena *a, bert_err *e) {
  static const struct {
    const char *name;
    Activation activation;
  } KNOWN[] = {{"Tanh", ACTIVATION_TANH},
               {"Identity", ACTIVATION_IDENTITY},
               {"GELU", ACTIVATION_GELU},
               {"ReLU", ACTIVATION_RELU}};
  const char *name = document_text(d, d->root, "activation_function", "torch.nn.Tanh", a, e);
  const char *last = strrchr(name, '.');
  for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
    if (!strncmp(name, "torch.nn.", 9) && !strcmp(last + 1, KNOWN[i].name)) return KNOWN[i].activation;
  document_refuse(d, "activation_function", json_get(d->root, "activation_function"),
                  "torch.nn's Tanh, Identity, GELU or ReLU", e);
  return ACTIVATION_TANH;
}

static void read_dense(Reader *r, const char *folder) {
  Document d;
  document_open(&d, r->in, folder, "config.json", JSON_OBJECT, 1, r->e);
  DenseConfig dense = {.directory = folder};
  dense.in = document_integer(&d, d.root, "in_features", 0, 1, DENSE_MAX, r->e);
  dense.out = document_integer(&d, d.root, "out_features", 0, 1, DENSE_MAX, r->e);
  dense.bias = document_flag(&d, d.root, "bias", 1, r->e);
  if (!dense.in) document_refuse(&d, "in_features", NULL, "an integer", r->e);
  if (!dense.out) document_refuse(&d, "out_features", NULL, "an integer", r->e);
  dense.activation = dense_activation(&d, r->arena, r->e);
  if (document_flag(&d, d.root, "use_residual", 0, r->e))
    document_refuse(&d, "use_residual", json_get(d.root, "use_residual"), "false", r->e);
  want_sentence_vector(&d, r->e);
  document_close(&d);
  if (!r->e->code) r->out->dense[r->out->dense_count++] = dense;
}

/* Its folder may be empty, or not be there at all. */
static void read_normalize(Reader *r, const char *folder) {
  Document d;
  document_open(&d, r->in, folder, "config.json", JSON_OBJECT, 0, r->e);
  want_sentence_vector(&d, r->e);
  document_close(&d);
  r->out->normalize = 1;
}

/* Nothing happens there outside of training. */
static void read_dropout(Reader *r, const char *folder) { (void)r, (void)folder; }

enum { TRANSFORMER, POOLING, DENSE, NORMALIZE, DROPOUT };
static const struct {
  const char *name;
  void (*read)(Reader *r, const char *folder);
} MODULES[] = {
    [TRANSFORMER] = {"Transformer", read_transformer}, [POOLING] = {"Pooling", read_pooling},
    [DENSE] = {"Dense", read_dense},                   [NORMALIZE] = {"Normalize", read_normalize},
    [DROPOUT] = {"Dropout", read_dropout},
};
enum { MODULE_COUNT = sizeof MODULES / sizeof *MODULES };

/* The MODULES row of a module's type; -1 where there is none. */
static int module_kind(const Document *d, const Json *module, Arena *a, bert_err *e) {
  const char *type = document_text(d, module, "type", "", a, e), *last = strrchr(type, '.');
  for (int i = 0; i < MODULE_COUNT && !e->code; i++)
    if (!strncmp(type, "sentence_transformers.", 22) && !strcmp(last + 1, MODULES[i].name)) return i;
  document_refuse(d, "type", json_get(module, "type"),
                  "sentence_transformers' Transformer, Pooling, Dense, Normalize or Dropout", e);
  return -1;
}

/* 1 if a module of this kind may stand at place `at`: Transformer, Pooling, then the others, and nothing changes a
** vector once it is normalized. */
static int in_order(const SentenceConfig *c, int at, int kind) {
  if (at == 0 || kind == TRANSFORMER) return at == 0 && kind == TRANSFORMER;
  if (at == 1 || kind == POOLING) return at == 1 && kind == POOLING;
  return kind == DROPOUT || !c->normalize;
}

/* Since version 5.4 a CrossEncoder has modules too: a Transformer, whose head gives the scores. */
static void read_cross_encoder(Reader *r) {
  Document d;
  document_open(&d, r->in, r->directory, "config_sentence_transformers.json", JSON_OBJECT, 0, r->e);
  r->out->cross_encoder = json_is(json_get(d.root, "model_type"), "CrossEncoder");
  document_close(&d);
}

static void read_modules(Reader *r) {
  Document d;
  document_open(&d, r->in, r->directory, "modules.json", JSON_ARRAY, 0, r->e);
  if (d.root) read_cross_encoder(r);
  uint32_t n = d.root ? d.root->size : 0, least = r->out->cross_encoder ? 1 : 2;
  if (d.root && (n < least || n > MODULES_MAX))
    err_set(r->e, BERT_FORMAT, "%s: found %u modules, wanted a Transformer, a Pooling, and at most %d in all", d.path,
            n, MODULES_MAX);
  if (d.root && !r->e->code) {
    r->out->present = 1;
    r->out->dense = arena_push(r->arena, n, sizeof *r->out->dense, r->e);
  }
  int at = 0;
  for (const Json *v = json_first(d.root); v && !r->e->code; v = json_next(v), at++) {
    int kind = module_kind(&d, v, r->arena, r->e);
    const char *folder = folder_of(r, &d, v);
    if (!r->e->code && !in_order(r->out, at, kind))
      document_refuse(&d, "type", json_get(v, "type"), "Transformer, Pooling, any Dense, one Normalize, in this order",
                      r->e);
    if (!r->e->code) MODULES[kind].read(r, folder);
  }
  document_close(&d);
}

/* ---- prompts -------------------------------------------------------------------------------------------------- */

/* Sets the text of a name, which may be there already. */
static void set_prompt(SentenceConfig *c, const char *name, const char *text) {
  int i = 0;
  while (i < c->prompt_count && strcmp(c->prompt_name[i], name)) i++;
  c->prompt_name[i] = name;
  c->prompt_text[i] = text;
  if (i == c->prompt_count) c->prompt_count++;
}

static void read_default_prompt(Reader *r, const Document *d) {
  SentenceConfig *c = r->out;
  const char *name = document_text(d, d->root, "default_prompt_name", NULL, r->arena, r->e);
  for (int i = 0; name && i < c->prompt_count; i++)
    if (!strcmp(c->prompt_name[i], name)) c->default_prompt = c->prompt_name[i];
  if (name && !c->default_prompt)
    document_refuse(d, "default_prompt_name", json_get(d->root, "default_prompt_name"), "the name of a prompt", r->e);
}

/* "query" and "document" name the empty prompt where the model has no others: sentence-transformers has it so, and a
** query that asks for them then works with every model. */
static void read_prompts(Reader *r) {
  Document d = {0};
  if (r->out->present) document_open(&d, r->in, r->directory, "config_sentence_transformers.json", JSON_OBJECT, 0, r->e);
  const Json *prompts = json_get(d.root, "prompts");
  if (prompts && prompts->kind != JSON_OBJECT && prompts->kind != JSON_NULL)
    document_refuse(&d, "prompts", prompts, "an object of texts", r->e);
  uint32_t n = json_first(prompts) ? prompts->size : 0;
  if (n > PROMPTS_MAX) err_set(r->e, BERT_FORMAT, "%s: prompts: found %u, wanted at most %d", d.path, n, PROMPTS_MAX);
  r->out->prompt_name = arena_push(r->arena, (size_t)n + 2, sizeof *r->out->prompt_name, r->e);
  r->out->prompt_text = arena_push(r->arena, (size_t)n + 2, sizeof *r->out->prompt_text, r->e);
  if (!r->e->code) {
    set_prompt(r->out, "query", "");
    set_prompt(r->out, "document", "");
  }
  for (const Json *v = json_first(prompts); v && !r->e->code; v = json_next(v)) {
    const char *name = json_text(json_key(v), "", "prompts", r->arena, r->e);
    const char *text = json_text(v, "", "prompts", r->arena, r->e);
    if (!r->e->code) set_prompt(r->out, name, text);
    err_within(r->e, "%s", d.path);
  }
  read_default_prompt(r, &d);
  const Json *cut = json_get(d.root, "truncate_dim");
  if (cut && cut->kind != JSON_NULL) document_refuse(&d, "truncate_dim", cut, "null: vectors of full length", r->e);
  document_close(&d);
}

void hfconfig_sentence(const Folder *in, const char *directory, SentenceConfig *out, Arena *a, bert_err *e) {
  *out = (SentenceConfig){.include_prompt = 1};
  add_pooling(out, POOL_MEAN);
  if (e->code) return;
  Reader r = {.in = in, .directory = arena_copy(a, directory, strlen(directory), e), .out = out, .arena = a, .e = e};
  out->transformer_directory = r.directory;
  if (r.directory) read_modules(&r);
  read_prompts(&r);
}
