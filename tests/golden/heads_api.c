/* heads_api.c -- the engine's functions for Python's ctypes: a library with one symbol, the table `heads_api`. */
#include "bert.h"

struct HeadsApi {
  bert_model *(*open)(const char *, const char *, bert_err *);
  void (*free)(bert_model *);
  void (*describe)(const bert_model *, bert_model_info *);
  bert_session *(*session)(bert_model *, bert_err *);
  void (*session_free)(bert_session *);
  void (*embed)(bert_session *, const bert_text *, int, const bert_text *, float *, const bert_progress *, bert_err *);
  void (*vectors)(bert_session *, bert_text, const bert_text *, int, bert_encoding *, const float **,
                  const bert_progress *, bert_err *);
  void (*classify)(bert_session *, const bert_text *, const bert_text *, int, float *, const bert_progress *,
                   bert_err *);
  void (*scores)(const bert_model *, const float *, float *);
  float (*number)(const bert_model *, float);
  float (*rerank)(const bert_model *, float, bert_err *);
  void (*zero_shot)(bert_session *, bert_text, const bert_text *, int, const bert_text *, int, double *,
                    const bert_progress *, bert_err *);
  double (*next)(bert_session *, bert_text, bert_text, const bert_progress *, bert_err *);
  int (*answers)(bert_session *, bert_text, bert_text, const bert_answer **, const bert_progress *, bert_err *);
  int (*best)(bert_session *, bert_text, bert_text, const double *, bert_answer *, const bert_progress *, bert_err *);
  int (*tags)(bert_session *, bert_text, const bert_span **, const bert_progress *, bert_err *);
  int (*entities)(bert_session *, bert_text, const bert_span **, const bert_progress *, bert_err *);
  void (*fill)(bert_session *, bert_text, int, bert_fills *, const bert_progress *, bert_err *);
  bert_text (*decode)(bert_session *, const int32_t *, int, int, bert_err *);
  void (*attentions)(bert_session *, bert_text, const bert_text *, int, int, int, bert_encoding *, const float **,
                     const bert_progress *, bert_err *);
};

__attribute__((visibility("default"))) const struct HeadsApi heads_api = {
    bert_model_open, bert_model_free,     bert_model_describe, bert_session_new, bert_session_free,
    bert_embed,      bert_token_vectors,  bert_classify,       bert_classify_scores, bert_classify_number,
    bert_rerank_score, bert_zero_shot,    bert_next_sentence,  bert_answers,     bert_answer_best,
    bert_tags,       bert_entities,       bert_fill_mask, bert_decode, bert_attentions};
