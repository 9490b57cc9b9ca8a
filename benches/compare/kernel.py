"""What is in force, whatever sets hold it: packets from chosen sources show it."""

import pathlib
import random
import re
import socket
import subprocess

from lists import SEED, octets
from system import ENVIRONMENT, Wrong, output
from wire import DISCARD, RECEIVER_MAC, SENDER_MAC, packet4

# Of so many networks packets are sent from both ends, and from beside both.
SAMPLE = 5_000


class Probe:
    """Judges addresses by packets in the network namespace that it is made in. They arrive over a veth
    pair of its own, and a socket receives those that no rule drops. The ruleset stays as it is.

    Routing has to take the sources: no loopback, no multicast, none of 192.0.2.0/24."""

    NAME, PEER, ADDRESS = "probe", "probed", "192.0.2.1"
    # In no list; a packet from it ends each batch. Packets do not overtake each other.
    LAST = 192 << 24 | 2 << 8 | 2
    BATCH = 500
    # The room that the kernel counts for a waiting packet is less than this.
    WAITING = 4096

    def __init__(self):
        sender, receiver = (":".join(f"{byte:02x}" for byte in mac)
                            for mac in (SENDER_MAC, RECEIVER_MAC))
        output("ip", "link", "add", self.NAME, "address", sender, "type", "veth",
               "peer", "name", self.PEER, "address", receiver)
        for interface in (self.NAME, self.PEER):
            # Without addresses of IPv6, which a daemon would be notified of.
            output("ip", "link", "set", interface, "addrgenmode", "none", "up")
        output("ip", "address", "add", f"{self.ADDRESS}/32", "dev", self.PEER)
        for interface in ("all", self.PEER):
            pathlib.Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.wire.bind((self.NAME, 0))
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # SO_RCVBUFFORCE, which Python does not know.
        self.receiver.setsockopt(socket.SOL_SOCKET, 33, self.BATCH * self.WAITING)
        self.receiver.bind((self.ADDRESS, DISCARD))
        self.receiver.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        output("ip", "link", "del", self.NAME)
        self.close()

    def close(self):
        """Its interfaces disappear with the namespace, which its sockets would keep."""
        self.wire.close()
        self.receiver.close()

    def held(self, addresses):
        """Those of the addresses whose packets are dropped."""
        addresses = set(addresses)
        return addresses - self.passed(sorted(addresses))

    def passed(self, addresses):
        passed = set()
        for begin in range(0, len(addresses), self.BATCH):
            for address in [*addresses[begin:][:self.BATCH], self.LAST]:
                self.wire.send(packet4(address))
            while (source := self.receive()) != self.LAST:
                passed.add(source)
        return passed

    def receive(self):
        try:
            source, _ = self.receiver.recvfrom(64)[1]
        except TimeoutError:
            raise Wrong(f"a packet from {octets(self.LAST)}, which no list has, did not arrive")
        return int.from_bytes(socket.inet_aton(source), "big")


class IpSet:
    """The set `drop4` of ipset, which may have no rule."""

    def held(self, addresses):
        """Those of the addresses that are in it; a process for each."""
        return {address for address in addresses
                if subprocess.run(["ipset", "-q", "test", "drop4", octets(address)],
                                  env=ENVIRONMENT).returncode == 0}


def check_nft(starts, length):
    """What these networks send is dropped, and what is sent from beside them is not."""
    with Probe() as probe:
        check_members(probe, starts, length, SAMPLE)


def check_ipset(starts, length):
    count = int(re.search(r"Number of entries: (\d+)", output("ipset", "list", "-t", "drop4"))[1])
    if count != len(starts):
        raise Wrong(f"ipset holds {count} networks, not {len(starts)}")
    check_members(IpSet(), starts, length, 20)


def check_members(judge, starts, length, sample):
    """Both ends of some networks are in force, what lies beside them is not."""
    size = 1 << (32 - length)
    some = random.Random(SEED).sample(starts, min(sample, len(starts)))
    some += [min(starts), max(starts)]
    check(judge, [start + part for start in some for part in (0, size - 1)],
          [start + part for start in some for part in (-1, size)])


def check(judge, members, others):
    if missing := set(members) - judge.held(members):
        raise Wrong(f"{octets(min(missing))} and {len(missing) - 1} others are not in force")
    if surplus := judge.held(others):
        raise Wrong(f"{octets(min(surplus))} and {len(surplus) - 1} others are in force")
