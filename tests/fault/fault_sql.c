/* fault_sql.c -- every allocation of the SQL functions failing in turn: SQLite's, the glue's, the engine's.
**
**    fault_sql MODELS        MODELS is tests/golden/models; ends with "N passed, N failed"
**
** ext/ is compiled into this program with -DSQLITE_CORE, as users do who link statically. Each script runs again and
** again, the first time with its first allocation failing, then its second, and so on until it comes through: once
** with that one alone, once with all after it. A run ends well, or with SQLITE_NOMEM, or with the script's own error;
** afterwards sqlite3_close finds nothing left to close, and no memory is missing from SQLite's or the engine's count.
** */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bert.h"

int sqlite3_bert_init(sqlite3 *db, char **message, const struct sqlite3_api_routines *api);

/* ---- an allocator that fails when told to --------------------------------------------------------------------------- */

static sqlite3_mem_methods real;
static long left; /* allocations until the one that fails; 0: none does */
static int forever, has_failed;

static int fails(void) {
  if (left == 0 || --left > 0) return 0;
  if (forever) left = 1;
  return has_failed = 1;
}

static void *failing_malloc(int n) { return fails() ? NULL : real.xMalloc(n); }
static void *failing_realloc(void *p, int n) { return fails() ? NULL : real.xRealloc(p, n); }

static void install(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods m = real;
  m.xMalloc = failing_malloc;
  m.xRealloc = failing_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &m);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* small pieces come from the allocator too */
  sqlite3_initialize();
}

/* ---- scripts ---------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  const char *before; /* run without failures; %s is the model's directory */
  const char *sql;
  const char *error;  /* a part of the message that it ends with, or NULL */
} Script;

#define LOAD "SELECT bert_load('m', '%s');"
#define HEAD(name) "SELECT bert_load('m', '%s/../../heads/" name "');" /* beside tests/golden/models */
#define NUMBERS LOAD "SELECT max(step) FROM bert_finetune('classify', 'SELECT ''the river'' AS body, ''a'' AS label, 1 AS x " \
  "UNION ALL SELECT ''train'', ''b'', 2', '{\"from\":\"m\",\"model\":\"n\",\"steps\":1}');"
#define TRAIN_VECTORS "SELECT max(step) FROM bert_finetune('head', 'SELECT bert_vector(''[1, 2]''), ''a'' UNION ALL " \
  "SELECT bert_vector(''[3, 4]''), ''b''', '{\"model\":\"v\",\"steps\":1}')"
#define VECTORS TRAIN_VECTORS ";"
#define NOTES "CREATE TABLE t(id, body); INSERT INTO t VALUES (1, 'the river'), ('two', NULL), (x'03', 'train'), (2.5, '');"

#define INDEXED "INSERT INTO x(body, cat, p, u) VALUES ('the river', 'a', 1, 'u'), (NULL, 'b', 1, 'v'), ('train', NULL, 2, NULL);"

static const Script scripts[] = {
    {"bert_load", "", "SELECT bert_load('m', '%s'), bert_load('n', '%s', '{\"threads\": 1}'), bert_unload('m')", NULL},
    {"bert_load of nothing", "", "SELECT bert_load('m', '%s/nothing')", "nothing"},
    {"bert_models", LOAD, "SELECT * FROM bert_models", NULL},
    {"bert_kernels", "", "SELECT * FROM bert_kernels", NULL},
    {"bert_embed", LOAD, "SELECT bert_embed('the river', 'm'), bert_embed('train', 'm', 'prompt '), bert_version()", NULL},
    {"bert_embed with nobody", LOAD, "SELECT bert_embed('x', 'nobody')", "nobody"},
    {"bert_similarity", LOAD, "SELECT bert_similarity('the river', 'train', 'm'), bert_similarity('x', bert_embed('y', 'm'), 'm')", NULL},
    {"vectors", "", "SELECT bert_to_json(bert_concat('[1, 2]', 3, '4', '[5]')), bert_cosine('[1]', bert_vector('[2]')), bert_vector(zeroblob(400))", NULL},
    {"bert_tokens", LOAD, "SELECT * FROM bert_tokens('the river', 'train', 'm'); SELECT bert_token_count('the river', 'm')", NULL},
    {"bert_token_embeddings", LOAD, "SELECT * FROM bert_token_embeddings('the river', NULL, 'm', 0)", NULL},
    {"bert_chunks", LOAD, "SELECT * FROM bert_chunks('the river and the train', 4, 1, 'm')", NULL},
    {"bert_embed_each", LOAD NOTES, "SELECT * FROM bert_embed_each('SELECT id, body FROM t; -- all', 'm', 'prompt ')", NULL},
    {"bert_embed_each within", LOAD NOTES,
     "SELECT * FROM bert_embed_each('SELECT key, 1 FROM bert_embed_each(''SELECT id, body FROM t'', ''m'')', 'm')", NULL},
    {"bert_embed_each of no query", LOAD, "SELECT * FROM bert_embed_each('SELECT 1', 'm')", "1 column"},
    {"a model forgotten under a scan", LOAD NOTES,
     "SELECT key, CASE key WHEN 1 THEN bert_unload('m') END FROM bert_embed_each('SELECT id, body FROM t', 'm')", NULL},
    {"a generated column", LOAD "CREATE TABLE n(a, e AS (bert_embed(a, 'm')) STORED); CREATE INDEX i ON n(bert_embed(a, 'm'));",
     "INSERT INTO n VALUES ('the river'), (NULL), ('train'); SELECT count(*) FROM n WHERE e IS bert_embed(a, 'm')", NULL},
    {"bert_classify", HEAD("bert-classify"), "SELECT bert_classify('the river', 'train', 'm')", NULL},
    {"bert_classify with no head", LOAD, "SELECT bert_classify('the river', 'train', 'm')", "no head"},
    {"bert_classify with numbers", NUMBERS,
     "SELECT bert_classify('the river', NULL, 'n', 2), (SELECT label FROM bert_classes('train', NULL, 'n', '[3]')); "
     "SELECT * FROM bert_classify_each('SELECT 1, ''train'', NULL, 3', 'n')", NULL},
    {"bert_predict", VECTORS,
     "SELECT * FROM bert_predict('[1, 2]', 'v'); SELECT * FROM bert_predict('[1, 2, 3]', 'v')", "wanted 2"},
    {"bert_finetune of a head", "", TRAIN_VECTORS, NULL},
    {"bert_rerank", HEAD("bert-reranker"), "SELECT bert_rerank('the river', 'train', 'm')", NULL},
    {"bert_next_sentence", HEAD("bert-next"), "SELECT bert_next_sentence('the river', 'train', 'm')", NULL},
    {"bert_classes", HEAD("bert-classify"), "SELECT * FROM bert_classes('the river', 'train', 'm')", NULL},
    {"bert_evaluate", HEAD("bert-classify"),
     "SELECT * FROM bert_evaluate('classify', 'SELECT ''the river'', ''bad'' UNION ALL SELECT ''train'', ''good''', "
     "'{\"model\":\"m\"}')", NULL},
    {"bert_evaluate of tags", HEAD("bert-ner"),
     "SELECT * FROM bert_evaluate('tag', 'SELECT ''the river'', ''O B-PER''', '{\"model\":\"m\"}')", NULL},
    {"bert_evaluate of answers", HEAD("bert-qa"),
     "SELECT * FROM bert_evaluate('qa', 'SELECT ''who'', ''the river'', ''[\"a river\"]''', '{\"model\":\"m\"}')", NULL},
    {"bert_evaluate of masks", HEAD("bert-mlm"),
     "SELECT * FROM bert_evaluate('mlm', 'SELECT ''the river and the train''', '{\"model\":\"m\"}')", NULL},
    {"bert_pretrain_examples", LOAD,
     "SELECT * FROM bert_pretrain_examples('SELECT ''the river. the train'' UNION ALL SELECT ''a. river''', "
     "'{\"from\":\"m\",\"dupe_factor\":1}')", NULL},
    {"bert_finetune", HEAD("bert-classify"),
     "SELECT * FROM bert_finetune('classify', 'SELECT ''the river'', ''bad'' UNION ALL SELECT ''train'', ''good''', "
     "'{\"from\":\"m\",\"model\":\"n\",\"steps\":2,\"batch_size\":1,\"evaluate\":\"SELECT ''a'', ''bad''\"}')", NULL},
    {"bert_finetune beside a teacher of labels", HEAD("bert-classify"),
     "SELECT * FROM bert_finetune('classify', 'SELECT ''the river'' UNION ALL SELECT ''train''', "
     "'{\"from\":\"m\",\"teacher\":\"m\",\"model\":\"n\",\"steps\":1}')", NULL},
    {"bert_finetune beside a teacher of tags", HEAD("bert-ner"),
     "SELECT * FROM bert_finetune('tag', 'SELECT ''the river'' UNION ALL SELECT ''train''', "
     "'{\"from\":\"m\",\"teacher\":\"m\",\"model\":\"n\",\"steps\":1}')", NULL},
    {"bert_pretrain", "CREATE TABLE p(piece); INSERT INTO p VALUES ('[PAD]'), ('[UNK]'), ('[CLS]'), ('[SEP]'), ('[MASK]'), ('the'), ('river'), ('.');",
     "SELECT * FROM bert_pretrain('SELECT ''the river. the.'' UNION ALL SELECT ''river. river.''', '{\"model\":\"n\",\"vocabulary\":"
     "\"SELECT piece FROM p ORDER BY rowid\",\"config\":{\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":1,"
     "\"intermediate_size\":8,\"max_position_embeddings\":16},\"steps\":2,\"batch_size\":2,\"dupe_factor\":1,"
     "\"short_tokens\":6,\"short_share\":0.5}')", NULL},
    {"bert_train_vocab", NOTES, "SELECT * FROM bert_train_vocab('SELECT body FROM t')", NULL},
    {"bert_classify_each", HEAD("bert-classify") NOTES,
     "SELECT * FROM bert_classify_each('SELECT id, body, id FROM t WHERE id <> x''03''', 'm')", NULL},
    {"bert_qa", HEAD("bert-qa"), "SELECT bert_qa('who?', 'the river and the train', 'm')", NULL},
    {"bert_answers", HEAD("bert-qa"), "SELECT * FROM bert_answers('who?', 'the river and the train', 'm')", NULL},
    {"bert_ner", HEAD("bert-ner"), "SELECT * FROM bert_ner('the river and the train', 'm')", NULL},
    {"bert_tags", HEAD("bert-ner"), "SELECT * FROM bert_tags('the river and the train', 'm')", NULL},
    {"bert_fill_mask", HEAD("bert-mlm"),
     "SELECT * FROM bert_fill_mask('the [MASK] and [MASK]', 'm') WHERE rank <= 1", NULL},
    {"bert_zero_shot", HEAD("bert-nli"),
     "SELECT * FROM bert_zero_shot('the river', '[\"a\", \"b\"]', 'm', 'It is {}.', 1)", NULL},
    {"bert_attention", HEAD("bert-classify"), "SELECT count(to_token) FROM bert_attention('the', 'a', 'm')", NULL},
    {"bert_attention of one head", HEAD("bert-classify"),
     "SELECT count(to_token) FROM bert_attention('the', 'a', 'm') WHERE layer = 1 AND head = 0", NULL},
    {"bert_attention_svg", HEAD("bert-classify"), "SELECT bert_attention_svg('the river', 'a train', 'm')", NULL},
    {"bert_map_svg", NOTES "CREATE TABLE v AS SELECT printf('[%d, %d, 1]', id % 3, id) AS v, body FROM t;",
     "SELECT bert_map_svg(v, v.body), bert_map_svg(v) FROM v GROUP BY length(v.body) > 3", NULL},
    {"bert_plot_svg", NOTES, "SELECT bert_plot_svg(rowid, rowid % 2, body), bert_plot_svg(rowid, 1) FROM t", NULL},
    {"bert_index, created", LOAD, "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m'); DROP TABLE x", NULL},
    {"bert_index of nothing", "", "CREATE VIRTUAL TABLE x USING bert_index(body, model='nobody')", "nobody"},
    {"bert_index, written", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED,
     "INSERT INTO x(body, cat, p, u) VALUES ('a city', 'c', 2, 3), ('a', 'b', 1, 2); UPDATE x SET cat = 'd'; UPDATE x SET p = 3, body = 'b' "
     "WHERE rowid = 1; REPLACE INTO x(rowid, body) VALUES (2, 'new'); DELETE FROM x WHERE rowid = 3", NULL},
    {"bert_index, weighted", LOAD "CREATE VIRTUAL TABLE x USING bert_index(a, b, text='a:2, b', model='m'); INSERT INTO x VALUES ('the river', 'train');",
     "INSERT INTO x VALUES ('a city', 'c'), (NULL, ''), ('train', NULL); UPDATE x SET b = 'd'; INSERT INTO x(x) VALUES ('integrity-check')", NULL},
    {"bert_index, searched", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED,
     "SELECT rowid, distance, cat, u, p FROM x WHERE body MATCH 'the' AND cat IN ('a', 'b') AND p < 5 AND k = 3; SELECT rowid, body FROM x "
     "WHERE body MATCH 'river' AND u LIKE 'u%%' LIMIT 1; SELECT * FROM x WHERE rowid > 0 ORDER BY rowid DESC", NULL},
    {"bert_index, commanded", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED,
     "INSERT INTO x(x) VALUES ('rebuild'); INSERT INTO x(x) VALUES ('optimize'); INSERT INTO x(x) VALUES ('integrity-check'); "
     "SELECT * FROM bert_index_progress", NULL},
    {"bert_index, rebuilt in steps", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED,
     "SELECT bert_index_rebuild('x'); INSERT INTO x(x, rank) VALUES ('rebuild', 1); INSERT INTO x(x) VALUES ('reembed')", NULL},
    {"bert_index, following", LOAD "CREATE TABLE n(id INTEGER PRIMARY KEY, body); INSERT INTO n(body) VALUES ('the river'); CREATE VIRTUAL TABLE x "
     "USING bert_index(body, model='m', content='n', content_rowid='id');",
     "INSERT INTO x(x) VALUES ('triggers'); INSERT INTO x(x) VALUES ('reembed'); INSERT INTO n(body) VALUES ('train'); UPDATE n SET body = 'x'; "
     "DELETE FROM n; DROP TABLE x", NULL},
    {"bert_index of vectors", "CREATE VIRTUAL TABLE x USING bert_index(e float[2]);",
     "BEGIN; INSERT INTO x(e) VALUES ('[1, 2]'), ('[2, 1]'), (NULL); SAVEPOINT s; DELETE FROM x; ROLLBACK TO s; COMMIT; SELECT rowid, e FROM x "
     "WHERE e MATCH '[1, 1]'; INSERT INTO x(x) VALUES ('rebuild')", NULL},
    {"bert_search_each", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED,
     "SELECT * FROM bert_search_each('x', 'SELECT 1, ''the'' UNION ALL SELECT 2, NULL', 2)", NULL},
    {"bert_hybrid", LOAD "CREATE VIRTUAL TABLE x USING bert_index(body, cat TEXT, p PARTITION KEY, +u, model='m');" INDEXED
     "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f(rowid, body) SELECT rowid, body FROM x;",
     "SELECT * FROM bert_hybrid('x', 'main.f', 'the river', 2)", NULL},
    {"bert_store", LOAD, "SELECT bert_store('m')", NULL},
    {"bert_store in place of another", LOAD "SELECT bert_store('m');", "BEGIN; SELECT bert_store('m'); COMMIT", NULL},
    {"a stored model", LOAD "SELECT bert_store('m'), bert_unload('m');",
     "SELECT bert_embed('the river', 'm'), name, hash FROM bert_models", NULL},
    {"bert_drop", LOAD "SELECT bert_store('m');", "SELECT bert_drop('m')", NULL},
    {"embedded models", "",
     "SELECT bert_embed('the river'), bert_classify('the river'), bert_classify('the', 'river'); SELECT *, card FROM bert_models", NULL},
    {"an embedded model that others stand for", LOAD "SELECT bert_embed('x', 'bert-qa');",
     "SELECT bert_embed('the river', 'bert-qa'), bert_embed('the river', 'nobody')", "nobody"},
    {"bert_save over files", LOAD, "SELECT bert_save('m', '%s')", "found a directory with files"},
    {"UTF-16", "PRAGMA encoding = 'UTF-16';" LOAD NOTES,
     "SELECT * FROM t, bert_embed_each('SELECT 1, ''train''', 'm'), bert_tokens(body, NULL, 'm')", NULL},
};

/* Fills the model's directory in, as often as the text asks for it. */
static char *filled(const char *text, const char *model) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  for (const char *p; (p = strstr(text, "%s")); text = p + 2) sqlite3_str_appendf(s, "%.*s%s", (int)(p - text), text, model);
  sqlite3_str_appendall(s, text);
  return sqlite3_str_finish(s);
}

/* ---- one run ------------------------------------------------------------------------------------------------------------ */

typedef enum { SQLITE_FAILS, ENGINE_FAILS } Side;

static void arm(Side side, long n, int all) {
  has_failed = 0;
  forever = all;
  if (side == SQLITE_FAILS) left = n;
  else bert_test_fail_allocation(n, all);
}

static void disarm(void) {
  left = 0;
  bert_test_fail_allocation(0, 0);
}

static int run(const Script *script, const char *before, const char *sql, Side side, long n, int all) {
  sqlite3 *db = NULL;
  char *message = NULL;
  int wrong = 0;
  sqlite3_int64 used = sqlite3_memory_used();
  int64_t live = bert_test_live_allocations();
  if (sqlite3_open(":memory:", &db)) return printf("FAIL %s: no database\n", script->name) > 0;
  arm(side, n, all);
  int rc = sqlite3_bert_init(db, &message, NULL);
  disarm();
  if (rc == SQLITE_OK) rc = sqlite3_exec(db, before, NULL, NULL, &message);
  if (rc == SQLITE_OK) {
    arm(side, n, all);
    rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    disarm();
  }
  const char *text = message ? message : sqlite3_errmsg(db);
  if (rc != SQLITE_OK && rc != SQLITE_NOMEM && !(script->error && strstr(text, script->error)))
    wrong = printf("FAIL %s, allocation %ld of %s%s: code %d, %s\n", script->name, n, side ? "the engine" : "SQLite",
                   all ? " and all after it" : "", rc, text);
  sqlite3_free(message);
  rc = sqlite3_close(db);
  if (rc != SQLITE_OK) wrong = printf("FAIL %s, allocation %ld: sqlite3_close gives %d\n", script->name, n, rc);
  bert_cache_limit(0); /* what is remembered of an index outlives the connection, and is no leak */
  bert_cache_limit(1 << 24);
  if (sqlite3_memory_used() != used || bert_test_live_allocations() != live)
    wrong = printf("FAIL %s, allocation %ld of %s: %lld bytes of SQLite's and %lld allocations of the engine's are left\n",
                   script->name, n, side ? "the engine" : "SQLite", (long long)(sqlite3_memory_used() - used),
                   (long long)(bert_test_live_allocations() - live));
  return wrong != 0;
}

/* Until a run in which nothing failed. The engine does not say whether it did: no script allocates as often as the limit. */
static int sweep(const Script *script, const char *model, Side side, int all, int step) {
  char *before = filled(script->before, model), *sql = filled(script->sql, model);
  int wrong = 0;
  enum { ENGINE_ALLOCATIONS = 400 };
  for (long n = 1; !wrong; n += step) {
    wrong = run(script, before, sql, side, n, all);
    if (side == SQLITE_FAILS ? !has_failed : n >= ENGINE_ALLOCATIONS) break;
  }
  sqlite3_free(before);
  sqlite3_free(sql);
  return wrong;
}

int main(int argc, char **argv) {
  int passed = 0, failed = 0;
  if (argc < 2) return printf("usage: fault_sql MODELS [WORD [STEP]]\n") > 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  install();
  char *model = sqlite3_mprintf("%s/sbert-mean", argv[1]);
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    if (argc > 2 && !strstr(scripts[i].name, argv[2])) continue;
    /* An index makes many statements: of their thousands of allocations every 31st, unless one script is asked for. */
    int step = argc > 3 ? atoi(argv[3]) : argc <= 2 && strstr(scripts[i].before, "bert_index") ? 31 : 1;
    for (int kind = 0; kind < 4; kind++) {
      if (sweep(&scripts[i], model, kind & 1 ? ENGINE_FAILS : SQLITE_FAILS, kind >> 1, step)) failed++;
      else passed++;
    }
  }
  sqlite3_free(model);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0 || passed == 0;
}
