/* examples.c -- see examples.h: keeps examples, and gives them out as batches.
** Layer: model. Uses: base text nn.
**
** Memory: 5 bytes a token and 16 a row of tokens; of pre-training 4 bytes a token of the documents and 16 an example,
** whatever dupe_factor is. A batch costs its own tokens. */
#include "model/examples.h"

#include <string.h>

#include "base/hash.h"
#include "base/progress.h"
#include "model/examples_store.h"

/* ---- options ----------------------------------------------------------------------------------------------------- */

void examples_defaults(ExamplesOptions *o) {
  *o = (ExamplesOptions){.multi_label = -1, .regression = -1, .doc_stride = PAIR_OVERLAP, .max_question = PAIR_QUESTION,
                         .masked_lm_prob = 0.15, .short_seq_prob = 0.1, .dupe_factor = 10, .nsp = -1};
}

static double share(const Json *v, const char *what, bert_err *e) {
  double x = json_number(v, 0, what, e);
  if (!(x >= 0 && x <= 1)) json_refuse(v, what, "a number from 0 to 1", e);
  return x;
}

int examples_option(ExamplesOptions *o, const Json *v, Arena *a, bert_err *e) {
  const Json *key = json_key(v);
  if (json_is(key, "seed")) o->seed = (uint64_t)json_integer(v, 0, 0, INT64_MAX, "seed", e);
  else if (json_is(key, "max_tokens")) o->max_tokens = (int)json_integer(v, 0, 3, 1 << 16, "max_tokens", e);
  else if (json_is(key, "multi_label")) o->multi_label = json_flag(v, -1, "multi_label", e);
  else if (json_is(key, "regression")) o->regression = json_flag(v, -1, "regression", e);
  else if (json_is(key, "loss")) o->loss = json_text(v, NULL, "loss", a, e);
  else if (json_is(key, "doc_stride")) o->doc_stride = (int)json_integer(v, PAIR_OVERLAP, 0, 1 << 16, "doc_stride", e);
  else if (json_is(key, "max_question"))
    o->max_question = (int)json_integer(v, PAIR_QUESTION, 1, 1 << 16, "max_question", e);
  else if (json_is(key, "masked_lm_prob")) o->masked_lm_prob = share(v, "masked_lm_prob", e);
  else if (json_is(key, "max_predictions"))
    o->max_predictions = (int)json_integer(v, 0, 0, 1 << 16, "max_predictions", e);
  else if (json_is(key, "whole_word")) o->whole_word = json_flag(v, 0, "whole_word", e);
  else if (json_is(key, "short_seq_prob")) o->short_seq_prob = share(v, "short_seq_prob", e);
  else if (json_is(key, "dupe_factor")) o->dupe_factor = (int)json_integer(v, 10, 1, 1 << 14, "dupe_factor", e);
  else if (json_is(key, "nsp")) o->nsp = json_flag(v, -1, "nsp", e);
  else return 0;
  return 1;
}

void examples_options(ExamplesOptions *o, const char *json, const char *own, Arena *a, bert_err *e) {
  examples_defaults(o);
  const Json *root = json && *json ? json_parse(json, strlen(json), "options", a, e) : NULL;
  if (root && root->kind != JSON_OBJECT) json_refuse(root, "all of it", "a JSON object such as {\"seed\":1}", e);
  for (const Json *x = e->code ? NULL : json_first(root); x && !e->code; x = json_next(x))
    if (!json_is(json_key(x), own) && !json_is(json_key(x), "progress") && !examples_option(o, x, a, e))
      err_set(e, BERT_ARGUMENT, "key: found \"%.*s\", wanted one of %s, seed, max_tokens, masked_lm_prob, "
              "max_predictions, whole_word, short_seq_prob, dupe_factor, nsp, doc_stride, max_question",
              json_key(x)->size < 40 ? (int)json_key(x)->size : 40, json_key(x)->at, own);
  if (root) err_within(e, "options");
  if (e->code == BERT_FORMAT) e->code = BERT_ARGUMENT;
}

uint64_t examples_options_hash(const ExamplesOptions *o) {
  int of[] = {o->max_tokens, o->multi_label, o->regression, o->taught, o->taught_width, o->doc_stride, o->max_question,
              o->max_predictions, o->whole_word, o->dupe_factor, o->nsp};
  double shares[] = {o->masked_lm_prob, o->short_seq_prob};
  uint64_t hash = hash_bytes(of, sizeof of, o->seed);
  hash = hash_bytes(shares, sizeof shares, hash);
  if (o->loss) hash = hash_bytes(o->loss, strlen(o->loss), hash);
  for (int i = 0; i < o->label_count; i++) hash = hash_bytes(o->label[i], strlen(o->label[i]) + 1, hash);
  return hash;
}

/* ---- making them ------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  void (*make)(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e);
} TASKS[] = {{"classify", examples_classify}, {"rerank", examples_rerank}, {"head", examples_head},
             {"embed", examples_embed},       {"qa", examples_qa},         {"tag", examples_tag},
             {"mlm", examples_mlm},           {"pretrain", examples_pack}};

enum { TASK_COUNT = (int)(sizeof TASKS / sizeof *TASKS) };

static int task_of(const char *task, bert_err *e) {
  for (int i = 0; i < TASK_COUNT; i++)
    if (!strcmp(TASKS[i].name, task)) return i;
  err_set(e, BERT_ARGUMENT, "task: found \"%.40s\", wanted one of classify, qa, tag, embed, rerank, mlm, head", task);
  return -1;
}

/* Only embed has losses to choose from. */
static void check_loss(const ExamplesOptions *o, const char *task, bert_err *e) {
  if (o->loss && strcmp(task, "embed"))
    err_set(e, BERT_ARGUMENT, "loss: found \"%.40s\" for the task %s, wanted it left out: the task embed alone has losses to "
            "choose from, " EXAMPLES_LOSSES, o->loss, task);
}

/* The labels that are asked for stand first, and there are no others. */
static void take_options(Examples *x, const ExamplesOptions *o, bert_err *e) {
  const Model *m = x->session->model;
  x->options = *o;
  x->options.label = NULL;
  x->labels.arena = &x->arena;
  x->max_tokens = o->max_tokens && o->max_tokens < m->max_tokens ? o->max_tokens : m->max_tokens;
  double most = o->masked_lm_prob * x->max_tokens;
  x->max_predictions = o->max_predictions ? o->max_predictions : (int)most + ((int)most < most);
  for (int i = 0; i < o->label_count; i++) terms_add(&x->labels, (bert_text){o->label[i], strlen(o->label[i])}, e);
}

static void finish_info(Examples *x) {
  x->info.label_count = x->labels.count;
  x->info.label = x->labels.name;
}

Examples *examples_make(Model *m, const char *task, const Rows *rows, const ExamplesOptions *o,
                        const bert_progress *progress, bert_err *e) {
  int t = task_of(task, e);
  Examples *x = mem_new(1, sizeof *x, e);
  if (!x) return NULL;
  x->info.towers = x->info.units = 1;
  if (!e->code && strcmp(task, "head")) describe_reads(m, e);
  check_loss(o, task, e);
  x->session = session_new(m, 1, e);
  if (!e->code) take_options(x, o, e);
  if (!e->code && !rows_count(rows)) err_set(e, BERT_ARGUMENT, "the SQL gives no rows, wanted at least one");
  if (!e->code) TASKS[t].make(x, rows, progress, e);
  if (e->code) {
    examples_free(x);
    return NULL;
  }
  finish_info(x);
  return x;
}

void examples_free(Examples *x) {
  if (!x) return;
  Buf *bufs[] = {&x->label, &x->past, &x->target, &x->value, &x->features, &x->documents, &x->packed, &x->chosen};
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_fini(bufs[i]);
  for (size_t i = 0; i < sizeof x->batch / sizeof *x->batch; i++) buf_fini(&x->batch[i]);
  terms_fini(&x->labels);
  session_free(x->session);
  arena_fini(&x->arena);
  mem_free(x);
}

void examples_describe(const Examples *x, ExamplesInfo *out) { *out = x->info; }
int examples_window(const Examples *x) { return x->max_tokens; }
int examples_count(const Examples *x) { return x->count; }
void examples_epoch(Examples *x, int epoch) { x->epoch = epoch; }

/* ---- what makers call -------------------------------------------------------------------------------------------- */

void examples_ask(const bert_progress *progress, int row, bert_err *e) {
  enum { EVERY = 256 };
  if (row % EVERY == 0) progress_ask(progress, e);
}

void examples_add_text(Examples *x, const Rows *rows, int row, int column, int pair, bert_err *e) {
  const Model *m = x->session->model;
  bert_text a = rows_text(rows, row, column, e), b = {0};
  Encoding c;
  if (pair >= 0) {
    tokens_refuse_pair(m, e);
    b = rows_text(rows, row, pair, e);
  }
  if (e->code) return;
  tokenizer_encode(m->tokenizer, x->session->tokens, a, pair >= 0 ? &b : NULL, x->max_tokens, 0, &c, e);
  if (!e->code && c.total == tokenizer_special_count(m->tokenizer, pair >= 0))
    rows_refuse(rows, row, column, "a TEXT with a word in it", e);
  if (e->code) return;
  batch_begin(x->session, row, 0, e);
  batch_tokens(x->session, &c, 0, c.n, e);
}

void examples_add_label(Examples *x, int label, bert_err *e) {
  int32_t l = label;
  buf_add(&x->label, &l, sizeof l, e);
}

void examples_add_value(Examples *x, double value, bert_err *e) {
  float v = (float)value;
  buf_add(&x->value, &v, sizeof v, e);
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static int put_document(const Examples *x, int32_t *ids, uint8_t *types, int at, uint32_t from, int n, int type) {
  if (ids) memcpy(ids + at, (const int32_t *)x->documents.data + from, (size_t)n * sizeof *ids);
  if (types) memset(types + at, type, (size_t)n);
  return at + n;
}

static int put_special(const Examples *x, int32_t *ids, uint8_t *types, int at, int which, int type) {
  if (ids) ids[at] = x->session->model->special[which];
  if (types) types[at] = (uint8_t)type;
  return at + 1;
}

/* [CLS] a [SEP] b [SEP], or [CLS] a [SEP]. */
static int packed_tokens(const Examples *x, const Packed *p, int32_t *ids, uint8_t *types) {
  int n = put_special(x, ids, types, 0, SPECIAL_CLS, 0);
  n = put_document(x, ids, types, n, p->a, p->a_count, 0);
  n = put_special(x, ids, types, n, SPECIAL_SEP, 0);
  if (!p->b_count) return n;
  n = put_document(x, ids, types, n, p->b, p->b_count, 1);
  return put_special(x, ids, types, n, SPECIAL_SEP, 1);
}

int examples_tokens(const Examples *x, int i, int tower, int32_t *ids, uint8_t *types) {
  if (x->packed.size) return packed_tokens(x, (const Packed *)x->packed.data + i, ids, types);
  if (!x->session->items.size) return 0; /* of head */
  const Item *item = batch_items(x->session) + (size_t)i * (size_t)x->info.towers + tower;
  const Session *s = x->session;
  if (ids) memcpy(ids, (const int32_t *)s->ids.data + item->first, (size_t)item->n * sizeof *ids);
  if (types) memcpy(types, (const uint8_t *)s->types.data + item->first, (size_t)item->n);
  return item->n;
}

int examples_length(const Examples *x, int i) {
  int n = 0;
  for (int t = 0; t < x->info.towers; t++) n += examples_tokens(x, i, t, NULL, NULL);
  return n;
}

int examples_differ(const Examples *x, const Examples *y) {
  const Item *mine = batch_items(x->session), *other = batch_items(y->session);
  const int32_t *a = (const int32_t *)x->session->ids.data, *b = (const int32_t *)y->session->ids.data;
  int same = 0;
  while (same < x->count && same < y->count && mine[same].n == other[same].n &&
         !memcmp(a + mine[same].first, b + other[same].first, (size_t)mine[same].n * sizeof *a))
    same++;
  if (same == x->count && same == y->count) return -1;
  return mine[same < x->count ? same : x->count - 1].text;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

enum { IDS, TYPES, START, LABEL, PAST, TARGET, POSITION, VALUE, FEATURES };

/* The tokens of the chosen examples, tower after tower, masked where that is the task. */
static void batch_rows(Examples *x, const int32_t *order, int n, TrainBatch *out, bert_err *e) {
  Buf *b = x->batch;
  int rows = n * x->info.towers /* head's are of no token */, at = 0, row = 0, total = 0;
  for (int i = 0; i < n; i++) total += examples_length(x, order[i]);
  int32_t *ids = buf_room(&b[IDS], mem_size((size_t)total, sizeof *ids, 0), e);
  uint8_t *types = buf_room(&b[TYPES], (size_t)total, e);
  int32_t *start = buf_room(&b[START], mem_size((size_t)rows + 1, sizeof *start, 0), e);
  out->tokens = (Batch){.rows = rows, .tokens = total, .ids = ids, .types = types, .start = start};
  if (e->code) return;
  for (int t = 0; row < rows; t++)
    for (int i = 0; i < n; i++, row++) {
      int count = examples_tokens(x, order[i], t, ids + at, types + at);
      if (x->info.loss == LOSS_MASK) examples_mask(x, order[i], ids + at, count, at, &b[POSITION], &b[TARGET], e);
      start[row] = at;
      at += count;
      if (count > out->tokens.longest) out->tokens.longest = count;
    }
  start[rows] = at;
}

/* The elements order[0..n) of an array, or NULL if there is none. */
static const void *gather(Buf *to, const Buf *from, size_t size, const int32_t *order, int n, bert_err *e) {
  if (!from->size) return NULL;
  for (int i = 0; i < n; i++) buf_add(to, from->data + (size_t)order[i] * size, size, e);
  return to->data;
}

static const int32_t *tag_targets(Examples *x, const int32_t *order, int n, bert_err *e) {
  for (int i = 0; i < n; i++) {
    const Item *item = batch_items(x->session) + order[i];
    buf_add(&x->batch[TARGET], (const int32_t *)x->target.data + item->first, (size_t)item->n * sizeof(int32_t), e);
  }
  return (const int32_t *)x->batch[TARGET].data;
}

void examples_batch(Examples *x, const int32_t *order, int n, TrainBatch *out, bert_err *e) {
  Buf *b = x->batch;
  size_t units = (size_t)x->info.units, features = (size_t)x->info.feature_count;
  *out = (TrainBatch){.examples = n, .towers = x->info.towers, .width = x->info.units,
                      .feature_count = x->info.feature_count};
  for (size_t i = 0; i < sizeof x->batch / sizeof *x->batch; i++) b[i].size = 0;
  batch_rows(x, order, n, out, e);
  const int32_t *label = gather(&b[LABEL], &x->label, sizeof(int32_t), order, n, e);
  out->past = gather(&b[PAST], &x->past, sizeof(int32_t), order, n, e);
  out->value = gather(&b[VALUE], &x->value, units * sizeof(float), order, n, e);
  out->features = gather(&b[FEATURES], &x->features, features * sizeof(float), order, n, e);
  if (x->info.loss == LOSS_TAG) out->target = tag_targets(x, order, n, e);
  if (x->info.loss == LOSS_MASK) {
    out->next = label;
    out->position = (const int32_t *)b[POSITION].data;
    out->target = (const int32_t *)b[TARGET].data;
    out->chosen = (int)(b[POSITION].size / sizeof(int32_t));
  } else {
    out->label = label;
  }
}

/* ---- shown one by one -------------------------------------------------------------------------------------------- */

Examples *examples_masked(Model *m, const Rows *documents, const char *options_json, const bert_progress *progress,
                          bert_err *e) {
  Arena a = {0};
  ExamplesOptions o;
  examples_options(&o, options_json, "from", &a, e);
  Examples *x = e->code ? NULL : examples_make(m, "pretrain", documents, &o, progress, e);
  arena_fini(&a);
  return x;
}

void examples_masked_get(Examples *x, int i, bert_masked_row *out, bert_err *e) {
  TrainBatch b;
  int32_t order = i;
  *out = (bert_masked_row){.next = -1};
  examples_batch(x, &order, 1, &b, e);
  if (e->code) return;
  *out = (bert_masked_row){b.tokens.tokens, b.chosen, b.tokens.ids, b.position, b.target, b.next ? !b.next[0] : -1};
}
