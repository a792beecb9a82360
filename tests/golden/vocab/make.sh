#!/bin/sh
# make.sh SOURCE -- packs the vocabularies and texts of tokenizer_parity.py out of a folder that has
#
#   bert-base-{uncased,cased,multilingual-cased,chinese}-vocab.txt   google-research/bert, Apache License 2.0
#   blns.txt            the Big List of Naughty Strings, Max Woolf, MIT License
#   tatoeba.txt.xz      sentences of 56 languages, tatoeba.org, CC BY 2.0 FR: every 160th one is taken
set -eu
cd "$(dirname "$0")"
for name in uncased cased multilingual-cased chinese; do
  xz -9e -c "$1/bert-base-$name-vocab.txt" >"bert-base-$name-vocab.txt.xz"
done
cp "$1/blns.txt" ../text/blns.txt
xzcat "$1/tatoeba.txt.xz" | awk 'NR % 160 == 1' >../text/tatoeba.txt
