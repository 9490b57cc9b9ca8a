#!/bin/sh
# Puts what the packages hold, and the source does not, into a folder beside the program:
#
#	stage.sh FOLDER		the one that the program was built into
#
# Completion scripts, compressed pages, examples, and the program without symbols for the .rpm
# (cargo-deb strips by itself).

set -eu
cd "$(dirname "$0")/../.."

built=$1
to=$built/package
rm -rf "$to"
mkdir -p "$to/examples"

strip -o "$to/netfilterd" "$built/netfilterd"
"$built/netfilterd" completions bash >"$to/netfilterd"-bash
"$built/netfilterd" completions zsh >"$to/_netfilterd"
"$built/netfilterd" completions fish >"$to/netfilterd.fish"
for page in netfilterd.8 drop_ips.5; do
	gzip -9n <"man/$page" >"$to/$page.gz"
done
gzip -9n <CHANGELOG.md >"$to/changelog.gz"
cp -R rulesets contrib/openrc contrib/netfilterd.init contrib/netfilterd.cron "$to/examples"
[ ! -d contrib/agents ] || cp -R contrib/agents "$to/examples"
