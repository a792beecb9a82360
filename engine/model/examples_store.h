/* examples_store.h -- what the makers of examples share: where tokens and targets are kept.
** Layer: model. Uses: base text nn.
**
**    examples.c       keeps them, gives them out as batches     examples_text.c  classify rerank head embed mlm
**    examples_word.c  qa, tag: targets at tokens                examples_pack.c  pre-training: documents to pairs
**    examples_mask.c  which tokens are masked */
#ifndef MODEL_EXAMPLES_STORE_H
#define MODEL_EXAMPLES_STORE_H

#include "base/rng.h"
#include "model/examples.h"
#include "base/terms.h"
#include "model/pair.h"

/* What rng streams of examples are for; the low bits are theirs. */
enum { STREAM_MASK = 101, STREAM_PACK = 102 };
static inline uint64_t examples_stream(int kind, int round, int i) {
  return (uint64_t)kind << 56 | (uint64_t)(uint32_t)round << 32 | (uint32_t)i;
}

/* What the option loss may be. */
#define EXAMPLES_LOSSES "cosine, ranking, triplet, softmax, distil"

/* A pair out of documents: tokens a … a+a_count-1 and b … b+b_count-1 of all of them. */
typedef struct {
  uint32_t a, b;
  uint16_t a_count, b_count; /* b_count 0: no pair */
  int32_t next;              /* 0: it follows, 1: it is another document's */
} Packed;

struct bert_masked {
  Session *session;     /* its tokenizer scratch; its items: tower t of example i is i * towers + t */
  Arena arena;
  ExamplesOptions options;
  ExamplesInfo info;
  Terms labels;
  int max_tokens, max_predictions;
  int count, epoch;
  Buf label, past;      /* int32_t [count] */
  Buf target;           /* int32_t [all tokens], of tags */
  Buf value;            /* float [count][units] */
  Buf features;         /* float [count][feature_count] */
  Buf documents;        /* int32_t, the tokens of all documents */
  Buf packed;           /* Packed [count] */
  Buf batch[9];         /* what examples_batch gives out */
  Buf chosen;           /* scratch of the masks */
};

/* Fails where the caller says stop: asked every few rows. */
void examples_ask(const bert_progress *progress, int row, bert_err *e);

/* Adds a row of tokens: the text of a cell, or of two (pair -1: one), cut to max_tokens. One without any is refused. */
void examples_add_text(Examples *x, const Rows *rows, int row, int column, int pair, bert_err *e);

void examples_add_label(Examples *x, int label, bert_err *e);
void examples_add_value(Examples *x, double value, bert_err *e);

/* Ids of example i's tower in ids[], types in types[]; returns how many there are. Either may be NULL. */
int examples_tokens(const Examples *x, int i, int tower, int32_t *ids, uint8_t *types);

/* examples_mask.c: masks ids[n] of example i and appends which (counted from `base` on) and what they were. */
void examples_mask(Examples *x, int i, int32_t *ids, int n, int base, Buf *position, Buf *target, bert_err *e);

/* The makers. */
void examples_classify(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_rerank(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_head(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_embed(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_mlm(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_qa(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_tag(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
void examples_pack(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);

#endif
