/* test_bpe.c -- byte-level BPE: words, merges, places, and the tokenizers that read it. That they are the reference's is
** for tests/golden/tokenizer_parity.py; here are the claims one reads. */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "fixture.h"
#include "test.h"

/* G stands for the character that a space is spelled as, C for the one of a line feed. */
enum { BOS, PAD, EOS, UNK, MASK, SPACE, A, B, LOW, AB, SPACE_AB, S, QUOTE_S, E1, E2, LINE, COUNT };
#define VOCAB                                                                                                       \
  "{'<s>':0,'<pad>':1,'</s>':2,'<unk>':3,'<mask>':4,'G':5,'a':6,'b':7,'low':8,'ab':9,'Gab':10,'s':11,'^s':12," \
  "'\u00C3':13,'\u00A9':14,'C':15,'^':16,'l':17,'o':18,'w':19,'lo':20}"
#define MERGES "#version: 0.2\na b\n^ s\nG ab\r\nl o\nlo w\n\n"

/* ' becomes ", ^ becomes ', G and C what they stand for. */
static const char *spell(const char *text, char out[4096]) {
  char *o = out;
  for (const char *c = text; *c; c++) {
    if (*c == 'G' || *c == 'C') {
      *o++ = '\xC4';
      *o++ = *c == 'G' ? '\xA0' : '\x8A';
    } else {
      *o++ = (char)(*c == '\'' ? '"' : *c == '^' ? '\'' : *c);
    }
  }
  *o = 0;
  return out;
}

static Tokenizer *from_files(const char *vocab, const char *merges, const TokenizerSettings *s, bert_err *e) {
  char v[4096], m[4096];
  spell(vocab, v);
  spell(merges, m);
  return tokenizer_from_bpe(v, strlen(v), m, strlen(m), "vocab.json", s, e);
}

static Tokenizer *roberta(const TokenizerSettings *s) {
  bert_err e = {0};
  Tokenizer *t = from_files(VOCAB, MERGES, s, &e);
  GOOD(e);
  return t;
}

static Tokenizer *from_json(const char *json, bert_err *e) {
  char text[4096];
  spell(json, text);
  return tokenizer_from_json(text, strlen(text), "tokenizer.json", e);
}

#define TEXT(s) ((bert_text){s, sizeof(s) - 1})
#define LIST(...) (const int32_t[]){__VA_ARGS__, -1}

static void list_is(const int32_t *found, int n, const int32_t *wanted) {
  int count = 0;
  while (wanted[count] >= 0) count++;
  EQ(n, count);
  for (int i = 0; i < n && i < count; i++) EQ(found[i], wanted[i]);
}

/* Twice with one scratch: the second time out of its table of words. */
static void encodes(const Tokenizer *t, bert_text text, const int32_t *ids, const int32_t *start, const int32_t *end) {
  bert_err e = {0};
  Encoding out;
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  for (int i = 0; i < 2; i++) {
    tokenizer_encode(t, s, text, NULL, 0, 1, &out, &e);
    GOOD(e);
    list_is(out.ids, out.n, ids);
    list_is(out.start, out.n, start);
    list_is(out.end, out.n, end);
    EQ(tokenizer_count(t, s, text, &e), out.n);
  }
  tokenizer_scratch_free(s);
}

TEST(bpe_merges_the_pair_of_the_lowest_rank_first) {
  Tokenizer *t = roberta(&(TokenizerSettings){0});
  encodes(t, TEXT("low ab"), LIST(BOS, LOW, SPACE_AB, EOS), LIST(0, 0, 4, 0), LIST(0, 3, 6, 0));
  encodes(t, TEXT("bab"), LIST(BOS, B, AB, EOS), LIST(0, 0, 1, 0), LIST(0, 1, 3, 0));
  tokenizer_free(t);
}

TEST(bytelevel_splits_contractions_and_keeps_the_last_space_for_the_word) {
  Tokenizer *t = roberta(&(TokenizerSettings){.keep_spaces = 1});
  encodes(t, TEXT("a's  ab\n"), LIST(BOS, A, QUOTE_S, SPACE, SPACE_AB, LINE, EOS), LIST(0, 0, 1, 3, 4, 7, 0),
          LIST(0, 1, 3, 4, 7, 8, 0));
  tokenizer_free(t);
}

TEST(bytelevel_bytes_of_one_character_all_cover_it) {
  Tokenizer *t = roberta(&(TokenizerSettings){0});
  encodes(t, TEXT("a\u00E9b"), LIST(BOS, A, E1, E2, B, EOS), LIST(0, 0, 1, 1, 2, 0), LIST(0, 1, 2, 2, 3, 0));
  tokenizer_free(t);
}

TEST(bytelevel_space_put_before_the_text_has_no_place_in_it) {
  Tokenizer *t = roberta(&(TokenizerSettings){.add_prefix_space = 1});
  encodes(t, TEXT("ab ab"), LIST(BOS, SPACE_AB, SPACE_AB, EOS), LIST(0, 0, 3, 0), LIST(0, 2, 5, 0));
  encodes(t, TEXT(""), LIST(BOS, EOS), LIST(0, 0), LIST(0, 0));
  tokenizer_free(t);
}

TEST(bytelevel_mask_takes_the_space_before_it_where_the_settings_say_so) {
  Tokenizer *t = roberta(&(TokenizerSettings){0});
  encodes(t, TEXT("a <mask>"), LIST(BOS, A, SPACE, MASK, EOS), LIST(0, 0, 2, 2, 0), LIST(0, 1, 2, 8, 0));
  tokenizer_free(t);
  t = roberta(&(TokenizerSettings){.mask_lstrip = 1});
  encodes(t, TEXT("a <mask>"), LIST(BOS, A, MASK, EOS), LIST(0, 0, 2, 0), LIST(0, 1, 8, 0));
  tokenizer_free(t);
}

TEST(bytelevel_pairs_have_two_separators_between_them_and_one_segment) {
  Tokenizer *t = roberta(&(TokenizerSettings){0});
  bert_err e = {0};
  Encoding out;
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, TEXT("ab ab ab"), &TEXT("a b"), 7, 1, &out, &e);
  GOOD(e);
  list_is(out.ids, out.n, LIST(BOS, AB, EOS, EOS, A, SPACE, EOS));
  EQ(out.total, 10);
  EQ(tokenizer_types(t, 1), 1);
  EQ(tokenizer_special_count(t, 1), 4);
  OK(!memcmp(out.types, "\0\0\0\0\0\0\0", 7));
  OK(!memcmp(out.whole, "\0\1\0\0\1\1\0", 7));
  STR(tokenizer_piece(t, MASK), "<mask>");
  EQ(tokenizer_id(t, "</s>"), EOS);
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

TEST(bytelevel_lower_casing_on_request_keeps_the_places) {
  Tokenizer *t = roberta(&(TokenizerSettings){0});
  tokenizer_lowercase(t);
  encodes(t, TEXT("A\u0130 AB"), LIST(BOS, A, SPACE_AB, EOS), LIST(0, 0, 3, 0), LIST(0, 1, 5, 0));
  tokenizer_free(t);
}

TEST(bpe_scratch_serves_one_tokenizer_after_the_other) {
  bert_err e = {0};
  Tokenizer *one = roberta(&(TokenizerSettings){0});
  Tokenizer *two = from_files(VOCAB, "a b\n", &(TokenizerSettings){0}, &e);
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  for (int i = 0; i < 4; i++) EQ(tokenizer_count(i % 2 ? two : one, s, TEXT("low"), &e), i % 2 ? 5 : 3);
  GOOD(e);
  tokenizer_scratch_free(s);
  tokenizer_free(one);
  tokenizer_free(two);
}

#define MODEL(rest) "{'type':'BPE','vocab':{'a':0,'b':1,'ab':2,'?':3}," rest "}"
#define JSON(pre, model) "{'added_tokens':[],'pre_tokenizer':" pre ",'model':" model "}"
#define PRE "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true}"

static void refused(const char *json, const char *part) {
  bert_err e = {0};
  OK(from_json(json, &e) == NULL);
  FAILS(e, BERT_FORMAT, part);
}

TEST(bpe_byte_without_a_piece_is_unknown_or_left_out) {
  bert_err e = {0};
  Tokenizer *t = from_json(JSON(PRE, MODEL("'unk_token':'?','merges':[]")), &e);
  GOOD(e);
  encodes(t, TEXT("axxb"), LIST(0, 3, 3, 1), LIST(0, 1, 2, 3), LIST(1, 2, 3, 4));
  tokenizer_free(t);
  t = from_json(JSON(PRE, MODEL("'unk_token':'?','fuse_unk':true,'merges':[]")), &e);
  GOOD(e);
  encodes(t, TEXT("axxb"), LIST(0, 3, 1), LIST(0, 1, 3), LIST(1, 3, 4));
  tokenizer_free(t);
  t = from_json(JSON(PRE, MODEL("'merges':[['a','b']]")), &e); /* what follows moves ahead, as in the reference */
  GOOD(e);
  encodes(t, TEXT("axxb"), LIST(2), LIST(0), LIST(2));
  tokenizer_free(t);
  t = from_json(JSON(PRE, MODEL("'unk_token':'!','merges':[]")), &e);
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  GOOD(e);
  EQ(tokenizer_count(t, s, TEXT("ax"), &e), 0);
  FAILS(e, BERT_FORMAT, "neither is unk_token \"!\"");
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

TEST(bpe_ignore_merges_takes_a_word_that_is_a_piece_whole) {
  bert_err e = {0};
  Tokenizer *t = from_json(JSON(PRE, MODEL("'ignore_merges':true,'merges':[]")), &e);
  GOOD(e);
  encodes(t, TEXT("ab"), LIST(2), LIST(0), LIST(2));
  encodes(t, TEXT("aba"), LIST(0, 1, 0), LIST(0, 1, 2), LIST(1, 2, 3));
  tokenizer_free(t);
}

TEST(bpe_models_that_are_not_read_are_refused_by_name) {
  refused(JSON("{'type':'Whitespace'}", MODEL("'merges':[]")), "pre_tokenizer.type: found \"Whitespace\", wanted ByteLevel");
  refused(JSON(PRE ",'normalizer':{'type':'NFD'}", MODEL("'merges':[]")), "normalizer.type: found \"NFD\"");
  refused(JSON(PRE, MODEL("'byte_fallback':true,'merges':[]")), "model.byte_fallback: found true");
  refused(JSON(PRE, MODEL("'dropout':0.1,'merges':[]")), "model.dropout: found 0.1");
  refused(JSON(PRE, MODEL("'end_of_word_suffix':'</w>','merges':[]")), "model.end_of_word_suffix: found \"</w>\"");
  refused(JSON(PRE, MODEL("'continuing_subword_prefix':'##','merges':[]")), "continuing_subword_prefix: found \"##\"");
}

TEST(bpe_merges_that_lie_are_refused) {
  refused(JSON(PRE, MODEL("'merges':7")), "model.merges: found 7, wanted an array");
  refused(JSON(PRE, MODEL("'merges':[['a','b'],['b','a']]")), "merge 2: \"ba\" is not in the vocabulary");
  refused(JSON(PRE, MODEL("'merges':[['a','b','c']]")), "model.merges: found an array, wanted pairs of pieces");
  refused(JSON(PRE, MODEL("'merges':['a b c']")), "merge 1: wanted two pieces with a space between them");
  refused(JSON(PRE, MODEL("'merges':['a b',['a','b']]")), "model.merges: found an array");
  bert_err e = {0};
  TokenizerSettings s = {0};
  OK(from_files(VOCAB, "ab\n", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "vocab.json: merge 1: wanted two pieces");
  e = (bert_err){0};
  OK(from_files("{'a':0}", "", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "vocab.json: has no piece \"<s>\"");
  e = (bert_err){0};
  OK(from_files("['a']", "", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "vocab.json: model.vocab: found an array, wanted an object");
}

/* Everything that allocates: files and JSON, short and long words, a space put before, broken UTF-8, lower-casing. */
static void use_all(const char *json, bert_err *e) {
  static char many[4000];
  for (size_t i = 0; i < sizeof many; i++) many[i] = "ab a"[i % 4];
  memset(many + 1000, 'a', 2000);
  Tokenizer *t[] = {from_files(VOCAB, MERGES, &(TokenizerSettings){.add_prefix_space = 1, .mask_lstrip = 1}, e),
                    from_json(json, e)};
  if (t[1]) tokenizer_lowercase(t[1]);
  TokenizerScratch *s = tokenizer_scratch_new(e);
  bert_text text[] = {TEXT("low\xFF <mask>abababababababababababab"), {many, sizeof many}};
  Encoding out;
  for (int i = 0; i < 4; i++) {
    if (!e->code) tokenizer_count(t[i / 2], s, text[i % 2], e);
    if (!e->code) tokenizer_encode(t[i / 2], s, text[0], &text[1], 0, i % 2, &out, e);
  }
  tokenizer_scratch_free(s);
  tokenizer_free(t[0]);
  tokenizer_free(t[1]);
}

TEST(bpe_every_allocation_may_fail) {
  OK(fixture_fail_each(use_all, JSON(PRE ",'post_processor':{'type':'ByteLevel','trim_offsets':true,"
                                     "'add_prefix_space':true}",
                                     MODEL("'unk_token':'?','merges':[['a','b']]"))) > 20);
}
