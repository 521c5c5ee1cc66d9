#!/usr/bin/env bash
# Measures every model that is not deep, and puts the table of figures into README.md, between its markers.
# Needs python3. Fails, and changes nothing, unless all is as expected.
#
#   scripts/figures.sh [--deep --memory-limit 12GiB]
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(mktemp)
trap 'rm -f "$found"' EXIT
cargo build --quiet --release --bin check
"${CARGO_TARGET_DIR:-target}/release/check" "$@" --quiet --json "$found" >/dev/null
python3 - "$found" README.md <<'PYTHON'
import json, os, re, sys

found = json.load(open(sys.argv[1]))
path = sys.argv[2]
rows = ["| model | what it is for | unique | generated | depth | seconds | bytes a state | search |",
        "|---|---|--:|--:|--:|--:|--:|---|"]
for m in found["models"]:
    verdict = "exhaustive" if m["exhaustive"] else f"**{m['end']}**"
    if m["refutes"]:
        verdict += ", refutes"
    rows.append(f"| `{m['name']}` | {m['purpose']} | {m['unique']:,} | {m['generated']:,} | {m['depth']} "
                f"| {m['seconds']:.1f} | {m['bytes_per_state']:.0f} | {verdict} |")
total = sum(m["unique"] for m in found["models"])
rows += ["", f"{len(found['models'])} models, {total:,} states, {found['seconds']:.0f} seconds in all, "
         f"{found['peak_bytes'] / 2**20:,.0f} MiB at most, on {os.cpu_count()} processors. The probability that "
         f"two states took each other's place is below {found['collision_probability']:.0e}."]
text = open(path).read()
begin, end = "<!-- figures: scripts/figures.sh -->\n", "<!-- /figures -->"
assert begin in text and end in text, "README.md has lost its markers"
head, rest = text.split(begin)
_, tail = rest.split(end)
open(path, "w").write(head + begin + "\n".join(rows) + "\n" + end + tail)
PYTHON
