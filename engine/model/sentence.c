/* sentence.c -- see sentence.h.
** Layer: model. Uses: base. */
#include "model/sentence.h"

#include <string.h>

static int is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next run of bytes that are not blank in *at … end; size 0: there is none. */
static bert_text next_field(const char **at, const char *end) {
  while (*at < end && is_blank(**at)) ++*at;
  bert_text f = {*at, 0};
  while (*at < end && !is_blank(**at)) ++*at;
  f.size = (size_t)(*at - f.data);
  return f;
}

void sentences_open(Sentences *s, const Rows *rows, int untagged, bert_err *e) {
  *s = (Sentences){.rows = rows, .row = -1, .untagged = untagged};
  int columns = rows_columns(rows);
  if (columns < 1 || columns > 2)
    err_set(e, BERT_ARGUMENT, "the SQL gives %d columns, wanted words, tags, or one of lines \"word tag\"", columns);
}

void sentences_fini(Sentences *s) {
  arena_fini(&s->arena);
  buf_fini(&s->words);
}

/* ---- words and tags ---------------------------------------------------------------------------------------------- */

/* Walks the fields of a cell: elements of a JSON array, or what stands between white space. */
typedef struct {
  const Json *element;
  int is_array;
  const char *at, *end;
} Fields;

static int has_blank(bert_text t) {
  for (size_t i = 0; i < t.size; i++)
    if (is_blank(t.data[i])) return 1;
  return 0;
}

static Fields fields_open(Sentences *s, int column, int as_json, bert_err *e) {
  bert_text text = rows_text(s->rows, s->row, column, e);
  Fields f = {.is_array = as_json};
  if (!e->code) f.at = text.data, f.end = text.data + text.size;
  if (e->code || !as_json) return f;
  bert_err wrong = {0};
  const Json *array = json_parse(text.data, text.size, "words", &s->arena, &wrong);
  if (wrong.code == BERT_NOMEM) err_set(e, BERT_NOMEM, "%s", wrong.text);
  if (!array || array->kind != JSON_ARRAY) rows_refuse(s->rows, s->row, column, "a JSON array of texts", e);
  f.element = json_first(array);
  return f;
}

/* 0 at the end. */
static int fields_next(Fields *f, const Sentences *s, int column, bert_text *out, bert_err *e) {
  if (!f->is_array) return (*out = next_field(&f->at, f->end)).size > 0;
  if (!f->element || e->code) return 0;
  *out = (bert_text){f->element->at, f->element->size};
  if (f->element->kind != JSON_STRING || !out->size || has_blank(*out))
    rows_refuse(s->rows, s->row, column, "a JSON array of texts that are words, without white space", e);
  f->element = json_next(f->element);
  return 1;
}

/* Tags tell whether both are JSON, since a text may begin with a bracket; words do where there are none. */
static int is_json(const Rows *rows, int row, int untagged) {
  RowsValue v = rows_at(rows, row, untagged ? 0 : 1);
  return v.kind == ROWS_TEXT && v.bytes.size && v.bytes.data[0] == '[';
}

static void read_columns(Sentences *s, bert_err *e) {
  int untagged = s->untagged && rows_at(s->rows, s->row, 1).kind == ROWS_NULL;
  int json = is_json(s->rows, s->row, untagged);
  int words = 0, tags = 0, more_words = 1, more_tags = !untagged;
  Fields word = fields_open(s, 0, json, e), tag = untagged ? (Fields){0} : fields_open(s, 1, json, e);
  while ((more_words || more_tags) && !e->code) {
    TaggedWord w = {{0}, {0}};
    words += more_words = more_words && fields_next(&word, s, 0, &w.word, e);
    tags += more_tags = more_tags && fields_next(&tag, s, 1, &w.tag, e);
    if (more_words && (more_tags || untagged)) buf_add(&s->words, &w, sizeof w, e);
  }
  if (!e->code && words != tags && !untagged)
    err_set(e, BERT_ARGUMENT, "row %d: found %d word%s and %d tag%s, wanted a tag for each word", s->row + 1, words,
            words == 1 ? "" : "s", tags, tags == 1 ? "" : "s");
  if (!e->code && !words) rows_refuse(s->rows, s->row, 0, "at least one word", e);
}

/* ---- conll ------------------------------------------------------------------------------------------------------- */

/* Reads lines up to one that is blank. */
static void read_lines(Sentences *s, bert_err *e) {
  bert_text text = rows_text(s->rows, s->row, 0, e);
  if (e->code) return;
  const char *end = text.data + text.size;
  while (s->at < text.size && !e->code) {
    const char *line = text.data + s->at, *past = memchr(line, '\n', text.size - s->at), *at = line;
    if (!past) past = end;
    s->at += (size_t)(past - line) + (past < end);
    TaggedWord w = {next_field(&at, past), {0}};
    for (bert_text f; (f = next_field(&at, past)).size;) w.tag = f;
    if (!w.word.size) {
      if (s->words.size) return;
    } else if (!w.tag.size) {
      err_set(e, BERT_ARGUMENT, "row %d: found the line \"%.*s\", wanted a word and a tag", s->row + 1,
              w.word.size < 60 ? (int)w.word.size : 60, w.word.data);
    } else if (w.word.size != 10 || memcmp(w.word.data, "-DOCSTART-", 10)) {
      buf_add(&s->words, &w, sizeof w, e);
    }
  }
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

int sentences_next(Sentences *s, const TaggedWord **words, bert_err *e) {
  int conll = rows_columns(s->rows) == 1;
  s->words.size = 0;
  while (!s->words.size && !e->code) {
    int same_row = conll && s->row >= 0 && s->at < rows_at(s->rows, s->row, 0).bytes.size;
    if (!same_row) {
      if (++s->row >= rows_count(s->rows)) return 0;
      s->at = 0;
      arena_fini(&s->arena);
    }
    if (conll) read_lines(s, e);
    else read_columns(s, e);
  }
  *words = (const TaggedWord *)s->words.data;
  return e->code ? 0 : (int)(s->words.size / sizeof **words);
}
