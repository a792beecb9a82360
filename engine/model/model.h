/* model.h -- what an open model and a session are made of; the rooms below joined.
** Layer: model. Uses: base kernel text file nn.
**
** A Model is what the files say (config, sentence), what the caller asked (options), and the weights in the kernels'
** panels, all in one block. It is constant once open. A Session has the scratch of one caller. bert.h says what the
** functions do; bert.c gives them their public names. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "file/container.h"
#include "file/hfconfig.h"
#include "model/arch.h"
#include "model/options.h"
#include "nn/encoder.h"
#include "nn/heads.h"
#include "nn/pooling.h"
#include "text/tokenizer.h"

typedef struct bert_model Model;
typedef struct bert_session Session;

/* One Dense module of a sentence-transformers model. */
typedef struct {
  Linear linear;
  KernelActivation activation;
} Dense;

/* A classifier of vectors (predict.c). */
typedef struct {
  int inputs, units;
  const float *mean, *deviation; /* [inputs] */
  const float *weight, *bias;    /* [units][inputs], [units] */
} VectorHead;

/* What a model of one unit makes of its logit. */
typedef enum { SCORE_UNSAID, SCORE_SIGMOID, SCORE_IDENTITY, SCORE_TANH, SCORE_RELU } ScoreKind;

/* Which tokens stand in Model.special. */
enum { SPECIAL_UNK, SPECIAL_CLS, SPECIAL_SEP, SPECIAL_PAD, SPECIAL_MASK, MODEL_SPECIAL };

/* Where a tensor of the files has gone; slots.c reads it back. */
typedef enum { SLOT_ENCODER, SLOT_HEAD, SLOT_MODULE } SlotOwner;

#define MODEL_FEATURES "bert_features.weight"

typedef struct {
  const char *name;   /* as Hugging Face's files have it, without the prefix that an encoder's may carry */
  SlotOwner owner;    /* the pooler is the encoder's */
  int module;         /* of SLOT_MODULE: which Dense */
  int rows, columns;  /* columns 0: a vector */
  const float *plain; /* numbers in order, or NULL: */
  const Linear *linear; /* a matrix in panels, from output `first` on, or NULL: */
  int first;
  const Embedding *words; /* the table of words in 8 bits */
} Slot;

struct bert_model {
  atomic_int owners;
  Arena arena; /* strings and small arrays */
  const char *source;
  Folder folder; /* while it opens, likewise what follows */
  const Container *container; /* NULL, or it is model number `contained` there, */
  int contained;
  uint64_t contained_hash;    /* of weights of that hash */
  const Model *like;          /* NULL, or a model whose tokenizer it shares */
  Bundle texts;  /* what was read of its files but weights: who saves it writes them again */
  const char *card; /* what its makers say of it, as JSON, or NULL */
  ModelConfig config;
  SentenceConfig sentence;
  Options options;
  const Arch *arch;
  Tokenizer *tokenizer;
  Encoder encoder;
  Dense *dense; /* sentence.dense_count of them */
  unsigned can;  /* BERT_CAN_ bits: which of the heads are there */
  FirstHead classify, next;
  Linear tag, answer;
  VectorHead predict;
  FillHead fill;
  Linear pooler; /* of the files, where no head has it: only for who saves or trains the model */
  ScoreKind score_kind; /* of one unit */
  int32_t special[MODEL_SPECIAL]; /* tokens that mean nothing themselves; -1: none */
  Slot *slot; /* the tensors, in the order of loading */
  int slots;
  float *weights;
  size_t weight_bytes;
  int64_t parameters;
  uint64_t hash, weight_hash; /* weight_hash: of the transformer's tensors alone */
  Pooling pooling;
  int max_tokens; /* the window */
  int dimensions; /* of a sentence vector */
  bert_model_info info;
};

/* load.c: the weights, from files into panels; fills encoder, dense, can, the heads, weights, parameters; mixes their
** contents into m->hash. */
void load_weights(Model *m, bert_err *e);

/* model.c; files NULL: on disk */
Model *model_open(const bert_files *files, const char *source, const char *options_json, bert_err *e);
/* Opens a model that is made but for its files: taken over, also on error. */
Model *model_open_made(Model *m, const char *options_json, bert_err *e);
void model_free(Model *m);
/* The prompt of that name, or NULL. */
const char *model_prompt(const Model *m, const char *name, size_t size);
bert_text model_default_prompt(const Model *m);

/* slots.c: out[rows][columns, or 1] = rows first … of a tensor. */
void slot_read(const Slot *s, int64_t first, int64_t rows, float *out);
/* Row `row` of one that is in 8 bits: q[columns] and scale[groups]. */
void slot_read8(const Slot *s, int row, int8_t *q, float *scale);
/* bert_model_tensor. */
int slots_describe(const Model *m, int i, bert_tensor *out);

/* save.c: bert_model_save_changed; changes may be NULL. */
void save_model(const Model *m, const bert_changes *changes, const bert_sink *sink, const bert_progress *progress,
                bert_err *e);

/* The files of that, but for the weights. */
void save_texts(const Model *m, const bert_sink *sink, bert_err *e);

/* describe.c: fills m->info. */
void describe_model(Model *m, bert_err *e);
/* 1 if the model has that head (a BERT_CAN_ bit); else 0, and an error that says what it has and what was wanted. */
int describe_can(const Model *m, unsigned bit, bert_err *e);
/* 1 if the model reads text; else 0, and an error. */
int describe_reads(const Model *m, bert_err *e);

struct bert_session {
  Model *model;
  TokenizerScratch *tokens;
  int threads;
  Scratch *worker;         /* [threads]; a team uses worker[0] */
  Buf text;                /* prompt and text joined */
  Buf ids, types, items;   /* what embed.c makes of a call's texts */
  Buf sorted_ids, sorted_types, starts, chunks;
  int kept;                /* tokens at the front of sorted_ids whose states lie in worker[0].x (batch.h); 0: none */
  Buf features;            /* numbers beside a call's texts, standardised */
  Buf pooled;              /* vectors on their way through Dense, for each thread */
  Buf vectors;             /* of windows, where they are averaged */
  Buf windows;             /* bert_chunk of bert_chunks; what tasks sort */
  Buf spans;               /* bert_span, bert_answer of the last call */
};

Session *session_new(Model *m, int threads, bert_err *e);
void session_free(Session *s);

/* tokens.c: refuses pairs of a model that has no second segment. */
void tokens_refuse_pair(const Model *m, bert_err *e);
/* As tokens_encode with truncation, for what goes through the encoder: at least one token. */
void tokens_begin(Session *s, bert_text a, const bert_text *b, bert_encoding *out, bert_err *e);

/* embed.c, tokens.c, chunk.c, classify.c, answer.c, tag.c, fill.c, decode.c,
** inspect.c: bert.h under other names. */
void embed_texts(Session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                 const bert_progress *progress, bert_err *e);
void tokens_encode(Session *s, bert_text a, const bert_text *b, int truncate, bert_encoding *out, bert_err *e);
void tokens_vectors(Session *s, bert_text a, const bert_text *b, int layer, bert_encoding *out, const float **vectors,
                    const bert_progress *progress, bert_err *e);
void classify_texts(Session *s, const bert_text *a, const bert_text *b, const float *features, int n, float *logits,
                    const bert_progress *progress, bert_err *e);
void classify_scores(const Model *m, const float *logits, float *scores);
float classify_number(const Model *m, float logit);
float classify_rerank(const Model *m, float logit, bert_err *e);
void classify_zero_shot(Session *s, bert_text text, const bert_text *labels, int n, const bert_text *hypothesis,
                        int multi_label, double *scores, const bert_progress *progress, bert_err *e);
double classify_next(Session *s, bert_text a, bert_text b, const bert_progress *progress, bert_err *e);
int answer_list(Session *s, bert_text question, bert_text passage, const bert_answer **out,
                const bert_progress *progress, bert_err *e);
int answer_best(Session *s, bert_text question, bert_text passage, const double *null_threshold, bert_answer *out,
                const bert_progress *progress, bert_err *e);
int tag_words(Session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e);
int tag_entities(Session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e);
void fill_mask(Session *s, bert_text text, int mask, bert_fills *out, const bert_progress *progress, bert_err *e);
bert_text decode_ids(Session *s, const int32_t *ids, int n, int skip_special, bert_err *e);
void inspect_attentions(Session *s, bert_text a, const bert_text *b, int first, int count, int head,
                        bert_encoding *out, const float **weights, const bert_progress *progress, bert_err *e);
bert_text inspect_draw(Session *s, bert_text a, const bert_text *b, const bert_progress *progress, bert_err *e);
int chunk_text(Session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e);

#endif
