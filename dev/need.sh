#!/bin/sh
# Installs what is missing for building, for the demonstration, for the tests, for those on a second
# kernel, for the injection matrix, for the soak, for fuzzing, for the packages or for the benchmarks:
#
#	need.sh [--check] build|demo|test|vm|injection|soak|fuzz|package|bench ...
#
# Knows Debian and its descendants (apt-get) and Fedora and its (dnf). Says what it installs before
# it does so; does nothing, silently, where nothing is missing. With --check it installs nothing, and
# fails with the names of the packages where some are missing. Rust itself has to be there.

set -eu

# What to look for, the package on Debian, the package on Fedora. "lib:" is looked for with
# pkg-config, "python:" as a module of the system's own Python, "start:" among the files that every
# program begins with, everything else as a program.
build='
cc gcc gcc
start:crt1.o libc6-dev glibc-devel
pkg-config pkg-config pkgconf-pkg-config
lib:libmnl libmnl-dev libmnl-devel
lib:libnftnl libnftnl-dev libnftnl-devel'
demo='
ip iproute2 iproute
nft nftables nftables
python3 python3 python3'
test='
awk mawk gawk
bzip2 bzip2 bzip2
cpio cpio cpio
conntrack conntrack conntrack-tools
curl curl curl
flock util-linux util-linux
gzip gzip gzip
iconv libc-bin glibc-common
ip6tables-legacy iptables iptables-legacy
ip6tables-nft iptables iptables-nft
ipset ipset ipset
iptables-legacy iptables iptables-legacy
iptables-nft iptables iptables-nft
jq jq jq
logger bsdutils util-linux
lz4 lz4 lz4
mandoc mandoc mandoc
mount mount util-linux
nsenter util-linux util-linux
python:prometheus_client python3-prometheus-client python3-prometheus_client
prlimit util-linux util-linux
script bsdutils util-linux-script
rpm2cpio rpm rpm
setpriv util-linux util-linux
strace strace strace
sysctl procps procps-ng
systemd-analyze systemd systemd
unshare util-linux util-linux
unzip unzip unzip
xz xz-utils xz
zip zip zip
zstd zstd zstd'
package='
dpkg-deb dpkg dpkg
dpkg-shlibdeps dpkg-dev dpkg-dev
gzip gzip gzip
ldd libc-bin glibc-common
strip binutils binutils'
fuzz='
c++ g++ gcc-c++'
vm='
busybox busybox-static busybox
cpio cpio cpio
depmod kmod kmod
qemu-system-x86_64 qemu-system-x86 qemu-system-x86-core
strip binutils binutils'
injection='
ip6tables-legacy iptables iptables-legacy
iptables-legacy iptables iptables-legacy
strace strace strace'
soak='
ip6tables-legacy iptables iptables-legacy
iptables-legacy iptables iptables-legacy'
bench='
ipset ipset ipset
iptables iptables iptables-nft
iptables-legacy iptables iptables-legacy
lib:libnetfilter_queue libnetfilter-queue-dev libnetfilter_queue-devel
iprange iprange iprange'

# Programs of the system's are not in everybody's path.
PATH=$PATH:/usr/sbin:/sbin

found() {
	case $1 in
	lib:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#lib:}" ;;
	start:*) case $(cc -print-file-name="${1#start:}" 2>/dev/null) in /*) ;; *) return 1 ;; esac ;;
	python:*) /usr/bin/python3 -c "import ${1#python:}" 2>/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

if ! command -v cargo >/dev/null; then
	echo 'need.sh: cargo is not there; install Rust 1.85 or newer first (https://rustup.rs)' >&2
	exit 1
fi

version=$(cargo --version | sed 's/^cargo 1\.\([0-9]*\).*/\1/')
if [ "$version" -lt 85 ] 2>/dev/null; then
	echo "need.sh: this is Rust 1.$version; 1.85 or newer is needed (https://rustup.rs)" >&2
	exit 1
fi

check=''
if [ "${1:-}" = --check ]; then
	check=yes
	shift
fi

# Adds a word to a list of words, once.
with() {
	case " $1 " in *" $2 "*) echo "$1" ;; *) echo "$1 $2" ;; esac
}

what='' debian='' fedora=''
for purpose; do
	eval "list=\${$purpose:-}"
	if [ -z "$list" ]; then
		echo "need.sh: nothing is known of what $purpose needs" >&2
		exit 1
	fi
	while read -r name on_debian on_fedora; do
		if [ -n "$name" ] && ! found "$name"; then
			what=$(with "$what" "${name#*:}")
			debian=$(with "$debian" "$on_debian")
			fedora=$(with "$fedora" "$on_fedora")
		fi
	done <<-EOF
	$list
	EOF
done
[ -n "$what" ] || exit 0

if [ -n "$check" ]; then
	case $* in build) command='make deps' ;; *) command="make deps FOR='$*'" ;; esac
	{
		echo "need.sh: missing:$what. Install the packages, or run $command:"
		echo "need.sh: on Debian and its descendants, apt-get install$debian"
		echo "need.sh: on Fedora and its descendants, dnf install$fedora"
	} >&2
	exit 1
fi

root=''
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo 'need.sh: installing needs root, and there is no sudo. As root, install:' >&2
		echo "need.sh: on Debian$debian; on Fedora$fedora" >&2
		exit 1
	fi
	root=sudo
fi
if command -v apt-get >/dev/null; then
	echo "Missing packages, to be installed with apt-get:$debian"
	$root apt-get update -q
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $debian
elif command -v dnf >/dev/null; then
	echo "Missing packages, to be installed with dnf:$fedora"
	# shellcheck disable=SC2086
	$root dnf install -q -y $fedora
else
	echo "need.sh: missing:$debian" >&2
	echo 'need.sh: there is neither apt-get nor dnf here; install these by hand (names of Debian)' >&2
	exit 1
fi
