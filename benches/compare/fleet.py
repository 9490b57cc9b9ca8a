#!/usr/bin/env python3
"""What a list that is fetched costs a host: checking it, and a reload of a running daemon by how
much of it has changed. As root; needs a release build (make). The figures of
contrib/fleet/README.md are from here."""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

from lists import choose_two, write_networks
from reloads import LAYOUTS, point
from system import (NETFILTERD, STATE, Daemon, Wrong, in_child, inside, namespaces, run,
                    say, settle)

SIZES = (60_000, 1_000_000)
CHANGES = (0, 100, 1_000)

# Seconds. Who waits longer for a busy machine waits for it 72 times.
PATIENCE = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    print("| networks | size of the list | `netfilterd check` | layout | changed | reload | "
          "processor time |\n| ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    try:
        with tempfile.TemporaryDirectory() as directory:
            for count in SIZES:
                measure(count, rounds, directory)
    except Wrong as error:
        sys.exit(f"fleet: {error}")


def measure(count, rounds, directory):
    for changed in CHANGES:
        in_child(write_both, directory, count, changed)
    link, first = os.path.join(directory, "list"), path(directory, 0, 0)
    with namespaces(*LAYOUTS) as names:
        for layout in LAYOUTS:
            with inside(names[layout]):
                if layout == LAYOUTS[0]:
                    settle()
                    check = [NETFILTERD, "check", "-q", "--state-file", f"{STATE}.none", "-f", first]
                    checked = statistics.median(run(check)[0] for _ in range(rounds))
                point(link, first)
                with Daemon("--layout", layout, "-f", link) as daemon:
                    daemon.line()
                    for changed in CHANGES:
                        say(f"{count:,} networks, {layout}, {changed:,} changed")
                        figures = [one(daemon, link, directory, changed, number)
                                   for number in range(rounds + 1)][1:]
                        seconds, processor = map(statistics.median, zip(*figures))
                        print(f"| {count:,} | {os.path.getsize(first) / 1e6:.1f} MB | "
                              f"{milliseconds(checked)} | {layout} | {changed:,} | "
                              f"{milliseconds(seconds)} | {milliseconds(processor)} |", flush=True)


def one(daemon, link, directory, changed, number):
    """Seconds, and seconds of processor time, of one reload. The first goes to this pair of lists."""
    point(link, path(directory, changed, number % 2))
    settle(PATIENCE)
    before = processor_time(daemon)
    seconds, line = daemon.reload()
    expected = "no changes" if changed == 0 else f"+{changed // 2:,} -{changed // 2:,}"
    if number > 0 and expected not in line:
        raise Wrong(f"after {changed} changes, netfilterd run said: {line}")
    return seconds, processor_time(daemon) - before


def processor_time(daemon):
    """In the program and in the kernel for it, of all threads."""
    tasks = pathlib.Path(f"/proc/{daemon.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def path(directory, changed, number):
    return os.path.join(directory, f"{changed}.{number}")


def write_both(directory, count, changed):
    (*both, _, _), length = choose_two(count, changed)
    for number, starts in enumerate(both):
        name = path(directory, changed, number)
        write_networks(name, starts, length)
        # At rest, as a list that was renamed into place.
        os.utime(name, (1_700_000_000, 1_700_000_000))


def milliseconds(seconds):
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"


if __name__ == "__main__":
    main()
