/* cache.h -- blocks remembered by stamp, for the whole process.
** Layer: index. Uses: block.h.
**
**    buckets: [h] -> Block -> Block        and a list of all by time of use, the oldest end of which is forgotten first
**
** A block in use has users and stays. One that a search could not keep, for lack of room, belongs to that search alone. Room is
** made only by blocks that the last searches did not use: where one search's blocks exceed the limit, the first ones
** stay and the rest are read each time, instead of each pushing out the next. */
#ifndef INDEX_CACHE_H
#define INDEX_CACHE_H

#include "index/block.h"

/* A new search begins: its number. */
uint64_t cache_turn(void);

/* block[i] = that of ref[i], of these dimensions, with one more user, for i from 0 on until one is missing; returns how many
** there were of n. */
int cache_take(Block **block, const bert_block *ref, int n, int dimensions, uint64_t turn);

/* Offers a block (with one user, the caller) under a stamp other than 0; kept, which is returned, or not, it is given up by
** cache_give. */
int cache_keep(Block *b, uint64_t stamp, uint64_t turn);

/* The user is done with block[n]. */
void cache_give(Block *const *block, int n);

void cache_limit(int64_t bytes);
void cache_describe(bert_cache_info *out);
void cache_forget(uint64_t stamp);

#endif
