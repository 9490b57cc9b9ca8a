"""Block lists as people have them: published ones, made ones that resemble published ones, random ones.

Made lists are the same in every run. They have the sizes, lengths and clusters of what they
resemble, and none of its addresses, but for the special networks that every list of bogons names.
"""

import ipaddress
import itertools
import os
import random
import socket
from typing import Callable, NamedTuple

from lists import SEED, octets, write_networks
from system import ROOT

# Special networks (IANA's registry of special addresses).
BOGONS = [(int(network.network_address), network.prefixlen) for network in map(
    ipaddress.ip_network,
    ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
     "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
     "203.0.113.0/24"))]


class BlockList(NamedTuple):
    """A list of one family, and how its file is made: `write` gets the path."""
    name: str
    title: str
    bits: int
    write: Callable[[str], None]


def block_lists():
    """All that there are here, in the order of the report."""
    shipped = ROOT / "tests" / "lists"
    more = os.environ.get("NETFILTERD_LISTS")
    found = [BlockList(name, title, bits, copy_of(os.path.join(folder, file)))
             for folder, file, name, title, bits in (
                 (shipped, "ipsum_level3.txt", "ipsum3", "ipsum, level 3", 32),
                 (more, "ipsum.txt", "ipsum", "ipsum", 32),
                 (shipped, "country_de_v4.cidr", "country4", "a country, IPv4", 32),
                 (more, "x4b_datacenter_ipv4.txt", "datacenter4", "data centres, IPv4", 32),
                 (shipped, "country_us_v6.cidr", "country6", "a country, IPv6", 128),
                 (more, "x4b_datacenter_ipv6.txt", "datacenter6", "data centres, IPv6", 128))
             if folder and os.path.exists(os.path.join(folder, file))]
    made = [BlockList(*fields) for fields in (
        ("firehol1", "like FireHOL level 1", 32, made_of4(like_firehol1)),
        ("firehol2", "like FireHOL level 2", 32, made_of4(like_firehol2)),
        ("tor", "like a list of Tor exits", 32, made_of4(like_tor)),
        ("drop", "like Spamhaus DROP", 32, made_of4(like_drop)),
        ("random24-300k", "300,000 random /24", 32, random24(300_000)),
        ("random24-1m", "1,000,000 random /24", 32, random24(1_000_000)),
        ("random32-1m", "1,000,000 random hosts", 32, random_hosts(1_000_000)),
        ("random64-100k", "100,000 random /64", 128, made_of6(random64)),
        ("mixed6", "IPv6 of mixed lengths", 128, made_of6(mixed6)))]
    return sorted(found + made, key=lambda one: one.bits)


def copy_of(path):
    def write(copy):
        with open(path, "rb") as file, open(copy, "wb") as out:
            out.write(file.read())
    return write


def made_of4(make):
    """Writes what `make` yields for a seeded source of numbers: (address, prefix length)."""
    def write(path):
        with open(path, "w") as file:
            file.writelines(f"{octets(address)}/{length}\n"
                            for address, length in make(random.Random(SEED)))
    return write


def made_of6(make):
    def write(path):
        with open(path, "w") as file:
            file.writelines(
                f"{socket.inet_ntop(socket.AF_INET6, address.to_bytes(16, 'big'))}/{length}\n"
                for address, length in make(random.Random(SEED)))
    return write


# IPv4.

def like_firehol1(numbers):
    """Bogons, unallocated remains of allocated blocks, networks of spammers, the twenty worst /24,
    hosts of botnets: some 6,500 networks of 21 lengths."""
    yield from BOGONS
    yield from like_drop(numbers)
    yield from ((anywhere(numbers, 24), 24) for _ in range(20))
    for first, last in remains(numbers, 250):
        yield from networks(first, last)
    yield from clustered_hosts(numbers, 2_100, clusters(numbers, 900, 16), 16)


def like_firehol2(numbers):
    """Attackers of the last days: some 20,000 hosts, and some hundred networks."""
    yield from ((anywhere(numbers, length), length)
                for length in numbers.choices(range(16, 25), weights=range(1, 10), k=300))
    yield from clustered_hosts(numbers, 20_000, clusters(numbers, 6_000, 16), 16)


def like_tor(numbers):
    """1,200 hosts, many of them neighbours in the few /24 of those who run exits."""
    yield from clustered_hosts(numbers, 1_200, clusters(numbers, 450, 24), 24)


def like_drop(numbers):
    """1,000 networks /15 to /24, mostly short ones, by neighbourhoods."""
    lengths = {15: 4, 16: 50, 17: 30, 18: 40, 19: 70, 20: 120, 21: 90, 22: 170, 23: 90, 24: 336}
    neighbourhoods = clusters(numbers, 250, 12)
    for length, count in lengths.items():
        for _ in range(count):
            within = numbers.choice(neighbourhoods) | numbers.getrandbits(20)
            yield within & -1 << 32 - length, length


def random24(count):
    """No two of them adjacent, all over the unicast space."""
    starts = random.Random(SEED).sample(range(1 << 24, 224 << 24, 1 << 9), count)
    return lambda path: write_networks(path, starts, 24)


def random_hosts(count):
    starts = random.Random(SEED).sample(range(1 << 24, 224 << 24), count)
    return lambda path: write_networks(path, starts, 32)


def anywhere(numbers, length):
    return numbers.randrange(1 << 24, 224 << 24) & -1 << 32 - length


def clusters(numbers, count, length):
    """First addresses of networks in which much is listed."""
    return [anywhere(numbers, length) for _ in range(count)]


def clustered_hosts(numbers, count, within, length):
    """Distinct hosts; the first of the clusters have many of them, the last have few."""
    weights = list(itertools.accumulate(1 / (place + 30) for place in range(len(within))))
    hosts = set()
    while len(hosts) < count:
        cluster, = numbers.choices(within, cum_weights=weights)
        hosts.add(cluster | numbers.getrandbits(32 - length))
    return ((host, 32) for host in sorted(hosts))


def remains(numbers, count):
    """Ranges without a common length: what is left of a block when other parts are taken."""
    for _ in range(count):
        first = anywhere(numbers, 24) | numbers.getrandbits(8)
        yield first, first + (1 << numbers.randrange(8, 18)) + numbers.getrandbits(14)


def networks(first, last):
    """The fewest networks that a range is made of."""
    while first <= last:
        size = 1 << 32 if first == 0 else first & -first
        while first + size - 1 > last:
            size >>= 1
        yield first, 33 - size.bit_length()
        first += size


# IPv6.

def random64(numbers):
    for _ in range(100_000):
        yield numbers.randrange(0x2000 << 48, 0x4000 << 48) << 64, 64


def mixed6(numbers):
    """30,000 networks and hosts in 3,000 allocated /32, some of which are listed whole."""
    allocated = [numbers.randrange(0x2000 << 16, 0x4000 << 16) << 96 for _ in range(3_000)]
    lengths = {29: 1, 32: 5, 36: 2, 40: 4, 44: 4, 48: 25, 56: 10, 64: 30, 112: 1, 128: 18}
    for length in numbers.choices(list(lengths), lengths.values(), k=30_000):
        # Of the wider ones not so many that the allocations are gone.
        within = numbers.choice(allocated[:300] if length < 48 else allocated)
        address = within | numbers.getrandbits(96)
        yield address & -1 << 128 - length, length
