#!/usr/bin/env python3
"""Where to hook: the same look-ups in prerouting, raw, and at ingress, beside a packet's whole way.

    cargo build --release
    python3 benches/compare/hooks.py [--rounds N]

A bitmap of the first 16 bits and a hash set of hosts (ipsum, level 3), in a network namespace for each
hook. Needs root.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import report
import sources
from blocklists import block_lists
from system import ENVIRONMENT, Wrong, in_child, inside, namespaces, settle
from wire import Sender, add_sink, arrived, by_turns, connect, packet4, ring

SLOTS, RINGS = 1 << 13, 16
HOOKS = {"nothing": None,
         "raw": ("ip", "", "prerouting priority raw"),
         "inet": ("inet", "meta protocol ip ", 'ingress device "wire" priority -500'),
         "netdev": ("netdev", "meta protocol ip ", 'ingress device "wire" priority -500')}
TITLES = {"raw": "`ip`, prerouting, raw", "inet": "`inet`, ingress", "netdev": "`netdev`, ingress"}


def rules(hook, prefixes, hosts):
    """A script for nft."""
    family, is_ipv4, place = HOOKS[hook]
    return (f"table {family} early {{\n"
            "set first16 {\ntypeof @nh,96,16\n"
            f"elements = {{ {', '.join(map(str, prefixes))} }}\n}}\n"
            f"set hosts {{\ntype ipv4_addr; size {2 * len(hosts)};\n"
            f"elements = {{ {', '.join(map(str, hosts))} }}\n}}\n"
            "chain inbound {\n"
            f"type filter hook {place}\n"
            f"{is_ipv4}@nh,96,16 @first16 ip saddr @hosts counter drop\n}}\n}}\n")


def measure(rounds, directory):
    path = os.path.join(directory, "list")
    [ipsum] = [one for one in block_lists() if one.name == "ipsum3"]
    ipsum.write(path)
    ranges = sources.Ranges(path, ipsum.bits)
    hosts = [host for first, last in zip(ranges.first, ranges.last)
             for host in range(first, last + 1)]
    prefixes = sorted({host >> 16 for host in hosts})
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with namespaces("sender", *HOOKS) as names:
        senders = {}
        for hook in HOOKS:
            connect(names["sender"], names[hook], hook)
            with inside(names[hook]):
                if HOOKS[hook]:
                    subprocess.run(["nft", "-f", "-"], env=ENVIRONMENT, text=True, check=True,
                                   input=rules(hook, prefixes, hosts))
                add_sink()
            with inside(names["sender"]):
                senders[hook] = Sender(hook, SLOTS)
        for title, choose in (("Unlisted", sources.unlisted), ("Listed", sources.listed)):
            addresses = choose(ranges, SLOTS * RINGS)
            rings = [ring(map(packet4, addresses[place * SLOTS:][:SLOTS]))
                     for place in range(RINGS)]
            settle()
            print_times(title, by_turns(senders, rings, rounds))
        for hook in HOOKS:
            with inside(names[hook]):
                expected = (rounds + 1) * SLOTS * (1 if HOOKS[hook] else 2)
                if arrived() != expected:
                    raise Wrong(f"{hook}: {arrived()} instead of {expected} packets were let through")


def print_times(title, times):
    """Ingress beside raw as a part of the whole way at raw, round by round."""
    rows = []
    for hook, name in TITLES.items():
        saved = [(raw - time) / raw for raw, time in zip(times["raw"], times[hook])]
        rows.append([name, f"{statistics.median(times[hook]):,.0f} ns",
                     report.nanoseconds(report.extra(times, hook)),
                     f"{100 * statistics.median(saved):.1f} %"])
    print(f"**{title} packets, {statistics.median(times['nothing']):,.0f} ns where nothing is looked "
          "up**\n")
    report.table(["hook", "whole way", "beyond no look-up", "saved of the way at raw"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24 * len(HOOKS))
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    try:
        with tempfile.TemporaryDirectory() as directory:
            in_child(measure, options.rounds, directory)
    except Wrong as error:
        sys.exit(f"hooks: {error}")


if __name__ == "__main__":
    main()
