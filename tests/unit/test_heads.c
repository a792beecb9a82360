/* test_heads.c -- tasks at their edges: the wrong model, no text, too much text, a stop, no memory. What they answer in
** the middle is held to transformers by tests/golden/heads.py. */
#include <stdlib.h>

#include "fixture.h"
#include "test.h"

#define MODELS "tests/golden/heads/"

typedef struct {
  bert_model *model;
  bert_session *session;
  bert_err e;
} Fixture;

static Fixture open_model(const char *directory, const char *options) {
  Fixture f = {0};
  f.model = bert_model_open(directory, options ? fixture_quoted(options) : NULL, &f.e);
  GOOD(f.e);
  f.session = f.model ? bert_session_new(f.model, &f.e) : NULL;
  return f;
}

static void close_model(Fixture *f) {
  bert_session_free(f->session);
  bert_model_free(f->model);
}

static bert_text text(const char *s) { return (bert_text){s, strlen(s)}; }

/* n copies of a word and a blank, freed by the caller. */
static bert_text many(const char *word, size_t n) {
  size_t size = strlen(word) + 1;
  char *s = malloc(n * size + 1);
  for (size_t i = 0; s && i < n; i++) {
    memcpy(s + i * size, word, size - 1);
    s[i * size + size - 1] = ' ';
  }
  return (bert_text){s, s ? n * size : 0};
}

/* ---- the wrong model -------------------------------------------------------------------------------------------- */

TEST(heads_a_task_without_its_head_names_model_and_heads) {
  Fixture f = open_model(MODELS "bert-qa", NULL);
  float logits[8];
  const bert_span *spans;
  bert_fills fills;
  bert_text t = text("river");
  bert_err e = {0};
  bert_classify(f.session, &t, NULL, 1, logits, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "bert-qa: found a bert model with a head for answers to questions, wanted one with a head "
                          "for labels of texts (its class ends in ForSequenceClassification)");
  e = (bert_err){0};
  bert_tags(f.session, t, &spans, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "ForTokenClassification");
  e = (bert_err){0};
  bert_fill_mask(f.session, t, 0, &fills, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "ForMaskedLM");
  e = (bert_err){0};
  bert_next_sentence(f.session, t, t, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "ForNextSentencePrediction");
  e = (bert_err){0};
  bert_zero_shot(f.session, t, &t, 1, NULL, 0, &(double){0}, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "ForSequenceClassification");
  close_model(&f);
  f = open_model("tests/golden/models/bert-uncased", NULL);
  const bert_answer *answers;
  e = (bert_err){0};
  bert_answers(f.session, t, t, &answers, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "found a bert model with no head, for vectors alone, wanted one with a head for answers");
  close_model(&f);
}

TEST(heads_a_model_says_what_it_can) {
  bert_model_info info;
  Fixture f = open_model(MODELS "bert-pretraining", NULL);
  bert_model_describe(f.model, &info);
  EQ(info.can, BERT_CAN_FILL | BERT_CAN_NEXT);
  STR(info.task, "fill-mask");
  OK(info.labels == NULL);
  STR(bert_model_label(f.model, 0), "");
  close_model(&f);
  f = open_model(MODELS "bert-multilabel", NULL);
  bert_model_describe(f.model, &info);
  STR(info.task, "text-classification");
  STR(info.labels, "[\"a\",\"b\",\"c\",\"d\"]");
  EQ(info.label_count, 4);
  EQ(info.multi_label, 1);
  STR(bert_model_label(f.model, 3), "d");
  STR(bert_model_label(f.model, 4), "");
  STR(bert_model_label(f.model, -1), "");
  bert_err e = {0};
  bert_rerank_score(f.model, 0, &e);
  FAILS(e, BERT_ARGUMENT, "found a classifier of 4 labels, wanted a reranker, which has one");
  close_model(&f);
}

TEST(heads_stay_in_floats_under_int8) {
  float f32[3], int8[3];
  bert_text t = text("She asked how to reset a password, and who wrote the letter?");
  Fixture f = open_model(MODELS "bert-classify", NULL);
  bert_classify(f.session, &t, NULL, 1, f32, NULL, &f.e);
  GOOD(f.e);
  close_model(&f);
  f = open_model(MODELS "bert-classify", "{'compute':'int8'}");
  bert_classify(f.session, &t, NULL, 1, int8, NULL, &f.e);
  GOOD(f.e);
  for (int i = 0; i < 3; i++) NEAR(int8[i], f32[i], 0.2);
  close_model(&f);
}

/* The first words for a mask, and what the model takes in memory. */
static int64_t fill(const char *name, const char *options, bert_fill out[3]) {
  bert_fills fills = {0};
  bert_model_info info;
  Fixture f = open_model(name, options);
  bert_model_describe(f.model, &info);
  bert_fill_mask(f.session, text("the [MASK] begins in the mountains."), 0, &fills, NULL, &f.e);
  GOOD(f.e);
  EQ(fills.masks, 1);
  for (int i = 0; i < 3 && i < fills.n; i++) out[i] = fills.fill[i];
  close_model(&f);
  return info.bytes;
}

TEST(heads_decode_with_the_words_in_8_bits) {
  bert_fill f32[3], one[3], three[3];
  int64_t bytes = fill(MODELS "bert-mlm", NULL, f32);
  OK(fill(MODELS "bert-mlm", "{'compute':'int8','threads':1}", one) < bytes);
  fill(MODELS "bert-mlm", "{'compute':'int8','threads':3}", three);
  for (int i = 0; i < 3; i++) {
    EQ(one[i].id, f32[i].id);
    NEAR(one[i].score, f32[i].score, 0.03);
    OK(three[i].id == one[i].id && three[i].score == one[i].score);
  }
  fill(MODELS "bert-mlm-untied", "{'compute':'int8'}", one); /* its decoder is its own, in floats */
}

/* ---- too little text -------------------------------------------------------------------------------------------- */

TEST(heads_an_empty_passage_has_no_answer) {
  Fixture f = open_model(MODELS "bert-qa", NULL);
  const bert_answer *answers;
  bert_answer best;
  EQ(bert_answers(f.session, text("who?"), text(""), &answers, NULL, &f.e), 0);
  EQ(bert_answers(f.session, text("who?"), text(" \t\n"), &answers, NULL, &f.e), 0);
  EQ(bert_answer_best(f.session, text("who?"), text(""), NULL, &best, NULL, &f.e), 0);
  EQ(bert_answers(f.session, text(""), text("river"), &answers, NULL, &f.e), 1);
  GOOD(f.e);
  close_model(&f);
}

TEST(heads_the_null_threshold_is_an_option_of_the_model) {
  bert_answer best;
  bert_model_info with, without;
  double never = 1e9;
  Fixture f = open_model(MODELS "bert-qa", "{'bert_null_threshold':-1e9}"), plain = open_model(MODELS "bert-qa", NULL);
  EQ(bert_answer_best(f.session, text("who?"), text("the river"), NULL, &best, NULL, &f.e), 0);
  EQ(bert_answer_best(f.session, text("who?"), text("the river"), &never, &best, NULL, &f.e), 1);
  EQ(bert_answer_best(plain.session, text("who?"), text("the river"), NULL, &best, NULL, &plain.e), 1);
  bert_model_describe(f.model, &with);
  bert_model_describe(plain.model, &without);
  OK(strcmp(with.hash, without.hash)); /* it decides answers, so it is part of what the model is */
  GOOD(f.e);
  close_model(&f);
  close_model(&plain);
}

TEST(heads_an_empty_text_has_no_words_but_a_label) {
  const bert_span *spans;
  float logits[3];
  bert_text empty = {NULL, 0};
  Fixture f = open_model(MODELS "bert-ner", NULL);
  EQ(bert_tags(f.session, empty, &spans, NULL, &f.e), 0);
  EQ(bert_entities(f.session, empty, &spans, NULL, &f.e), 0);
  GOOD(f.e);
  close_model(&f);
  f = open_model(MODELS "bert-classify", NULL);
  bert_classify(f.session, &empty, NULL, 1, logits, NULL, &f.e);
  GOOD(f.e);
  close_model(&f);
}

TEST(heads_a_text_without_a_mask_is_refused) {
  Fixture f = open_model(MODELS "bert-mlm", NULL);
  bert_fills fills;
  bert_fill_mask(f.session, text("river"), 0, &fills, NULL, &f.e);
  FAILS(f.e, BERT_ARGUMENT, "found 0 times [MASK] in the text's first 3 tokens, wanted at least 1");
  close_model(&f);
}

/* ---- too much text ---------------------------------------------------------------------------------------------- */

TEST(heads_a_question_past_the_window_is_cut) {
  Fixture f = open_model(MODELS "bert-qa", NULL);
  const bert_answer *answers;
  bert_text question = many("river", 500);
  int n = bert_answers(f.session, question, text("the boat"), &answers, NULL, &f.e);
  GOOD(f.e);
  OK(n > 0);
  for (int i = 0; i < n; i++) OK(answers[i].end <= 8 && answers[i].start < answers[i].end);
  free((char *)question.data);
  close_model(&f);
}

TEST(heads_a_hypothesis_past_the_window_is_refused) {
  Fixture f = open_model(MODELS "bert-nli", NULL);
  bert_text label = many("river", 80), bad = text("no place for it"), two = text("{} and {}"), half = text("{");
  double score;
  bert_zero_shot(f.session, text("the boat"), &label, 1, NULL, 0, &score, NULL, &f.e);
  FAILS(f.e, BERT_ARGUMENT, "found a hypothesis of ");
  const bert_text *templates[] = {&bad, &two, &half};
  for (int i = 0; i < 3; i++) {
    bert_err e = {0};
    bert_zero_shot(f.session, text("the boat"), &bad, 1, templates[i], 0, &score, NULL, &e);
    FAILS(e, BERT_ARGUMENT, "wanted one {} where the label goes");
  }
  free((char *)label.data);
  close_model(&f);
}

TEST(heads_on_long_error_refuses_and_mean_takes_all) {
  bert_text t = many("river", 300);
  float logits[3];
  Fixture f = open_model(MODELS "bert-classify", "{'on_long':'error'}");
  bert_classify(f.session, &t, NULL, 1, logits, NULL, &f.e);
  FAILS(f.e, BERT_ARGUMENT, "found a text of 302 tokens, wanted at most the model's 64");
  bert_err e = {0};
  bert_classify(f.session, &t, &t, 1, logits, NULL, &e);
  FAILS(e, BERT_ARGUMENT, "found a pair of 603 tokens");
  close_model(&f);
  f = open_model(MODELS "bert-classify", "{'on_long':'mean'}");
  bert_classify(f.session, &t, NULL, 1, logits, NULL, &f.e);
  GOOD(f.e);
  close_model(&f);
  free((char *)t.data);
}

TEST(heads_every_word_of_a_long_text_has_one_label) {
  static const int STARTS[] = {0, 4, 5}, ENDS[] = {4, 5, 10};
  bert_text t = many("Anna-Maria", 3000); /* three words each, of several pieces */
  const bert_span *spans;
  Fixture f = open_model(MODELS "bert-ner", NULL);
  EQ(bert_tags(f.session, t, &spans, NULL, &f.e), 9000);
  GOOD(f.e);
  for (int i = 0; i < 9000 && !f.e.code; i++) {
    EQ(spans[i].start, i / 3 * 11 + STARTS[i % 3]);
    EQ(spans[i].end, i / 3 * 11 + ENDS[i % 3]);
  }
  free((char *)t.data);
  close_model(&f);
}

TEST(heads_a_word_longer_than_the_window_is_one_word) {
  char word[4000];
  memset(word, 'a', sizeof word);
  word[90] = ' '; /* past 100 characters a word is [UNK]: one token */
  const bert_span *spans;
  Fixture f = open_model(MODELS "bert-ner", "{'max_tokens':5}");
  EQ(bert_tags(f.session, (bert_text){word, sizeof word}, &spans, NULL, &f.e), 2);
  GOOD(f.e);
  EQ(spans[0].end, 90);
  EQ(spans[1].start, 91);
  EQ(spans[1].end, 4000);
  close_model(&f);
}

/* ---- a stop ----------------------------------------------------------------------------------------------------- */

static int third_time(void *context) { return ++*(int *)context >= 3; }

TEST(heads_long_tasks_stop_when_told) {
  bert_text t = many("river", 20000);
  const bert_span *spans;
  const bert_answer *answers;
  int asked = 0;
  bert_progress p = {.stop = third_time, .context = &asked};
  Fixture f = open_model(MODELS "bert-ner", NULL);
  bert_tags(f.session, t, &spans, &p, &f.e);
  FAILS(f.e, BERT_INTERRUPT, "");
  close_model(&f);
  f = open_model(MODELS "bert-qa", NULL);
  asked = 0;
  bert_answers(f.session, text("who?"), t, &answers, &p, &f.e);
  FAILS(f.e, BERT_INTERRUPT, "");
  close_model(&f);
  free((char *)t.data);
}


/* ---- one pass for several questions ------------------------------------------------------------------------------ */

enum { ROOM = 512 };

/* What a session says of a text in several ways, one after the other; the encoder asks `progress` in every pass. */
static void ask(bert_session *s, int hidden, bert_text t, int way, float out[ROOM], const bert_progress *p, bert_err *e) {
  const bert_span *spans;
  const float *x;
  bert_encoding c;
  memset(out, 0, ROOM * sizeof *out);
  if (way == 0) bert_embed(s, &t, 1, NULL, out, p, e);
  if (way == 1)
    for (int i = bert_tags(s, t, &spans, p, e) - 1; i >= 0; i--) out[i] = (float)spans[i].score;
  if (way == 2)
    for (int i = bert_entities(s, t, &spans, p, e) - 1; i >= 0; i--) out[i] = (float)spans[i].start;
  if (way >= 3) {
    bert_token_vectors(s, t, NULL, way == 3 ? -1 : 1, &c, &x, p, e);
    memcpy(out, x, (size_t)(c.n * hidden < ROOM ? c.n * hidden : ROOM) * sizeof *out);
  }
}

static int count_questions(void *context) { return ++*(int *)context < 0; }

TEST(heads_one_pass_serves_all_that_is_asked_of_a_text) {
  static const char *const OPTIONS[] = {"{'threads': 1}", "{'threads': 3}", "{'compute': 'int8'}"};
  int asked;
  bert_progress p = {.stop = count_questions, .context = &asked};
  for (int o = 0; o < 3; o++) {
    Fixture f = open_model(MODELS "bert-ner", OPTIONS[o]);
    bert_model_info info;
    bert_model_describe(f.model, &info);
    float found[ROOM], wanted[ROOM];
    for (int first = 0; first < 4; first++)
      for (int then = 0; then < 4; then++) {
        bert_session *fresh = bert_session_new(f.model, &f.e);
        ask(f.session, info.hidden, text("another text"), 0, found, NULL, &f.e);
        asked = 0;
        ask(f.session, info.hidden, text("Anna lives by the river"), first, found, &p, &f.e);
        OK(asked > 0);
        asked = 0;
        ask(f.session, info.hidden, text("Anna lives by the river"), then, found, &p, &f.e);
        EQ(asked, 0);
        ask(fresh, info.hidden, text("Anna lives by the river"), then, wanted, NULL, &f.e);
        OK(!memcmp(found, wanted, sizeof found));
        bert_session_free(fresh);
      }
    GOOD(f.e);
    close_model(&f);
  }
}

/* Whatever computes between two questions about a text, the second has its own states. */
TEST(heads_another_pass_between_is_no_harm) {
  Fixture f = open_model(MODELS "bert-ner", NULL);
  bert_model_info info;
  bert_model_describe(f.model, &info);
  float wanted[ROOM], found[ROOM];
  const float *weights;
  bert_text t = text("Anna lives by the river"), many_texts[2] = {t, text("Anna")};
  bert_encoding c;
  static float vectors[2 * 1024];
  int asked = 0;
  bert_progress stops = {.stop = third_time, .context = &asked};
  ask(f.session, info.hidden, t, 0, wanted, NULL, &f.e);
  for (int between = 0; between < 5; between++) {
    bert_err stopped = {0};
    ask(f.session, info.hidden, t, 1, found, NULL, &f.e);
    if (between == 0) bert_attentions(f.session, t, NULL, 0, info.layers, -1, &c, &weights, NULL, &f.e);
    if (between == 1) bert_attention_draw(f.session, t, NULL, NULL, &f.e);
    if (between == 2) bert_embed(f.session, many_texts, 2, NULL, vectors, NULL, &f.e);
    if (between == 3) ask(f.session, info.hidden, t, 4, found, NULL, &f.e);
    if (between == 4) {
      bert_embed(f.session, &many_texts[1], 1, NULL, vectors, &stops, &stopped);
      EQ(stopped.code, BERT_INTERRUPT);
      bert_encode(f.session, many_texts[1], NULL, 1, &c, &f.e);
    }
    ask(f.session, info.hidden, t, 0, found, NULL, &f.e);
    OK(!memcmp(found, wanted, sizeof found));
  }
  GOOD(f.e);
  close_model(&f);
}

/* ---- no memory -------------------------------------------------------------------------------------------------- */

/* Each task that the model has, on texts of several windows. */
static void ask_all(const char *directory, bert_err *e) {
  bert_model *m = bert_model_open(directory, NULL, e);
  bert_session *s = m ? bert_session_new_threads(m, 2, e) : NULL;
  bert_text texts[2] = {text("the river [MASK] the sea <mask>"), text("Anna-Maria")}, label = text("river");
  bert_model_info info = {0};
  if (m) bert_model_describe(m, &info);
  const bert_answer *answers;
  const bert_span *spans;
  const float *weights;
  bert_encoding encoding;
  bert_answer best;
  bert_fills fills;
  float logits[16];
  double scores[1];
  if (s && info.can & BERT_CAN_CLASSIFY) {
    bert_classify(s, texts, texts, 2, logits, NULL, e);
    if (info.label_count > 1) bert_zero_shot(s, texts[0], &label, 1, NULL, 0, scores, NULL, e);
    bert_attentions(s, texts[0], &texts[1], 0, 2, -1, &encoding, &weights, NULL, e);
  }
  if (s && info.can & BERT_CAN_ANSWER) {
    bert_answers(s, label, texts[0], &answers, NULL, e);
    bert_answer_best(s, label, texts[0], NULL, &best, NULL, e);
  }
  if (s && info.can & BERT_CAN_TAG) {
    bert_tags(s, texts[0], &spans, NULL, e);
    bert_entities(s, texts[0], &spans, NULL, e);
  }
  if (s && info.can & BERT_CAN_FILL) {
    bert_fill_mask(s, texts[0], 0, &fills, NULL, e);
    if (!e->code) bert_decode(s, fills.ids, fills.tokens, 1, e);
  }
  if (s && info.can & BERT_CAN_NEXT) bert_next_sentence(s, texts[0], texts[1], NULL, e);
  bert_session_free(s);
  bert_model_free(m);
}

TEST(heads_every_allocation_may_fail) {
  static const char *const NAMES[] = {"bert-classify", "bert-qa", "roberta-ner", "roberta-mlm", "bert-pretraining"};
  char directory[FIXTURE_PATH];
  for (int i = 0; i < 5; i++) {
    snprintf(directory, sizeof directory, MODELS "%s", NAMES[i]);
    OK(fixture_fail_each(ask_all, directory) > 30);
  }
}
