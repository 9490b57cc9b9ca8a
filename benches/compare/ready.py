#!/usr/bin/env python3
"""From the start of the daemon to its READY=1, as a service manager counts, and `status` after it.

    cargo build --release
    python3 benches/compare/ready.py [--rounds N] [SIZE...]

Needs root. Random /24 networks, each start in a network namespace of its own.
"""

import argparse
import os
import signal
import socket
import statistics
import sys
import tempfile
import time

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

from lists import choose, write_networks
from system import ENVIRONMENT, NETFILTERD, Wrong, inside, namespaces, run, settle


def start(path, directory):
    """Seconds to READY=1, and of a `netfilterd status` after that."""
    notify = os.path.join(directory, "notify")
    status = os.path.join(directory, "status")
    arguments = [NETFILTERD, "run", "--watch", "--file", path, "--status-file", status,
                 "--state-file", os.path.join(directory, "state"), "--max-shrink", "100"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(notify)
        manager.settimeout(120)
        begin = time.perf_counter()
        child = os.posix_spawn(NETFILTERD, arguments, ENVIRONMENT | {"NOTIFY_SOCKET": notify},
                               file_actions=[(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
        try:
            message = manager.recv(4096)
            ready = time.perf_counter() - begin
            if not message.startswith(b"READY=1\nSTATUS=loaded "):
                raise Wrong(f"instead of readiness: {message}")
            told, _ = run([NETFILTERD, "status", "--status-file", status])
        finally:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            os.unlink(notify)
    return ready, told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", metavar="SIZE", type=int, nargs="*", default=[6_000, 60_000, 600_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| networks | start to READY=1 | `netfilterd status` |\n| ---: | ---: | ---: |")
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "list")
            write_networks(path, *choose(size))
            figures = []
            for _ in range(options.rounds):
                with namespaces("host") as names, inside(names["host"]):
                    settle()
                    figures.append(start(path, directory))
        ready, told = (statistics.median(column) * 1000 for column in zip(*figures))
        worst = max(ready for ready, _ in figures) * 1000
        print(f"| {size:,} | {ready:.0f} ms, at most {worst:.0f} | {told:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
