/* examples_pack.c -- documents to pairs of spans, for pre-training (Devlin et al. 2018, appendix A.2).
** Layer: model. Uses: base text nn.
**
**    document   s s s s s s s s s …        sentences: what ends with . ! ? or its paragraph
**    chunk      s s s s                    as many as fill the target length
**    pair       [CLS] s s [SEP] s s [SEP]  cut at random in two: the second part follows, or, for half of the pairs,
**                                          another document's takes its place, and it begins the next chunk
**
** As create_pretraining_data of google-research/bert, where a sentence is a line: ours come in paragraphs, and one of a
** hundred tokens as one sentence would leave nothing to follow. The target is drawn for each pair, not for each
** document (ours may be whole books): max_tokens, or, for short_seq_prob of them, 2 tokens up to that. All dupe_factor
** readings of a document cut it in other places. Without nsp a document is cut into runs of the target length.
** Drawn from (seed, reading, document) alone. */
#include <string.h>

#include "model/examples_store.h"

enum { TOKENS_MAX = 1 << 30, MARKS = 8 };

typedef struct {
  Examples *x;
  const Rows *rows;
  int text;        /* column */
  int most;        /* tokens of a pair, without [CLS] and [SEP] */
  int32_t ends[MARKS], closes[MARKS]; /* ids of marks that end a sentence, and of those that may follow */
  Buf sentence;    /* uint32_t: where each begins in x->documents, and where the last one ends */
  Buf document;    /* int32_t: its first sentence, and one past the last */
} Pack;

/* ---- documents to sentences -------------------------------------------------------------------------------------- */

static void find_marks(const Tokenizer *t, const char *const *marks, int32_t *ids) {
  for (int i = 0; i < MARKS; i++) ids[i] = marks[i] ? tokenizer_id(t, marks[i]) : -1;
}

static int is_among(const int32_t *ids, int32_t id) {
  for (int i = 0; i < MARKS; i++)
    if (ids[i] == id) return 1;
  return 0;
}

static void end_sentence(Pack *p, bert_err *e) {
  uint32_t past = (uint32_t)(p->x->documents.size / sizeof(int32_t));
  const uint32_t *sentence = (const uint32_t *)p->sentence.data;
  if (sentence[p->sentence.size / sizeof *sentence - 1] < past) buf_add(&p->sentence, &past, sizeof past, e);
}

/* A sentence longer than half of what a pair holds is cut there. */
static void add_paragraph(Pack *p, bert_text text, bert_err *e) {
  Examples *x = p->x;
  Encoding c;
  tokenizer_encode(x->session->model->tokenizer, x->session->tokens, text, NULL, 0, 0, &c, e);
  int n = 0, ended = 0, longest = p->most / 2 > 1 ? p->most / 2 : 1;
  for (int t = 0; t < c.n && !e->code; t++) {
    if (c.special[t]) continue;
    if ((ended && !is_among(p->closes, c.ids[t])) || n == longest) {
      end_sentence(p, e);
      n = 0;
    }
    buf_add(&x->documents, &c.ids[t], sizeof c.ids[t], e);
    ended = is_among(p->ends, c.ids[t]) || (ended && n);
    n++;
  }
  if (!e->code) end_sentence(p, e);
}

static int same_value(const RowsValue *a, const RowsValue *b) {
  return a->kind == b->kind && a->integer == b->integer && !(a->number < b->number) && !(a->number > b->number) &&
         a->bytes.size == b->bytes.size && (!a->bytes.size || !memcmp(a->bytes.data, b->bytes.data, a->bytes.size));
}

/* 1 where the row begins another document than the one before. */
static int begins_document(const Pack *p, int row) {
  if (row == 0 || p->text == 0) return 1;
  RowsValue a = rows_at(p->rows, row - 1, 0), b = rows_at(p->rows, row, 0);
  return !same_value(&a, &b);
}

static void add_row(Pack *p, int row, bert_err *e) {
  bert_text text = rows_text(p->rows, row, p->text, e);
  size_t before = p->x->documents.size;
  int32_t sentences = (int32_t)(p->sentence.size / sizeof(uint32_t)) - 1;
  if (begins_document(p, row)) buf_add(&p->document, &sentences, sizeof sentences, e);
  for (size_t at = 0; at < text.size && !e->code;) {
    const char *line = text.data + at, *past = memchr(line, '\n', text.size - at);
    size_t n = past ? (size_t)(past - line) : text.size - at;
    if (n) add_paragraph(p, (bert_text){line, n}, e);
    at += n + 1;
  }
  if (!e->code && p->x->documents.size == before) rows_refuse(p->rows, row, p->text, "a TEXT with a word in it", e);
  if (p->x->documents.size / sizeof(int32_t) > TOKENS_MAX)
    err_set(e, BERT_ARGUMENT, "row %d: the documents have more than %d tokens", row + 1, TOKENS_MAX);
}

static void read_documents(Pack *p, const bert_progress *progress, bert_err *e) {
  static const char *const ENDS[MARKS] = {".", "!", "?", "\u3002", "\uff01", "\uff1f", "\u0964", NULL};
  static const char *const CLOSES[MARKS] = {"\"", "'", ")", "]", "\u201d", "\u2019", "\u300d", NULL};
  const Tokenizer *t = p->x->session->model->tokenizer;
  uint32_t none = 0;
  find_marks(t, ENDS, p->ends);
  find_marks(t, CLOSES, p->closes);
  buf_add(&p->sentence, &none, sizeof none, e);
  for (int i = 0; i < rows_count(p->rows) && !e->code; i++) {
    examples_ask(progress, i, e);
    add_row(p, i, e);
  }
  int32_t past = (int32_t)(p->sentence.size / sizeof(uint32_t)) - 1;
  buf_add(&p->document, &past, sizeof past, e);
}

/* ---- sentences to pairs ------------------------------------------------------------------------------------------ */

static uint32_t sentence_at(const Pack *p, int32_t i) { return ((const uint32_t *)p->sentence.data)[i]; }
static int32_t document_at(const Pack *p, int32_t i) { return ((const int32_t *)p->document.data)[i]; }
static int tokens_of(const Pack *p, int32_t first, int32_t past) {
  return (int)(sentence_at(p, past) - sentence_at(p, first));
}
static int documents(const Pack *p) { return (int)(p->document.size / sizeof(int32_t)) - 1; }

/* In ten thousandths, so that no rounding of a product decides. */
static int happens(Rng *r, double probability) { return rng_below(r, 10000) < (uint32_t)(probability * 10000 + 0.5); }

static int draw_target(const Pack *p, Rng *r) {
  int least = p->most < 2 ? p->most : 2;
  if (!happens(r, p->x->options.short_seq_prob)) return p->most;
  return least + (int)rng_below(r, (uint32_t)(p->most - least + 1));
}

/* Takes tokens off either end of the longer part, until both fit. */
static void cut_pair(Packed *q, int a, int b, int most, Rng *r) {
  while (a + b > most) {
    int front = rng_below(r, 2) == 0;
    if (a > b) a--, q->a += (uint32_t)front;
    else b--, q->b += (uint32_t)front;
  }
  q->a_count = (uint16_t)a;
  q->b_count = (uint16_t)b;
}

/* About `wanted` tokens of another document, from one of its sentences on. */
static int random_part(const Pack *p, int d, int wanted, Rng *r, uint32_t *start) {
  int other = (int)rng_below(r, (uint32_t)documents(p) - 1);
  other += other >= d;
  int32_t first = document_at(p, other), past = document_at(p, other + 1);
  first += (int32_t)rng_below(r, (uint32_t)(past - first));
  int32_t last = first + 1;
  while (last < past && tokens_of(p, first, last) < wanted) last++;
  *start = sentence_at(p, first);
  return tokens_of(p, first, last);
}

static void add_packed(Pack *p, const Packed *q, bert_err *e) {
  if (p->x->count == INT32_MAX) err_set(e, BERT_ARGUMENT, "more than %d examples", INT32_MAX);
  buf_add(&p->x->packed, q, sizeof *q, e);
  examples_add_label(p->x, q->next, e);
  p->x->count++;
}

/* The pair out of sentences first … past-1; returns the sentence that the next one begins with. */
static int32_t add_pair(Pack *p, int d, int32_t first, int32_t past, int target, Rng *r, bert_err *e) {
  int32_t middle = first + 1 + (past - first > 1 ? (int32_t)rng_below(r, (uint32_t)(past - first - 1)) : 0);
  Packed q = {.a = sentence_at(p, first), .b = sentence_at(p, middle)};
  int a = tokens_of(p, first, middle), b = tokens_of(p, middle, past);
  q.next = middle == past || rng_below(r, 2) == 0;
  if (q.next) b = random_part(p, d, target - a, r, &q.b);
  cut_pair(&q, a, b, p->most, r);
  add_packed(p, &q, e);
  return q.next ? middle : past;
}

static void pack_pairs(Pack *p, int d, Rng *r, bert_err *e) {
  int32_t first = document_at(p, d), end = document_at(p, d + 1);
  while (first < end && !e->code) {
    int target = draw_target(p, r);
    int32_t past = first + 1;
    while (past < end && tokens_of(p, first, past) < target) past++;
    first = add_pair(p, d, first, past, target, r, e);
  }
}

static void pack_runs(Pack *p, int d, Rng *r, bert_err *e) {
  uint32_t from = sentence_at(p, document_at(p, d)), end = sentence_at(p, document_at(p, d + 1));
  while (from < end && !e->code) {
    uint32_t n = (uint32_t)draw_target(p, r);
    if (n > end - from) n = end - from;
    add_packed(p, &(Packed){.a = from, .a_count = (uint16_t)n}, e);
    from += n;
  }
}

static int can_pair(const Model *m) { return m->arch->next && m->config.types >= 2; }

static void check(const Pack *p, bert_err *e) {
  const Model *m = p->x->session->model;
  int columns = rows_columns(p->rows);
  if (columns > 2) err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted text, or document, text", columns);
  if (m->special[SPECIAL_MASK] < 0 || m->special[SPECIAL_CLS] < 0 || m->special[SPECIAL_SEP] < 0)
    err_set(e, BERT_ARGUMENT, "the model's vocabulary lacks one of its mask, class and separator tokens");
  if (p->x->options.nsp && !can_pair(m))
    err_set(e, BERT_ARGUMENT, "nsp: found true, wanted false: the model has no second segment, or no head for it");
  if (p->most < 2)
    err_set(e, BERT_ARGUMENT, "max_tokens is %d, wanted at least %d: room for two tokens beside the special ones", p->x->max_tokens,
            p->x->max_tokens - p->most + 2);
}

void examples_pack(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  if (x->options.nsp < 0) x->options.nsp = can_pair(x->session->model);
  Pack p = {.x = x, .rows = rows, .text = rows_columns(rows) == 2, .most = x->max_tokens - (x->options.nsp ? 3 : 2)};
  check(&p, e);
  if (!e->code) read_documents(&p, progress, e);
  if (!e->code && x->options.nsp && documents(&p) < 2)
    err_set(e, BERT_ARGUMENT, "the SQL gives one document, wanted at least two, as half of the pairs join two (or nsp "
            "false)");
  for (int k = 0; k < x->options.dupe_factor && !e->code; k++)
    for (int d = 0; d < documents(&p) && !e->code; d++) {
      Rng r = rng_stream(x->options.seed, examples_stream(STREAM_PACK, k, d));
      examples_ask(progress, d, e);
      if (x->options.nsp) pack_pairs(&p, d, &r, e);
      else pack_runs(&p, d, &r, e);
    }
  if (!x->options.nsp) x->label.size = 0;
  buf_fini(&p.sentence);
  buf_fini(&p.document);
  x->info.loss = LOSS_MASK;
  x->info.pairs = x->options.nsp;
}
