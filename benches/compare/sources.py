"""Where packets come from, beside a list: from nowhere near it, from near it, from within it."""

import bisect
import random
import socket

from blocklists import BOGONS
from lists import SEED
from system import NETFILTERD, output

# Unicast, from which real packets come.
SPACE = {32: (1 << 24, 224 << 24), 128: (0x2000 << 112, 0x4000 << 112)}
# What one prefilter cannot tell from a listed network: it has the first bits of one.
NEAR = {32: 16, 128: 32}
# A list that covers nearly all that is near it has no sources near it.
TRIES = 50


class Ranges:
    """The merged ranges of the list at a path, ascending."""

    def __init__(self, path, bits):
        self.bits = bits
        family, separator = (socket.AF_INET, ".") if bits == 32 else (socket.AF_INET6, ":")
        number = lambda text: int.from_bytes(socket.inet_pton(family, text), "big")
        lines = output(NETFILTERD, "print", "-q", "--no-protect", "--format", "range",
                       "-f", path).split()
        pairs = [line.split("-") for line in lines if separator in line]
        self.first = [number(first) for first, _ in pairs]
        self.last = [number(last) for _, last in pairs]

    def __len__(self):
        return len(self.first)

    def __contains__(self, address):
        place = bisect.bisect_right(self.first, address) - 1
        return place >= 0 and address <= self.last[place]

    def lengths(self):
        """Prefix length to the number of networks of that length."""
        counts = {}
        for first, last in zip(self.first, self.last):
            while first <= last:
                size = first & -first or 1 << self.bits
                while first + size - 1 > last:
                    size >>= 1
                length = self.bits + 1 - size.bit_length()
                counts[length] = counts.get(length, 0) + 1
                first += size
        return counts

    def touched(self):
        """How many networks /16 (IPv6: /32) have something listed."""
        shift = self.bits - NEAR[self.bits]
        count, seen = 0, -1
        for first, last in zip(self.first, self.last):
            first, last = max(first >> shift, seen + 1), last >> shift
            count += max(0, last - first + 1)
            seen = max(seen, last)
        return count


def unlisted(ranges, count):
    """From all over the unicast space, none of them listed."""
    numbers = random.Random(SEED)
    drawn = iter(lambda: numbers.randrange(*SPACE[ranges.bits]), None)
    return take((address for address in drawn if is_source(ranges, address)), count)


def near(ranges, count):
    """From the /16 (IPv6: /32) of listed networks, none of them listed; `None` if the list has nearly
    all of these addresses."""
    numbers = random.Random(SEED + 1)
    low_bits = ranges.bits - NEAR[ranges.bits]
    addresses = []
    for _ in range(TRIES * count):
        address = within(ranges, numbers) >> low_bits << low_bits | numbers.getrandbits(low_bits)
        if is_source(ranges, address):
            addresses.append(address)
            if len(addresses) == count:
                return addresses
    return None


def listed(ranges, count):
    """From listed ranges, each as often as another."""
    numbers = random.Random(SEED + 2)
    return [within(ranges, numbers) for _ in range(count)]


def within(ranges, numbers):
    place = numbers.randrange(len(ranges))
    return numbers.randint(ranges.first[place], ranges.last[place])


def is_source(ranges, address):
    """Whether the address is unlisted and may stand in a packet that has come over a network."""
    if ranges.bits == 32 and any(address >> 32 - length == network >> 32 - length
                                 for network, length in BOGONS):
        return False
    return address not in ranges


def take(addresses, count):
    return [next(addresses) for _ in range(count)]
