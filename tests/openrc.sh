#!/bin/sh
# Has OpenRC itself, as Debian packages it, start, reload and stop netfilterd by the shipped script,
# in a copy of this machine's root. OpenRC is fetched and unpacked there, not installed: beside
# another init it cannot be.

set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "openrc.sh: $*" >&2
	exit 1
}
skip() {
	echo "skipped: $*"
	exit 0
}

command -v apt-get >/dev/null || skip 'this system has no apt-get to fetch OpenRC with'

built=$(realpath "${CARGO_TARGET_DIR:-target}")
packages=$built/openrc
if ! ls "$packages"/openrc_*.deb >/dev/null 2>&1; then
	echo "Fetching OpenRC into $packages"
	mkdir -p "$packages"
	# apt-get would like to do so as another user, who may not write there.
	(cd "$packages" && apt-get -q -o APT::Sandbox::User="$(id -un)" download \
		openrc librc1 libeinfo1) ||
		skip 'OpenRC could not be fetched'
fi

[ "$(id -u)" = 0 ] || exec sudo -E sh tests/openrc.sh

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/in"
cp "$built/release/netfilterd" "$folder/in/program"
cp contrib/openrc/* "$folder/in"
for package in "$packages"/*.deb; do
	dpkg-deb -x "$package" "$folder/in/unpacked"
done

# Runs in the copy.
cat >"$folder/in/life" <<'EOS'
set -eu
fail() {
	echo "openrc.sh: $*" >&2
	exit 1
}
for place in /mnt/unpacked/*; do
	cp -a "$place/." "/${place##*/}/"
done
ldconfig
rm -rf /var/cache/netfilterd /var/lib/netfilterd
mkdir -p /etc/conf.d /etc/runlevels/boot /var/cache/netfilterd
install -m 755 /mnt/program /usr/sbin/netfilterd
# As the script says in its head.
install -m 755 /mnt/netfilterd /etc/init.d/netfilterd
install -m 644 /mnt/netfilterd.confd /etc/conf.d/netfilterd
# What OpenRC makes when it boots a machine.
for state in starting started stopping inactive failed daemons options exclusive tmp; do
	mkdir -p /run/openrc/$state
done
echo boot >/run/openrc/softlevel

rc-update -q add netfilterd boot
# Without the services that it comes after: these are not Debian's scripts.
service() {
	rc-service -D netfilterd "$@" >/mnt/said 2>&1
}
! service start || fail 'it started without a list'
grep -q 'ERROR.*netfilterd' /mnt/said || fail "$(cat /mnt/said)"
echo 192.0.2.7 >/var/cache/netfilterd/drop_ips
service start || fail "$(cat /mnt/said)"
service status || fail "$(cat /mnt/said)"
grep -q 'v4 1, v6 0' /mnt/said || fail "$(cat /mnt/said)"
nft list table ip netfilterd | grep -q 192.0.2.7 || fail 'started, and not in force'
service reload || fail "$(cat /mnt/said)"
service restart || fail "$(cat /mnt/said)"
service stop || fail "$(cat /mnt/said)"
! service status || fail 'it still runs'
nft list table ip netfilterd | grep -q 192.0.2.7 || fail 'the filter is gone'
! service reload || fail 'what is stopped was reloaded'
EOS
sh tests/root-copy.sh "$folder" sh /mnt/life
echo 'openrc.sh: started, reloaded and stopped'
