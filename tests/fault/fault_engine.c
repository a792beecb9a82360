/* fault_engine.c -- every allocation of opening, embedding, encoding and chunking fails in turn.
**
**    fault_engine tests/golden/models        (make fault)
**
** A case is an act on one model. First it runs undisturbed and its answer is kept. Then its nth allocation fails, with
** all that follow it, for n = 1, 2, ... until it passes; then for each of these n, that one allocation alone. Each run
** must
**  - end in BERT_NOMEM with a message, or in the same answer (one failure may be survived: a thread that is not had);
**  - give the same answer when repeated on the same session with memory at hand;
**  - leave no allocation behind.
** The last line is "N passed, N failed". */
#include <stdio.h>
#include <string.h>

#include "bert.h"

enum { DIMENSIONS_MAX = 256, TEXTS = 6, RUNS_MAX = 20000 };

/* What an act found out, mixed into one number. */
typedef struct {
  uint64_t hash;
} Answer;

static int passed, failed;

static void add(Answer *a, const void *bytes, size_t n) {
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++) a->hash = (a->hash ^ p[i]) * 0x100000001b3u;
}

static bert_text text(const char *s) { return (bert_text){s, strlen(s)}; }

/* ---- acts: each on a fresh session ------------------------------------------------------------------------------- */

typedef void Act(bert_session *s, const bert_model *m, Answer *a, bert_err *e);

static const char *const LINES[TEXTS] = {
    "", "river", "She asked how to reset a password, and the answer was in the second paragraph.",
    "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xff?",
    "Water boils at 100 degrees at sea level, and at 93 degrees on a mountain of 2,000 metres. The train to Genoa "
    "leaves at 7:45, the train to Turin at 8:10, and the night train to Prague is late. Doctors measured the "
    "temperature of the patients every morning and every evening. Prices rose by 3.5% in March, fell in April, "
    "and were unchanged in May.",
    "play, playing, played, player"};

static void embed(bert_session *s, const bert_model *m, int from, int n, const bert_text *prompt, Answer *a,
                  bert_err *e) {
  static float v[TEXTS * DIMENSIONS_MAX];
  bert_text texts[TEXTS];
  bert_model_info info;
  bert_model_describe(m, &info);
  for (int i = 0; i < n; i++) texts[i] = text(LINES[from + i]);
  bert_embed(s, texts, n, prompt, v, NULL, e);
  add(a, v, sizeof *v * (size_t)info.dimensions * (size_t)n);
}

static void embed_one(bert_session *s, const bert_model *m, Answer *a, bert_err *e) { embed(s, m, 2, 1, NULL, a, e); }
static void embed_long(bert_session *s, const bert_model *m, Answer *a, bert_err *e) { embed(s, m, 4, 1, NULL, a, e); }
static void embed_many(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  embed(s, m, 0, TEXTS, NULL, a, e);
}

static void embed_prompt(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  bert_text prompt = bert_model_prompt(m, text("query"));
  embed(s, m, 1, 3, &prompt, a, e);
}

static void add_encoding(Answer *a, const bert_encoding *found) {
  size_t n = (size_t)found->n;
  add(a, &found->total, sizeof found->total);
  add(a, found->ids, n * sizeof *found->ids);
  add(a, found->types, n);
  add(a, found->start, n * sizeof *found->start);
  add(a, found->end, n * sizeof *found->end);
}

static void encode(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  bert_text pair = text(LINES[4]);
  bert_encoding found;
  (void)m;
  for (int truncate = 0; truncate < 2; truncate++) {
    bert_encode(s, text(LINES[2]), &pair, truncate, &found, e);
    if (!e->code) add_encoding(a, &found);
  }
}

static void count(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  (void)m;
  for (int i = 0; i < TEXTS; i++) {
    int64_t n = bert_token_count(s, text(LINES[i]), e);
    add(a, &n, sizeof n);
  }
}

static void token_vectors(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  bert_model_info info;
  bert_model_describe(m, &info);
  for (int layer = -1; layer < 2; layer++) {
    bert_encoding found;
    const float *v = NULL;
    bert_token_vectors(s, text(LINES[4]), NULL, layer, &found, &v, NULL, e);
    if (e->code) return;
    add_encoding(a, &found);
    add(a, v, (size_t)found.n * (size_t)info.hidden * sizeof *v);
  }
}

static void chunks(bert_session *s, const bert_model *m, Answer *a, bert_err *e) {
  const bert_chunk *found = NULL;
  (void)m;
  int n = bert_chunks(s, text(LINES[4]), 12, 3, &found, e);
  for (int i = 0; i < n && !e->code; i++) {
    add(a, &found[i].byte_start, sizeof found[i].byte_start);
    add(a, &found[i].byte_end, sizeof found[i].byte_end);
    add(a, &found[i].tokens, sizeof found[i].tokens);
  }
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

/* Opens, asks and frees, with memory failing all along. */
static void whole(const char *directory, const char *options, Answer *a, bert_err *e) {
  bert_model *m = bert_model_open(directory, options, e);
  bert_session *s = m ? bert_session_new(m, e) : NULL;
  if (s) embed_one(s, m, a, e);
  if (m && !e->code) {
    bert_model_info info;
    bert_model_describe(m, &info);
    add(a, info.hash, strlen(info.hash));
  }
  bert_session_free(s);
  bert_model_free(m);
}

static void stamp(const char *directory, const char *options, Answer *a, bert_err *e) {
  bert_stamp found = bert_model_stamp(directory, options, e);
  add(a, &found, sizeof found);
}

typedef struct {
  const char *name;
  Act *act; /* on a session of an open model, or … */
  void (*files)(const char *directory, const char *options, Answer *a, bert_err *e); /* on the files */
} Case;

static const Case CASES[] = {
    {"open, embed, free", NULL, whole}, {"stamp", NULL, stamp},
    {"embed one", embed_one, NULL},     {"embed a long text", embed_long, NULL},
    {"embed many", embed_many, NULL},   {"embed with a prompt", embed_prompt, NULL},
    {"encode a pair", encode, NULL},    {"count tokens", count, NULL},
    {"token vectors", token_vectors, NULL}, {"chunks", chunks, NULL},
};

typedef struct {
  const char *directory, *options;
  bert_model *model;
} Subject;

static void report(const Subject *s, const Case *c, int64_t n, int forever, const char *what, const char *message) {
  printf("%s %s, %s, allocation %lld fails%s: %s: %s\n", s->directory, s->options, c->name, (long long)n,
         forever ? " and all after it" : "", what, message);
}

/* Allocation n fails (0: none); *e says how the disturbed part ended. Returns 1 if all is as it should be. */
static int run(const Subject *s, const Case *c, int64_t n, int forever, const Answer *wanted, Answer *first,
               bert_err *e) {
  int64_t live = bert_test_live_allocations();
  Answer again = {0};
  bert_err repeated = {0}, clean = {0};
  bert_session *session = NULL;
  *first = (Answer){0};
  memset(e, 0, sizeof *e);
  if (c->act) {
    session = bert_session_new(s->model, &clean);
    if (!session) return report(s, c, n, forever, "no session", clean.text), 0;
  }
  bert_test_fail_allocation(n, forever);
  if (c->act) c->act(session, s->model, first, e);
  else c->files(s->directory, s->options, first, e);
  bert_test_fail_allocation(0, 0);
  if (c->act) c->act(session, s->model, &again, &repeated);
  else c->files(s->directory, s->options, &again, &repeated);
  bert_session_free(session);

  const char *wrong = NULL;
  if (e->code && e->code != BERT_NOMEM) wrong = "another error than BERT_NOMEM";
  else if (e->code && !e->text[0]) wrong = "no message";
  else if (wanted && !e->code && first->hash != wanted->hash) wrong = "another answer, and no error";
  else if (repeated.code) wrong = "then it fails with memory at hand";
  else if (wanted && again.hash != wanted->hash) wrong = "then it gives another answer";
  else if (bert_test_live_allocations() != live) wrong = "a leak";
  if (wrong) report(s, c, n, forever, wrong, repeated.code ? repeated.text : e->text);
  return !wrong;
}

/* Returns after how many allocations the case passes with all later ones failing; 0 where it never does. */
static int64_t sweep(const Subject *s, const Case *c) {
  Answer wanted, found;
  bert_err e;
  int good = run(s, c, 0, 0, NULL, &wanted, &e) && !e.code;
  if (e.code) report(s, c, 0, 0, "undisturbed", e.text);
  int64_t end = 0;
  for (int64_t n = 1; good && !end; n++) {
    good = run(s, c, n, 1, &wanted, &found, &e);
    if (!e.code) end = n;
    if (n == RUNS_MAX) report(s, c, n, 1, "no end", "too many allocations to try"), good = 0;
  }
  for (int64_t n = 1; good && n < end; n++) good = run(s, c, n, 0, &wanted, &found, &e);
  if (good) passed++;
  else failed++;
  return end;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static const struct {
  const char *name, *options;
} MODELS[] = {
    {"bert-uncased", "{\"threads\":1}"},  {"bert-uncased", "{\"threads\":3,\"on_long\":\"mean\",\"max_tokens\":20}"},
    {"file-sharded", "{}"},               {"file-gamma", "{}"},
    {"file-f16", "{}"},                   {"file-vocab-uncased", "{}"},
    {"sbert-two-dense", "{}"},            {"sbert-prompts-excluded-joined", "{\"threads\":2}"},
    {"sbert-old-layout", "{}"},           {"sbert-dense-tanh", "{\"compute\":\"int8\"}"},
};

/* What the process makes but once (threads) is there before leaks are counted. */
static void warm_up(const Subject *s, bert_err *e) {
  Answer ignored = {0};
  bert_session *session = bert_session_new(s->model, e);
  if (session) embed_many(session, s->model, &ignored, e);
  bert_session_free(session);
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: fault_engine DIRECTORY_OF_MODELS\n"), 2;
  for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
    char directory[1024];
    int64_t allocations = 0;
    bert_err e = {0};
    snprintf(directory, sizeof directory, "%s/%s", argv[1], MODELS[i].name);
    Subject s = {directory, MODELS[i].options, bert_model_open(directory, MODELS[i].options, &e)};
    if (!s.model) {
      printf("%s: %s\n", directory, e.text);
      failed++;
      continue;
    }
    warm_up(&s, &e);
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) allocations += sweep(&s, &CASES[k]);
    printf("%s %s: %lld allocations failed in turn\n", MODELS[i].name, MODELS[i].options, (long long)allocations);
    bert_model_free(s.model);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
