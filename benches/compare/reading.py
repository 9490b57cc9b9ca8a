"""Reading and merging of many lines, beside iprange."""

import os
import pathlib

from lists import write_lines
from system import NETFILTERD, Wrong, in_child, run, say, settle

LINES = 1_000_000

READERS = {
    "netfilterd check": lambda path: [NETFILTERD, "check", "-q", "-f", path],
    "iprange -C": lambda path: ["iprange", "-C", path],
    "netfilterd print": lambda path: [NETFILTERD, "print", "-q", "-f", path],
    "iprange": lambda path: ["iprange", path],
}


def measure_reading(in_order, rounds, directory):
    """Reader to a list of (seconds, peak memory)."""
    path = os.path.join(directory, "lines")
    in_child(write_lines, path, LINES, in_order)
    results = {name: [] for name in READERS}
    for number in range(rounds):
        say(f"reading, round {number + 1}")
        for name, command in READERS.items():
            settle()
            # Into a file each, in memory or not, the same for both.
            results[name].append(run(command(path), stdout=os.path.join(directory, name)))
    in_child(check_reading, directory)
    return results


def check_reading(directory):
    ours, theirs = (pathlib.Path(directory, name).read_text().split()
                    for name in ("netfilterd print", "iprange"))
    if ours != [line if "/" in line else f"{line}/32" for line in theirs]:
        raise Wrong("netfilterd and iprange do not merge to the same networks")
    report = pathlib.Path(directory, "netfilterd check").read_text()
    if f"would load {len(ours):,} networks" not in report:
        raise Wrong("netfilterd check does not count what netfilterd print prints")
    addresses = sum(1 << (32 - int(network.partition("/")[2])) for network in ours)
    counted = pathlib.Path(directory, "iprange -C").read_text().strip()
    if counted.split(",")[-1] != str(addresses):
        raise Wrong(f"iprange -C counts {counted}, not {addresses} addresses")
