#!/usr/bin/env bash
# Runs every command of the book (docs/) and of README.md, and compares with what the pages say.
# scripts/book/run.py has the rules of such pages. Needs python3. `scripts/mdbook.sh` builds the book.
#
#   scripts/book.sh [--write] [PAGE...]      --write puts what is printed in place of what differs
#   scripts/book.sh --list [PAGE...]         lists the commands, and which of them the gate runs; runs none
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
if [[ ${1:-} == --list ]]; then
  exec python3 scripts/book/run.py "$@"
fi
cargo build --locked --quiet --release --bins
cargo build --locked --quiet --examples
python3 scripts/book/red.py
python3 scripts/book/run.py "$@"
