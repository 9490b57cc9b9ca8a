#!/bin/sh
# Installs cargo-deb and cargo-generate-rpm where they are missing, for `make package`:
#
#	package-tools.sh FOLDER		where to, so that nothing of the user's is touched
#
# Not optimised, since building them takes longer than all that they do.

set -eu

folder=$1
PATH=$PATH:$folder/bin
for tool in cargo-deb@3.8.0 cargo-generate-rpm@0.21.1; do
	! command -v "${tool%@*}" >/dev/null || continue
	echo "Missing: ${tool%@*}, to be built into $folder; this takes a minute or two"
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$folder/build" \
		"${CARGO:-cargo}" install --debug --locked --root "$folder" "$tool"
done
rm -rf "$folder/build"
