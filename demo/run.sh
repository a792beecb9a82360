#!/bin/sh
# run.sh -- runs demo.sql in the repository's root, once it is sure that the sqlite3 shell can load extensions.
set -eu
cd "$(dirname "$0")/.."
shell=${SQLITE3:-sqlite3}

if "$shell" :memory: '.load ./bert' 2>&1 | grep -qiE 'unknown command|not authorized|unknown option'; then
  cat >&2 <<EOF
$shell cannot load extensions: it was built with SQLITE_OMIT_LOAD_EXTENSION, as the one that macOS brings.
Install another and name it, for example:
  brew install sqlite && SQLITE3="\$(brew --prefix sqlite)/bin/sqlite3" make demo
EOF
  exit 1
fi
exec "$shell" -batch :memory: '.read demo/demo.sql'
