/* tokenizer.h -- text to token ids, with offsets, equal to Hugging Face tokenizers.
** Layer: text. Uses: base.
**
**    text -> added tokens cut out -> normalize -> split -> WordPiece -> [CLS] a [SEP] (b [SEP]) -> truncated
**    text -> added tokens cut out -> split -> byte-level BPE -> <s> a </s> (</s> b </s>) -> truncated
**
** Made from bytes, not from files: who reads them is the caller. A Tokenizer is constant once made and shared by threads;
** what is mutable is a Scratch, one a caller. Ids, types and offsets equal those of `tokenizers` (Rust) for the same
** tokenizer.json, for any bytes. Offsets count code points of the original text (utf8.h says how broken bytes count). */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "base/arena.h"

typedef struct Tokenizer Tokenizer;

/* Settings of a vocab.txt model, BertTokenizer's arguments, or of vocab.json and merges.txt, RobertaTokenizer's
** (tokenizer_config.json). */
typedef struct {
  int lowercase;           /* do_lower_case; of a vocab.txt, as the next two */
  int strip_accents;       /* 1, 0, or -1: as lowercase */
  int chinese_characters;  /* tokenize_chinese_chars */
  const char *unk, *cls, *sep, *pad, *mask; /* NULL: [UNK] [CLS] [SEP] [PAD] [MASK], or <unk> <s> </s> <pad> <mask> */
  int add_prefix_space;    /* of merges.txt, as what follows */
  int keep_spaces;         /* 1 for trim_offsets false: a token's offsets take its spaces along */
  int mask_lstrip;         /* the mask takes the white space before it along ("lstrip" of its entry there) */
  const char *bos, *eos;   /* NULL: <s> </s> */
} TokenizerSettings;

/* From the bytes of a tokenizer.json. Another kind than WordPiece and byte-level BPE is BERT_FORMAT that says which was
** found. `name` stands in messages. The text may be freed afterwards. */
Tokenizer *tokenizer_from_json(const char *text, size_t size, const char *name, bert_err *e);

/* From the bytes of a vocab.txt, a piece a line. */
Tokenizer *tokenizer_from_vocab(const char *text, size_t size, const char *name, const TokenizerSettings *s, bert_err *e);

/* From the bytes of a vocab.json (piece -> id) and a merges.txt (two pieces a line, the first merge first): byte-level
** BPE as RobertaTokenizer has it, <s> a </s></s> b </s>. `name` stands in messages for both. */
Tokenizer *tokenizer_from_bpe(const char *vocab, size_t vocab_size, const char *merges, size_t merges_size,
                              const char *name, const TokenizerSettings *s, bert_err *e);

/* One more owner; tokenizer_free gives one up, the last one frees. */
Tokenizer *tokenizer_ref(Tokenizer *t);
void tokenizer_free(Tokenizer *t);

/* From now on text is lower-cased, whatever the file says; accents are treated as before. Before the first use, by its only
** owner. */
void tokenizer_lowercase(Tokenizer *t);

int tokenizer_vocabulary(const Tokenizer *t);               /* one more than the highest id that it can give */
int tokenizer_types(const Tokenizer *t, int pair);          /* one more than the highest segment, of a text or a pair */
const char *tokenizer_piece(const Tokenizer *t, int32_t id); /* "" for an id without one */
/* The character[256] that each byte is spelled as in pieces of byte-level BPE; NULL for WordPiece, whose pieces are text. */
const uint16_t *tokenizer_byte_characters(const Tokenizer *t);
int32_t tokenizer_id(const Tokenizer *t, const char *piece); /* -1: none */
int tokenizer_special_count(const Tokenizer *t, int pair);   /* tokens that the template puts in */
int64_t tokenizer_bytes(const Tokenizer *t);                 /* memory held */
uint64_t tokenizer_hash(const Tokenizer *t);                 /* over everything that decides its output */

typedef struct TokenizerScratch TokenizerScratch;
TokenizerScratch *tokenizer_scratch_new(bert_err *e);
void tokenizer_scratch_free(TokenizerScratch *s);

/* Arrays of n, owned by the scratch, valid until its next call. */
typedef struct {
  int n;
  int64_t total;   /* before truncation, special ones included */
  int32_t *ids;
  uint8_t *types;
  uint8_t *special;     /* 1 where the template put it in */
  int32_t *start, *end; /* code points; NULL unless asked for */
  uint8_t *whole;       /* 1 where the token begins a word of the pre-tokenizer; NULL unless offsets are asked for */
} Encoding;

/* b may be NULL. max_tokens 0: no truncation; else longest_first as `tokenizers` does it, from the right. Where even the
** special tokens do not fit (max_tokens < tokenizer_special_count) it is BERT_ARGUMENT.
** Cost: linear in the text; nothing is allocated once the scratch has grown to the longest text seen. With truncation and
** no total wanted the text past the window still has to be read. */
void tokenizer_encode(const Tokenizer *t, TokenizerScratch *s, bert_text a, const bert_text *b, int max_tokens,
                      int offsets, Encoding *out, bert_err *e);

/* As tokenizer_encode(...).total, without making the tokens. */
int64_t tokenizer_count(const Tokenizer *t, TokenizerScratch *s, bert_text a, bert_err *e);

#endif
