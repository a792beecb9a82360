/* scan.h -- text to tokens, before the template puts [CLS] and [SEP] around them.
** Layer: text. Uses: base.
**
**    text -> UTF-8 repaired -> added tokens cut out -> normalized -> added tokens cut out -> words -> pieces
**
** The words are BERT's (words.h) or GPT-2's (bytelevel.h). A ScanRules is constant and shared; a Scan is one caller's
** scratch. */
#ifndef TEXT_SCAN_H
#define TEXT_SCAN_H

#include "text/added.h"
#include "text/bytelevel.h"
#include "text/repair.h"
#include "text/words.h"

typedef enum { SCAN_WORDPIECE, SCAN_BYTE_LEVEL } ScanKind;

typedef struct {
  ScanKind kind;
  Normalizer normalizer;
  Vocabulary vocabulary;
  Words words;         /* of SCAN_WORDPIECE */
  ByteLevel bytes;     /* of SCAN_BYTE_LEVEL */
  const AddedToken *token;   /* all added tokens */
  int token_count;
  Pieces contents;           /* their contents -> index in token */
  AddedSet added;            /* looked for in the text as it comes */
  AddedSet added_normalized; /* looked for in the normalized text */
  const uint8_t *blank;      /* trim_offsets: blank[id]: its piece begins or ends with white space; else NULL */
  int trim_prefixed;         /* trim_offsets: the first token's space may be none of the text's */
} ScanRules;

/* When everything else of r is set. */
void scan_init(ScanRules *r);

/* From now on offsets leave out the white space around a token, as the reference's trim_offsets. After scan_init. */
void scan_trim(ScanRules *r, int add_prefix_space, Arena *a, bert_err *e);

/* A Scan of zeros is empty and ready. */
typedef struct {
  TokenList tokens;
  Normalized normalized;
  ByteLevelScratch bytes;
  Repaired repaired; /* a text that was not UTF-8 */
} Scan;

/* Appends the first `keep` tokens of a text, or all if there are fewer, to s->tokens, with offsets where asked for.
** Returns how many there are in all. */
int64_t scan_text(const ScanRules *r, Scan *s, bert_text text, int offsets, size_t keep, bert_err *e);

void scan_fini(Scan *s);

#endif
