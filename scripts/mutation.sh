#!/bin/sh
# Mutates src/protocol, one place at a time, and runs the fast tests of it (docs/mutation.md).
#
#   scripts/mutation.sh [options of `cargo mutants`]     needs: cargo install cargo-mutants
#
# In a copy of the tree without the runtime and the models, so that a mutant costs seconds.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
copy=${MUTATION_DIR:-$root/target/mutation}
tests="inductive protocol seed timestamps schedules"

rm -rf "$copy/src" "$copy/tests"
mkdir -p "$copy/src" "$copy/tests"
cp -r "$root/src/lib.rs" "$root/src/protocol" "$root/src/services" "$copy/src"
for name in $tests; do cp "$root/tests/$name.rs" "$copy/tests"; done
cp -r "$root/tests/common" "$root/tests/protocol" "$root/tests/seed" "$root/tests/inductive" "$copy/tests"
cp "$root/Cargo.lock" "$copy"
cat > "$copy/Cargo.toml" <<'END'
[workspace]
[package]
name = "chinwag"
version = "0.1.0"
edition = "2024"
[features]
default = ["mutants"]
mutants = []
checker = []
runtime = []
[dependencies]
serde = { version = "1", features = ["derive", "rc"] }
smallvec = { version = "1.16", features = ["serde", "union"] }
[dev-dependencies]
proptest = "1.12"
quickcheck = { version = "1.1", default-features = false }
[profile.dev]
opt-level = 0
debug = false
END
cd "$copy"
exec cargo mutants --in-place --file 'src/protocol/**' --timeout 60 "$@"
