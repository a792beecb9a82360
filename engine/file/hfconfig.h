/* hfconfig.h -- the JSON files of a Hugging Face model directory, as plain structs.
** Layer: file. Uses: base.
**
**    config.json                         the encoder's sizes, activation, head labels (BERT, RoBERTa, DistilBERT)
**    tokenizer_config.json               lower-casing, special tokens, model_max_length (for vocab.txt models)
**    modules.json                        SBERT: Transformer, Pooling, Dense …, Normalize, each with its folder
**    <pooling>/config.json, <dense>/config.json, sentence_bert_config.json, config_sentence_transformers.json
**
** Values are checked here against what a model can have; every message names file, key, found and wanted. Folder names
** out of modules.json stay inside the directory: `..`, absolute paths and backslashes are refused. */
#ifndef FILE_HFCONFIG_H
#define FILE_HFCONFIG_H

#include "base/arena.h"
#include "base/io.h"

/* Bounds of what is read: several times what the largest model of the family has, so that no product of sizes
** overflows further on. */
enum {
  CONFIG_VOCABULARY_MAX = 1 << 24,
  CONFIG_HIDDEN_MAX = 1 << 14,
  CONFIG_LAYERS_MAX = 256,
  CONFIG_INNER_MAX = 1 << 17,
  CONFIG_POSITIONS_MAX = 1 << 20,
  CONFIG_TYPES_MAX = 1 << 10,
  CONFIG_LABELS_MAX = 1 << 16,
  CONFIG_FEATURES_MAX = 64,
  CONFIG_INPUTS_MAX = 1 << 20
};

typedef enum {
  ACTIVATION_GELU,
  ACTIVATION_GELU_TANH,
  ACTIVATION_RELU,
  ACTIVATION_TANH,
  ACTIVATION_IDENTITY
} Activation;

/* Bits of a pooling. */
enum {
  POOL_CLS = 1,
  POOL_MAX = 2,
  POOL_MEAN = 4,
  POOL_MEAN_SQRT_LEN = 8,
  POOL_WEIGHTED_MEAN = 16,
  POOL_LAST_TOKEN = 32,
  POOL_COUNT = 6
};

/* model_type of a classifier of vectors, which reads no text: bert_finetune('head', …) makes them. */
#define HFCONFIG_VECTORS "bert_vectors"

/* A number that a classifier takes beside the text; it counts as (x - mean) / deviation. */
typedef struct {
  const char *name;
  float mean, deviation;
} FeatureConfig;

typedef struct {
  const char *path;           /* of config.json, for messages */
  const char *model_type;     /* "bert", "roberta", "distilbert"; of another type no more is read than this, the
                                 architecture, the labels and what else its head has */
  const char *architecture;   /* architectures[0], or "" */
  int inputs;                 /* of HFCONFIG_VECTORS: numbers of the vector that it labels; else 0 */
  int vocabulary, hidden, layers, heads, inner;
  int positions;              /* rows of the table of positions; RoBERTa's first rows stand for no position */
  int types;                  /* rows of the table of segments; 0: the model has none (DistilBERT) */
  int zero_types;             /* 1: the file lacks the table, and rows of zeros, which change no sum, stand for it */
  float norm_epsilon;
  Activation activation;
  int labels;                 /* how many; 0: the file says nothing (transformers then takes 2) */
  const char **label;
  const char *problem;        /* problem_type, or "" */
  int pad;                    /* pad_token_id; -1: none */
  int first_position;         /* of a text's first token: 0, in RoBERTa pad + 1 */
  int tied;                   /* tie_word_embeddings: what decodes a masked word is the table of word embeddings */
  int has_null_threshold;     /* bert_null_threshold is there: answers whose null score passes it are none */
  double null_threshold;
  int features;               /* bert_features: [{"name":…,"mean":…,"deviation":…}, …] */
  FeatureConfig *feature;
  const char *options;         /* bert_options: those that the model was opened with before it was saved, as JSON; "" */
  const char *head_activation; /* of a cross-encoder's scores, as its files configure: "Sigmoid", "Identity" or another
                                  name of torch.nn; "": they say nothing */
} ModelConfig;

typedef struct {
  const char *directory; /* full path of the module's folder */
  int in, out, bias;
  Activation activation;
} DenseConfig;

typedef struct {
  int present;         /* modules.json was there */
  int cross_encoder;   /* config_sentence_transformers.json says so: a Transformer alone, no sentence vectors */
  int pooling;         /* POOL_ bits; POOL_MEAN where modules.json is absent */
  int pooling_count;   /* how many */
  int pooling_order[POOL_COUNT]; /* the same bits one by one, in the order in which their vectors are joined */
  int include_prompt;  /* tokens of the prompt count in the pooling */
  int normalize;
  int dense_count;
  DenseConfig *dense;
  int max_tokens;      /* max_seq_length, or 0 (newer files have it as TokenizerConfig.max_tokens alone) */
  int lowercase;       /* sentence_bert_config do_lower_case: the text is lower-cased first (rare); 0 else */
  const char *pooling_directory; /* NULL: none */
  const char *transformer_directory; /* of config.json and weights: the directory itself but for old layouts */
  int prompt_count;    /* "query" and "document" are always there, empty where the files give them no text */
  const char **prompt_name, **prompt_text;
  const char *default_prompt; /* a prompt's name, or NULL */
} SentenceConfig;

typedef struct {
  int lowercase, strip_accents /* -1: as lowercase */, chinese_characters;
  const char *unk, *cls, *sep, *pad, *mask; /* NULL where not said */
  int max_tokens;                           /* model_max_length, or 0 where absent or "very large" */
  const char *tokenizer_class;              /* or "" */
  const char *bos, *eos;                    /* NULL where not said; of RobertaTokenizer, as what follows */
  int add_prefix_space, trim_offsets;
  int mask_lstrip;                          /* the mask token takes the white space before it along */
} TokenizerConfig;

/* How a pooling's config.json names a mode: a flag of its own, or one of pooling_mode. */
typedef struct {
  const char *flag, *mode;
  int bit;
} HfPooling;
extern const HfPooling HFCONFIG_POOLINGS[POOL_COUNT];

/* Each reads from `directory`, which is the root of a Folder or below it, into *out; what it points at lives in
** the arena. An absent optional file gives the defaults that transformers (or sentence-transformers) uses;
** config.json is not optional. */
void hfconfig_model(const Folder *in, const char *directory, ModelConfig *out, Arena *a, bert_err *e);
void hfconfig_sentence(const Folder *in, const char *directory, SentenceConfig *out, Arena *a, bert_err *e);
void hfconfig_tokenizer(const Folder *in, const char *directory, TokenizerConfig *out, Arena *a, bert_err *e);

#endif
