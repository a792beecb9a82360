/* vtab_index_args.c -- the arguments of CREATE VIRTUAL TABLE … USING bert_index(…).
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    CREATE VIRTUAL TABLE notes_index USING bert_index(body, category TEXT, lang PARTITION KEY, +url, content='notes');
**    CREATE VIRTUAL TABLE v USING bert_index(e float[0]);   -- Error: bert_index: e has 0 dimensions, wanted 1 to 65536
**
**    name [type]             the first without a type (else the first) is embedded, the others are metadata
**    name float[N]           vectors of the user's own; int8[N], bit[N] (N a multiple of 8) likewise
**    name [type] PARTITION KEY        +name [type]: auxiliary
**    text='title, body'      columns to be embedded, joined in this order
**    text='title:2, body'    columns to be embedded one by one; the row's vector is their mean, by weight (1 if unsaid)
**    content='table' content_rowid='id'   who has the texts; content='': nobody
**    model= prompt= query_prompt= search='exact' | 'approximate'
**
** Names and values are quoted as in SQL, or bare. */
#include "vtab_index.h"

#include <math.h>
#include <string.h>

/* ---- pieces of an argument --------------------------------------------------------------------------------------- */

static int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static int is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
      (unsigned char)c >= 0x80;
}

static const char *skip_space(const char *p) {
  while (is_space(*p)) p++;
  return p;
}

static char *copy(const char *text, size_t size, bert_err *e) {
  char *s = memory_new(size + 1, 1, e);
  if (s) memcpy(s, text, size);
  return s;
}

/* The word or quoted text at *p, without its quotes; *p goes past it. NULL where there is none, or on error. */
static char *take_word(const char **p, bert_err *e) {
  const char *from = skip_space(*p), *q = from;
  if (*q != '"' && *q != '\'' && *q != '`' && *q != '[') {
    while (is_word(*q)) q++;
    *p = q;
    return q > from ? copy(from, (size_t)(q - from), e) : NULL;
  }
  char close = *q == '[' ? ']' : *q;
  char *out = memory_new(strlen(q), 1, e);
  size_t n = 0;
  if (!out) return NULL;
  for (q++; *q && (*q != close || (q[1] == close && close != ']')); q++) {
    out[n++] = *q;
    if (*q == close) q++;
  }
  if (*q) *p = q + 1;
  else error_set(e, BERT_ARGUMENT, "the argument %s has a quote without end", from);
  if (!e->code) return out;
  sqlite3_free(out);
  return NULL;
}

/* Whether text[size] ends with the word, whatever its case; *left is what stands before it. */
static int ends_with_word(const char *text, size_t size, const char *word, size_t *left) {
  size_t n = strlen(word);
  while (size && is_space(text[size - 1])) size--;
  if (size < n || sqlite3_strnicmp(text + size - n, word, (int)n)) return 0;
  if (size > n && is_word(text[size - n - 1])) return 0;
  *left = size - n;
  return 1;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* What a type must not say: these are constraints, and the shadow tables have their own. */
static const char *const constraints[] = {"NOT",   "NULL",       "UNIQUE",    "PRIMARY", "KEY",        "DEFAULT",
                                          "CHECK", "REFERENCES", "GENERATED", "AS",      "CONSTRAINT", "HIDDEN", "ON"};

/* Types are words, with one pair of parentheses around numbers, as in SQL; COLLATE name may follow. */
static void check_type(const char *name, const char *type, bert_err *e) {
  const char *p = type;
  while (*p && !e->code) {
    const char *from = p;
    while (is_word(*p)) p++;
    for (size_t i = 0; i < sizeof constraints / sizeof *constraints; i++)
      if (p > from && strlen(constraints[i]) == (size_t)(p - from) &&
          !sqlite3_strnicmp(from, constraints[i], (int)(p - from)))
        error_set(e, BERT_ARGUMENT, "column %s has the type '%s', wanted one without constraints (no %s)%s", name, type,
                  constraints[i], strcmp(constraints[i], "PRIMARY") ? "" : ": the key of a row is its rowid");
    if (p > from || is_space(*p)) {
      p += p == from;
    } else if (*p == '(') {
      p += strspn(p + 1, "0123456789, +-") + 1;
      if (*p != ')') break;
      p++;
    } else {
      break;
    }
  }
  if (*p) error_set(e, BERT_ARGUMENT, "column %s has the type '%s', wanted words like TEXT or DECIMAL(9, 2)", name,
                    type);
}

/* What sqlite-vec lets follow a vector's type. */
static void check_metric(const char *name, const char *rest, bert_err *e) {
  static const char key[] = "distance_metric";
  const char *p = rest + sizeof key - 1;
  if (!*rest || e->code) return;
  int is_metric = !sqlite3_strnicmp(rest, key, sizeof key - 1) && *(p = skip_space(p)) == '=';
  if (is_metric && !sqlite3_stricmp(skip_space(p + 1), "cosine")) return;
  error_set(e, BERT_ARGUMENT, "%s is followed by '%s', wanted nothing more: the distance is 1 - cosine", name, rest);
}

/* float[384] and the like: 1, what it says, and what follows it. */
static int read_vector_type(const char *type, IndexForm *form, sqlite3_int64 *dimensions, const char **rest) {
  static const struct {
    const char *name;
    IndexForm form;
  } forms[] = {
      {"float", INDEX_FLOAT}, {"float32", INDEX_FLOAT}, {"f32", INDEX_FLOAT}, {"int8", INDEX_INT8},
      {"bit", INDEX_BIT}};
  size_t n = 0;
  while (is_word(type[n])) n++;
  const char *p = skip_space(type + n);
  if (*p++ != '[') return 0;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (strlen(forms[i].name) != n || sqlite3_strnicmp(type, forms[i].name, (int)n)) continue;
    *form = forms[i].form;
    p = skip_space(p);
    for (*dimensions = 0; *p >= '0' && *p <= '9'; p++)
      if (*dimensions < 1000000) *dimensions = *dimensions * 10 + (*p - '0');
    p = skip_space(p);
    *rest = skip_space(p + 1);
    return *p == ']';
  }
  return 0;
}

static void add_vector(IndexSchema *s, const IndexColumn *c, IndexForm form, sqlite3_int64 dimensions, bert_err *e) {
  if (s->vector >= 0)
    error_set(e, BERT_ARGUMENT, "two vector columns (%s and %s), wanted one: make an index for each",
              s->columns[s->vector].name, c->name);
  if (dimensions < 1 || dimensions > INDEX_DIMENSIONS_MAX)
    error_set(e, BERT_ARGUMENT, "%s has %lld dimensions, wanted 1 to %d", c->name, (long long)dimensions,
              INDEX_DIMENSIONS_MAX);
  if (form == INDEX_BIT && dimensions % 8)
    error_set(e, BERT_ARGUMENT, "%s has %lld bits, wanted a multiple of 8", c->name, (long long)dimensions);
  s->vector = s->count;
  s->form = form;
  s->dimensions = (int)dimensions;
}

static int column_of(const IndexSchema *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (!sqlite3_stricmp(s->columns[i].name, name)) return i;
  return -1;
}

static void check_name(const IndexSchema *s, const char *name, const char *table, bert_err *e) {
  static const char *const kept[] = {"k", "distance", "rank", "rowid"};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    if (!sqlite3_stricmp(name, kept[i]))
      error_set(e, BERT_ARGUMENT, "no column may be called %s: the index has its own", name);
  if (!sqlite3_stricmp(name, table)) error_set(e, BERT_ARGUMENT, "no column may be called as the table (%s)", name);
  if (column_of(s, name) >= 0) error_set(e, BERT_ARGUMENT, "two columns are called %s", name);
  if (s->count >= INDEX_COLUMNS_MAX) error_set(e, BERT_ARGUMENT, "more than %d columns", INDEX_COLUMNS_MAX);
}

/* name (taken over) and what follows it. */
static void read_column(IndexSchema *s, const char *table, char *name, const char *rest, int is_auxiliary,
                        bert_err *e) {
  IndexColumn *c = &s->columns[s->count];
  IndexForm form;
  sqlite3_int64 dimensions;
  size_t size = strlen(rest = skip_space(rest));
  while (size && is_space(rest[size - 1])) size--;
  check_name(s, name, table, e);
  *c = (IndexColumn){.name = name, .kind = is_auxiliary ? INDEX_AUXILIARY : INDEX_METADATA};
  if (ends_with_word(rest, size, "KEY", &size) && ends_with_word(rest, size, "PARTITION", &size)) {
    if (is_auxiliary) error_set(e, BERT_ARGUMENT, "+%s is auxiliary, which no partition key can be", name);
    c->kind = INDEX_PARTITION;
  } else {
    size = strlen(rest);
  }
  while (size && is_space(rest[size - 1])) size--;
  c->type = copy(rest, size, e);
  const char *after;
  if (!e->code && read_vector_type(c->type, &form, &dimensions, &after)) {
    check_metric(name, after, e);
    if (c->kind != INDEX_METADATA)
      error_set(e, BERT_ARGUMENT, "%s is a vector, wanted neither + nor PARTITION KEY", name);
    c->kind = INDEX_VECTOR;
    add_vector(s, c, form, dimensions, e);
  } else if (!e->code) {
    check_type(name, c->type, e);
  }
  if (e->code) {
    if (s->vector == s->count) s->vector = -1;
    sqlite3_free(c->type);
    sqlite3_free(name);
  } else {
    s->count++;
  }
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void read_search(IndexSchema *s, char *value, bert_err *e) {
  s->approximate = !sqlite3_stricmp(value, "approximate");
  if (!s->approximate && sqlite3_stricmp(value, "exact"))
    error_set(e, BERT_ARGUMENT, "search='%s', wanted 'exact' or 'approximate'", value);
  sqlite3_free(value);
}

/* name = value; both are taken over. */
static void read_option(IndexSchema *s, char **text, char *name, char *value, bert_err *e) {
  struct {
    const char *name;
    char **place;
  } places[] = {{"content", &s->content},   {"content_rowid", &s->content_rowid}, {"model", &s->model},
                {"prompt", &s->prompt},     {"query_prompt", &s->query_prompt},   {"text", text}};
  int known = !sqlite3_stricmp(name, "search");
  if (known) {
    read_search(s, value, e);
    value = NULL;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places && !known; i++) {
    if (sqlite3_stricmp(name, places[i].name)) continue;
    known = 1;
    if (*places[i].place) error_set(e, BERT_ARGUMENT, "%s= is given twice", places[i].name);
    else *places[i].place = value, value = NULL;
  }
  if (!known)
    error_set(e, BERT_ARGUMENT,
              "no option is called %s, wanted text, content, content_rowid, model, prompt, query_prompt "
              "or search", name);
  sqlite3_free(name);
  sqlite3_free(value);
}

static void read_argument(IndexSchema *s, char **text, const char *table, const char *argument, bert_err *e) {
  const char *p = skip_space(argument);
  int is_auxiliary = *p == '+';
  p += is_auxiliary;
  char *name = take_word(&p, e);
  if (!name) {
    error_set(e, BERT_ARGUMENT, "the argument '%.*s' begins with no name", error_shown(argument, strlen(argument), 40),
              argument);
    return;
  }
  p = skip_space(p);
  if (*p != '=' || is_auxiliary) {
    read_column(s, table, name, p, is_auxiliary, e);
    return;
  }
  p++;
  char *value = take_word(&p, e);
  if (!value || *skip_space(p)) {
    error_set(e, BERT_ARGUMENT, "%s= is followed by '%.*s', wanted one value, in quotes", name,
              error_shown(p, strlen(p), 40), p);
    sqlite3_free(value);
    sqlite3_free(name);
    return;
  }
  read_option(s, text, name, value, e);
}

/* ---- what is embedded -------------------------------------------------------------------------------------------- */

/* A decimal number at *p, which goes past it; 0 where there is none. Not strtod, which reads what the host's locale says.
** */
static double take_number(const char **p) {
  const char *from = *p = skip_space(*p);
  double x = 0, place = 1;
  int has_point = 0;
  for (; (**p >= '0' && **p <= '9') || (**p == '.' && !has_point); ++*p) {
    if (**p == '.') {
      has_point = 1;
      continue;
    }
    x = x * 10 + (**p - '0');
    if (has_point) place *= 10;
  }
  return *p > from && isfinite(x) && isfinite(place) ? x / place : 0;
}

/* The weight of the text column just added, by what stands at *p. */
static void take_weight(IndexSchema *s, const char *list, const char **p, double *weight, bert_err *e) {
  *weight = 1;
  *p = skip_space(*p);
  if (**p != ':' || e->code) return;
  const char *from = skip_space(++*p);
  *weight = take_number(p);
  *p = skip_space(*p);
  if (*weight > 0 && (!**p || **p == ',')) return;
  const char *end = from + strcspn(from, ",");
  while (end > from && is_space(end[-1])) end--;
  error_set(e, BERT_ARGUMENT, "text='%s' gives %s the weight '%.*s', wanted a number above 0, like 2 or 0.5", list,
            s->columns[s->texts[s->text_count - 1]].name, error_shown(from, (size_t)(end - from), 40), from);
}

static void add_text(IndexSchema *s, int column, bert_err *e) {
  IndexColumn *c = &s->columns[column];
  if (c->kind != INDEX_METADATA && c->kind != INDEX_AUXILIARY)
    error_set(e, BERT_ARGUMENT, "text= names %s twice, or it is a partition key", c->name);
  if (e->code) return;
  c->kind = INDEX_TEXT;
  s->texts[s->text_count++] = column;
}

/* weights[i]: of text column i; 1 where the list gives any. */
static int read_texts(IndexSchema *s, const char *list, double *weights, bert_err *e) {
  int any = 0;
  for (const char *p = list; !e->code;) {
    char *name = take_word(&p, e);
    int column = name ? column_of(s, name) : -1;
    if (column < 0) error_set(e, BERT_ARGUMENT, "text='%s' names no column at '%s'", list, name ? name : p);
    else add_text(s, column, e);
    sqlite3_free(name);
    any |= *(p = skip_space(p)) == ':';
    if (!e->code) take_weight(s, list, &p, &weights[s->text_count - 1], e);
    if (!*p) break;
    if (*p++ != ',') error_set(e, BERT_ARGUMENT, "text='%s', wanted names with commas between them", list);
  }
  return any;
}

/* Weights are told by their ratios, so the largest is 1. */
static void read_weighted_texts(IndexSchema *s, const char *list, bert_err *e) {
  double *weights = memory_new((size_t)s->count + 1, sizeof *weights, e), most = 0;
  if (!weights || !read_texts(s, list, weights, e) || e->code) {
    sqlite3_free(weights);
    return;
  }
  for (int i = 0; i < s->text_count; i++) most = weights[i] > most ? weights[i] : most;
  for (int i = 0; i < s->text_count; i++) weights[i] /= most;
  s->weights = weights;
}

/* The first plain column without a type, else the first plain one. */
static void choose_text(IndexSchema *s, bert_err *e) {
  int best = -1;
  for (int i = s->count - 1; i >= 0; i--)
    if (s->columns[i].kind == INDEX_METADATA && (best < 0 || !*s->columns[i].type || *s->columns[best].type)) best = i;
  if (best < 0) error_set(e, BERT_ARGUMENT, "no column to embed, wanted a column of text or one of float[N]");
  else add_text(s, best, e);
}

static void settle(IndexSchema *s, const char *text, bert_err *e) {
  s->texts = memory_new((size_t)s->count + 1, sizeof *s->texts, e);
  if (e->code) return;
  if (s->vector >= 0 && (text || s->model || s->prompt || s->query_prompt))
    error_set(e, BERT_ARGUMENT, "%s holds vectors of your own, wanted no %s= beside it: make an index for each",
              s->columns[s->vector].name, text ? "text" : s->model ? "model" : s->prompt ? "prompt" : "query_prompt");
  else if (text) read_weighted_texts(s, text, e);
  else if (s->vector < 0) choose_text(s, e);
  if (s->content_rowid && (!s->content || !*s->content))
    error_set(e, BERT_ARGUMENT, "content_rowid='%s' without a content= table", s->content_rowid);
  if (!s->model && !e->code) s->model = copy("default", 7, e);
}

void index_schema_read(IndexSchema *s, const char *table, int argc, const char *const *argv, bert_err *e) {
  char *text = NULL;
  *s = (IndexSchema){.vector = -1};
  s->columns = memory_new((size_t)argc + 1, sizeof *s->columns, e);
  for (int i = 3; i < argc && !e->code; i++) read_argument(s, &text, table, argv[i], e);
  if (!e->code) settle(s, text, e);
  sqlite3_free(text);
}

void index_schema_free(IndexSchema *s) {
  for (int i = 0; i < s->count; i++) {
    sqlite3_free(s->columns[i].name);
    sqlite3_free(s->columns[i].type);
  }
  sqlite3_free(s->columns);
  sqlite3_free(s->texts);
  sqlite3_free(s->weights);
  sqlite3_free(s->content);
  sqlite3_free(s->content_rowid);
  sqlite3_free(s->model);
  sqlite3_free(s->prompt);
  sqlite3_free(s->query_prompt);
  *s = (IndexSchema){.vector = -1};
}

/* ---- what follows from them -------------------------------------------------------------------------------------- */

char *index_schema_declaration(const IndexSchema *s, const char *table) {
  sqlite3_str *sql = sqlite3_str_new(NULL);
  sqlite3_str_appendall(sql, "CREATE TABLE x(");
  for (int i = 0; i < s->count; i++)
    sqlite3_str_appendf(sql, "\"%w\" %s, ", s->columns[i].name, i == s->vector ? "BLOB" : s->columns[i].type);
  sqlite3_str_appendf(sql, "\"%w\" HIDDEN, k HIDDEN, distance REAL HIDDEN, rank HIDDEN)", table);
  return sqlite3_str_finish(sql);
}

int index_has_kind(const IndexSchema *s, IndexKind kind) {
  for (int i = 0; i < s->count; i++)
    if (s->columns[i].kind == kind) return 1;
  return 0;
}

int index_in_content(const IndexSchema *s, int column) {
  IndexKind kind = s->columns[column].kind;
  if (index_is_external(s)) return 0;
  return kind == INDEX_AUXILIARY || (kind == INDEX_TEXT && !s->content);
}
