/* embedded_data.c -- the block of models inside of this library, or none.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT name, source FROM bert_models;   -- bert-vectors|embedded …; no row where there is none
**
** BERT_EMBEDDED is the path of a file that bert_container_write made (make embedded), as a string; the assembler takes its
** bytes as they are, into the read-only part of the library, which the system maps: a page is read when it is first used,
** and all processes share it. Without BERT_EMBEDDED the library is small, and asks for models. */
#include "ext.h"

#ifdef BERT_EMBEDDED

#define TEXT_OF(x) #x
#define PREFIXED(prefix, name) TEXT_OF(prefix) name
#define SYMBOL(prefix, name) PREFIXED(prefix, name)
#define BYTES SYMBOL(__USER_LABEL_PREFIX__, "bert_embedded_bytes")
#define SIZE SYMBOL(__USER_LABEL_PREFIX__, "bert_embedded_size")

#ifdef __APPLE__
#define SECTION ".section __TEXT,__const\n"
#define PRIVATE ".private_extern "
#define BACK ".text\n"
#else
#define SECTION ".pushsection .rodata\n"
#define PRIVATE ".hidden "
#define BACK ".popsection\n"
#endif

/* At a line of cache, 2^6 bytes. */
__asm__(SECTION ".p2align 6\n"
        ".globl " BYTES "\n" PRIVATE BYTES "\n" BYTES ":\n"
        "1:\n.incbin \"" BERT_EMBEDDED "\"\n2:\n"
        ".p2align 3\n"
        ".globl " SIZE "\n" PRIVATE SIZE "\n" SIZE ":\n"
        ".quad 2b - 1b\n" BACK);

extern const unsigned char bert_embedded_bytes[];
extern const uint64_t bert_embedded_size;

const void *embedded_bytes(size_t *size) {
  *size = (size_t)bert_embedded_size;
  return bert_embedded_bytes;
}

#else

const void *embedded_bytes(size_t *size) {
  *size = 0;
  return NULL;
}

#endif
