/* bert.c -- the public names: what bert.h promises, each a call into the rooms.
** Layer: the front door. Uses: every room.
**
** Calls that compute set the floating-point environment to its default on entry and put the caller's back: a host that
** rounds another way, or flushes denormals, gets the same bits as any other. */
#include "bert.h"

#include <fenv.h>
#include <string.h>

#include "base/bundle.h"
#include "base/outdir.h"
#include "base/pool.h"
#include "base/rows.h"
#include "draw/map.h"
#include "draw/plot.h"
#include "index/block.h"
#include "index/cache.h"
#include "index/element.h"
#include "index/lists.h"
#include "index/search.h"
#include "kernel/cosine.h"
#include "kernel/kernel.h"
#include "model/contained.h"
#include "model/evaluate.h"
#include "model/model.h"
#include "model/predict.h"
#include "model/source.h"
#include "model/training.h"
#include "model/vector.h"
#include "model/vocab.h"

static void enter(fenv_t *before) {
  fegetenv(before);
  fesetenv(FE_DFL_ENV);
}

/* ---- files in memory -------------------------------------------------------------------------------------------- */

bert_bundle *bert_bundle_new(bert_err *e) { return mem_new(1, sizeof(Bundle), e); }

void bert_bundle_free(bert_bundle *b) {
  if (b) bundle_fini(b);
  mem_free(b);
}

void bert_bundle_put(bert_bundle *b, const char *name, const void *bytes, size_t n, bert_err *e) {
  bundle_put(b, name, bytes, n, e);
}

void bert_bundle_remove(bert_bundle *b, const char *name) { bundle_remove(b, name); }

bert_text bert_bundle_get(const bert_bundle *b, const char *name) {
  const BundleFile *f = bundle_find(b, name);
  return f ? (bert_text){f->data, f->size} : (bert_text){NULL, 0};
}

const char *bert_bundle_name(const bert_bundle *b, int i) { return i >= 0 && i < b->count ? b->file[i].name : NULL; }
bert_sink bert_bundle_sink(bert_bundle *b) { return bundle_sink(b); }
bert_files bert_bundle_files(const bert_bundle *b) { return bundle_files(b); }

/* ---- models ----------------------------------------------------------------------------------------------------- */

bert_model *bert_model_open(const char *directory, const char *options_json, bert_err *e) {
  return bert_model_open_files(NULL, directory, options_json, e);
}

bert_model *bert_model_open_files(const bert_files *files, const char *source, const char *options_json, bert_err *e) {
  fenv_t before;
  if (e->code) return NULL;
  enter(&before); /* packing rounds, and what is packed is shared with other threads */
  bert_model *m = model_open(files, source, options_json, e);
  fesetenv(&before);
  return m;
}

void bert_model_save(const bert_model *m, const bert_sink *sink, const bert_progress *progress, bert_err *e) {
  bert_model_save_changed(m, NULL, sink, progress, e);
}

void bert_model_save_changed(const bert_model *m, const bert_changes *changes, const bert_sink *sink,
                             const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before); /* 8 bits times their scales round */
  save_model(m, changes, sink, progress, e);
  fesetenv(&before);
}

void bert_model_save_directory(const bert_model *m, const char *directory, const bert_progress *progress,
                               bert_err *e) {
  OutDir d;
  if (e->code) return;
  outdir_begin(&d, directory, e);
  bert_sink sink = outdir_sink(&d);
  bert_model_save(m, &sink, progress, e);
  outdir_end(&d, e);
}

int bert_model_tensor(const bert_model *m, int i, bert_tensor *out) { return slots_describe(m, i, out); }

void bert_model_tensor_read(const bert_model *m, int i, int64_t first, int64_t rows, float *out) {
  fenv_t before;
  enter(&before);
  slot_read(&m->slot[i], first, rows, out);
  fesetenv(&before);
}

bert_model *bert_model_ref(bert_model *m) {
  atomic_fetch_add(&m->owners, 1);
  return m;
}

void bert_model_free(bert_model *m) { model_free(m); }

void bert_model_describe(const bert_model *m, bert_model_info *out) { *out = m->info; }

bert_stamp bert_model_stamp(const char *directory, const char *options_json, bert_err *e) {
  return source_stamp(directory, options_json, e);
}

bert_text bert_model_prompt(const bert_model *m, bert_text name) {
  const char *text = model_prompt(m, name.data ? name.data : "", name.size);
  return text ? (bert_text){text, strlen(text)} : name;
}

bert_text bert_model_default_prompt(const bert_model *m) { return model_default_prompt(m); }

/* ---- models inside a program ------------------------------------------------------------------------------------ */

bert_container *bert_container_open(const void *bytes, size_t size, bert_err *e) {
  return container_open(bytes, size, e);
}

void bert_container_free(bert_container *c) { container_free(c); }
const char *bert_container_name(const bert_container *c, int i) { return container_name(c, i); }

void bert_container_describe(bert_container *c, int i, bert_model_info *out, bert_err *e) {
  contained_info(c, i, out, e);
}

bert_model *bert_container_model(const bert_container *c, int i, const bert_model *like, bert_err *e) {
  fenv_t before;
  enter(&before); /* heads are packed */
  bert_model *m = e->code ? NULL : contained_open(c, i, like, e);
  fesetenv(&before);
  return m;
}

void bert_container_write(const char *const *names, bert_model *const *models, const int *base, int n, const char *file,
                          const bert_sink *sink, bert_err *e) {
  fenv_t before;
  enter(&before); /* numbers are rounded */
  contain(names, models, base, n, file, sink, e);
  fesetenv(&before);
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

bert_session *bert_session_new(bert_model *m, bert_err *e) { return session_new(m, m->options.threads, e); }
bert_session *bert_session_new_threads(bert_model *m, int threads, bert_err *e) { return session_new(m, threads, e); }
void bert_session_free(bert_session *s) { session_free(s); }

void bert_embed(bert_session *s, const bert_text *texts, int n, const bert_text *prompt, float *out,
                const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  embed_texts(s, texts, n, prompt, out, progress, e);
  fesetenv(&before);
}

void bert_encode(bert_session *s, bert_text a, const bert_text *b, int truncate, bert_encoding *out, bert_err *e) {
  tokens_encode(s, a, b, truncate, out, e);
}

int64_t bert_token_count(bert_session *s, bert_text text, bert_err *e) {
  return describe_reads(s->model, e) ? tokenizer_count(s->model->tokenizer, s->tokens, text, e) : 0;
}

const char *bert_token_text(const bert_model *m, int32_t id) { return tokenizer_piece(m->tokenizer, id); }

void bert_token_vectors(bert_session *s, bert_text a, const bert_text *b, int layer, bert_encoding *out,
                        const float **vectors, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  tokens_vectors(s, a, b, layer, out, vectors, progress, e);
  fesetenv(&before);
}

int bert_chunks(bert_session *s, bert_text text, int max_tokens, int overlap, const bert_chunk **chunks, bert_err *e) {
  return chunk_text(s, text, max_tokens, overlap, chunks, e);
}

/* ---- heads ------------------------------------------------------------------------------------------------------ */

const char *bert_model_label(const bert_model *m, int i) {
  return i >= 0 && i < m->info.label_count ? m->config.label[i] : "";
}

const char *bert_model_feature(const bert_model *m, int i) {
  return i >= 0 && i < m->info.feature_count ? m->config.feature[i].name : "";
}

void bert_classify(bert_session *s, const bert_text *a, const bert_text *b, int n, float *logits,
                   const bert_progress *progress, bert_err *e) {
  bert_classify_features(s, a, b, NULL, n, logits, progress, e);
}

void bert_classify_features(bert_session *s, const bert_text *a, const bert_text *b, const float *features, int n,
                            float *logits, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  classify_texts(s, a, b, features, n, logits, progress, e);
  fesetenv(&before);
}

void bert_classify_scores(const bert_model *m, const float *logits, float *scores) {
  fenv_t before;
  enter(&before);
  classify_scores(m, logits, scores);
  fesetenv(&before);
}

float bert_classify_number(const bert_model *m, float logit) {
  fenv_t before;
  enter(&before);
  float number = classify_number(m, logit);
  fesetenv(&before);
  return number;
}

float bert_rerank_score(const bert_model *m, float logit, bert_err *e) {
  fenv_t before;
  enter(&before);
  float score = classify_rerank(m, logit, e);
  fesetenv(&before);
  return score;
}

void bert_zero_shot(bert_session *s, bert_text text, const bert_text *labels, int n, const bert_text *hypothesis,
                    int multi_label, double *scores, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  classify_zero_shot(s, text, labels, n, hypothesis, multi_label, scores, progress, e);
  fesetenv(&before);
}

void bert_predict(bert_session *s, const float *x, int width, int n, float *logits, bert_err *e) {
  fenv_t before;
  enter(&before);
  predict_vectors(s, x, width, n, logits, e);
  fesetenv(&before);
}

double bert_next_sentence(bert_session *s, bert_text a, bert_text b, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  double probability = classify_next(s, a, b, progress, e);
  fesetenv(&before);
  return probability;
}

int bert_answers(bert_session *s, bert_text question, bert_text passage, const bert_answer **out,
                 const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int count = answer_list(s, question, passage, out, progress, e);
  fesetenv(&before);
  return count;
}

int bert_answer_best(bert_session *s, bert_text question, bert_text passage, const double *null_threshold,
                     bert_answer *out, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int found = answer_best(s, question, passage, null_threshold, out, progress, e);
  fesetenv(&before);
  return found;
}

int bert_tags(bert_session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int count = tag_words(s, text, out, progress, e);
  fesetenv(&before);
  return count;
}

int bert_entities(bert_session *s, bert_text text, const bert_span **out, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int count = tag_entities(s, text, out, progress, e);
  fesetenv(&before);
  return count;
}

void bert_fill_mask(bert_session *s, bert_text text, int mask, bert_fills *out, const bert_progress *progress,
                    bert_err *e) {
  fenv_t before;
  enter(&before);
  fill_mask(s, text, mask, out, progress, e);
  fesetenv(&before);
}

bert_text bert_decode(bert_session *s, const int32_t *ids, int n, int skip_special, bert_err *e) {
  return decode_ids(s, ids, n, skip_special, e);
}

void bert_attentions(bert_session *s, bert_text a, const bert_text *b, int first, int count, int head,
                     bert_encoding *out, const float **weights, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  inspect_attentions(s, a, b, first, count, head, out, weights, progress, e);
  fesetenv(&before);
}

/* ---- pictures --------------------------------------------------------------------------------------------------- */

bert_text bert_attention_draw(bert_session *s, bert_text a, const bert_text *b, const bert_progress *progress,
                              bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_text svg = inspect_draw(s, a, b, progress, e);
  fesetenv(&before);
  return svg;
}

bert_map *bert_map_new(bert_err *e) { return map_new(e); }
void bert_map_free(bert_map *m) { map_free(m); }

void bert_map_add(bert_map *m, const float *v, int n, const bert_text *label, bert_err *e) {
  map_add(m, v, n, label, e);
}

bert_text bert_map_draw(bert_map *m, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_text svg = map_draw(m, progress, e);
  fesetenv(&before);
  return svg;
}

bert_plot *bert_plot_new(bert_err *e) { return plot_new(e); }
void bert_plot_free(bert_plot *p) { plot_free(p); }

void bert_plot_add(bert_plot *p, double x, double y, const bert_text *series, bert_err *e) {
  plot_add(p, x, y, series, e);
}

bert_text bert_plot_draw(bert_plot *p, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_text svg = plot_draw(p, e);
  fesetenv(&before);
  return svg;
}

/* ---- vectors ---------------------------------------------------------------------------------------------------- */

double bert_vector_cosine(const float *v, const float *w, int n) {
  fenv_t before;
  enter(&before);
  double cosine = cosine_of(v, w, n);
  fesetenv(&before);
  return cosine;
}

int bert_vector_parse(bert_text json, float *out, int max, bert_err *e) {
  fenv_t before;
  enter(&before);
  int count = vector_parse(json, out, max, e);
  fesetenv(&before);
  return count;
}

size_t bert_vector_print(const float *v, int n, char *out, size_t room) {
  fenv_t before;
  enter(&before);
  size_t length = vector_print(v, n, out, room);
  fesetenv(&before);
  return length;
}

int bert_vector_finite(const float *v, int n) { return vector_finite(v, n); }

/* ---- rows --------------------------------------------------------------------------------------------------------- */

bert_rows *bert_rows_new(int columns, const char *const *names, bert_err *e) { return rows_new(columns, names, e); }
void bert_rows_free(bert_rows *r) { rows_free(r); }
void bert_rows_null(bert_rows *r, bert_err *e) { rows_add_null(r, e); }
void bert_rows_integer(bert_rows *r, int64_t x, bert_err *e) { rows_add_integer(r, x, e); }
void bert_rows_real(bert_rows *r, double x, bert_err *e) { rows_add_real(r, x, e); }
void bert_rows_text(bert_rows *r, bert_text x, bert_err *e) { rows_add_bytes(r, ROWS_TEXT, x, e); }
void bert_rows_blob(bert_rows *r, bert_text x, bert_err *e) { rows_add_bytes(r, ROWS_BLOB, x, e); }
int bert_rows_count(const bert_rows *r) { return rows_count(r); }

/* ---- search ----------------------------------------------------------------------------------------------------- */

size_t bert_block_bytes(int dimensions, int slots) { return block_offset(dimensions, slots); }
size_t bert_block_slot_bytes(int dimensions) { return block_slot_bytes(dimensions); }
size_t bert_block_offset(int dimensions, int place) { return block_offset(dimensions, place); }
void bert_block_init(void *block, int dimensions, int slots) { block_init(block, dimensions, slots); }

void bert_block_put(void *block, size_t size, int dimensions, const int *places, const int64_t *rowids,
                    const float *vectors, int n, bert_err *e) {
  fenv_t before;
  enter(&before);
  block_put(block, size, dimensions, places, rowids, vectors, n, e);
  fesetenv(&before);
}

void bert_block_clear(void *block, size_t size, int dimensions, int place, bert_err *e) {
  block_clear(block, size, dimensions, place, e);
}

int bert_block_slots(const void *block, size_t size, int dimensions, bert_err *e) {
  return block_slots(block, size, dimensions, e);
}

int bert_block_rowid(const void *block, size_t size, int dimensions, int place, int64_t *rowid) {
  return block_rowid(block, size, dimensions, place, rowid);
}

void bert_block_check(const void *block, size_t size, int dimensions, bert_err *e) {
  block_check(block, size, dimensions, e);
}

int bert_block_holds(const void *block, size_t size, int dimensions, int place, int64_t rowid, const float *vector,
                     bert_err *e) {
  fenv_t before;
  enter(&before);
  int holds = block_holds(block, size, dimensions, place, rowid, vector, e);
  fesetenv(&before);
  return holds;
}

void bert_search(const bert_scope *scope, const float *queries, int count, bert_hits *out, const bert_progress *progress,
                 bert_err *e) {
  fenv_t before;
  enter(&before);
  search(scope, queries, count, out, progress, e);
  fesetenv(&before);
}

void bert_hits_free(bert_hits *hits) { search_hits_free(hits); }

void bert_cache_limit(int64_t bytes) { cache_limit(bytes); }
void bert_cache_describe(bert_cache_info *out) { cache_describe(out); }
void bert_cache_forget(uint64_t stamp) { cache_forget(stamp); }

void bert_centroids(const float *vectors, int64_t n, int dimensions, int lists, float *centroids,
                    const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  lists_train(vectors, n, dimensions, lists, centroids, progress, e);
  fesetenv(&before);
}

void bert_assign(const float *centroids, int lists, int dimensions, const float *vectors, int64_t n, int32_t *list,
                 const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  lists_assign(centroids, lists, dimensions, vectors, n, list, progress, e);
  fesetenv(&before);
}

size_t bert_element_bytes(bert_element kind, int dimensions) { return element_bytes(kind, dimensions); }
void bert_element_floats(bert_element kind, const void *data, int dimensions, float *out) {
  element_floats(kind, data, dimensions, out);
}

/* ---- training ------------------------------------------------------------------------------------------------------ */

bert_training *bert_finetune(bert_model *from, bert_model *teacher, const char *task, const bert_rows *rows,
                             const char *options_json, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_training *t = training_finetune(from, teacher, task, rows, options_json, progress, e);
  fesetenv(&before);
  return t;
}

bert_model *bert_model_fresh(const char *config, bert_text vocabulary, int lowercase, uint64_t seed, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_model *m = e->code ? NULL : model_fresh(config, vocabulary, lowercase, seed, e);
  fesetenv(&before);
  return m;
}

bert_training *bert_pretrain(bert_model *from, bert_model *teacher, const bert_rows *documents,
                             const char *options_json, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_training *t = training_pretrain(from, teacher, documents, options_json, progress, e);
  fesetenv(&before);
  return t;
}

int bert_training_step(bert_training *t, bert_step *out, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int made = training_step(t, out, progress, e);
  fesetenv(&before);
  return made;
}

void bert_training_check(const bert_training *t, const bert_rows *rows, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  training_check(t, rows, progress, e);
  fesetenv(&before);
}

bert_model *bert_training_model(const bert_training *t, const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  bert_model *m = training_model(t, progress, e);
  fesetenv(&before);
  return m;
}

void bert_training_free(bert_training *t) { training_free(t); }

/* ---- a vocabulary out of text ------------------------------------------------------------------------------------- */

bert_vocab *bert_vocab_new(const char *options_json, bert_err *e) { return vocab_new(options_json, e); }
void bert_vocab_free(bert_vocab *v) { vocab_free(v); }
void bert_vocab_add(bert_vocab *v, bert_text text, bert_err *e) { vocab_add(v, text, e); }
int bert_vocab_next(bert_vocab *v, bert_vocab_piece *out, const bert_progress *progress, bert_err *e) {
  return vocab_next(v, out, progress, e);
}

/* ---- judging a model, and seeing what it is trained on ------------------------------------------------------------ */

int bert_evaluate(bert_session *s, const char *task, const bert_rows *rows, const char *options_json, bert_metric *out,
                  const bert_progress *progress, bert_err *e) {
  fenv_t before;
  enter(&before);
  int count = evaluate_rows(s, task, rows, options_json, out, progress, e);
  fesetenv(&before);
  return count;
}

bert_masked *bert_masked_new(bert_model *m, const bert_rows *documents, const char *options_json,
                             const bert_progress *progress, bert_err *e) {
  return examples_masked(m, documents, options_json, progress, e);
}

void bert_masked_free(bert_masked *x) { examples_free(x); }
int bert_masked_count(const bert_masked *x) { return examples_count(x); }
void bert_masked_get(bert_masked *x, int i, bert_masked_row *out, bert_err *e) { examples_masked_get(x, i, out, e); }

/* ---- the machine ------------------------------------------------------------------------------------------------ */

int bert_kernel_describe(int i, bert_kernel_info *out) {
  KernelRow row;
  if (i < 0 || !kernels_row(i, &row)) return 0;
  *out = (bert_kernel_info){row.operation, row.isa, row.chosen, row.reason};
  return 1;
}

int bert_threads(void) { return pool_threads(); }

void bert_test_fail_allocation(int64_t n, int forever) { mem_fail_after(n, forever); }
int64_t bert_test_live_allocations(void) { return mem_live(); }
