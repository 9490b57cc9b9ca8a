"""A daemon of which the list gets one more line: against one that has to read all of it."""

import contextlib
import os
import pathlib
import re
import time

from lists import choose, octets
from system import Daemon, Wrong, inside, namespaces, say, settle

LINES = 1_000_000

# A list with more lines than this of which each is something else than an entry alone is read as a whole
# each time.
ODD = 1_000

# For how long at most the daemon is busy behind the line that it logs, with the status and with freeing
# memory.
REST = 0.5

# After so many reloads the daemon has attempted three times to read such a list by parts, and reads it as
# a whole without an attempt the next seven times.
BEFORE = 6

# What is measured, and the prefix length that stands in the lines.
KINDS = {"hosts": "", "/24": "/24"}


def measure_appended(rounds, directory):
    """Kind to "again" and "whole" to the seconds of the processor that reloads took."""
    results = {kind: {"again": [], "whole": []} for kind in KINDS}
    for kind, length in KINDS.items():
        paths = {way: os.path.join(directory, f"appended-{way}") for way in results[kind]}
        for way, path in paths.items():
            write(path, length, way == "whole")
        with contextlib.ExitStack() as stack:
            names = stack.enter_context(namespaces(*paths))
            daemons = {}
            for way, path in paths.items():
                with inside(names[way]):
                    daemons[way] = stack.enter_context(Daemon("--no-repair", "-f", path))
                    daemons[way].line()
            for number in range(BEFORE + rounds):
                for way, daemon in daemons.items():
                    say(f"one line appended to {LINES:,} {kind}, reload {number + 1}: {way}")
                    append(paths[way], f"200.0.{2 * number}.0{length}\n")
                    settle()
                    taken = reload(daemon)
                    if number >= BEFORE:
                        results[kind][way].append(taken)
            results[kind]["memory"] = daemons["again"].memory()
        for path in paths.values():
            pathlib.Path(path).unlink()
    return results


def write(path, length, is_odd):
    starts, _ = choose(LINES)
    odd = ODD + 1 if is_odd else 0
    with open(path, "w") as file:
        file.writelines(f"{octets(start)}{length}\n" for start in starts[odd:])
        file.writelines(f"{octets(start)}/{'24' if length else '32'} Example LLC\n"
                        for start in starts[:odd])


def append(path, line):
    with open(path, "a") as file:
        file.write(line)
    # A list is not read before it has rested for a moment.
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def reload(daemon):
    before = processor_time(daemon)
    _, line = daemon.reload()
    if not re.search(r"loaded .*: \+1 -0, ", line):
        raise Wrong(f"after a line was appended, netfilterd run said: {line}")
    time.sleep(REST)
    return processor_time(daemon) - before


def processor_time(daemon):
    """Seconds of all threads, those that have ended included."""
    # The clock of another process, as clock_getcpuclockid(3) has it.
    return time.clock_gettime(~daemon.pid << 3 | 2)
