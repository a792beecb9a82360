/* gguf.h -- BERT models in one file, as llama.cpp has them: tensors, configuration and vocabulary.
** Layer: file. Uses: base hfconfig weights.
**
**    | GGUF, version 2 or 3, counts | keys and typed values | tensor infos | padding | tensors' bytes |
**
** Read as if it were a model directory: tensors go by the names of BertModel (token_embd.weight is
** embeddings.word_embeddings.weight), the configuration fills the structs of hfconfig.h, the vocabulary becomes the
** bytes of a vocab.txt. To open a model from one:
**
**    Gguf *g = gguf_open(path, e);
**    gguf_model(g, &model_config, a, e);
**    gguf_sentence(g, &sentence_config, a, e);
**    gguf_tokenizer(g, &tokenizer_config, a, e);
**    char *vocab = gguf_vocabulary(g, &size, e);       for tokenizer_from_vocab; mem_free
**    gguf_close(g);
**    Weights *w = weights_open(path, e);
**
** Of architectures only "bert" is taken, with a vocabulary of tokenizer.ggml.model "bert" (WordPiece); others are
** refused by name. What the format does not say and is supplied here: GELU by erf, as the models were trained with;
** vectors normalized, as llama.cpp gives them; text lower-cased unless the vocabulary has the piece "A". A model
** without token_types.weight (DistilBERT) has ModelConfig.types 0 and no such tensor. */
#ifndef FILE_GGUF_H
#define FILE_GGUF_H

#include "base/io.h"
#include "file/hfconfig.h"
#include "file/weights.h"

enum { GGUF_HEADER_MAX = 64 << 20 }; /* bytes before the tensors' own; a vocabulary of 250,000 pieces takes 5 MiB */

typedef enum {
  GGUF_U8,
  GGUF_I8,
  GGUF_U16,
  GGUF_I16,
  GGUF_U32,
  GGUF_I32,
  GGUF_F32,
  GGUF_FLAG,
  GGUF_TEXT,
  GGUF_ARRAY,
  GGUF_U64,
  GGUF_I64,
  GGUF_F64,
  GGUF_TYPES
} GgufType;

typedef struct {
  const char *key;
  GgufType type, element; /* element: of an array */
  uint64_t count;         /* of an array */
  const unsigned char *bytes;
  size_t size;
} GgufValue;

typedef struct {
  const char *path;
  const GgufValue *value;
  Tensor *tensor; /* by the file's names, in its order */
  int values, tensors;
  unsigned char *header;
  Arena arena;
} Gguf;

/* ---- the container (gguf.c) ------------------------------------------------------------------------------------- */

/* Bytes of the header that begins at bytes[0], padding left out; 0 where it does not end in bytes[size]. */
size_t gguf_measure(const void *bytes, size_t size, const char *path, bert_err *e);

/* Fills *g, which is zeros, with what header[size], as gguf_measure gives it, says about a file of file_size bytes.
** Views of header and path are kept. Tensor.file becomes `file`. */
void gguf_read(Gguf *g, const void *header, size_t size, uint64_t file_size, const char *path, int file, bert_err *e);

/* The value of a key, or NULL; the first where there are several. */
const GgufValue *gguf_get(const Gguf *g, const char *key);

/* Scalars; `otherwise` where the key is absent. Another type, or a number outside of [low, high], is BERT_FORMAT. */
int gguf_integer(const Gguf *g, const char *key, int otherwise, int low, int high, bert_err *e);
double gguf_number(const Gguf *g, const char *key, double otherwise, bert_err *e);
int gguf_flag(const Gguf *g, const char *key, int otherwise, bert_err *e);
const char *gguf_text(const Gguf *g, const char *key, const char *otherwise, Arena *a, bert_err *e);

/* Texts of an array, one after the other: each call gives the next one at *at, which begins as v->bytes. */
const char *gguf_next_text(const unsigned char **at, size_t *size);

/* ---- BERT in it (gguf_bert.c) ----------------------------------------------------------------------------------- */

Gguf *gguf_open(const char *path, bert_err *e);
void gguf_close(Gguf *g);

void gguf_model(const Gguf *g, ModelConfig *out, Arena *a, bert_err *e);
void gguf_sentence(const Gguf *g, SentenceConfig *out, Arena *a, bert_err *e);
void gguf_tokenizer(const Gguf *g, TokenizerConfig *out, Arena *a, bert_err *e);

/* The bytes of a vocab.txt: pieces by id, a line each, "##" put back. Freed by mem_free. */
char *gguf_vocabulary(const Gguf *g, size_t *size, bert_err *e);

/* The tensors of an open file by BertModel's names, in the arena; a fused attn_qkv is three. What has no such name
** keeps its own. */
Tensor *gguf_parse(const File *f, const char *path, int file, int *count, Arena *a, bert_err *e);

#endif
