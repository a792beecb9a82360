/* test_hfconfig.c -- configuration files as they are found in the wild, and as they should not be. */
#include <stdlib.h>

#include "file/hfconfig.h"
#include "fixture.h"
#include "test.h"

typedef struct {
  const char *name, *text;
} TextFile;

typedef enum { MODEL, SENTENCE, TOKENIZER } What;

/* ' stands for ". */
static void put(const char *dir, const char *name, const char *text) { fixture_text(dir, name, fixture_quoted(text)); }

static void read_what(What what, const char *dir, bert_err *e) {
  Arena a = {0};
  ModelConfig m;
  SentenceConfig s;
  TokenizerConfig t;
  if (what == MODEL) hfconfig_model(NULL, dir, &m, &a, e);
  if (what == SENTENCE) hfconfig_sentence(NULL, dir, &s, &a, e);
  if (what == TOKENIZER) hfconfig_tokenizer(NULL, dir, &t, &a, e);
  arena_fini(&a);
}

/* Reading one of the configurations fails when the directory has this file (and those of `others`, up to a NULL
** name). */
static void refused(What what, const char *name, const char *text, const TextFile *others, const char *part) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  for (; others && others->name; others++) put(dir, others->name, others->text);
  put(dir, name, text);
  read_what(what, dir, &e);
  FAILS(e, BERT_FORMAT, fixture_quoted(part));
  if (!strstr(e.text, "/")) test_failed(__FILE__, __LINE__, "<%s> names no file", e.text);
  fixture_end(dir);
}

/* ---- config.json ---------------------------------------------------------------------------------------------- */

static void read_model(const char *text, ModelConfig *out, Arena *a) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  put(dir, "config.json", text);
  hfconfig_model(NULL, dir, out, a, &e);
  GOOD(e);
  fixture_end(dir);
}

TEST(hfconfig_model_reads_sizes) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'architectures':['BertModel'],'hidden_act':'gelu_new','hidden_size':384,'intermediate_size':1536,"
             "'layer_norm_eps':1e-5,'max_position_embeddings':256,'model_type':'bert','num_attention_heads':6,"
             "'num_hidden_layers':3,'type_vocab_size':1,'vocab_size':1000,'position_embedding_type':'absolute'}",
             &c, &a);
  STR(c.model_type, "bert");
  STR(c.architecture, "BertModel");
  EQ(c.hidden, 384);
  EQ(c.inner, 1536);
  EQ(c.positions, 256);
  EQ(c.heads, 6);
  EQ(c.layers, 3);
  EQ(c.types, 1);
  EQ(c.vocabulary, 1000);
  OK(c.norm_epsilon == 1e-5f);
  EQ(c.activation, ACTIVATION_GELU_TANH);
  EQ(c.labels, 0);
  STR(c.problem, "");
  OK(strstr(c.path, "/config.json") != NULL);
  arena_fini(&a);
}

TEST(hfconfig_model_defaults_are_those_of_transformers) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'model_type':'bert','hidden_act':null}", &c, &a);
  EQ(c.vocabulary, 30522);
  EQ(c.hidden, 768);
  EQ(c.layers, 12);
  EQ(c.heads, 12);
  EQ(c.inner, 3072);
  EQ(c.positions, 512);
  EQ(c.types, 2);
  OK(c.norm_epsilon == 1e-12f);
  EQ(c.activation, ACTIVATION_GELU);
  arena_fini(&a);
}

TEST(hfconfig_model_type_comes_from_the_architecture_where_it_is_absent) {
  static const struct {
    const char *text, *wanted;
  } CASES[] = {{"{'architectures':['BertForMaskedLM']}", "bert"},
               {"{'architectures':['GPT2Model']}", ""},
               {"{'architectures':null}", ""},
               {"{'architectures':[]}", ""},
               {"{}", ""},
               {"{'model_type':'t5','d_model':3,'hidden_act':'silu','is_decoder':true}", "t5"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    Arena a = {0};
    ModelConfig c;
    read_model(CASES[i].text, &c, &a);
    STR(c.model_type, CASES[i].wanted);
    arena_fini(&a);
  }
}

TEST(hfconfig_labels_are_sorted_by_id_and_gaps_are_named) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'model_type':'bert','id2label':{'2':'two','0':'zero','7':'out','3':4},"
             "'problem_type':'multi_label_classification'}",
             &c, &a);
  EQ(c.labels, 4);
  STR(c.label[0], "zero");
  STR(c.label[1], "LABEL_1");
  STR(c.label[2], "two");
  STR(c.label[3], "4");
  STR(c.problem, "multi_label_classification");
  read_model("{'model_type':'bert','num_labels':3}", &c, &a);
  EQ(c.labels, 3);
  STR(c.label[2], "LABEL_2");
  read_model("{'model_type':'bert','id2label':{'x':'a','':'b','-1':'c','99999999999999999999':'d'}}", &c, &a);
  EQ(c.labels, 4);
  STR(c.label[0], "LABEL_0");
  arena_fini(&a);
}

TEST(hfconfig_model_refuses_what_no_model_has) {
  static const struct {
    const char *text, *part;
  } CASES[] = {
      {"", "config.json: line 1, column 1"},
      {"[]", "config.json: found an array, wanted an object"},
      {"{'model_type':7}", "config.json: model_type: found 7, wanted a string"},
      {"{'architectures':'BertModel'}", "config.json: architectures: found 'BertModel', wanted an array"},
      {"{'architectures':[1]}", "config.json: architectures: found 1, wanted a string"},
      {"{'model_type':'bert','hidden_size':0}", "config.json: hidden_size: found 0, wanted an integer from 1 to 16384"},
      {"{'model_type':'bert','hidden_size':'768'}", "config.json: hidden_size: found '768'"},
      {"{'model_type':'bert','hidden_size':768.5}", "config.json: hidden_size: found 768.5"},
      {"{'model_type':'bert','num_attention_heads':5}",
       "num_attention_heads: found 5, wanted a divisor of hidden_size 768"},
      {"{'model_type':'bert','num_hidden_layers':100000}",
       "num_hidden_layers: found 100000, wanted an integer from 1 to 256"},
      {"{'model_type':'bert','vocab_size':1e18}", "vocab_size: found 1e18"},
      {"{'model_type':'bert','vocab_size':99999999999999999999}", "vocab_size: found 99999999999999999999"},
      {"{'model_type':'bert','max_position_embeddings':-1}", "max_position_embeddings: found -1"},
      {"{'model_type':'bert','type_vocab_size':0}", "type_vocab_size: found 0"},
      {"{'model_type':'bert','intermediate_size':[]}", "intermediate_size: found an array"},
      {"{'model_type':'bert','layer_norm_eps':0}", "layer_norm_eps: found 0, wanted a number between 0 and 1"},
      {"{'model_type':'bert','layer_norm_eps':-1e-12}", "layer_norm_eps: found -1e-12"},
      {"{'model_type':'bert','layer_norm_eps':NaN}", "found NaN, which JSON does not have"},
      {"{'model_type':'bert','hidden_act':'silu'}", "config.json: hidden_act: found 'silu', wanted gelu, gelu_new"},
      {"{'model_type':'bert','hidden_act':{}}", "hidden_act: found an object"},
      {"{'model_type':'bert','position_embedding_type':'relative_key'}", "found 'relative_key', wanted absolute"},
      {"{'model_type':'bert','is_decoder':true}", "is_decoder: found true, wanted false: an encoder"},
      {"{'model_type':'bert','is_decoder':'no'}", "is_decoder: found 'no', wanted true or false"},
      {"{'id2label':[]}", "id2label: found an array, wanted an object"},
      {"{'id2label':{'0':[]}}", "config.json: id2label: found an array, wanted a string"},
      {"{'num_labels':1000000000}", "num_labels: found 1000000000, wanted an integer from 0 to 65536"},
      {"{'model_type':'be\\u0000rt'}", "model_type: found a string with a NUL inside"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(MODEL, "config.json", CASES[i].text, NULL, CASES[i].part);
}

TEST(hfconfig_model_without_a_file_names_it) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  read_what(MODEL, dir, &e);
  FAILS(e, BERT_IO, "/config.json: No such file");
  fixture_end(dir);
}

TEST(hfconfig_file_of_too_many_bytes_is_not_read) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  size_t n = 17 << 20;
  char *text = malloc(n);
  memset(text, ' ', n);
  fixture_begin(dir);
  fixture_put(dir, "config.json", text, n);
  read_what(MODEL, dir, &e);
  FAILS(e, BERT_FORMAT, "config.json: 17825792 bytes, at most 16777216 are taken");
  fixture_end(dir);
  free(text);
}

/* ---- sentence-transformers ------------------------------------------------------------------------------------ */

#define M(path, type) "{'idx':0,'name':'0','path':'" path "','type':'sentence_transformers.models." type "'}"
#define TWO M("", "Transformer") "," M("1_Pooling", "Pooling")
#define FOUR TWO "," M("2_Dense", "Dense") "," M("3_Normalize", "Normalize")
static const char MODULES[] = "[" TWO "]";

static void read_sentence(const char *dir, const TextFile *files, SentenceConfig *out, Arena *a) {
  bert_err e = {0};
  for (; files->name; files++) put(dir, files->name, files->text);
  hfconfig_sentence(NULL, dir, out, a, &e);
  GOOD(e);
}

TEST(hfconfig_sentence_reads_the_old_form) {
  static const TextFile FILES[] = {
      {"modules.json", "[" FOUR "]"},
      {"1_Pooling/config.json", "{'word_embedding_dimension':384,'pooling_mode_cls_token':true,"
                                "'pooling_mode_mean_tokens':true,'pooling_mode_max_tokens':false}"},
      {"2_Dense/config.json", "{'in_features':768,'out_features':128,'bias':false,"
                              "'activation_function':'torch.nn.modules.linear.Identity'}"},
      {"sentence_bert_config.json", "{'max_seq_length':256,'do_lower_case':true}"},
      {"config_sentence_transformers.json", "{'prompts':{'query':'q: ','odd':null},'default_prompt_name':'query'}"},
      {NULL, NULL}};
  char dir[FIXTURE_PATH], dense[FIXTURE_PATH + 20];
  Arena a = {0};
  SentenceConfig c;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  EQ(c.present, 1);
  EQ(c.pooling, POOL_CLS | POOL_MEAN);
  EQ(c.pooling_count, 2);
  EQ(c.pooling_order[0], POOL_CLS);
  EQ(c.pooling_order[1], POOL_MEAN);
  EQ(c.include_prompt, 1);
  EQ(c.normalize, 1);
  EQ(c.max_tokens, 256);
  EQ(c.lowercase, 1);
  STR(c.transformer_directory, dir);
  EQ(c.dense_count, 1);
  snprintf(dense, sizeof dense, "%s/2_Dense", dir);
  STR(c.dense[0].directory, dense);
  EQ(c.dense[0].in, 768);
  EQ(c.dense[0].out, 128);
  EQ(c.dense[0].bias, 0);
  EQ(c.dense[0].activation, ACTIVATION_IDENTITY);
  EQ(c.prompt_count, 3);
  STR(c.prompt_name[0], "query");
  STR(c.prompt_text[0], "q: ");
  STR(c.prompt_name[1], "document");
  STR(c.prompt_text[1], "");
  STR(c.prompt_name[2], "odd");
  STR(c.prompt_text[2], "");
  STR(c.default_prompt, "query");
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_sentence_reads_the_new_form) {
#define NEW(path, type) "{'path':'" path "','type':'sentence_transformers." type "'}"
  static const TextFile FILES[] = {
      {"modules.json", "[" NEW("", "base.modules.transformer.Transformer") ","
                       NEW("1_Pooling", "sentence_transformer.modules.pooling.Pooling") ","
                       NEW("2_Dense", "base.modules.dense.Dense") ","
                       NEW("3_Normalize", "base.modules.normalize.Normalize") "]"},
      {"1_Pooling/config.json",
       "{'embedding_dimension':32,'pooling_mode':['weightedmean','max'],'include_prompt':false}"},
      {"2_Dense/config.json", "{'in_features':64,'out_features':16,'activation_function':'torch.nn.GELU',"
                              "'module_input_name':'sentence_embedding','module_output_name':null}"},
      {"3_Normalize/config.json", "{'module_input_name':'sentence_embedding'}"},
      {"sentence_bert_config.json",
       "{'transformer_task':'feature-extraction','processor_kwargs':{'model_max_length':99}}"},
      {NULL, NULL}};
#undef NEW
  char dir[FIXTURE_PATH];
  Arena a = {0};
  SentenceConfig c;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  EQ(c.pooling, POOL_MAX | POOL_WEIGHTED_MEAN);
  EQ(c.pooling_order[0], POOL_WEIGHTED_MEAN);
  EQ(c.pooling_order[1], POOL_MAX);
  EQ(c.include_prompt, 0);
  EQ(c.normalize, 1);
  EQ(c.max_tokens, 99);
  EQ(c.dense[0].bias, 1);
  EQ(c.dense[0].activation, ACTIVATION_GELU);
  OK(c.default_prompt == NULL);
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_sentence_reads_the_oldest_layout) {
  static const TextFile FILES[] = {{"modules.json", "[" M("0_Transformer", "Transformer") ","
                                                    M("1_Pooling", "Pooling") "," M("2_Dropout", "Dropout") "]"},
                                   {"0_Transformer/sentence_bert_config.json", "{}"},
                                   {"0_Transformer/sentence_roberta_config.json", "{'max_seq_length':128}"},
                                   {"1_Pooling/config.json", "{'pooling_mode':'lasttoken'}"},
                                   {NULL, NULL}};
  char dir[FIXTURE_PATH], inner[FIXTURE_PATH + 20];
  Arena a = {0};
  SentenceConfig c;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  snprintf(inner, sizeof inner, "%s/0_Transformer", dir);
  STR(c.transformer_directory, inner);
  EQ(c.max_tokens, 128);
  EQ(c.pooling, POOL_LAST_TOKEN);
  EQ(c.normalize, 0);
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_sentence_without_modules_is_the_mean) {
  static const TextFile FILES[] = {{"config_sentence_transformers.json", "not read"}, {NULL, NULL}};
  char dir[FIXTURE_PATH];
  Arena a = {0};
  SentenceConfig c;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  EQ(c.present, 0);
  EQ(c.pooling, POOL_MEAN);
  EQ(c.pooling_order[0], POOL_MEAN);
  EQ(c.include_prompt, 1);
  EQ(c.normalize, 0);
  STR(c.transformer_directory, dir);
  EQ(c.prompt_count, 2);
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_sentence_without_a_pooling_flag_is_the_mean) {
  static const TextFile FILES[] = {{"modules.json", MODULES},
                                   {"1_Pooling/config.json", "{'pooling_mode_mean_tokens':false}"},
                                   {NULL, NULL}};
  char dir[FIXTURE_PATH];
  Arena a = {0};
  SentenceConfig c;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  EQ(c.pooling, POOL_MEAN);
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_sentence_refuses_modules_that_it_cannot_compute) {
  static const struct {
    const char *text, *part;
  } CASES[] = {
      {"{}", "modules.json: found an object, wanted an array"},
      {"[]", "modules.json: found 0 modules, wanted a Transformer, a Pooling"},
      {"[" M("", "Transformer") "]", "modules.json: found 1 modules"},
      {"[1,2]", "modules.json: type: found nothing, wanted sentence_transformers"},
      {"[" M("", "Transformer") "," M("1_Pooling", "WordWeights") "]",
       "type: found 'sentence_transformers.models.WordWeights'"},
      {"[{'path':'','type':'custom.Transformer'}," M("1_Pooling", "Pooling") "]", "type: found 'custom.Transformer'"},
      {"[{'path':'','type':'sentence_transformers.'}," M("1_Pooling", "Pooling") "]",
       "type: found 'sentence_transformers.'"},
      {"[" M("1_Pooling", "Pooling") "," M("", "Transformer") "]",
       "wanted Transformer, Pooling, any Dense, one Normalize"},
      {"[" M("", "Transformer") "," M("n", "Normalize") "]", "wanted Transformer, Pooling, any Dense, one Normalize"},
      {"[" TWO "," M("1_Pooling", "Pooling") "]", "in this order"},
      {"[" TWO "," M("n", "Normalize") "," M("d", "Dense") "]",
       "type: found 'sentence_transformers.models.Dense', wanted Transformer, Pooling"},
      {"[" M("../other", "Transformer") "," M("1_Pooling", "Pooling") "]",
       "path: found '../other', wanted a folder inside"},
      {"[" M("", "Transformer") "," M("1_Pooling/..", "Pooling") "]", "path: found '1_Pooling/..'"},
      {"[" M("", "Transformer") "," M("/etc", "Pooling") "]", "path: found '/etc'"},
      {"[" M("", "Transformer") "," M("a\\\\b", "Pooling") "]", "path: found 'a\\b'"},
      {"[" M("", "Transformer") "," M("1_Pooling\\u0000", "Pooling") "]", "path: found a string with a NUL inside"},
  };
  static const TextFile OTHERS[] = {{"1_Pooling/config.json", "{}"}, {NULL, NULL}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(SENTENCE, "modules.json", CASES[i].text, OTHERS, CASES[i].part);
}

TEST(hfconfig_sentence_refuses_settings_that_it_cannot_compute) {
  static const TextFile OTHERS[] = {
      {"modules.json", "[" FOUR "]"},
      {"1_Pooling/config.json", "{}"},
      {"2_Dense/config.json", "{'in_features':2,'out_features':3}"},
      {NULL, NULL}};
  static const struct {
    const char *name, *text, *part;
  } CASES[] = {
      {"1_Pooling/config.json", "{'pooling_mode':'median'}",
       "1_Pooling/config.json: pooling_mode: found 'median', wanted cls, max"},
      {"1_Pooling/config.json", "{'pooling_mode':[]}", "pooling_mode: found an array, wanted at least one mode"},
      {"1_Pooling/config.json", "{'pooling_mode':['cls','cls']}", "pooling_mode: found 'cls', wanted each mode once"},
      {"1_Pooling/config.json", "{'pooling_mode':[7]}", "pooling_mode: found 7"},
      {"1_Pooling/config.json", "{'pooling_mode_cls_token':'yes'}",
       "pooling_mode_cls_token: found 'yes', wanted true or false"},
      {"1_Pooling/config.json", "{'include_prompt':1}", "include_prompt: found 1"},
      {"2_Dense/config.json", "{'out_features':3}",
       "2_Dense/config.json: in_features: found nothing, wanted an integer"},
      {"2_Dense/config.json", "{'in_features':3}", "out_features: found nothing"},
      {"2_Dense/config.json", "{'in_features':3,'out_features':1000000}", "out_features: found 1000000"},
      {"2_Dense/config.json", "{'in_features':2,'out_features':3,'activation_function':'torch.nn.SiLU'}",
       "activation_function: found 'torch.nn.SiLU', wanted torch.nn"},
      {"2_Dense/config.json", "{'in_features':2,'out_features':3,'activation_function':'Tanh'}", "found 'Tanh'"},
      {"2_Dense/config.json", "{'in_features':2,'out_features':3,'use_residual':true}",
       "use_residual: found true, wanted false"},
      {"2_Dense/config.json", "{'in_features':2,'out_features':3,'module_input_name':'token_embeddings'}",
       "module_input_name: found 'token_embeddings', wanted sentence_embedding"},
      {"3_Normalize/config.json", "{'module_output_name':'x'}",
       "3_Normalize/config.json: module_output_name: found 'x'"},
      {"sentence_bert_config.json", "{'max_seq_length':0}", "sentence_bert_config.json: max_seq_length: found 0"},
      {"sentence_bert_config.json", "{'do_lower_case':'x'}", "sentence_bert_config.json: do_lower_case: found 'x'"},
      {"config_sentence_transformers.json", "{'prompts':[]}",
       "config_sentence_transformers.json: prompts: found an array"},
      {"config_sentence_transformers.json", "{'prompts':{'a':1}}",
       "config_sentence_transformers.json: prompts: found 1"},
      {"config_sentence_transformers.json", "{'default_prompt_name':'a'}",
       "default_prompt_name: found 'a', wanted the name of a prompt"},
      {"config_sentence_transformers.json", "{'truncate_dim':64}", "truncate_dim: found 64, wanted null"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(SENTENCE, CASES[i].name, CASES[i].text, OTHERS, CASES[i].part);
}

TEST(hfconfig_sentence_refuses_a_thousand_prompts_and_more) {
  static const TextFile OTHERS[] = {{"modules.json", MODULES}, {"1_Pooling/config.json", "{}"}, {NULL, NULL}};
  static char text[20000];
  size_t n = (size_t)snprintf(text, sizeof text, "{'prompts':{'a':''");
  for (int i = 0; i < 1000; i++) n += (size_t)snprintf(text + n, sizeof text - n, ",'p%d':''", i);
  snprintf(text + n, sizeof text - n, "}}");
  refused(SENTENCE, "config_sentence_transformers.json", text, OTHERS, "prompts: found 1001, wanted at most 1000");
}

/* ---- tokenizers ----------------------------------------------------------------------------------------------- */

static void read_tokenizer(const TextFile *files, TokenizerConfig *out, Arena *a) {
  char dir[FIXTURE_PATH];
  bert_err e = {0};
  fixture_begin(dir);
  for (; files->name; files++) put(dir, files->name, files->text);
  hfconfig_tokenizer(NULL, dir, out, a, &e);
  GOOD(e);
  fixture_end(dir);
}

TEST(hfconfig_tokenizer_reads_texts_and_objects) {
  static const TextFile FILES[] = {
      {"tokenizer_config.json", "{'do_lower_case':false,'strip_accents':true,'tokenize_chinese_chars':false,"
                                "'model_max_length':512,'tokenizer_class':'BertTokenizer','unk_token':'<u>',"
                                "'cls_token':{'__type':'AddedToken','content':'<c>'},'sep_token':null}"},
      {NULL, NULL}};
  Arena a = {0};
  TokenizerConfig c;
  read_tokenizer(FILES, &c, &a);
  EQ(c.lowercase, 0);
  EQ(c.strip_accents, 1);
  EQ(c.chinese_characters, 0);
  EQ(c.max_tokens, 512);
  STR(c.tokenizer_class, "BertTokenizer");
  STR(c.unk, "<u>");
  STR(c.cls, "<c>");
  OK(!c.sep && !c.pad && !c.mask);
  arena_fini(&a);
}

TEST(hfconfig_tokenizer_without_files_is_uncased_bert) {
  static const TextFile NONE[] = {{NULL, NULL}};
  Arena a = {0};
  TokenizerConfig c;
  read_tokenizer(NONE, &c, &a);
  EQ(c.lowercase, 1);
  EQ(c.strip_accents, -1);
  EQ(c.chinese_characters, 1);
  EQ(c.max_tokens, 0);
  STR(c.tokenizer_class, "");
  OK(!c.unk && !c.cls && !c.sep && !c.pad && !c.mask);
  arena_fini(&a);
}

TEST(hfconfig_special_tokens_map_goes_first_unless_there_is_a_decoder) {
  static const TextFile OLDER[] = {{"tokenizer_config.json", "{'unk_token':'a','sep_token':'s'}"},
                                   {"special_tokens_map.json", "{'unk_token':{'content':'b'},'pad_token':'p'}"},
                                   {NULL, NULL}};
  static const TextFile NEWER[] = {{"tokenizer_config.json", "{'unk_token':'a','added_tokens_decoder':{}}"},
                                   {"special_tokens_map.json", "{'unk_token':'b','pad_token':'p'}"},
                                   {NULL, NULL}};
  Arena a = {0};
  TokenizerConfig c;
  read_tokenizer(OLDER, &c, &a);
  STR(c.unk, "b");
  STR(c.sep, "s");
  STR(c.pad, "p");
  read_tokenizer(NEWER, &c, &a);
  STR(c.unk, "a");
  STR(c.pad, "p");
  arena_fini(&a);
}

TEST(hfconfig_tokenizer_window_may_be_boundless) {
  static const struct {
    const char *text;
    int wanted;
  } CASES[] = {{"{'model_max_length':1000000000000000019884624838656}", 0},
               {"{'model_max_length':1e30}", 0},
               {"{'model_max_length':null}", 0},
               {"{'model_max_length':128.0}", 128},
               {"{'max_len':64}", 64},
               {"{'max_len':64,'model_max_length':32}", 32}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    const TextFile files[] = {{"tokenizer_config.json", CASES[i].text}, {NULL, NULL}};
    Arena a = {0};
    TokenizerConfig c;
    read_tokenizer(files, &c, &a);
    EQ(c.max_tokens, CASES[i].wanted);
    arena_fini(&a);
  }
}

TEST(hfconfig_tokenizer_refuses_other_kinds) {
  static const struct {
    const char *text, *part;
  } CASES[] = {{"[]", "tokenizer_config.json: found an array, wanted an object"},
               {"{'do_lower_case':'yes'}", "tokenizer_config.json: do_lower_case: found 'yes'"},
               {"{'unk_token':1}", "tokenizer_config.json: unk_token: found 1, wanted a string"},
               {"{'unk_token':{'content':[]}}", "tokenizer_config.json: content: found an array"},
               {"{'model_max_length':0}", "model_max_length: found 0"},
               {"{'model_max_length':-5}", "model_max_length: found -5"},
               {"{'model_max_length':1.5}", "model_max_length: found 1.5"},
               {"{'model_max_length':'512'}", "model_max_length: found '512'"}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(TOKENIZER, "tokenizer_config.json", CASES[i].text, NULL, CASES[i].part);
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

static const TextFile WHOLE[] = {
    {"config.json", "{'model_type':'bert','architectures':['BertModel'],'hidden_size':8,'num_attention_heads':2,"
                    "'id2label':{'0':'a','1':'b'},'problem_type':'x'}"},
    {"tokenizer_config.json", "{'unk_token':{'content':'u'},'model_max_length':512,'tokenizer_class':'T'}"},
    {"special_tokens_map.json", "{'cls_token':'c'}"},
    {"modules.json", "[" FOUR "]"},
    {"1_Pooling/config.json", "{'pooling_mode':['mean','cls']}"},
    {"2_Dense/config.json", "{'in_features':16,'out_features':3}"},
    {"3_Normalize/config.json", "{}"},
    {"sentence_bert_config.json", "{'max_seq_length':16}"},
    {"config_sentence_transformers.json", "{'prompts':{'q':'query: '},'default_prompt_name':'q'}"},
};
enum { WHOLE_COUNT = sizeof WHOLE / sizeof *WHOLE };

static void read_three(const char *dir, bert_err *e) {
  read_what(MODEL, dir, e);
  read_what(SENTENCE, dir, e);
  read_what(TOKENIZER, dir, e);
}

TEST(hfconfig_every_prefix_of_every_file_is_refused) {
  char dir[FIXTURE_PATH];
  fixture_begin(dir);
  for (int i = 0; i < WHOLE_COUNT; i++) put(dir, WHOLE[i].name, WHOLE[i].text);
  for (int i = 0; i < WHOLE_COUNT; i++) {
    for (size_t n = 0; n < strlen(WHOLE[i].text); n++) {
      bert_err e = {0};
      fixture_put(dir, WHOLE[i].name, fixture_quoted(WHOLE[i].text), n);
      read_three(dir, &e);
      FAILS(e, BERT_FORMAT, WHOLE[i].name);
    }
    put(dir, WHOLE[i].name, WHOLE[i].text);
  }
  fixture_end(dir);
}

TEST(hfconfig_a_flipped_bit_gives_a_configuration_or_a_message) {
  char dir[FIXTURE_PATH], text[1000];
  fixture_begin(dir);
  for (int i = 0; i < WHOLE_COUNT; i++) put(dir, WHOLE[i].name, WHOLE[i].text);
  for (int i = 0; i < WHOLE_COUNT; i++) {
    size_t n = strlen(WHOLE[i].text);
    for (size_t bit = 0; bit < 8 * n; bit++) {
      bert_err e = {0};
      memcpy(text, fixture_quoted(WHOLE[i].text), n);
      text[bit / 8] ^= (char)(1 << bit % 8);
      fixture_put(dir, WHOLE[i].name, text, n);
      read_three(dir, &e);
      OK(e.code == BERT_OK || e.code == BERT_FORMAT || e.code == BERT_IO);
    }
    put(dir, WHOLE[i].name, WHOLE[i].text);
  }
  fixture_end(dir);
}

TEST(hfconfig_running_out_of_memory_is_an_error) {
  char dir[FIXTURE_PATH];
  fixture_begin(dir);
  for (int i = 0; i < WHOLE_COUNT; i++) put(dir, WHOLE[i].name, WHOLE[i].text);
  OK(fixture_fail_each(read_three, dir) > 20);
  fixture_end(dir);
}

/* ---- relatives ------------------------------------------------------------------------------------------------ */

TEST(hfconfig_roberta_begins_its_positions_after_the_padding) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'architectures':['RobertaForMaskedLM']}", &c, &a);
  STR(c.model_type, "roberta");
  EQ(c.vocabulary, 50265);
  EQ(c.types, 2);
  EQ(c.pad, 1);
  EQ(c.first_position, 2);
  EQ(c.layers, 12);
  read_model("{'model_type':'roberta','pad_token_id':3,'max_position_embeddings':514,'type_vocab_size':1,"
             "'layer_norm_eps':1e-5,'hidden_act':'gelu'}",
             &c, &a);
  EQ(c.first_position, 4);
  EQ(c.positions, 514);
  EQ(c.types, 1);
  OK(c.norm_epsilon == 1e-5f);
  read_model("{'model_type':'bert','pad_token_id':3}", &c, &a);
  EQ(c.first_position, 0);
  EQ(c.pad, 3);
  read_model("{'model_type':'bert','pad_token_id':null}", &c, &a);
  EQ(c.pad, -1);
  arena_fini(&a);
}

TEST(hfconfig_distilbert_has_names_of_its_own_and_no_segments) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'model_type':'distilbert','dim':96,'n_heads':4,'n_layers':3,'hidden_dim':200,'activation':'relu',"
             "'max_position_embeddings':128,'vocab_size':1500,'sinusoidal_pos_embds':true,'seq_classif_dropout':0.2,"
             "'hidden_size':7,'type_vocab_size':2,'layer_norm_eps':0.5,'hidden_act':'silu'}",
             &c, &a);
  EQ(c.hidden, 96);
  EQ(c.heads, 4);
  EQ(c.layers, 3);
  EQ(c.inner, 200);
  EQ(c.positions, 128);
  EQ(c.vocabulary, 1500);
  EQ(c.types, 0);
  EQ(c.activation, ACTIVATION_RELU);
  OK(c.norm_epsilon == 1e-12f);
  read_model("{'architectures':['DistilBertModel']}", &c, &a);
  STR(c.model_type, "distilbert");
  EQ(c.layers, 6);
  EQ(c.hidden, 768);
  arena_fini(&a);
}

TEST(hfconfig_relatives_refuse_what_no_model_has) {
  static const struct {
    const char *text, *part;
  } CASES[] = {
      {"{'model_type':'distilbert','dim':10,'n_heads':3}", "config.json: n_heads: found 3, wanted a divisor of dim 10"},
      {"{'model_type':'distilbert','activation':'silu'}", "config.json: activation: found 'silu', wanted gelu"},
      {"{'model_type':'roberta','pad_token_id':null}", "pad_token_id: found null, wanted an id below"},
      {"{'model_type':'roberta','pad_token_id':511}", "pad_token_id: found 511, wanted an id below"},
      {"{'model_type':'roberta','pad_token_id':-2}", "pad_token_id: found -2, wanted an integer from -1"},
      {"{'model_type':'roberta','is_decoder':true}", "is_decoder: found true"},
      {"{'bert_null_threshold':'x'}", "config.json: bert_null_threshold: found 'x', wanted a finite number"},
      {"{'sentence_transformers':{'activation_fn':3}}", "config.json: activation_fn: found 3, wanted a string"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
    refused(MODEL, "config.json", CASES[i].text, NULL, CASES[i].part);
}

TEST(hfconfig_null_threshold_is_read_where_it_is) {
  Arena a = {0};
  ModelConfig c;
  read_model("{'model_type':'bert','bert_null_threshold':-1.5}", &c, &a);
  EQ(c.has_null_threshold, 1);
  OK(c.null_threshold == -1.5);
  read_model("{'model_type':'bert','bert_null_threshold':null}", &c, &a);
  EQ(c.has_null_threshold, 0);
  arena_fini(&a);
}

TEST(hfconfig_cross_encoders_say_their_activation) {
  static const struct {
    const char *text, *wanted;
  } CASES[] = {
      {"{}", ""},
      {"{'sentence_transformers':{'activation_fn':'torch.nn.modules.linear.Identity','version':'4.0'}}", "Identity"},
      {"{'sbert_ce_default_activation_function':'torch.nn.modules.activation.Sigmoid'}", "Sigmoid"},
      {"{'sbert_ce_default_activation_function':null}", ""},
      {"{'sentence_transformers':{'activation_fn':'evil.Sigmoid'}}", ""},
      {"{'sentence_transformers':{'version':'4'},'sbert_ce_default_activation_function':'torch.nn.Identity'}",
       "Identity"},
      {"{'sentence_transformers':7}", ""},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    Arena a = {0};
    ModelConfig c;
    read_model(CASES[i].text, &c, &a);
    STR(c.head_activation, CASES[i].wanted);
    arena_fini(&a);
  }
}

/* As sentence-transformers 6 saves one. */
TEST(hfconfig_cross_encoder_directory_has_a_transformer_alone) {
  static const TextFile FILES[] = {
      {"config.json", "{'model_type':'bert','sentence_transformers':{'activation_fn':'torch.nn.Sigmoid'}}"},
      {"modules.json",
       "[{'idx':0,'name':'0','path':'','type':'sentence_transformers.base.modules.transformer.Transformer'}]"},
      {"sentence_bert_config.json", "{'transformer_task':'sequence-classification','module_output_name':'scores'}"},
      {"config_sentence_transformers.json", "{'activation_fn':'torch.nn.modules.linear.Identity',"
                                            "'default_prompt_name':null,'model_type':'CrossEncoder','prompts':{}}"},
      {NULL, NULL}};
  char dir[FIXTURE_PATH];
  Arena a = {0};
  bert_err e = {0};
  SentenceConfig c;
  ModelConfig m;
  fixture_begin(dir);
  read_sentence(dir, FILES, &c, &a);
  hfconfig_model(NULL, dir, &m, &a, &e);
  GOOD(e);
  EQ(c.present, 1);
  EQ(c.cross_encoder, 1);
  EQ(c.pooling, POOL_MEAN);
  STR(m.head_activation, "Identity");
  arena_fini(&a);
  fixture_end(dir);
}

TEST(hfconfig_transformer_alone_that_is_no_cross_encoder_is_refused) {
  static const TextFile OTHERS[] = {{"config_sentence_transformers.json", "{'model_type':'SentenceTransformer'}"},
                                    {NULL, NULL}};
  refused(SENTENCE, "modules.json", "[" M("", "Transformer") "]", OTHERS, "modules.json: found 1 modules, wanted");
}

/* ---- RobertaTokenizer without a tokenizer.json ------------------------------------------------------------------ */

static void read_roberta(const char *text, TokenizerConfig *out, Arena *a) {
  TextFile files[2] = {{"tokenizer_config.json", text}, {NULL, NULL}};
  read_tokenizer(files, out, a);
}

TEST(hfconfig_mask_strips_where_its_entry_says_so) {
  Arena a = {0};
  TokenizerConfig c;
  read_roberta("{'mask_token':'<mask>','bos_token':'<s>','add_prefix_space':true,'trim_offsets':false}", &c, &a);
  EQ(c.mask_lstrip, 0);
  EQ(c.add_prefix_space, 1);
  EQ(c.trim_offsets, 0);
  STR(c.bos, "<s>");
  OK(c.eos == NULL);
  read_roberta("{'mask_token':{'content':'<mask>','lstrip':true}}", &c, &a);
  EQ(c.mask_lstrip, 1);
  EQ(c.trim_offsets, 1);
  read_roberta("{'mask_token':'<mask>','added_tokens_decoder':{'4':{'content':'<mask>','lstrip':true}}}", &c, &a);
  EQ(c.mask_lstrip, 1);
  arena_fini(&a);
}
