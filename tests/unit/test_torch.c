/* test_torch.c -- pytorch_model.bin: what torch.save wrote is read to the bit; what nobody should open is refused. */
#include <stdlib.h>

#include "file/pickle.h"
#include "file/weights.h"
#include "fixture.h"
#include "test.h"

#define FORMATS "tests/golden/formats/"

/* ---- files of torch ------------------------------------------------------------------------------------------- */

enum { NUMBERS_MAX = 1000 };

/* Every tensor that `wanted` has is in `found` with the same shape and the same bits, whatever rows are asked for. */
static void same_weights(const char *found, const char *wanted) {
  bert_err e = {0};
  Weights *a = weights_open(NULL, found, &e), *b = weights_open(NULL, wanted, &e);
  GOOD(e);
  for (int i = 0; b && weights_at(b, i); i++) {
    float x[NUMBERS_MAX], y[NUMBERS_MAX];
    const Tensor *s = weights_at(b, i), *t = weights_find(a, s->name, &e);
    if (!t) break;
    int64_t rows = s->rank ? s->shape[0] : 1, columns = rows ? s->count / rows : 0;
    EQ(t->rank, s->rank);
    OK(!memcmp(t->shape, s->shape, sizeof t->shape));
    EQ(t->count, s->count);
    weights_read(b, s, 0, rows, y, &e);
    for (int64_t first = 0; first < rows; first++)
      for (int64_t n = 1; n <= rows - first; n++) {
        weights_read(a, t, first, n, x, &e);
        if (memcmp(x, y + first * columns, (size_t)(n * columns) * sizeof *x))
          test_failed(__FILE__, __LINE__, "%s: %s: rows %d to %d differ", found, t->name, (int)first, (int)(first + n));
      }
  }
  GOOD(e);
  weights_free(a);
  weights_free(b);
}

TEST(torch_files_of_every_protocol_give_their_numbers) {
  same_weights(FORMATS "torch-2", FORMATS "torch-expected");
  same_weights(FORMATS "torch-3", FORMATS "torch-expected");
  same_weights(FORMATS "torch-4", FORMATS "torch-expected");
  same_weights(FORMATS "torch-5", FORMATS "torch-expected");
}

TEST(torch_shards_are_one_model) { same_weights(FORMATS "torch-sharded", FORMATS "torch-expected"); }

TEST(torch_tied_weights_are_one_storage_and_integers_keep_their_name) {
  bert_err e = {0}, f = {0};
  float x[5];
  Weights *w = weights_open(NULL, FORMATS "torch-2", &e);
  GOOD(e);
  const Tensor *weight = weights_find(w, "weight", &e), *tied = weights_find(w, "tied", &e);
  if (weight && tied) EQ(weight->offset, tied->offset);
  const Tensor *ids = weights_find(w, "ids", &e);
  if (ids) STR(ids->dtype_name, "I64");
  if (ids) weights_read(w, ids, 0, 1, x, &f);
  FAILS(f, BERT_FORMAT, "torch-2/pytorch_model.bin: ids: found dtype I64, wanted F32");
  GOOD(e);
  weights_free(w);
}

TEST(torch_file_of_before_zip_says_how_to_convert_it) {
  bert_err e = {0};
  OK(weights_open(NULL, FORMATS "torch-legacy", &e) == NULL);
  FAILS(e, BERT_FORMAT, "torch-legacy/pytorch_model.bin: found the format of torch before 1.6, wanted the one since: "
                        "torch.save(torch.load(path, weights_only=True), path) converts it");
}

static void read_everything(const char *path, bert_err *e) {
  float x[NUMBERS_MAX];
  Weights *w = weights_open(NULL, path, e);
  for (int i = 0; w && weights_at(w, i) && !e->code; i++) {
    const Tensor *t = weights_at(w, i);
    if (t->dtype != DTYPE_OTHER && t->count <= NUMBERS_MAX) weights_read(w, t, 0, t->rank ? t->shape[0] : 1, x, e);
  }
  weights_free(w);
}

TEST(torch_running_out_of_memory_is_an_error) {
  OK(fixture_fail_each(read_everything, FORMATS "torch-2") > 10);
  OK(fixture_fail_each(read_everything, FORMATS "torch-sharded") > 10);
}

static char *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  OK(f != NULL);
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  char *out = malloc(*size);
  EQ(fread(out, 1, *size, f), *size);
  fclose(f);
  return out;
}

TEST(torch_file_cut_short_or_with_a_flipped_bit_is_an_error_or_gives_numbers) {
  char dir[FIXTURE_PATH];
  size_t size = 0;
  char *file = read_file(FORMATS "torch-4/pytorch_model.bin", &size);
  fixture_begin(dir);
  for (size_t n = 0; file && n < size; n += 7) {
    bert_err e = {0};
    fixture_put(dir, "pytorch_model.bin", file, n);
    read_everything(dir, &e);
    EQ(e.code, BERT_FORMAT);
  }
  for (size_t bit = 0; file && bit < 8 * size; bit += 3) {
    bert_err e = {0};
    file[bit / 8] ^= (char)(1 << bit % 8);
    fixture_put(dir, "pytorch_model.bin", file, size);
    read_everything(dir, &e);
    OK(!e.code || e.code == BERT_FORMAT);
    file[bit / 8] ^= (char)(1 << bit % 8);
  }
  free(file);
  fixture_end(dir);
}

/* ---- zips by hand --------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  const void *bytes;
  size_t size;
  int method, flags;
  long long lie; /* added to the sizes that the directory says */
  long long shift; /* and to the place of the local header */
  int wide;        /* the directory has its numbers in a zip64 field */
} Part;

static size_t put_number(unsigned char *out, uint64_t x, int width) {
  for (int i = 0; i < width; i++) out[i] = i < 8 ? (unsigned char)(x >> 8 * i) : 0;
  return (size_t)width;
}

/* A zip of these parts; the count and the size that the end record says are off by `lie`. */
static size_t build_zip(unsigned char *out, const Part *part, int parts, int lie) {
  size_t n = 0, at[8], directory;
  for (int i = 0; i < parts; i++) {
    size_t name = strlen(part[i].name);
    at[i] = n;
    n += put_number(out + n, 0x04034B50, 4);
    n += put_number(out + n, 20, 2);
    n += put_number(out + n, (uint64_t)part[i].flags, 2);
    n += put_number(out + n, (uint64_t)part[i].method, 2);
    n += put_number(out + n, 0, 8);
    n += put_number(out + n, part[i].size, 4);
    n += put_number(out + n, part[i].size, 4);
    n += put_number(out + n, name, 2);
    n += put_number(out + n, 0, 2);
    memcpy(out + n, part[i].name, name);
    n += name;
    if (part[i].size) memcpy(out + n, part[i].bytes, part[i].size);
    n += part[i].size;
  }
  directory = n;
  for (int i = 0; i < parts; i++) {
    size_t name = strlen(part[i].name);
    n += put_number(out + n, 0x02014B50, 4);
    n += put_number(out + n, 20, 4);
    n += put_number(out + n, (uint64_t)part[i].flags, 2);
    n += put_number(out + n, (uint64_t)part[i].method, 2);
    n += put_number(out + n, 0, 8);
    uint64_t said = part[i].size + (uint64_t)part[i].lie, header = at[i] + (uint64_t)part[i].shift;
    int wide = part[i].wide;
    n += put_number(out + n, wide ? UINT32_MAX : said, 4);
    n += put_number(out + n, wide ? UINT32_MAX : said, 4);
    n += put_number(out + n, name, 2);
    n += put_number(out + n, wide ? 5 + 28 : 0, 2);
    n += put_number(out + n, 0, 10);
    n += put_number(out + n, wide ? UINT32_MAX : header, 4);
    memcpy(out + n, part[i].name, name);
    n += name;
    if (!wide) continue;
    n += put_number(out + n, 0x5455, 2); /* another extra field before it: a time */
    n += put_number(out + n, 1, 3);
    n += put_number(out + n, 1, 2);
    n += put_number(out + n, 24, 2);
    n += put_number(out + n, said, 8);
    n += put_number(out + n, said, 8);
    n += put_number(out + n, header, 8);
  }
  size_t size = n - directory;
  n += put_number(out + n, 0x06054B50, 4);
  n += put_number(out + n, 0, 4);
  n += put_number(out + n, (uint64_t)(parts + lie), 2);
  n += put_number(out + n, (uint64_t)(parts + lie), 2);
  n += put_number(out + n, size, 4);
  n += put_number(out + n, directory, 4);
  return n + put_number(out + n, 0, 2);
}

/* {"w": two floats in storage "0"} */
#define TENSOR_OF(key) "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" key \
                       "X\3\0\0\0cpuK\2tQK\0K\2\x85K\1\x85\x89" "ccollections\nOrderedDict\n)RtR"
#define PICKLE_OF(key) "\x80\2}(X\1\0\0\0w" TENSOR_OF(key) "u."
static const char GOOD_PICKLE[] = PICKLE_OF("0");
static const float TWO[2] = {1.5f, -2};

static void zip_opens(const Part *part, int parts, int lie, const char *message) {
  char dir[FIXTURE_PATH];
  unsigned char zip[4096];
  bert_err e = {0};
  float x[2] = {0};
  fixture_begin(dir);
  fixture_put(dir, "pytorch_model.bin", zip, build_zip(zip, part, parts, lie));
  Weights *w = weights_open(NULL, dir, &e);
  if (w) weights_read(w, weights_find(w, "w", &e), 0, 2, x, &e);
  if (message) {
    FAILS(e, BERT_FORMAT, message);
    FAILS(e, BERT_FORMAT, "/pytorch_model.bin: ");
  } else {
    GOOD(e);
    EQ(memcmp(x, TWO, sizeof x), 0);
  }
  weights_free(w);
  fixture_end(dir);
}

#define PICKLED {"m/data.pkl", GOOD_PICKLE, sizeof GOOD_PICKLE - 1, 0, 0, 0, 0, 0}
#define STORED {"m/data/0", TWO, sizeof TWO, 0, 0, 0, 0, 0}

TEST(torch_zip_by_hand_is_read) {
  zip_opens((Part[]){PICKLED, STORED}, 2, 0, NULL);
  zip_opens((Part[]){STORED, {"../../etc/passwd", "x", 1, 0, 0, 0, 0, 0}, PICKLED}, 3, 0, NULL);
  zip_opens((Part[]){PICKLED, STORED, {"m/byteorder", "little", 6, 0, 0, 0, 0, 0}}, 3, 0, NULL);
}

TEST(torch_zip64_numbers_are_read) {
  Part parts[2] = {PICKLED, STORED};
  parts[0].wide = parts[1].wide = 1;
  zip_opens(parts, 2, 0, NULL);
  parts[1].lie = -1;
  zip_opens(parts, 2, 0, "w: found 7 bytes in data/0");
  parts[1].lie = INT64_MIN;
  zip_opens(parts, 2, 0, "zip: found m/data/0 of 9223372036854775816 bytes");
  parts[1].lie = 0;
  parts[1].shift = INT64_MIN;
  zip_opens(parts, 2, 0, "zip: found m/data/0 of 8 bytes at byte 9223372036854775");
}

TEST(torch_zip_that_lies_is_refused) {
  const Part squeezed = {"m/data/0", TWO, sizeof TWO, 8, 0, 0, 0, 0};
  const Part secret = {"m/data/0", TWO, sizeof TWO, 0, 1, 0, 0, 0};
  const Part longer = {"m/data/0", TWO, sizeof TWO, 0, 0, 4, 0, 0};
  const Part shorter = {"m/data/0", TWO, sizeof TWO, 0, 0, -4, 0, 0};
  const Part elsewhere = {"m/data/0", TWO, sizeof TWO, 0, 0, 0, 1, 0};
  const Part far = {"m/data/0", TWO, sizeof TWO, 0, 0, 0, 1 << 30, 0};
  const Part huge = {"m/data/0", TWO, sizeof TWO, 0, 0, 0x7FFFFFF0, 0, 0};
  zip_opens((Part[]){PICKLED, squeezed}, 2, 0,
            "zip: found m/data/0 compressed, wanted it stored, as torch.save writes it");
  zip_opens((Part[]){PICKLED, secret}, 2, 0, "zip: found m/data/0 encrypted");
  zip_opens((Part[]){PICKLED, shorter}, 2, 0, "w: found 4 bytes in data/0, wanted 2 numbers of F32");
  zip_opens((Part[]){PICKLED, longer}, 2, 0, "w: found 12 bytes in data/0, wanted 2 numbers of F32");
  zip_opens((Part[]){PICKLED, huge}, 2, 0, "zip: found m/data/0 of 2147483640 bytes");
  zip_opens((Part[]){PICKLED, elsewhere}, 2, 0, "zip: found no local header");
  zip_opens((Part[]){PICKLED, far}, 2, 0, "zip: found m/data/0 of 8 bytes at byte 10737");
  zip_opens((Part[]){PICKLED, STORED, STORED}, 3, 0, "zip: found m/data/0 twice");
  zip_opens((Part[]){PICKLED, STORED}, 2, 1, "zip: found a directory of 3 entries in 110 bytes");
  zip_opens((Part[]){PICKLED, STORED}, 2, 1000, "zip: found a directory of 1002 entries");
  zip_opens((Part[]){PICKLED, {"m/data/1", TWO, sizeof TWO, 0, 0, 0, 0, 0}}, 2, 0, "w: found 0 bytes in data/0");
  zip_opens((Part[]){STORED, {"data.pkl", "x", 1, 0, 0, 0, 0, 0}}, 2, 0, "found no data.pkl among 2 entries");
  zip_opens((Part[]){PICKLED, STORED, {"m/byteorder", "big", 3, 0, 0, 0, 0, 0}}, 3, 0,
            "byteorder: found something else, wanted little");
  zip_opens((Part[]){STORED, {"m/data.pkl", "(", 1, 0, 0, 0, 0, 0}}, 2, 0, "pickle: found its end inside of an opcode");
}

TEST(torch_zip_entries_that_overlap_are_refused) {
  /* The second entry's header is said to stand inside of the first one's bytes. */
  Part parts[2] = {PICKLED, STORED};
  parts[1].shift = -40;
  zip_opens(parts, 2, 0, "zip: found no local header with the 135 bytes of m/data.pkl");
}

TEST(torch_file_that_is_no_zip_is_refused) {
  char dir[FIXTURE_PATH];
  fixture_begin(dir);
  static const char *const TEXTS[] = {"", "P", "PK", "version https://git-lfs.github.com/spec/v1\n"};
  for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
    bert_err e = {0};
    fixture_text(dir, "pytorch_model.bin", TEXTS[i]);
    OK(weights_open(NULL, dir, &e) == NULL);
    FAILS(e, BERT_FORMAT, "/pytorch_model.bin: found something else than a zip, wanted a file of torch.save");
  }
  fixture_end(dir);
}

TEST(torch_tensors_larger_than_the_file_together_are_refused) {
  enum { COPIES = 300 };
  static const char WEIGHT[] = TENSOR_OF("0");
  char pickle[COPIES * 8 + sizeof WEIGHT + 20];
  size_t n = 0;
  static float storage[500];
  char dir[FIXTURE_PATH];
  static unsigned char zip[16384];
  bert_err e = {0};
  memcpy(pickle, "\x80\2}(", 4), n = 4;
  memcpy(pickle + n, "X\1\0\0\0w", 6), n += 6;
  memcpy(pickle + n, WEIGHT, sizeof WEIGHT - 1), n += sizeof WEIGHT - 1;
  /* 500 numbers: K\2 (BININT1) becomes M (BININT2) where the pickle says two of them. */
  for (size_t i = 0; i + 1 < n; i++)
    if (pickle[i] == 'K' && pickle[i + 1] == 2) {
      memmove(pickle + i + 3, pickle + i + 2, n - i - 2);
      memcpy(pickle + i, "M\xF4\1", 3);
      n++;
    }
  memcpy(pickle + n, "q\1", 2), n += 2;
  for (int i = 0; i < COPIES; i++) {
    memcpy(pickle + n, "X\1\0\0\0?h\1", 8);
    pickle[n + 5] = (char)('0' + i % 70);
    n += 8;
  }
  memcpy(pickle + n, "u.", 2), n += 2;
  fixture_begin(dir);
  const Part parts[] = {{"m/data.pkl", pickle, n, 0, 0, 0, 0, 0}, {"m/data/0", storage, sizeof storage, 0, 0, 0, 0, 0}};
  fixture_put(dir, "pytorch_model.bin", zip, build_zip(zip, parts, 2, 0));
  OK(weights_open(NULL, dir, &e) == NULL);
  FAILS(e, BERT_FORMAT, "bytes, wanted at most 8 times the file");
  fixture_end(dir);
}

/* ---- pickles -------------------------------------------------------------------------------------------------- */

static int read_pickle(const void *bytes, size_t size, bert_err *e) {
  Arena a = {0};
  int n = 0;
  /* In a block of exactly that size, so that a sanitizer sees one byte too far. */
  char *copy = malloc(size ? size : 1);
  memcpy(copy, bytes, size);
  const PickleTensor *t = pickle_tensors(copy, size, &n, &a, e);
  OK((t == NULL) == (e->code != BERT_OK));
  arena_fini(&a);
  free(copy);
  return n;
}

TEST(pickle_that_would_run_code_names_what_it_wanted_to_call) {
#define P(text, message) {text, sizeof text - 1, message}
  static const struct {
    const char *bytes;
    size_t size;
    const char *message;
  } CASES[] = {
      P("\x80\2cposix\nsystem\nX\2\0\0\0ls\x85R.", "pickle: found global posix.system, wanted tensors alone"),
      P("\x80\2cos\nsystem\n.", "found global os.system, wanted tensors alone"),
      P("\x80\2cbuiltins\neval\nX\1\0\0\0" "1\x85R.", "found global builtins.eval"),
      P("\x80\4\x8C\x08" "builtins\x8C\4exec\x93.", "found global builtins.exec"),
      P("\x80\2c__builtin__\ngetattr\n.", "found global __builtin__.getattr"),
      P("\x80\2ctorch\nload\n.", "found global torch.load"),
      P("\x80\2ctorch._utils\n_rebuild_sparse_tensor\n.", "found global torch._utils._rebuild_sparse_tensor"),
      P("\x80\2ccollections\nOrderedDict.system\n.", "found global collections.OrderedDict.system"),
      P("\x80\2cnumpy.core.multiarray\n_reconstruct\n.", "found global numpy.core.multiarray._reconstruct"),
      P("\x80\2c\x1b[2J\xff\n\n.", "found global ?[2J?., wanted tensors alone"),
      P("\x80\2ca\n" "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n.",
        "found global a.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, wanted"),
      P("\x80\2cos\nsystem", "pickle: found its end inside of an opcode"),
      P("\x80\2(X\2\0\0\0lsios\nsystem\n.", "pickle: found opcode 0x69, wanted those of a state_dict"),
      P("\x80\2X\2\0\0\0ls\x85\x81.", "found opcode 0x81"),
      P("\x80\2\x82\1.", "found opcode 0x82"),
      P("\x80\2(dp0\n.", "found opcode 0x64"),
      P("\x80\2P0\n.", "found opcode 0x50"),
      P("\x80\2)R.", "found an empty stack"),
      P("\x80\2K\1)R.", "found a call of something else, wanted a global"),
      P("\x80\2ccollections\nOrderedDict\n]R.", "found a call of something else"),
      P("\x80\2ccollections\nOrderedDict\nK\1\x85R.", "found an OrderedDict with arguments"),
      P("\x80\2ctorch\nFloatStorage\nK\1\x85R.", "found a storage that is made by a call"),
      P("\x80\2ctorch\nSize\n)R.", "torch.Size: found nothing, wanted a tuple"),
      P("\x80\2ctorch._utils\n_rebuild_parameter\nK\1\x85R.", "parameter: found an integer, wanted a tensor"),
      P("\x80\4K\1K\2\x93.", "found a global without a name"),
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    bert_err e = {0};
    read_pickle(CASES[i].bytes, CASES[i].size, &e);
    FAILS(e, BERT_FORMAT, CASES[i].message);
  }
}

TEST(pickle_that_makes_no_sense_is_refused) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *message;
  } CASES[] = {
      P("", "found its end inside of an opcode"),
      P(".", "found an empty stack"),
      P("\x80\1}.", "found protocol 1, wanted 2 to 5"),
      P("\x80\6}.", "found protocol 6"),
      P("\x80\2}.", "found no tensors in the dict"),
      P("\x80\2].", "found a list, wanted a state_dict"),
      P("\x80\2(.", "found a mark, wanted a state_dict"),
      P("\x80\2N.", "found None, wanted a state_dict"),
      P("\x80\2t.", "found no mark"),
      P("\x80\2u.", "found no mark"),
      P("\x80\2s.", "found an empty stack"),
      P("\x80\2}(K\1u.", "found a key without a value"),
      P("\x80\2](K\1K\2u.", "found a list, wanted a dict"),
      P("\x80\2K\1K\2a.", "found an integer, wanted a list"),
      P("\x80\2b.", "found an empty stack"),
      P("\x80\2}N.", "found None, wanted a state_dict"),
      P("\x80\2h\0.", "found a memo number that nothing was put under"),
      P("\x80\2j\xff\xff\xff\xff.", "found a memo number that nothing was put under"),
      P("\x80\2Nr\xff\xff\xff\x7f.", "found a memo number past the pickle's length"),
      P("\x80\2q\0.", "found an empty stack, wanted a value for the memo"),
      P("\x80\2\x8b\xff\xff\xff\x7f.", "found an integer of more than 8 bytes"),
      P("\x80\2\x8a\x09\1\1\1\1\1\1\1\1\1.", "found an integer of more than 8 bytes"),
      P("\x80\2\x8a\x08\1.", "found its end inside of an opcode"),
      P("\x80\2X\xff\xff\xff\xff.", "found its end inside of an opcode"),
      P("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "found its end inside of an opcode"),
      P("\x80\4\x95\1.", "found its end inside of an opcode"),
      P("\x80\2NQ.", "found None, wanted a tuple"),
      P("\x80\2)Q.", "persistent id: found nothing, wanted a text"),
      P("\x80\2(X\1\0\0\0wctorch\nFloatStorage\nX\1\0\0\0" "0NK\2tQ.", "found a persistent id of another kind"),
      P("\x80\2(X\7\0\0\0storageccollections\nOrderedDict\nX\1\0\0\0" "0NK\2tQ.",
        "found a persistent id of another kind"),
      P("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0NJ\xff\xff\xff\xfftQ.", "persistent id: found -1"),
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    bert_err e = {0};
    read_pickle(CASES[i].bytes, CASES[i].size, &e);
    FAILS(e, BERT_FORMAT, CASES[i].message);
  }
}

/* The pickle of one tensor with these arguments after the storage of `numbers` floats. */
static void tensor_is(const char *arguments, size_t size, const char *message) {
  static const char HEAD[] = "\x80\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor\n((X\7\0\0\0storagectorch\nFloatStorage\n"
                             "X\1\0\0\0" "0NK\6tQ", TAIL[] = "tRs.";
  char pickle[400];
  bert_err e = {0};
  memcpy(pickle, HEAD, sizeof HEAD - 1);
  memcpy(pickle + sizeof HEAD - 1, arguments, size);
  memcpy(pickle + sizeof HEAD - 1 + size, TAIL, sizeof TAIL - 1);
  int n = read_pickle(pickle, sizeof HEAD + size + sizeof TAIL - 2, &e);
  EQ(n, message ? 0 : 1);
  if (message) FAILS(e, BERT_FORMAT, message);
  else GOOD(e);
}

TEST(pickle_views_stay_inside_their_storage) {
#define T(text, message) tensor_is(text, sizeof text - 1, message)
  T("K\0K\2K\3\x86K\3K\1\x86", NULL);
  T("K\0K\2K\3\x86K\1K\2\x86", NULL);
  T("K\5))", NULL);
  T("K\0K\6\x85K\1\x85", NULL);
  T("K\6K\0\x85K\1\x85", NULL);
  T("K\0K\0K\3\x86\x8A\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x86", NULL);
  T("K\6))", "found a tensor of 1 numbers from 6 on in a storage of 6, wanted it inside");
  T("K\1K\2K\3\x86K\3K\1\x86", "found a tensor of 6 numbers from 1 on in a storage of 6");
  T("K\0K\7\x85K\1\x85", "found a tensor of 7 numbers");
  T("K\7K\0\x85K\1\x85", "found a tensor of 0 numbers from 7 on");
  T("K\0K\3K\3\x86K\1K\1\x86", "found a tensor of 9 numbers");
  T("K\0K\4K\1\x86K\0K\1\x86", "found a tensor that repeats its numbers");
  T("K\0K\2K\2\x86K\0K\0\x86", "found a tensor that repeats its numbers");
  T("J\xff\xff\xff\xffK\2\x85K\1\x85", "tensor: offset: found -1, wanted 0 or more");
  T("K\0J\xff\xff\xff\xff\x85K\1\x85", "tensor: shape: found -1");
  T("K\0K\2\x85J\xff\xff\xff\xff\x85", "tensor: strides: found -1");
  T("K\0K\2\x85\x8A\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", "wanted it inside");
  T("K\0J\0\0\0\x7fJ\0\0\0\x7f\x8A\5\0\0\0\0\1\x87K\1K\1K\1\x87", "found a shape whose product is past 2^63");
  T("K\0K\2\x85K\1K\1\x86", "found a tensor of 1 dimensions and 2 strides");
  T("K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "found a tensor of 9 dimensions");
  T("K\0K\2K\2", "tensor: shape: found an integer, wanted a tuple");
  T("K\0N\x85K\1\x85", "tensor: shape: found None, wanted an integer");
  T("", "tensor: offset: found nothing");
#undef T
#undef P
}

/* `head`, then `again` as often as fits in a MiB, then `tail`. */
static void repeated(const char *head, size_t head_size, const char *again, size_t again_size, const char *tail,
                     const char *message) {
  size_t room = (1 << 20) + 100, n = head_size;
  char *pickle = malloc(room);
  bert_err e = {0};
  memcpy(pickle, head, head_size);
  for (; n + again_size + 50 < room; n += again_size) memcpy(pickle + n, again, again_size);
  memcpy(pickle + n, tail, strlen(tail));
  read_pickle(pickle, n + strlen(tail), &e);
  FAILS(e, BERT_FORMAT, message);
  free(pickle);
}

/* A pickle may be as deep and as full of itself as it likes. */
TEST(pickle_that_holds_itself_costs_what_its_bytes_do) {
#define R(head, again, tail, message) repeated(head, sizeof head - 1, again, sizeof again - 1, tail, message)
  R("\x80\2)", "\x85", ".", "found a tuple, wanted a state_dict");        /* tuples in tuples */
  R("\x80\2)", "q\0h\0\x86", ".", "found a tuple, wanted a state_dict");  /* twice itself, each time */
  R("\x80\2}q\0", "h\0h\0s", ".", "found no tensors in the dict");        /* the dict under itself */
  R("\x80\2]q\0", "h\0a", ".", "found a list, wanted a state_dict");
  R("\x80\2", "(", ".", "found a mark, wanted a state_dict");
  R("\x80\2", "(", "u.", "found a mark, wanted a dict");
  R("\x80\2N", "\x94", ".", "found None, wanted a state_dict");           /* a memo of a million */
  R("\x80\2N", "b", ".", "found an empty stack");
#undef R
}

TEST(pickle_of_too_many_bytes_is_not_read) {
  bert_err e = {0};
  int n;
  Arena a = {0};
  OK(pickle_tensors("", PICKLE_MAX + (size_t)1, &n, &a, &e) == NULL);
  FAILS(e, BERT_FORMAT, "pickle: 4194305 bytes, at most 4194304 are taken");
  arena_fini(&a);
}
