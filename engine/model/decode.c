/* decode.c -- token ids back to text, as the decoders of `tokenizers` do it.
** Layer: model. Uses: base text.
**
** WordPiece: pieces between blanks, those that go on ("##ing") without one, nor those that begin with . ? ! or a comma.
** That is a reader's text, not the one that was read: case, accents and spacing are gone. */
#include <string.h>

#include "model/model.h"

static int is_special(const Model *m, int32_t id) {
  for (int i = 0; i < MODEL_SPECIAL; i++)
    if (m->special[i] == id) return 1;
  return 0;
}

/* Adds piece number `index` of a text. */
static void add_piece(Buf *b, const char *piece, int index, bert_err *e) {
  if (index == 0) {
    buf_add(b, piece, strlen(piece), e);
    return;
  }
  if (!strncmp(piece, "##", 2)) piece += 2;
  else if (!*piece || !strchr(".?!,", *piece)) buf_add(b, " ", 1, e);
  buf_add(b, piece, strlen(piece), e);
}

bert_text decode_ids(Session *s, const int32_t *ids, int n, int skip_special, bert_err *e) {
  int index = 0;
  s->text.size = 0;
  for (int i = 0; i < n && !e->code; i++)
    if (!(skip_special && is_special(s->model, ids[i])))
      add_piece(&s->text, tokenizer_piece(s->model->tokenizer, ids[i]), index++, e);
  return e->code ? (bert_text){"", 0} : (bert_text){s->text.size ? s->text.data : "", s->text.size};
}
