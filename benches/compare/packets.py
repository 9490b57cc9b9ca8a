"""What a packet costs more when its source is looked up.

Packets go from one network namespace to others over veth pairs. The processor that sends one also
receives it, in the same breath, so the time of the sending call has all of it: the way from end to
end, the look-up, and the rule behind it that drops what was let through, before anything else in
the kernel sees it. The packets lie ready in a ring that is shared with the kernel (packet(7),
PACKET_TX_RING): one system call sends them all, and no time is spent on making them.
"""

import json
import mmap
import os
import pathlib
import random
import re
import socket
import struct
import time

from kernel import check_ipset, check_nft
from lists import SEED, choose, unlisted, write_networks
from loads import print_scripts
from system import (NETFILTERD, OWN_STATE, Wrong, in_child, inside, namespaces, output, run, say,
                    settle)

# What stands between the wire and the rule that drops everything.
KINDS = ("nothing", "interval", "hash", "ipset")

# The ring: slots of one packet each, in blocks.
SLOTS, SLOT, BLOCK = 1 << 16, 128, 1 << 16
# packet(7) and linux/if_packet.h.
SOL_PACKET, PACKET_VERSION, PACKET_TX_RING, PACKET_QDISC_BYPASS = 263, 10, 13, 20
TPACKET_V2, TP_STATUS_SEND_REQUEST, DATA = 1, 1, 32
ETHERNET, IPV4, IPV6, UDP, DISCARD = 14, 20, 40, 17, 9
PACKET = 62

# Rings with packets of their own, which take turns.
RINGS = 8

# How many sources the packets come from. What the look-up of a source touches is still in the
# processor's caches if one of the last packets came from there. So it is with the peers of a busy
# host, and not in a flood whose sources are made up.
SOURCES = {"few": 4096, "many": SLOTS * RINGS}

# Each kind is as often the first as it is the second, and so on.
ROUNDS = 3 * len(KINDS)

SENDER_MAC, RECEIVER_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


def measure_packets(count, kinds, directory):
    """"few" or "many" to kind to a list of nanoseconds a packet, one for each round."""
    result = os.path.join(directory, "nanoseconds")
    in_child(measure, count, kinds, directory, result)
    return json.loads(pathlib.Path(result).read_text())


def measure(count, kinds, directory, result):
    path = os.path.join(directory, "list")
    write_networks(path, *choose(count))
    # The one that sends; nothing else of what is measured is to come to its processor.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with namespaces("sender", *kinds) as names:
        senders = {}
        for kind in kinds:
            say(f"packets, {count:,} networks: preparing {kind}")
            connect(names["sender"], names[kind], kind)
            with inside(names[kind]):
                prepare(kind, path, count)
            with inside(names["sender"]):
                senders[kind] = Sender(kind, SLOTS)
        times = {few_or_many: send_from(sources, senders, count)
                 for few_or_many, sources in SOURCES.items()}
        for kind in kinds:
            with inside(names[kind]):
                check_arrived(kind, len(SOURCES) * (ROUNDS + 1) * SLOTS)
    pathlib.Path(result).write_text(json.dumps(times))


def send_from(sources, senders, count):
    """Kind to a list of nanoseconds a packet."""
    addresses = unlisted(sources, SEED)
    if sources < SLOTS:
        addresses = random.Random(SEED).choices(addresses, k=SLOTS * RINGS)
    rings = [ring(map(packet4, addresses[number * SLOTS:][:SLOTS])) for number in range(RINGS)]
    kinds = list(senders)
    times = {kind: [] for kind in kinds}
    say(f"packets, {count:,} networks, {sources:,} sources: {ROUNDS} rounds")
    # The first round is for warming up.
    for number in range(ROUNDS + 1):
        settle()
        for place in range(len(kinds)):
            kind = kinds[(number + place) % len(kinds)]
            nanoseconds = senders[kind].send(rings[number % RINGS]) / SLOTS * 1e9
            if number > 0:
                times[kind].append(nanoseconds)
    return times


def connect(sender, receiver, kind):
    mac, peer = (":".join(f"{byte:02x}" for byte in mac) for mac in (SENDER_MAC, RECEIVER_MAC))
    output("ip", "-n", sender, "link", "add", kind, "address", mac, "type", "veth",
           "peer", "name", "wire", "netns", receiver, "address", peer)
    output("ip", "-n", sender, "link", "set", kind, "up")
    output("ip", "-n", receiver, "link", "set", "wire", "up")


def prepare(kind, path, count):
    if kind in ("interval", "hash"):
        run([NETFILTERD, "load", "-q", *OWN_STATE, "--layout", kind, "-f", path])
        check_nft(*choose(count), kind)
    elif kind == "ipset":
        script = f"{path}.ipset"
        print_scripts(path, {"ipset": script})
        run(["ipset", "restore", "-file", script])
        os.unlink(script)
        check_ipset(*choose(count))
        output("iptables", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", "drop4",
               "src", "-j", "DROP")
    # Behind all of them, and before routing and sockets.
    output("nft", "add table inet sink; "
           "add chain inet sink inbound { type filter hook prerouting priority -250; }; "
           f"add rule inet sink inbound udp dport {DISCARD} counter drop")


def check_arrived(kind, sent):
    """All packets were let through by the look-up, and none was lost on the way to it."""
    found = int(re.search(r"packets (\d+)", output("nft", "list", "table", "inet", "sink"))[1])
    if found != sent:
        raise Wrong(f"{kind}: of {sent} packets, {found} came to the end of the way")


class Sender:
    """A ring of so many slots, and the socket that sends what is in it over one wire."""

    def __init__(self, interface, slots):
        self.slots = slots
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        option = lambda name, *values: self.socket.setsockopt(
            SOL_PACKET, name, struct.pack(f"={len(values)}I", *values))
        block = min(BLOCK, slots * SLOT)
        option(PACKET_VERSION, TPACKET_V2)
        option(PACKET_QDISC_BYPASS, 1)
        option(PACKET_TX_RING, block, slots * SLOT // block, SLOT, slots)
        self.ring = mmap.mmap(self.socket.fileno(), slots * SLOT)
        self.socket.bind((interface, 0))

    def send(self, packets):
        """Seconds that it took to send them all."""
        self.ring[:] = packets
        begin = time.perf_counter()
        sent = self.socket.send(b"")
        seconds = time.perf_counter() - begin
        if sent != self.slots * PACKET:
            raise Wrong(f"{sent} bytes were sent instead of {self.slots * PACKET}")
        return seconds


def ring(packets):
    """The content of a ring that they fill."""
    header = struct.pack("=II", TP_STATUS_SEND_REQUEST, PACKET).ljust(DATA, b"\0")
    return b"".join((header + packet).ljust(SLOT, b"\0") for packet in packets)


def packet4(source):
    """A UDP packet of IPv4."""
    length = PACKET - ETHERNET
    words = [0x4500, length, 0, 0, 64 << 8 | UDP, 0, source >> 16, source & 0xffff,
             192 << 8, 2 << 8 | 1]
    words[5] = 0xffff - (sum(words) % 0xffff)
    return (RECEIVER_MAC + SENDER_MAC + b"\x08\0" + struct.pack("!10H", *words)
            + udp(length - IPV4))


def packet6(source):
    """A UDP packet of IPv6, without a checksum: nobody is to read that far."""
    length = PACKET - ETHERNET - IPV6
    return (RECEIVER_MAC + SENDER_MAC + b"\x86\xdd"
            + struct.pack("!IHBB", 6 << 28, length, UDP, 64)
            + source.to_bytes(16, "big") + (0x20010db8 << 96 | 1).to_bytes(16, "big")
            + udp(length))


def udp(length):
    return struct.pack("!4H", DISCARD, DISCARD, length, 0).ljust(length, b"\0")
