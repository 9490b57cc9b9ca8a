#!/bin/sh
# Builds both packages, looks at what is in them, and installs and removes them, by the tools of
# their systems and in a copy of this machine's root. Looks at what is in the crate, too.

set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "packages.sh: $*" >&2
	exit 1
}

make -s package >/dev/null
built=${CARGO_TARGET_DIR:-target}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/in" "$folder/deb" "$folder/control" "$folder/rpm"
cp "$built"/debian/netfilterd_"$version"-1_*.deb "$folder/in/netfilterd.deb"
cp "$built"/generate-rpm/netfilterd-"$version"-1.*.rpm "$folder/in/netfilterd.rpm"

# What both hold, below a folder.
holds() {
	for file in usr/sbin/netfilterd usr/lib/systemd/system/netfilterd.service \
		usr/lib/systemd/system/netfilterd-queue@.service \
		usr/share/man/man8/netfilterd.8.gz usr/share/man/man5/drop_ips.5.gz \
		usr/share/bash-completion/completions/netfilterd \
		usr/share/fish/vendor_completions.d/netfilterd.fish usr/share/doc/netfilterd/README.md \
		usr/share/doc/netfilterd/examples/netfilterd.init \
		usr/share/doc/netfilterd/examples/netfilterd.cron \
		usr/share/doc/netfilterd/examples/openrc/netfilterd "$2" "$3"; do
		[ -s "$1/$file" ] || fail "$file is not in the .${1##*/}"
	done
	for rules in rulesets/*; do
		cmp "$rules" "$1/usr/share/doc/netfilterd/examples/$rules"
	done
	for agent in contrib/agents/append contrib/agents/country contrib/agents/*.py contrib/fleet/pull; do
		to=$1/usr/lib/netfilterd/${agent#contrib/}
		cmp "$agent" "$(echo "$to" | sed 's|/fleet/pull$|/pull|')"
	done
	[ "$("$1/usr/lib/netfilterd/agents/sshd" --print </dev/null && echo works)" = works ] ||
		fail "an agent of the .${1##*/} does not run"
	! grep -rq /usr/local "$1/usr/share/doc/netfilterd/examples/agents" ||
		fail 'examples name agents that are elsewhere'
	cmp contrib/netfilterd.default "$1/$2"
	gzip -dc "$1/usr/share/man/man8/netfilterd.8.gz" | cmp - man/netfilterd.8
	gzip -dc "$1/usr/share/man/man5/drop_ips.5.gz" | cmp - man/drop_ips.5
	[ "$("$1/usr/sbin/netfilterd" --version)" = "netfilterd $version" ] || fail "the program of $1"
	writable=$(find "$1" -type f -perm /022)
	[ -z "$writable" ] || fail "others may write to $writable"
}

dpkg-deb -x "$folder/in/netfilterd.deb" "$folder/deb"
holds "$folder/deb" etc/default/netfilterd usr/share/zsh/vendor-completions/_netfilterd
dpkg-deb -e "$folder/in/netfilterd.deb" "$folder/control"
[ "$(cat "$folder/control/conffiles")" = /etc/default/netfilterd ] || fail 'conffiles'
grep -q '^Depends:.*libmnl0.*libnftnl' "$folder/control/control" || fail 'libraries are missing'
for script in postinst prerm postrm; do
	sh -n "$folder/control/$script"
	! grep -q '#DEBHELPER#' "$folder/control/$script" || fail "$script is not filled in"
done

rpm2cpio "$folder/in/netfilterd.rpm" | (cd "$folder/rpm" && cpio --quiet -id)
holds "$folder/rpm" etc/sysconfig/netfilterd usr/share/zsh/site-functions/_netfilterd
[ "$(rpm -qpc "$folder/in/netfilterd.rpm")" = /etc/sysconfig/netfilterd ] || fail 'its settings'
for library in libmnl libnftnl; do
	rpm -qpR "$folder/in/netfilterd.rpm" | grep -q "^$library" || fail "the .rpm lacks $library"
done
for script in contrib/package/rpm/*; do
	sh -n "$script"
done

# The crate: what builds and installs, and nothing of what only tests need.
cargo package --list --allow-dirty --locked --quiet >"$folder/crate" 2>/dev/null
for file in Cargo.lock LICENSE README.md Makefile src/main.rs man/netfilterd.8 docs/map.png \
	contrib/systemd/netfilterd.service contrib/package/deb/postinst rulesets/drop.nft \
	dev/need.sh dev/package-stage.sh; do
	grep -qx "$file" "$folder/crate" || fail "$file is not in the crate"
done
! grep -E '^(\.ci|\.github|benches|fuzz|target|tests)/' "$folder/crate" || fail 'these are in the crate'

# Installing needs root.
root=''
[ "$(id -u)" = 0 ] || root='sudo -E'

# The life of a package: what is installed, in force, removed and left. Runs in the copy.
cat >"$folder/in/life" <<'EOS'
set -eu
fail() {
	echo "packages.sh: $install: $*" >&2
	exit 1
}
install=$1 remove=$2 purge=$3
rm -rf /var/cache/netfilterd /var/lib/netfilterd
$install >/mnt/said 2>&1 || fail "$(cat /mnt/said)"
grep -q 'systemctl enable --now netfilterd' /mnt/said || fail "$(cat /mnt/said)"
[ -d /var/cache/netfilterd ] && [ -d /var/lib/netfilterd ] || fail 'the folders were not made'
echo 192.0.2.7 >/var/cache/netfilterd/drop_ips
netfilterd load -q
$remove >/mnt/said 2>&1 || fail "$(cat /mnt/said)"
grep -q "nft 'delete table ip netfilterd; delete table ip6 netfilterd'\$" /mnt/said || fail "$(cat /mnt/said)"
cp /mnt/said /mnt/removed
[ ! -e /usr/sbin/netfilterd ] || fail 'the program is still there'
nft list table ip netfilterd | grep -q 192.0.2.7 || fail 'the filter is gone'
eval "$(sed -n 's/^netfilterd: *\(nft .*\)/\1/p' /mnt/said)"
[ -z "$(nft list tables)" ] || fail 'the command in the message does not remove it'
$purge >/mnt/said 2>&1 || fail "$(cat /mnt/said)"
cat /mnt/said /mnt/removed | grep -q /var/cache/netfilterd ||
	fail "$(cat /mnt/said /mnt/removed)"
[ "$(cat /var/cache/netfilterd/drop_ips)" = 192.0.2.7 ] || fail 'the list is gone'
[ ! -e /var/lib/netfilterd ] || fail 'the state is still there'
EOS

# In a copy of their own each, so that a failure of one shows.
live() {
	mkdir "$folder/$1"
	mv "$folder/in" "$folder/$1/in"
	$root sh tests/root-copy.sh "$folder/$1" sh /mnt/life "$2" "$3" "$4"
	mv "$folder/$1/in" "$folder/in"
}
if [ -e /etc/debian_version ]; then
	live dpkg 'dpkg -i /mnt/netfilterd.deb' 'dpkg -r netfilterd' 'dpkg -P netfilterd'
fi
# Debian's rpm knows of no package of Debian's, so of no library.
live rpm-life 'rpm -i --nodeps /mnt/netfilterd.rpm' 'rpm -e netfilterd' true
echo 'packages.sh: built, looked at, installed and removed'
