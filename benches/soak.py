#!/usr/bin/env python3
"""Daemons that reload, refuse, repair and judge for half an hour: nothing may grow, and no packet
may be misjudged.

    cargo build --release
    python3 benches/soak.py [--minutes N] [--write]

Needs root, and iptables-legacy for the queues. Four daemons, each in a network namespace of its
own: the managed table in both layouts, a foreign table, and two queues. Their lists have
20,000 networks, and change all the time; what another program removes is repaired; and packets are
judged meanwhile. The report is written to standard output, with --write also to docs/SOAK.md
if all went well. If not, it exits with 1 and says what was wrong.

The last third of the time is compared with the second one; the first is for warming up.
"""

import argparse
import contextlib
import os
import pathlib
import platform
import re
import select
import signal
import statistics
import sys
import tempfile
import time

# The modules lie beside this file and in compare; nothing is to be written there.
sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parent / "compare"))

from packets import connect
from soak_hosts import FOREIGN, PATIENCE, Host
from soak_wire import (ALLOWED, CROWD, JUDGED, PLOTS, ROUND, STEADY, STOPPED, Sender,
                       changes_ranges_safely, prepare_sender, prepare_target, probes)
from system import NETFILTERD, ROOT, Wrong, inside, namespaces, output, say

# Host to the options of its daemon, and whether it sees for itself that its list has changed.
HOSTS = {
    "hash": (["--layout", "hash"], True),
    "interval": (["--layout", "interval"], False),
    "foreign": (["--table", FOREIGN, "--set4", "a", "--set6", "b"], False),
    "queue": (["--queue", "0:1"], True),
}
TITLES = {"hash": "hash layout", "interval": "interval layout", "foreign": "foreign table",
          "queue": "queue mode"}

# Seconds from one look at the daemons to the next; in a short run there are as many of them.
EVERY, LOOKS = 10, 90

# By how much memory may have grown.
MOST_GROWTH = 1.05

# So many faults are named in the report; the rest was told when it happened.
MOST_NAMED = 20

# The proportional is told, and not judged: it falls and grows with what else on the machine maps
# the same libraries.
MEMORY = {"Rss": "resident", "Pss": "proportional", "Anonymous": "anonymous"}
MAY_NOT_GROW = ("Rss", "Anonymous")


def main():
    options = parse()
    # So that what is below in `finally` is done then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    try:
        hosts, slab, faults = soak(options.minutes * 60)
    except Wrong as error:
        sys.exit(f"soak: {error}")
    text = report(hosts, slab, options.minutes, faults)
    print(text, end="")
    if options.write and not faults:
        (ROOT / "docs" / "SOAK.md").write_text(text)
    if faults:
        sys.exit(f"soak: {faults[0]}" + (f" ({len(faults)} faults)" if faults[1:] else ""))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, metavar="N")
    parser.add_argument("--write", action="store_true",
                        help="also write docs/SOAK.md, if all went well")
    options = parser.parse_args()
    if not 1 <= options.minutes <= 24 * 60:
        parser.error("it takes a minute at least, and a day at most")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    if not os.access(NETFILTERD, os.X_OK):
        parser.error(f"{NETFILTERD} is missing: cargo build --release")
    return options


def soak(seconds):
    """The hosts after so many seconds, the kernel's slab, and what was wrong."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        names = stack.enter_context(namespaces("sender", *HOSTS))
        hosts = [prepare(kind, number, names, folder) for number, kind in enumerate(HOSTS)]
        with inside(names["sender"]):
            sender = Sender([(target(host.number), host.sources) for host in hosts])
        stack.callback(stop, sender)
        for host in hosts:
            host.sender = sender
            stack.callback(host.end)
            host.start()
        slab = watch(hosts, sender, seconds)
        for host in hosts:
            with inside(host.namespace):
                judge_packets(host, sender)
            judge_growth(host)
        return hosts, slab, [fault for host in hosts for fault in host.faults]


def prepare(kind, number, names, folder):
    if number == 0:
        prepare_sender(names["sender"])
    connect(names["sender"], names[kind], kind)
    prepare_target(names["sender"], kind, target(number))
    # Where the kernel cannot change a range unseen, and there is nothing to switch to.
    steady = kind == "foreign" and not changes_ranges_safely()
    return Host(kind, number, names[kind], probes(STEADY if steady else PLOTS), folder,
                *HOSTS[kind])


def target(number):
    """IP version to an address that is a host's as far as the sender knows."""
    return {4: f"192.0.2.{number + 1}", 6: f"2001:db8::{number + 1}"}


def stop(sender):
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(sender.pid, signal.SIGKILL)
        os.waitpid(sender.pid, 0)


def watch(hosts, sender, seconds):
    """Lets it all happen. Bytes of the kernel's slab, one for each look."""
    begin = time.monotonic()
    every = min(EVERY, seconds / LOOKS)
    look, slab = begin, []
    while any(host.happens for host in hosts):
        now = time.monotonic()
        if now >= look:
            look = now + every
            slab.append(slab_size())
            for host in hosts:
                host.sample_is_due = now < begin + seconds
            if not sender.is_alive():
                raise Wrong("the sender of packets has ended")
        for host in hosts:
            host.ending |= now >= begin + seconds
            host.step()
        # One that has come to a bad end ends it all.
        if not all(host.happens or host.closed for host in hosts):
            seconds = min(seconds, now - begin)
        if now - begin > seconds + 4 * PATIENCE:
            raise Wrong("the daemons did not come to an end")
        logs = [host.log for host in hosts if host.happens]
        select.select(logs, [], [], 0.1)
    for host in hosts:
        host.tell(STOPPED)
    time.sleep(1)
    return slab


def slab_size():
    text = pathlib.Path("/proc/meminfo").read_text()
    return 1024 * int(re.search(r"^Slab:\s+(\d+)", text, re.MULTILINE)[1])


# What was wrong.

def judge_packets(host, sender):
    before, passed = host.counters.before(), host.counters.passed()
    host.packets = {
        "listed": before[JUDGED, True],
        "passed": passed[JUDGED, True],
        "unlisted": before[JUDGED, False] + before[ALLOWED, False],
        "lost": sum(before[mode, False] - passed[mode, False] for mode in (JUDGED, ALLOWED)),
        "allowed": before[ALLOWED, True],
        "allowed passed": passed[ALLOWED, True],
        "on the wire": sender.sent(host.number) - sum(before.values()),
    }
    for probe, behind in ((probe, host.counters.behind()[probe.port(host.sources, JUDGED)])
                          for probe in host.sources if probe.listed):
        if behind:
            host.fault(f"{behind} packets from {probe.source} ({probe.plot}) passed, and all "
                       "versions of the list have it")
    if host.packets["lost"]:
        host.fault(f"{host.packets['lost']} packets from sources that no version of the list has "
                   "were dropped")
    if not host.packets["listed"] or not host.packets["unlisted"]:
        host.fault("no packets were judged")


def judge_growth(host):
    _, host.middle, host.last = thirds(host.samples)
    if not host.middle or not host.last:
        return host.fault("it was never looked at, so nothing is known of its memory")
    for name in MAY_NOT_GROW:
        words = MEMORY[name]
        middle, last = (median(third, name) for third in (host.middle, host.last))
        if last > middle * MOST_GROWTH:
            host.fault(f"{words} memory grew from {middle:,.0f} to {last:,.0f} KiB")
    # Whatever is open for a moment only is not in the least of several.
    for name in ("descriptors", "threads"):
        middle = min(sample[name] for sample in host.middle)
        last = min(sample[name] for sample in host.last[-3:])
        if last != middle:
            host.fault(f"of {middle} {name} it has come to {last}")


def thirds(samples):
    """By time. Who was busy is looked at a little later."""
    if not samples:
        return [], [], []
    begin, end = samples[0]["at"], samples[-1]["at"]
    parts = [], [], []
    for sample in samples:
        parts[min(2, int(3 * (sample["at"] - begin) / max(end - begin, 1e-9)))].append(sample)
    return parts


def median(samples, name):
    return statistics.median(sample[name] for sample in samples)


# The report.

def report(hosts, slab, minutes, faults):
    networks = sum(CROWD.values())
    version = output(NETFILTERD, "--version").strip()
    lines = [
        "# Soak", "",
        f"Written by `make soak`. For {minutes:g} min four daemons ({version}, Linux "
        f"{platform.release()}, {os.cpu_count()} processors) had lists of some {networks:,} "
        "networks of both families that changed all the time, while another program changed "
        "their tables, and while packets from sources that all versions of a list have, and from "
        f"sources that none has, came every {ROUND * 1000:.0f} ms.", "",
        f"**{verdict(faults)}**", "",
    ]
    lines += [f"* {fault}" for fault in faults[:MOST_NAMED]] + [""] if faults else []
    lines += table("what was done, how often", hosts, [
        (what, lambda host, what=what: f"{host.done[what]:,}")
        for what in ("loads", "a few entries", "complete", "with ends", "expired in time",
                     "refused", "failed", "repaired")])
    packet = lambda name: lambda host: f"{host.packets[name]:,}"
    lines += table("packets", hosts, [
        ("from listed sources", packet("listed")),
        ("of these misjudged: passed", packet("passed")),
        ("from unlisted sources", packet("unlisted")),
        ("of these misjudged: dropped", packet("lost")),
        ("from listed sources, until repaired", packet("allowed")),
        ("of these passed", packet("allowed passed")),
        ("lost on the wire, before all rules", packet("on the wire")),
    ])
    grown = lambda name: lambda host: " → ".join(
        f"{median(third, name):,.0f}" if third else "–" for third in (host.middle, host.last))
    lines += table("medians of the second third → the last", hosts, [
        *((f"{words} memory, KiB", grown(name)) for name, words in MEMORY.items()),
        ("descriptors", grown("descriptors")), ("threads", grown("threads")),
        ("looks", lambda host: str(len(host.samples))),
    ])
    third = len(slab) // 3
    middle, last = (statistics.median(part) / 2**20
                    for part in (slab[third:2 * third], slab[2 * third:]))
    lines += [f"The kernel's slab, of the whole machine and whatever else ran on it: {middle:,.0f} "
              f"→ {last:,.0f} MiB."]
    return "\n".join(lines) + "\n"


def verdict(faults):
    if faults:
        return f"{len(faults)} faults:" if faults[1:] else "One fault:"
    return ("No packet was misjudged, no line of the logs was unexpected, nothing grew, and the "
            "metrics tell what was done.")


def table(head, hosts, rows):
    lines = [" | ".join(["", head, *(TITLES[host.name] for host in hosts), ""]).strip(),
             "| --- |" + " ---: |" * len(hosts)]
    lines += [" | ".join(["", name, *(cell(host) for host in hosts), ""]).strip()
              for name, cell in rows]
    return lines + [""]


if __name__ == "__main__":
    main()
