/* fn_classify.c -- one text or pair at a time: its label or number, its rank, whether one sentence follows another.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_classify('what a lovely film');                       -- POSITIVE, say
**    SELECT bert_rerank('who wrote Emma?', 'Emma is by Jane Austen');  -- 0.98, say
**
** These only compute, as bert_embed does. bert_classify gives the label of the highest score; a model of one unit has
** no labels to choose from and gives its number. A model that was trained on texts with numbers beside them
** takes these after its name, bert_classify(body, NULL, 'mine', price, age): each of them, and none of them NULL. For
** many rows bert_classify_each is many times as fast. */
#include "ext.h"

/* The texts of arguments 0 and 1 and the model of argument 2. */
typedef struct {
  bert_text a, b;
  int paired;
  Loaded *model;
} Texts;

/* 0 where the result is NULL or an error. Of what is not for labels, b NULL gives NULL too, else it means that there is
** none. */
static int take_texts(Call *call, const char *a, const char *b, Purpose purpose, Texts *t, bert_err *e) {
  if (!value_text(call->values[0], a, &t->a, e)) return 0;
  t->paired = value_text(fn_value(call, 1), b, &t->b, e);
  if (purpose != FOR_TEXTS && !t->paired) return 0;
  if (purpose == FOR_TEXTS && t->paired) purpose = FOR_PAIRS;
  t->model = connection_model(call->connection, fn_value(call, 2), purpose, e);
  return t->model != NULL;
}

/* The numbers of arguments 3 …, as many as the model takes; NULL where that is none, or on error. */
static const float *take_features(Call *call, const Loaded *m, bert_err *e) {
  enum { FIRST = 3 };
  int given = call->count > FIRST ? call->count - FIRST : 0, n = m->info.feature_count;
  if (given != n)
    error_set(e, BERT_ARGUMENT, "found %d number%s after the model, wanted the %d that it takes%s%s", given,
              given == 1 ? "" : "s", n, n ? ": " : "", n ? m->info.features : "");
  float *x = n ? connection_floats(call->connection, 1, (size_t)n, e) : NULL;
  for (int i = 0; x && i < n; i++) x[i] = value_feature(call->values[FIRST + i], bert_model_feature(m->model, i), e);
  return x;
}

/* The logits of the one row, in the connection's buffer. */
static float *classify(Call *call, const Texts *t, bert_err *e) {
  Watch watch;
  const float *features = take_features(call, t->model, e);
  size_t units = t->model->info.label_count > 0 ? (size_t)t->model->info.label_count : 1;
  float *logits = connection_floats(call->connection, 0, units, e);
  if (!logits) return NULL;
  watch_start(&watch, connection_db(call->connection));
  bert_classify_features(t->model->session, &t->a, t->paired ? &t->b : NULL, features, 1, logits, &watch.progress, e);
  watch_stop(&watch);
  return e->code ? NULL : logits;
}

void fn_classify(Call *call, bert_err *e) {
  Texts t;
  if (call->count == 0) error_set(e, BERT_ARGUMENT, "0 arguments, wanted a, b, model and the numbers that it takes");
  if (e->code) return;
  if (!take_texts(call, "a", "b", FOR_TEXTS, &t, e)) return;
  float *logits = classify(call, &t, e);
  if (!logits) return;
  int best = 0, n = t.model->info.label_count;
  if (n == 1) {
    sqlite3_result_double(call->context, (double)bert_classify_number(t.model->model, logits[0]));
    return;
  }
  for (int i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  value_result_text(call->context, bert_model_label(t.model->model, best));
}

void fn_rerank(Call *call, bert_err *e) {
  Texts t;
  if (!take_texts(call, "query", "passage", FOR_RANKS, &t, e)) return;
  float *logits = classify(call, &t, e);
  float score = logits ? bert_rerank_score(t.model->model, logits[0], e) : 0;
  if (!e->code) sqlite3_result_double(call->context, (double)score);
}

void fn_next_sentence(Call *call, bert_err *e) {
  Texts t;
  Watch watch;
  if (!take_texts(call, "a", "b", FOR_WORDS, &t, e)) return;
  watch_start(&watch, connection_db(call->connection));
  double probability = bert_next_sentence(t.model->session, t.a, t.b, &watch.progress, e);
  watch_stop(&watch);
  if (!e->code) sqlite3_result_double(call->context, probability);
}
