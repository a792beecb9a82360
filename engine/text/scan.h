/* scan.h -- text to tokens, before the template puts [CLS] and [SEP] around them.
** Layer: text. Uses: base.
**
**    text -> UTF-8 repaired -> added tokens cut out -> normalized -> added tokens cut out -> words -> pieces
**
** Runs of ASCII letters and digits, which is nearly all of an English text, go another way with the same result: eight
** bytes are classified, lower-cased and looked up at once. Any other byte sends its word through normalize.h.
**
** A ScanRules is constant and shared; a Scan is one caller's scratch. */
#ifndef TEXT_SCAN_H
#define TEXT_SCAN_H

#include "text/added.h"
#include "text/normalize.h"
#include "text/wordpiece.h"

typedef struct {
  Normalizer normalizer;
  WordPiece wordpiece;
  const AddedToken *token;   /* all added tokens */
  int token_count;
  Pieces contents;           /* their contents -> index in token */
  AddedSet added;            /* looked for in the text as it comes */
  AddedSet added_normalized; /* looked for in the normalized text */
  uint8_t ascii[256];        /* what scan.c does with a byte, from scan_init */
  int32_t ascii_id[128];     /* piece of a punctuation mark */
} ScanRules;

/* When everything else of r is set. */
void scan_init(ScanRules *r);

/* Tokens so far. Arrays have room for `room`; those of offsets are NULL where offsets were never asked for. */
typedef struct {
  int32_t *ids, *start, *end;
  uint8_t *whole;
  size_t n, room;
} Tokens;

/* A Scan of zeros is empty and ready. */
typedef struct {
  Tokens tokens;
  Normalized normalized;
  unsigned char *repaired; /* a text that was not UTF-8 */
  size_t repaired_room;
} Scan;

/* Appends the first `keep` tokens of a text, or all if there are fewer, to s->tokens, with offsets where asked for.
** Returns how many there are in all. */
int64_t scan_text(const ScanRules *r, Scan *s, bert_text text, int offsets, size_t keep, bert_err *e);

void scan_fini(Scan *s);

#endif
