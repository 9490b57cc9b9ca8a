#!/usr/bin/env python3
"""What a list costs in each row of look-ups, beside what the model of costs expects.

    cargo build --release && cargo build --release --examples
    python3 benches/compare/rows.py [--most N] [LIST...]

The cheapest rows by the model, and the interval set alone, with unlisted packets; ipset beside them.
Lists are those of packets-by-list.py. Needs root.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import sys
import tempfile
from typing import NamedTuple

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import report
import sources
from blocklists import block_lists
from costs import RINGS, ROUNDS, SLOTS, prepare, send_from
from limits import nobody_listens
from loads import print_scripts
from system import ROWS, Wrong, in_child, inside, namespaces, output, run, say
from wire import Sender, add_sink, arrived, connect

# Lists that differ in what their rows are good for.
LISTS = ("ipsum3", "country4", "firehol1", "random24-300k", "country6", "mixed6")


class Row(NamedTuple):
    """A row, and what the model expects of it."""
    number: str
    unlisted: str
    listed: str
    memory: int
    look_ups: str


def rows_of(path, most):
    lines = [line.split("\t") for line in output(ROWS, path).splitlines()]
    rows = [Row(number, unlisted, listed, int(memory), look_ups)
            for number, unlisted, listed, memory, _, look_ups in lines]
    return rows[:most] + [row for row in rows[most:] if row.look_ups == "interval"]


def measure(block_list, most, directory, result):
    """Writes the rows, and the nanoseconds that each costs an unlisted packet, and ipset."""
    path = os.path.join(directory, "list")
    block_list.write(path)
    print_scripts(path, {"ipset": f"{path}.ipset"}, "--no-protect")
    ranges = sources.Ranges(path, block_list.bits)
    rows = rows_of(path, most)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Names of interfaces are short, and those of rows are not.
    kinds = {"nothing": None, "ipset": None, **{f"row{row.number}": row for row in rows}}
    with namespaces("sender", *kinds) as names:
        senders = {}
        for kind, row in kinds.items():
            say(f"{block_list.title}: preparing {row.look_ups if row else kind}")
            connect(names["sender"], names[kind], kind)
            with inside(names[kind]):
                if row:
                    run([ROWS, path, row.number])
                    add_sink()
                else:
                    prepare(kind, path, ranges.bits)
            with inside(names["sender"]):
                senders[kind] = Sender(kind, SLOTS)
        times = send_from(sources.unlisted(ranges, SLOTS * RINGS), senders, ranges.bits)
        for kind in kinds:
            with inside(names[kind]):
                if arrived() != (ROUNDS + 1) * SLOTS:
                    raise Wrong(f"{kind}: {arrived()} packets were let through, not all")
    costs = {kind: statistics.median(report.extra(times, kind)) for kind in kinds}
    pathlib.Path(result).write_text(json.dumps([rows, costs]))


def print_rows(block_list, most):
    with tempfile.TemporaryDirectory() as directory:
        result = os.path.join(directory, "result")
        in_child(measure, block_list, most, directory, result)
        rows, costs = json.loads(pathlib.Path(result).read_text())
    print(f"**{block_list.title}: {costs['ipset']:,.0f} ns with `ipset`**\n")
    report.table(["row", "expected", "measured", "of `ipset`", "expected of a listed packet",
                  "expected memory"],
                 [[row.look_ups, f"{row.unlisted} ns", f"{costs[f'row{row.number}']:,.0f} ns",
                   f"{costs[f'row{row.number}'] / costs['ipset']:.2f}", f"{row.listed} ns",
                   f"{row.memory / 2**20:,.1f} MiB"]
                  for row in (Row(*fields) for fields in rows)])


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    print("### Rows of look-ups\n")
    try:
        nobody_listens()
        for block_list in block_lists():
            if block_list.name in options.lists:
                print_rows(block_list, options.most)
    except Wrong as error:
        sys.exit(f"rows: {error}")
    print("What an unlisted packet costs more than one that is not looked up. The rows are those that "
          f"the model of costs finds the cheapest, in its order; median of {ROUNDS} rounds, by "
          "turns.\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", nargs="*", metavar="LIST", default=list(LISTS),
                        help=f"lists (default: {' '.join(LISTS)})")
    parser.add_argument("--most", type=int, default=6, help="how many of the cheapest rows")
    options = parser.parse_args()
    if unknown := set(options.lists) - {one.name for one in block_lists()}:
        parser.error(f"no list is called {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    if not os.access(ROWS, os.X_OK):
        parser.error(f"{ROWS} is missing: cargo build --release --examples")
    return options


if __name__ == "__main__":
    main()
