/* template.h -- what stands around the tokens of a text or a pair: [CLS] a [SEP] b [SEP].
** Layer: text. Uses: base.
**
** Also how a pair is cut to a window, as this depends on how many tokens the template puts in. */
#ifndef TEXT_TEMPLATE_H
#define TEXT_TEMPLATE_H

#include "base/json.h"

enum { TEMPLATE_TOKEN = -1 }; /* else 0: the first text, 1: the second */

typedef struct {
  int sequence; /* 0, 1 or TEMPLATE_TOKEN */
  int32_t id;   /* of TEMPLATE_TOKEN */
  uint8_t type;
} TemplatePart;

typedef struct {
  TemplatePart *part;
  int count;
  int tokens;  /* how many TEMPLATE_TOKENs */
  int uses[2]; /* how often each text stands in it */
} Template;

/* For one text, and for two. */
typedef struct {
  Template of[2];
  uint8_t trim_offsets, add_prefix_space; /* of RobertaProcessing and ByteLevel: see scan_trim */
} Templates;

/* From tokenizer.json's post_processor; NULL or null stands for nothing around the texts. */
void template_read(Templates *t, const Json *processor, Arena *a, bert_err *e);

/* BERT's own, with these ids. */
void template_bert(Templates *t, int32_t cls, int32_t sep, Arena *a, bert_err *e);

/* RoBERTa's: <s> a </s></s> b </s>, of one segment. */
void template_roberta(Templates *t, int32_t cls, int32_t sep, Arena *a, bert_err *e);

/* Cuts lengths n[count] to `room` together, longest first, as `tokenizers` does: the shorter one keeps what it has up
** to half of the room; of two long ones each gets half, and an odd token goes to the longer one, the second of equals.
*/
void template_cut(int64_t *n, int count, int64_t room);

#endif
