/* bert_ext.c -- the whole SQL surface, and the way in for SQLite.
** Layer: ext. Uses: bert.h, ext.h.
**
**    .load ./bert
**    SELECT bert_version();   -- 0.1.0 (arithmetic 1, x86_64, gcc 12.2.0)
**
** A new function is a row here, a declaration in ext.h and its own file (imitate fn_vector.c or tvf_kernels.c). */
#include "ext.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT1
#endif

enum {
  PURE = SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,          /* may stand in an index, a generated column, a view */
  VECTOR = PURE | SQLITE_SUBTYPE | SQLITE_RESULT_SUBTYPE,  /* likewise; takes or gives vectors */
  STATE = SQLITE_DIRECTONLY,                               /* reads files, changes what is loaded: no view runs it */
  BUILD = SQLITE_INNOCUOUS                                 /* tells of this build: the next one may say otherwise */
};

static const Function functions[] = {
    /* name, fewest and most arguments, flags, what runs */
    {"bert_load", 2, 3, STATE, fn_load},                /* name, path, options */
    {"bert_unload", 1, 1, STATE, fn_unload},            /* name */
    {"bert_save", 2, 2, STATE, fn_save},                /* name, directory */
    {"bert_store", 1, 2, STATE, fn_store},              /* name, schema */
    {"bert_drop", 1, 2, STATE, fn_drop},                /* name, schema */
    {"bert_index_rebuild", 1, 1, STATE, fn_index_rebuild}, /* index */
    {"bert_index_memory", 0, 1, STATE, fn_index_memory},   /* bytes */
    {"bert_version", 0, 0, BUILD, fn_version},          /* */
    {"bert_embed", 1, 3, VECTOR, fn_embed},             /* text, model, prompt */
    {"bert_similarity", 2, 3, VECTOR, fn_similarity},   /* a, b, model */
    {"bert_token_count", 1, 2, PURE, fn_token_count},   /* text, model */
    {"bert_classify", 1, -1, PURE, fn_classify},        /* a, b, model, x1, … */
    {"bert_rerank", 2, 3, PURE, fn_rerank},             /* query, passage, model */
    {"bert_next_sentence", 2, 3, PURE, fn_next_sentence}, /* a, b, model */
    {"bert_qa", 2, 3, PURE, fn_qa},                     /* question, passage, model */
    {"bert_attention_svg", 1, 3, PURE, fn_attention_svg}, /* text, pair, model */
    {"bert_cosine", 2, 2, VECTOR, fn_cosine},           /* v, w */
    {"bert_vector", 1, 1, VECTOR, fn_vector},           /* json */
    {"bert_to_json", 1, 1, VECTOR, fn_to_json},         /* v */
    {"bert_concat", 1, -1, VECTOR, fn_concat},          /* v, x1, … */
};

static const Aggregate *const aggregates[] = {
    &aggregate_map_svg,  /* vector, label */
    &aggregate_plot_svg, /* x, y, series */
};

enum {
  COMPUTES = SQLITE_VTAB_INNOCUOUS,
  TAKES_SQL = SQLITE_VTAB_DIRECTONLY,
  WANTS_SQL = SQLITE_VTAB_DIRECTONLY | TVF_STRICT, /* NULL is an error */
  TELLS = 0
};

static const TableFunction tables[] = {
    /* name, columns, arguments, how many are required, risk, what runs */
    {"bert_models",
     "name TEXT, architecture TEXT, task TEXT, layers INTEGER, hidden INTEGER, heads INTEGER, vocabulary INTEGER, "
     "max_tokens INTEGER, pooling TEXT, compute TEXT, parameters INTEGER, bytes INTEGER, hash TEXT, source TEXT, "
     "labels TEXT, features TEXT HIDDEN, card TEXT HIDDEN",
     "", 0, TELLS, &tvf_models},
    {"bert_kernels", "operation TEXT, isa TEXT, chosen INTEGER, reason TEXT", "", 0, COMPUTES, &tvf_kernels},
    {"bert_tokens",
     "position INTEGER, id INTEGER, token TEXT, segment INTEGER, \"start\" INTEGER, \"end\" INTEGER",
     "text, pair, model", 1, COMPUTES, &tvf_tokens},
    {"bert_token_embeddings", "position INTEGER, token TEXT, embedding BLOB", "text, pair, model, =layer", 1, COMPUTES,
     &tvf_token_embeddings},
    {"bert_chunks", "chunk TEXT, \"start\" INTEGER, \"end\" INTEGER, token_count INTEGER",
     "text, max_tokens, overlap, model", 1, COMPUTES, &tvf_chunks},
    {"bert_classes", "label TEXT, score REAL, rank INTEGER", "a, b, model, features", 1, COMPUTES, &tvf_classes},
    {"bert_predict", "label TEXT, score REAL, rank INTEGER", "vector, model", 2, COMPUTES, &tvf_predict},
    {"bert_classify_each", "\"key\", label TEXT, score REAL", "sql, model", 1, TAKES_SQL, &tvf_classify_each},
    {"bert_answers", "answer TEXT, score REAL, \"start\" INTEGER, \"end\" INTEGER, rank INTEGER",
     "question, passage, model", 2, COMPUTES, &tvf_answers},
    {"bert_ner", "entity TEXT, word TEXT, score REAL, \"start\" INTEGER, \"end\" INTEGER", "text, model", 1, COMPUTES,
     &tvf_ner},
    {"bert_tags", "word TEXT, label TEXT, score REAL, \"start\" INTEGER, \"end\" INTEGER", "text, model", 1, COMPUTES,
     &tvf_tags},
    {"bert_fill_mask", "token TEXT, score REAL, sequence TEXT, position INTEGER, rank INTEGER", "text, model", 1,
     COMPUTES, &tvf_fill_mask},
    {"bert_zero_shot", "label TEXT, score REAL, rank INTEGER", "text, labels_json, model, =template, =multi_label", 2,
     COMPUTES, &tvf_zero_shot},
    {"bert_attention",
     "=layer INTEGER, =head INTEGER, from_position INTEGER, to_position INTEGER, from_token TEXT, to_token TEXT, "
     "weight REAL",
     "text, pair, model", 1, COMPUTES, &tvf_attention},
    {"bert_evaluate", "metric TEXT, value REAL", "task, sql, options", 2, WANTS_SQL, &tvf_evaluate},
    {"bert_pretrain_examples",
     "example INTEGER, tokens TEXT, original TEXT, is_next INTEGER, positions TEXT, labels TEXT", "sql, options", 1,
     WANTS_SQL, &tvf_pretrain_examples},
    {"bert_train_vocab", "step INTEGER, id INTEGER, piece TEXT, frequency INTEGER, seconds REAL", "sql, options", 1,
     WANTS_SQL, &tvf_train_vocab},
    {"bert_finetune",
     "step INTEGER, epoch REAL, loss REAL, mlm_loss REAL, nsp_loss REAL, accuracy REAL, mlm_accuracy REAL, "
     "nsp_accuracy REAL, learning_rate REAL, tokens_per_second REAL, seconds REAL, eta REAL, evaluation TEXT",
     "task, sql, options", 3, WANTS_SQL, &tvf_finetune},
    {"bert_pretrain",
     "step INTEGER, epoch REAL, loss REAL, mlm_loss REAL, nsp_loss REAL, accuracy REAL, mlm_accuracy REAL, "
     "nsp_accuracy REAL, learning_rate REAL, tokens_per_second REAL, seconds REAL, eta REAL, evaluation TEXT",
     "sql, options", 2, WANTS_SQL, &tvf_pretrain},
    {"bert_embed_each", "\"key\", embedding BLOB", "sql, model, prompt", 1, TAKES_SQL, &tvf_embed_each},
    {"bert_search_each", "\"key\", rowid INTEGER, distance REAL, rank INTEGER", "index, sql, k", 3, TAKES_SQL,
     &tvf_search_each},
    {"bert_hybrid", "rowid INTEGER, score REAL, index_rank INTEGER, fts_rank INTEGER", "index, fts5_table, query, k", 4,
     TAKES_SQL, &tvf_hybrid},
    {"bert_index_progress",
     "\"index\" TEXT, command TEXT, done INTEGER, total INTEGER, rows_per_second REAL, seconds_left REAL", "", 0, TELLS,
     &tvf_index_progress},
};

static int register_all(Connection *c) {
  int rc = SQLITE_OK;
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof *functions; i++)
    rc = fn_register(c, &functions[i]);
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof aggregates / sizeof *aggregates; i++)
    rc = aggregate_register(c, aggregates[i]);
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++) rc = tvf_register(c, &tables[i]);
  if (rc == SQLITE_OK) rc = vtab_index_register(c); /* bert_index(…), a table to be created */
  if (rc == SQLITE_OK) connection_complete(c);
  return rc;
}

/* Loading again on the same connection changes nothing: its models stay. */
static int attach(sqlite3 *db) {
  bert_err e = {0};
  int known = 0;
  Connection *c = connection_attach(db, &known, &e);
  if (!c) return SQLITE_NOMEM;
  int rc = known ? SQLITE_OK : register_all(c);
  connection_release(c);
  return rc;
}

enum { OLDEST = 3038000 };

#ifdef SQLITE_CORE

int sqlite3_bert_init(sqlite3 *db, char **message, const struct sqlite3_api_routines *api);

int sqlite3_bert_init(sqlite3 *db, char **message, const struct sqlite3_api_routines *api) {
  (void)api;
  if (sqlite3_libversion_number() < OLDEST) {
    if (message) *message = sqlite3_mprintf("bert: SQLite %s, wanted 3.38.0 or newer", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  return attach(db);
}

#else

/* All of ext/ calls SQLite through one pointer. Two copies of SQLite in a process (a language's own and the system's)
** share a loaded library, and functions of one called on connections of the other crash, so the second is refused. */
static int adopt(const sqlite3_api_routines *api) {
  static Lock lock = ATOMIC_FLAG_INIT;
  while (atomic_flag_test_and_set(&lock)) continue; /* lock_take would sleep by SQLite, which is not there yet */
  if (!sqlite3_api) sqlite3_api = api;
  int same = sqlite3_api == api;
  lock_give(&lock);
  return same;
}

#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
int sqlite3_bert_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

int sqlite3_bert_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
  if (!db || !api) return SQLITE_ERROR;
  if (api->libversion_number() < OLDEST) {
    if (message) *message = api->mprintf("bert: SQLite %s, wanted 3.38.0 or newer", api->libversion());
    return SQLITE_ERROR;
  }
  if (!adopt(api)) {
    if (message)
      *message = api->mprintf("bert: already serves another copy of SQLite in this process; load a copy of the file, "
                              "under another name, into this one (SQLite %s)", api->libversion());
    return SQLITE_ERROR;
  }
  int rc = attach(db);
  return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc; /* threads may still run our code after the close */
}

#endif
