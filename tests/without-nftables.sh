#!/bin/sh
# A netfilterd for old hosts: built without nftables it does not need libnftnl, and has queue mode,
# check, print and test.
set -eu
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}/without-nftables
cargo clippy --lib --bins --locked --no-default-features --target-dir "$target" -- -D warnings
cargo build --locked --no-default-features --target-dir "$target"
netfilterd=$target/debug/netfilterd

failed() {
	echo "tests/without-nftables.sh: $*" >&2
	exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ldd "$netfilterd" | grep -q nftnl; then
	failed 'it is linked with libnftnl'
fi
ldd "$netfilterd" | grep -q libmnl || failed 'ldd does not show what it is linked with'

printf '192.0.2.7\n192.0.2.0/25\n' |
	"$netfilterd" check --no-protect --state-file "$folder/state" -f - | grep -q 'v4 1, v6 0' ||
	failed 'check does not work'
[ "$(printf '192.0.2.7\n' | "$netfilterd" print --no-protect -f -)" = 192.0.2.7/32 ] ||
	failed 'print does not work'
printf '192.0.2.7\n' | "$netfilterd" test --no-protect -f - 192.0.2.7 >/dev/null || failed 'test does not work'

# Without the feature map there is no such format.
if "$netfilterd" print --help | grep -qw map; then
	failed 'print --help names the format map'
fi
status=0
message=$("$netfilterd" print --format map 2>&1 >"$folder/map") || status=$?
[ "$status" = 2 ] || failed "print --format map ends with $status"
case $message in *"'map'"*) ;; *) failed "print --format map says: $message" ;; esac

for command in load run; do
	status=0
	message=$("$netfilterd" "$command" 2>&1) || status=$?
	[ "$status" = 2 ] || failed "$command ends with $status"
	case $message in *nftables*) ;; *) failed "$command says: $message" ;; esac
done

# Queue mode, which needs root, until it has loaded: the status file says so.
root=''
[ "$(id -u)" = 0 ] || root='sudo -E'
echo 192.0.2.7 >"$folder/list"
$root timeout --preserve-status --signal KILL 120 sh -c '
	"$@" & until [ -s "$0" ] || ! kill -0 $!; do sleep 0.1; done; kill -TERM $!; wait $!' \
	"$folder/status" unshare --net "$netfilterd" --queue 0 -f "$folder/list" \
	--status-file "$folder/status" --state-file "$folder/queue-state" 2>"$folder/log" ||
	failed "queue mode ends with $?: $(cat "$folder/log")"
grep -q 'v4 1, v6 0' "$folder/log" || failed "queue mode says: $(cat "$folder/log")"
echo 'tests/without-nftables.sh: passed'
