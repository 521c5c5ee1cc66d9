#!/usr/bin/env bash
# Builds the book of docs/ with mdBook, and checks that every chapter is there and every link leads somewhere.
# What is absent: with --install, mdBook is compiled into target/tools (some 160 s of processor time, once);
# otherwise, or where it cannot be had, this says that it did nothing.
#
#   scripts/mdbook.sh [--install]      the book is in target/book/html
set -euo pipefail
cd "$(dirname "$0")/.."

# The version that was looked at. Neither its server nor its watcher is needed.
version=0.5.4
tools=target/tools

skip() {
  printf '\n!!! SKIPPED: the book was NOT built: %s\n\n' "$1" >&2
  exit 0
}

command -v python3 >/dev/null || skip "there is no python3"
mdbook="$(command -v mdbook || echo "$tools/bin/mdbook")"
if [[ ! -x $mdbook ]]; then
  [[ ${1:-} == --install ]] || skip "there is no mdbook; scripts/mdbook.sh --install gets it"
  cargo install mdbook --version "$version" --locked --quiet --no-default-features --features search \
    --root "$tools" --target-dir "$tools/target" || skip "mdbook cannot be installed here"
  rm -rf "$tools/target"
fi
rm -rf target/book/html
"$mdbook" build docs
PYTHONDONTWRITEBYTECODE=1 python3 scripts/book/built.py target/book/html
