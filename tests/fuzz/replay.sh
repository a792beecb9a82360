#!/bin/sh
# replay.sh FUZZ_TARGET… -- replays each target over its corpus and sums; see replay.c.
#
# fuzz_json reads tests/fuzz/corpus/json. A target that dies is run again, to name the file it died of.
set -u

here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0
for target in "$@"; do
  name=$(basename "$target" | sed 's/^fuzz_//')
  if report=$("$target" "$here/corpus/$name" 2>&1); then
    echo "$name: $(printf '%s\n' "$report" | tail -n 2 | tr '\n' ' ')"
    passed=$((passed + $(printf '%s\n' "$report" | tail -n 1 | sed 's/ .*//')))
  else
    echo "FAIL $name"
    "$target" -v "$here/corpus/$name" 2>&1 | tail -n 40
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
