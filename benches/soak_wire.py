"""Packets for soak.py: where they come from, what the lists say of that, and who counts them.

Each probe is a source of UDP packets that every version of a list drops, or that none does. Its
packets have a port of their own, and another one for moments in which somebody has just taken the
table away. They are counted before all rules, by a socket that sees what comes off the wire and is
never read, and behind them by iptables-legacy, which `nft flush ruleset` leaves alone. What is lost
on the wire is in neither count.
"""

import ctypes
import ipaddress
import mmap
import os
import platform
import random
import re
import socket
import struct
import time
from typing import NamedTuple

from packets import RECEIVER_MAC, SOL_PACKET
from system import Wrong, output

# Addresses are told in blocks, alike in both families: /24 from 20.0.0.0 and /48 from 2001:14::.
FIRST = 0x14_0000
# How many networks come and go, by whether they are of IPv6.
CROWD = {False: 16_000, True: 4_000}
# The blocks of one plot, with its probe in the middle.
PLOT = 256

# Whether the plot's sources are listed, and which they are, as offsets from its middle block; of
# networks the first address and the one before the next block.
PLOTS = {
    "network": (True, (0, "last")),
    "host": (True, (7,)),
    "stretching": (True, (7,)),
    "far": (False, (0, "last")),
    "between hosts": (False, (7,)),
    "between networks": (False, (0, "last")),
}
# Where the two phases differ in no range that has a probe in it or right beside it.
STEADY = ("network", "host", "far")

# What a sender may be told to do, by host.
STOPPED, JUDGED, ALLOWED = range(3)
# Ports, from which a probe's is counted: judged or not, unlisted and listed.
PORTS = {(JUDGED, False): 20_000, (JUDGED, True): 21_000,
         (ALLOWED, False): 22_000, (ALLOWED, True): 23_000}
PORTS_EACH = 100

# Seconds from one round of all sources to the next.
ROUND = 0.02

PACKET_STATISTICS, SO_ATTACH_FILTER, ETH_P_ALL = 6, 26, 3
# linux/bpf_common.h: two bytes, one byte, jumps (so many steps if it is so, and if not), the end.
LOAD2, LOAD1, GO, IF_EQUAL, IF_MORE, IF_AT_LEAST, TAKE = 0x28, 0x30, 0x05, 0x15, 0x25, 0x35, 0x06


class Probe(NamedTuple):
    plot: str
    listed: bool
    source: object

    def port(self, probes, mode):
        return PORTS[mode, self.listed] + probes.index(self)


def address(v6, block, offset=0):
    if v6:
        return ipaddress.IPv6Address((0x2001 << 112) + (block << 80) + offset)
    return ipaddress.IPv4Address((block << 8) + offset)


def network(v6, block):
    return f"{address(v6, block)}/{48 if v6 else 24}\n"


def middle(v6, plot):
    return FIRST + 4 * CROWD[v6] + PLOT * (list(PLOTS).index(plot) + 1)


def probes(plots):
    found = []
    for plot in plots:
        listed, offsets = PLOTS[plot]
        for v6 in CROWD:
            block = middle(v6, plot)
            found += [Probe(plot, listed, address(v6, block + 1, -1) if offset == "last"
                            else address(v6, block, offset)) for offset in offsets]
    return found


def changes_ranges_safely():
    """As KERNELS in netfilterd(8) has it."""
    release = [int(number) for number in re.findall(r"\d+", platform.release())[:3]]
    return release >= [7] or release[:2] == [6, 18] and release >= [6, 18, 44]


def plot_entries(v6, plot, second):
    """What decides about a plot's probes, in either of its two phases."""
    block = middle(v6, plot)
    blocks = lambda *away: [network(v6, block + number) for number in away]
    hosts = lambda *offsets: [f"{address(v6, block, offset)}\n" for offset in offsets]
    between = lambda first, last: [f"{address(v6, block, first)}-{address(v6, block, last)}\n"]
    return {
        "network": lambda: blocks(0),
        "host": lambda: hosts(7, 9) if second else hosts(5, 7),
        "stretching": lambda: blocks(-1, 0, 1) if second else blocks(0),
        "far": lambda: [],
        "between hosts": lambda: between(0, 6) + between(8, 200) if second else hosts(6, 8),
        "between networks": lambda: blocks(-2, -1, 1, 2) if second else blocks(-1, 1),
    }[plot]()


class Versions:
    """A list that changes all the time."""

    # A network is two blocks away from where it was, and never beside another.
    CROWDS = [(network(v6, FIRST + 4 * number), network(v6, FIRST + 4 * number + 2))
              for v6 in CROWD for number in range(CROWD[v6])]

    def __init__(self):
        self.moved = [random.getrandbits(1) for _ in self.CROWDS]
        self.second = {(v6, plot): False for v6 in CROWD for plot in PLOTS}

    def change_a_few(self):
        for number in random.sample(range(len(self.moved)), random.randint(1, 40)):
            self.moved[number] ^= 1
        self.change_plots()

    def change_all(self):
        self.moved = [1 - moved for moved in self.moved]
        self.change_plots()

    def change_plots(self):
        for plot in random.sample(list(self.second), 3):
            self.second[plot] ^= True

    def lines(self):
        lines = [line[moved] for line, moved in zip(self.CROWDS, self.moved)]
        for (v6, plot), second in self.second.items():
            lines += plot_entries(v6, plot, second)
        return lines

    @staticmethod
    def ending(count, end):
        """Entries that end, where nothing else is."""
        return [f"{address(v6, FIRST + 4 * CROWD[v6] + 20 * PLOT + 2 * number)} until {end}\n"
                for v6 in CROWD for number in range(count)]


# Who sends.

class Sender:
    """A process that sends from all probes to all hosts, for each as it is told at the moment."""

    CELLS = 8

    def __init__(self, hosts):
        self.cells = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
        sockets = [[(probe.listed, {mode: connected(probe, target, probe.port(sources, mode))
                                    for mode in (JUDGED, ALLOWED)}) for probe in sources]
                   for target, sources in hosts]
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.send(sockets, parent)
            finally:
                os._exit(1)

    def send(self, sockets, parent):
        due = time.monotonic()
        # Whoever made it may be killed.
        while os.getppid() == parent:
            for host, of_host in enumerate(sockets):
                mode = self.cells[host * self.CELLS]
                if mode != STOPPED:
                    for listed, sender in of_host:
                        sender[mode].send(b"?")
                        self.cells[self.sent_cell(host, mode, listed)] += 1
                self.cells[host * self.CELLS + 1] = mode
            # What a busy machine has kept it from sending it does not catch up on.
            due = max(due + ROUND, time.monotonic())
            time.sleep(max(0, due - time.monotonic()))

    def sent_cell(self, host, mode, listed):
        return host * self.CELLS + 2 * mode + listed

    def tell(self, host, mode):
        self.cells[host * self.CELLS] = mode

    def obeys(self, host):
        """Whether nothing is sent any more but what it was told last."""
        return self.cells[host * self.CELLS + 1] == self.cells[host * self.CELLS]

    def sent(self, host):
        return sum(self.cells[self.sent_cell(host, *of)] for of in PORTS)

    def is_alive(self):
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)


def connected(probe, target, port):
    family = socket.AF_INET6 if probe.source.version == 6 else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.bind((str(probe.source), 0))
    sender.connect((target[probe.source.version], port))
    return sender


def prepare_sender(namespace):
    output("ip", "-n", namespace, "link", "set", "lo", "up")
    for probe in probes(PLOTS):
        length, more = ("128", ["nodad"]) if probe.source.version == 6 else ("32", [])
        output("ip", "-n", namespace, "address", "add", f"{probe.source}/{length}", "dev", "lo",
               *more)


def prepare_target(namespace, interface, target):
    mac = ":".join(f"{byte:02x}" for byte in RECEIVER_MAC)
    for version, name in target.items():
        output("ip", "-n", namespace, f"-{version}", "route", "add", name, "dev", interface)
        # To ask for a neighbour from a listed source would be in vain.
        output("ip", "-n", namespace, "neigh", "replace", name, "lladdr", mac, "dev", interface,
               "nud", "permanent")


# Who counts.

class Tap:
    """Counts what comes off the wire for some ports, before any rule. The kernel counts also what
    finds no room in the socket."""

    def __init__(self, first):
        self.count = 0
        last = first + PORTS_EACH - 1
        # Both families: UDP, and its port of destination. Offsets are from the Ethernet header.
        code = [(LOAD2, 0, 0, 12), (IF_EQUAL, 0, 4, 0x0800),
                (LOAD1, 0, 0, 23), (IF_EQUAL, 0, 9, 17), (LOAD2, 0, 0, 36), (GO, 0, 0, 4),
                (IF_EQUAL, 0, 6, 0x86dd),
                (LOAD1, 0, 0, 20), (IF_EQUAL, 0, 4, 17), (LOAD2, 0, 0, 56),
                (IF_AT_LEAST, 0, 2, first), (IF_MORE, 1, 0, last),
                (TAKE, 0, 0, 1), (TAKE, 0, 0, 0)]
        program = b"".join(struct.pack("=HBBI", *step) for step in code)
        buffer = ctypes.create_string_buffer(program)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                               struct.pack("@HP", len(code), ctypes.addressof(buffer)))
        self.socket.bind(("wire", ETH_P_ALL))

    def read(self):
        packets, _ = struct.unpack("=II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.count += packets
        return self.count


PROGRAMS = {4: "iptables-legacy", 6: "ip6tables-legacy"}


class Counters:
    """The taps of a host, and the rules at the end of the way. To be made in its namespace."""

    def __init__(self, sources):
        self.taps = {of: Tap(first) for of, first in PORTS.items()}
        for probe in sources:
            for mode in (JUDGED, ALLOWED):
                output(PROGRAMS[probe.source.version], "-w", "-t", "mangle", "-A", "PREROUTING",
                       "-p", "udp", "--dport", str(probe.port(sources, mode)), "-j", "DROP")

    def before(self):
        return {of: tap.read() for of, tap in self.taps.items()}

    def behind(self):
        """Port to packets. To be read in the host's namespace."""
        text = "".join(output(program, "-w", "-t", "mangle", "-nvxL", "PREROUTING")
                       for program in PROGRAMS.values())
        return {int(port): int(packets) for packets, port
                in re.findall(r"^\s*(\d+).*dpt:(\d+)", text, re.MULTILINE)}

    def passed(self):
        """The same by what was asked of them."""
        behind = self.behind()
        if not behind:
            raise Wrong("the rules that count are gone")
        return {of: sum(packets for port, packets in behind.items()
                        if first <= port < first + PORTS_EACH) for of, first in PORTS.items()}
