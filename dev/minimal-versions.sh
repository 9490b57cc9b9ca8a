#!/bin/sh
# Builds everything with the oldest versions that Cargo.toml permits of what it names, and runs the
# unit tests: what it says there has to be true. Needs a nightly toolchain, to choose the versions.

set -eu
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
	echo 'minimal-versions.sh: needs a nightly toolchain: rustup toolchain install nightly' >&2
	exit 1
fi

saved=$(mktemp)
cp Cargo.lock "$saved"
trap 'cp "$saved" Cargo.lock; rm "$saved"' EXIT
trap 'exit 1' HUP INT TERM

cargo +nightly update -Z direct-minimal-versions
cargo check --locked --all-targets
cargo test --locked --lib
