/* extra.c -- see extra.h.
** Layer: model. Uses: base file. */
#include "model/extra.h"

#include <string.h>

#include "base/digest.h"

enum { PIECE = 256 << 10 };

static uint64_t *field(ExtraStamp *s, int i) {
  uint64_t *const fields[] = {&s->version, &s->arithmetic, &s->beside, &s->file, &s->weights, &s->self};
  return fields[i];
}

void extra_stamp_print(const ExtraStamp *s, unsigned char out[EXTRA_STAMP_SIZE]) {
  ExtraStamp copy = *s;
  for (int i = 0; i < EXTRA_STAMP_SIZE; i++) out[i] = (unsigned char)(*field(&copy, i / 8) >> (8 * (i % 8)));
}

static ExtraStamp stamp_of(const unsigned char bytes[EXTRA_STAMP_SIZE]) {
  ExtraStamp s = {0};
  for (int i = 0; i < EXTRA_STAMP_SIZE; i++) *field(&s, i / 8) |= (uint64_t)bytes[i] << (8 * (i % 8));
  return s;
}

/* The digest of a file's bytes before `end`. */
static uint64_t digest_of(const Folder *in, const char *path, uint64_t end, bert_err *e) {
  Digest d = {0};
  File f = io_open(in, path, e);
  char *piece = mem_new(PIECE, 1, e);
  if (end > f.size) end = f.size;
  for (uint64_t at = 0, n; at < end && !e->code; at += n) {
    n = end - at < PIECE ? end - at : PIECE;
    io_read(&f, path, at, piece, (size_t)n, e);
    if (!e->code) digest_add(&d, piece, (size_t)n);
  }
  mem_free(piece);
  io_close(&f);
  return digest_end(&d);
}

static void refuse_damaged(const char *path, bert_err *e) {
  err_set(e, BERT_FORMAT, "%s: found it damaged, wanted it as it was saved; without it the model opens from the weights "
          "beside it", path);
}

/* The stamp; zeros where this version has no use for the file. */
static ExtraStamp read_stamp(const Model *m, const Weights *w, const char *path, bert_err *e) {
  unsigned char bytes[EXTRA_STAMP_SIZE] = {0};
  const Tensor *t = weights_maybe(w, EXTRA_STAMP);
  if (!e->code && (!t || t->bytes != EXTRA_STAMP_SIZE)) refuse_damaged(path, e);
  if (e->code) return (ExtraStamp){0};
  weights_read_bytes(w, t, 0, bytes, sizeof bytes, e);
  ExtraStamp s = stamp_of(bytes);
  if (digest_of(&m->folder, path, t->offset + EXTRA_SELF, e) != s.self) refuse_damaged(path, e);
  if (e->code || s.version != EXTRA_VERSION || s.arithmetic != BERT_ARITHMETIC) return (ExtraStamp){0};
  return s;
}

/* 1 if the weights beside are those that the file was written with. */
static int is_beside(const Model *m, const char *beside, const ExtraStamp *s, bert_err *e) {
  if (!m->folder.files && s->file && io_stamp(beside) == s->file) return 1;
  return digest_of(&m->folder, beside, UINT64_MAX, e) == s->beside;
}

Weights *extra_open(const Model *m, uint64_t *hash, bert_err *e) {
  Arena scratch = {0};
  const char *folder = m->sentence.transformer_directory;
  const char *path = arena_print(&scratch, e, "%s/" EXTRA_FILE, folder);
  const char *beside = arena_print(&scratch, e, "%s/model.safetensors", folder);
  Weights *w = NULL;
  if (!e->code && io_exists(&m->folder, path) && io_exists(&m->folder, beside)) {
    w = weights_open_safetensors(&m->folder, path, e);
    ExtraStamp s = read_stamp(m, w, path, e);
    *hash = s.weights;
    if (e->code || s.version != EXTRA_VERSION || !is_beside(m, beside, &s, e)) {
      weights_free(w);
      w = NULL;
    }
  }
  arena_fini(&scratch);
  return w;
}
