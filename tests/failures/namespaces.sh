# Replica managers with a network stack each, joined by a bridge; what cuts them off is the kernel.
#
#   unshare --kill-child -rnmpf bash namespaces.sh CHINWAG DIRECTORY
#
# Prints what was acknowledged, a line for each element, then `all: ` and what each replica manager answers.
# All of it is in namespaces that end with this process. Nothing leaves the machine: there is no way out.
set -euo pipefail
chinwag=$1
cd "$2"

net() { printf '10.83.0.%d' "$(($1 + 10))"; }
inside() { ip netns exec "rm$1" "${@:2}"; }

mount -t tmpfs tmpfs /run
ip link set lo up
ip link add hub type bridge
ip link set hub up
for id in 0 1 2; do
  ip netns add "rm$id"
  ip link add "up$id" type veth peer name eth0 netns "rm$id"
  ip link set "up$id" master hub up
  ip -n "rm$id" link set lo up
  ip -n "rm$id" link set eth0 up
  ip -n "rm$id" addr add "$(net $id)/24" dev eth0
done

"$chinwag" keygen ring >/dev/null
cat >cluster.toml <<END
cluster = "namespaces"
service = "set"
keys = "ring"
replicas = ["$(net 0):7400", "$(net 1):7400", "$(net 2):7400"]
END
for id in 0 1 2; do
  { cat cluster.toml; printf '[replica]\nid = %d\ndata_dir = "rm%d"\nrecord = "trace"\ngossip_interval_ms = 20\n' $id $id; } >"rm$id.toml"
  ip netns exec "rm$id" "$chinwag" replica --config "rm$id.toml" --init 2>"rm$id.log" &
  pids[id]=$!
done
trap 'kill -9 "${pids[@]}" 2>/dev/null || true' EXIT

# A client beside replica manager $1, which asks $2; elements that are acknowledged are printed.
add() {
  inside "$1" "$chinwag" update --config cluster.toml --session "client$1" --at "$2" add "$3" >/dev/null
  echo "$3"
}
answer() { inside "$1" "$chinwag" query --config cluster.toml --session "client$1" --at "$2" | tr '\n' ' '; }

# Until every replica manager answers the same, asked from beside each.
agree() {
  for _ in $(seq 200); do
    if [[ $(answer 0 0) == "$(answer 1 1)" && $(answer 1 1) == "$(answer 2 2)" ]]; then return; fi
    sleep 0.05
  done
  echo "$1: they do not agree within ten seconds" >&2
  exit 1
}

for id in 0 1 2; do add $id $id "whole-$id"; done
agree whole

# rm0 is out: its cable, then its own interface, whose routes go with it, so that the system refuses to send.
ip link set up0 down
for id in 0 1 2; do add $id $id "unplugged-$id"; done
if [[ $(answer 0 0) == *unplugged-1* || $(answer 1 1) == *unplugged-0* ]]; then
  echo "nothing was cut" >&2
  exit 1
fi
ip -n rm0 link set eth0 down
sleep 0.2
ip -n rm0 link set eth0 up
ip link set up0 up
agree unplugged

# One way only: rm0 may not send to rm1, which may send to it.
ip -n rm0 route add prohibit "$(net 1)/32"
for id in 0 1 2; do add $id $id "oneway-$id"; done
agree oneway
ip -n rm0 route del prohibit "$(net 1)/32"

# A thin line with a short queue: it delays, and loses what does not fit.
tc qdisc add dev up2 root tbf rate 128kbit burst 2kb latency 30ms
for n in 1 2 3 4 5; do for id in 0 1; do add $id $id "thin-$n-$id"; done; done
agree thin
tc qdisc del dev up2 root

printf 'all: '
answer 0 0
printf '\n'
kill -TERM "${pids[@]}"
wait "${pids[@]}"
trap - EXIT
