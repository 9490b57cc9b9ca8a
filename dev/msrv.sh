#!/bin/sh
# Builds everything with the oldest Rust that Cargo.toml names, if that toolchain is there.

set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if ! cargo "+$version" --version >/dev/null 2>&1; then
	echo "skipped: no toolchain $version; rustup toolchain install $version gets it"
	exit 0
fi
cargo "+$version" check --locked --all-targets
