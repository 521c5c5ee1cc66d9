#!/usr/bin/env bash
# Runs every command of the book (docs/) and of README.md, and compares with what the pages say; then builds the
# book, where mdBook is (cargo install mdbook). scripts/book/run.py has the rules of such pages. Needs python3.
#
#   scripts/book.sh [--write] [PAGE...]      --write puts what is printed in place of what differs
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
cargo build --locked --quiet --release --bins
cargo build --locked --quiet --examples
python3 scripts/book/red.py
python3 scripts/book/run.py "$@"
if command -v mdbook >/dev/null; then
  mdbook build docs
else
  printf '\n!!! SKIPPED: the book was NOT built: there is no mdbook (cargo install mdbook)\n\n' >&2
fi
