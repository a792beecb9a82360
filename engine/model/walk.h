/* walk.h -- offsets in bytes out of offsets in code points.
** Layer: model. Uses: base.
**
** A Walk goes over a text once: asked for rising offsets, it costs the text's bytes in all. What is asked for behind it
** is where it stands. */
#ifndef MODEL_WALK_H
#define MODEL_WALK_H

#include "base/utf8.h"
#include "bert.h"

typedef struct {
  const unsigned char *data;
  size_t size, byte;
  int32_t character;
} Walk;

static inline Walk walk_begin(bert_text text) {
  return (Walk){(const unsigned char *)text.data, text.size, 0, 0};
}

static inline size_t walk_to(Walk *w, int32_t character) {
  while (w->character < character && w->byte < w->size) {
    int used;
    utf8_decode(w->data + w->byte, w->size - w->byte, &used);
    w->byte += (size_t)used;
    w->character++;
  }
  return w->byte;
}

#endif
