/* session.c -- one caller's scratch.
** Layer: model. Uses: base text nn. */
#include "model/model.h"

Session *session_new(Model *m, int threads, bert_err *e) {
  Session *s = mem_new(1, sizeof *s, e);
  if (!s) return NULL;
  atomic_fetch_add(&m->owners, 1);
  s->model = m;
  s->threads = threads ? threads : pool_threads();
  s->tokens = tokenizer_scratch_new(e);
  s->worker = mem_new((size_t)s->threads, sizeof *s->worker, e);
  if (e->code) {
    session_free(s);
    return NULL;
  }
  return s;
}

void session_free(Session *s) {
  if (!s) return;
  for (int i = 0; s->worker && i < s->threads; i++) scratch_fini(&s->worker[i]);
  mem_free(s->worker);
  tokenizer_scratch_free(s->tokens);
  Buf *bufs[] = {&s->text,         &s->ids,    &s->types,  &s->items,   &s->sorted_ids,
                 &s->sorted_types, &s->starts, &s->chunks, &s->pooled,  &s->vectors,
                 &s->windows,      &s->spans,  &s->features};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_fini(bufs[i]);
  model_free(s->model);
  mem_free(s);
}
