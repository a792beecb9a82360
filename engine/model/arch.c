/* arch.c -- see arch.h. To add an architecture: a row here, and its names in arch_known.
** Layer: model. Uses: arch.h. */
#include "model/arch.h"

#include <stddef.h>
#include <string.h>

static const Arch ARCHES[] = {
    {.model_type = "bert",
     .prefix = "bert.",
     .word = "embeddings.word_embeddings.weight",
     .position = "embeddings.position_embeddings.weight",
     .type = "embeddings.token_type_embeddings.weight",
     .embedding_norm = "embeddings.LayerNorm",
     .query = "encoder.layer.%d.attention.self.query",
     .key = "encoder.layer.%d.attention.self.key",
     .value = "encoder.layer.%d.attention.self.value",
     .project = "encoder.layer.%d.attention.output.dense",
     .attention_norm = "encoder.layer.%d.attention.output.LayerNorm",
     .inner = "encoder.layer.%d.intermediate.dense",
     .outer = "encoder.layer.%d.output.dense",
     .output_norm = "encoder.layer.%d.output.LayerNorm"},
};

const Arch *arch_find(const char *model_type) {
  for (size_t i = 0; i < sizeof ARCHES / sizeof *ARCHES; i++)
    if (!strcmp(ARCHES[i].model_type, model_type)) return &ARCHES[i];
  return NULL;
}

const char *arch_known(void) { return "bert"; }
