/* vocab.c -- see vocab.h.
** Layer: model. Uses: base text. */
#define _POSIX_C_SOURCE 200809L
#include "model/vocab.h"

#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/progress.h"
#include "text/vocabtrain.h"

struct bert_vocab {
  Arena arena;
  VocabSettings settings;
  WordCount words;
  VocabTrain *train; /* once the first piece was asked for */
  int given;
  double started;
};

static const char *const SPECIAL[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
enum { SPECIALS = (int)(sizeof SPECIAL / sizeof *SPECIAL), VOCAB_MAX = 1000000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int is_among(const char *const *list, int n, const char *wanted) {
  for (int i = 0; i < n; i++)
    if (!strcmp(list[i], wanted)) return 1;
  return 0;
}

static void read_special(Vocab *v, const Json *list, bert_err *e) {
  if (list->kind != JSON_ARRAY) json_refuse(list, "special_tokens", "an array of texts", e);
  const char **special = arena_push(&v->arena, (size_t)list->size + 1, sizeof *special, e);
  int n = 0;
  for (const Json *t = json_first(list); t && !e->code; t = json_next(t)) {
    if (t->kind != JSON_STRING || !t->size || memchr(t->at, '\n', t->size))
      json_refuse(t, "special_tokens", "texts of one line that are not empty", e);
    special[n] = json_text(t, "", "special_tokens", &v->arena, e);
    if (!e->code && is_among(special, n, special[n])) json_refuse(t, "special_tokens", "texts that differ", e);
    n++;
  }
  for (int i = 0; i < SPECIALS && !e->code; i++)
    if (!is_among(special, n, SPECIAL[i]))
      err_set(e, BERT_ARGUMENT, "special_tokens: %s is not among them, and no BERT works without it", SPECIAL[i]);
  v->settings.special = special;
  v->settings.special_count = n;
}

static void one_option(Vocab *v, int *strip, const Json *x, bert_err *e) {
  VocabSettings *s = &v->settings;
  Normalizer *n = &v->words.normalizer;
  const Json *key = json_key(x);
  if (json_is(key, "vocab_size")) s->vocab_size = (int)json_integer(x, BERT_VOCAB_SIZE, 1, VOCAB_MAX, "vocab_size", e);
  else if (json_is(key, "min_frequency")) s->min_frequency = json_integer(x, 2, 1, INT64_MAX, "min_frequency", e);
  else if (json_is(key, "limit_alphabet"))
    s->limit_alphabet = (int)json_integer(x, 1000, 1, VOCAB_MAX, "limit_alphabet", e);
  else if (json_is(key, "lowercase")) n->lower = (uint8_t)json_flag(x, 1, "lowercase", e);
  else if (json_is(key, "strip_accents")) *strip = json_flag(x, -1, "strip_accents", e);
  else if (json_is(key, "handle_chinese_chars")) n->chinese = (uint8_t)json_flag(x, 1, "handle_chinese_chars", e);
  else if (json_is(key, "special_tokens")) read_special(v, x, e);
  else if (!json_is(key, "progress")) /* the caller's own */
    json_refuse(key, "key", "one of vocab_size, min_frequency, limit_alphabet, lowercase, strip_accents, "
                            "handle_chinese_chars, special_tokens", e);
}

static void read_options(Vocab *v, const char *json, bert_err *e) {
  int strip = -1;
  v->settings = (VocabSettings){BERT_VOCAB_SIZE, 2, 1000, SPECIAL, SPECIALS};
  v->words.normalizer = (Normalizer){.clean = 1, .chinese = 1, .lower = 1};
  const Json *root = json && *json ? json_parse(json, strlen(json), "options", &v->arena, e) : NULL;
  if (root && root->kind != JSON_OBJECT)
    json_refuse(root, "all of it", "a JSON object such as {\"vocab_size\":8000}", e);
  for (const Json *x = e->code ? NULL : json_first(root); x && !e->code; x = json_next(x)) one_option(v, &strip, x, e);
  if (v->settings.vocab_size < v->settings.special_count)
    err_set(e, BERT_ARGUMENT, "vocab_size: found %d, wanted room for the %d special tokens", v->settings.vocab_size,
            v->settings.special_count);
  if (root) err_within(e, "options");
  if (e->code == BERT_FORMAT) e->code = BERT_ARGUMENT;
  v->words.normalizer.strip = (uint8_t)(strip < 0 ? v->words.normalizer.lower : strip);
}

/* ---- a vocabulary ------------------------------------------------------------------------------------------------ */

Vocab *vocab_new(const char *options_json, bert_err *e) {
  Vocab *v = mem_new(1, sizeof *v, e);
  if (!v) return NULL;
  read_options(v, options_json, e);
  v->started = now();
  if (!e->code) return v;
  vocab_free(v);
  return NULL;
}

void vocab_free(Vocab *v) {
  if (!v) return;
  wordcount_fini(&v->words);
  vocabtrain_free(v->train);
  arena_fini(&v->arena);
  mem_free(v);
}

void vocab_add(Vocab *v, bert_text text, bert_err *e) {
  if (v->train) err_set(e, BERT_ARGUMENT, "a text came after the first piece, wanted all texts before");
  wordcount_add(&v->words, text, e);
}

static void begin(Vocab *v, bert_err *e) {
  if (!v->words.words) err_set(e, BERT_ARGUMENT, "the texts have no words, wanted at least one");
  v->train = e->code ? NULL : vocabtrain_new(&v->words, &v->settings, e);
  if (v->train) wordcount_fini(&v->words);
}

int vocab_next(Vocab *v, bert_vocab_piece *out, const bert_progress *progress, bert_err *e) {
  progress_ask(progress, e);
  if (!e->code && !v->train) begin(v, e);
  *out = (bert_vocab_piece){.id = v->given};
  if (e->code || !vocabtrain_next(v->train, &out->piece, &out->frequency, e)) return 0;
  out->seconds = now() - v->started;
  v->given++;
  return 1;
}
