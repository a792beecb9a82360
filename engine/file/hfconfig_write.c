/* hfconfig_write.c -- see hfconfig_write.h.
** Layer: file. Uses: base hfconfig. */
#include "file/hfconfig_write.h"

#include <string.h>

#include "base/json_write.h"
#include "base/number.h"

/* Puts what stands in b under a name; b is emptied. */
static void put(Buf *b, const char *name, Bundle *out, bert_err *e) {
  bundle_put(out, name, b->data ? b->data : "", b->size, e);
  buf_fini(b);
}

static void add_text(Buf *b, const char *key, const char *text, bert_err *e) {
  if (!text) return;
  json_write_format(b, e, ",\n  \"%s\": ", key);
  json_write_string(b, text, strlen(text), e);
}

static const char *activation_name(Activation a) {
  static const char *const NAMES[] = {[ACTIVATION_GELU] = "gelu",
                                      [ACTIVATION_GELU_TANH] = "gelu_new",
                                      [ACTIVATION_RELU] = "relu",
                                      [ACTIVATION_TANH] = "tanh",
                                      [ACTIVATION_IDENTITY] = "linear"};
  return NAMES[a];
}

void hfconfig_write_model(const ModelConfig *m, Bundle *out, bert_err *e) {
  Buf b = {0};
  char epsilon[NUMBER_ROOM];
  number_print(m->norm_epsilon, epsilon);
  json_write_format(&b, e, "{\n  \"architectures\": [\"%.100s\"],\n  \"model_type\": \"bert\",\n  \"vocab_size\": %d,\n  "
                    "\"hidden_size\": %d,\n  \"num_hidden_layers\": %d,\n  \"num_attention_heads\": %d",
                    m->architecture, m->vocabulary, m->hidden, m->layers, m->heads);
  json_write_format(&b, e, ",\n  \"intermediate_size\": %d,\n  \"hidden_act\": \"%s\",\n  \"max_position_embeddings\": %d,\n"
                    "  \"type_vocab_size\": %d,\n  \"layer_norm_eps\": %s,\n  \"pad_token_id\": %d", m->inner,
                    activation_name(m->activation), m->positions, m->types, epsilon, m->pad);
  for (int i = 0; i < m->labels; i++) {
    json_write_format(&b, e, i ? ", \"%d\": " : ",\n  \"id2label\": {\"%d\": ", i);
    json_write_string(&b, m->label[i], strlen(m->label[i]), e);
  }
  json_write_format(&b, e, "%s\n}\n", m->labels ? "}" : "");
  put(&b, "config.json", out, e);
}

void hfconfig_write_tokenizer(const TokenizerConfig *t, Bundle *out, bert_err *e) {
  Buf b = {0};
  json_write_format(&b, e, "{\n  \"tokenizer_class\": \"BertTokenizer\",\n  \"do_lower_case\": %s",
                    t->lowercase ? "true" : "false");
  json_write_format(&b, e, ",\n  \"tokenize_chinese_chars\": %s", t->chinese_characters ? "true" : "false");
  if (t->strip_accents >= 0)
    json_write_format(&b, e, ",\n  \"strip_accents\": %s", t->strip_accents ? "true" : "false");
  add_text(&b, "unk_token", t->unk, e);
  add_text(&b, "cls_token", t->cls, e);
  add_text(&b, "sep_token", t->sep, e);
  add_text(&b, "pad_token", t->pad, e);
  add_text(&b, "mask_token", t->mask, e);
  json_write_format(&b, e, "\n}\n");
  put(&b, "tokenizer_config.json", out, e);
}

void hfconfig_print_pooling(int bits, int is_named, Buf *out, bert_err *e) {
  const char *next = is_named ? "{\"pooling_mode\": [" : "{";
  for (int i = 0; i < POOL_COUNT; i++) {
    const HfPooling *p = &HFCONFIG_POOLINGS[i];
    if (is_named && !(bits & p->bit)) continue;
    if (is_named) json_write_format(out, e, "%s\"%s\"", next, p->mode);
    else json_write_format(out, e, "%s\"%s\": %s", next, p->flag, bits & p->bit ? "true" : "false");
    next = ", ";
  }
  json_write_format(out, e, is_named ? "]}" : "}");
}

void hfconfig_write_modules(const SentenceConfig *s, int width, Bundle *out, bert_err *e) {
  static const char BEGIN[] =
      "[\n  {\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},\n"
      "  {\"idx\": 1, \"name\": \"1\", \"path\": \"" HFCONFIG_POOLING "\", \"type\": \"sentence_transformers.models.Pooling\"}";
  static const char NORMALIZE[] = ",\n  {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "
                                  "\"sentence_transformers.models.Normalize\"}";
  Buf b = {0}, pooling = {0};
  buf_add(&b, BEGIN, sizeof BEGIN - 1, e);
  if (s->normalize) buf_add(&b, NORMALIZE, sizeof NORMALIZE - 1, e);
  json_write_format(&b, e, "\n]\n");
  put(&b, "modules.json", out, e);
  hfconfig_print_pooling(s->pooling, 0, &pooling, e);
  json_write_format(&b, e, "{\"word_embedding_dimension\": %d, ", width);
  if (!e->code) buf_add(&b, pooling.data + 1, pooling.size - 1, e); /* without its brace */
  buf_fini(&pooling);
  put(&b, HFCONFIG_POOLING "/config.json", out, e);
  if (!s->max_tokens) return;
  json_write_format(&b, e, "{\"max_seq_length\": %d, \"do_lower_case\": false}\n", s->max_tokens);
  put(&b, "sentence_bert_config.json", out, e);
}
