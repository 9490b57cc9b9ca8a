"""What the kernel holds.

nft fetches all elements of a table for any question about it, which takes a minute for a million,
so large sets are asked for single elements over netlink.
"""

import ipaddress
import json
import random
import re
import socket
import struct
import subprocess

from lists import SEED, octets
from system import ENVIRONMENT, Wrong, output

# nft lists so many in reasonable time; twice as many take it four times as long.
LISTED = 60_000

NFNL_NFTABLES, NFPROTO_IPV4, NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 10, 2, 1, 4, 0x300
NFT_MSG_GETRULE, NFT_MSG_GETSETELEM = 7, 13
NLMSG_ERROR, NLMSG_DONE = 2, 3


def attribute(kind, value):
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def ask(message, flags, attributes):
    """The bytes of all answers; `None` if there is no such thing."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.settimeout(60)
        netlink.bind((0, 0))
        netlink.send(struct.pack("=IHHIIBBH", 20 + len(attributes), NFNL_NFTABLES << 8 | message,
                                 NLM_F_REQUEST | flags, 0, 0, NFPROTO_IPV4, 0, 0) + attributes)
        answers = b""
        while True:
            piece = netlink.recv(1 << 16)
            while piece:
                length, kind, _, _, _, error = struct.unpack_from("=IHHIIi", piece)
                if kind == NLMSG_DONE or (kind == NLMSG_ERROR and error == 0):
                    return answers
                if kind == NLMSG_ERROR and -error == 2:
                    return None
                if kind == NLMSG_ERROR:
                    raise OSError(-error, "nf_tables")
                answers += piece[:length]
                piece = piece[(length + 3) & ~3:]


class NftSet:
    """The set of IPv4 that the rules look up."""

    def __init__(self, layout):
        rules = ask(NFT_MSG_GETRULE, NLM_F_DUMP, attribute(1, b"netfilterd\0"))
        names = set(re.findall(rb"drop4\w*", rules or b""))
        if len(names) != 1:
            raise Wrong(f"the rules look up {len(names)} sets of IPv4, not one")
        self.name = names.pop().decode()
        # A hash set has the length of its networks in its name, and holds their first addresses.
        length = re.fullmatch(r"drop4_(\d+)_g\d+", self.name)
        self.length = int(length[1]) if length else None
        if (self.length is not None) != (layout == "hash"):
            raise Wrong(f"set {self.name} is not of the {layout} layout")

    def holds(self, address):
        if self.length is not None:
            address &= -1 << (32 - self.length)
        key = attribute(1, attribute(1, address.to_bytes(4, "big")))
        found = ask(NFT_MSG_GETSETELEM, NLM_F_ACK,
                    attribute(1, b"netfilterd\0") + attribute(2, self.name.encode() + b"\0")
                    + attribute(3, attribute(1, key)))
        return found is not None

    def networks(self):
        listing = json.loads(output("nft", "-j", "list", "set", "ip", "netfilterd", self.name))
        elements = [item["set"] for item in listing["nftables"] if "set" in item][0].get("elem", [])
        if self.length is not None:
            return {f"{element}/{self.length}" for element in elements}
        return {str(ipaddress.ip_network((item["prefix"]["addr"], item["prefix"]["len"])))
                for item in elements}


class IpSet:
    """The set `drop4` of ipset."""

    def holds(self, address):
        return subprocess.run(["ipset", "-q", "test", "drop4", octets(address)],
                              env=ENVIRONMENT).returncode == 0


def check_nft(starts, length, layout):
    """The set in force holds these networks, as far as that can be asked, and is of the layout."""
    held = NftSet(layout)
    if len(starts) <= LISTED:
        networks = held.networks()
        if networks != {f"{octets(start)}/{length}" for start in starts}:
            raise Wrong(f"set {held.name} does not hold the {len(starts)} networks, "
                        f"but {len(networks)} others")
    check_members(held, starts, length)


def check_ipset(starts, length):
    count = int(re.search(r"Number of entries: (\d+)", output("ipset", "list", "-t", "drop4"))[1])
    if count != len(starts):
        raise Wrong(f"ipset holds {count} networks, not {len(starts)}")
    check_members(IpSet(), starts, length)


def check_members(held, starts, length):
    """Both ends of some networks are in the set, what lies beside them is not."""
    size = 1 << (32 - length)
    for start in random.Random(SEED).sample(starts, 20) + [min(starts), max(starts)]:
        for address in (start, start + size - 1):
            if not held.holds(address):
                raise Wrong(f"{octets(address)} is not in the set")
        for address in (start - 1, start + size):
            if held.holds(address):
                raise Wrong(f"{octets(address)} is in the set")


def check_change(held, gone, new):
    for start in gone:
        if held.holds(start):
            raise Wrong(f"{octets(start)} is still in the set")
    for start in new:
        if not held.holds(start):
            raise Wrong(f"{octets(start)} is not in the set")
