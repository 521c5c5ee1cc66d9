#!/usr/bin/env bash
# Checks what is packaged, with validators from PyPI; and starts one replica manager as the container would, and reads
# its figures with Prometheus' own parser. It builds no image: that needs a Docker daemon.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
pid=
end() {
  [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  kubernetes-validate==1.37.0 compose-spec==0.2.1 prometheus_client==0.26.0 pyyaml
python=$work/venv/bin/python
validate=("$work/venv/bin/kubernetes-validate" --strict --quiet)

"${validate[@]}" kubernetes.yaml
# A check that cannot fail is none.
for bad in 's/serviceName/servicename/' 's/replicas: 3/replicas: three/' 's/clusterIP: None/clusterIP: [None]/'; do
  sed "$bad" kubernetes.yaml >"$work/bad.yaml"
  if cmp -s kubernetes.yaml "$work/bad.yaml" || "${validate[@]}" "$work/bad.yaml" >/dev/null 2>&1; then
    echo "kubernetes-validate does not notice $bad" >&2
    exit 1
  fi
done
echo "kubernetes.yaml: valid by the schemas of Kubernetes 1.37"

"$python" - <<'EOF'
import compose_spec, yaml

def check(change=lambda _: None):
    content = yaml.safe_load(open("compose.yaml"))
    change(content)
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(content)).validate()

check()
for bad in (lambda c: c["services"]["rm0"].update(restrat="no"), lambda c: c["services"]["rm0"].update(healthcheck=5)):
    try:
        check(bad)
    except Exception:
        continue
    raise SystemExit("compose_spec does not notice what is wrong")
print("compose.yaml: valid by the Compose specification")
EOF

bash -n start.sh healthy.sh
if command -v systemd-analyze >/dev/null; then
  sed 's#/usr/bin/chinwag#/bin/true#' chinwag.service >"$work/chinwag.service"
  systemd-analyze verify --recursive-errors=no "$work/chinwag.service"
  echo "chinwag.service: verified"
fi

# One replica manager, by the script of the container.
cargo build --locked --quiet --bin chinwag --manifest-path ../Cargo.toml
PATH=$(cd .. && pwd)/${CARGO_TARGET_DIR:-target}/debug:$PATH
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'cluster = "check"\nservice = "kv"\nreplicas = ["127.0.0.1:%s"]\n' "$port" >"$work/cluster.toml"
mkdir "$work/data"
chinwag keygen "$work/ring"
export CHINWAG_KEYS=$work/ring
start() {
  env HOSTNAME=chinwag-0 CHINWAG_CLUSTER="$work/cluster.toml" CHINWAG_DATA="$work/data" CHINWAG_RING="$work/ring" \
    CHINWAG_LISTEN="127.0.0.1:$port" CHINWAG_HTTP="127.0.0.1:$port" ./start.sh 2>>"$work/log" &
  pid=$!
}
healthy() {
  for _ in $(seq 100); do
    if ./healthy.sh "$port" 2>/dev/null; then return; fi
    sleep 0.1
  done
  cat "$work/log" >&2
  exit 1
}
start
healthy
chinwag update --config "$work/cluster.toml" put door open >/dev/null
kill "$pid" && wait "$pid"
start
healthy
test "$(chinwag query --config "$work/cluster.toml" get door)" = open
"$python" - "$port" <<'EOF'
import sys, urllib.request
from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics").read().decode()
families = list(text_string_to_metric_families(text))
samples = {s.name: s.value for f in families for s in f.samples}
assert samples["chinwag_queries_total"] == 1, samples
try:
    list(text_string_to_metric_families(text.replace("# EOF\n", "")))
except ValueError:
    print(f"/metrics: {len(families)} families, read by prometheus_client")
else:
    raise SystemExit("the parser does not notice what is wrong")
EOF
kill "$pid" && wait "$pid"
pid=
echo "start.sh: starts, stops and starts again with what was kept"
