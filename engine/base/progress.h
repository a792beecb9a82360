/* progress.h -- whether a call shall go on: its caller is asked, as bert.h says of bert_progress.
** Layer: base. Uses: bert.h. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include "base/err.h"

/* Of the calling thread alone. */
static inline int progress_stopped(const bert_progress *p) {
  return p && p->stop && p->stop(p->context);
}

static inline void progress_ask(const bert_progress *p, bert_err *e) {
  if (!e->code && progress_stopped(p)) err_set(e, BERT_INTERRUPT, "interrupted");
}

#endif
