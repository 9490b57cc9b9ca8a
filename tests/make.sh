#!/bin/sh
# make calls no package manager: where something is missing it names the packages. make deps installs
# them, and says so first. Package managers, sudo, pkg-config and cargo are stand-ins here.

set -eu
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
	echo "make.sh: $*" >&2
	exit 1
}

# Every program of this machine but those that install.
mkdir "$folder/bin"
saved=$IFS
IFS=:
for place in $PATH /usr/sbin /sbin; do
	ln -s "$place"/* "$folder/bin" 2>/dev/null || :
done
IFS=$saved
(cd "$folder/bin" && rm -f apt-get apt dnf yum sudo pkg-config cargo)

# A stand-in that writes down how it was called.
stand_in() {
	printf '#!/bin/sh\necho "%s $*" >>%s/called\n%s\n' "$1" "$folder" "$3" >"$2/$1"
	chmod +x "$2/$1"
}
mkdir "$folder/debian" "$folder/fedora" "$folder/whole" "$folder/lacking"
stand_in apt-get "$folder/debian" 'echo installing'
stand_in dnf "$folder/fedora" 'echo installing'
for system in debian fedora; do
	# shellcheck disable=SC2016
	stand_in sudo "$folder/$system" 'exec "$@"'
done
# Whether the libraries are there.
stand_in pkg-config "$folder/whole" 'exit 0'
stand_in pkg-config "$folder/lacking" 'exit 1'
# Whether it builds.
stand_in cargo "$folder/whole" 'echo "cargo 1.85.0"'
# shellcheck disable=SC2016
stand_in cargo "$folder/lacking" '[ "$*" = --version ] && echo "cargo 1.85.0"'

# Runs make on a system, with the libraries or without; its words are in said, the rest in called.
on() {
	: >"$folder/called"
	system=$1 libraries=$2
	shift 2
	PATH=$folder/$libraries:$folder/$system:$folder/bin \
		make "$@" CARGO=cargo >"$folder/said" 2>&1
}

installs() {
	grep -E '^(apt-get|dnf|sudo) ' "$folder/called"
}

# The package manager is called, and not before it was said what for.
says_first() {
	awk '/^Missing packages.* libmnl-dev/ { said = 1 } /^installing/ { right = said; exit }
		END { exit !right }' "$folder/said"
}

for system in debian fedora; do
	on "$system" whole || fail "make fails where nothing is missing: $(cat "$folder/said")"
	grep -q '^cargo build --release' "$folder/called" || fail 'make does not build'
	! installs || fail 'make installs something'
	on "$system" whole deps || fail "make deps fails where nothing is missing: $(cat "$folder/said")"
	! installs || fail 'make deps installs something that is there'

	for target in build msrv minimal-versions; do
		! on "$system" lacking "$target" || fail "make $target goes on without libraries"
		! installs || fail "make $target installs something"
		[ "$(grep -c '^cargo ' "$folder/called")" = 1 ] || fail "make $target does more than look"
		for word in libmnl libnftnl libmnl-dev libmnl-devel libnftnl-dev libnftnl-devel 'make deps'; do
			grep -q "$word" "$folder/said" || fail "make $target does not say $word"
		done
	done

	on "$system" lacking deps || fail "make deps fails: $(cat "$folder/said")"
	case $system in
	debian) wanted='apt-get install .* libmnl-dev libnftnl-dev$' ;;
	fedora) wanted='dnf install .* libmnl-devel libnftnl-devel$' ;;
	esac
	grep -q "^$wanted" "$folder/called" || fail "make deps does not install: $(cat "$folder/called")"
	says_first || fail "make deps does not say first what it installs: $(cat "$folder/said")"
done

for target in demo check fuzz package bench injection soak; do
	! on debian lacking "$target" || fail "make $target goes on where nothing can be built"
	says_first || fail "make $target does not say first what it installs: $(cat "$folder/said")"
done

echo 'make.sh: make names what is missing, and make deps installs it'
