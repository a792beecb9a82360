/* rules.h -- ScanRules out of a tokenizer.json, a vocab.txt, or a vocab.json with its merges.txt.
** Layer: text. Uses: base.
**
** Ids of added tokens are the reference's: the vocabulary's where the piece is in it, else counted on from the number
** of its pieces; what the file says about the id is not looked at. Not here: post_processor (template.h). */
#ifndef TEXT_RULES_H
#define TEXT_RULES_H

#include "base/json.h"
#include "text/scan.h"
#include "text/tokenizer.h"

/* What r points at lives in the arena; text and root are not needed afterwards. Messages do not name the file. */
void rules_from_json(ScanRules *r, const Json *root, Arena *a, bert_err *e);
void rules_from_vocab(ScanRules *r, const char *text, size_t size, const TokenizerSettings *s, Arena *a, bert_err *e);

#endif
