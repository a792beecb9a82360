#!/bin/sh
# demo.sh -- the demo finds what it should: each question's first answer is the paragraph that a reader would choose.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
out=$(sh demo/run.sh 2>&1)

# answers QUESTION BEGINNING: the row of QUESTION shows the paragraph with that beginning.
answers() {
  if printf '%s\n' "$out" | grep -E "^$1 +0\.[0-9]{3} +$2" >/dev/null; then
    passed=$((passed + 1))
  else
    echo "FAIL demo: \"$1\" is not answered by \"$2...\""
    failed=$((failed + 1))
  fi
}

answers 'an oil-rich desert kingdom' 'Saudi Arabia is the birthplace'
answers 'germs that make people go blind' 'Common bacterial conjunctivitis'
answers 'a man who could no longer form memories' 'Memory is largely a function of the temporal lobe'
answers 'a nation ruled by its army' 'Burma is home to ethnic Burmans'
answers 'trouble falling asleep' 'A parasomnia is one of a group of sleep disorders'
answers 'a rock from space hits the earth' 'Any fragment of interplanetary debris'

[ "$failed" -eq 0 ] || printf '%s\n' "$out"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
