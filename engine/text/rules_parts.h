/* rules_parts.h -- what the ways of making ScanRules share.
** Layer: text. Uses: base. */
#ifndef TEXT_RULES_PARTS_H
#define TEXT_RULES_PARTS_H

#include "base/json.h"
#include "text/vocabulary.h"

/* A Sequence of one stands for that one; `list` is the name of its array. */
const Json *rules_unwrapped(const Json *v, const char *list);

/* A flag that has to be there. */
uint8_t rules_flag(const Json *v, const char *name, const char *what, bert_err *e);

/* What a vocabulary {"piece": id, …} and the list of added tokens will need; checks the ids. */
VocabularySize rules_measure(const Json *vocab, const Json *added, bert_err *e);

/* The line at *p, without its end (any of \n, \r\n, \r); *p goes behind it. 0 at the end of the text. */
int rules_next_line(const char **p, const char *end, const char **line, size_t *n);

#endif
