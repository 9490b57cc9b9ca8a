#!/usr/bin/env python3
"""The part of side-by-side.py that is about queue mode, alone and in more rounds.

    cargo build --release
    python3 benches/compare/queue-mode.py [--rounds N]

Needs root, and Debian's libnetfilter-queue-dev for the example.
"""

import argparse
import os
import signal
import sys
import tempfile

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import report
from queues import measure_queues
from system import Wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and serve queues")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    report.print_heading(rounds)
    try:
        with tempfile.TemporaryDirectory() as directory:
            report.print_queues(measure_queues(rounds, directory))
    except Wrong as error:
        sys.exit(f"queue-mode: {error}")


if __name__ == "__main__":
    main()
