#!/bin/sh
# Puts what the packages hold, and the source does not, into a folder beside the program:
#
#	package-stage.sh FOLDER		the one that the program was built into
#
# Completion scripts, compressed pages, examples, and the program without symbols (cargo-deb would
# strip by itself, but scripts as well).

set -eu
cd "$(dirname "$0")/.."

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

# What `make install` rewrites for the place it goes to: programs that write lists, and the units and
# pages that name them.
make -s install DESTDIR="$to/installed" PREFIX=/usr
mv "$to/installed/usr/lib/netfilterd" "$to/lib"
mkdir "$to/modules"
mv "$to"/lib/agents/*.py "$to/modules"
mv "$to/installed/usr/share/doc/netfilterd/agents" "$to/installed/usr/share/doc/netfilterd/fleet" \
	"$to/examples"
rm -r "$to/installed"
