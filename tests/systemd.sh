#!/bin/sh
# Boots systemd in a copy of this machine's root, in namespaces and a control group of its own,
# installs the package for Debian there, and goes through a life of the service. Needs root, systemd,
# and a package that tests/packages.sh or `make package` has built.

set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "systemd.sh: $*" >&2
	[ -z "${init:-}" ] || within journalctl --no-pager -o cat | tail -n 20 >&2
	exit 1
}
skip() {
	echo "skipped: $*"
	exit 0
}

[ "$(id -u)" = 0 ] || exec sudo -E sh tests/systemd.sh
[ -e /etc/debian_version ] || skip 'this is no Debian, whose package is to be installed'
systemd=/lib/systemd/systemd
[ -x $systemd ] || skip 'systemd is not installed'

folder=$(mktemp -d)
cgroup=$folder/cgroup/netfilterd-test-$$
init=''
clean_up() {
	[ -z "$init" ] || kill -KILL "$init" 2>/dev/null || :
	wait 2>/dev/null || :
	# The processes in it have just been killed, which takes a moment.
	for _ in 1 2 3 4 5 6 7 8 9; do
		[ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.2
	done
	umount "$folder/cgroup" 2>/dev/null || :
	rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

mkdir "$folder/cgroup" "$folder/copy" "$folder/copy/in"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
cp "${CARGO_TARGET_DIR:-target}/debian/netfilterd_$version"-1_*.deb "$folder/copy/in/netfilterd.deb" ||
	fail 'no package; run make package first'
mount -t cgroup2 cgroup2 "$folder/cgroup" || skip 'there are no control groups of version 2'
mkdir "$cgroup"

# Up to basic.target only: nothing of this machine's own services.
CGROUP=$cgroup sh tests/root-copy.sh "$folder/copy" \
	$systemd --system --unit=basic.target --log-target=journal >"$folder/boot" 2>&1 </dev/null &
launched=$!

within() {
	nsenter -t "$init" -m -u -i -n -p -C -r -w "$@"
}

# Waits until a command succeeds, for as long as a machine with other work may need.
until_ok() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || { cat "$folder/boot" >&2; fail "waited in vain: $*"; }
		sleep 0.1
	done
}

# systemd is the first process of the namespace, and the only child of unshare.
first_process() {
	init=$(pgrep -P "$launched") && [ "$(cat "/proc/$init/comm")" = systemd ]
}
until_ok first_process
until_ok within systemctl is-active basic.target

status_text() { within systemctl show -P StatusText "$1"; }
in_force() { within nft list table ip netfilterd 2>/dev/null | grep -q "$1"; }
says() { status_text netfilterd | grep -q "$1"; }
loads() { within netfilterd status --json | grep -q "\"loads\": $1,"; }
put() { within sh -c "echo '$1' >>/var/cache/netfilterd/drop_ips"; }

# As systemd does where it is not in a container: services see what is mounted later.
within mount --make-rshared /

# For what may still stand on the machine whose copy this is.
within sh -c 'rm -rf /var/cache/netfilterd /var/lib/netfilterd /etc/default/netfilterd
	printf "#!/usr/sbin/nft -f\nflush ruleset\n" >/etc/nftables.conf'
within dpkg -i /mnt/netfilterd.deb >"$folder/said" 2>&1 || fail "$(cat "$folder/said")"
! within systemctl is-active -q netfilterd || fail 'it was started without a list'

# A start without a list fails, and is tried again until there is one.
! within systemctl start netfilterd 2>/dev/null || fail 'it started without a list'
within journalctl -o cat -u netfilterd | grep -q 'drop_ips: .*No such file' || fail 'another reason'
put 192.0.2.7
until_ok within systemctl is-active netfilterd
in_force 192.0.2.7 || fail 'started, and not in force'
says 'v4 1, v6 0' || fail "it says: $(status_text netfilterd)"

# Under the whole sandbox.
pid=$(within systemctl show -P MainPID netfilterd)
for line in 'CapPrm:.0000000000001000' 'CapBnd:.0000000000001000' 'NoNewPrivs:.1' 'Seccomp:.2'; do
	within grep -q "^$line$" "/proc/$pid/status" || fail "no $line"
done

# Reloaded by systemctl and, with the options that are shipped, by itself.
within systemctl reload netfilterd || fail 'it does not reload'
until_ok loads 2
put 192.0.2.9
until_ok in_force 192.0.2.9

# A restart of the service that empties the ruleset neither stops it nor lasts.
within systemctl restart nftables || fail 'nftables.service does not restart'
until_ok in_force 192.0.2.9
[ "$(within systemctl show -P MainPID netfilterd)" = "$pid" ] || fail 'it was started anew'

# Options, and a usage error that is not tried again.
within sh -c 'echo OPTIONS=\"--mask 24\" >/etc/default/netfilterd'
within systemctl restart netfilterd || fail 'it does not restart'
in_force 192.0.2.0 || fail 'without its options'
within sh -c 'echo OPTIONS=--nonsense >/etc/default/netfilterd'
! within systemctl restart netfilterd 2>/dev/null || fail 'it started with a wrong option'
within systemctl is-failed -q netfilterd || fail 'it is tried again'
in_force 192.0.2.0 || fail 'what was in force is not'
within rm /etc/default/netfilterd

# Stopped by force when it hangs: with a shorter watchdog, a stopped process.
within sh -c 'mkdir -p /run/systemd/system/netfilterd.service.d
	printf "[Service]\nWatchdogSec=5s\nRestartSec=0\n" >/run/systemd/system/netfilterd.service.d/test.conf
	systemctl daemon-reload'
within systemctl start netfilterd || fail 'it does not start'
pid=$(within systemctl show -P MainPID netfilterd)
sleep 6
[ "$(within systemctl show -P MainPID netfilterd)" = "$pid" ] || fail 'it does not answer the watchdog'
within kill -STOP "$pid"
another() {
	now=$(within systemctl show -P MainPID netfilterd)
	[ "$now" != 0 ] && [ "$now" != "$pid" ] && within systemctl is-active -q netfilterd
}
until_ok another

# Nor does a stray SIGTERM end it for good, and its state is kept.
pid=$(within systemctl show -P MainPID netfilterd)
within kill "$pid"
until_ok another
within test -s /var/lib/netfilterd/state.json || fail 'it keeps no state'

# A mount that comes when it runs, as one over the network does: it is seen in the sandbox.
within sh -c 'mount -t tmpfs tmpfs /var/cache/netfilterd
	echo 192.0.2.33 >/var/cache/netfilterd/drop_ips'
within systemctl reload netfilterd || fail 'it does not reload from a mount'
until_ok in_force 192.0.2.33
within umount /var/cache/netfilterd
within systemctl reload netfilterd || fail 'it does not reload without the mount'

# A list is fetched under the unit for that, by a user that systemd makes up.
if within test -x /usr/bin/python3; then
	sed 's|/usr/local/lib|/usr/lib|' contrib/fleet/netfilterd-pull.service >"$folder/copy/in/netfilterd-pull.service"
	echo 192.0.2.34 >"$folder/copy/in/feed"
	within sh -c 'cp /mnt/netfilterd-pull.service /run/systemd/system
		printf "URL=http://127.0.0.1:8000/feed\nPULL=-q\n" >/etc/default/netfilterd-pull
		systemctl daemon-reload
		systemd-run -q --working-directory=/mnt /usr/bin/python3 -m http.server 8000'
	until_ok within systemctl start netfilterd-pull
	within grep -q 192.0.2.34 /var/cache/netfilterd-pull/drop_ips || fail 'nothing was fetched'
	# And so is a table of countries, from which a list is made.
	sed 's|/usr/local/lib|/usr/lib|' contrib/agents/netfilterd-country.service \
		>"$folder/copy/in/netfilterd-country.service"
	printf '1.0.0.0,1.0.0.255,AU\n2001:200::,2001:200::ffff,JP\n' | gzip >"$folder/copy/in/table.gz"
	within sh -c 'cp /mnt/netfilterd-country.service /run/systemd/system
		printf "COUNTRY=--country JP\nTABLES=http://127.0.0.1:8000/table.gz\n" \
			>/etc/default/netfilterd-country
		systemctl daemon-reload'
	within systemctl start netfilterd-country || fail 'the list of countries is not made'
	within grep -q '^2001:200::/112$' /var/cache/netfilterd-country/drop_ips || fail 'it is another list'
fi

# Queue mode beside it, by the name that an administrator types.
within systemctl start netfilterd-queue@0:1 || fail 'queue mode does not start'
within netfilterd status --status-file /run/netfilterd/queue-0:1.json | grep -q 'queue 1' ||
	fail 'queue mode is not at work'
within systemctl reload netfilterd-queue@0:1 || fail 'queue mode does not reload'

# The package goes: both are stopped, the filter stays.
within dpkg -r netfilterd >"$folder/said" 2>&1 || fail "$(cat "$folder/said")"
grep -q "nft 'delete table ip netfilterd; delete table ip6 netfilterd'" "$folder/said" || fail "$(cat "$folder/said")"
! within pgrep -x netfilterd || fail 'a daemon is left running'
in_force 192.0.2. || fail 'the filter is gone'
within dpkg -P netfilterd >/dev/null 2>&1

echo "systemd.sh: $(within systemctl --version | head -n 1): started, reloaded, killed and removed"
