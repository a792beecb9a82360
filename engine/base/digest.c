/* digest.c -- see digest.h.
** Layer: base. Uses: hash. */
#include "base/digest.h"

#include <string.h>

#include "base/hash.h"

void digest_add(Digest *d, const void *bytes, size_t n) {
  const unsigned char *p = bytes;
  while (n > 0) {
    size_t some = DIGEST_BLOCK - d->held < n ? DIGEST_BLOCK - d->held : n;
    const unsigned char *block = p;
    if (some < DIGEST_BLOCK) {
      memcpy(d->block + d->held, p, some);
      d->held += some;
      block = d->held == DIGEST_BLOCK ? d->block : NULL;
    }
    if (block) {
      d->hash = hash_bytes(block, DIGEST_BLOCK, d->hash);
      d->held = 0;
    }
    p += some;
    n -= some;
  }
}

uint64_t digest_end(Digest *d) { return hash_bytes(d->block, d->held, d->hash); }
