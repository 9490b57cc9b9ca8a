"""What a list costs in force: load, kernel memory, and packets from nowhere near it, from near it and
from within it; for each layout of netfilterd and for ipset.
"""

import json
import os
import pathlib
import re

import sources
from loads import print_scripts
from system import NETFILTERD, OWN_STATE, Wrong, in_child, inside, namespaces, output, run, say, settle
from wire import Sender, add_sink, arrived, by_turns, connect, packet4, packet6, ring

# What looks a packet up, and what does not: no rules at all, and a chain without rules.
LAYOUTS = {"interval": "interval", "hash": "hash", "chosen": "auto"}
LOOKING = (*LAYOUTS, "ipset")
KINDS = ("nothing", "empty", *LOOKING)

# Rings with packets of their own take turns; so many sources, which no cache holds. The rounds are
# short, so that what else the machine does spoils few of them.
SLOTS, RINGS = 1 << 13, 16
# Each kind is as often the first as it is the second, and so on.
ROUNDS = 8 * len(KINDS)
# A list with more ranges than this is loaded once and not three times.
LOADED_ONCE = 100_000

SOURCES = {"unlisted": sources.unlisted, "near": sources.near, "listed": sources.listed}


def measure_list(block_list, directory):
    """A dictionary: under "ranges", "networks", "lengths" and "touched" what the list is; under "loads"
    kind to a list of (seconds, bytes of kernel memory); under "packets" kind of source to kind to
    nanoseconds a packet, one for each round."""
    result = os.path.join(directory, "costs")
    in_child(measure, block_list, directory, result)
    return json.loads(pathlib.Path(result).read_text())


def measure(block_list, directory, result):
    path = os.path.join(directory, "list")
    block_list.write(path)
    ranges = sources.Ranges(path, block_list.bits)
    print_scripts(path, {"ipset": f"{path}.ipset"}, "--no-protect")
    lengths = ranges.lengths()
    costs = {"ranges": len(ranges), "networks": sum(lengths.values()), "lengths": len(lengths),
             "touched": ranges.touched(), "loads": measure_loads(block_list, ranges, path),
             "packets": measure_packets(block_list, ranges, path)}
    pathlib.Path(result).write_text(json.dumps(costs))


# Loads.

def measure_loads(block_list, ranges, path):
    loads = {kind: [] for kind in LOOKING}
    for _ in range(1 if len(ranges) > LOADED_ONCE else 3):
        for kind in LOOKING:
            say(f"{block_list.title}: load, {kind}")
            with namespaces("load") as names, inside(names["load"]):
                settle()
                before = kernel_memory()
                seconds, _ = run(load_command(kind, path))
                settle()
                loads[kind].append((seconds, kernel_memory() - before))
    return loads


def load_command(kind, path):
    if kind == "ipset":
        return ["ipset", "restore", "-file", f"{path}.ipset"]
    return [NETFILTERD, "load", "-q", *OWN_STATE, "--no-protect", "--layout", LAYOUTS[kind],
            "-f", path]


def kernel_memory():
    """Bytes in which the kernel keeps objects, however it got them."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return sum(1024 * int(re.search(rf"{name}:\s+(\d+)", text)[1])
               for name in ("SUnreclaim", "VmallocUsed"))


# Packets.

def measure_packets(block_list, ranges, path):
    # The one that sends; nothing else of what is measured is to come to its processor.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with namespaces("sender", *KINDS) as names:
        senders = {}
        for kind in KINDS:
            say(f"{block_list.title}: preparing {kind}")
            connect(names["sender"], names[kind], kind)
            with inside(names[kind]):
                prepare(kind, path, ranges.bits)
            with inside(names["sender"]):
                senders[kind] = Sender(kind, SLOTS)
        times = {}
        for source, choose in SOURCES.items():
            addresses = choose(ranges, SLOTS * RINGS)
            if addresses:
                say(f"{block_list.title}: packets, {source}, {ROUNDS} rounds")
                before = arrivals(names)
                times[source] = send_from(addresses, senders, ranges.bits)
                check(source, before, arrivals(names))
    return times


def send_from(addresses, senders, bits):
    packet = packet4 if bits == 32 else packet6
    rings = [ring(map(packet, addresses[number * SLOTS:][:SLOTS])) for number in range(RINGS)]
    settle()
    return by_turns(senders, rings, ROUNDS)


def prepare(kind, path, bits):
    if kind == "empty":
        output("nft", "add table ip empty; add chain ip empty inbound "
               "{ type filter hook prerouting priority raw; }; add table ip6 empty; "
               "add chain ip6 empty inbound { type filter hook prerouting priority raw; }")
    elif kind != "nothing":
        run(load_command(kind, path))
    if kind == "ipset":
        iptables, name = ("iptables", "drop4") if bits == 32 else ("ip6tables", "drop6")
        output(iptables, "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", name, "src",
               "-j", "DROP")
    add_sink()


def arrivals(names):
    """Kind to how many packets were let through."""
    counts = {}
    for kind in KINDS:
        with inside(names[kind]):
            counts[kind] = arrived()
    return counts


def check(source, before, after):
    """Each packet was judged as the list has it: all or none were let through."""
    for kind in KINDS:
        drops = source == "listed" and kind in LOOKING
        expected = 0 if drops else (ROUNDS + 1) * SLOTS
        found = after[kind] - before[kind]
        if found != expected:
            raise Wrong(f"{kind}: {found} instead of {expected} packets from {source} sources "
                        "were let through")
