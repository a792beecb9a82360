/* decode.c -- token ids back to text, as the decoders of `tokenizers` do it.
** Layer: model. Uses: base text.
**
** WordPiece: pieces between blanks, those that go on ("##ing") without one, nor those that begin with . ? ! or a comma.
** That is a reader's text, not the one that was read: case, accents and spacing are gone. Byte-level BPE: the bytes
** that the pieces spell, what is not UTF-8 as U+FFFD. */
#include <string.h>

#include "base/utf8.h"
#include "model/model.h"

static int is_special(const Model *m, int32_t id) {
  for (int i = 0; i < MODEL_SPECIAL; i++)
    if (m->special[i] == id) return 1;
  return 0;
}

/* Adds piece number `index` of a text. */
static void add_piece(Buf *b, const char *piece, int index, bert_err *e) {
  if (index > 0 && !strncmp(piece, "##", 2)) piece += 2;
  else if (index > 0 && !(*piece && strchr(".?!,", *piece))) buf_add(b, " ", 1, e);
  buf_add(b, piece, strlen(piece), e);
}

/* Bytes by the characters that spell them; 0x100: no byte. */
enum { CHARACTERS = 0x180, NO_BYTE = 0x100 };

static void turn_round(const uint16_t *character, uint16_t byte[CHARACTERS]) {
  for (int c = 0; c < CHARACTERS; c++) byte[c] = NO_BYTE;
  for (int b = 0; b < 256; b++)
    if (character[b] < CHARACTERS) byte[character[b]] = (uint16_t)b;
}

static void add_bytes(Buf *b, const char *piece, const uint16_t byte[CHARACTERS], bert_err *e) {
  size_t n = strlen(piece), begin = b->size;
  int used;
  for (size_t i = 0; i < n && !e->code; i += (size_t)used) {
    uint32_t c = utf8_decode((const unsigned char *)piece + i, n - i, &used);
    if (c < CHARACTERS && byte[c] != NO_BYTE) {
      buf_add(b, &(char){(char)byte[c]}, 1, e);
    } else { /* an added token, spelled as it is */
      b->size = begin;
      buf_add(b, piece, n, e);
      return;
    }
  }
}

static void repair(Buf *to, const Buf *from, bert_err *e) {
  unsigned char character[4];
  int used;
  for (size_t i = 0; i < from->size && !e->code; i += (size_t)used) {
    uint32_t c = utf8_decode((const unsigned char *)from->data + i, from->size - i, &used);
    buf_add(to, character, (size_t)utf8_encode(c, character), e);
  }
}

bert_text decode_ids(Session *s, const int32_t *ids, int n, int skip_special, bert_err *e) {
  const Tokenizer *t = s->model->tokenizer;
  const uint16_t *character = tokenizer_byte_characters(t);
  uint16_t byte[CHARACTERS];
  int index = 0;
  if (character) turn_round(character, byte);
  s->text.size = s->pooled.size = 0;
  for (int i = 0; i < n && !e->code; i++) {
    if (skip_special && is_special(s->model, ids[i])) continue;
    if (character) add_bytes(&s->pooled, tokenizer_piece(t, ids[i]), byte, e);
    else add_piece(&s->text, tokenizer_piece(t, ids[i]), index++, e);
  }
  if (character) repair(&s->text, &s->pooled, e);
  return e->code || !s->text.size ? (bert_text){"", 0} : (bert_text){s->text.data, s->text.size};
}
