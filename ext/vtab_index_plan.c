/* vtab_index_plan.c -- how a query of an index is answered: xBestIndex, and its conditions as SQL on the shadow tables.
** Layer: ext. Uses: bert.h, vtab_index.h.
**
**    SELECT rowid FROM notes_index WHERE body MATCH 'printer' AND category IN ('faq', 'help') AND k = 10;
**    SELECT rowid FROM notes_index WHERE category LIKE 'h%' ORDER BY rowid;   -- no MATCH: a scan
**
** SQLite itself judges conditions on columns, by SQL on t_rows and its indexes, so their affinities, collations and
** NULLs are SQLite's own; the search then looks at no other rows. idxStr lists them, one a line:
**
**    column,operator,values,collation      column -1: rowid; values: 0, 1, or 2 for a list (IN); see also LOOSE
**
** A value is compared as one that has no affinity of its own, for no module is told of one: of columns that disagree, TEXT and
** INTEGER say, cast the right side.
**
** A search without MATCH's right side, or with a k from a table read later, is no plan (SQLITE_CONSTRAINT), so joins
** work in any order of FROM. LIMIT only says how many rows to look for at first: rows stream until SQLite has enough of
** them.
**
** What k counts. Conditions of the form `column operator value` (=, <>, <, <=, >, >=, BETWEEN, IN, LIKE, GLOB, IS and
** their like, joined by AND, on columns and rowid) hold before k: k rows come when k rows fulfil them. SQLite keeps OR,
** NOT IN, LIKE … ESCAPE, functions and conditions on two tables to itself; no module can see them, or which of its rows
** they let through, so they take rows from among the k; and so does what <> and IS NOT by another collation than BINARY refuse,
** beyond what BINARY does. LIMIT in k's place counts what is left of a stream, whatever
** the conditions:
**
**    … WHERE body MATCH ? AND (category = 'faq' OR lang = 'en') AND k = 10   -- those of the ten nearest that fulfil it
**    … WHERE body MATCH ? AND (category = 'faq' OR lang = 'en') LIMIT 10      -- the ten nearest that do */
#include "vtab_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef SQLITE_INDEX_CONSTRAINT_LIMIT
#define SQLITE_INDEX_CONSTRAINT_LIMIT 73
#define SQLITE_INDEX_CONSTRAINT_OFFSET 74
#endif

/* ---- operators --------------------------------------------------------------------------------------------------- */

static const struct {
  int op;
  const char *sql;
} operators[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, "="},       {SQLITE_INDEX_CONSTRAINT_GT, ">"},
    {SQLITE_INDEX_CONSTRAINT_LE, "<="},      {SQLITE_INDEX_CONSTRAINT_LT, "<"},
    {SQLITE_INDEX_CONSTRAINT_GE, ">="},      {SQLITE_INDEX_CONSTRAINT_NE, "<>"},
    {SQLITE_INDEX_CONSTRAINT_LIKE, "LIKE"},  {SQLITE_INDEX_CONSTRAINT_GLOB, "GLOB"},
    {SQLITE_INDEX_CONSTRAINT_IS, "IS"},      {SQLITE_INDEX_CONSTRAINT_ISNOT, "IS NOT"},
    {SQLITE_INDEX_CONSTRAINT_ISNULL, "IS NULL"}, {SQLITE_INDEX_CONSTRAINT_ISNOTNULL, "IS NOT NULL"},
};

static const char *sql_of(int op) {
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
    if (operators[i].op == op) return operators[i].sql;
  return NULL;
}

static int takes_value(int op) {
  return op != SQLITE_INDEX_CONSTRAINT_ISNULL && op != SQLITE_INDEX_CONSTRAINT_ISNOTNULL;
}

/* SQLite takes column LIKE 'a%' (GLOB 'a*', too) to imply column >= 'A' AND column < 'b', and offers these like conditions
** of the user's. BLOBs, which most builds let no LIKE match, but some do, come after all texts: there < must let them pass
** and SQLite judge the user's own. */
enum { LOOSE = 256 }; /* added to the operator */

/* SQLite tells no collation of <> and IS NOT. What differs in any differs in BINARY, too, so that is asked for, and SQLite
** judges the rows that come once more. */
static int is_collated_unsaid(const struct sqlite3_index_constraint *c) {
  return c->iColumn >= 0 && (c->op == SQLITE_INDEX_CONSTRAINT_NE || c->op == SQLITE_INDEX_CONSTRAINT_ISNOT);
}

static int is_pattern(int op) { return op == SQLITE_INDEX_CONSTRAINT_LIKE || op == SQLITE_INDEX_CONSTRAINT_GLOB; }

static int is_loose(const sqlite3_index_info *plan, const struct sqlite3_index_constraint *c) {
  if (c->op != SQLITE_INDEX_CONSTRAINT_LT) return 0;
  for (int i = 0; i < plan->nConstraint; i++)
    if (plan->aConstraint[i].iColumn == c->iColumn && is_pattern(plan->aConstraint[i].op)) return 1;
  return 0;
}

/* ---- xBestIndex -------------------------------------------------------------------------------------------------- */

/* The PLAN_ bit of a constraint that is an argument of the search; 0 for any other. */
static int argument_of(const IndexTable *t, const struct sqlite3_index_constraint *c) {
  int hidden = c->iColumn - t->columns.count;
  switch (c->op) {
    case SQLITE_INDEX_CONSTRAINT_LIMIT: return PLAN_LIMIT;
    case SQLITE_INDEX_CONSTRAINT_OFFSET: return PLAN_OFFSET;
    case SQLITE_INDEX_CONSTRAINT_MATCH:
      if (hidden == HIDDEN_TABLE) return PLAN_MATCH;
      if (c->iColumn < 0 || hidden >= 0) return 0;
      return c->iColumn == t->columns.vector || t->columns.columns[c->iColumn].kind == INDEX_TEXT ? PLAN_MATCH : 0;
    case SQLITE_INDEX_CONSTRAINT_EQ: /* also t('a question', 10), which gives the hidden columns in order */
      return hidden == HIDDEN_K ? PLAN_K : hidden == HIDDEN_TABLE ? PLAN_MATCH : 0;
    case SQLITE_INDEX_CONSTRAINT_LT: return hidden == HIDDEN_DISTANCE ? PLAN_BELOW : 0;
    case SQLITE_INDEX_CONSTRAINT_LE: return hidden == HIDDEN_DISTANCE ? PLAN_UP_TO : 0;
    case SQLITE_INDEX_CONSTRAINT_GT: return hidden == HIDDEN_DISTANCE ? PLAN_ABOVE : 0;
    case SQLITE_INDEX_CONSTRAINT_GE: return hidden == HIDDEN_DISTANCE ? PLAN_FROM : 0;
    default: return 0;
  }
}

/* Takes the arguments of the search; returns how many, or -1 where one that must be there is not known yet. */
static int take_arguments(const IndexTable *t, sqlite3_index_info *plan, int *number) {
  int from[PLAN_ARGUMENTS], used = 0, unusable = 0;
  for (int i = 0; i < plan->nConstraint; i++) {
    int bit = argument_of(t, &plan->aConstraint[i]);
    if (!plan->aConstraint[i].usable) unusable |= bit;
    else if (bit && !(*number & bit)) *number |= bit, from[__builtin_ctz((unsigned)bit)] = i;
  }
  if (unusable & ~*number & (PLAN_MATCH | PLAN_K)) return -1;
  if (!(*number & PLAN_MATCH)) *number &= PLAN_K; /* distances and limits mean nothing to a scan; k is refused there */
  for (int a = 0; a < PLAN_ARGUMENTS; a++) {
    if (!(*number & 1 << a)) continue;
    plan->aConstraintUsage[from[a]].argvIndex = ++used;
    plan->aConstraintUsage[from[a]].omit = (1 << a) < PLAN_LIMIT;
  }
  return used;
}

/* What the conditions found so far leave, for the planner's estimates. */
typedef struct {
  double rows;
  int is_one; /* a rowid given outright */
} Estimate;

static void estimate(Estimate *x, int column, int op, int is_list) {
  if (op == SQLITE_INDEX_CONSTRAINT_EQ && column < 0) x->rows = is_list ? 10 : 1, x->is_one |= !is_list;
  else if (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_IS) x->rows /= is_list ? 10 : 100;
  else x->rows /= 2;
  if (x->rows < 1) x->rows = 1;
}

static int is_condition(const IndexTable *t, const struct sqlite3_index_constraint *c) {
  if (!c->usable || argument_of(t, c) || !sql_of(c->op) || c->iColumn >= t->columns.count) return 0;
  return c->iColumn < 0 || (c->iColumn != t->columns.vector &&
                            !(t->columns.columns[c->iColumn].kind == INDEX_TEXT &&
                              index_is_contentless(&t->columns)));
}

static char *take_conditions(const IndexTable *t, sqlite3_index_info *plan, int used, int *number, Estimate *x) {
  sqlite3_str *text = sqlite3_str_new(t->db);
  for (int i = 0; i < plan->nConstraint; i++) {
    const struct sqlite3_index_constraint *c = &plan->aConstraint[i];
    if (!is_condition(t, c)) continue;
    int is_list = c->op == SQLITE_INDEX_CONSTRAINT_EQ && sqlite3_vtab_in(plan, i, 1);
    int values = is_list ? 2 : takes_value(c->op);
    int loose = is_loose(plan, c) ? LOOSE : 0;
    const char *collation = sqlite3_vtab_collation(plan, i);
    sqlite3_str_appendf(text, "%d,%d,%d,%s\n", c->iColumn, c->op | loose, values, collation ? collation : "BINARY");
    if (values) {
      plan->aConstraintUsage[i].argvIndex = ++used;
      plan->aConstraintUsage[i].omit = !loose && !is_collated_unsaid(c);
    }
    *number |= c->iColumn >= 0 && t->columns.columns[c->iColumn].kind == INDEX_PARTITION ? PLAN_PARTITIONS : PLAN_ROWS;
    estimate(x, c->iColumn, c->op, is_list);
  }
  return sqlite3_str_finish(text);
}

/* Whether rows come as ORDER BY wants them: a search by distance, then rowid; a scan by rowid. */
static void settle_order(const IndexTable *t, sqlite3_index_info *plan, int *number) {
  int distance = t->columns.count + HIDDEN_DISTANCE, rank = t->columns.count + HIDDEN_RANK;
  if (plan->nOrderBy == 0) return;
  const struct sqlite3_index_orderby *o = plan->aOrderBy;
  if (*number & PLAN_MATCH) {
    int by_distance = (o[0].iColumn == distance || o[0].iColumn == rank) && !o[0].desc;
    plan->orderByConsumed = by_distance &&
        (plan->nOrderBy == 1 || (plan->nOrderBy == 2 && o[1].iColumn == -1 && !o[1].desc));
  } else if (plan->nOrderBy == 1 && o[0].iColumn == -1) {
    plan->orderByConsumed = 1;
    if (o[0].desc) *number |= PLAN_DESCENDING;
  }
}

/* Whether the statement names a column that MATCH may stand beside. For the parts of an OR, SQLite plans without the
** MATCH around it; then a scan must not look cheaper than a search, or the MATCH would be lost. */
static int may_match(const IndexTable *t, const sqlite3_index_info *plan) {
  for (int i = 0; i <= t->columns.count + HIDDEN_DISTANCE; i++) {
    int is_bait = i == t->columns.vector || i >= t->columns.count || t->columns.columns[i].kind == INDEX_TEXT;
    if (is_bait && plan->colUsed >> (i < 63 ? i : 63) & 1) return 1;
  }
  return 0;
}

/* MATCH beside a column that no search is about, of which SQLite would only say that it cannot be used here. */
static int refuse_match(IndexTable *t, const sqlite3_index_info *plan) {
  const IndexSchema *x = &t->columns;
  for (int i = 0; i < plan->nConstraint; i++) {
    const struct sqlite3_index_constraint *c = &plan->aConstraint[i];
    if (c->op != SQLITE_INDEX_CONSTRAINT_MATCH || c->iColumn < 0 || c->iColumn >= x->count || argument_of(t, c)) continue;
    sqlite3_free(t->base.zErrMsg);
    t->base.zErrMsg = sqlite3_mprintf("bert_index %s: %s is not what is embedded, wanted %s MATCH …", t->name,
                                      x->columns[c->iColumn].name, x->columns[x->vector >= 0 ? x->vector : x->texts[0]].name);
    return 1;
  }
  return 0;
}

int index_best(sqlite3_vtab *vtab, sqlite3_index_info *plan) {
  enum { ROWS = 100000, SEARCH_COST = 20000, FOUND = 10, STREAMED = 1000 };
  IndexTable *t = (IndexTable *)vtab;
  Estimate x = {ROWS, 0};
  if (refuse_match(t, plan)) return t->base.zErrMsg ? SQLITE_ERROR : SQLITE_NOMEM;
  int number = 0, used = take_arguments(t, plan, &number);
  if (used < 0) return SQLITE_CONSTRAINT;
  char *text = take_conditions(t, plan, used, &number, &x);
  if (!text && number & (PLAN_ROWS | PLAN_PARTITIONS)) return SQLITE_NOMEM;
  settle_order(t, plan, &number);
  plan->idxNum = number;
  plan->idxStr = text;
  plan->needToFreeIdxStr = 1;
  if (number & PLAN_MATCH) {
    double found = number & (PLAN_K | PLAN_LIMIT) ? FOUND : STREAMED;
    plan->estimatedRows = (sqlite3_int64)(found < x.rows ? found : x.rows);
    plan->estimatedCost = SEARCH_COST + x.is_one; /* a search for each row of another table is never the better plan */
  } else {
    plan->estimatedRows = (sqlite3_int64)x.rows;
    plan->estimatedCost = x.rows + 10 + (may_match(t, plan) ? 2 * SEARCH_COST : 0);
    if (x.is_one) plan->idxFlags |= SQLITE_INDEX_SCAN_UNIQUE;
  }
  return SQLITE_OK;
}

/* ---- conditions as SQL ------------------------------------------------------------------------------------------- */

typedef struct {
  int column, op, values, is_loose;
  char collation[64];
} Condition;

/* The condition of the line at p; the next line, or NULL at the end. */
static const char *read_condition(const char *p, Condition *c) {
  char *end;
  if (!p || !*p) return NULL;
  c->column = (int)strtol(p, &end, 10);
  c->op = (int)strtol(end + 1, &end, 10);
  c->values = (int)strtol(end + 1, &end, 10);
  c->is_loose = (c->op & LOOSE) != 0;
  c->op &= ~LOOSE;
  size_t n = strcspn(end + 1, "\n");
  sqlite3_snprintf(sizeof c->collation, c->collation, "%.*s", (int)n, end + 1);
  return end + 1 + n + (end[1 + n] == '\n');
}

static int is_partition_column(const IndexTable *t, int column) {
  return column >= 0 && t->columns.columns[column].kind == INDEX_PARTITION;
}

/* What the left side of a condition is called in t_rows or t_partitions; text and auxiliary columns are elsewhere: 1.
** */
static int append_left(const IndexTable *t, sqlite3_str *s, int column) {
  const IndexSchema *x = &t->columns;
  if (column < 0) {
    sqlite3_str_appendall(s, "id");
  } else if (x->columns[column].kind == INDEX_METADATA || x->columns[column].kind == INDEX_PARTITION) {
    sqlite3_str_appendf(s, "c%d", column);
  } else if (index_in_content(x, column)) {
    sqlite3_str_appendf(s, "id IN (SELECT id FROM \"%w\".\"%w_content\" WHERE c%d", t->schema, t->name, column);
    return 1;
  } else {
    sqlite3_str_appendf(s, "id IN (SELECT \"%w\" FROM \"%w\".\"%w\" WHERE \"%w\"",
                        x->content_rowid ? x->content_rowid : "rowid", t->schema, x->content, x->columns[column].name);
    return 1;
  }
  return 0;
}

/* SQLite takes 32,766 parameters at most, so a long list stands in the SQL itself. */
enum { LIST_BOUND_MOST = 100 };

static int list_length(sqlite3_value *list) {
  sqlite3_value *v;
  int n = 0;
  int rc = sqlite3_vtab_in_first(list, &v);
  for (; rc == SQLITE_OK && n <= LIST_BOUND_MOST; rc = sqlite3_vtab_in_next(list, &v)) n++;
  return n;
}

/* Exactly x, which no decimal number promises: an integer, divided or multiplied by powers of two. */
static void append_real(sqlite3_str *s, double x) {
  enum { BITS = 53, STEP = 62 };
  int exponent = 0;
  if (isinf(x)) {
    sqlite3_str_appendall(s, x > 0 ? "9e999" : "-9e999");
    return;
  }
  double fraction = frexp(x, &exponent);
  sqlite3_str_appendf(s, "1.0*%lld", (sqlite3_int64)ldexp(fraction, BITS));
  for (exponent -= BITS; exponent; exponent -= exponent < -STEP ? -STEP : exponent > STEP ? STEP : exponent) {
    int step = abs(exponent) < STEP ? abs(exponent) : STEP;
    sqlite3_str_appendf(s, "%c%lld", exponent < 0 ? '/' : '*', (sqlite3_int64)1 << step);
  }
}

/* Quoted, whatever the database's encoding; NULs, at which %Q ends, stand apart. */
static void append_text(sqlite3_str *s, const char *text, int size) {
  const char *end = text + size;
  for (const char *p = text; p; p = p + strlen(p) < end ? p + strlen(p) + 1 : NULL)
    sqlite3_str_appendf(s, "%s%Q", p > text ? "||char(0)||" : "", p);
}

static void append_blob(sqlite3_str *s, const unsigned char *p, int size) {
  static const char digits[] = "0123456789ABCDEF";
  sqlite3_str_appendall(s, "x'");
  for (int i = 0; p && i < size; i++) {
    sqlite3_str_appendchar(s, 1, digits[p[i] >> 4]);
    sqlite3_str_appendchar(s, 1, digits[p[i] & 15]);
  }
  sqlite3_str_appendall(s, "'");
}

static void append_literal(sqlite3_str *s, sqlite3_value *v) {
  const char *text;
  switch (sqlite3_value_type(v)) {
    case SQLITE_INTEGER: sqlite3_str_appendf(s, "%lld", sqlite3_value_int64(v)); break;
    case SQLITE_FLOAT: append_real(s, sqlite3_value_double(v)); break;
    case SQLITE_TEXT:
      text = (const char *)sqlite3_value_text(v);
      append_text(s, text ? text : "", text ? sqlite3_value_bytes(v) : 0);
      break;
    case SQLITE_BLOB:
      append_blob(s, sqlite3_value_blob(v), sqlite3_value_bytes(v));
      break;
    default: sqlite3_str_appendall(s, "NULL");
  }
}

static void append_list(sqlite3_str *s, sqlite3_value *list) {
  sqlite3_value *v;
  int n = 0, is_long = list_length(list) > LIST_BOUND_MOST;
  for (int rc = sqlite3_vtab_in_first(list, &v); rc == SQLITE_OK; rc = sqlite3_vtab_in_next(list, &v)) {
    if (n++) sqlite3_str_appendall(s, ", ");
    if (is_long) append_literal(s, v);
    else sqlite3_str_appendall(s, "?");
  }
}

static void append_comparison(const IndexTable *t, sqlite3_str *s, const Condition *c, sqlite3_value *value) {
  int is_within = append_left(t, s, c->column);
  if (c->column >= 0 && !is_pattern(c->op)) /* BINARY, too: the column may have another one of its own */
    sqlite3_str_appendf(s, " COLLATE \"%w\"", c->collation);
  if (c->values == 2) {
    sqlite3_str_appendall(s, " IN (");
    append_list(s, value);
    sqlite3_str_appendall(s, ")");
  } else {
    sqlite3_str_appendf(s, " %s%s", sql_of(c->op), c->values ? " ?" : "");
  }
  if (is_within) sqlite3_str_appendall(s, ")");
}

static void append_condition(const IndexTable *t, sqlite3_str *s, const Condition *c, sqlite3_value *value) {
  sqlite3_str_appendall(s, c->is_loose ? " AND (" : " AND ");
  append_comparison(t, s, c, value);
  if (!c->is_loose) return;
  sqlite3_str_appendall(s, " OR ");
  int is_within = append_left(t, s, c->column);
  sqlite3_str_appendall(s, is_within ? " >= x''))" : " >= x'')");
}

static void append_conditions(const IndexTable *t, sqlite3_str *s, int on_partitions, const char *plan,
                              sqlite3_value **values) {
  Condition c;
  for (int i = 0; (plan = read_condition(plan, &c)); i += c.values != 0)
    if (is_partition_column(t, c.column) == on_partitions) append_condition(t, s, &c, c.values ? values[i] : NULL);
}

static int bind_conditions(const IndexTable *t, sqlite3_stmt *s, int first, int on_partitions, const char *plan,
                           sqlite3_value **values) {
  Condition c;
  sqlite3_value *v;
  for (int i = 0; (plan = read_condition(plan, &c)); i += c.values != 0) {
    if (is_partition_column(t, c.column) != on_partitions || !c.values) continue;
    if (c.values == 1) {
      sqlite3_bind_value(s, first++, values[i]);
      continue;
    }
    if (list_length(values[i]) > LIST_BOUND_MOST) continue;
    for (int rc = sqlite3_vtab_in_first(values[i], &v); rc == SQLITE_OK; rc = sqlite3_vtab_in_next(values[i], &v))
      sqlite3_bind_value(s, first++, v);
  }
  return first;
}

static char *where_text(const IndexTable *t, IndexWhere what, const char *plan, sqlite3_value **values) {
  sqlite3_str *s = sqlite3_str_new(t->db);
  if (what == WHERE_PARTITIONS) {
    sqlite3_str_appendf(s, "SELECT id FROM \"%w\".\"%w_partitions\" WHERE 1", t->schema, t->name);
    append_conditions(t, s, 1, plan, values);
    return sqlite3_str_finish(s);
  }
  sqlite3_str_appendf(s, "SELECT %s FROM \"%w\".\"%w_rows\" WHERE %s", what == WHERE_SLOTS ? "slot" : "id",
                      t->schema, t->name, what == WHERE_SLOTS ? "slot IS NOT NULL" : "1");
  append_conditions(t, s, 0, plan, values);
  if (what == WHERE_SLOTS) return sqlite3_str_finish(s);
  if (index_has_kind(&t->columns, INDEX_PARTITION)) {
    sqlite3_str_appendf(s, " AND \"partition\" IN (SELECT id FROM \"%w\".\"%w_partitions\" WHERE 1", t->schema,
                        t->name);
    append_conditions(t, s, 1, plan, values);
    sqlite3_str_appendall(s, ")");
  }
  sqlite3_str_appendf(s, " ORDER BY id%s", what == WHERE_ROWS_DESCENDING ? " DESC" : "");
  return sqlite3_str_finish(s);
}

/* ---- their statements, some of which are kept -------------------------------------------------------------------- */

static sqlite3_stmt *take_kept(IndexTable *t, const char *sql) {
  for (int i = 0; i < INDEX_FILTERS_KEPT; i++) {
    sqlite3_stmt *s = t->filters[i];
    if (!s || strcmp(sqlite3_sql(s), sql)) continue;
    memmove(&t->filters[i], &t->filters[i + 1], (size_t)(INDEX_FILTERS_KEPT - 1 - i) * sizeof s);
    t->filters[INDEX_FILTERS_KEPT - 1] = NULL;
    return s;
  }
  return NULL;
}

void index_give_back(IndexTable *t, sqlite3_stmt *s) {
  if (!s) return;
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  sqlite3_finalize(t->filters[INDEX_FILTERS_KEPT - 1]);
  memmove(&t->filters[1], &t->filters[0], (INDEX_FILTERS_KEPT - 1) * sizeof s);
  t->filters[0] = s;
}

sqlite3_stmt *index_where(IndexTable *t, IndexWhere what, const char *plan, sqlite3_value **values, bert_err *e) {
  if (e->code) return NULL;
  char *sql = where_text(t, what, plan, values);
  sqlite3_stmt *s = sql ? take_kept(t, sql) : NULL;
  if (s) sqlite3_free(sql);
  else s = index_prepare(t, sql, SQLITE_PREPARE_PERSISTENT, e);
  if (!s) return NULL;
  int next = 1;
  if (what != WHERE_PARTITIONS) next = bind_conditions(t, s, next, 0, plan, values);
  if (what != WHERE_SLOTS && index_has_kind(&t->columns, INDEX_PARTITION)) bind_conditions(t, s, next, 1, plan, values);
  return s;
}
