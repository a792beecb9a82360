/* model.h -- what an open model and a session are made of; the rooms below joined.
** Layer: model. Uses: base kernel text file nn.
**
** A Model is what the files say (config, sentence), what the caller asked (options), and the weights in the kernels' panels, all
** in one block. It is constant once open. A Session has the scratch of one caller. bert.h says what the functions do;
** bert.c gives them their public names. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "file/hfconfig.h"
#include "model/arch.h"
#include "model/options.h"
#include "nn/encoder.h"
#include "nn/pooling.h"
#include "text/tokenizer.h"

typedef struct bert_model Model;
typedef struct bert_session Session;

/* One Dense module of a sentence-transformers model. */
typedef struct {
  Linear linear;
  KernelActivation activation;
} Dense;

struct bert_model {
  atomic_int owners;
  Arena arena; /* strings and small arrays */
  const char *source;
  ModelConfig config;
  SentenceConfig sentence;
  Options options;
  const Arch *arch;
  Tokenizer *tokenizer;
  Encoder encoder;
  Dense *dense; /* sentence.dense_count of them */
  float *weights;
  size_t weight_bytes;
  int64_t parameters;
  uint64_t hash;
  Pooling pooling;
  int max_tokens; /* the window */
  int dimensions; /* of a sentence vector */
  bert_model_info info;
};

/* load.c: the weights, from files into panels; fills encoder, dense, weights, parameters; mixes contents into m->hash. */
void load_weights(Model *m, bert_err *e);

/* model.c */
Model *model_open(const char *directory, const char *options_json, bert_err *e);
void model_free(Model *m);
bert_stamp model_stamp(const char *directory, const char *options_json, bert_err *e);
/* The prompt of that name, or NULL. */
const char *model_prompt(const Model *m, const char *name, size_t size);
bert_text model_default_prompt(const Model *m);

/* describe.c: fills m->info. */
void describe_model(Model *m, bert_err *e);

struct bert_session {
  Model *model;
  TokenizerScratch *tokens;
  int threads;
  Scratch *worker;         /* [threads]; a team uses worker[0] */
  Buf text;                /* prompt and text joined */
  Buf ids, types, items;   /* what embed.c makes of a call's texts */
  Buf sorted_ids, sorted_types, starts, chunks;
  Buf pooled;              /* vectors on their way through Dense, for each thread */
  Buf vectors;             /* of windows, where they are averaged */
  Buf windows;             /* bert_chunk of bert_chunks */
};

Session *session_new(Model *m, int threads, bert_err *e);
void session_free(Session *s);

/* embed.c, tokens.c, chunk.c: bert.h under other names. */
void embed_texts(Session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                 const bert_progress *progress, bert_err *e);
void tokens_encode(Session *s, bert_text a, const bert_text *b, int truncate, bert_encoding *out, bert_err *e);
void tokens_vectors(Session *s, bert_text a, const bert_text *b, int layer, bert_encoding *out, const float **vectors,
                    const bert_progress *progress, bert_err *e);
int chunk_text(Session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e);

#endif
