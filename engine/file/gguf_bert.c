/* gguf_bert.c -- a BERT model out of a GGUF file: names, configuration, vocabulary. See gguf.h.
** Layer: file. Uses: base cursor gguf.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file/cursor.h"
#include "file/gguf.h"

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* The header, whose length only reading it can tell: as much as is there of 1 MiB, then of twice as much, until it
** ends. */
static unsigned char *read_header(const File *f, const char *path, size_t *size, bert_err *e) {
  size_t most = f->size < GGUF_HEADER_MAX ? (size_t)f->size : GGUF_HEADER_MAX, n = 1 << 20;
  unsigned char *bytes = NULL;
  for (*size = 0; !*size && !e->code; n *= 2) {
    n = n < most ? n : most;
    unsigned char *grown = mem_grow(bytes, n, 1, e);
    if (grown) bytes = grown;
    io_read(f, path, 0, bytes, n, e);
    if (!e->code) *size = gguf_measure(bytes, n, path, e);
    if (n == most && !*size)
      err_set(e, BERT_FORMAT, "%s: found no end of the header in %zu bytes: truncated?", path, n);
  }
  if (!e->code) return bytes;
  mem_free(bytes);
  return NULL;
}

/* What the rest of this file knows nothing of. */
static void refuse_others(Gguf *g, bert_err *e) {
  static const char ONLY[] = "bert";
  if (e->code) return;
  const char *architecture = gguf_text(g, "general.architecture", "", &g->arena, e);
  if (!e->code && strcmp(architecture, ONLY))
    err_set(e, BERT_FORMAT, "general.architecture: found \"%s\", wanted %s", architecture, ONLY);
  if (gguf_integer(g, "split.count", 1, 0, UINT16_MAX, e) > 1)
    err_set(e, BERT_FORMAT, "split.count: found a model in several files, wanted one");
  err_within(e, "%s", g->path);
}

static void open_over(Gguf *g, const File *f, const char *path, int file, bert_err *e) {
  size_t size = 0;
  g->header = read_header(f, path, &size, e);
  gguf_read(g, g->header, size, f->size, path, file, e);
  refuse_others(g, e);
}

static void close_over(Gguf *g) {
  mem_free(g->header);
  arena_fini(&g->arena);
}

Gguf *gguf_open(const char *path, bert_err *e) {
  Gguf *g = mem_new(1, sizeof *g, e);
  if (!g) return NULL;
  File f = io_open(NULL, path, e);
  open_over(g, &f, arena_copy(&g->arena, path, strlen(path), e), 0, e);
  io_close(&f);
  if (!e->code) return g;
  gguf_close(g);
  return NULL;
}

void gguf_close(Gguf *g) {
  if (!g) return;
  close_over(g);
  mem_free(g);
}

/* ---- tensors --------------------------------------------------------------------------------------------------- */

/* llama.cpp's names and BertModel's, without ".weight" and ".bias". */
typedef struct {
  const char *theirs, *ours;
} Name;

static const Name MODEL_NAMES[] = {
    {"token_embd", "embeddings.word_embeddings"},
    {"position_embd", "embeddings.position_embeddings"},
    {"token_types", "embeddings.token_type_embeddings"},
    {"token_embd_norm", "embeddings.LayerNorm"},
    {"cls", "pooler.dense"},
    {"cls.output", "classifier"},
};

static const Name LAYER_NAMES[] = {
    {"attn_q", "attention.self.query"},
    {"attn_k", "attention.self.key"},
    {"attn_v", "attention.self.value"},
    {"attn_output", "attention.output.dense"},
    {"attn_output_norm", "attention.output.LayerNorm"},
    {"ffn_up", "intermediate.dense"},
    {"ffn_down", "output.dense"},
    {"layer_output_norm", "output.LayerNorm"},
};

/* The three that a fused matrix holds, one above the other. */
static const char FUSED[] = "attn_qkv";
static const char *const PARTS[3] = {"attention.self.query", "attention.self.key", "attention.self.value"};

/* What ours says for name[0..n) in a table, or NULL. */
static const char *renamed(const Name *table, size_t rows, const char *name, size_t n) {
  for (size_t i = 0; i < rows; i++)
    if (strlen(table[i].theirs) == n && !memcmp(table[i].theirs, name, n)) return table[i].ours;
  return NULL;
}

/* "blk.7.attn_q.weight" in parts: layer 7 (-1 where it is none), name "attn_q", suffix ".weight". */
typedef struct {
  int layer;
  const char *name, *suffix;
  size_t size; /* of the name */
} Parts;

static Parts parts_of(const char *name) {
  static const char BLOCK[] = "blk.";
  Parts p = {.layer = -1, .name = name};
  size_t begin = sizeof BLOCK - 1, digits = 0;
  if (!strncmp(name, BLOCK, begin)) digits = strspn(name + begin, "0123456789");
  if (digits > 0 && digits < 6 && name[begin + digits] == '.') {
    p.layer = (int)strtol(name + begin, NULL, 10);
    p.name = name + begin + digits + 1;
  }
  p.suffix = strrchr(p.name, '.');
  if (!p.suffix) p.suffix = p.name + strlen(p.name);
  p.size = (size_t)(p.suffix - p.name);
  return p;
}

/* Query, key or value out of a fused matrix or bias: a third of its rows. */
static void take_part(Tensor *t, int part, bert_err *e) {
  if (!t->rank || t->shape[0] % 3 || t->bytes % 3) {
    err_set(e, BERT_FORMAT, "%s: %s: found it in an odd shape, wanted query, key and value", t->path, t->name);
    return;
  }
  t->shape[0] /= 3;
  t->count /= 3;
  t->bytes /= 3;
  t->offset += t->bytes * (uint64_t)part;
}

static int is_fused(const Parts *p) {
  return p->layer >= 0 && p->size == sizeof FUSED - 1 && !memcmp(p->name, FUSED, p->size);
}

/* One of theirs as one or three of ours, from out on; returns how many. */
static int offer(Tensor *out, const Tensor *t, Arena *a, bert_err *e) {
  Parts p = parts_of(t->name);
  int n = is_fused(&p) ? 3 : 1;
  for (int i = 0; i < n && !e->code; i++) {
    const char *ours = n == 3         ? PARTS[i]
                       : p.layer >= 0 ? renamed(LAYER_NAMES, sizeof LAYER_NAMES / sizeof *LAYER_NAMES, p.name, p.size)
                                      : renamed(MODEL_NAMES, sizeof MODEL_NAMES / sizeof *MODEL_NAMES, p.name, p.size);
    out[i] = *t;
    if (n == 3) take_part(&out[i], i, e);
    if (!ours) out[i].name = arena_copy(a, t->name, strlen(t->name), e);
    else if (p.layer >= 0) out[i].name = arena_print(a, e, "encoder.layer.%d.%s%s", p.layer, ours, p.suffix);
    else out[i].name = arena_print(a, e, "%s%s", ours, p.suffix);
    out[i].dtype_name = arena_copy(a, t->dtype_name, strlen(t->dtype_name), e);
  }
  return n;
}

Tensor *gguf_parse(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e) {
  Gguf g = {0};
  int n = 0;
  open_over(&g, f, path, file, e);
  Tensor *out = arena_push(a, (size_t)g.tensors * 3, sizeof *out, e);
  for (int i = 0; i < g.tensors && !e->code; i++) n += offer(out + n, &g.tensor[i], a, e);
  close_over(&g);
  *count = e->code ? 0 : n;
  return e->code ? NULL : out;
}

/* ---- configuration --------------------------------------------------------------------------------------------- */

static const Tensor *tensor_of(const Gguf *g, const char *name) {
  for (int i = 0; i < g->tensors; i++)
    if (!strcmp(g->tensor[i].name, name)) return &g->tensor[i];
  return NULL;
}

/* Rows of a matrix, which the file's keys do not say or say otherwise; 0 where there is none. */
static int rows_of(const Gguf *g, const char *name, int most, int required, bert_err *e) {
  const Tensor *t = tensor_of(g, name);
  if (!t && required) err_set(e, BERT_FORMAT, "found no tensor %s among %d, wanted it", name, g->tensors);
  if (t && (t->rank != 2 || t->shape[0] < 1 || t->shape[0] > most))
    err_set(e, BERT_FORMAT, "%s: found no matrix of 1 to %d rows, wanted one", name, most);
  return t && !e->code ? (int)t->shape[0] : 0;
}

static int required_integer(const Gguf *g, const char *key, int high, bert_err *e) {
  if (!gguf_get(g, key)) err_set(e, BERT_FORMAT, "%s: found nothing, wanted an integer", key);
  return gguf_integer(g, key, 0, 1, high, e);
}

static void read_labels(const Gguf *g, ModelConfig *out, Arena *a, bert_err *e) {
  static const char KEY[] = "bert.classifier.output_labels";
  const GgufValue *v = gguf_get(g, KEY);
  if (!v || e->code) return;
  if (v->type != GGUF_ARRAY || v->element != GGUF_TEXT || v->count > CONFIG_LABELS_MAX) {
    err_set(e, BERT_FORMAT, "%s: found something else, wanted at most %d texts", KEY, CONFIG_LABELS_MAX);
    return;
  }
  out->label = arena_push(a, (size_t)v->count, sizeof *out->label, e);
  const unsigned char *at = v->bytes;
  for (; (uint64_t)out->labels < v->count && !e->code; out->labels++) {
    size_t n;
    const char *text = gguf_next_text(&at, &n);
    if (!cursor_is_name(text, n)) err_set(e, BERT_FORMAT, "%s: found a label that is no UTF-8 or has a NUL", KEY);
    out->label[out->labels] = arena_copy(a, text, n, e);
  }
}

void gguf_model(const Gguf *g, ModelConfig *out, Arena *a, bert_err *e) {
  *out = (ModelConfig){.model_type = "bert", .architecture = "BertModel", .problem = "", .head_activation = "",
                       .options = ""};
  if (e->code) return;
  out->path = arena_copy(a, g->path, strlen(g->path), e);
  out->hidden = required_integer(g, "bert.embedding_length", CONFIG_HIDDEN_MAX, e);
  out->layers = required_integer(g, "bert.block_count", CONFIG_LAYERS_MAX, e);
  out->heads = required_integer(g, "bert.attention.head_count", CONFIG_HIDDEN_MAX, e);
  out->inner = required_integer(g, "bert.feed_forward_length", CONFIG_INNER_MAX, e);
  out->vocabulary = rows_of(g, "token_embd.weight", CONFIG_VOCABULARY_MAX, 1, e);
  out->positions = rows_of(g, "position_embd.weight", CONFIG_POSITIONS_MAX, 1, e);
  out->types = rows_of(g, "token_types.weight", CONFIG_TYPES_MAX, 0, e);
  out->zero_types = !out->types;
  if (out->zero_types) out->types = 2; /* a pair's */
  if (!e->code && out->hidden % out->heads)
    err_set(e, BERT_FORMAT, "bert.attention.head_count: found %d, wanted a divisor of bert.embedding_length %d",
            out->heads, out->hidden);
  double epsilon = gguf_number(g, "bert.attention.layer_norm_epsilon", 1e-12, e);
  if (!(epsilon > 0 && epsilon < 1))
    err_set(e, BERT_FORMAT, "bert.attention.layer_norm_epsilon: found %g, wanted a number between 0 and 1", epsilon);
  out->norm_epsilon = (float)epsilon;
  if (gguf_flag(g, "bert.attention.causal", 0, e))
    err_set(e, BERT_FORMAT, "bert.attention.causal: found true, wanted false: an encoder");
  read_labels(g, out, a, e);
  if (tensor_of(g, "cls.output.weight")) out->architecture = "BertForSequenceClassification";
  err_within(e, "%s", g->path);
}

void gguf_sentence(const Gguf *g, SentenceConfig *out, Arena *a, bert_err *e) {
  /* llama.cpp's numbers; 0 (none) and 4 (a classifier's) leave the default of sentence-transformers. */
  static const int POOLING[] = {POOL_MEAN, POOL_MEAN, POOL_CLS, POOL_LAST_TOKEN, POOL_MEAN};
  static const char *const PROMPTS[] = {"query", "document"};
  enum { POOLINGS = sizeof POOLING / sizeof *POOLING, PROMPT_COUNT = sizeof PROMPTS / sizeof *PROMPTS };
  *out = (SentenceConfig){.present = 1, .pooling_count = 1, .include_prompt = 1, .normalize = 1};
  if (e->code) return;
  int type = gguf_integer(g, "bert.pooling_type", 1, 0, POOLINGS - 1, e);
  out->max_tokens = gguf_integer(g, "bert.context_length", 0, 1, CONFIG_POSITIONS_MAX, e);
  out->prompt_name = arena_push(a, PROMPT_COUNT, sizeof *out->prompt_name, e);
  out->prompt_text = arena_push(a, PROMPT_COUNT, sizeof *out->prompt_text, e);
  if (!e->code) out->transformer_directory = arena_copy(a, g->path, strlen(g->path), e);
  err_within(e, "%s", g->path);
  if (e->code) return;
  out->pooling = out->pooling_order[0] = POOLING[type];
  for (int i = 0; i < PROMPT_COUNT; i++) {
    out->prompt_name[i] = PROMPTS[i];
    out->prompt_text[i] = "";
  }
  out->prompt_count = PROMPT_COUNT;
}

/* ---- vocabulary ------------------------------------------------------------------------------------------------ */

static const char TOKENS[] = "tokenizer.ggml.tokens", KINDS[] = "tokenizer.ggml.token_type";
static const char SPACE[] = "\xE2\x96\x81"; /* U+2581, before pieces that begin a word */
enum { KIND_CONTROL = 3, SPACE_SIZE = sizeof SPACE - 1 };

/* The array of pieces, checked; NULL on error. */
static const GgufValue *find_tokens(const Gguf *g, bert_err *e) {
  Arena scratch = {0};
  const char *model = gguf_text(g, "tokenizer.ggml.model", "", &scratch, e);
  if (!e->code && strcmp(model, "bert"))
    err_set(e, BERT_FORMAT, "tokenizer.ggml.model: found \"%s\", wanted bert: a WordPiece vocabulary", model);
  arena_fini(&scratch);
  const GgufValue *v = gguf_get(g, TOKENS), *kinds = gguf_get(g, KINDS);
  if (!e->code && (!v || v->type != GGUF_ARRAY || v->element != GGUF_TEXT || !v->count))
    err_set(e, BERT_FORMAT, "%s: found %s, wanted an array of texts", TOKENS, v ? "something else" : "nothing");
  if (!e->code && kinds && (kinds->type != GGUF_ARRAY || kinds->element != GGUF_I32 || kinds->count != v->count))
    err_set(e, BERT_FORMAT, "%s: found something else, wanted as many I32 as tokens", KINDS);
  return e->code ? NULL : v;
}

static int is_control(const GgufValue *kinds, uint64_t id) {
  static const unsigned char CONTROL[4] = {KIND_CONTROL, 0, 0, 0};
  return kinds && !memcmp(kinds->bytes + 4 * id, CONTROL, sizeof CONTROL);
}

/* A piece as vocab.txt has it: `prefix` and then text[n]. Special tokens stand as they are; so does what is in
** brackets, which older converters did not mark. A piece that begins a word has a space before it, one that goes on
** has none. */
typedef struct {
  const char *prefix, *text;
  size_t size;
} Piece;

static Piece piece_of(const char *text, size_t n, int control) {
  if (control || (n > 2 && text[0] == '[' && text[n - 1] == ']')) return (Piece){"", text, n};
  if (n >= SPACE_SIZE && !memcmp(text, SPACE, SPACE_SIZE)) return (Piece){"", text + SPACE_SIZE, n - SPACE_SIZE};
  return (Piece){"##", text, n};
}

char *gguf_vocabulary(const Gguf *g, size_t *size, bert_err *e) {
  *size = 0;
  if (e->code) return NULL;
  const GgufValue *v = find_tokens(g, e), *kinds = gguf_get(g, KINDS);
  /* Each text came with 8 bytes of length: more than "##" and the end of a line. */
  char *out = v ? mem_new(v->size, 1, e) : NULL, *to = out;
  const unsigned char *at = v ? v->bytes : NULL;
  for (uint64_t id = 0; out && id < v->count && !e->code; id++) {
    size_t n;
    const char *text = gguf_next_text(&at, &n);
    Piece p = piece_of(text, n, is_control(kinds, id));
    if (memchr(text, '\n', n) || memchr(text, '\r', n))
      err_set(e, BERT_FORMAT, "%s: found a line break in token %" PRIu64 ", wanted none", TOKENS, id);
    size_t prefix = strlen(p.prefix);
    memcpy(to, p.prefix, prefix);
    memcpy(to + prefix, p.text, p.size);
    to += prefix + p.size;
    *to++ = '\n';
  }
  if (!e->code) {
    *size = (size_t)(to - out);
    return out;
  }
  mem_free(out);
  err_within(e, "%s", g->path);
  return NULL;
}

/* The piece under an id that one of two keys has; NULL where neither is there. */
static const char *special_of(const Gguf *g, const GgufValue *tokens, const char *key, const char *second, Arena *a,
                              bert_err *e) {
  if (!gguf_get(g, key)) key = second;
  int most = tokens->count > CONFIG_VOCABULARY_MAX ? CONFIG_VOCABULARY_MAX : (int)tokens->count;
  int id = key ? gguf_integer(g, key, -1, 0, most - 1, e) : -1;
  const unsigned char *at = tokens->bytes;
  const char *text = NULL;
  size_t n = 0;
  for (int i = 0; i <= id && !e->code; i++) text = gguf_next_text(&at, &n);
  if (!text) return NULL;
  Piece p = piece_of(text, n, 1);
  return arena_copy(a, p.text, p.size, e);
}

/* 1 unless the vocabulary has a capital A: every cased one has all letters. */
static int is_lowercase(const GgufValue *tokens) {
  const unsigned char *at = tokens->bytes;
  for (uint64_t i = 0; i < tokens->count; i++) {
    size_t n;
    const char *text = gguf_next_text(&at, &n);
    Piece p = piece_of(text, n, 0);
    if (p.size == 1 && *p.text == 'A') return 0;
  }
  return 1;
}

void gguf_tokenizer(const Gguf *g, TokenizerConfig *out, Arena *a, bert_err *e) {
  *out = (TokenizerConfig){.lowercase = 1, .strip_accents = -1, .chinese_characters = 1,
                           .tokenizer_class = "BertTokenizer"};
  if (e->code) return;
  const GgufValue *tokens = find_tokens(g, e);
  if (tokens) {
    out->lowercase = is_lowercase(tokens);
    out->unk = special_of(g, tokens, "tokenizer.ggml.unknown_token_id", NULL, a, e);
    out->cls = special_of(g, tokens, "tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id", a, e);
    /* The misspelling is the format's. */
    out->sep = special_of(g, tokens, "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.eos_token_id", a, e);
    out->pad = special_of(g, tokens, "tokenizer.ggml.padding_token_id", NULL, a, e);
    out->mask = special_of(g, tokens, "tokenizer.ggml.mask_token_id", NULL, a, e);
  }
  err_within(e, "%s", g->path);
}
