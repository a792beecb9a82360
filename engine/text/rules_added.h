/* rules_added.h -- the added tokens of ScanRules: their ids, and the patterns that find them.
** Layer: text. Uses: base.
**
** Both need the vocabulary and the normalizer, which are read first. See rules.h for where ids come from. */
#ifndef TEXT_RULES_ADDED_H
#define TEXT_RULES_ADDED_H

#include "base/json.h"
#include "text/scan.h"

/* How many a tokenizer.json's list has, and the bytes of their contents. */
int rules_added_count(const Json *list, size_t *bytes, bert_err *e);

/* Makes them r's. */
void rules_added_read(ScanRules *r, const Json *list, Arena *a, bert_err *e);

/* Makes token[n], whose contents lie in text and whose ids are still to be found, r's. */
void rules_added_put(ScanRules *r, AddedToken *token, int n, const char *text, Arena *a, bert_err *e);

/* Makes those of name[n] (sorted by id on return) that the vocabulary has r's; the one that is `lstrip`, itself and not
** only its text, takes the white space before it along. */
void rules_added_specials(ScanRules *r, const char **name, int n, const char *lstrip, Arena *a, bert_err *e);

#endif
