#!/bin/sh
# Runs the tests against the kernel on a second kernel: Debian's for clouds, in a machine that qemu
# emulates, so that neither KVM nor root is needed. The machine's files are in its initramfs: a
# busybox, the test programs, and the tools that they run, which are this host's.
#
#	check.sh [MODULE ...]
#
# MODULE is a test program, or a module of one: kernel::repair.
#
# NETFILTERD_VM_SECONDS is how long the machine may run, 1800 if it does not say. Where there is no
# qemu, or the kernel cannot be had, it says so and ends well.

set -eu
cd "$(dirname "$0")/../.."
here=$(pwd -P)

# What the kernel decides, in the order of what is to be known first.
modules=${*:-kernel::clock_steps kernel::managed kernel::foreign kernel::lookup kernel::in_place
kernel::neighbours kernel::interfaces kernel::faults_kernel kernel::repair queue::packets
shipped::rulesets shipped::rulesets_dynamic kernel::model kernel::misjudged}

# What the tests run, besides busybox. What else is there stands in tests/vm/init.
tools='ip nft ipset iptables iptables-legacy iptables-nft ip6tables-legacy ip6tables-nft
iptables-legacy-restore iptables-nft-restore ip6tables-legacy-restore ip6tables-nft-restore
logger modprobe nsenter prlimit setpriv sh strace sysctl unshare'

# And what they read, at the paths that were compiled into them.
files='contrib examples man rulesets tests'

seconds=${NETFILTERD_VM_SECONDS:-1800}
PATH=$PATH:/usr/sbin:/sbin
target=$(realpath "${CARGO_TARGET_DIR:-target}")
folder=$target/vm
root=$folder/root
console=$folder/console

failed() {
	echo "tests/vm/check.sh: $*" >&2
	exit 1
}

skip() {
	echo "tests/vm/check.sh: skipped: $*"
	exit 0
}

# A file, at its own path in the machine.
put() {
	mkdir -p "$root${1%/*}"
	cp -L "$1" "$root$1"
}

# A program with its libraries, at a path in the machine.
put_program() {
	mkdir -p "$root${2%/*}"
	cp -L "$1" "$root$2"
	strip --strip-debug "$root$2"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
		[ -e "$root$library" ] || put "$library"
	done
}

[ "$(uname -m)" = x86_64 ] || skip 'the test programs are not for the x86_64 that is emulated'
for tool in qemu-system-x86_64 busybox cpio depmod strip $tools; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done

# The kernel: fetched and unpacked, never installed.
mkdir -p "$folder"
name=$(apt-cache depends --important linux-image-cloud-amd64 2>/dev/null |
	sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
[ -n "$name" ] || skip 'apt-cache knows no package linux-image-cloud-amd64; try apt-get update'
kernel=$folder/$name
if [ ! -d "$kernel" ]; then
	said=$(cd "$folder" && rm -f ./linux-image-*.deb && apt-get download -q "$name" 2>&1) ||
		skip "$name cannot be fetched: $said"
	dpkg -x "$folder/$name"_*.deb "$kernel.new"
	mv "$kernel.new" "$kernel"
	rm "$folder/$name"_*.deb
fi
release=${name#linux-image-}

# The test programs are linked to debug information that nobody reads there: it is left out.
rm -rf "$root"
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" "$root/vm"
for part in bin sbin lib lib64; do
	ln -s "usr/$part" "$root/$part"
done
cargo test --locked --no-run --message-format=json >"$folder/messages"
built=$(python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        print(message["target"]["name"], message["profile"]["test"], message["executable"])
' <"$folder/messages")
netfilterd=$(echo "$built" | sed -n 's/^netfilterd False //p')
put_program "$netfilterd" "$netfilterd"
for module in $modules; do
	program=${module%%::*}
	path=$(echo "$built" | sed -n "s/^$program True //p")
	[ -n "$path" ] || failed "there is no test program $program"
	filter=${module#"$program"}
	filter=${filter#::}
	# A module that is not there would be no test, and no failure.
	"$path" --list --format terse | grep -q "^$filter${filter:+::}.*: test$" ||
		failed "there is no test in $module"
	# Where cargo put it: it finds netfilterd from there.
	[ -e "$root$path" ] || put_program "$path" "$path"
	echo "$module $path $filter${filter:+::}"
done >"$root/vm/modules"
echo "$here" >"$root/vm/folder"
mkdir -p "$root$here"
for file in $files; do
	cp -r "$file" "$root$here"
done

for tool in $tools; do
	path=$(command -v "$tool")
	put_program "$path" "$path"
done
find /usr/lib* -path '*/xtables/lib*.so' | while read -r plugin; do
	put "$plugin"
done
put_program "$(command -v busybox)" /busybox/busybox
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>"$root/etc/passwd"
printf '%s\n' 'icmp 1' 'tcp 6' 'udp 17' 'ipv6-icmp 58' >"$root/etc/protocols"
install -m 755 tests/vm/init "$root/init"

# Its modules: those of networks, and what they need.
modules=lib/modules/$release
for part in net lib crypto drivers/net arch/x86/crypto; do
	mkdir -p "$root/usr/$modules/kernel/$part"
	cp -r "$kernel/$modules/kernel/$part/." "$root/usr/$modules/kernel/$part"
done
cp "$kernel/$modules"/modules.* "$root/usr/$modules"
depmod -b "$root/usr" "$release"

(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$folder/initramfs"

echo "Booting Linux $release with $(du -h "$folder/initramfs" | cut -f 1) of files, for $seconds s at most"
# Speculation is not emulated; what would guard against it only takes time.
nice -n 15 timeout --foreground -k 5 "$seconds" qemu-system-x86_64 \
	-accel tcg,thread=multi -smp 2 -m 2048 -nic none -display none -monitor none -no-reboot \
	-kernel "$kernel/boot/vmlinuz-$release" -initrd "$folder/initramfs" \
	-append 'console=ttyS0 quiet panic=-1 mitigations=off' \
	-serial stdio </dev/null | sed -u 's/\r$//' | tee "$console"

grep -q '^vm: all have run$' "$console" || failed "the machine did not get to its end; see $console"
if grep -q '^vm: .* failed' "$console"; then
	failed "$(grep '^vm: .* failed' "$console"); all of it is in $console"
fi
# Nothing is missing there, so nothing may be left out.
if grep -q 'skipped: ' "$console"; then
	failed "$(grep 'skipped: ' "$console")"
fi
echo "tests/vm/check.sh: passed on Linux $release"
