/* logits.c -- see logits.h.
** Layer: model. Uses: base text nn. */
#include "model/logits.h"

#include "model/vector.h"

typedef struct {
  const Linear *head;
  float *logits;
} Job;

static int finish_row(void *context, const Row *row) {
  const Job *job = context;
  float *to = job->logits + row->item->first * (size_t)job->head->out;
  head_tokens(to, row->x, row->item->n, job->head, row->own);
  return vector_finite(to, row->item->n * job->head->out);
}

const float *logits_run(Session *s, const Linear *head, const bert_progress *progress, bert_err *e) {
  Job job = {.head = head};
  s->vectors.size = 0;
  job.logits = buf_room(&s->vectors, mem_size(s->ids.size / sizeof(int32_t), (size_t)head->out * sizeof(float), 0), e);
  if (e->code) return NULL;
  Finish finish = {finish_row, &job};
  int broken = batch_run(s, &finish, progress, e);
  if (broken) err_set(e, BERT_FORMAT, "%s: the model's output is not finite", s->model->source);
  return e->code ? NULL : job.logits;
}
