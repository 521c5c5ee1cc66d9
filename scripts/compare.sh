#!/usr/bin/env bash
# Measures this program beside the limits of the machine and beside other servers, on loopback, in turns: a
# machine that others use changes its mind, so only ratios within one run mean anything, and of several
# rounds the middle one is shown. Needs python3. Uses redis-server and redis-benchmark (Debian: redis-server,
# redis-tools) and, beside three replica managers, three nodes of etcd under wrk (Debian: etcd-server, wrk), if they
# are there; what is missing is said. etcd has no load generator in Debian for so small values, so it is asked over
# its HTTP gateway, which has a price of its own.
#
#   scripts/compare.sh [ROUNDS [SECONDS]]      3 rounds, 2 seconds for each case
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} seconds=${2:-2}
cargo build --quiet --release --bin chinwag
chinwag=${CARGO_TARGET_DIR:-target}/release/chinwag
work=$(mktemp -d "$PWD/compare.XXXXXX") # On the same disk as everything else: /tmp may be memory.
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

replica() { # NAME LEVEL: one replica manager at this level of durability
  cat >"$work/$1.toml" <<TOML
cluster = "$1"
service = "kv"
replicas = ["127.0.0.1:$(port)"]
[replica]
id = 0
data_dir = "$1"
durability.level = "$2"
TOML
  "$chinwag" replica --init --config "$work/$1.toml" 2>"$work/$1.log" &
  started+=($!)
}

row() { # CASE CLIENTS PER_SECOND P50_US
  printf '%s\t%s\t%s\t%s\n' "$@" >>"$work/rows"
}

ours() { # CASE CLIENTS ARGUMENTS
  local case=$1 clients=$2
  shift 2
  "$chinwag" bench "$@" --clients "$clients" --seconds "$seconds" --json |
    python3 -c 'import json, sys
row = json.load(sys.stdin)
print(row["per_second"], row["p50_us"])' | { read -r rate half && row "$case" "$clients" "$rate" "$half"; }
}

redis() { # CASE CLIENTS PORT TEST REQUESTS
  redis-benchmark -p "$3" -c "$2" -n "$5" -d 32 -r 16 -t "$4" --csv |
    python3 -c 'import csv, sys
row = list(csv.DictReader(sys.stdin))[0]
print(row["rps"], float(row["p50_latency_ms"]) * 1000)' |
    { read -r rate half && row "$1" "$2" "$rate" "$half"; }
}

etcd_put() { # CLIENTS: three nodes, one of which is asked
  local figures
  figures=$(wrk -t1 -c"$1" -d"${seconds}s" -s "$work/put.lua" "${doors[0]}/v3/kv/put" 2>&1 >/dev/null)
  read -r rate half failed <<<"$figures"
  [[ $failed == 0 ]] || { echo "etcd: $failed requests failed" >&2; exit 1; }
  row "etcd put, three nodes" "$1" "$rate" "$half"
}

replica durable fsync
replica volatile memory
"$chinwag" cluster --dir "$work/three" --replicas 3 >"$work/three.log" 2>&1 &
started+=($!)
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
  always=$(port) everysec=$(port)
  for level in always everysec; do
    mkdir "$work/redis-$level"
    redis-server --port "${!level}" --bind 127.0.0.1 --save '' --appendonly yes --appendfsync "$level" \
      --dir "$work/redis-$level" >"$work/redis-$level.log" &
    started+=($!)
  done
fi
if command -v etcd >/dev/null && command -v wrk >/dev/null; then
  # An operation in the gateway's words: 32 bytes under one key, both in base64.
  cat >"$work/put.lua" <<'LUA'
wrk.method = "POST"
wrk.body = '{"key":"a2V5","value":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}'
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency)
  io.stderr:write(string.format("%f %f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(50),
    summary.errors.status + summary.errors.timeout))
end
LUA
  peers=() doors=()
  for node in 0 1 2; do peers+=("http://127.0.0.1:$(port)") doors+=("http://127.0.0.1:$(port)"); done
  for node in 0 1 2; do
    etcd --name "n$node" --data-dir "$work/etcd$node" --log-level error \
      --listen-peer-urls "${peers[node]}" --initial-advertise-peer-urls "${peers[node]}" \
      --listen-client-urls "${doors[node]}" --advertise-client-urls "${doors[node]}" \
      --initial-cluster "n0=${peers[0]},n1=${peers[1]},n2=${peers[2]}" >"$work/etcd$node.log" 2>&1 &
    started+=($!)
  done
fi
for absent in redis-server redis-benchmark etcd wrk; do
  command -v "$absent" >/dev/null || echo "NOT COMPARED: $absent is not installed" >&2
done
sleep 4

for _ in $(seq "$rounds"); do
  ours "udp echo" 16 limit-udp
  ours "query" 16 query --config "$work/durable.toml"
  ours "update, memory" 16 update --config "$work/volatile.toml"
  for clients in 1 16 64; do
    ours "durable echo" "$clients" limit-durable --dir "$work"
    ours "update, fsync" "$clients" update --config "$work/durable.toml"
    [[ -z ${always:-} ]] || redis "redis set, always" "$clients" "$always" set $((clients * 300))
    ours "update, three RMs" "$clients" update --config "$work/three/cluster.toml"
    [[ -z ${doors:-} ]] || etcd_put "$clients"
  done
  if [[ -n ${everysec:-} ]]; then
    redis "redis set, everysec" 16 "$everysec" set 50000
    redis "redis get" 16 "$everysec" get 50000
  fi
done

python3 - "$work/rows" <<'PYTHON'
import statistics, sys

found = {}
for line in open(sys.argv[1]):
    case, clients, rate, half = line.rstrip("\n").split("\t")
    found.setdefault((case, int(clients)), []).append((float(rate), float(half)))
middle = {key: tuple(map(statistics.median, zip(*rows))) for key, rows in found.items()}
print("| case | clients | a second: middle | least | most | half within, us |")
print("|---|---|---|---|---|---|")
for (case, clients), rows in found.items():
    rates = [rate for rate, _ in rows]
    rate, half = middle[case, clients]
    print(f"| {case} | {clients} | {rate:,.0f} | {min(rates):,.0f} | {max(rates):,.0f} | {half:,.0f} |")
print("\n| ratio | clients | of the middles | aim |\n|---|---|---|---|")
for a, b, aim in [("update, fsync", "durable echo", 0.75), ("update, fsync", "redis set, always", 1.5),
                  ("query", "udp echo", 0.75), ("query", "redis get", None),
                  ("update, three RMs", "etcd put, three nodes", 3),
                  ("update, memory", "redis set, everysec", None)]:
    for clients in [1, 16, 64]:
        if (a, clients) in middle and (b, clients) in middle:
            ratio = middle[a, clients][0] / middle[b, clients][0]
            print(f"| {a} / {b} | {clients} | {ratio:.2f} | {aim or '-'} |")
PYTHON
