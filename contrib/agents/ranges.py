# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of addresses as ranges of numbers: merged, subtracted, and written as networks.

A range is a pair of numbers, its first and its last address. What is called merged is in order, and
no two of its ranges touch.
"""

import bisect
import ipaddress
import socket

BITS = {4: 32, 6: 128}

# netfilterd ignores what is wider.
WIDEST = {4: 8, 6: 16}

# What the special-purpose registries of IANA name, and multicast. No country has them.
SPECIAL4 = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"""
SPECIAL6 = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20"

# Nothing else of IPv6 is given out: private, link-local and multicast addresses are outside, and so
# are those that hold an address of IPv4, but for 6to4.
GLOBAL6 = "2000::/3"


def bounds(text):
    """The range of a network, as text."""
    network = ipaddress.ip_network(text)
    return int(network.network_address), int(network.broadcast_address)


def merged(ranges):
    """The same addresses in order."""
    result = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = result[-1][0], last
        else:
            result.append((first, last))
    return result


def without(ranges, others):
    """What is left of merged ranges without others that are merged."""
    result, place = [], 0
    for first, last in ranges:
        while place < len(others) and others[place][1] < first:
            place += 1
        at = place
        while at < len(others) and others[at][0] <= last:
            if first < others[at][0]:
                result.append((first, others[at][0] - 1))
            first = others[at][1] + 1
            at += 1
        if first <= last:
            result.append((first, last))
    return result


def everything(version):
    return [(0, (1 << BITS[version]) - 1)]


def special(version):
    """What is no country's, merged."""
    if version == 4:
        return merged(map(bounds, SPECIAL4.split()))
    outside = without(everything(6), [bounds(GLOBAL6)])
    return merged([*outside, *map(bounds, SPECIAL6.split())])


def holds(ranges, number):
    """Whether merged ranges hold an address."""
    place = bisect.bisect_right(ranges, (number, float("inf"))) - 1
    return place >= 0 and number <= ranges[place][1]


def networks(version, ranges):
    """The networks of merged ranges as text, none wider than netfilterd takes."""
    bits, family = BITS[version], socket.AF_INET if version == 4 else socket.AF_INET6
    widest = bits - WIDEST[version]
    for first, last in ranges:
        while first <= last:
            # As large as its first address is aligned, and as the range has room.
            size = min((last - first + 1).bit_length() - 1, widest)
            if first:
                size = min(size, (first & -first).bit_length() - 1)
            address = socket.inet_ntop(family, first.to_bytes(bits // 8, "big"))
            yield f"{address}/{bits - size}" if size else address
            first += 1 << size
