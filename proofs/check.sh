#!/usr/bin/env bash
# Checks every proof: compiles it, compares what the theorems say, what they assume and what is extracted with the
# files that are checked in, and has the independent checker go over all of it. Says what it did, or why it failed.
#
#   proofs/check.sh               installs coq from Debian if it is absent
#   proofs/check.sh --no-install  checks nothing if coq is absent, and says so
#   proofs/check.sh --update      writes the files that are checked in, instead of comparing
set -euo pipefail

fail() { printf 'proofs/check.sh: FAILED: %s\n' "$*" >&2; exit 1; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

install=yes update=no
for argument in "$@"; do
  case $argument in
    --no-install) install=no ;;
    --update) update=yes ;;
    *) fail "unknown argument '$argument'; there are --no-install and --update" ;;
  esac
done

proofs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${CARGO_TARGET_DIR:-$proofs/../target}/proofs

if ! command -v coqc >/dev/null || ! command -v coqchk >/dev/null; then
  if [[ $install == no ]]; then
    echo 'proofs/check.sh: SKIPPED, NOTHING WAS CHECKED: coqc or coqchk is missing' >&2
    exit 0
  fi
  command -v apt-get >/dev/null || fail 'coq is missing, and so is apt-get; install coq 8.16 or later'
  sudo=
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail 'coq is missing; run this as root, or: apt-get install coq'
    sudo=sudo
  fi
  say 'installing coq from Debian'
  $sudo apt-get update -qq || fail 'apt-get update failed; is there a network?'
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends coq >/dev/null ||
    fail 'apt-get install coq failed; its message is above'
fi
say "$(coqc --version | head -n 1)"

# Compared with a golden file, or written to it.
golden() {
  local expected=$1 found=$2
  [[ $update == no ]] || cp "$found" "$expected"
  [[ -f $expected ]] || fail "$expected is missing; proofs/check.sh --update writes it"
  cmp -s "$expected" "$found" && return
  diff -u "$expected" "$found" | head -n 40 >&2 || true
  fail "$found differs from $expected; if the change is meant: proofs/check.sh --update"
}

rm -rf "$build"
mkdir -p "$build"
cp "$proofs"/coq/*.v "$proofs"/coq/_CoqProject "$build"
cd "$build"

# A proof that was given up says so in the source. (What it would assume is also looked at below.)
if grep -nE '^ *(Axioms?|Conjectures?|Parameters?|Admitted|Abort)\b|\b(admit|give_up)\b|\bAdmitted\.' ./*.v >&2; then
  fail 'a proof was given up, or an axiom was stated, in the lines above'
fi

# The README says in words what a theorem says, and links to the line.
links=0
: >linked
while IFS=' ' read -r name file number; do
  sed -n "${number}p" "$file" | grep -qw -- "$name" || fail "README.md: $name is not in line $number of $file"
  links=$((links + 1))
  echo "$name ${file%.v}" >>linked
done < <(sed -E 's/`([a-z_A-Z]+)` in \[[A-Za-z]+\]/[`\1`]/g; s/\[`/\n[`/g' "$proofs/README.md" | sed -nE 's/^\[`([a-z_A-Z0-9]+)`\]\(coq\/([A-Za-z]+\.v)#L([0-9]+)\).*/\1 \2 \3/p')
[[ $links -gt 20 ]] || fail "README.md: only $links links to theorems were found"

# Its figures, and the size of what must be read.
lemmas=$(cat ./*.v | grep -cE '^ *(Theorem|Lemma|Corollary)\b')
said="$(cat ./*.v | wc -l | sed -E 's/([0-9]{3})$/,\1/') lines of Coq, $lemmas theorems and lemmas"
lines=$(cat ./*.v | wc -l)
grep -qF "$said" "$proofs/README.md" || fail "README.md does not say: $said"
for file in Claim.v Statement.v; do
  [[ $(wc -l <$file) -le 200 ]] || fail "$file has more than 200 lines"
done

modules=()
while read -r file; do modules+=("${file%.v}"); done < <(grep '\.v$' _CoqProject)
for file in *.v; do
  [[ " ${modules[*]} Assumptions Extract " == *" ${file%.v} "* ]] || fail "_CoqProject does not list $file"
done

# The independent checker takes longest over what we use of Coq's own library. It begins with that, while ours is
# compiled, and then has only ours to check.
used=$(sed -nE 's/^From Coq Require Import ([A-Za-z ]+)\.$/\1/p' "${modules[@]/%/.v}" | tr ' ' '\n' | sort -u | tr '\n' ' ')
! grep -nE '\bRequire\b' "${modules[@]/%/.v}" | grep -vE ':From (Coq Require Import [A-Za-z ]+\.|Chinwag Require Import [A-Za-z ]+\.?)$' >&2 ||
  fail 'the lines above require something in another form; the checker would not check it'
printf 'From Coq Require Import %s.\n' "${used% }" >Library.v
coqc -q -R . Chinwag Library.v || fail 'Library.v'
coqchk -silent -o -R . Chinwag Chinwag.Library >checked 2>&1 &
checker=$!
trap 'kill "$checker" 2>/dev/null || true' EXIT

for module in "${modules[@]}"; do
  coqc -q -R . Chinwag "$module.v" >"$module.out" 2>&1 || { cat "$module.out" >&2; fail "$module.v is not proved"; }
done
say "compiled ${#modules[@]} files; all are $lines lines"

# Statement.v says at its head what else must be read. What it uses, Coq has written down, with the place in bytes.
grep -oE '[A-Z][a-zA-Z]+( +\[[a-zA-Z_0-9]+\])+' <(sed '/^ *Vocabulary/,$d' Statement.v | tr '\n' ' ') |
  awk '{ for (i = 2; i <= NF; i++) print substr($i, 2, length($i) - 2), $1 }' | sort >listed
{ grep -obE '^Proof|Qed\.' Statement.v; cat Statement.glob; } | awk -F '[: ]' '
  $2 == "Proof" { from[++proofs] = $1; next } $2 == "Qed." { to[proofs] = $1; next }
  /^R[0-9]/ && $3 ~ /^Chinwag\./ && $3 !~ /\.(System|Statement)$/ && $6 ~ /^(def|ind|rec|class)$/ {
    for (i = 1; i <= proofs; i++) if (substr($1, 2) + 0 > from[i] && substr($1, 2) + 0 < to[i]) next
    print $5, substr($3, 9)
  }' | sort -u >used
diff -u listed used >&2 || fail 'Statement.v lists other definitions (-) than its statements use (+)'
say "Statement.v lists the $(wc -l <listed) definitions of other files that its statements use"

# Claim.v can be read alone: of our other files it uses data, the empty replica, and the names of the handlers.
awk -F '[: ]' '/^R[0-9]/ && $3 ~ /^Chinwag\./ && $3 != "Chinwag.Claim" && $6 == "def" { print $5 }' Claim.glob |
  sort -u >used
printf '%s\n' cid nM on_gossip on_gossip_timer on_pull on_query_message on_start on_update rm0 start vec |
  diff -u - used >&2 || fail 'Claim.v uses other definitions (+) than data and the handlers (-)'
! grep -E '^From Chinwag' Claim.v | grep -vxF 'From Chinwag Require Import Vec Core Handlers.' >&2 ||
  fail 'Claim.v requires more than data and the handlers'
say "Claim.v, of $(wc -l <Claim.v) lines, uses nothing but data and the handlers of other files"

coqc -q -R . Chinwag Assumptions.v >answers 2>&1 || { cat answers >&2; fail 'Assumptions.v'; }
sed -nE 's/^  let _ := @([A-Za-z]+)\.([a-z_A-Z0-9]+) in$/\2 \1/p' Assumptions.v >names
# Every theorem that the README links to is among them, and so is every example.
for module in "${modules[@]}"; do
  sed -nE 's/^ *(Theorem|Lemma|Corollary|Example) ([a-z_A-Z0-9]+).*/\1 \2/p' "$module.v" |
    awk -v module="$module" 'FNR == NR { linked[$0]; next }
      $1 == "Example" || $2 " " module in linked { print $2, module }' linked -
done | sort -u >proved
! sort names | comm -23 proved - | grep . >&2 || fail 'Assumptions.v does not name the theorems above, which the README links to or which are examples'
while read -r name; do printf '%s: %s\n' "$name" "$(<answers)"; done <names >assumptions
golden "$proofs/coq/assumptions.expected" assumptions
! grep -qv '^[a-z_A-Z0-9]* [A-Za-z]*: Closed under the global context$' assumptions || fail "an axiom is used: $build/assumptions"
asked=$(wc -l <names)
grep -qF "(\`Print Assumptions\` of $asked," "$proofs/README.md" || fail "README.md does not say: Print Assumptions of $asked"
say "$asked theorems rest on no axiom"

# The statements: of each theorem that is named above, or in the README, its whole type; of each definition that is
# named in the README or at the head of Statement.v, or made there, its text. So that neither becomes weaker unseen.
sort -u names linked >wanted
{
  echo 'From Coq Require Import List. Import ListNotations.'
  echo "From Chinwag Require ${modules[*]}."
  echo 'Set Printing Width 110. Set Printing Depth 10000.'
  for module in "${modules[@]}"; do
    sed -nE 's/^ *(Theorem|Lemma|Corollary|Example) ([a-z_A-Z0-9]+).*/\2/p' "$module.v" |
      awk -v module="$module" 'FNR == NR { wanted[$0]; next } $1 " " module in wanted { print "Check @" module "." $1 "." }' wanted -
    sed -nE 's/^ *(Definition|Fixpoint|Inductive|Record|Class) ([a-z_A-Z0-9]+).*/\2/p' "$module.v" |
      awk -v module="$module" 'FNR == NR { if ($2 == module) linked[$1]; next }
        module == "Statement" || module == "Claim" || $1 in linked { print "Print " module "." $1 "." }' <(cat linked listed) -
  done
} >Statements.v
coqc -q -R . Chinwag Statements.v >statements 2>&1 || { cat statements >&2; fail 'Statements.v'; }
golden "$proofs/coq/statements.expected" statements
say "$(grep -c '^Check' Statements.v) theorems say, and $(grep -c '^Print' Statements.v) definitions mean, what they did"

coqc -q -R . Chinwag Extract.v >extract.out 2>&1 || { cat extract.out >&2; fail 'Extract.v'; }
golden "$proofs/extracted/core.json" core.json
say 'the extracted functions are the checked-in ones, byte for byte'

ours=()
for module in "${modules[@]}"; do ours+=(-norec "Chinwag.$module"); done
coqchk -silent -o -R . Chinwag "${ours[@]}" >ours 2>&1 || { cat ours >&2; fail 'coqchk does not accept what coqc compiled'; }
wait "$checker" || { cat checked >&2; fail "coqchk does not accept Coq's own library"; }
trap - EXIT
# In the second run it lists what it takes of the library as given: that there is nothing there, the first one says.
grep -A 1 -F '* Axioms:' checked | grep -q '<none>' || { cat checked >&2; fail 'coqchk found an axiom'; }
! grep -E '^ +Chinwag\.' ours >&2 || fail 'coqchk found an axiom, in the lines above'
[[ $(grep -cE '^\* (Constants|Inductives).*<none>$' ours) == 3 ]] || { cat ours >&2; fail 'coqchk found what is unsafe'; }
say 'coqchk agrees: no axioms'
echo 'proofs/check.sh: all proofs hold'
