/* document.h -- one JSON file of a model directory, asked key by key.
** Layer: file. Uses: base.
**
** Every message begins with the file's path: "…/config.json: hidden_size: found 0, wanted an integer from 1 to 16384".
** A key that is absent or null gives `otherwise`. Texts are copied to the caller's arena; Json values live as long as
** the document. */
#ifndef FILE_DOCUMENT_H
#define FILE_DOCUMENT_H

#include "base/arena.h"
#include "base/io.h"
#include "base/json.h"

enum { DOCUMENT_MAX = 16 << 20 }; /* bytes of a file: a config with 65,536 labels takes 4 MiB */

typedef struct {
  const char *path;
  const Json *root; /* NULL where there is no such file */
  char *text;
  Arena arena;
} Document;

/* directory/name, whose root is an object or array, as `kind` says. An absent file is BERT_IO if it is required, else a
** document without a root, where every key is absent. */
void document_open(Document *d, const Folder *in, const char *directory, const char *name, JsonKind kind, int required,
                   bert_err *e);
void document_close(Document *d);

int document_integer(const Document *d, const Json *in, const char *key, int otherwise, int low, int high, bert_err *e);
double document_number(const Document *d, const Json *in, const char *key, double otherwise, bert_err *e);
int document_flag(const Document *d, const Json *in, const char *key, int otherwise, bert_err *e);
const char *document_text(const Document *d, const Json *in, const char *key, const char *otherwise, Arena *a,
                          bert_err *e);

/* "path: key: found v, wanted …". */
void document_refuse(const Document *d, const char *key, const Json *v, const char *wanted, bert_err *e);

#endif
