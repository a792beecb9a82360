/* fn_qa.c -- bert_qa: the answer to a question, out of a passage.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_qa('who wrote Emma?', 'Emma is a novel by Jane Austen.');   -- Jane Austen, say
**    SELECT bert_qa('who wrote Emma?', body) FROM notes;                      -- NULL where a note has no answer
**
** The answer is the passage's own text, as SQuAD's evaluation picks it. It is NULL for "no answer", which only a model
** with a bert_null_threshold (its config's, or that option of bert_load) ever says; an empty passage has none either.
** A passage of any length is read, window by window. bert_answers gives the others, with scores. */
#include "ext.h"

void fn_qa(Call *call, bert_err *e) {
  bert_text question, passage;
  bert_answer a;
  Watch watch;
  if (!value_text(call->values[0], "question", &question, e)) return;
  if (!value_text(call->values[1], "passage", &passage, e)) return;
  Loaded *m = connection_model(call->connection, fn_value(call, 2), FOR_ANSWERS, e);
  if (!m) return;
  watch_start(&watch, connection_db(call->connection));
  int found = bert_answer_best(m->session, question, passage, NULL, &a, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code && found)
    sqlite3_result_text64(call->context, passage.data + a.byte_start, a.byte_end - a.byte_start, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
}
