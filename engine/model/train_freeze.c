/* train_freeze.c -- which parameters of a network stay as they are.
** Layer: model. Uses: base nn.
**
**    "embeddings"                                  every parameter in whose name this stands, as a run of whole components
**    ["word_embeddings", "encoder.layer.0"]        each of these
**    2                                             the embeddings and the two lowest layers
**
** Names are Hugging Face's, with the prefix of the encoder ("bert.") or without: "bert" is all of the encoder. */
#include <string.h>

#include "model/train_net.h"

void net_freeze_option(NetFreeze *f, const Json *v, Arena *a, bert_err *e) {
  static const char WANTED[] = "a number of layers, the name of a parameter or a part of it, or an array of names";
  int n = 0;
  *f = (NetFreeze){.count = 0};
  if (v->kind == JSON_NULL) return;
  if (v->kind == JSON_NUMBER) f->layers = (int)json_integer(v, 0, 1, 1 << 20, "freeze", e);
  else if (v->kind != JSON_STRING && v->kind != JSON_ARRAY) json_refuse(v, "freeze", WANTED, e);
  const char **name = arena_push(a, v->kind == JSON_ARRAY ? v->size : 1, sizeof *name, e);
  if (v->kind == JSON_STRING && !e->code) name[n++] = json_text(v, "", "freeze", a, e);
  for (const Json *x = json_first(v); v->kind == JSON_ARRAY && x && !e->code; x = json_next(x)) {
    if (x->kind != JSON_STRING) json_refuse(x, "freeze", WANTED, e);
    else name[n++] = json_text(x, "", "freeze", a, e);
  }
  f->name = name;
  f->count = n;
}

/* 1 where `part` stands in name as a run of whole components. */
static int covers(const char *name, const char *part) {
  size_t n = strlen(part);
  for (const char *at = n ? strstr(name, part) : NULL; at; at = strstr(at + 1, part))
    if ((at == name || at[-1] == '.') && (at[n] == '\0' || at[n] == '.')) return 1;
  return 0;
}

/* The block that a named tensor is. */
static ParamBlock *block_of(const Params *p, const ParamName *name) {
  for (int i = 0; i < params_blocks(p); i++)
    if (params_block(p, i)->at == name->at) return params_block(p, i);
  return NULL;
}

/* Freezes what `part` names; how many tensors that are. */
static int freeze_named(Net *n, const char *part, Arena *a, bert_err *e) {
  int found = 0, encodes = n->task != TASK_HEAD;
  size_t end = encodes ? train_layer_end(&n->encoder, n->encoder.layers - 1) : 0;
  for (int i = 0; i < params_names(&n->params) && !e->code; i++) {
    const ParamName *p = params_named(&n->params, i);
    const char *pooler = n->from->arch->pooler;
    int in_encoder = encodes && (p->at < end || (pooler && covers(p->name, pooler)));
    const char *full = arena_print(a, e, "%s%s", in_encoder ? n->from->arch->prefix : "", p->name);
    ParamBlock *b = block_of(&n->params, p);
    if (e->code || !b || !covers(full, part)) continue;
    b->frozen = 1;
    found++;
  }
  return found;
}

static void freeze_layers(Net *n, int layers, bert_err *e) {
  if (layers > n->encoder.layers) {
    err_set(e, BERT_ARGUMENT, "freeze: found %d layers, wanted at most the model's %d", layers, n->encoder.layers);
    return;
  }
  for (int i = 0; i < params_blocks(&n->params); i++) {
    ParamBlock *b = params_block(&n->params, i);
    b->frozen = b->at < train_layer_end(&n->encoder, layers - 1);
  }
}

void net_freeze(Net *n, const NetFreeze *f, bert_err *e) {
  Arena a = {0};
  if (!e->code && f->layers) freeze_layers(n, f->layers, e);
  for (int i = 0; i < f->count && !e->code; i++)
    if (!freeze_named(n, f->name[i], &a, e))
      err_set(e, BERT_ARGUMENT, "freeze: found \"%.60s\", which no parameter has in its name, wanted whole parts of a name, "
                                "as in %s", f->name[i], params_named(&n->params, 0)->name);
  if (!e->code && !params_move(&n->params, 0, n->params.count))
    err_set(e, BERT_ARGUMENT, "freeze: found every parameter frozen, wanted some that are trained");
  arena_fini(&a);
}
