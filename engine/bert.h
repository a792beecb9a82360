/* bert.h -- BERT as a library: models from files, vectors from text.
** The only public header of engine/; it has never heard of SQLite.
**
**    bert_err e = {0};
**    bert_model   *m = bert_model_open("all-MiniLM-L6-v2", NULL, &e);
**    bert_session *s = bert_session_new(m, &e);
**    bert_text     t = {"hello world", 11};
**    float         v[384];
**    bert_embed(s, &t, 1, NULL, v, NULL, &e);
**    if (e.code) puts(e.text);
**    bert_session_free(s);
**    bert_model_free(m);
**
** A model is constant once open and may be used by any number of threads; a session is one caller's scratch and
** belongs to one thread at a time. Errors are values: the first one wins, and a call on a failed bert_err does nothing,
** so calls read straight down and are checked once. Every free takes NULL.
**
** Letters in shapes: B batch, T tokens, H hidden, A heads, D = H/A, F inner, V vocabulary, L layers. */
#ifndef BERT_H
#define BERT_H

#include <stddef.h>
#include <stdint.h>

#define BERT_VERSION "0.1.0"

/* Changes whenever the arithmetic does, so that vectors made before and after are never taken for equal: it is part of
** every model's hash. */
#define BERT_ARITHMETIC 1

/* ---- errors --------------------------------------------------------------------------------------------------- */

typedef enum {
  BERT_OK = 0,
  BERT_NOMEM,     /* an allocation failed */
  BERT_IO,        /* a file is missing or cannot be read */
  BERT_FORMAT,    /* a file's bytes are not what they claim to be */
  BERT_ARGUMENT,  /* the caller asked for what cannot be: a bad option, an unknown prompt, text too long */
  BERT_INTERRUPT  /* bert_progress said stop */
} bert_code;

typedef struct {
  bert_code code;
  char text[512]; /* names the thing, what was found and what was wanted; always NUL-terminated */
} bert_err;

/* ---- what callers hand in --------------------------------------------------------------------------------------- */

/* Bytes of a text: any bytes; what is not UTF-8 is read as U+FFFD, NUL is a character like others. data may be NULL
** when size is 0. */
typedef struct {
  const char *data;
  size_t size;
} bert_text;

/* Asked now and then (at least every 50 ms of work, but for tokenizing, 10 ms a megabyte of text) by the calling thread
** alone; nonzero stops the call with BERT_INTERRUPT. A NULL bert_progress never stops. */
typedef struct {
  int (*stop)(void *context);
  void *context;
  /* NULL, or told by bert_evaluate that so many rows, or examples, of so many are judged. */
  void (*done)(void *context, int64_t done, int64_t of);
} bert_progress;

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* A folder of files that the caller has: names are relative, with '/' between folders ("1_Pooling/config.json"). Both
** are called by the thread that opens a model, and only while it does. */
typedef struct {
  void *context;
  /* Bytes of the file of that name; -1: there is none. */
  int64_t (*size)(void *context, const char *name);
  /* out[n] = the file's bytes from offset on, all of which are inside of its size. */
  void (*read)(void *context, const char *name, uint64_t offset, void *out, size_t n, bert_err *e);
} bert_files;

/* Takes files one after the other, each as its name and size, then its bytes in as many pieces as it pleases the
** writer, `size` of them in all. */
typedef struct {
  void *context;
  void (*begin)(void *context, const char *name, uint64_t size, bert_err *e);
  void (*write)(void *context, const void *bytes, size_t n, bert_err *e);
  int compact; /* what bert_extra.safetensors has is not to be written in f32 too: for who opens it with this library */
  /* NULL, or: what tells the file that was just written from whatever may lie under its name later; 0: nothing does. */
  uint64_t (*stamp)(void *context, bert_err *e);
} bert_sink;

/* Files in memory: what a sink took, to be read again. One thread at a time. */
typedef struct bert_bundle bert_bundle;
bert_bundle *bert_bundle_new(bert_err *e);
void bert_bundle_free(bert_bundle *b);
/* A file of that name and these bytes (copied), in place of the one that was there. */
void bert_bundle_put(bert_bundle *b, const char *name, const void *bytes, size_t n, bert_err *e);
/* Forgets a file, if it is there. */
void bert_bundle_remove(bert_bundle *b, const char *name);
/* A view of a file's bytes, until it is put or removed; data NULL: there is none. */
bert_text bert_bundle_get(const bert_bundle *b, const char *name);
/* File i's name, NULL past the end. */
const char *bert_bundle_name(const bert_bundle *b, int i);
/* Views of the bundle, which live as long as it does. A file that begins replaces the one of its name. */
bert_sink bert_bundle_sink(bert_bundle *b);
bert_files bert_bundle_files(const bert_bundle *b);

/* ---- models ----------------------------------------------------------------------------------------------------- */

typedef struct bert_model bert_model;

/* Opens a model directory in the Hugging Face layout, or a .gguf file. options_json is NULL or an object with any of
**    compute    "f32" | "int8"   weights and activations of the encoder in 8 bits            (default: f32)
**    pooling    "cls" | "mean" | "max" | "mean_sqrt_len" | "weightedmean" | "lasttoken"   (default: the model's own)
**    max_tokens window in tokens, [CLS] and [SEP] included                                (default: the model's own)
**    on_long    "truncate" | "error" | "mean"                                             (default: truncate)
**    threads    how many threads one call may use, 1 to 256         (default: BERT_THREADS, else the processors given)
**    bert_null_threshold  a number: see bert_answer_best                  (default: the model's own, or none)
** An unknown key or value is BERT_ARGUMENT. Returns NULL on any error. Costs one read of the files and one copy of the
** weights in memory. */
bert_model *bert_model_open(const char *directory, const char *options_json, bert_err *e);

/* Likewise from files in the Hugging Face layout that the caller has; `source` stands for their folder in messages and
** in bert_model_info. */
bert_model *bert_model_open_files(const bert_files *files, const char *source, const char *options_json, bert_err *e);

/* Writes the Hugging Face layout, which transformers and sentence-transformers open to the same outputs: the texts that
** the model was opened from (of a GGUF file: made from it), and model.safetensors in f32. The options of bert_model_open
** go into config.json (bert_options), so that opening what is written gives the same model. Of a model that computes in
** 8 bits the weights are those that it computes with, and bert_extra.safetensors has them as they are. Asks progress
** between tensors. */
void bert_model_save(const bert_model *m, const bert_sink *sink, const bert_progress *progress, bert_err *e);

/* Likewise into a directory, which is there with all its files or, after an error, not at all. Its name must be free, or
** that of an empty directory: what is there is never replaced. */
void bert_model_save_directory(const bert_model *m, const char *directory, const bert_progress *progress, bert_err *e);

/* A tensor of a model, by the name that Hugging Face's files have it under. */
typedef struct {
  const char *name;
  int rank; /* 1 or 2 */
  int64_t shape[2];
  int64_t count; /* their product */
} bert_tensor;

/* Tensor i; 0 past the end. Names live as long as the model. */
int bert_model_tensor(const bert_model *m, int i, bert_tensor *out);
/* out[rows][shape[1]] = rows first … of tensor i (of rank 1: rows of one number), as the model computes with them: in
** f32 to the bit what its files have, in 8 bits the integers times their scales. */
void bert_model_tensor_read(const bert_model *m, int i, int64_t first, int64_t rows, float *out);

/* What a model is to be saved with instead of its own. */
typedef struct {
  const bert_tensor *tensor; /* replaced where the model has one of that name, else added; each has data */
  const float *const *data;  /* row by row; NULL: what `rows` gives */
  void (*rows)(void *context, int tensor, int64_t first, int64_t n, float *out);
  void *context;
  int count;
  const char *config;        /* NULL, or a JSON object whose members replace those of config.json; null removes one */
  int without_heads;         /* leave out the model's own heads */
  int without_modules;       /* leave out what sentence-transformers puts around the encoder */
} bert_changes;
void bert_model_save_changed(const bert_model *m, const bert_changes *changes, const bert_sink *sink,
                             const bert_progress *progress, bert_err *e);

/* One more owner; bert_model_free gives one up, the last one frees. Both are safe from any thread. */
bert_model *bert_model_ref(bert_model *m);
void bert_model_free(bert_model *m);

typedef struct {
  const char *architecture; /* "bert", "roberta", "distilbert" */
  const char *task;         /* "embedding", "text-classification", "question-answering", "token-classification",
                               "fill-mask", "next-sentence-prediction", "vector-classification" */
  const char *pooling;      /* "mean" …; several joined by '+' */
  const char *compute;      /* "f32", "int8" */
  const char *source;       /* the directory it was opened from */
  const char *labels;       /* JSON array of the labels of BERT_CAN_CLASSIFY or BERT_CAN_TAG, else NULL */
  const char *features;     /* JSON array of the names of the numbers that a classifier takes beside its text, or NULL */
  const char *prompts;      /* JSON object name -> text, or NULL */
  const char *card;         /* card.json: a JSON object of what its makers say (data, recipe, measures, licence), or NULL */
  int layers, hidden, heads, inner, vocabulary;
  int max_tokens;           /* the window, [CLS] and [SEP] included */
  int dimensions;           /* floats in a sentence vector */
  int threads;              /* of its options; 0 where they say nothing */
  unsigned can;             /* BERT_CAN_ bits: the heads that the files have */
  int label_count;          /* units of BERT_CAN_CLASSIFY or BERT_CAN_TAG, else 0 */
  int inputs;               /* numbers in a vector of BERT_CAN_PREDICT, else 0 */
  int feature_count;        /* numbers beside a text; 0: none */
  int multi_label;          /* 1: any number of labels may hold at once (problem_type), so scores are sigmoids */
  int64_t parameters;       /* weights of the encoder and heads, in numbers */
  int64_t bytes;            /* memory that the model holds */
  char hash[17];            /* 16 hex digits over weights, tokenizer, options and BERT_ARITHMETIC */
} bert_model_info;

/* Heads, and so tasks: what a model without the bit is asked for is BERT_ARGUMENT that names it and what it has. */
enum {
  BERT_CAN_CLASSIFY = 1, /* a label, or a number, for a text or a pair */
  BERT_CAN_ANSWER = 2,   /* questions out of a passage */
  BERT_CAN_TAG = 4,      /* a label for each word */
  BERT_CAN_FILL = 8,     /* [MASK] */
  BERT_CAN_NEXT = 16,    /* does b follow a */
  BERT_CAN_PREDICT = 32  /* a label, or a number, for a vector; such a model reads no text */
};

/* Fills *out with views that live as long as the model. */
void bert_model_describe(const bert_model *m, bert_model_info *out);

/* Identity of the files under a directory together with the options (sizes, inodes, times): equal stamps mean that
** opening again would give the same model. Costs a few stat calls. */
typedef struct {
  uint64_t a, b;
} bert_stamp;
bert_stamp bert_model_stamp(const char *directory, const char *options_json, bert_err *e);

/* The text that a prompt's name stands for: the model's own prompt of that name, else the name itself, literally. */
bert_text bert_model_prompt(const bert_model *m, bert_text name);

/* The prompt that the model puts before a text when none is asked for; size 0 where it has none. */
bert_text bert_model_default_prompt(const bert_model *m);

/* ---- models inside a program ---------------------------------------------------------------------------------------- */

/* Several models in one block of bytes, which a program has in itself (ext/embedded_data.c). They compute in 8 bits with
** weights that stay where they lie, so that pages nobody asks for are never read; what is equal in two of them is there
** once. The block is aligned to 64 bytes, and outlives all that is made of it. */
typedef struct bert_container bert_container;
bert_container *bert_container_open(const void *bytes, size_t size, bert_err *e);
void bert_container_free(bert_container *c);
/* Model i's name, NULL past the end. */
const char *bert_container_name(const bert_container *c, int i);
/* What bert_model_describe will say of it, in views that live as long as c; source is "embedded". Nothing on error. */
void bert_container_describe(bert_container *c, int i, bert_model_info *out, bert_err *e);
/* Opens it; it shares the tokenizer of `like` (NULL: none), where that is the same. c may be freed afterwards. */
bert_model *bert_container_model(const bert_container *c, int i, const bert_model *like, bert_err *e);
/* Writes models[n], opened in 8 bits, under names[n], as the file `file` of a sink. Positions, heads and long vectors go
** down to 16 bits, so the hashes are others than those of the models. Where base[i] >= 0, a place before i, the matrices of
** models[i] go down to 2 bits of difference to those of models[base[i]], which it was fine-tuned from; base NULL: none. */
void bert_container_write(const char *const *names, bert_model *const *models, const int *base, int n, const char *file,
                          const bert_sink *sink, bert_err *e);

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

typedef struct bert_session bert_session;

/* Keeps its own reference to the model. Scratch grows to what the largest call needed and is kept. */
bert_session *bert_session_new(bert_model *m, bert_err *e);
/* Likewise, but with `threads` threads a call, whatever the model's options say: they decide no bit of any answer, so two
** users of one model may differ in them. 0: bert_threads(). */
bert_session *bert_session_new_threads(bert_model *m, int threads, bert_err *e);
void bert_session_free(bert_session *s);

/* out[n][dimensions] = sentence vectors of texts[n], pooled and normalised as the model's files say. The vector of a
** text depends on the text, the prompt and the model alone: not on n, its neighbours, threads or the instruction set.
** prompt is text put before every text, or NULL for the model's default prompt (an empty one for none). */
void bert_embed(bert_session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                const bert_progress *progress, bert_err *e);

/* ---- labels: BERT_CAN_CLASSIFY ----------------------------------------------------------------------------------- */

/* Label i of label_count, living as long as the model ("" past the end). */
const char *bert_model_label(const bert_model *m, int i);

/* logits[n][label_count] of n texts a, or pairs: b is NULL, or an array in which data NULL means no pair in that row.
** As bert_embed: batched, packed, threaded, each row's bits its own alone. A text past the window is treated as the
** model's on_long says (mean: of the windows' logits); a pair is cut longest first, or refused where on_long is
** error. */
void bert_classify(bert_session *s, const bert_text *a, const bert_text *b, int n, float *logits,
                   const bert_progress *progress, bert_err *e);

/* Likewise with features[n][feature_count], finite, as they stand in the world: the model knows their means and
** deviations. A model of none takes NULL; where it has some, bert_classify, without, is BERT_ARGUMENT. */
void bert_classify_features(bert_session *s, const bert_text *a, const bert_text *b, const float *features, int n,
                            float *logits, const bert_progress *progress, bert_err *e);
/* What feature i is called, living as long as the model ("" past the end). */
const char *bert_model_feature(const bert_model *m, int i);

/* scores[label_count] out of one row of logits (may be the same array), as transformers' text-classification
** pipeline: sigmoid for multi-label models and for one unit, nothing for problem_type regression, else softmax. */
void bert_classify_scores(const bert_model *m, const float *logits, float *scores);

/* The number that a model of one unit gives: its logit, or what the activation that its files configure makes of it. */
float bert_classify_number(const bert_model *m, float logit);

/* The score of a cross-encoder, which has one unit: the activation that its files configure, else sigmoid
** (CrossEncoder of sentence-transformers). More than one unit is BERT_ARGUMENT. */
float bert_rerank_score(const bert_model *m, float logit, bert_err *e);

/* scores[n] of labels[n] for a text, through a model of natural language inference, as transformers' zero-shot
** pipeline: hypothesis is a text with {} for the label ("This example is {}."; {{ and }} are braces; NULL: that
** one), softmax over the labels' entailment, or, with multi_label or one label, of entailment against contradiction
** for each. A text past the window is cut, a hypothesis never: one that leaves no room is BERT_ARGUMENT. */
void bert_zero_shot(bert_session *s, bert_text text, const bert_text *labels, int n, const bert_text *hypothesis,
                    int multi_label, double *scores, const bert_progress *progress, bert_err *e);

/* ---- vectors: BERT_CAN_PREDICT ----------------------------------------------------------------------------------- */

/* logits[n][label_count] of vectors x[n][width]; a width that is not the model's is BERT_ARGUMENT. Scores and numbers
** come of logits as above. */
void bert_predict(bert_session *s, const float *x, int width, int n, float *logits, bert_err *e);

/* ---- two sentences: BERT_CAN_NEXT -------------------------------------------------------------------------------- */

/* The probability that b follows a. */
double bert_next_sentence(bert_session *s, bert_text a, bert_text b, const bert_progress *progress, bert_err *e);

/* ---- answers: BERT_CAN_ANSWER ------------------------------------------------------------------------------------ */

/* passage[byte_start, byte_end), the characters start … end-1. */
typedef struct {
  int start, end; /* code points */
  size_t byte_start, byte_end;
  double score;   /* probability of start times that of end within the window */
  double logit;   /* the sum of the start's and the end's logits */
} bert_answer;

enum { BERT_ANSWERS_MAX = 20, BERT_ANSWER_TOKENS_MAX = 30 };

/* The passage is read in windows of up to 384 tokens, each with the question (cut to 64 tokens), that overlap by 128
** (or by half a window, where windows are small). Both need one encoder pass a window and memory for the passage's
** tokens. */

/* The best answers, best score first, as transformers' question-answering pipeline with top_k 20 and max_answer_len
** 30: moved out to whole words, answers of the same text in one row with their scores added. Returns how many; *out
** is owned by the session, valid until its next call. An empty passage has none. */
int bert_answers(bert_session *s, bert_text question, bert_text passage, const bert_answer **out,
                 const bert_progress *progress, bert_err *e);

/* The one best answer as SQuAD's evaluation picks it: the largest sum of logits over all windows, of the 20 best
** starts and ends of each, cut at its tokens. Returns 0 where there is none: an empty passage, or, with a
** null_threshold, where the smallest null score ([CLS]) exceeds the answer's by more than that. null_threshold NULL:
** the model's own option bert_null_threshold, else its config's, else there is always an answer. */
int bert_answer_best(bert_session *s, bert_text question, bert_text passage, const double *null_threshold,
                     bert_answer *out, const bert_progress *progress, bert_err *e);

/* ---- words: BERT_CAN_TAG ----------------------------------------------------------------------------------------- */

/* The characters start … end-1 of a text, with their label. */
typedef struct {
  const char *label; /* living as long as the model: of a word "B-PER", of an entity "PER" */
  int start, end;    /* code points */
  size_t byte_start, byte_end;
  double score;      /* softmax of the first token of a word; an entity has the mean of its words */
} bert_span;

/* Every word of a text with its label, and the entities that words make, as transformers' token-classification
** pipeline with aggregation_strategy "first" does. Words are those of the tokenizer. Texts past the window are read
** in windows that begin and end with words and overlap; a word counts where it stands farthest from a window's edge.
** Returns how many; *out is owned by the session, valid until its next call. */
int bert_tags(bert_session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e);
int bert_entities(bert_session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e);

/* ---- masks: BERT_CAN_FILL ---------------------------------------------------------------------------------------- */

typedef struct {
  int32_t id;
  float score; /* softmax over the vocabulary */
} bert_fill;

/* All owned by the session, valid until its next call. */
typedef struct {
  int masks;             /* how many mask tokens the text has */
  int position;          /* of the one asked for, among the text's tokens */
  int n;                 /* tokens that could stand there: the vocabulary */
  const bert_fill *fill; /* [n], best score first, lower id first among equals */
  int tokens;
  const int32_t *ids;    /* [tokens] of the text, as bert_encode gives them */
} bert_fills;

/* What could stand in place of mask `mask` (from 0) of a text. A text without any, or cut before the one asked for,
** is BERT_ARGUMENT. Each call is one encoder pass; n * 8 bytes of memory. */
void bert_fill_mask(bert_session *s, bert_text text, int mask, bert_fills *out, const bert_progress *progress,
                    bert_err *e);

/* ids[n] as text, as the tokenizer's own decoder: pieces joined to words. skip_special leaves out [CLS] and the like.
** The text is owned by the session, valid until its next call; ids may be the session's own. */
bert_text bert_decode(bert_session *s, const int32_t *ids, int n, int skip_special, bert_err *e);

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* Tokens of a text or a pair. Arrays of n, owned by the session, valid until its next call. */
typedef struct {
  int n;
  int total;            /* tokens before truncation, special ones included */
  const int32_t *ids;
  const uint8_t *types; /* segment: 0 or 1 */
  const int32_t *start; /* offsets in code points of the own text (a or b); 0, 0 for special tokens put in by the model */
  const int32_t *end;
  const uint8_t *special; /* 1 where the model put it in ([CLS], [SEP]) */
} bert_encoding;

/* b may be NULL. truncate: cut to the model's window (longest_first for pairs), else every token is given. */
void bert_encode(bert_session *s, bert_text a, const bert_text *b, int truncate, bert_encoding *out, bert_err *e);

/* How many tokens bert_encode would give without truncation; much cheaper, as no offsets are made. */
int64_t bert_token_count(bert_session *s, bert_text text, bert_err *e);

/* The vocabulary's spelling of an id ("##ing"), NUL-terminated, living as long as the model; "" for an id that has none. */
const char *bert_token_text(const bert_model *m, int32_t id);

/* Encodes as bert_encode with truncation and gives the hidden states after `layer` layers: 0 is the summed, normalised
** embeddings, L or -1 the last. *vectors is [out->n][H], owned by the session, valid until its next call. */
void bert_token_vectors(bert_session *s, bert_text a, const bert_text *b, int layer, bert_encoding *out,
                        const float **vectors, const bert_progress *progress, bert_err *e);

/* Encodes as bert_encode with truncation and gives the attention weights of layers first … first+count-1: *weights is
** [count][A][T][T], from a token (third index) to each token (fourth), every row summing to 1; T = out->n. Of one head
** alone, [count][T][T], where head is not -1. Owned by the session, valid until its next call. Costs first+count layers
** of one pass, and the memory of *weights: 12 layers of 12 heads and 512 tokens are 144 MiB, so a caller with many
** tokens asks layer by layer. */
void bert_attentions(bert_session *s, bert_text a, const bert_text *b, int first, int count, int head,
                     bert_encoding *out, const float **weights, const bert_progress *progress, bert_err *e);

/* Windows over a text: each holds at most max_tokens tokens, special ones included, and repeats `overlap` tokens of
** the one before; a word is not split unless it alone exceeds a window. max_tokens 0 is the model's window. */
typedef struct {
  int32_t start, end; /* code points: text from the first token's start to the last token's end */
  size_t byte_start, byte_end;
  int tokens;         /* with [CLS] and [SEP] */
} bert_chunk;
/* *chunks is owned by the session, valid until its next call; returns how many. */
int bert_chunks(bert_session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e);

/* ---- vectors ------------------------------------------------------------------------------------------------------ */

/* Cosine of v[n] and w[n], in [-1, 1]; 0 where one is all zeros. Summed in one fixed order. */
double bert_vector_cosine(const float *v, const float *w, int n);

/* Reads JSON "[0.1, …]" into out[max] and returns how many numbers it has (which may exceed max: call again with
** room). NaN, infinity and anything but numbers is BERT_FORMAT. */
int bert_vector_parse(bert_text json, float *out, int max, bert_err *e);

/* Writes v[n] as JSON with the fewest digits that read back to the same floats, into out[room] (16 bytes a number and
** 2 suffice), NUL-terminated; returns the length. */
size_t bert_vector_print(const float *v, int n, char *out, size_t room);

/* 1 if all of v[n] is finite. */
int bert_vector_finite(const float *v, int n);

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* A query's rows, copied: what training and evaluation read. Cells are added left to right, row after row; those that
** hold neither NULL nor a number are texts or blobs. All rows together take at most 2 GiB of bytes, and 24 bytes a cell. */
typedef struct bert_rows bert_rows;
bert_rows *bert_rows_new(int columns, const char *const *names, bert_err *e);
void bert_rows_free(bert_rows *r);
void bert_rows_null(bert_rows *r, bert_err *e);
void bert_rows_integer(bert_rows *r, int64_t x, bert_err *e);
void bert_rows_real(bert_rows *r, double x, bert_err *e);
void bert_rows_text(bert_rows *r, bert_text x, bert_err *e);
void bert_rows_blob(bert_rows *r, bert_text x, bert_err *e);
int bert_rows_count(const bert_rows *r);

/* ---- pictures: SVG, one file without scripts, readable in light and dark ------------------------------------------- */

/* Attention as a heat map a head (layers down, heads across) and the mean of all, tokens named. One pass; the weights of
** one layer in memory. Maps show up to 64 tokens, fewer where there are many heads (39 of 24 x 16). Owned by the session,
** valid until its next call. */
bert_text bert_attention_draw(bert_session *s, bert_text a, const bert_text *b, const bert_progress *progress,
                              bert_err *e);

/* A map of vectors: their two principal components, coloured by label; the same bits on every machine for the same
** vectors in the same order. All of one length; at most 10,000, and 2^24 numbers in all. label NULL: none. Up to 24 labels
** have a colour and a shape each; of more, the most frequent have, or, where most are different, all are written beside
** their points. What is drawn is owned by the map, valid until its next call. */
typedef struct bert_map bert_map;
bert_map *bert_map_new(bert_err *e);
void bert_map_add(bert_map *m, const float *v, int n, const bert_text *label, bert_err *e);
bert_text bert_map_draw(bert_map *m, const bert_progress *progress, bert_err *e);
void bert_map_free(bert_map *m);

/* A plot: a line for each series through its points by rising x; axes with round ticks. At most 1,000,000 points;
** magnitudes up to 1e38. series NULL: none. What is drawn is owned by the plot, valid until its next call. */
typedef struct bert_plot bert_plot;
bert_plot *bert_plot_new(bert_err *e);
void bert_plot_add(bert_plot *p, double x, double y, const bert_text *series, bert_err *e);
bert_text bert_plot_draw(bert_plot *p, bert_err *e);
void bert_plot_free(bert_plot *p);

/* ---- search ------------------------------------------------------------------------------------------------------- */

/* The nearest of many vectors, by distance = 1 - bert_vector_cosine (a vector of zeros is at distance 1 from all), equal
** distances by rowid. Exact: what comes is what comparing with every vector would give, in that order, bit for bit. The
** caller stores; the engine reads through callbacks. What it reads first is a code of each vector, a byte a dimension,
** with a bound on the code's error that is proved (index/code.h); the few vectors that may be among the nearest by
** that bound are then asked for themselves.
**
** Codes stand in blocks of up to BERT_BLOCK_SLOTS slots, which are bytes that a caller stores, copies and hands back:
**
**    header 16 bytes | slot 0 | slot 1 | …          a slot: rowid, kind, bounds, checksum: 32 bytes; a byte a dimension
**
** Slots are independent of one another: a caller may write one alone, at its offset. A slot of zeros is an empty one, and so
** are the slots that bert_block_init makes. Anywhere below, a vector's slot is block * BERT_BLOCK_SLOTS + its place in the
** block. Dimensions go from 1 to BERT_DIMENSIONS_MAX. */
enum { BERT_BLOCK_SLOTS = 1024, BERT_DIMENSIONS_MAX = 65536 };

/* Bytes of a block of `slots` slots, of one slot, and before slot `place`. */
size_t bert_block_bytes(int dimensions, int slots);
size_t bert_block_slot_bytes(int dimensions);
size_t bert_block_offset(int dimensions, int place);

/* block[bert_block_bytes(dimensions, slots)] = an empty block. */
void bert_block_init(void *block, int dimensions, int slots);

/* Encodes vectors[n][dimensions] into places[n], whatever those hold. A vector that is not finite, or a place that the block
** lacks, is BERT_ARGUMENT; bytes that are no block of these dimensions are BERT_FORMAT; then nothing is changed. Uses the
** threads where n is large. The bytes depend on rowid and vector alone. */
void bert_block_put(void *block, size_t size, int dimensions, const int *places, const int64_t *rowids,
                    const float *vectors, int n, bert_err *e);
/* Empties a place. */
void bert_block_clear(void *block, size_t size, int dimensions, int place, bert_err *e);

/* How many slots a block has; damage of its header, or a size that does not fit, is BERT_FORMAT. */
int bert_block_slots(const void *block, size_t size, int dimensions, bert_err *e);
/* 1 and the rowid where a place is taken, 0 where it is empty or the block has no such place (then *rowid stays). */
int bert_block_rowid(const void *block, size_t size, int dimensions, int place, int64_t *rowid);
/* Every byte: BERT_FORMAT where one is not as it was written. Searching checks likewise, when it reads a block. */
void bert_block_check(const void *block, size_t size, int dimensions, bert_err *e);
/* 1 where a place holds just this row's code: for integrity checks that compare codes with vectors. */
int bert_block_holds(const void *block, size_t size, int dimensions, int place, int64_t rowid, const float *vector,
                     bert_err *e);

/* A block to be searched. */
typedef struct {
  int64_t block;           /* what `read` is asked for */
  uint64_t stamp;          /* equal stamps mean equal bytes, in this process and at any time; 0: never remembered */
  const uint32_t *allowed; /* [BERT_BLOCK_SLOTS / 32] places that may be found: bit i % 32 of word i / 32; NULL: all */
} bert_block;

/* Where blocks and vectors are. Both are called by the calling thread alone. They return 0, or nonzero for a failure, which
** ends the call with BERT_IO (the caller knows better what happened). */
typedef struct {
  void *context;
  /* The bytes of a block, good until the next call. */
  int (*read)(void *context, int64_t block, const void **data, size_t *size);
  /* out[n][dimensions] = the vectors of slots[n], which ascend. NULL: there are none, distances stay estimates (within
  ** 0.02 or so in 384 dimensions), and come by them; for choosing lists. */
  int (*vectors)(void *context, const int64_t *slots, int n, float *out);
} bert_store;

typedef struct {
  int dimensions;
  const bert_block *blocks;
  int count;          /* of blocks */
  bert_store store;
  int threads;        /* 0: bert_threads() */
  int64_t k;          /* how many are wanted; INT64_MAX: all that `most` leaves */
  double most;        /* no distance above this; INFINITY for no limit */
} bert_scope;

typedef struct {
  int64_t slot, rowid;
  double distance;
} bert_hit;

typedef struct {
  bert_hit *hit; /* [n], nearest first */
  int64_t n;
} bert_hits;

/* out[q] = the nearest of scope to queries[q][dimensions], all in one pass over the codes. Fewer than k come only where
** fewer are allowed. Memory: a few dozen bytes for each that may be among the k, so a caller who streams without end
** asks for a few, then for eight times as many, and goes on where it was. On errors every out[q] is empty. A query that is
** not finite is BERT_ARGUMENT. */
void bert_search(const bert_scope *scope, const float *queries, int count, bert_hits *out, const bert_progress *progress,
                 bert_err *e);
void bert_hits_free(bert_hits *hits);

/* Blocks that were read are remembered by stamp, for the whole process, up to a limit in bytes (0: none; at first a quarter
** of the machine's memory). What is not used is forgotten for what is; where the blocks of one search exceed the limit,
** those that fit stay and the others are read each time. */
typedef struct {
  int64_t limit, bytes, blocks; /* bytes and blocks that are remembered */
  int64_t hits, misses;         /* blocks found and not found since the process began */
} bert_cache_info;
void bert_cache_limit(int64_t bytes);
void bert_cache_describe(bert_cache_info *out);
/* Forgets a block that nobody will ask for again. */
void bert_cache_forget(uint64_t stamp);

/* ---- lists: approximate search ------------------------------------------------------------------------------------ */

/* Rows are dealt to lists by the nearest of some centroids; a query looks into the nearest lists alone. Centroids are vectors
** like others: put into blocks, bert_search finds the lists of a query (k as many as are to be looked into, no
** `vectors` in the store, rowid the list), and then the rows in the blocks of those lists. */

/* centroids[lists][dimensions], of length 1, from vectors[n][dimensions]: k-means by angle (Dhillon and Modha 2001), the same
** for the same input everywhere. n >= lists. Costs about 20 n lists dimensions multiplications: a sample of some 50
** vectors a list is enough. A list that got no vector has zeros. */
void bert_centroids(const float *vectors, int64_t n, int dimensions, int lists, float *centroids,
                    const bert_progress *progress, bert_err *e);
/* list[n] = the centroid of the largest product with each vector, the first among equals. */
void bert_assign(const float *centroids, int lists, int dimensions, const float *vectors, int64_t n, int32_t *list,
                 const bert_progress *progress, bert_err *e);

/* Vectors in fewer bits: a byte a dimension, or a bit (the first is the lowest of the first byte), which stands for +1 or
** -1, so that 1 - cosine is twice the share of bits that differ. */
typedef enum { BERT_FLOAT32, BERT_INT8, BERT_BIT } bert_element;
size_t bert_element_bytes(bert_element kind, int dimensions); /* 0 where dimensions do not fill whole bytes */
void bert_element_floats(bert_element kind, const void *data, int dimensions, float *out);

/* ---- training -------------------------------------------------------------------------------------------------------- */

/* A run of training: a copy of a model's weights that moves, step by step. Which examples a step takes, what dropout
** draws and what the rate is follow from the options and the step's number, so the same rows and options give the same
** bits, on any number of threads. */
typedef struct bert_training bert_training;

/* Trains `from` (of "head", vector and label: it may be NULL) for a task: "head", "classify", "rerank", "qa", "tag",
** "embed" or "mlm" (model/examples.h has the columns of each). options_json is NULL or an object with any of
**    epochs 3, steps (in their place), batch_size 32, accumulate 1 (batches of a step), max_tokens, seed 0
**    learning_rate 5e-5, warmup 0.1 (below 1 a share of the steps, else steps), schedule "linear" | "constant"
**    weight_decay 0.01, beta1 0.9, beta2 0.999, epsilon 1e-8, clip 1 (0: none), correct_bias true
**    dropout, attention_dropout, head_dropout                        (default: as config.json says)
**    freeze: parameters that stay as they are: a name or a part of one, such as "embeddings" or "encoder.layer.0", an array
**       of these, or a number: the embeddings and so many of the lowest layers
**    labels: their names, in the order of the units                  (default: those of the rows, sorted)
**    scale 20, margin 5: of ranking and triplets;  checkpoint: a directory, checkpoint_steps 500
** and what model/examples.h names. from, model, teacher, evaluate, progress, config, vocabulary and lowercase are let pass:
** they are the caller's. Rows are needed during the call alone.
**
** teacher is NULL, or a model that knows the task (any but head): then `from` learns to answer as it
** does (Hinton et al. 2015; of embed, to give its vectors), and from the rows' targets, where they have any; the labels are the
** teacher's, and rows must stay as long as the training. Of qa and tag both must read the same tokens, of mlm have the same
** vocabulary. Options:
**    temperature 2: what logits are divided by;  alpha 0.5: the teacher's share of the loss, where a row has a target */
bert_training *bert_finetune(bert_model *from, bert_model *teacher, const char *task, const bert_rows *rows,
                             const char *options_json, const bert_progress *progress, bert_err *e);
/* A BERT of drawn weights, to pre-train: config has what differs from BERT-base's config.json (hidden_size …), as a
** JSON object or NULL; vocabulary is a vocab.txt, a piece a line. */
bert_model *bert_model_fresh(const char *config, bert_text vocabulary, int lowercase, uint64_t seed, bert_err *e);
/* Pre-trains it on documents: masked words, and next sentences where it has segments. The defaults are the paper's:
** steps 1000000, batch_size 256, learning_rate 1e-4, warmup 10000, epsilon 1e-6, no correct_bias, and
**    short_share 0.9, short_tokens 128: that share of the steps has sequences of so many tokens at most, the rest of max_tokens
** teacher: as above, of the masked words. */
bert_training *bert_pretrain(bert_model *from, bert_model *teacher, const bert_rows *documents,
                             const char *options_json, const bert_progress *progress, bert_err *e);

typedef struct {
  int64_t step, steps; /* made, of so many */
  double epoch;        /* passes over the examples, so far */
  int epoch_ends;      /* 1: this step was the last of a pass, or of all */
  double loss;
  double mlm_loss, nsp_loss, accuracy, mlm_accuracy, nsp_accuracy; /* of this step's examples; NaN: there is none */
  double learning_rate, tokens_per_second, seconds, eta;
} bert_step;

/* Makes a step. 1: *out is its row; 0: all steps are made, or an error. An interrupted step leaves the weights as they were. */
int bert_training_step(bert_training *t, bert_step *out, const bert_progress *progress, bert_err *e);

/* Refuses rows that bert_evaluate would refuse for the model that comes of it, and judges nothing: before hours of work. */
void bert_training_check(const bert_training *t, const bert_rows *rows, const bert_progress *progress, bert_err *e);

/* An ordinary model with the weights as they stand. */
bert_model *bert_training_model(const bert_training *t, const bert_progress *progress, bert_err *e);
void bert_training_free(bert_training *t);

/* ---- a vocabulary out of text ---------------------------------------------------------------------------------------- */

/* Trains a WordPiece vocabulary: bert_vocab_new, bert_vocab_add for each text, bert_vocab_next for each piece.
** options_json is NULL or an object with any of
**    vocab_size            pieces, special ones included, 1 to 1000000                    (BERT_VOCAB_SIZE)
**    min_frequency         of a pair of pieces that becomes one                           (2)
**    limit_alphabet        different characters, the most frequent ones                   (1000)
**    lowercase, strip_accents, handle_chinese_chars   as the tokenizer will treat text    (true; as lowercase; true)
**    special_tokens        array of the first pieces       ([PAD], [UNK], [CLS], [SEP], [MASK], which may not be missing) */
enum { BERT_VOCAB_SIZE = 30000 };
typedef struct bert_vocab bert_vocab;
bert_vocab *bert_vocab_new(const char *options_json, bert_err *e);
void bert_vocab_free(bert_vocab *v);

/* Counts the words of a text. Memory is that of the different words, and bounded. */
void bert_vocab_add(bert_vocab *v, bert_text text, bert_err *e);

/* The next piece, in order of ids from 0; after the first call no text can be added. */
typedef struct {
  int id;
  const char *piece;  /* living as long as v */
  int64_t frequency;  /* of the pair that became it, or of the character; 0: a special token, or it begins no word */
  double seconds;     /* since bert_vocab_new */
} bert_vocab_piece;
/* 1, or 0 at the end. Texts without any word are BERT_ARGUMENT. */
int bert_vocab_next(bert_vocab *v, bert_vocab_piece *out, const bert_progress *progress, bert_err *e);

/* ---- judging a model, and seeing what it is trained on --------------------------------------------------------------- */

typedef struct {
  const char *name; /* a constant */
  double value;
} bert_metric;
enum { BERT_METRICS_MAX = 16 };

/* out[BERT_METRICS_MAX] = how good the model's answers to the rows are; returns how many metrics there are. Columns, and
** what comes out, by task:
**    classify  text [, pair], label       accuracy, f1 (of the second of two labels), f1_macro, f1_micro, mcc; of many
**                                         labels at once without f1 and mcc; of one unit pearson, spearman, mse
**    qa        question, passage, answer  exact_match, f1 in per cent, as the scripts of SQuAD 1.1 and, where an answer is
**                                         NULL, 2.0; an answer may be a JSON array of several that are right
**    tag       words, tags (or conll)     f1, precision, recall of spans (conlleval), accuracy of words
**    embed     a, b, score                pearson, spearman of the cosine;  anchor, positive, negative: accuracy
**    rerank    query, passage, label      mrr_at_10, ndcg_at_10, accuracy
**    mlm       text                       perplexity, loss, accuracy of masked tokens
**    nsp       a, b, label (1: follows)   accuracy, f1
**    head      vector, label              as classify
** options_json is NULL or an object with any of model, progress (the caller's own), seed, max_tokens, masked_lm_prob, …
** A row that cannot be judged, as for a label that the model does not have, is BERT_ARGUMENT that names it. */
int bert_evaluate(bert_session *s, const char *task, const bert_rows *rows, const char *options_json, bert_metric *out,
                  const bert_progress *progress, bert_err *e);

/* What pre-training would be given: bert_masked_new, then bert_masked_get for each of bert_masked_count. */
typedef struct bert_masked bert_masked;
bert_masked *bert_masked_new(bert_model *m, const bert_rows *documents, const char *options_json,
                             const bert_progress *progress, bert_err *e);
void bert_masked_free(bert_masked *x);
int bert_masked_count(const bert_masked *x);
/* Arrays are valid until the next call. */
typedef struct {
  int n, chosen;
  const int32_t *ids;              /* [n], masked */
  const int32_t *position, *label; /* [chosen], rising: which tokens were chosen, and their ids before */
  int next;                        /* 1: the second part follows, 0: it does not, -1: there is none */
} bert_masked_row;
void bert_masked_get(bert_masked *x, int i, bert_masked_row *out, bert_err *e);

/* ---- the machine ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *operation, *isa;
  int chosen;
  const char *reason; /* why it is, or is not, in use here */
} bert_kernel_info;
/* Row i of the kernels built in; 0 past the end. BERT_ISA (ref, avx2, avx512, vnni, neon) caps what is chosen. */
int bert_kernel_describe(int i, bert_kernel_info *out);

/* Threads that a call uses when nothing else is said. */
int bert_threads(void);

/* ---- tests only ------------------------------------------------------------------------------------------------------- */

/* The nth allocation from now on fails (1 is the next), and, if `forever`, all after it; n 0 turns this off. */
void bert_test_fail_allocation(int64_t n, int forever);
/* Allocations not freed yet. */
int64_t bert_test_live_allocations(void);

#endif
