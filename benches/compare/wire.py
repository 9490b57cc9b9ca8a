"""Packets over veth pairs, from one network namespace to others.

The packets lie ready in a ring that is shared with the kernel (packet(7), PACKET_TX_RING): one
system call sends them all, and no time is spent on making them. The processor that sends a packet
also receives it, in the same call, so the time of the call has all of a packet's way: from end to
end, what the rules do with it, and the sink behind them. It is the time of a clock and not the
process's own, which on some kernels lacks what is done while packets arrive.
"""

import mmap
import re
import socket
import struct
import time

from system import Wrong, output

# A ring: slots of one packet each, in blocks.
SLOT, BLOCK = 128, 1 << 16
# packet(7) and linux/if_packet.h.
SOL_PACKET, PACKET_VERSION, PACKET_TX_RING, PACKET_QDISC_BYPASS = 263, 10, 13, 20
TPACKET_V2, TP_STATUS_SEND_REQUEST, DATA = 1, 1, 32
ETHERNET, IPV4, IPV6, UDP, DISCARD = 14, 20, 40, 17, 9
PACKET = 62

SENDER_MAC, RECEIVER_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


def connect(sender, receiver, kind):
    mac, peer = (":".join(f"{byte:02x}" for byte in mac) for mac in (SENDER_MAC, RECEIVER_MAC))
    output("ip", "-n", sender, "link", "add", kind, "address", mac, "type", "veth",
           "peer", "name", "wire", "netns", receiver, "address", peer)
    output("ip", "-n", sender, "link", "set", kind, "up")
    output("ip", "-n", receiver, "link", "set", "wire", "up")


def add_sink():
    """Drops every packet that the rules of this namespace let through, before routing and sockets,
    and counts it."""
    output("nft", "add table inet sink; "
           "add chain inet sink inbound { type filter hook prerouting priority -250; }; "
           f"add rule inet sink inbound udp dport {DISCARD} counter drop")


def arrived():
    """How many packets the sink has counted."""
    return int(re.search(r"packets (\d+)", output("nft", "list", "table", "inet", "sink"))[1])


def by_turns(senders, rings, rounds, before_round=lambda: None):
    """Kind to a list of nanoseconds a packet, one for each round. Each kind is as often the first
    as it is the second, and so on, where the rounds are a multiple of the kinds."""
    kinds = list(senders)
    times = {kind: [] for kind in kinds}
    # The first round is for warming up.
    for number in range(rounds + 1):
        before_round()
        for place in range(len(kinds)):
            kind = kinds[(number + place) % len(kinds)]
            sender = senders[kind]
            nanoseconds = sender.send(rings[number % len(rings)]) / sender.slots * 1e9
            if number > 0:
                times[kind].append(nanoseconds)
    return times


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
        """Seconds that it took to send them all, without those for which other processes had the
        processor."""
        self.ring[:] = packets
        begin, waited = time.perf_counter(), waiting_time()
        sent = self.socket.send(b"")
        seconds = time.perf_counter() - begin - (waiting_time() - waited)
        if sent != self.slots * PACKET:
            raise Wrong(f"{sent} bytes were sent instead of {self.slots * PACKET}")
        return seconds


def waiting_time():
    """Seconds that this thread was ready to run and did not; 0 where the kernel does not count them."""
    try:
        with open("/proc/thread-self/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0


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
