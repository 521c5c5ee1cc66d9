#!/usr/bin/env bash
# Verifies every model that is not deep, and puts what came of it into README.md, between its markers: the
# output, in short, and the table of figures. Says what was found, as expected or not, and ends as `check`
# did. Needs python3. With --deep, it runs the deep models too and writes their table, and leaves the rest as
# it is.
#
#   scripts/figures.sh [--deep --memory-limit 12GiB]
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
cargo build --quiet --release --bin check
exit=0
"${CARGO_TARGET_DIR:-target}/release/check" "$@" --quiet --no-color --width 100 --json "$found/json" \
  >"$found/output" || exit=$?
python3 - "$found" "$*" <<'PYTHON'
import json, os, re, sys

found = json.load(open(sys.argv[1] + "/json"))
text = open("README.md").read()

def put(marker, lines):
    global text
    begin, end = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    head, rest = text.split(begin)
    text = head + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]

def row(m):
    verdict = "exhaustive" if m["exhaustive"] else f"**{m['end']}**"
    if m["violations"]:
        verdict += ", refuted"
    if m["problems"]:
        verdict += ", **not as expected**"
    return (f"| `{m['name']}` | {m['purpose']} | {m['unique']:,} | {m['generated']:,} | {m['depth']} "
            f"| {m['seconds']:.1f} | {m['bytes_per_state']:.0f} | {verdict} |")

models, deep = found["models"], "--deep" in sys.argv[2]
begun = [m for m in models if "unique" in m]
rows = ["| model | what it is for | unique | generated | depth | seconds | bytes a state | search |",
        "|---|---|--:|--:|--:|--:|--:|---|"]
rows += [row(m) if "unique" in m else f"| `{m['name']}` | {m['purpose']} | | | | | | **{m['end']}** |"
         for m in models if m["deep"] == deep]
rows += ["", f"{len(begun)} of {len(models)} models, {sum(m['unique'] for m in begun):,} states, "
         f"{found['seconds']:.0f} seconds in all, {found['peak_bytes'] / 2**20:,.0f} MiB at most, on "
         f"{os.cpu_count()} processors. The probability that two states took each other's place is below "
         f"{found['collision_probability']:.0e}."]
put("deep" if deep else "figures", rows)

if not deep:
    output = open(sys.argv[1] + "/output").read().rstrip().split("\n")
    heading, ends = 4, output.index("", 4)  # The lines of the models are from the one to the other.
    last = max(n for n in range(heading, ends) if not output[n].startswith(" "))
    output[heading + 4:last] = [f".. {len(models) - 6} more models"]
    put("output", ["```text", *output, "```"])
open("README.md", "w").write(text)
PYTHON
exit $exit
