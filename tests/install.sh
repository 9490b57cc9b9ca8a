#!/bin/sh
# Installs into a scratch folder, looks at what is there, uninstalls, and looks again.

set -eu

cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

make -s install DESTDIR="$folder" PREFIX=/usr
for file in usr/sbin/netfilterd usr/share/man/man8/netfilterd.8 usr/share/man/man5/drop_ips.5 \
	usr/share/doc/netfilterd/README.md usr/share/doc/netfilterd/netfilterd.init \
	$(printf 'usr/share/doc/netfilterd/%s ' rulesets/*) \
	usr/share/bash-completion/completions/netfilterd usr/share/zsh/site-functions/_netfilterd \
	usr/share/fish/vendor_completions.d/netfilterd.fish \
	usr/share/doc/netfilterd/netfilterd.cron usr/share/doc/netfilterd/netfilterd.default \
	usr/share/doc/netfilterd/openrc/netfilterd usr/share/doc/netfilterd/openrc/netfilterd.confd \
	usr/lib/netfilterd/pull \
	usr/lib/netfilterd/agents/agent.py usr/lib/netfilterd/agents/country \
	usr/share/doc/netfilterd/agents/country.md usr/share/doc/netfilterd/agents/netfilterd-country.timer \
	usr/share/doc/netfilterd/agents/README.md \
	usr/share/doc/netfilterd/agents/netfilterd.conf usr/share/doc/netfilterd/fleet/README.md; do
	[ -s "$folder/$file" ] || fail "$file was not installed"
done
[ -d "$folder/var/cache/netfilterd" ] || fail 'the folder of the default list was not made'
version=$("$folder/usr/sbin/netfilterd" --version)
[ "$version" = "netfilterd $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] ||
	fail "the installed program says it is $version"
for unit in netfilterd.service netfilterd-queue@.service; do
	cmp contrib/systemd/$unit "$folder/usr/lib/systemd/system/$unit" || fail "$unit differs"
done
[ "$("$folder/usr/lib/netfilterd/agents/sshd" --print </dev/null && echo works)" = works ] ||
	fail 'an installed agent does not run'
wrong=$(grep -rl /usr/local/lib/netfilterd "$folder/usr/share/doc/netfilterd" || :)
[ -z "$wrong" ] || fail "files name agents that are elsewhere: $wrong"

"$folder/usr/lib/netfilterd/agents/append" -q --list "$folder/var/cache/netfilterd/drop_ips" 192.0.2.7
rm "$folder/var/cache/netfilterd/.drop_ips.lock"
make -s uninstall DESTDIR="$folder" PREFIX=/usr
left=$(cd "$folder" && find . -type f)
[ "$left" = ./var/cache/netfilterd/drop_ips ] || fail "after make uninstall there is: $left"

# The units start the program where it was installed.
make -s install DESTDIR="$folder" PREFIX=/opt/nfd
for unit in netfilterd.service netfilterd-queue@.service; do
	started=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$folder/opt/nfd/lib/systemd/system/$unit")
	[ "$started" = /opt/nfd/sbin/netfilterd ] || fail "$unit starts $started"
	[ -x "$folder$started" ] || fail "$unit starts what is not there"
done
make -s uninstall DESTDIR="$folder" PREFIX=/opt/nfd
[ -z "$(find "$folder/opt" -type f)" ] || fail "in another place there is left: $(find "$folder/opt" -type f)"

echo 'install.sh: installed, tried and uninstalled'
