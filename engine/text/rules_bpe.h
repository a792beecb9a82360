/* rules_bpe.h -- ScanRules of byte-level BPE, out of a tokenizer.json or out of vocab.json and merges.txt.
** Layer: text. Uses: base.
**
** Read are models whose pre-tokenizer is ByteLevel and that have no normalizer: GPT-2's and RoBERTa's. What would
** change the pieces otherwise (dropout, byte_fallback, a prefix or suffix of pieces) is refused by name. */
#ifndef TEXT_RULES_BPE_H
#define TEXT_RULES_BPE_H

#include "base/json.h"
#include "text/scan.h"
#include "text/tokenizer.h"

/* Is a tokenizer.json's model BPE? */
int rules_bpe_is(const Json *model);

/* All of a tokenizer.json but its added tokens. */
void rules_bpe_read(ScanRules *r, const Json *root, Arena *a, bert_err *e);

/* Of vocab.json's values and the text of merges.txt, with RobertaTokenizer's added tokens. */
void rules_bpe_files(ScanRules *r, const Json *vocab, const char *merges, size_t size, const TokenizerSettings *s,
                     Arena *a, bert_err *e);

#endif
