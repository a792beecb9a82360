/* pickle.c -- see pickle.h.
** Layer: file. Uses: base cursor.
**
** Values are 16 bytes. What they point to is in the arena and never changes, but for dicts, which are lists of pairs,
** newest first. Every opcode leaves at most one value more on the stack and one more in the memo, so both are as long
** as the pickle; a memo number past that is a lie. Nothing is ever walked but the arguments of one call and, at the
** end, one dict: a pickle that holds itself, or holds itself a million times, costs what its bytes do. */
#include "file/pickle.h"

#include <inttypes.h>
#include <string.h>

#include "file/cursor.h"

typedef enum { NONE, FLAG, NUMBER, REAL, TEXT, TUPLE, LIST, DICT, GLOBAL, STORAGE, TENSOR, MARK } Kind;

static const char *const KIND_NAMES[] = {"None", "a flag", "an integer", "a real number", "a text",   "a tuple",
                                         "a list", "a dict", "a global",  "a storage",    "a tensor", "a mark"};

typedef struct Value {
  uint32_t kind;
  uint32_t size; /* bytes of a TEXT, items of a TUPLE */
  union {
    int64_t number;
    const char *text;         /* in the pickle, not NUL-terminated */
    const struct Value *item;
    struct Dict *dict;
    const struct Global *global;
    const PickleStorage *storage;
    const PickleTensor *tensor;
  } as;
} Value;

typedef struct Pair {
  Value key, value;
  struct Pair *next;
} Pair;

typedef struct Dict {
  Pair *last;
} Dict;

typedef struct {
  Cursor in;
  size_t size; /* of the pickle: no stack or memo grows past it */
  Value *stack, *memo;
  uint8_t *known; /* memo numbers that were put */
  size_t top, memoized;
  Arena *arena;
  bert_err *e;
} Machine;

/* ---- globals --------------------------------------------------------------------------------------------------- */

typedef enum { MAKE_DICT, MAKE_SIZE, MAKE_TENSOR, MAKE_PARAMETER, NAME_STORAGE } Deed;

typedef struct Global {
  const char *module, *name;
  Deed deed;
  const char *dtype_name; /* of a storage */
  DType dtype;
  int width;
} Global;

static const Global GLOBALS[] = {
    {"collections", "OrderedDict", MAKE_DICT, NULL, DTYPE_OTHER, 0},
    {"torch", "Size", MAKE_SIZE, NULL, DTYPE_OTHER, 0},
    {"torch._utils", "_rebuild_tensor", MAKE_TENSOR, NULL, DTYPE_OTHER, 0},
    {"torch._utils", "_rebuild_tensor_v2", MAKE_TENSOR, NULL, DTYPE_OTHER, 0},
    {"torch._utils", "_rebuild_parameter", MAKE_PARAMETER, NULL, DTYPE_OTHER, 0},
    {"torch._utils", "_rebuild_parameter_with_state", MAKE_PARAMETER, NULL, DTYPE_OTHER, 0},
    {"torch", "FloatStorage", NAME_STORAGE, "F32", DTYPE_F32, 4},
    {"torch", "HalfStorage", NAME_STORAGE, "F16", DTYPE_F16, 2},
    {"torch", "BFloat16Storage", NAME_STORAGE, "BF16", DTYPE_BF16, 2},
    {"torch", "DoubleStorage", NAME_STORAGE, "F64", DTYPE_F64, 8},
    {"torch", "LongStorage", NAME_STORAGE, "I64", DTYPE_OTHER, 8},
    {"torch", "IntStorage", NAME_STORAGE, "I32", DTYPE_OTHER, 4},
    {"torch", "ShortStorage", NAME_STORAGE, "I16", DTYPE_OTHER, 2},
    {"torch", "CharStorage", NAME_STORAGE, "I8", DTYPE_OTHER, 1},
    {"torch", "ByteStorage", NAME_STORAGE, "U8", DTYPE_OTHER, 1},
    {"torch", "BoolStorage", NAME_STORAGE, "BOOL", DTYPE_OTHER, 1},
    {"torch", "ComplexFloatStorage", NAME_STORAGE, "C64", DTYPE_OTHER, 8},
    {"torch", "ComplexDoubleStorage", NAME_STORAGE, "C128", DTYPE_OTHER, 16},
};
enum { GLOBAL_COUNT = sizeof GLOBALS / sizeof *GLOBALS };

enum { SHOWN_MAX = 60 };

/* The first bytes of a text out of the file, fit for a message. */
static void show(char out[SHOWN_MAX + 1], const char *text, size_t n) {
  size_t i = 0;
  for (; i < n && i < SHOWN_MAX; i++) out[i] = text[i] > ' ' && text[i] < 127 ? text[i] : '?';
  out[i] = 0;
}

static int is(const char *text, size_t n, const char *wanted) {
  return strlen(wanted) == n && !memcmp(text, wanted, n);
}

/* ---- the stack ------------------------------------------------------------------------------------------------- */

static void refuse(Machine *m, const char *found, const char *wanted) {
  err_set(m->e, BERT_FORMAT, "pickle: found %s, wanted %s", found, wanted);
}

/* There is always room: each opcode pushes one value at most. */
static void push(Machine *m, Value v) {
  if (!m->e->code) m->stack[m->top++] = v;
}

static void push_number(Machine *m, Kind kind, int64_t n) { push(m, (Value){.kind = kind, .as.number = n}); }

static Value pop(Machine *m) {
  if (m->top == 0) refuse(m, "an empty stack", "a value on it");
  return m->e->code ? (Value){0} : m->stack[--m->top];
}

/* The value on top, which must be of that kind; NULL on error. */
static Value *top_of(Machine *m, Kind kind) {
  if (m->top == 0 || m->stack[m->top - 1].kind != (uint32_t)kind)
    refuse(m, m->top ? KIND_NAMES[m->stack[m->top - 1].kind] : "an empty stack", KIND_NAMES[kind]);
  return m->e->code ? NULL : &m->stack[m->top - 1];
}

/* Pops what stands above the last mark, and the mark; the values stay readable until the next push. */
static const Value *pop_mark(Machine *m, size_t *n) {
  size_t at = m->top;
  *n = 0;
  while (at > 0 && m->stack[at - 1].kind != MARK) at--;
  if (at == 0) refuse(m, "no mark", "one");
  if (m->e->code) return NULL;
  *n = m->top - at;
  m->top = at - 1;
  return m->stack + at;
}

static void push_tuple(Machine *m, const Value *item, size_t n) {
  Value *copy = arena_push(m->arena, n, sizeof *copy, m->e);
  if (!copy) return;
  if (n) memcpy(copy, item, n * sizeof *item);
  push(m, (Value){.kind = TUPLE, .size = (uint32_t)n, .as.item = copy});
}

/* A tuple of the topmost n values. */
static void tuple_of(Machine *m, size_t n) {
  if (m->top < n) refuse(m, "an empty stack", "the items of a tuple on it");
  if (m->e->code) return;
  m->top -= n;
  push_tuple(m, m->stack + m->top, n);
}

static void push_dict(Machine *m) {
  push(m, (Value){.kind = DICT, .as.dict = arena_push(m->arena, 1, sizeof(Dict), m->e)});
}

/* item[n], keys and values by turns, into the dict on top. */
static void set_items(Machine *m, const Value *item, size_t n) {
  Value *to = top_of(m, DICT);
  if (to && n % 2) refuse(m, "a key without a value", "pairs");
  for (size_t i = 0; i + 1 < n && !m->e->code; i += 2) {
    Pair *p = arena_push(m->arena, 1, sizeof *p, m->e);
    if (!p) return;
    *p = (Pair){item[i], item[i + 1], to->as.dict->last};
    to->as.dict->last = p;
  }
}

/* ---- the memo -------------------------------------------------------------------------------------------------- */

static void memo_put(Machine *m, uint64_t number) {
  if (number >= m->size) refuse(m, "a memo number past the pickle's length", "one that counts its values");
  if (m->top == 0) refuse(m, "an empty stack", "a value for the memo");
  if (m->e->code) return;
  m->memo[number] = m->stack[m->top - 1];
  m->known[number] = 1;
}

static void memo_get(Machine *m, uint64_t number) {
  if (number >= m->size || !m->known[number]) refuse(m, "a memo number that nothing was put under", "one that was");
  if (!m->e->code) push(m, m->memo[number]);
}

/* ---- texts and numbers ----------------------------------------------------------------------------------------- */

static void push_text(Machine *m, uint64_t n) {
  const unsigned char *p = cursor_take(&m->in, n);
  if (p) push(m, (Value){.kind = TEXT, .size = (uint32_t)n, .as.text = (const char *)p});
}

/* Two's complement, little-endian, of n bytes. */
static void push_long(Machine *m, uint64_t n) {
  if (n > 8) refuse(m, "an integer of more than 8 bytes", "at most 8");
  if (m->e->code) return;
  uint64_t x = n ? cursor_number(&m->in, (int)n) : 0;
  if (n && n < 8 && x >> (8 * n - 1)) x |= ~(uint64_t)0 << 8 * n;
  push_number(m, NUMBER, (int64_t)x);
}

/* ---- tensors --------------------------------------------------------------------------------------------------- */

/* A tuple's item of that kind; NULL, and an error that says `what`, where it has another. */
static const Value *item_of(Machine *m, const Value *tuple, uint32_t i, Kind kind, const char *what) {
  if (m->e->code) return NULL;
  if (i < tuple->size && tuple->as.item[i].kind == (uint32_t)kind) return &tuple->as.item[i];
  err_set(m->e, BERT_FORMAT, "pickle: %s: found %s, wanted %s", what,
          i < tuple->size ? KIND_NAMES[tuple->as.item[i].kind] : "nothing", KIND_NAMES[kind]);
  return NULL;
}

static int64_t number_of(Machine *m, const Value *tuple, uint32_t i, const char *what) {
  const Value *v = item_of(m, tuple, i, NUMBER, what);
  if (v && v->as.number < 0) err_set(m->e, BERT_FORMAT, "pickle: %s: found %" PRId64 ", wanted 0 or more", what,
                                     v->as.number);
  return v && !m->e->code ? v->as.number : 0;
}

static const char *text_of(Machine *m, const Value *v, const char *what) {
  if (!m->e->code && !cursor_is_name(v->as.text, v->size))
    err_set(m->e, BERT_FORMAT, "pickle: %s: found bytes that are no UTF-8 or a NUL, wanted text", what);
  return m->e->code ? NULL : arena_copy(m->arena, v->as.text, v->size, m->e);
}

/* Persistent ids are ('storage', its type, the key of its bytes, the device, how many numbers). */
static void load_storage(Machine *m) {
  Value *id = top_of(m, TUPLE);
  if (!id) return;
  const Value *word = item_of(m, id, 0, TEXT, "persistent id"), *type = item_of(m, id, 1, GLOBAL, "persistent id");
  const Value *key = item_of(m, id, 2, TEXT, "persistent id");
  int64_t numbers = number_of(m, id, 4, "persistent id");
  if (m->e->code) return;
  if (!is(word->as.text, word->size, "storage") || type->as.global->deed != NAME_STORAGE)
    refuse(m, "a persistent id of another kind", "a storage");
  PickleStorage *s = arena_push(m->arena, 1, sizeof *s, m->e);
  const char *name = s ? text_of(m, key, "persistent id") : NULL;
  if (!name) return;
  *s = (PickleStorage){name, type->as.global->dtype_name, type->as.global->dtype, type->as.global->width, numbers};
  *id = (Value){.kind = STORAGE, .as.storage = s};
}

/* Every index stays inside the storage, and there are not more of them than numbers in it: a view that repeats them
** would be larger than the file. */
static void check_view(Machine *m, const PickleTensor *t) {
  int64_t last = t->offset, far, numbers = t->storage->numbers;
  int past = 0;
  for (int i = 0; i < t->rank && t->count > 0; i++) {
    if (t->shape[i] > 1 && t->stride[i] == 0) refuse(m, "a tensor that repeats its numbers", "each once");
    past |= __builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &far) || __builtin_add_overflow(last, far, &last);
  }
  if (past || t->count > numbers || (t->count > 0 ? last >= numbers : last > numbers))
    err_set(m->e, BERT_FORMAT, "pickle: found a tensor of %" PRId64 " numbers from %" PRId64
            " on in a storage of %" PRId64 ", wanted it inside", t->count, t->offset, numbers);
}

/* (storage, offset, shape, strides, …); what follows is about gradients. */
static void make_tensor(Machine *m, const Value *arguments) {
  const Value *storage = item_of(m, arguments, 0, STORAGE, "tensor");
  int64_t offset = number_of(m, arguments, 1, "tensor: offset");
  const Value *shape = item_of(m, arguments, 2, TUPLE, "tensor: shape");
  const Value *stride = item_of(m, arguments, 3, TUPLE, "tensor: strides");
  if (!m->e->code && (shape->size > TENSOR_RANK_MAX || shape->size != stride->size))
    err_set(m->e, BERT_FORMAT, "pickle: found a tensor of %" PRIu32 " dimensions and %" PRIu32
            " strides, wanted as many and at most %d", shape->size, stride->size, TENSOR_RANK_MAX);
  PickleTensor *t = m->e->code ? NULL : arena_push(m->arena, 1, sizeof *t, m->e);
  if (!t) return;
  *t = (PickleTensor){.storage = storage->as.storage, .offset = offset, .rank = (int)shape->size, .count = 1};
  for (int i = 0; i < t->rank && !m->e->code; i++) {
    t->shape[i] = number_of(m, shape, (uint32_t)i, "tensor: shape");
    t->stride[i] = number_of(m, stride, (uint32_t)i, "tensor: strides");
    if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
      refuse(m, "a shape whose product is past 2^63", "less");
  }
  if (!m->e->code) check_view(m, t);
  push(m, (Value){.kind = TENSOR, .as.tensor = t});
}

/* ---- opcodes --------------------------------------------------------------------------------------------------- */

static void push_global(Machine *m, const char *module, size_t module_size, const char *name, size_t name_size) {
  for (int i = 0; i < GLOBAL_COUNT; i++)
    if (is(module, module_size, GLOBALS[i].module) && is(name, name_size, GLOBALS[i].name)) {
      push(m, (Value){.kind = GLOBAL, .as.global = &GLOBALS[i]});
      return;
    }
  char module_shown[SHOWN_MAX + 1], name_shown[SHOWN_MAX + 1];
  show(module_shown, module, module_size);
  show(name_shown, name, name_size);
  err_set(m->e, BERT_FORMAT, "pickle: found global %s.%s, wanted tensors alone", module_shown, name_shown);
}

/* A line of the pickle, without its end. */
static const char *take_line(Machine *m, size_t *n) {
  const unsigned char *start = m->in.at, *end = memchr(start, '\n', (size_t)(m->in.end - start));
  *n = end ? (size_t)(end - start) : 0;
  return (const char *)cursor_take(&m->in, end ? *n + 1 : UINT64_MAX);
}

static void global(Machine *m) {
  size_t module_size, name_size;
  const char *module = take_line(m, &module_size), *name = module ? take_line(m, &name_size) : NULL;
  if (name) push_global(m, module, module_size, name, name_size);
}

static void stack_global(Machine *m) {
  Value name = pop(m), module = pop(m);
  if (!m->e->code && (name.kind != TEXT || module.kind != TEXT)) refuse(m, "a global without a name", "two texts");
  if (!m->e->code) push_global(m, module.as.text, module.size, name.as.text, name.size);
}

static void reduce(Machine *m) {
  Value arguments = pop(m), what = pop(m);
  if (!m->e->code && (arguments.kind != TUPLE || what.kind != GLOBAL))
    refuse(m, "a call of something else", "a global");
  if (m->e->code) return;
  const Value *first = NULL;
  switch (what.as.global->deed) {
    case MAKE_DICT:
      if (arguments.size) refuse(m, "an OrderedDict with arguments", "an empty one");
      push_dict(m);
      break;
    case MAKE_SIZE:
      first = item_of(m, &arguments, 0, TUPLE, "torch.Size");
      if (first) push(m, *first);
      break;
    case MAKE_TENSOR:
      make_tensor(m, &arguments);
      break;
    case MAKE_PARAMETER:
      first = item_of(m, &arguments, 0, TENSOR, "parameter");
      if (first) push(m, *first);
      break;
    case NAME_STORAGE:
      refuse(m, "a storage that is made by a call", "one that is named by a persistent id");
  }
}

/* Attributes of what is on top: none that matters here (an OrderedDict's _metadata says versions). */
static void build(Machine *m) {
  pop(m);
  if (!m->e->code && m->top == 0) refuse(m, "an empty stack", "something to build on it");
}

static void append(Machine *m, int marked) {
  size_t n;
  if (marked) pop_mark(m, &n);
  else pop(m);
  top_of(m, LIST); /* whose items nobody asks for */
}

static void set_marked(Machine *m) {
  size_t n;
  const Value *item = pop_mark(m, &n);
  if (item) set_items(m, item, n);
}

static void set_one(Machine *m) {
  Value pair[2];
  pair[1] = pop(m);
  pair[0] = pop(m);
  if (!m->e->code) set_items(m, pair, 2);
}

static void tuple_marked(Machine *m) {
  size_t n;
  const Value *item = pop_mark(m, &n);
  if (item) push_tuple(m, item, n);
}

static void protocol(Machine *m) {
  uint64_t version = cursor_number(&m->in, 1);
  if (version < 2 || version > 5)
    err_set(m->e, BERT_FORMAT, "pickle: found protocol %d, wanted 2 to 5", (int)version);
}

/* Runs one opcode; 0 at the end. The letters are Python's. */
static int step(Machine *m) {
  Cursor *in = &m->in;
  uint64_t op = cursor_number(in, 1);
  switch (op) {
    case 0x80: protocol(m); break;
    case 0x95: cursor_take(in, 8); break;                                      /* FRAME: where a reader may buffer */
    case '.': return 0;                                                        /* STOP */
    case '(': push_number(m, MARK, 0); break;
    case 'N': push_number(m, NONE, 0); break;
    case 0x88: push_number(m, FLAG, 1); break;                                 /* NEWTRUE */
    case 0x89: push_number(m, FLAG, 0); break;                                 /* NEWFALSE */
    case 'K': push_number(m, NUMBER, (int64_t)cursor_number(in, 1)); break;    /* BININT1 */
    case 'M': push_number(m, NUMBER, (int64_t)cursor_number(in, 2)); break;    /* BININT2 */
    case 'J': push_long(m, 4); break;                                          /* BININT */
    case 0x8A: push_long(m, cursor_number(in, 1)); break;                      /* LONG1 */
    case 0x8B: push_long(m, cursor_number(in, 4)); break;                      /* LONG4 */
    case 'G': cursor_take(in, 8), push_number(m, REAL, 0); break;              /* BINFLOAT */
    case 'U': case 'C': case 0x8C: push_text(m, cursor_number(in, 1)); break;  /* SHORT_BIN(STRING, BYTES, UNICODE) */
    case 'T': case 'B': case 'X': push_text(m, cursor_number(in, 4)); break;   /* BIN(STRING, BYTES, UNICODE) */
    case 0x8D: case 0x8E: push_text(m, cursor_number(in, 8)); break;           /* BINUNICODE8, BINBYTES8 */
    case ')': tuple_of(m, 0); break;
    case 0x85: tuple_of(m, 1); break;
    case 0x86: tuple_of(m, 2); break;
    case 0x87: tuple_of(m, 3); break;
    case 't': tuple_marked(m); break;
    case ']': push_number(m, LIST, 0); break;
    case 'a': append(m, 0); break;
    case 'e': append(m, 1); break;
    case '}': push_dict(m); break;
    case 's': set_one(m); break;
    case 'u': set_marked(m); break;
    case 'q': memo_put(m, cursor_number(in, 1)); break;                        /* BINPUT */
    case 'r': memo_put(m, cursor_number(in, 4)); break;                        /* LONG_BINPUT */
    case 0x94: memo_put(m, m->memoized); break;                                /* MEMOIZE */
    case 'h': memo_get(m, cursor_number(in, 1)); break;                        /* BINGET */
    case 'j': memo_get(m, cursor_number(in, 4)); break;                        /* LONG_BINGET */
    case 'c': global(m); break;
    case 0x93: stack_global(m); break;
    case 'R': reduce(m); break;
    case 'b': build(m); break;
    case 'Q': load_storage(m); break;                                          /* BINPERSID */
    default:
      if (!in->spent)
        err_set(m->e, BERT_FORMAT, "pickle: found opcode 0x%02X, wanted those of a state_dict", (unsigned)op);
  }
  m->memoized += op == 'q' || op == 'r' || op == 0x94;
  if (in->spent) refuse(m, "its end inside of an opcode", "STOP");
  return !m->e->code;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

/* The tensors of a dict, which lists them newest first. */
static PickleTensor *collect(Machine *m, const Dict *d, int *count) {
  size_t n = 0;
  for (const Pair *p = d->last; p; p = p->next) n += p->value.kind == TENSOR && p->key.kind == TEXT;
  if (n == 0) refuse(m, "no tensors in the dict", "a state_dict: names and tensors");
  if (n > INT32_MAX) refuse(m, "more than 2^31 tensors", "fewer");
  PickleTensor *out = m->e->code ? NULL : arena_push(m->arena, n, sizeof *out, m->e);
  *count = (int)n;
  for (const Pair *p = d->last; p && !m->e->code; p = p->next) {
    if (p->value.kind != TENSOR || p->key.kind != TEXT) continue;
    out[--n] = *p->value.as.tensor;
    out[n].name = text_of(m, &p->key, "name of a tensor");
  }
  return m->e->code ? NULL : out;
}

PickleTensor *pickle_tensors(const void *bytes, size_t size, int *count, Arena *a, bert_err *e) {
  Machine m = {.in = cursor_over(bytes, size), .size = size, .arena = a, .e = e};
  PickleTensor *out = NULL;
  *count = 0;
  if (size > PICKLE_MAX) err_set(e, BERT_FORMAT, "pickle: %zu bytes, at most %d are taken", size, PICKLE_MAX);
  m.stack = mem_new(size, sizeof *m.stack, e);
  m.memo = mem_new(size, sizeof *m.memo, e);
  m.known = mem_new(size, sizeof *m.known, e);
  while (!e->code && step(&m)) continue;
  Value top = {0};
  if (!e->code) top = pop(&m);
  if (!e->code && top.kind != DICT) refuse(&m, KIND_NAMES[top.kind], "a state_dict");
  if (!e->code) out = collect(&m, top.as.dict, count);
  mem_free(m.stack);
  mem_free(m.memo);
  mem_free(m.known);
  return out;
}
