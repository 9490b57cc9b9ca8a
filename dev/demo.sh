#!/bin/sh
# Shows netfilterd at its work, in two network namespaces of its own: nothing of this machine's
# network or firewall is touched, and nothing is left behind.
#
#	demo.sh PROGRAM

set -eu

program=$(realpath "${1:-target/release/netfilterd}")
top=$(realpath "$(dirname "$0")/..")
PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" != 0 ]; then
	echo 'Network namespaces need root; asking sudo.'
	exec sudo sh "$0" "$program"
fi

host=nfd-demo-host-$$
world=nfd-demo-world-$$
folder=$(mktemp -d)
daemon=''

clean_up() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	ip netns del "$host" 2>/dev/null || :
	ip netns del "$world" 2>/dev/null || :
	rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

bold='' plain=''
if [ -t 1 ]; then bold='\033[1m' plain='\033[0m'; fi
say() { printf "\n$bold%s$plain\n" "$*"; }
show() { printf '  $ %s\n' "$*"; }
on_host() { ip netns exec "$host" "$@"; }

# Whether a UDP packet from an address of the world reaches the host.
packet() {
	rm -f "$folder/port"
	ip netns exec "$host" python3 - "$folder/port" <<-'EOF' &
		import socket, sys, os
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("10.77.0.2", 0))
		s.settimeout(2)
		with open(sys.argv[1] + ".new", "w") as f:
		    f.write(str(s.getsockname()[1]))
		os.rename(sys.argv[1] + ".new", sys.argv[1])
		try:
		    s.recv(9)
		except TimeoutError:
		    sys.exit(1)
	EOF
	receiver=$!
	while [ ! -e "$folder/port" ]; do sleep 0.05; done
	ip netns exec "$world" python3 - "$1" "$(cat "$folder/port")" <<-'EOF'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 0))
		s.sendto(b"hello", ("10.77.0.2", int(sys.argv[2])))
	EOF
	if wait "$receiver"; then echo passed; else echo dropped; fi
}

# A packet, and what must have become of it.
expect() {
	result=$(packet "$1")
	printf '  a packet from %-15s %s\n' "$1" "$result"
	if [ "$result" != "$2" ]; then
		echo "demo.sh: it should have been $2" >&2
		exit 1
	fi
}

# Waits until the daemon's log has so many lines, and shows the last.
logged() {
	tries=0
	while [ "$(wc -l <"$folder/log")" -lt "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { cat "$folder/log" >&2; exit 1; }
		sleep 0.05
	done
	sed -n "$1s/^/  /p" "$folder/log"
}

list=$folder/drop_ips
cp "$top/tests/lists/ipsum_level3.txt" "$list"
listed=$(head -n 1 "$list")
neighbour=${listed%.*}.200
stranger=203.0.113.9

ip netns add "$host"
ip netns add "$world"
ip -n "$world" link add wire type veth peer name eth0 netns "$host"
for address in 10.77.0.1/24 "$listed/32" "$neighbour/32" "$stranger/32"; do
	ip -n "$world" addr add "$address" dev wire
done
ip -n "$host" addr add 10.77.0.2/24 dev eth0
for end in "$world lo" "$world wire" "$host lo" "$host eth0"; do
	# shellcheck disable=SC2086
	set -- $end
	ip -n "$1" link set "$2" up
done
ip -n "$host" route add default via 10.77.0.1

say "A host with an empty firewall, and a published list of $(wc -l <"$list") attackers:"
show "head -n 3 drop_ips"
head -n 3 "$list" | sed 's/^/  /'
expect "$listed" passed

say 'netfilterd reads the list, takes each attacker for a bad /24, and puts it in force:'
show 'netfilterd --file drop_ips --mask 24 &'
: >"$folder/log"
# Not by on_host: its process id would be that of a shell.
ip netns exec "$host" env SSH_CONNECTION= "$program" --file "$list" --mask 24 \
	--state-file "$folder/state.json" --status-file "$folder/status.json" 2>"$folder/log" &
daemon=$!
logged 1
expect "$listed" dropped
expect "$neighbour" dropped
expect "$stranger" passed

say 'What nft sees, elements left out:'
show 'nft --terse list table ip netfilterd'
on_host nft --terse list table ip netfilterd | sed 's/^/  /'

say 'Why one of them is dropped, and whether the kernel has it:'
show "netfilterd test --mask 24 $listed"
on_host env SSH_CONNECTION= "$program" test --mask 24 --file "$list" "$listed" |
	sed "s|^|  |; s|$folder/||"

say 'The stranger misbehaves; a log scanner writes it down and tells netfilterd:'
show "echo $stranger >> drop_ips; kill -HUP \$pid"
echo "$stranger" >>"$list"
kill -HUP "$daemon"
logged 2
expect "$stranger" dropped

say 'The list is broken by accident; what is in force stays in force:'
show 'echo "<html>503 Service Unavailable" > drop_ips; kill -HUP $pid'
echo '<html>503 Service Unavailable' >"$list"
kill -HUP "$daemon"
logged 3 | sed "s|$folder/||g"
expect "$listed" dropped

kill "$daemon"
wait "$daemon" || :
say 'The daemon has ended, the filter is still there:'
expect "$listed" dropped
say "Done. Both namespaces are removed; nothing of this machine's network was changed."
