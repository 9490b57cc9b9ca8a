#!/usr/bin/env python3
"""What block lists cost in force, for each layout and for ipset, as a Markdown report.

    cargo build --release
    python3 benches/compare/packets-by-list.py [--svg PATH] [LIST...]

Lists are those of tests/lists, made ones that resemble well-known ones, and random ones; larger real
ones too where the directory that NETFILTERD_LISTS names has them (tests/lists/README.md says which).
Needs root. The kinds run by turns, each in a network namespace of its own. A packet that is misjudged
is an error and not a figure.
"""

import argparse
import os
import pathlib
import signal
import sys
import tempfile

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import list_report
import system
from blocklists import block_lists
from costs import measure_list
from limits import nobody_listens
from system import NETFILTERD, Wrong


def main():
    options = parse()
    # So that what is below in `finally` is done then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    lists = [one for one in block_lists() if not options.lists or one.name in options.lists]
    try:
        nobody_listens()
        with tempfile.TemporaryDirectory() as directory:
            costs = {one.title: measure_list(one, directory) for one in lists}
    except Wrong as error:
        sys.exit(f"packets-by-list: {error}")
    print("### Block lists in force\n")
    list_report.print_lists(costs)
    if options.svg:
        options.svg.parent.mkdir(parents=True, exist_ok=True)
        options.svg.write_text(list_report.draw_chart(costs))
    if system.busy:
        print(f"The machine was busy with something else before {system.busy} of the "
              "measurements.\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [one.name for one in block_lists()]
    parser.add_argument("lists", nargs="*", metavar="LIST",
                        help=f"only these (default: {' '.join(names)})")
    parser.add_argument("--svg", type=pathlib.Path, metavar="PATH", help="also draw a chart")
    options = parser.parse_args()
    if unknown := set(options.lists) - set(names):
        parser.error(f"no list is called {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    if not os.access(NETFILTERD, os.X_OK):
        parser.error(f"{NETFILTERD} is missing: cargo build --release")
    return options


if __name__ == "__main__":
    main()
