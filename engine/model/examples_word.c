/* examples_word.c -- examples whose targets are tokens: qa and tag.
** Layer: model. Uses: base text nn.
**
**    qa    [CLS] question [SEP] p p p p p p p [SEP]     first and last token of the answer; [CLS] where the window has
**          [CLS] question [SEP]         p p p p p …     not all of it, or there is none
**    tag   [CLS] New York is big [SEP]                  the first piece of a word has its label, all others none
**
** A sentence past the window is cut between words; no word is in two windows. */
#include <string.h>

#include "model/examples_store.h"
#include "model/sentence.h"
#include "model/walk.h"
#include "model/window.h"

/* ---- qa ---------------------------------------------------------------------------------------------------------- */

/* Characters start … past-1 of the passage; start -1: there is no answer. */
typedef struct {
  int32_t start, past;
} Answer;

/* Tokens first … last of the passage, counted from its first; last < first: none. */
typedef struct {
  int first, last;
} AnswerTokens;

static int is_letter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (unsigned char)c >= 128;
}

/* Letters on both sides of a byte's place. */
static int is_within_word(bert_text t, size_t at) {
  return at > 0 && at < t.size && is_letter(t.data[at - 1]) && is_letter(t.data[at]);
}

/* Where the answer's text first stands in the passage, in characters, as whole words if it does so anywhere; -1: nowhere. */
static int32_t search(bert_text passage, bert_text answer) {
  size_t found = passage.size;
  for (size_t at = 0; at + answer.size <= passage.size; at++) {
    if (memcmp(passage.data + at, answer.data, answer.size)) continue;
    int is_whole = !is_within_word(passage, at) && !is_within_word(passage, at + answer.size);
    if (is_whole || found == passage.size) found = at;
    if (is_whole) break;
  }
  return found < passage.size ? (int32_t)utf8_length(passage.data, found) : -1;
}

static int stands_at(bert_text passage, bert_text answer, int64_t start) {
  if (start < 0 || start > (int64_t)passage.size) return 0;
  Walk w = walk_begin(passage);
  size_t at = walk_to(&w, (int32_t)start);
  return w.character == start && passage.size - at >= answer.size &&
         !memcmp(passage.data + at, answer.data, answer.size);
}

static Answer answer_of(const Rows *rows, int row, bert_text passage, bert_err *e) {
  if (rows_columns(rows) < 3) return (Answer){-1, -1};
  RowsValue start = {ROWS_NULL, 0, 0, {0}}, answer = rows_at(rows, row, 2);
  if (rows_columns(rows) > 3) start = rows_at(rows, row, 3);
  if (e->code || answer.kind == ROWS_NULL) return (Answer){-1, -1};
  bert_text text = rows_text(rows, row, 2, e);
  if (!e->code && start.kind != ROWS_NULL && start.kind != ROWS_INTEGER)
    rows_refuse(rows, row, 3, "an INTEGER: characters before the answer", e);
  if (e->code) return (Answer){-1, -1};
  int32_t at = start.kind == ROWS_NULL ? search(passage, text) : (int32_t)start.integer;
  if (at < 0 || !stands_at(passage, text, start.kind == ROWS_NULL ? at : start.integer)) {
    if (start.kind == ROWS_NULL) rows_refuse(rows, row, 2, "what stands in the passage", e);
    else rows_refuse(rows, row, 3, "where the answer stands in the passage", e);
  }
  return (Answer){at, at + (int32_t)utf8_length(text.data, text.size)};
}

/* Those that have a character of the answer in them: white space at its ends is in none. */
static AnswerTokens tokens_of(const PairWindows *w, Answer a) {
  const int32_t *start = w->p.c.start + w->p.b, *end = w->p.c.end + w->p.b;
  AnswerTokens t = {0, w->p.b_count - 1};
  if (a.start < 0) return (AnswerTokens){0, -1};
  while (t.first <= t.last && end[t.first] <= a.start) t.first++;
  while (t.first <= t.last && start[t.last] >= a.past) t.last--;
  return t;
}

/* Where the answer is in the window of the passage's tokens from `from` on, 0 and 0 where it is not, or not all of it. Of
** questions alone: for the teacher to say. */
static void add_span(Examples *x, const Rows *rows, const PairWindows *w, int from, AnswerTokens a, bert_err *e) {
  int past = from + pair_window_count(w, from), at = pair_window_at(w) - from;
  int32_t span[2] = {0, 0};
  if (rows_columns(rows) < 3) span[0] = span[1] = TARGET_TEACHER;
  if (a.first <= a.last && a.first >= from && a.last < past) span[0] = at + a.first, span[1] = at + a.last;
  examples_add_label(x, span[0], e);
  buf_add(&x->past, &span[1], sizeof span[1], e);
}

static void add_question(Examples *x, const Rows *rows, int row, bert_err *e) {
  const ExamplesOptions *o = &x->options;
  bert_text question = rows_text(rows, row, 0, e), passage = rows_text(rows, row, 1, e);
  Answer a = answer_of(rows, row, passage, e);
  int window = x->max_tokens < PAIR_WINDOW ? x->max_tokens : PAIR_WINDOW;
  PairWindows w;
  if (e->code) return;
  pair_windows(&w, x->session, question, passage, window, o->max_question, o->doc_stride, e);
  if (!e->code && !w.p.b_count) rows_refuse(rows, row, 1, "a TEXT with a word in it", e);
  if (e->code) return;
  AnswerTokens tokens = tokens_of(&w, a);
  if (a.start >= 0 && tokens.last < tokens.first) rows_refuse(rows, row, 2, "an answer with a word in it", e);
  for (int from = 0, more = 1; more && !e->code; from += w.step, x->count++) {
    add_span(x, rows, &w, from, tokens, e);
    pair_window_add(x->session, &w, row, from, e);
    more = from + w.room < w.p.b_count;
  }
}

void examples_qa(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  int columns = rows_columns(rows);
  if (columns < (x->options.taught ? 2 : 3) || columns > 4)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted question, passage, answer [, start]", columns);
  for (int i = 0; i < rows_count(rows) && !e->code; i++) {
    examples_ask(progress, i, e);
    add_question(x, rows, i, e);
  }
  x->info.loss = LOSS_SPAN;
  x->info.units = 2;
}

/* ---- tag --------------------------------------------------------------------------------------------------------- */

/* Where the words of a sentence begin and end in session->text, in characters: [count][2] in x->past as scratch. */
static void join_words(Examples *x, const TaggedWord *words, int count, bert_err *e) {
  Buf *text = &x->session->text;
  int32_t place[2] = {0, 0};
  text->size = x->past.size = 0;
  for (int i = 0; i < count; i++) {
    if (i) buf_add(text, " ", 1, e);
    buf_add(text, words[i].word.data, words[i].word.size, e);
    place[0] = i ? place[1] + 1 : 0;
    place[1] = place[0] + (int32_t)utf8_length(words[i].word.data, words[i].word.size);
    buf_add(&x->past, place, sizeof place, e);
  }
}

/* The label of each token, -1 for all but the first of a word, in x->label as scratch. */
static void label_tokens(Examples *x, const Encoding *c, const TaggedWord *words, int count, int row, bert_err *e) {
  const int32_t *place = (const int32_t *)x->past.data;
  int word = 0;
  x->label.size = 0;
  for (int t = 0; t < c->n && !e->code; t++) {
    int32_t label = -1;
    while (word < count && !c->special[t] && c->start[t] >= place[2 * word + 1]) word++; /* a word without tokens */
    if (word < count && !c->special[t] && c->end[t] > place[2 * word]) {
      label = words[word].tag.data ? terms_find(&x->labels, words[word].tag) : TARGET_TEACHER;
      if (label == -1)
        err_set(e, BERT_ARGUMENT, "row %d: found the tag \"%.*s\", wanted one of the model's labels", row + 1,
                words[word].tag.size < 60 ? (int)words[word].tag.size : 60, words[word].tag.data);
      word++;
    }
    buf_add(&x->label, &label, sizeof label, e);
  }
}

/* Tokens from … from+n-1 with their labels, at the end of the current item. */
static void add_labelled(Examples *x, const Encoding *c, int from, int n, bert_err *e) {
  batch_tokens(x->session, c, from, n, e);
  buf_add(&x->target, (const int32_t *)x->label.data + from, (size_t)n * sizeof(int32_t), e);
}

/* A text whose tokens are labelled, in windows. */
static void add_windows(Examples *x, const Encoding *c, int row, bert_err *e) {
  int first = 0, last = c->n;
  while (first < last && c->special[first]) first++;
  while (last > first && c->special[last - 1]) last--;
  int room = x->max_tokens - first - (c->n - last);
  if (room < 1) err_set(e, BERT_ARGUMENT, "max_tokens is %d, which leaves no room for a word", x->max_tokens);
  for (int from = first, end; from < last && !e->code; from = end, x->count++) {
    end = window_end(c, from, last, room);
    batch_begin(x->session, row, 0, e);
    add_labelled(x, c, 0, first, e);
    add_labelled(x, c, from, end - from, e);
    add_labelled(x, c, last, c->n - last, e);
  }
}

static void add_sentence(Examples *x, const TaggedWord *words, int count, int row, bert_err *e) {
  const Model *m = x->session->model;
  Encoding c;
  join_words(x, words, count, e);
  if (e->code) return;
  bert_text text = {x->session->text.data, x->session->text.size};
  tokenizer_encode(m->tokenizer, x->session->tokens, text, NULL, 0, 1, &c, e);
  if (e->code) return;
  label_tokens(x, &c, words, count, row, e);
  add_windows(x, &c, row, e);
}

/* Plain text, whose words are the tokenizer's, as in bert_tags; the teacher has their labels. */
static void add_plain(Examples *x, const Rows *rows, int row, bert_err *e) {
  const Model *m = x->session->model;
  Encoding c;
  bert_text text = rows_text(rows, row, 0, e);
  tokenizer_encode(m->tokenizer, x->session->tokens, text, NULL, 0, 1, &c, e);
  x->label.size = 0;
  for (int t = 0; !e->code && t < c.n; t++) {
    int32_t label = c.whole[t] && !c.special[t] ? TARGET_TEACHER : TARGET_NONE;
    buf_add(&x->label, &label, sizeof label, e);
  }
  int before = x->count;
  if (!e->code) add_windows(x, &c, row, e);
  if (!e->code && x->count == before) rows_refuse(rows, row, 0, "a TEXT with a word in it", e);
}

static void collect_tags(Examples *x, const Rows *rows, bert_err *e) {
  Sentences s = {0};
  const TaggedWord *words;
  sentences_open(&s, rows, 0, e);
  for (int n; (n = sentences_next(&s, &words, e)) > 0;)
    for (int i = 0; i < n && !e->code; i++) {
      terms_add(&x->labels, words[i].tag, e);
      err_within(e, "row %d", s.row + 1);
    }
  sentences_fini(&s);
  if (!e->code) terms_sort(&x->labels);
  if (!e->code && x->labels.count < 2)
    err_set(e, BERT_ARGUMENT, "every word has the tag \"%.60s\", wanted at least two different ones",
            x->labels.count ? x->labels.name[0] : "");
}

static void add_sentences(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  Sentences s = {0};
  const TaggedWord *words;
  sentences_open(&s, rows, x->options.taught, e);
  for (int n, i = 0; (n = sentences_next(&s, &words, e)) > 0; i++) {
    examples_ask(progress, i, e);
    add_sentence(x, words, n, s.row, e);
  }
  sentences_fini(&s);
}

void examples_tag(Examples *x, const Rows *rows, const bert_progress *progress, bert_err *e) {
  int plain = x->options.taught && rows_columns(rows) == 1 && strcmp(rows_name(rows, 0), "conll");
  if (!x->labels.count) collect_tags(x, rows, e);
  if (!plain) add_sentences(x, rows, progress, e);
  for (int i = 0; plain && i < rows_count(rows) && !e->code; i++) {
    examples_ask(progress, i, e);
    add_plain(x, rows, i, e);
  }
  x->label.size = x->past.size = 0;
  x->info.loss = LOSS_TAG;
  x->info.units = x->labels.count;
}
