#!/bin/sh
# run.sh PART... -- runs the parts of the tests and sums what they count.
#
# A part is a make target whose output has a last line "N passed, N failed". One that prints no such line, or exits
# with an error that it did not count, is itself a failure. MAKE names the make and the variables
# it is to be called with (BUILD=...); none come through the environment.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL

log=$(mktemp)
trap 'rm -f "$log" "$log.status"' EXIT
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
passed=0
failed=0
broken=

for part in "$@"; do
  printf '==== %s\n' "$part"
  began=$(date +%s)
  {
    ${MAKE:-make} -s --no-print-directory -j"$jobs" "$part" 2>&1
    echo $? >"$log.status"
  } </dev/null | tee "$log"
  status=$(cat "$log.status")
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
  if [ -z "$line" ]; then
    echo "$part: no line \"N passed, N failed\" (exit status $status)"
    line='0 passed, 1 failed'
  elif [ "$status" -ne 0 ] && [ "${line#* passed, 0 failed}" != "$line" ]; then
    echo "$part: exit status $status, though nothing failed"
    line="${line%% *} passed, 1 failed"
  fi
  part_failed=${line#* passed, }
  part_failed=${part_failed%% *}
  passed=$((passed + ${line%% *}))
  failed=$((failed + part_failed))
  [ "$part_failed" -eq 0 ] || broken="$broken $part"
  printf '==== %s took %s s\n' "$part" "$(($(date +%s) - began))"
done

[ -z "$broken" ] || echo "failed:$broken"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
