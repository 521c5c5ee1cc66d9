#!/usr/bin/env bash
# Opens the explorer, the live view and a report in a headless Chromium and clicks through them. Installs Chromium if
# it is absent, on Debian.
# With a directory as argument, leaves screenshots there; some of them are in docs/pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  printf '\n!!! SKIPPED: the pages were NOT tested in a browser: %s\n\n' "$1" >&2
  exit 0
}

command -v python3 >/dev/null || skip "there is no python3"
if ! command -v chromium >/dev/null; then
  sudo=
  [[ $(id -u) == 0 ]] || sudo=sudo
  { $sudo apt-get update -qq &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium fonts-dejavu-core
  } || skip "chromium cannot be installed here"
fi

cargo build --locked --quiet --release --bin check --bin chinwag --bin simulate
programs="$(cargo metadata --locked --format-version 1 --no-deps | python3 -c '
import json, sys
print(json.load(sys.stdin)["target_directory"])')/release"
[[ $# == 0 ]] || mkdir -p "$1"
PYTHONDONTWRITEBYTECODE=1 python3 scripts/browser/check.py "$programs" "$(command -v chromium)" "$@"
PYTHONDONTWRITEBYTECODE=1 python3 scripts/browser/live.py "$programs/chinwag" "$(command -v chromium)" "$@"
PYTHONDONTWRITEBYTECODE=1 python3 scripts/browser/report.py "$programs/check" "$(command -v chromium)" "$@"
