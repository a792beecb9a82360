/* lock.c -- the locks of what the connections of a process share.
** Layer: ext. Uses: bert.h, ext.h.
**
**    SELECT bert_load('m', 'models/minilm');   -- in two threads at once: one reads the files, the other waits for it
**    SELECT bert_embed('hello', 'm');          -- takes no lock
**
** Not an sqlite3_mutex: a SQLite built without threads has none to give. Who waits looks again each millisecond, which only
** happens while somebody else opens a model. Tested by tests/sql/connections.py. */
#include "ext.h"

void lock_take(Lock *l) {
  while (atomic_flag_test_and_set_explicit(l, memory_order_acquire)) sqlite3_sleep(1);
}

void lock_give(Lock *l) { atomic_flag_clear_explicit(l, memory_order_release); }
