#!/usr/bin/env bash
# Checks every obligation by two solvers: writes the files again, compares them with the checked-in ones byte
# for byte, and asks z3 and cvc5. Both must give the verdict in the file's name; a time-out is a failure.
#
#   proofs/smt/check.sh               installs z3, cvc5 and python3 from Debian if they are absent
#   proofs/smt/check.sh --no-install  checks nothing if one of them is absent, and says so
#   proofs/smt/check.sh --update      writes the checked-in files first, instead of comparing
set -euo pipefail

# Seconds for one file by one solver. The slowest needed five on a machine under load.
LIMIT=20

fail() { printf 'proofs/smt/check.sh: FAILED: %s\n' "$*" >&2; exit 1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

install=yes update=no
for argument in "$@"; do
  case $argument in
    --no-install) install=no ;;
    --update) update=yes ;;
    *) fail "unknown argument '$argument'; there are --no-install and --update" ;;
  esac
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${CARGO_TARGET_DIR:-$here/../../target}/proofs-smt

missing=()
for tool in z3 cvc5 python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [[ ${#missing[@]} -gt 0 ]]; then
  if [[ $install == no ]]; then
    echo "proofs/smt/check.sh: SKIPPED, NOTHING WAS CHECKED: missing: ${missing[*]}" >&2
    exit 0
  fi
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; and so is apt-get; install them"
  sudo=
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail "run this as root, or: apt-get install ${missing[*]}"
    sudo=sudo
  fi
  say "installing ${missing[*]} from Debian"
  $sudo apt-get update -qq || fail 'apt-get update failed; is there a network?'
  $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get install ${missing[*]} failed; its message is above (Debian 12 and later have all three)"
fi
say "$(z3 --version), $(cvc5 --version | head -n 1)"

# The files.
rm -rf "$build"
mkdir -p "$build/verdicts"
build=$(cd "$build" && pwd)
python3 -B "$here/generate.py" "$build/obligations"
if [[ $update == yes ]]; then
  rm -rf "$here/obligations"
  cp -r "$build/obligations" "$here/obligations"
fi
diff -r "$here/obligations" "$build/obligations" | head -n 40 >"$build/difference" || true
if [[ -s $build/difference ]]; then
  cat "$build/difference" >&2
  fail 'generate.py writes other files than are checked in; if the change is meant: check.sh --update'
fi
cd "$here/obligations"
files=(*.smt2)
[[ ${#files[@]} -ge 100 ]] || fail "only ${#files[@]} obligations were found"
# The README counts them.
for kind in start keeps honest follows happens control replace; do
  found=$(printf '%s\n' "${files[@]}" | grep -c "^$kind")
  grep -qE "^\| \`$kind[A-Z-]*\` \| $found \|" "$here/README.md" || fail "README.md: $kind: there are $found"
done
say "${#files[@]} obligations are the checked-in ones, byte for byte"

# A solver's whole output, in one line, and its seconds.
ask() {
  local start=$EPOCHREALTIME said
  said=$(timeout "$LIMIT" "$@" 2>&1) || said="${said:+$said, }exit code $?"
  printf '%s %.2f' "${said//[$'\n ']/_}" "$(( (${EPOCHREALTIME/./} - ${start/./}) / 10000 ))e-2"
}
# One line of the table: file, what is expected, what z3 and cvc5 said and how long it took them.
judge() {
  local name=${1%.smt2} how=--full-saturate-quant
  local expected=${name##*.}
  [[ $expected == unsat ]] || how=--finite-model-find
  # The status in the file must not be what decides.
  grep -v '^(set-info :status' "$1" >"$build/verdicts/$name.asked.smt2"
  printf '%s %s %s %s\n' "${name%.*}" "$expected" "$(ask z3 "$build/verdicts/$name.asked.smt2")" \
    "$(ask cvc5 "$how" "$build/verdicts/$name.asked.smt2")" >"$build/verdicts/$name"
}
export -f ask judge
export LIMIT build LC_ALL=C
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I {} bash -c 'judge "$1"' judge {}

rm "$build"/verdicts/*.asked.smt2
cat "$build"/verdicts/* >"$build/table"
[[ $(wc -l <"$build/table") == "${#files[@]}" ]] || fail "not every obligation has a verdict: $build/table"
awk 'BEGIN { form = "%-52s %-8s %-8s %5s   %-8s %5s%s\n"
    printf form, "obligation", "expected", "z3", "s", "cvc5", "s", "" }
  { printf form, $1, $2, $3, $4, $5, $6, ($3 == $2 && $5 == $2) ? "" : "   WRONG" }' "$build/table"
wrong=$(awk '$3 != $2 || $5 != $2' "$build/table" | wc -l)
[[ $wrong == 0 ]] || fail "$wrong obligations have another verdict than expected, marked WRONG above"
awk '{ n[$2]++; z += $4; c += $6 } $1 ~ /^(replace-)?control-/ { k++ } $1 ~ /^(replace-)?happens-/ { h++ }
  END { printf "proofs/smt/check.sh: %d proved, %d controls refuted, ", n["unsat"], k
    printf "%d steps seen to happen, ", h
    printf "each by z3 (%.1f s) and by cvc5 (%.1f s)\n", z, c }' "$build/table"
