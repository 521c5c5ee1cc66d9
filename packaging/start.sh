#!/bin/sh
# Starts the replica manager of this container: the cluster's file, and what concerns this one.
#   CHINWAG_CLUSTER  the cluster's file (default /etc/chinwag/cluster.toml)
#   CHINWAG_RING     the key ring (default /etc/chinwag-ring/ring); copied into the data directory, for its owner only
#   CHINWAG_DATA     a directory that outlives the container (default /var/lib/chinwag)
#   CHINWAG_ID       its place in the file (default: the number at the end of the host's name)
#   CHINWAG_LISTEN, CHINWAG_HTTP   where it listens (default 0.0.0.0:4001 and 0.0.0.0:9464)
set -eu
ring=${CHINWAG_RING:-/etc/chinwag-ring/ring}
cluster=${CHINWAG_CLUSTER:-/etc/chinwag/cluster.toml}
data=${CHINWAG_DATA:-/var/lib/chinwag}
id=${CHINWAG_ID:-${HOSTNAME##*-}}
case $id in
  '' | *[!0-9]*)
    echo "start.sh: CHINWAG_ID: give the place in $cluster, a number, not '$id'" >&2
    exit 2
    ;;
esac

if [ ! -r "$ring" ]; then
  echo "start.sh: CHINWAG_RING: cannot read the key ring $ring; 'chinwag keygen FILE' makes one" >&2
  exit 2
fi
(umask 077 && cat "$ring" >"$data/ring.new" && mv "$data/ring.new" "$data/ring")

{
  printf 'keys = "ring"\n'
  cat "$cluster"
  printf '\n[replica]\nid = %s\ndata_dir = "data"\n' "$id"
  printf 'listen = "%s"\n' "${CHINWAG_LISTEN:-0.0.0.0:4001}"
  printf 'http = "%s"\n' "${CHINWAG_HTTP:-0.0.0.0:9464}"
} >"$data/replica.toml"

# A volume that was wiped looks like a first start. Its peers find that out, and it stops with exit code 5.
init=
[ -e "$data/data/identity" ] || init=--init
# shellcheck disable=SC2086 # no word if it is empty
exec chinwag replica --config "$data/replica.toml" $init
