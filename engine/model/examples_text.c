/* examples_text.c -- examples with one target each: classify, rerank, head, embed, and mlm, which is its own target.
** Layer: model. Uses: base text nn.
**
** See examples.h for the columns. Every row is an example, but of mlm, where a text past the window makes several. */
#include <math.h>
#include <string.h>

#include "model/examples_store.h"
#include "model/score.h"
#include "model/vector.h"

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* Which column is the target: texts stand before it, features after it. Past the last one: there is none. */
typedef struct {
  int texts, target, features;
} Shape;

static int is_target(const Rows *rows, int column) {
  return rows_is_named(rows, column, "label") || rows_is_named(rows, column, "labels") || rows_is_named(rows, column, "score");
}

/* alone: so many columns are texts without a target, where there is a teacher and none has a target's name. */
static Shape shape_of(const Examples *x, const Rows *rows, int alone, int most, const char *wanted, bert_err *e) {
  int columns = rows_columns(rows), target = columns <= most + 1 ? columns - 1 : 0;
  if (x->options.taught && columns == alone) target = columns;
  for (int i = columns - 1; i > 0; i--)
    if (is_target(rows, i)) target = i;
  if (target < 1 || target > most)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d column%s, wanted %s; where numbers follow the label, call it `label`",
            columns, columns == 1 ? "" : "s", wanted);
  return (Shape){target, target, target < columns ? columns - target - 1 : 0};
}

static void add_features(Examples *x, const Rows *rows, int row, const Shape *s, bert_err *e) {
  for (int i = s->target + 1; i <= s->target + s->features && !e->code; i++) {
    RowsValue v = rows_at(rows, row, i);
    float f = (float)v.number;
    if ((v.kind != ROWS_INTEGER && v.kind != ROWS_REAL) || !isfinite(f))
      rows_refuse(rows, row, i, "a number, as it is a feature", e);
    buf_add(&x->features, &f, sizeof f, e);
  }
}

/* Features become (x - mean) / deviation; one that is the same in all rows becomes 0. names: their first column, or
** -1. */
static void standardise(Examples *x, const Rows *rows, int names, int n, bert_err *e) {
  size_t F = (size_t)n, count = n ? x->features.size / sizeof(float) / F : 0;
  float *f = (float *)x->features.data;
  FeatureConfig *of = arena_push(&x->arena, F, sizeof *of, e);
  for (size_t k = 0; k < F && !e->code; k++) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) sum += (double)f[i * F + k];
    double middle = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += ((double)f[i * F + k] - middle) * ((double)f[i * F + k] - middle);
    float spread = (float)sqrt(squares / (double)count);
    const char *name = names < 0 ? "" : rows_name(rows, names + (int)k);
    of[k] = (FeatureConfig){arena_copy(&x->arena, name, strlen(name), e), (float)middle, spread > 0 ? spread : 1};
    for (size_t i = 0; i < count; i++) f[i * F + k] = score_feature(f[i * F + k], of[k].mean, of[k].deviation);
  }
  x->info.feature_count = n;
  x->info.feature = of;
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

typedef enum { TARGET_CLASS, TARGET_NUMBER, TARGET_SET, TARGET_VECTOR } TargetKind;

/* A row's target; NULL where there is no such column. */
static RowsValue target_at(const Rows *rows, int row, int column) {
  return column < rows_columns(rows) ? rows_at(rows, row, column) : (RowsValue){.kind = ROWS_NULL};
}

/* The teacher alone knows it. */
static int is_open(const Examples *x, const Rows *rows, int row, int column) {
  return x->options.taught && target_at(rows, row, column).kind == ROWS_NULL;
}

/* A column of NUMERIC affinity has 5.0 as 5: one REAL makes numbers of all. */
static int has_reals(const Rows *rows, int column) {
  int i = 0;
  while (i < rows_count(rows) && rows_at(rows, i, column).kind != ROWS_REAL) i++;
  return i < rows_count(rows);
}

/* What the target column holds, as its first row has it and the options say. */
static TargetKind kind_of(const Examples *x, const Rows *rows, int column) {
  RowsValue v = target_at(rows, 0, column);
  int array = v.kind == ROWS_TEXT && v.bytes.size && v.bytes.data[0] == '[';
  if (v.kind == ROWS_BLOB && x->options.multi_label < 0 && x->options.regression < 0) return TARGET_VECTOR;
  if (x->options.multi_label == 1 || (x->options.multi_label < 0 && array)) return TARGET_SET;
  if (x->options.regression == 1) return TARGET_NUMBER;
  int number = v.kind == ROWS_REAL || (v.kind == ROWS_INTEGER && has_reals(rows, column));
  return x->options.regression < 0 && number ? TARGET_NUMBER : TARGET_CLASS;
}

/* Which label a cell names; with labels that are given it must be one of them. */
static int class_of(Examples *x, const Rows *rows, int row, int column, bert_err *e) {
  char room[24], wanted[160] = "one of";
  bert_text name = rows_label(rows, row, column, room, e);
  int label = e->code ? -1 : terms_find(&x->labels, name);
  if (e->code || label >= 0) return label;
  for (int i = 0; i < x->labels.count && strlen(wanted) < 120; i++) {
    strcat(wanted, i ? ", " : " ");
    strncat(wanted, x->labels.name[i], 24);
  }
  if (strlen(wanted) >= 120) strcat(wanted, " …");
  rows_refuse(rows, row, column, wanted, e);
  return -1;
}

static void refuse_one_class(const Examples *x, bert_err *e) {
  if (!e->code && x->labels.count < 2 && x->options.label_count)
    err_set(e, BERT_ARGUMENT, "options: labels: found one, \"%.60s\", wanted at least two", x->labels.name[0]);
  if (!e->code && x->labels.count < 2)
    err_set(e, BERT_ARGUMENT, "every row has the label \"%.60s\", wanted at least two different ones",
            x->labels.count ? x->labels.name[0] : "");
}

/* A label of the rows is a name from now on. */
static void add_name(Examples *x, int row, bert_text name, bert_err *e) {
  if (e->code) return;
  terms_add(&x->labels, name, e);
  err_within(e, "row %d", row + 1);
}

static void class_targets(Examples *x, const Rows *rows, int column, bert_err *e) {
  char room[24];
  for (int i = 0; i < x->count && !x->options.label_count; i++)
    add_name(x, i, rows_label(rows, i, column, room, e), e);
  if (e->code) return;
  if (!x->options.label_count) terms_sort(&x->labels);
  refuse_one_class(x, e);
  for (int i = 0; i < x->count && !e->code; i++)
    examples_add_label(x, is_open(x, rows, i, column) ? TARGET_TEACHER : class_of(x, rows, i, column, e), e);
  x->info.loss = LOSS_CLASS;
  x->info.units = x->labels.count;
}

static void number_targets(Examples *x, const Rows *rows, int column, double low, double high, const char *wanted,
                           bert_err *e) {
  for (int i = 0; i < x->count && !e->code; i++) {
    RowsValue v = target_at(rows, i, column);
    if (is_open(x, rows, i, column)) v.number = NAN;
    else if ((v.kind != ROWS_REAL && v.kind != ROWS_INTEGER) || !isfinite((float)v.number) || v.number < low ||
        v.number > high)
      rows_refuse(rows, i, column, wanted, e);
    examples_add_value(x, v.number, e);
  }
  x->info.loss = LOSS_NUMBER;
}

/* One cell's array of labels; NULL on error. They live in the arena. */
static const Json *set_of(const Rows *rows, int row, int column, Arena *a, bert_err *e) {
  static const char wanted[] = "a JSON array of labels: [\"a\", \"b\"]";
  RowsValue v = rows_at(rows, row, column);
  bert_err wrong = {0};
  const Json *set = v.kind == ROWS_TEXT ? json_parse(v.bytes.data, v.bytes.size, "labels", a, &wrong) : NULL;
  if (wrong.code == BERT_NOMEM) err_set(e, BERT_NOMEM, "%s", wrong.text);
  int good = set && set->kind == JSON_ARRAY;
  for (const Json *l = json_first(set); l && good; l = json_next(l))
    good = l->kind == JSON_STRING || l->kind == JSON_NUMBER;
  if (!good) rows_refuse(rows, row, column, wanted, e);
  return e->code ? NULL : set;
}

static void set_targets(Examples *x, const Rows *rows, int column, bert_err *e) {
  Arena a = {0};
  for (int i = 0; i < x->count && !e->code && !x->options.label_count; i++) {
    for (const Json *l = json_first(set_of(rows, i, column, &a, e)); l; l = json_next(l))
      add_name(x, i, (bert_text){l->at, l->size}, e);
    arena_fini(&a);
  }
  if (!e->code && !x->options.label_count) terms_sort(&x->labels);
  if (!e->code && !x->labels.count) err_set(e, BERT_ARGUMENT, "no row has a label, wanted at least one");
  size_t units = (size_t)x->labels.count;
  for (int i = 0; i < x->count && !e->code; i++) {
    float *value = buf_room(&x->value, units * sizeof *value, e);
    if (!value) break;
    int open = is_open(x, rows, i, column);
    for (size_t k = 0; k < units; k++) value[k] = open ? NAN : 0;
    x->value.size += units * sizeof *value;
    for (const Json *l = open ? NULL : json_first(set_of(rows, i, column, &a, e)); l; l = json_next(l)) {
      int label = terms_find(&x->labels, (bert_text){l->at, l->size});
      if (label >= 0) value[label] = 1;
      else rows_refuse(rows, i, column, "labels that are among the model's", e);
    }
    arena_fini(&a);
  }
  arena_fini(&a);
  x->info.loss = LOSS_BINARY;
  x->info.units = x->labels.count;
  x->info.multi_label = 1;
}

/* Vectors of float32, all of the width of the first. */
static int add_vector(Buf *to, const Rows *rows, int row, int column, int width, bert_err *e) {
  RowsValue v = rows_at(rows, row, column);
  int n = (int)(v.bytes.size / sizeof(float)), at = (int)(to->size / sizeof(float));
  if (v.kind != ROWS_BLOB || !n || v.bytes.size % sizeof(float))
    rows_refuse(rows, row, column, "a vector: a BLOB of float32", e);
  else if (width && n != width) rows_refuse(rows, row, column, "a vector as long as that of the first row", e);
  if (e->code) return 0;
  buf_add(to, v.bytes.data, v.bytes.size, e);
  if (!e->code && !vector_finite((const float *)to->data + at, n))
    rows_refuse(rows, row, column, "a vector of finite numbers", e);
  return n;
}

static void vector_targets(Examples *x, const Rows *rows, int column, bert_err *e) {
  int width = 0;
  for (int i = 0; i < x->count && !e->code; i++) width = add_vector(&x->value, rows, i, column, width, e);
  x->info.loss = LOSS_NUMBER;
  x->info.units = width;
}

/* The target of a classifier. */
static void any_targets(Examples *x, const Rows *rows, int column, bert_err *e) {
  switch (kind_of(x, rows, column)) {
    case TARGET_CLASS: class_targets(x, rows, column, e); break;
    case TARGET_NUMBER: number_targets(x, rows, column, -HUGE_VAL, HUGE_VAL, "a finite number", e); break;
    case TARGET_SET: set_targets(x, rows, column, e); break;
    case TARGET_VECTOR: vector_targets(x, rows, column, e); break;
  }
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

/* The texts of every row, and its features; all rows are examples. */
static void texts_of(Examples *x, const Rows *rows, const Shape *s, int towers, const bert_progress *progress,
                     bert_err *e) {
  x->info.towers = towers;
  x->info.texts = s->texts;
  x->count = e->code ? 0 : rows_count(rows);
  for (int i = 0; i < x->count && !e->code; i++) {
    examples_ask(progress, i, e);
    if (towers > 1)
      for (int t = 0; t < towers; t++) examples_add_text(x, rows, i, t, -1, e);
    else examples_add_text(x, rows, i, 0, s->texts > 1 ? 1 : -1, e);
    add_features(x, rows, i, s, e);
  }
  if (!e->code && s->features) standardise(x, rows, s->target + 1, s->features, e);
}

void examples_classify(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  Shape s = shape_of(x, rows, 1, 2, "text, label, or a, b, label", e);
  texts_of(x, rows, &s, 1, progress, e);
  if (!e->code) any_targets(x, rows, s.target, e);
}

void examples_rerank(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  Shape s = shape_of(x, rows, 2, 2, "query, passage, label", e);
  if (!e->code && s.texts != 2) err_set(e, BERT_ARGUMENT, "the SQL gives one text a row, wanted query, passage, label");
  texts_of(x, rows, &s, 1, progress, e);
  if (!e->code) number_targets(x, rows, s.target, 0, 1, "a number from 0 to 1", e);
  x->info.loss = LOSS_BINARY;
}

void examples_head(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  int width = 0;
  if (rows_columns(rows) != 2)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted vector, label (bert_concat joins numbers to a vector)",
            rows_columns(rows));
  x->count = e->code ? 0 : rows_count(rows);
  for (int i = 0; i < x->count && !e->code; i++) {
    examples_ask(progress, i, e);
    width = add_vector(&x->features, rows, i, 0, width, e);
  }
  if (!e->code) standardise(x, rows, -1, width, e);
  if (!e->code) any_targets(x, rows, 1, e);
}

static LossKind embed_loss(const Examples *x, const Rows *rows, bert_err *e) {
  static const struct {
    const char *name;
    LossKind loss;
    int columns, most; /* of the query */
  } LOSSES[] = {{"ranking", LOSS_RANKING, 2, 3}, {"distil", LOSS_VECTOR, 2, 2},   {"cosine", LOSS_COSINE, 3, 3},
                {"softmax", LOSS_PAIR, 3, 3},    {"triplet", LOSS_TRIPLET, 3, 3}, {NULL, LOSS_KINDS, 0, 0}};
  int columns = rows_columns(rows), i = 0;
  RowsKind last = rows_at(rows, 0, columns - 1).kind;
  if (x->options.loss)
    while (LOSSES[i].name && strcmp(LOSSES[i].name, x->options.loss)) i++;
  else if (columns == 2) i = last == ROWS_BLOB;
  else if (!rows_is_named(rows, 2, "label")) i = last == ROWS_INTEGER || last == ROWS_REAL ? 2 : 0;
  else i = 3;
  if (!LOSSES[i].name)
    err_set(e, BERT_ARGUMENT, "loss: found \"%.40s\", wanted one of " EXAMPLES_LOSSES,
            x->options.loss);
  else if (columns < LOSSES[i].columns || columns > LOSSES[i].most)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted %d for the loss %s", columns, LOSSES[i].columns,
            LOSSES[i].name);
  return LOSSES[i].loss;
}

/* Texts alone, whose vectors the teacher gives. */
static void taught_vectors(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  Shape s = {1, 1, 0};
  if (rows_columns(rows) != 1 || (x->options.loss && strcmp(x->options.loss, "distil")))
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns%s%.40s, wanted text alone and the loss distil: the teacher gives the "
            "vector", rows_columns(rows), x->options.loss ? " for the loss " : "", x->options.loss ? x->options.loss : "");
  texts_of(x, rows, &s, 1, progress, e);
  x->info.loss = LOSS_VECTOR;
  x->info.units = x->options.taught_width;
}

void examples_embed(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  int columns = rows_columns(rows);
  if (x->options.taught) {
    taught_vectors(x, rows, progress, e);
    return;
  }
  if (columns < 2 || columns > 3)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted a, b or a, b, score or anchor, positive, negative",
            columns);
  LossKind loss = e->code ? LOSS_KINDS : embed_loss(x, rows, e);
  int towers = loss == LOSS_VECTOR ? 1 : loss == LOSS_RANKING || loss == LOSS_TRIPLET ? columns : 2;
  Shape s = {1, towers, 0};
  texts_of(x, rows, &s, towers, progress, e);
  if (e->code) return;
  if (loss == LOSS_PAIR) class_targets(x, rows, 2, e);
  if (loss == LOSS_COSINE) number_targets(x, rows, 2, -1, 1, "a number from -1 to 1: the cosine", e);
  if (loss == LOSS_VECTOR) vector_targets(x, rows, 1, e);
  x->info.loss = loss;
}

/* A text as windows that share nothing, each between the special tokens. */
static void add_windows(Examples *x, const Encoding *c, int row, bert_err *e) {
  int lead = 0, trail = c->n;
  while (lead < c->n && c->special[lead]) lead++;
  while (trail > lead && c->special[trail - 1]) trail--;
  int room = x->max_tokens - lead - (c->n - trail);
  for (int from = lead; from < trail && !e->code; from += room, x->count++) {
    batch_begin(x->session, row, 0, e);
    batch_tokens(x->session, c, 0, lead, e);
    batch_tokens(x->session, c, from, trail - from < room ? trail - from : room, e);
    batch_tokens(x->session, c, trail, c->n - trail, e);
  }
}

void examples_mlm(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  const Model *m = x->session->model;
  if (rows_columns(rows) != 1)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted one: text", rows_columns(rows));
  if (m->special[SPECIAL_MASK] < 0) err_set(e, BERT_ARGUMENT, "the model's vocabulary has no mask token");
  for (int i = 0; i < rows_count(rows) && !e->code; i++) {
    Encoding c;
    bert_text text = rows_text(rows, i, 0, e);
    examples_ask(progress, i, e);
    tokenizer_encode(m->tokenizer, x->session->tokens, text, NULL, 0, 0, &c, e);
    if (e->code) return;
    int before = x->count;
    if (x->max_tokens <= tokenizer_special_count(m->tokenizer, 0))
      err_set(e, BERT_ARGUMENT, "max_tokens is %d, which leaves no room beside the special tokens", x->max_tokens);
    add_windows(x, &c, i, e);
    if (!e->code && x->count == before) rows_refuse(rows, i, 0, "a TEXT with a word in it", e);
  }
  x->info.loss = LOSS_MASK;
}
