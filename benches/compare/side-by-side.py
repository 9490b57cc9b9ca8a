#!/usr/bin/env python3
"""netfilterd beside nft, ipset, iprange, libnetfilter_queue and the bare kernel, as a Markdown report.

    cargo build --release
    cargo build --release --example floor
    cargo build --release
    python3 benches/compare/side-by-side.py [--svg PATH] [--large] [--rounds N] [--skip WHAT] [SIZE...]

Needs root. All tools get the same networks and run by turns, each in a network namespace of its
own. A load that the kernel does not hold as it should is an error and not a figure.
"""

import argparse
import os
import pathlib
import signal
import sys
import tempfile

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import report
import system
from appended import LINES, measure_appended
from limits import nobody_listens
from loads import LOADERS, measure_loads
from packets import KINDS, measure_packets
from queues import measure_queues
from reading import measure_reading
from reloads import RELOADS, measure_reloads
from system import FLOOR, NETFILTERD, Wrong

SIZES = [6_000, 60_000, 600_000, 1_000_000]
LARGE = [6_000_000]
# Of the sizes, those at which packets are sent; above, there is no room for all sets at once.
MOST_FOR_PACKETS = 2_000_000


def main():
    options = parse()
    # So that what is below in `finally` is done then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    skipped = options.skip
    tools = [tool for tool in LOADERS if tool.partition("-")[0] not in skipped]
    others = [tool for tool in ("ipset", "nft") if tool not in skipped]
    kinds = [kind for kind in KINDS if kind not in skipped]

    report.print_heading(options.rounds)
    try:
        # All would be slow, and nft -f would take the memory of the machine.
        nobody_listens()
        with tempfile.TemporaryDirectory() as directory:
            loads = {size: measure_loads(size, tools, options.rounds, directory)
                     for size in options.sizes}
            report.print_loads(loads, tools)
            reloads = {size: measure_reloads(size, others, options.rounds, directory)
                       for size in RELOADS if size <= max(options.sizes) and "reload" not in skipped}
            if reloads:
                report.print_reloads(reloads, others)
            if "reload" not in skipped and max(options.sizes) >= LINES:
                report.print_appended(measure_appended(options.rounds, directory))
            packets = {size: measure_packets(size, kinds, directory) for size in options.sizes
                       if size <= MOST_FOR_PACKETS and "packets" not in skipped}
            if packets:
                report.print_packets(packets)
            if "queue" not in skipped:
                report.print_queues(measure_queues(options.rounds, directory))
            if "iprange" not in skipped:
                report.print_reading(
                    {order: measure_reading(order == "sorted", options.rounds, directory)
                     for order in ("random", "sorted")})
            if options.svg:
                options.svg.parent.mkdir(parents=True, exist_ok=True)
                options.svg.write_text(report.draw_chart(loads, packets))
    except Wrong as error:
        sys.exit(f"side-by-side: {error}")
    if system.busy:
        print(f"The machine was busy with something else before {system.busy} of the "
              "measurements.\n")
    report.print_growth(loads, tools)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, metavar="SIZE",
                        help=f"networks to load (default: {' '.join(map(str, SIZES))})")
    parser.add_argument("--large", action="store_true",
                        help=f"also {' and '.join(f'{size:,}' for size in LARGE)} networks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip", action="append", default=[],
                        choices=["nft", "ipset", "floor", "reload", "packets", "queue",
                                 "iprange"])
    parser.add_argument("--svg", type=pathlib.Path, metavar="PATH", help="also draw a chart")
    options = parser.parse_args()
    options.sizes = sorted({*(options.sizes or SIZES), *(LARGE if options.large else [])})
    if not all(32 <= size <= 16_000_000 for size in options.sizes) or options.rounds < 1:
        parser.error("sizes are 32 to 16000000, and there is at least one round")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    for needed in [NETFILTERD] + ([FLOOR] if "floor" not in options.skip else []):
        if not os.access(needed, os.X_OK):
            parser.error(f"{needed} is missing: cargo build --release && "
                         "cargo build --release --example floor")
    return options


if __name__ == "__main__":
    main()
