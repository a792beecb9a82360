#!/bin/sh
# layers.sh [SHARED_LIBRARY] -- includes point down, heads tell the truth, and the library exports one symbol.
#
# The rules stand in layers.awk and in house order: base < kernel, text, file, draw < nn, index < model; engine/bert.c
# may see all; ext/ sees bert.h and ext.h. Checks this tree, then itself: small trees that each break one rule.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0

# judge ROOT: complaints about the tree at ROOT, then "passed failed".
judge() {
  find "$1/engine" "$1/ext" "$1/tests" "$1/demo" -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.js' -o \
    -name '*.sql' -o -name '*.sh' | LC_ALL=C sort | xargs awk -v root="$1" -f "$here/layers.awk"
}

# exports LIBRARY: the symbols that it offers and should not, or none at all where the one wanted is missing.
exports() {
  if [ "$(uname -s)" = Darwin ]; then nm -gU "$1"; else nm -D --defined-only "$1"; fi |
    awk '{ sub(/^_/, "", $NF) } $NF == "sqlite3_bert_init" { found = 1; next } { print $NF }
         END { if (!found) print "(sqlite3_bert_init is missing)" }'
}

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

check_tree() {
  report=$(judge "$1")
  printf '%s\n' "$report" | sed '$d'
  # shellcheck disable=SC2046  # the last line is two numbers
  count $(printf '%s\n' "$report" | tail -n 1)
}

check_exports() {
  extra=$(exports "$1" | tr '\n' ' ')
  if [ -z "$extra" ]; then count 1 0; else
    echo "FAIL $1 exports $extra"
    count 0 1
  fi
}

# A tree without fault, for the self-test to spoil.
make_house() {
  rm -rf "$1"
  mkdir -p "$1/engine/base" "$1/engine/text" "$1/engine/file" "$1/engine/model" "$1/ext" "$1/tests" "$1/demo"
  printf '/* bert.h -- public. */\n' >"$1/engine/bert.h"
  printf '/* mem.h -- memory.\n** Layer: base. Uses: bert.h. */\n#include "bert.h"\n' >"$1/engine/base/mem.h"
  printf '/* words.h -- words.\n** Layer: text. Uses: base. */\n#include "base/mem.h"\n' >"$1/engine/text/words.h"
  printf '/* disk.h -- files.\n** Layer: file. Uses: base. */\n#include "base/mem.h"\n' >"$1/engine/file/disk.h"
  # Calls that only look like printing: in a comment, in a string, and of another name.
  printf '/* load.c -- printf(x) is not called.\n** Layer: model. Uses: base, text, file. */\n%s\n%s\n%s\n%s\n' \
    '#include "base/mem.h"' '#include "file/disk.h"' '#include "text/words.h"' \
    'int f(char *s) { return snprintf(s, 9, "abort()"); }' >"$1/engine/model/load.c"
  printf '/* ext.h -- glue.\n** Layer: ext. Uses: bert.h, sqlite3ext.h. */\n%s\n%s\n' \
    '#include <sqlite3ext.h>' '#include "bert.h"' >"$1/ext/ext.h"
}

# spoiled WANTED: the spoilt house draws exactly one complaint, which contains WANTED.
spoiled() {
  found=$(judge "$house" | sed '$d')
  if [ "$(printf '%s\n' "$found" | wc -l)" -eq 1 ] && printf '%s' "$found" | grep -qF "$1"; then count 1 0; else
    printf 'FAIL layers.sh itself: found "%s", wanted one complaint with "%s"\n' "$found" "$1"
    count 0 1
  fi
  make_house "$house"
}

head_of() { printf '/* x -- x.\n** Layer: %s. Uses: %s. */\n' "$1" "$2"; }

self_test() {
  house=$(mktemp -d)
  trap 'rm -rf "$house"' EXIT
  make_house "$house"
  check_tree "$house"

  { head_of base text; echo '#include "text/words.h"'; } >"$house/engine/base/up.c"
  spoiled 'engine/base/up.c: includes text/words.h, which points up'
  { head_of text 'file'; echo '#include "file/disk.h"'; } >"$house/engine/text/side.c"
  spoiled 'file is a neighbour'
  { head_of text 'base, words'; echo '#include "words.h"'; echo '#include "base/mem.h"'; } >"$house/engine/text/words.c"
  spoiled 'wanted "room/words.h"'
  { head_of ext 'bert.h mem'; echo '#include "base/mem.h"'; } >"$house/ext/glue.c"
  spoiled 'ext sees bert.h and its own headers alone'
  printf '/* x -- Layer: ext. */\n' >"$house/ext/none.c"
  spoiled 'no "Uses:"'
  printf '/* x -- Uses: bert.h. */\n' >"$house/ext/none.c"
  spoiled 'no "Layer:"'
  head_of file 'bert.h' >"$house/engine/text/elsewhere.c"
  spoiled 'but it lies in text'
  { head_of text 'bert.h'; echo '#include "base/mem.h"'; } >"$house/engine/text/silent.c"
  spoiled 'does not name'
  head_of text 'base' >"$house/engine/text/boast.c"
  spoiled 'names base, which it does not include'
  head_of text 'gone.h' >"$house/engine/text/boast.c"
  spoiled 'names gone.h, which it does not include'
  mkdir "$house/engine/attic"
  head_of attic 'bert.h' >"$house/engine/attic/box.c"
  spoiled 'room attic is not one of the house'
  { head_of base 'bert.h'; echo '  printf ("x");'; } >"$house/engine/base/loud.c"
  spoiled 'line 3 prints or exits'
  { head_of base 'bert.h'; echo '#include <sqlite3ext.h>'; } >"$house/engine/base/sql.c"
  spoiled 'never heard of it'
  { head_of base 'bert.h'; yes '' | head -n 900; } >"$house/engine/base/long.c"
  spoiled '902 lines'
  yes '' | head -n 901 >"$house/tests/long.py"
  spoiled '901 lines'
  for at in base/one text/two; do
    { head_of "${at%/*}" 'bert.h'; echo '#include <pthread.h>'; } >"$house/engine/$at.c"
  done
  spoiled 'pthread.h is seen by engine/base/one.c engine/text/two.c'

  echo 'int sqlite3_bert_init(void) { return 0; } int more(void) { return 0; }' >"$house/x.c"
  ${CC:-cc} -shared -fPIC -o "$house/x.so" "$house/x.c"
  if [ "$(exports "$house/x.so")" = more ]; then count 1 0; else
    echo 'FAIL layers.sh itself: an extra symbol went unseen'
    count 0 1
  fi
}

check_tree "$(dirname "$here")"
[ $# -eq 0 ] || check_exports "$1"
self_test
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
