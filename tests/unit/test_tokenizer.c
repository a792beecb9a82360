/* test_tokenizer.c -- tokens of texts and pairs, from tokenizer.json and vocab.txt. That they are the reference's is
** for tests/golden/tokenizer_parity.py; here are the claims one reads. */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "fixture.h"
#include "test.h"

enum { PAD, UNK, CLS, SEP, MASK, HELLO, WORLD, PLAY, ING, DOT, A, B, COUNT };
static const char VOCAB[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\nplay\n##ing\n.\na\nb\n";

static Tokenizer *from_vocab(void) {
  bert_err e = {0};
  TokenizerSettings s = {.lowercase = 1, .strip_accents = -1, .chinese_characters = 1};
  Tokenizer *t = tokenizer_from_vocab(VOCAB, sizeof VOCAB - 1, "vocab.txt", &s, &e);
  GOOD(e);
  return t;
}

/* A tokenizer.json of the same vocabulary; each part may be replaced. */
typedef struct {
  const char *added, *normalizer, *pre_tokenizer, *processor, *model;
} Parts;

#define OR(part, standard) ((part) ? (part) : (standard))

static const char *json_of(Parts p, char out[4096]) {
  snprintf(out, 4096, "{'added_tokens':[%s],'normalizer':%s,'pre_tokenizer':%s,'post_processor':%s,'model':%s}",
           OR(p.added, "{'id':4,'content':'[MASK]','special':true,'normalized':false}"),
           OR(p.normalizer, "{'type':'BertNormalizer','clean_text':true,'handle_chinese_chars':true,'lowercase':true}"),
           OR(p.pre_tokenizer, "{'type':'BertPreTokenizer'}"),
           OR(p.processor, "{'type':'BertProcessing','cls':['[CLS]',2],'sep':['[SEP]',3]}"),
           OR(p.model, "{'type':'WordPiece','unk_token':'[UNK]','continuing_subword_prefix':'##',"
                       "'max_input_chars_per_word':100,'vocab':{'[PAD]':0,'[UNK]':1,'[CLS]':2,'[SEP]':3,'[MASK]':4,"
                       "'hello':5,'world':6,'play':7,'##ing':8,'.':9,'a':10,'b':11}}"));
  for (char *c = out; *c; c++)
    if (*c == '\'') *c = '"';
  return out;
}

static Tokenizer *from_json(Parts p, bert_err *e) {
  char text[4096];
  json_of(p, text);
  return tokenizer_from_json(text, strlen(text), "tokenizer.json", e);
}

static void refused(Parts p, const char *part) {
  bert_err e = {0};
  OK(from_json(p, &e) == NULL);
  FAILS(e, BERT_FORMAT, part);
}

#define TEXT(s) ((bert_text){s, sizeof(s) - 1})
#define LIST(...) (const int32_t[]){__VA_ARGS__, -1}

static void list_is(const int32_t *found, int n, const int32_t *wanted) {
  int count = 0;
  while (wanted[count] >= 0) count++;
  EQ(n, count);
  for (int i = 0; i < n && i < count; i++) EQ(found[i], wanted[i]);
}

/* Ids and offsets of one text. */
static void encodes(const Tokenizer *t, bert_text text, const int32_t *ids, const int32_t *start, const int32_t *end) {
  bert_err e = {0};
  Encoding out;
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, text, NULL, 0, 1, &out, &e);
  GOOD(e);
  list_is(out.ids, out.n, ids);
  list_is(out.start, out.n, start);
  list_is(out.end, out.n, end);
  EQ(out.total, out.n);
  EQ(tokenizer_count(t, s, text, &e), out.n);
  tokenizer_scratch_free(s);
}

TEST(tokenizer_splits_words_and_punctuation_with_offsets_in_characters) {
  Tokenizer *t = from_vocab();
  encodes(t, TEXT("Hello, playing."), LIST(CLS, HELLO, UNK, PLAY, ING, DOT, SEP), LIST(0, 0, 5, 7, 11, 14, 0),
          LIST(0, 5, 6, 11, 14, 15, 0));
  encodes(t, TEXT("h\u00E9llo \u00E9 \u4E16 world"), LIST(CLS, HELLO, UNK, UNK, WORLD, SEP), LIST(0, 0, 6, 8, 10, 0),
          LIST(0, 5, 7, 9, 15, 0));
  tokenizer_free(t);
}

TEST(tokenizer_nothing_and_white_space_are_the_special_tokens_alone) {
  Tokenizer *t = from_vocab();
  encodes(t, (bert_text){NULL, 0}, LIST(CLS, SEP), LIST(0, 0), LIST(0, 0));
  encodes(t, TEXT(" \t\r\n\u3000"), LIST(CLS, SEP), LIST(0, 0), LIST(0, 0));
  tokenizer_free(t);
}

TEST(tokenizer_reads_broken_bytes_and_nul_as_nothing) {
  Tokenizer *t = from_vocab();
  encodes(t, TEXT("hel\0lo"), LIST(CLS, HELLO, SEP), LIST(0, 0, 0), LIST(0, 6, 0));
  encodes(t, TEXT("hel\xF0\x9Flo \xFFworld"), LIST(CLS, HELLO, WORLD, SEP), LIST(0, 0, 8, 0), LIST(0, 6, 13, 0));
  tokenizer_free(t);
}

TEST(tokenizer_knows_special_tokens_inside_text) {
  Tokenizer *t = from_vocab();
  encodes(t, TEXT("a[MASK]b [mask]"), LIST(CLS, A, MASK, B, UNK, UNK, UNK, SEP), LIST(0, 0, 1, 7, 9, 10, 14, 0),
          LIST(0, 1, 7, 8, 10, 14, 15, 0));
  tokenizer_free(t);
}

TEST(tokenizer_marks_what_the_template_puts_in_and_where_words_begin) {
  Tokenizer *t = from_vocab();
  bert_err e = {0};
  Encoding out;
  bert_text a = TEXT("playing [SEP]"), b = TEXT("hello");
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, a, &b, 0, 1, &out, &e);
  GOOD(e);
  list_is(out.ids, out.n, LIST(CLS, PLAY, ING, SEP, SEP, HELLO, SEP));
  OK(!memcmp(out.types, "\0\0\0\0\0\1\1", 7));
  OK(!memcmp(out.special, "\1\0\0\0\1\0\1", 7));
  OK(!memcmp(out.whole, "\0\1\0\1\0\1\0", 7));
  EQ(tokenizer_special_count(t, 0), 2);
  EQ(tokenizer_special_count(t, 1), 3);
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

/* Tokens that are left of n and m, in a window of `max`. */
static void cut(const Tokenizer *t, int n, int m, int max, int left_n, int left_m) {
  bert_err e = {0};
  Encoding out;
  char a[64] = "", b[64] = "";
  for (int i = 0; i < n; i++) strcat(a, "a ");
  for (int i = 0; i < m; i++) strcat(b, "b ");
  bert_text first = {a, strlen(a)}, second = {b, strlen(b)};
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, first, &second, max, 0, &out, &e);
  GOOD(e);
  int as = 0, bs = 0;
  for (int i = 0; i < out.n; i++) as += out.ids[i] == A, bs += out.ids[i] == B;
  EQ(as, left_n);
  EQ(bs, left_m);
  EQ(out.total, n + m + 3);
  OK(out.start == NULL);
  tokenizer_scratch_free(s);
}

TEST(tokenizer_cuts_pairs_longest_first) {
  Tokenizer *t = from_vocab();
  cut(t, 5, 5, 13, 5, 5);
  cut(t, 2, 9, 10, 2, 5); /* the shorter one stays whole up to half */
  cut(t, 9, 2, 10, 5, 2);
  cut(t, 9, 9, 11, 4, 4);
  cut(t, 9, 8, 10, 4, 3); /* an odd one goes to the longer, the second of equal ones */
  cut(t, 8, 8, 10, 3, 4);
  cut(t, 4, 4, 3, 0, 0);
  tokenizer_free(t);
}

TEST(tokenizer_window_below_the_special_tokens_is_an_argument_error) {
  Tokenizer *t = from_vocab();
  bert_err e = {0};
  Encoding out;
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, TEXT("a"), NULL, 1, 0, &out, &e);
  FAILS(e, BERT_ARGUMENT, "max_tokens is 1");
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

TEST(tokenizer_counts_on_past_what_it_keeps) {
  Tokenizer *t = from_vocab();
  bert_err e = {0};
  Encoding out;
  static char text[20000];
  for (size_t i = 0; i < sizeof text; i += 2) memcpy(text + i, "a ", 2);
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  tokenizer_encode(t, s, (bert_text){text, sizeof text}, NULL, 8, 1, &out, &e);
  GOOD(e);
  EQ(out.n, 8);
  EQ(out.total, 10002);
  EQ(out.end[6], 11);
  EQ(tokenizer_count(t, s, (bert_text){text, sizeof text}, &e), 10002);
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

TEST(tokenizer_json_and_vocab_of_one_kind_have_one_hash) {
  bert_err e = {0};
  const char *specials = "{'content':'[PAD]','special':true},{'content':'[UNK]','special':true},"
                         "{'content':'[CLS]','special':true},{'content':'[SEP]','special':true},"
                         "{'content':'[MASK]','special':true}"; /* by their ids, as files have them */
  Tokenizer *v = from_vocab(), *j = from_json((Parts){.added = specials}, &e), *other = from_json((Parts){0}, &e);
  GOOD(e);
  OK(tokenizer_hash(v) == tokenizer_hash(j));
  OK(tokenizer_hash(v) != tokenizer_hash(other));
  tokenizer_free(v);
  tokenizer_free(j);
  tokenizer_free(other);
}

TEST(tokenizer_tells_pieces_and_ids) {
  bert_err e = {0};
  Tokenizer *t = from_json((Parts){.added = "{'content':'<new>'},{'content':'hello'}"}, &e);
  GOOD(e);
  EQ(tokenizer_vocabulary(t), COUNT + 1);
  STR(tokenizer_piece(t, ING), "##ing");
  STR(tokenizer_piece(t, COUNT), "<new>"); /* counted on from the vocabulary's size */
  STR(tokenizer_piece(t, COUNT + 1), "");
  STR(tokenizer_piece(t, -1), "");
  EQ(tokenizer_id(t, "<new>"), COUNT);
  EQ(tokenizer_id(t, "##ing"), ING);
  EQ(tokenizer_id(t, "nothing"), -1);
  EQ(tokenizer_id(t, ""), -1);
  tokenizer_free(t);
}

TEST(tokenizer_added_tokens_take_white_space_and_stand_alone) {
  bert_err e = {0};
  Tokenizer *t = from_json((Parts){.added = "{'content':'<l>','lstrip':true,'normalized':false},"
                                            "{'content':'<r>','rstrip':true,'normalized':false},"
                                            "{'content':'ab','single_word':true,'normalized':false}"},
                           &e);
  GOOD(e);
  enum { L = COUNT, R, AB };
  encodes(t, TEXT("a <l> b"), LIST(CLS, A, L, B, SEP), LIST(0, 0, 1, 6, 0), LIST(0, 1, 5, 7, 0));
  encodes(t, TEXT("a <r> b"), LIST(CLS, A, R, B, SEP), LIST(0, 0, 2, 6, 0), LIST(0, 1, 6, 7, 0));
  encodes(t, TEXT("ab.ab abx"), LIST(CLS, AB, DOT, AB, UNK, SEP), LIST(0, 0, 2, 3, 6, 0), LIST(0, 2, 3, 5, 9, 0));
  tokenizer_free(t);
}

TEST(tokenizer_normalized_added_tokens_match_normalized_text) {
  bert_err e = {0};
  Tokenizer *t = from_json((Parts){.added = "{'content':'Caf\u00E9','normalized':true}"}, &e);
  GOOD(e);
  encodes(t, TEXT("a CAF\u00C9s"), LIST(CLS, A, COUNT, UNK, SEP), LIST(0, 0, 2, 6, 0), LIST(0, 1, 6, 7, 0));
  tokenizer_free(t);
}

TEST(tokenizer_template_may_use_texts_in_any_order) {
  bert_err e = {0};
  const char *processor = "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'A','type_id':2}}],"
                          "'pair':[{'Sequence':{'id':'B','type_id':1}},{'SpecialToken':{'id':'two','type_id':3}},"
                          "{'Sequence':{'id':'A','type_id':0}}],"
                          "'special_tokens':{'two':{'id':'two','ids':[3,2],'tokens':['[SEP]','[CLS]']}}}";
  Tokenizer *t = from_json((Parts){.processor = processor}, &e);
  Encoding out;
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  bert_text b = TEXT("hello");
  tokenizer_encode(t, s, TEXT("a b"), &b, 0, 0, &out, &e);
  GOOD(e);
  list_is(out.ids, out.n, LIST(HELLO, SEP, CLS, A, B));
  OK(!memcmp(out.types, "\1\3\3\0\0", 5));
  tokenizer_scratch_free(s);
  encodes(t, TEXT("a"), LIST(A), LIST(0), LIST(1));
  tokenizer_free(t);
}

TEST(tokenizer_of_another_kind_is_refused_with_what_was_found) {
  refused((Parts){.model = "{'type':'Unigram','vocab':[]}"},
          "tokenizer.json: model.type: found \"Unigram\", wanted WordPiece or BPE");
  refused((Parts){.normalizer = "{'type':'NFC'}"}, "normalizer.type: found \"NFC\", wanted BertNormalizer");
  refused((Parts){.normalizer = "{'type':'Sequence','normalizers':[{'type':'NFD'}]}"}, "found \"NFD\"");
  refused((Parts){.pre_tokenizer = "{'type':'ByteLevel'}"}, "pre_tokenizer.type: found \"ByteLevel\"");
  refused((Parts){.pre_tokenizer = "null"}, "pre_tokenizer");
  refused((Parts){.processor = "{'type':'Template'}"}, "post_processor.type: found \"Template\"");
}

TEST(tokenizer_json_that_lies_is_refused) {
  refused((Parts){.model = "{'type':'WordPiece','vocab':{}}"}, "max_input_chars_per_word");
#define MODEL(vocab) \
  "{'unk_token':'u','continuing_subword_prefix':'','max_input_chars_per_word':1,'vocab':" vocab "}"
  refused((Parts){.model = MODEL("{'a':-1}")}, "model.vocab: found -1");
  refused((Parts){.model = MODEL("{'a':4294967295}")}, "model.vocab: found 4294967295");
  refused((Parts){.model = MODEL("['a']")}, "model.vocab: found an array");
  refused((Parts){.added = "{'content':7}"}, "added_tokens: content: found 7");
  refused((Parts){.added = "{'content':'\u0301','normalized':true}"}, "nothing is left");
#define TEMPLATE(part) "{'type':'TemplateProcessing','single':[" part "],'pair':[]}"
  refused((Parts){.processor = TEMPLATE("{'Sequence':{'id':'B','type_id':0}}")}, "found \"B\"");
  refused((Parts){.processor = TEMPLATE("{'SpecialToken':{'id':'x'}}")}, "special_tokens");
  bert_err e = {0};
  OK(tokenizer_from_json("{", 1, "tokenizer.json", &e) == NULL);
  FAILS(e, BERT_FORMAT, "tokenizer.json: line 1");
}

TEST(tokenizer_vocab_txt_needs_its_special_tokens) {
  bert_err e = {0};
  TokenizerSettings s = {0};
  OK(tokenizer_from_vocab("a\nb\n", 4, "vocab.txt", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "vocab.txt: has no piece \"[CLS]\"");
  e = (bert_err){0};
  OK(tokenizer_from_vocab("", 0, "vocab.txt", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "found 0 lines");
  e = (bert_err){0};
  OK(tokenizer_from_vocab("a\xFF", 2, "vocab.txt", &s, &e) == NULL);
  FAILS(e, BERT_FORMAT, "line 1 is not UTF-8");
  e = (bert_err){0};
  s = (TokenizerSettings){.cls = "<s>", .sep = "</s>", .unk = "?"};
  Tokenizer *t = tokenizer_from_vocab("?\r\n<s>\r\n</s>\r\nA", 15, "vocab.txt", &s, &e);
  GOOD(e);
  encodes(t, TEXT("A<s>a"), LIST(1, 3, 1, 0, 2), LIST(0, 0, 1, 4, 0), LIST(0, 1, 4, 5, 0));
  tokenizer_free(t);
}

TEST(tokenizer_without_its_unknown_piece_fails_where_it_is_needed) {
  bert_err e = {0};
  const char *model = "{'unk_token':'[UNK]','continuing_subword_prefix':'##','max_input_chars_per_word':9,"
                      "'vocab':{'a':0}}";
  Tokenizer *t = from_json((Parts){.model = model, .processor = "null"}, &e);
  GOOD(e);
  encodes(t, TEXT("a A"), LIST(0, 0), LIST(0, 2), LIST(1, 3));
  TokenizerScratch *s = tokenizer_scratch_new(&e);
  EQ(tokenizer_count(t, s, TEXT("a b"), &e), 0);
  FAILS(e, BERT_FORMAT, "neither is unk_token \"[UNK]\"");
  tokenizer_scratch_free(s);
  tokenizer_free(t);
}

/* Everything that allocates: both ways to make one, texts of every kind, with and without offsets. */
static void use_all(const char *json, bert_err *e) {
  TokenizerSettings settings = {.lowercase = 1, .strip_accents = -1, .chinese_characters = 1};
  Tokenizer *t[] = {tokenizer_from_json(json, strlen(json), "tokenizer.json", e),
                    tokenizer_from_vocab(VOCAB, sizeof VOCAB - 1, "vocab.txt", &settings, e)};
  TokenizerScratch *s = tokenizer_scratch_new(e);
  static char many[8000];
  for (size_t i = 0; i < sizeof many; i += 4) memcpy(many + i, "\u00E9. ", 4);
  bert_text text[] = {TEXT("a\xFF[MASK] Caf\u00E9 e\u0301\u302E\u0334"), {many, sizeof many}};
  Encoding out;
  for (int i = 0; i < 4; i++) {
    if (!e->code) tokenizer_count(t[i / 2], s, text[i % 2], e);
    if (!e->code) tokenizer_encode(t[i / 2], s, text[0], &text[1], 0, i % 2, &out, e);
  }
  tokenizer_scratch_free(s);
  tokenizer_free(t[0]);
  tokenizer_free(t[1]);
}

TEST(tokenizer_every_allocation_may_fail) {
  char json[4096];
  json_of((Parts){.added = "{'content':'[MASK]'},{'content':'Caf\u00E9','normalized':true}"}, json);
  OK(fixture_fail_each(use_all, json) > 20);
}
