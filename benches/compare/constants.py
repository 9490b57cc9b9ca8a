#!/usr/bin/env python3
"""The constants of the cost model of layouts, measured now, beside those in the code.

    cargo build --release && cargo build --release --examples
    python3 benches/compare/constants.py [--rounds N] [--large]

Each is measured by sets that nft fills, in network namespaces of their own, with packets from
unlisted sources. Needs root. The code is src/nftables/layout/cost.rs.
"""

import argparse
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile

# The modules lie beside this file; nothing is to be written there.
sys.dont_write_bytecode = True

import report
from costs import kernel_memory
from limits import nobody_listens
from lists import SEED, octets, write_networks
from system import (ENVIRONMENT, FLOOR, ROOT, Wrong, in_child, inside, namespaces, run, say,
                    settle)
from wire import Sender, add_sink, arrived, by_turns, connect, packet4, packet6, ring

CODE = ROOT / "src" / "nftables" / "layout" / "cost.rs"
SLOTS, RINGS = 1 << 13, 16
SIZES = [10, 1_000, 10_000, 100_000]
# As many times the elements is the size of a hash set.
ROOM = 2
# Of what is loaded for bytes and nanoseconds an element.
LOADED = 100_000


class Kind:
    """Rules of one family in a chain, and the elements of the one set that they look up in."""

    def __init__(self, rules="", key="", flags="", elements=()):
        self.rules, self.key, self.flags, self.elements = rules, key, flags, list(elements)

    def script(self, family):
        """For nft; the chain `further` is where what a set holds goes."""
        body = f"{self.key}\n{self.flags}\nelements = {{ {', '.join(self.elements)} }}"
        looked_up = f"set looked_up {{\n{body}\n}}\n" if self.key else ""
        return (f"table {family} measured {{\n{looked_up}chain further {{\n}}\nchain inbound {{\n"
                f"type filter hook prerouting priority raw\n{self.rules}\n}}\n}}\n")


def kinds4(sizes):
    bitmap = "typeof @nh,96,16"
    # Above unicast; no source is in one.
    none = [str(number) for number in range(0xe000, 0xe400)]
    networks24 = random.Random(SEED).sample(range(224 << 24, 1 << 32, 1 << 8), 1_000)
    look_up = "@nh,96,16 @looked_up goto further"
    kinds = {"empty": Kind(), "bitmap": Kind(look_up, bitmap, elements=none),
             "bitmap twice": Kind(f"{look_up}\n{look_up}", bitmap, elements=none),
             "bitmap and goto": Kind(look_up, bitmap, elements=map(str, range(1 << 16))),
             "masked": Kind("ip saddr & 255.255.255.0 @looked_up drop", "type ipv4_addr",
                            f"size {1_000 * ROOM}", map(octets, networks24))}
    for size in sizes:
        kinds[f"hash4 {size}"] = Kind("ip saddr @looked_up drop", "type ipv4_addr",
                                      f"size {size * ROOM}", map(octets, hosts(size)))
        kinds[f"interval4 {size}"] = Kind("ip saddr @looked_up drop", "type ipv4_addr",
                                          "flags interval", map(octets, hosts(size)))
    return kinds


def kinds6(sizes):
    kinds = {"empty": Kind()}
    for size in sizes:
        kinds[f"hash8 {size}"] = Kind("@nh,64,64 @looked_up drop", "typeof @nh,64,64",
                                      f"size {size * ROOM}", map(str, networks6(size)))
        for name, flags in (("hash16", f"size {size * ROOM}"), ("interval6", "flags interval")):
            kinds[f"{name} {size}"] = Kind("ip6 saddr @looked_up drop", "type ipv6_addr", flags,
                                           map(host6, networks6(size)))
    return kinds


def hosts(count):
    """Odd addresses, no two of them adjacent; sources are even."""
    return random.Random(SEED).sample(range((1 << 24) + 1, 224 << 24, 2), count)


def networks6(count):
    """The first 64 bits of addresses, all odd; those of sources are even."""
    return random.Random(SEED).sample(range((0x2000 << 48) + 1, 0x4000 << 48, 2), count)


def host6(network):
    return ":".join(f"{network >> shift & 0xffff:x}" for shift in (48, 32, 16, 0)) + "::7"


def sources4(count):
    numbers = random.Random(SEED + 1)
    return [numbers.randrange(1 << 24, 224 << 24, 2) for _ in range(count)]


def sources6(count):
    numbers = random.Random(SEED + 1)
    return [numbers.randrange(0x2000 << 48, 0x4000 << 48, 2) << 64 | numbers.getrandbits(64)
            for _ in range(count)]


# Measuring.

def measure(family, kinds, addresses, packet, rounds, result):
    """Writes kind to nanoseconds beyond a packet that is not looked up, and kind to bytes of memory."""
    rings = [ring(map(packet, addresses[place * SLOTS:][:SLOTS])) for place in range(RINGS)]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Names of interfaces are short.
    wires = {kind: f"kind{number}" for number, kind in enumerate(("nothing", *kinds))}
    memory, senders = {}, {}
    with namespaces("sender", *wires.values()) as names:
        for kind, wire in wires.items():
            say(f"{family}: preparing {kind}")
            connect(names["sender"], names[wire], wire)
            with inside(names[wire]):
                if kind in kinds:
                    memory[kind] = fill(kinds[kind], family)
                add_sink()
            with inside(names["sender"]):
                senders[kind] = Sender(wire, SLOTS)
        say(f"{family}: {rounds} rounds")
        times = by_turns(senders, rings, rounds)
        for kind, wire in wires.items():
            with inside(names[wire]):
                if arrived() != (rounds + 1) * SLOTS:
                    raise Wrong(f"{kind}: {arrived()} packets were let through, not all")
    more = {kind: statistics.median(report.extra(times, kind)) for kind in kinds}
    pathlib.Path(result).write_text(json.dumps([more, memory]))


def fill(kind, family):
    """Bytes of kernel memory that a large set takes; of a small one they cannot be told from others."""
    is_large = len(kind.elements) >= LOADED
    if is_large:
        settle()
    before = kernel_memory()
    subprocess.run(["nft", "-f", "-"], env=ENVIRONMENT, text=True, check=True,
                   input=kind.script(family))
    if is_large:
        settle()
    return kernel_memory() - before


def measured(*arguments):
    with tempfile.NamedTemporaryFile() as result:
        in_child(measure, *arguments, result.name)
        return json.loads(pathlib.Path(result.name).read_text())


def load_times(directory):
    """Nanoseconds in which the kernel loads an element, of a hash set and of an interval set."""
    path = os.path.join(directory, "list")
    write_networks(path, hosts(LOADED), 32)
    times = {}
    for layout in ("hash", "interval"):
        with namespaces("load") as names, inside(names["load"]):
            settle()
            out = os.path.join(directory, "seconds")
            run([FLOOR, path, "1", layout], stdout=out)
            times[layout] = float(pathlib.Path(out).read_text()) / LOADED * 1e9
    return times


# The constants.

def constants(sizes, rounds):
    """Name, or name and number of elements, to what was measured."""
    v4, memory = measured("ip", kinds4(sizes), sources4(SLOTS * RINGS), packet4, rounds)
    v6, _ = measured("ip6", kinds6(sizes), sources6(SLOTS * RINGS), packet6, rounds)
    bitmap = v4["bitmap twice"] - v4["bitmap"]
    first = v4["bitmap"] - v4["empty"] - bitmap
    found = {"CHAIN": v4["empty"], "FIRST": first, "BITMAP": bitmap,
             "MASK": v4["masked"] - v4["hash4 1000"],
             "GOTO": v4["bitmap and goto"] - v4["bitmap"]}
    for name, by_kind in (("HASH4", v4), ("INTERVAL4", v4), ("HASH8", v6), ("HASH16", v6),
                          ("INTERVAL6", v6)):
        for size in sizes:
            found[name, size] = by_kind[f"{name.lower()} {size}"] - by_kind["empty"] - first
    found["RANGE_BYTES"] = memory[f"interval4 {LOADED}"] / LOADED
    found["KEY_BYTES"] = memory[f"hash4 {LOADED}"] / LOADED
    with tempfile.TemporaryDirectory() as directory:
        times = load_times(directory)
    found["RANGE_LOAD"], found["KEY_LOAD"] = times["interval"], times["hash"]
    return found


def constants_in_code():
    """The same names to what stands in the code; of what is not there, nothing."""
    if not CODE.exists():
        return {}
    text = CODE.read_text()
    number = r"([0-9_]+(?:\.[0-9]*)?)"
    found = {name: float(value) for name, value in
             re.findall(rf"const (\w+): (?:f64|u64) = {number};", text)}
    for name, table in re.findall(r"const (\w+): &ByElements =\s*&\[(.*?)\];", text, re.DOTALL):
        for size, value in re.findall(r"\(([0-9.e]+), ([0-9.]+)\)", table):
            found[name, round(float(size))] = float(value)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=48)
    parser.add_argument("--large", action="store_true", help="sets of 1,000,000, too")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    if not os.access(FLOOR, os.X_OK):
        parser.error(f"{FLOOR} is missing: cargo build --release --examples")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    try:
        # All would be slow, and take the memory of the machine.
        nobody_listens()
        now = constants(SIZES + [1_000_000] * options.large, options.rounds)
    except Wrong as error:
        sys.exit(f"constants: {error}")
    code = constants_in_code()
    print("### The constants of the cost model\n")
    report.table(["constant", "elements", "in the code", "measured now"],
                 [row(key, now[key], code.get(key)) for key in now])
    print("Nanoseconds that a packet takes longer, bytes of kernel memory, and nanoseconds of a load, "
          "as src/nftables/layout/cost.rs has them. A set of so many elements is the first that the "
          f"packet is looked up in, less CHAIN and FIRST. Median of {options.rounds} rounds of "
          f"{SLOTS:,} packets, by turns. Between machines all of them differ, but less so the ratio "
          "of one to another.\n")


def row(key, now, code):
    name, size = key if isinstance(key, tuple) else (key, None)
    return [f"`{name}`", f"{size:,}" if size else "", report.NO_VALUE if code is None else
            f"{code:,.0f}", f"{now:,.0f}"]


if __name__ == "__main__":
    main()
