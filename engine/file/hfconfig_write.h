/* hfconfig_write.h -- the JSON files of a model directory, out of the structs that hfconfig.h reads them into.
** Layer: file. Uses: base hfconfig.
**
** For a model that came without them (out of a GGUF file), and for what the options of opening say otherwise than the
** files. What is written reads back to the same structs. */
#ifndef FILE_HFCONFIG_WRITE_H
#define FILE_HFCONFIG_WRITE_H

#include "base/buf.h"
#include "file/hfconfig.h"

/* config.json of a BERT, into the bundle. */
void hfconfig_write_model(const ModelConfig *m, Bundle *out, bert_err *e);
/* tokenizer_config.json of a vocab.txt. */
void hfconfig_write_tokenizer(const TokenizerConfig *t, Bundle *out, bert_err *e);
/* modules.json, 1_Pooling/config.json and, where there is a window, sentence_bert_config.json: a Transformer at the root,
** pooling of `width` numbers a token, and Normalize if the model does so. */
#define HFCONFIG_POOLING "1_Pooling"
void hfconfig_write_modules(const SentenceConfig *s, int width, Bundle *out, bert_err *e);

/* What a pooling's config.json says of its modes, as JSON that is merged into the old one: by name where that has names
** (is_named), else by flags. bits: one POOL_ bit or several. */
void hfconfig_print_pooling(int bits, int is_named, Buf *out, bert_err *e);

#endif
