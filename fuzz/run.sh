#!/bin/sh
# Fuzzes each target for so many seconds, from the seeds on:
#
#	run.sh SECONDS [TARGET ...]
#
# What leads to new ways through the program is kept in fuzz/corpus/TARGET, which is not committed,
# and the next run begins with it, too. What fails stays in fuzz/artifacts/TARGET. With FUZZ_SEED in
# the environment a run begins with nothing but the seeds, and so tries the same inputs each time, as
# far as it gets.
#
# Those that read lists begin with the files of tests/formats, too, of which each has one format. Two of
# them run only if they are named: growth, which is slow, and second_reader, which finds differences that
# a person has to judge.
#
# Installs cargo-fuzz if it is missing, and says so. Builds without a sanitizer: there is no `unsafe`
# in what is fuzzed, they make it slower, and they alone need a nightly toolchain.

set -eu
cd "$(dirname "$0")/.."

seconds=$1
shift
[ $# -gt 0 ] || set -- again decision files formats line list netlink plan queue ranges

if ! cargo fuzz --version >/dev/null 2>&1; then
	echo 'Missing: cargo-fuzz, to be installed with cargo install'
	cargo install --locked cargo-fuzz
fi

python3 fuzz/seeds.py --check
cargo fuzz build --sanitizer none

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
log=$scratch/log
if [ -n "${FUZZ_SEED:-}" ]; then found=$scratch; else found=fuzz/corpus; fi
for target; do
	corpus=$found/$target
	mkdir -p "$corpus"
	dict=''
	seeds=fuzz/seeds/$target
	longest=''
	case $target in
	again | line) dict=-dict=$PWD/fuzz/list.dict ;;
	decision | formats | growth | list | second_reader)
		dict=-dict=$PWD/fuzz/list.dict
		seeds='fuzz/seeds/list tests/formats'
		# As long as most of those files. Longer text teaches nothing that shorter text does not.
		longest=-max_len=2048
		;;
	esac
	# shellcheck disable=SC2086 # Several folders.
	if ! cargo fuzz run --sanitizer none "$target" "$corpus" $seeds -- \
		${dict:+"$dict"} ${longest:+"$longest"} ${FUZZ_SEED:+-seed="$FUZZ_SEED"} \
		-max_total_time="$seconds" -timeout=60 -print_final_stats=1 2>"$log"; then
		cat "$log" >&2
		echo "run.sh: $target failed; make a seed and a test of the input, and mend what it shows" >&2
		exit 1
	fi
	awk -v target="$target" '/^stat::number_of_executed_units/ { units = $2 }
		/^Done / { seconds = $5 }
		END { printf "%s: %d inputs in %d s\n", target, units, seconds }' "$log"
done
