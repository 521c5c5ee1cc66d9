#!/usr/bin/env bash
# The gate of the simulation: a fixed corpus of seeds, then fresh ones, for about a minute in all. A fresh seed
# that fails is printed with the command that repeats it. Ends as `simulate` does; fresh seeds that the time
# did not suffice for are no failure.
#
#   scripts/simulate.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-45}
cargo build --quiet --release --bin simulate
simulate=${CARGO_TARGET_DIR:-target}/release/simulate
"$simulate" --seed 0 --seeds 100 --threads 2
"$simulate" --seed 0 --seeds 3 --threads 2 --large
fresh=0
"$simulate" --seeds 100000 --threads 2 --timeout "$seconds" || fresh=$?
((fresh == 3)) || exit $fresh
