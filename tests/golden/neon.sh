#!/bin/sh
# neon.sh HERE THERE EMULATOR UNIT-THERE -- vectors made by this machine and by AArch64 under emulation are the same bytes.
#
# HERE and THERE are tests/golden/fingerprint.c built for each; UNIT-THERE is the unit tests built for AArch64, whose kernel
# tests hold NEON to ref.c.
set -u
here=$1 there=$2 emulator=$3 unit=$4
models=$(dirname "$0")/models
passed=0 failed=0
ours=$("$here" "$models") theirs=$("$emulator" "$there" "$models")
for line in $(printf '%s\n' "$ours" | tr ' ' '|'); do
  if printf '%s\n' "$theirs" | tr ' ' '|' | grep -qxF "$line"; then passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "differs on AArch64: $line"
  fi
done
if "$emulator" "$unit" kernel; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
[ "$passed" -gt 1 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
