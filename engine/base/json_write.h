/* json_write.h -- JSON out: strings, and values that were read, as they stood or with some members changed.
** Layer: base. Uses: buf json.
**
**    {"a": 1, "b": "x"} merged with {"b": null, "c": [2]}   ->   {"a":1,"c":[2]}
**
** Numbers keep their text, members their order; strings are escaped anew and mean the same. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buf.h"
#include "base/json.h"

/* text[n] as a JSON string. */
void json_write_string(Buf *b, const char *text, size_t n, bert_err *e);

/* v and all that is in it. */
void json_write(Buf *b, const Json *v, bert_err *e);

/* The object `base` with the members of the object `change` in place of its own, and after them what is new; null takes
** one away. Either may be NULL: no members. A member a line, as people read config.json. */
void json_write_merged(Buf *b, const Json *base, const Json *change, bert_err *e);

/* printf into b, up to 400 bytes. */
void json_write_format(Buf *b, bert_err *e, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
