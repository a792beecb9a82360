/* hash.h -- one 64-bit hash for tables and for the identity of a model's contents.
** Layer: base. Uses: bert.h.
**
** Four lanes of 64-bit multiply and fold, 64 bytes a round: about 12 GB/s on Zen 4, so hashing 90 MB of weights while they
** are read costs 8 ms. The same value on every machine (bytes are taken as little-endian words). It tells accidents and
** other versions apart; it is no defence against somebody who makes collisions on purpose. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed);

#endif
