#!/usr/bin/env bash
# Three replica managers, each a process with its own data directory; clients add to a set all the while.
# Each replica manager is killed with SIGKILL in turn and started again. Ends with exit code 0 if nothing that
# was acknowledged is missing anywhere and all three are equal. No fixed ports, nothing left behind.
#
#   scripts/demo.sh [PATH OF chinwag]
set -euo pipefail
chinwag=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/release/chinwag}")
dir=$(mktemp -d)
cd "$dir"
export CHINWAG_CONFIG=$dir/cluster/cluster.toml
declare -a pids=()
trap 'touch stop; kill "${loads[@]}" "${pids[@]}" "$cluster" 2>/dev/null || true; rm -rf "$dir"' EXIT

say() { printf '%s  %s\n' "$(date +%T.%3N)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
acknowledged() { cat acknowledged.* | wc -l; }
# await SECONDS COMMAND...: until it succeeds, or fail.
await() {
  local end=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < end)) || fail "not in time: $*"; sleep 0.02; done
}
answers() { "$chinwag" status --json 2>/dev/null | grep -q "\"replica\":$1,\"status\":{"; }
more_than() { (($(acknowledged) > $1)); }

say "starting three replica processes that serve a set"
"$chinwag" cluster --replicas 3 --service set --dir cluster >cluster.out 2>cluster.err &
cluster=$!
for i in 0 1 2; do await 20 answers $i; done
for i in 0 1 2; do
  pids[i]=$(pgrep -P "$cluster" -f "rm$i.toml")
  say "rm$i is process ${pids[i]}"
done

# A client each: adds an element, and notes it once it is acknowledged. Its session reads its own writes.
load() {
  local n=0
  while [[ ! -e stop ]]; do
    n=$((n + 1))
    "$chinwag" update --session "session.$1" add "client$1-$n" >/dev/null 2>>"errors.$1" && echo "client$1-$n" >>"acknowledged.$1"
  done
}
declare -a loads=()
for c in 1 2; do : >"acknowledged.$c"; load $c & loads+=($!); done
await 20 more_than 40
say "two clients are adding; $(acknowledged) elements acknowledged"

for i in 0 1 2; do
  kill -9 "${pids[i]}"; now=$(acknowledged)
  say "kill -9 rm$i (process ${pids[i]}) at $now acknowledged"
  await 30 more_than $((now + 40))
  say "without rm$i: $(acknowledged) acknowledged"
  "$chinwag" replica --config "cluster/rm$i.toml" 2>>"rm$i.err" &
  pids[i]=$!
  await 20 answers $i
  say "rm$i is back as process ${pids[i]}: $(tail -n 1 "rm$i.err")"
  now=$(acknowledged); await 20 more_than $((now + 20))
done

touch stop; wait "${loads[@]}" || true
say "clients stopped: $(acknowledged) acknowledged in all"
agree() {
  [[ $("$chinwag" status --json | grep -o '"value_ts":[^]]*]' | sort -u | wc -l) == 1 ]]
}
await 20 agree
"$chinwag" status
for i in 0 1 2; do "$chinwag" query --at $i elements | LC_ALL=C sort >"value.$i"; done
cat acknowledged.* | LC_ALL=C sort >expected
for i in 0 1 2; do
  missing=$(LC_ALL=C comm -23 expected "value.$i" | wc -l)
  say "rm$i: $(wc -l <"value.$i") elements, $missing acknowledged ones missing"
  ((missing == 0)) || fail "rm$i lost acknowledged updates"
  cmp -s value.0 "value.$i" || fail "rm$i differs from rm0"
done
for c in 1 2; do
  query=$("$chinwag" query --session "session.$c" elements | grep -c "client$c-")
  say "client $c reads $query of its own $(wc -l <"acknowledged.$c") writes in its session"
done
say "all three replicas are equal, nothing acknowledged was lost"
