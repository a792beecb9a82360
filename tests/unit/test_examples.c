/* test_examples.c -- a query's rows become what training takes, and wrong rows are named. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fixture.h"
#include "model/examples.h"
#include "model/model.h"
#include "test.h"

/* ---- tables ------------------------------------------------------------------------------------------------------ */

#define T(s) {ROWS_TEXT, 0, 0, {s, sizeof s - 1}}
#define I(n) {ROWS_INTEGER, n, 0, {0}}
#define R(x) {ROWS_REAL, 0, x, {0}}
#define N {ROWS_NULL, 0, 0, {0}}
#define V(v) {ROWS_BLOB, 0, 0, {(const char *)(v), sizeof(v)}}

static Rows *table_of(int columns, const char *const *names, const RowsValue *cell, size_t count) {
  bert_err e = {0};
  Rows *r = rows_new(columns, names, &e);
  for (size_t i = 0; i < count; i++) switch (cell[i].kind) {
      case ROWS_NULL: rows_add_null(r, &e); break;
      case ROWS_INTEGER: rows_add_integer(r, cell[i].integer, &e); break;
      case ROWS_REAL: rows_add_real(r, cell[i].number, &e); break;
      default: rows_add_bytes(r, cell[i].kind, cell[i].bytes, &e);
    }
  GOOD(e);
  return r;
}

typedef struct {
  Model *model;
  Rows *rows;
  Examples *examples;
  ExamplesInfo info;
  TrainBatch batch;
  ExamplesOptions options;
  bert_err e;
} Case;

static void close_case(Case *c) {
  examples_free(c->examples);
  rows_free(c->rows);
  model_free(c->model);
}

/* Makes the examples of a task and, where that went well, a batch of all in their order. */
static void run_case(Case *c, const char *task, Rows *rows) {
  bert_err e = {0};
  if (!c->model) c->model = model_open(NULL, "tests/golden/models/file-vocab-uncased", NULL, &e);
  GOOD(e);
  c->rows = rows;
  c->examples = examples_make(c->model, task, rows, &c->options, NULL, &c->e);
  if (!c->examples) return;
  examples_describe(c->examples, &c->info);
  int n = examples_count(c->examples);
  int32_t *order = malloc((size_t)n * sizeof *order);
  for (int i = 0; i < n; i++) order[i] = i;
  examples_batch(c->examples, order, n, &c->batch, &c->e);
  GOOD(c->e);
  free(order);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__})
#define CELLS(...) ((const RowsValue[]){__VA_ARGS__}), sizeof((const RowsValue[]){__VA_ARGS__}) / sizeof(RowsValue)
#define CASE(c) \
  Case c = {0}; \
  examples_defaults(&c.options)

/* The row must fail with a text that has `part`. */
#define REFUSES(task, columns, part, names, ...) \
  do { \
    CASE(refused); \
    run_case(&refused, task, table_of(columns, names, CELLS(__VA_ARGS__))); \
    FAILS(refused.e, BERT_ARGUMENT, part); \
    OK(refused.examples == NULL); \
    close_case(&refused); \
  } while (0)

static const char *piece_at(const Case *c, int token) {
  return tokenizer_piece(c->model->tokenizer, c->batch.tokens.ids[token]);
}

/* ---- classify ---------------------------------------------------------------------------------------------------- */

TEST(examples_classify_numbers_its_labels_in_order) {
  CASE(c);
  run_case(&c, "classify", table_of(2, NAMES("body", "label"), CELLS(T("the train"), T("pos"), T("in"), T("neg"),
                                                                     T("second"), T("pos"))));
  EQ(c.info.loss, LOSS_CLASS);
  EQ(c.info.units, 2);
  EQ(c.info.label_count, 2);
  STR(c.info.label[0], "neg");
  STR(c.info.label[1], "pos");
  EQ(c.batch.label[0], 1);
  EQ(c.batch.label[1], 0);
  EQ(c.batch.tokens.rows, 3);
  EQ(c.batch.tokens.tokens, 4 + 3 + 3);
  STR(piece_at(&c, 2), "train");
  EQ(c.batch.tokens.start[1], 4);
  EQ(c.batch.tokens.longest, 4);
  close_case(&c);
}

TEST(examples_classes_that_are_numbers_are_in_their_order) {
  CASE(c);
  run_case(&c, "classify", table_of(2, NAMES("a", "b"), CELLS(T("the"), I(10), T("in"), I(9), T("to"), I(-1))));
  STR(c.info.label[0], "-1");
  STR(c.info.label[1], "9");
  STR(c.info.label[2], "10");
  close_case(&c);
}

TEST(examples_pairs_have_two_segments) {
  CASE(c);
  run_case(&c, "classify", table_of(3, NAMES("a", "b", "y"), CELLS(T("the train"), T("in"), I(0), T("in"), T("the"), I(1))));
  EQ(c.batch.tokens.tokens, 6 + 5);
  EQ(c.batch.tokens.types[3], 0);
  EQ(c.batch.tokens.types[4], 1);
  close_case(&c);
}

TEST(examples_real_labels_are_a_regression) {
  CASE(c);
  run_case(&c, "classify", table_of(2, NAMES("a", "score"), CELLS(T("the"), R(0.5), T("in"), R(4))));
  EQ(c.info.loss, LOSS_NUMBER);
  EQ(c.info.units, 1);
  EQ(c.info.label_count, 0);
  NEAR(c.batch.value[1], 4, 0);
  close_case(&c);
}

TEST(examples_one_real_makes_numbers_of_integers) {
  CASE(c);
  run_case(&c, "classify", table_of(2, NAMES("a", "b"), CELLS(T("the"), I(5), T("in"), I(3), T("to"), R(2.5))));
  EQ(c.info.loss, LOSS_NUMBER);
  NEAR(c.batch.value[0], 5, 0);
  NEAR(c.batch.value[2], 2.5, 0);
  close_case(&c);
}

TEST(examples_arrays_of_labels_are_many_labels) {
  CASE(c);
  run_case(&c, "classify", table_of(2, NAMES("a", "labels"), CELLS(T("the"), T("[\"joy\", \"fear\"]"), T("in"), T("[]"),
                                                                   T("to"), T("[\"joy\"]"))));
  EQ(c.info.loss, LOSS_BINARY);
  EQ(c.info.units, 2);
  EQ(c.info.multi_label, 1);
  STR(c.info.label[0], "fear");
  for (int i = 0; i < 6; i++) NEAR(c.batch.value[i], ((int[]){1, 1, 0, 0, 0, 1}[i]), 0);
  close_case(&c);
}

TEST(examples_features_are_standardised) {
  CASE(c);
  run_case(&c, "classify", table_of(4, NAMES("a", "label", "age", "same"),
                                    CELLS(T("the"), I(0), I(10), R(3), T("in"), I(1), I(30), R(3))));
  EQ(c.info.feature_count, 2);
  NEAR(c.info.feature[0].mean, 20, 0);
  NEAR(c.info.feature[0].deviation, 10, 0);
  for (int i = 0; i < 4; i++) NEAR(c.batch.features[i], ((int[]){-1, 0, 1, 0}[i]), 0);
  close_case(&c);
}

TEST(examples_labels_that_are_given_keep_their_order_and_admit_no_other) {
  CASE(c);
  c.options.label = NAMES("pos", "neg");
  c.options.label_count = 2;
  run_case(&c, "classify", table_of(2, NAMES("a", "label"), CELLS(T("the"), T("pos"))));
  EQ(c.batch.label[0], 0);
  close_case(&c);
  CASE(d);
  d.options = c.options;
  run_case(&d, "classify", table_of(2, NAMES("a", "label"), CELLS(T("the"), T("pos"), T("in"), T("new"))));
  FAILS(d.e, BERT_ARGUMENT, "row 2: label is the TEXT 'new', wanted one of pos, neg");
  close_case(&d);
}

TEST(examples_name_the_row_that_is_wrong) {
  REFUSES("classify", 2, "row 2: label is NULL, wanted a label", NAMES("a", "label"), T("the"), T("x"), T("in"), N);
  REFUSES("classify", 2, "row 1: a is NULL, wanted a TEXT that is not empty", NAMES("a", "label"), N, T("x"));
  REFUSES("classify", 2, "row 1: a is an empty text", NAMES("a", "label"), T(""), T("x"));
  REFUSES("classify", 2, "row 2: a is the TEXT ' \t', wanted a TEXT with a word in it", NAMES("a", "label"), T("the"),
          T("x"), T(" \t"), T("y"));
  REFUSES("classify", 2, "every row has the label \"x\", wanted at least two different ones", NAMES("a", "label"), T("the"), T("x"));
  REFUSES("classify", 3, "row 2: age is NULL, wanted a number, as it is a feature", NAMES("a", "label", "age"), T("the"),
          I(0), I(1), T("in"), I(1), N);
  REFUSES("classify", 3, "row 1: age is the REAL inf", NAMES("a", "label", "age"), T("the"), I(0), R(HUGE_VAL));
  REFUSES("classify", 2, "row 2: score is the TEXT 'x', wanted a finite number", NAMES("a", "score"), T("the"), R(1), T("in"),
          T("x"));
  REFUSES("classify", 2, "row 2: labels is the TEXT '[1', wanted a JSON array of labels", NAMES("a", "labels"),
          T("the"), T("[\"x\"]"), T("in"), T("[1"));
  REFUSES("classify", 4, "the SQL gives 4 columns", NAMES("a", "b", "c", "d"), T("the"), T("in"), I(0), I(0));
  REFUSES("classify", 1, "the SQL gives 1 column,", NAMES("a"), T("the"));
  REFUSES("guess", 1, "task: found \"guess\", wanted one of classify", NAMES("a"), T("the"));
}

/* ---- head, rerank, embed ----------------------------------------------------------------------------------------- */

TEST(examples_head_has_vectors_and_no_tokens) {
  static const float v[2] = {1, 5}, w[2] = {3, 5}, longer[3] = {0};
  CASE(c);
  run_case(&c, "head", table_of(2, NAMES("v", "y"), CELLS(V(v), T("a"), V(w), T("b"))));
  EQ(c.batch.tokens.tokens, 0);
  EQ(c.batch.feature_count, 2);
  for (int i = 0; i < 4; i++) NEAR(c.batch.features[i], ((int[]){-1, 0, 1, 0}[i]), 0);
  EQ(c.batch.label[1], 1);
  close_case(&c);
  REFUSES("head", 2, "row 2: v is a BLOB of 12 bytes, wanted a vector as long as that of the first row",
          NAMES("v", "y"), V(v), T("a"), V(longer), T("b"));
}

TEST(examples_rerank_wants_numbers_from_0_to_1) {
  CASE(c);
  run_case(&c, "rerank", table_of(3, NAMES("q", "p", "y"), CELLS(T("the"), T("in"), I(1), T("to"), T("in"), R(0.25))));
  EQ(c.info.loss, LOSS_BINARY);
  NEAR(c.batch.value[1], 0.25, 0);
  close_case(&c);
  REFUSES("rerank", 3, "row 1: y is the INTEGER 2, wanted a number from 0 to 1", NAMES("q", "p", "y"), T("the"), T("in"), I(2));
}

TEST(examples_embed_takes_its_loss_from_the_columns) {
  static const float v[2] = {1, 5};
  static const struct {
    LossKind loss;
    int towers, columns;
    const char *name[3], *option;
    RowsValue cell[6];
  } cases[] = {
      {LOSS_RANKING, 2, 2, {"a", "b", ""}, NULL, {T("the"), T("in"), T("to"), T("in")}},
      {LOSS_COSINE, 2, 3, {"a", "b", "score"}, NULL, {T("the"), T("in"), R(0.5), T("to"), T("in"), R(1)}},
      {LOSS_PAIR, 2, 3, {"a", "b", "label"}, NULL, {T("the"), T("in"), I(0), T("to"), T("in"), I(1)}},
      {LOSS_RANKING, 3, 3, {"a", "b", "c"}, NULL, {T("the"), T("in"), T("and"), T("to"), T("in"), T("and")}},
      {LOSS_TRIPLET, 3, 3, {"a", "b", "c"}, "triplet", {T("the"), T("in"), T("and"), T("to"), T("in"), T("and")}},
      {LOSS_VECTOR, 1, 2, {"a", "v", ""}, NULL, {T("the"), V(v), T("to"), V(v)}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CASE(c);
    c.options.loss = cases[i].option;
    run_case(&c, "embed", table_of(cases[i].columns, cases[i].name, cases[i].cell, 2 * (size_t)cases[i].columns));
    GOOD(c.e);
    EQ(c.info.loss, cases[i].loss);
    EQ(c.info.towers, cases[i].towers);
    EQ(c.batch.tokens.rows, 2 * cases[i].towers);
    close_case(&c);
  }
  CASE(c); /* tower after tower: the second row is the second example's first text */
  run_case(&c, "embed", table_of(2, NAMES("a", "b"), CELLS(T("the"), T("in"), T("to"), T("and"))));
  for (int i = 0; i < 4; i++) STR(piece_at(&c, 3 * i + 1), (((const char *[]){"the", "to", "in", "and"})[i]));
  close_case(&c);
  REFUSES("embed", 3, "row 1: score is the REAL 4.5, wanted a number from -1 to 1", NAMES("a", "b", "score"), T("the"), T("in"), R(4.5));
}

/* ---- qa ---------------------------------------------------------------------------------------------------------- */

TEST(examples_qa_finds_the_answer_among_the_tokens) {
  CASE(c);
  run_case(&c, "qa", table_of(4, NAMES("q", "p", "a", "s"),
                              CELLS(T("the"), T("to the train in"), T("train"), I(7), T("the"), T("to the train in"), N, N,
                                    T("the"), T("to the train in"), T("train in"), N)));
  EQ(c.info.loss, LOSS_SPAN);
  EQ(examples_count(c.examples), 3);
  EQ(c.batch.label[0], 5); /* [CLS] the [SEP] to the train in [SEP] */
  EQ(c.batch.past[0], 5);
  EQ(c.batch.label[1], 0);
  EQ(c.batch.past[1], 0);
  EQ(c.batch.label[2], 5);
  EQ(c.batch.past[2], 6);
  close_case(&c);
}

TEST(examples_qa_answers_may_begin_and_end_in_white_space) {
  CASE(c);
  run_case(&c, "qa", table_of(3, NAMES("q", "p", "a"), CELLS(T("the"), T("to the train in "), T(" train "), T("the"), T(" to the train in "),
                                                             T(" to"), T("the"), T("to the train in "), T("in "))));
  EQ(c.batch.label[0], 5); /* [CLS] the [SEP] to the train in [SEP] */
  EQ(c.batch.past[0], 5);
  EQ(c.batch.label[1], 3);
  EQ(c.batch.past[1], 3);
  EQ(c.batch.label[2], 6);
  EQ(c.batch.past[2], 6);
  close_case(&c);
  REFUSES("qa", 3, "row 1: a is the TEXT ' ', wanted an answer with a word in it", NAMES("q", "p", "a"), T("the"), T("to the"), T(" "));
}

TEST(examples_qa_answers_stand_as_whole_words_where_they_can) {
  CASE(c);
  run_case(&c, "qa", table_of(3, NAMES("q", "p", "a"), CELLS(T("the"), T("trains in the train"), T("train"), T("the"), T("trains in the sea"),
                                                             T("train"))));
  EQ(c.batch.label[0], 7); /* [CLS] the [SEP] train ##s in the train [SEP] */
  EQ(c.batch.past[0], 7);
  EQ(c.batch.label[1], 3);
  close_case(&c);
}

TEST(examples_qa_windows_without_the_answer_say_cls) {
  CASE(c);
  c.options.max_tokens = 9; /* [CLS] q [SEP] 5 of the passage [SEP] */
  c.options.doc_stride = 2;
  run_case(&c, "qa", table_of(3, NAMES("q", "p", "a"), CELLS(T("the"), T("a b c d e f g h i k l m"), T("f"))));
  EQ(examples_count(c.examples), 4); /* a-e, d-h, g-l, k-m */
  EQ(c.batch.label[0], 0);
  EQ(c.batch.label[1], 3 + 2);
  EQ(c.batch.label[2], 0);
  EQ(c.batch.label[3], 0);
  close_case(&c);
}

TEST(examples_qa_refuse_answers_that_are_not_there) {
  REFUSES("qa", 3, "row 1: a is the TEXT 'second', wanted what stands in the passage", NAMES("q", "p", "a"), T("the"), T("to"),
          T("second"));
  REFUSES("qa", 4, "row 1: s is the INTEGER 1, wanted where the answer stands in the passage", NAMES("q", "p", "a", "s"), T("the"),
          T("to the"), T("the"), I(1));
  REFUSES("qa", 4, "row 1: s is the INTEGER 99", NAMES("q", "p", "a", "s"), T("the"), T("to the"), T("the"), I(99));
}

/* ---- tag --------------------------------------------------------------------------------------------------------- */

TEST(examples_tag_labels_the_first_piece_of_each_word) {
  CASE(c);
  run_case(&c, "tag", table_of(2, NAMES("words", "tags"), CELLS(T("[\"trains\", \"in\", \"the\"]"), T("[\"B\", \"O\", \"O\"]"),
                                                                T("to train"), T("O B"))));
  EQ(c.info.loss, LOSS_TAG);
  EQ(c.info.units, 2);
  STR(piece_at(&c, 1), "train");
  STR(piece_at(&c, 2), "##s");
  for (int i = 0; i < 10; i++) EQ(c.batch.target[i], (((int[]){-1, 0, -1, 1, 1, -1, -1, 1, 0, -1})[i]));
  close_case(&c);
}

TEST(examples_tag_reads_lines_of_words_and_tags) {
  CASE(c);
  run_case(&c, "tag", table_of(1, NAMES("conll"), CELLS(T("-DOCSTART- O\n\nthe DT O\ntrain NN B\n\n\nin IN O"), T("to O\n"))));
  EQ(examples_count(c.examples), 3);
  EQ(c.batch.target[2], 0);
  close_case(&c);
}

TEST(examples_tag_cuts_long_sentences_between_words) {
  CASE(c);
  c.options.max_tokens = 5;
  run_case(&c, "tag", table_of(2, NAMES("w", "t"), CELLS(T("the in trains to"), T("A B A B"))));
  EQ(examples_count(c.examples), 2); /* the in | train ##s to */
  int labelled = 0;
  for (int i = 0; i < c.batch.tokens.tokens; i++) labelled += c.batch.target[i] >= 0;
  EQ(labelled, 4);
  close_case(&c);
}

TEST(examples_tag_refuses_counts_that_differ) {
  REFUSES("tag", 2, "row 1: found 2 words and 1 tag, wanted a tag for each word", NAMES("w", "t"), T("the in"), T("O"));
  REFUSES("tag", 2, "every word has the tag \"O\"", NAMES("w", "t"), T("the in"), T("O O"));
  REFUSES("tag", 2, "row 1: w is the TEXT '[\"a b\"]', wanted a JSON array of texts that are words", NAMES("w", "t"), T("[\"a b\"]"),
          T("[\"O\"]"));
  REFUSES("tag", 1, "row 1: found the line \"the\", wanted a word and a tag", NAMES("c"), T("the\n"));
}

/* ---- masks and pairs --------------------------------------------------------------------------------------------- */

static const char LONG[] =
    "the train in the second. and to the end that. he sat there and read. the rest is a secret. in the train "
    "there and that. to read is to rest. the second train is here. and here it ends.";

TEST(examples_mlm_masks_as_the_paper) {
  enum { TIMES = 400 };
  int chosen = 0, masks = 0, kept = 0, tokens = 0;
  CASE(c);
  run_case(&c, "mlm", table_of(1, NAMES("text"), CELLS(T(LONG))));
  const int32_t order[1] = {0};
  int n = c.batch.tokens.tokens;
  int32_t *whole = malloc((size_t)n * sizeof *whole);
  memcpy(whole, c.batch.tokens.ids, (size_t)n * sizeof *whole);
  for (int i = 0; i < c.batch.chosen; i++) whole[c.batch.position[i]] = c.batch.target[i];
  for (int epoch = 0; epoch < TIMES; epoch++) {
    examples_epoch(c.examples, epoch);
    examples_batch(c.examples, order, 1, &c.batch, &c.e);
    const Batch *b = &c.batch.tokens;
    if (epoch == 0) n = b->tokens;
    tokens += b->tokens;
    chosen += c.batch.chosen;
    for (int i = 0; i < c.batch.chosen; i++) {
      int32_t id = b->ids[c.batch.position[i]];
      EQ(c.batch.target[i], whole[c.batch.position[i]]);
      masks += id == c.model->special[SPECIAL_MASK];
      kept += id == c.batch.target[i];
      if (i) OK(c.batch.position[i] > c.batch.position[i - 1]);
    }
    EQ(b->ids[0], c.model->special[SPECIAL_CLS]);
  }
  NEAR((double)chosen / tokens, 0.15, 0.01);
  NEAR((double)masks / chosen, 0.8, 0.03);
  NEAR((double)kept / chosen, 0.1, 0.03);
  free(whole);
  close_case(&c);
}

TEST(examples_whole_words_are_masked_together) {
  CASE(c);
  c.options.whole_word = 1;
  run_case(&c, "mlm", table_of(1, NAMES("text"), CELLS(T("trains trains trains trains trains trains trains trains"))));
  EQ(c.batch.chosen, 2); /* of 18 tokens 3 are wanted, and a word has 2 */
  EQ(c.batch.position[1], c.batch.position[0] + 1);
  EQ(c.batch.position[0] % 2, 1);
  close_case(&c);
}

/* <s> t he, then four times Ġri ver s, </s>: of 16 tokens 3 are wanted. */
TEST(examples_whole_words_of_byte_level_bpe_begin_with_a_space) {
  CASE(c);
  bert_err e = {0};
  c.model = model_open(NULL, "tests/golden/heads/roberta-mlm", NULL, &e);
  c.options.whole_word = 1;
  c.options.masked_lm_prob = 0.2;
  run_case(&c, "mlm", table_of(1, NAMES("text"), CELLS(T("the rivers rivers rivers rivers"))));
  int first = c.batch.position[0];
  EQ(c.batch.chosen, first == 1 ? 2 : 3);
  OK(first == 1 || first % 3 == 0);
  EQ(c.batch.position[c.batch.chosen - 1], first + c.batch.chosen - 1);
  close_case(&c);
}

TEST(examples_pretrain_joins_what_follows_and_what_does_not) {
  RowsValue cell[40];
  for (int i = 0; i < 40; i++) cell[i] = (RowsValue)T(LONG);
  CASE(c);
  c.options.max_tokens = 32;
  run_case(&c, "pretrain", table_of(1, NAMES("text"), cell, 40));
  int n = examples_count(c.examples), random = 0, full = 0;
  const Batch *b = &c.batch.tokens;
  OK(n > 400);
  for (int i = 0; i < n; i++) {
    int length = b->start[i + 1] - b->start[i], parts = 1, first = b->start[i];
    OK(length <= 32);
    full += length >= 28;
    random += c.batch.next[i];
    for (int t = first; t < b->start[i + 1]; t++) {
      if (t == first || b->types[t] == b->types[t - 1]) continue;
      parts++;
      EQ(b->ids[t - 1], c.model->special[SPECIAL_SEP]);
    }
    EQ(parts, 2);
    EQ(b->ids[b->start[i + 1] - 1], c.model->special[SPECIAL_SEP]);
  }
  NEAR((double)random / n, 0.5, 0.1);
  OK(full > n / 2);
  close_case(&c);
}

TEST(examples_pretrain_is_the_same_for_the_same_seed) {
  static int32_t ids[2][4096];
  for (int i = 0; i < 2; i++) {
    CASE(c);
    c.options.seed = 7;
    c.options.dupe_factor = 2;
    run_case(&c, "pretrain", table_of(2, NAMES("document", "text"), CELLS(I(1), T(LONG), I(1), T(LONG), I(2), T(LONG))));
    OK(c.batch.tokens.tokens < 4096);
    memcpy(ids[i], c.batch.tokens.ids, (size_t)c.batch.tokens.tokens * sizeof **ids);
    close_case(&c);
  }
  OK(!memcmp(ids[0], ids[1], sizeof ids[0]));
}

TEST(examples_pretrain_refuses_one_document) {
  REFUSES("pretrain", 2, "the SQL gives one document, wanted at least two", NAMES("document", "text"), I(1), T(LONG), I(1), T(LONG));
}

/* ---- no memory --------------------------------------------------------------------------------------------------- */

static Model *shared; /* of the tests below */

/* The task's examples of a small table, and a batch of all. */
static void make_all(const char *task, bert_err *e) {
  static const struct {
    const char *task, *cell[4];
    int columns;
  } tables[] = {
      {"classify", {"the train", "[\"a\"]", "in", "[\"b\", \"a\"]"}, 2},
      {"embed", {"the train", "in", "to", "and"}, 2},
      {"qa", {"the", "to the train", "train", NULL}, 3},
      {"tag", {"[\"trains\", \"in\"]", "[\"A\", \"B\"]", "to", "A"}, 2},
      {"mlm", {"the train in", "to", NULL, NULL}, 1},
      {"pretrain", {"the train. in the sea.", "to read. the end.", NULL, NULL}, 1},
  };
  size_t t = 0;
  while (strcmp(tables[t].task, task)) t++;
  ExamplesOptions o;
  examples_defaults(&o);
  Rows *rows = rows_new(tables[t].columns, NAMES("a", "b", "c"), e);
  for (int i = 0; i < 4 && rows && tables[t].cell[i]; i++)
    rows_add_bytes(rows, ROWS_TEXT, (bert_text){tables[t].cell[i], strlen(tables[t].cell[i])}, e);
  Examples *x = e->code ? NULL : examples_make(shared, task, rows, &o, NULL, e);
  TrainBatch b;
  if (x) examples_batch(x, (const int32_t[]){0}, 1, &b, e);
  examples_free(x);
  rows_free(rows);
}

TEST(examples_take_every_failed_allocation) {
  bert_err e = {0};
  shared = model_open(NULL, "tests/golden/models/file-vocab-uncased", NULL, &e);
  GOOD(e);
  for (int i = 0; i < 6; i++)
    OK(fixture_fail_each(make_all, NAMES("classify", "embed", "qa", "tag", "mlm", "pretrain")[i]) > 10);
  model_free(shared);
}
