"""The networks that all tools get, the same in every run."""

import random

SEED = 2009

# Below this, networks are /24; from here on there are not enough of them.
SHORTER_FROM = 2_000_001

# Bits that no network of `choose` has in its first address: an address with both of them set is
# in none, whatever the size of the list.
UNLISTED = 1 << 8 | 1 << 4


def octets(number):
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def choose(count):
    """First addresses of `count` networks, and their length. No two are adjacent, so that nothing
    merges, and all lie in 1.0.0.0 to 126.255.255.255, where no address is special."""
    # Every other /24 from 1.0.0.0 up; there are 4 million. Above that, every other /28.
    length = 24 if count < SHORTER_FROM else 28
    step = 1 << (33 - length)
    starts = range(1 << 24, 127 << 24, step)
    return random.Random(SEED).sample(starts, count), length


def choose_two(count, changed):
    """Two lists of `count` networks between which `changed` differ: half of them are gone, half of
    them are new. In a third list, what is only in the first, and in a fourth, only in the second."""
    half = changed // 2
    starts, length = choose(count + half)
    return (starts[:count], starts[half:], starts[:half], starts[count:]), length


def write_networks(path, starts, length):
    with open(path, "w") as file:
        file.writelines(f"{octets(start)}/{length}\n" for start in starts)


def write_lines(path, count, in_order):
    """Hosts and /24 by halves, as feeds have them: some twice, some inside others."""
    numbers = random.Random(SEED)
    entries = []
    for _ in range(count):
        address = numbers.randrange(1 << 24, 127 << 24)
        entries.append((address, 32) if numbers.getrandbits(1) else (address & ~255, 24))
    if in_order:
        entries.sort()
    with open(path, "w") as file:
        for address, length in entries:
            file.write(f"{octets(address)}\n" if length == 32 else f"{octets(address)}/24\n")


def unlisted(count, seed):
    """Addresses that are in no list, all over where the networks are."""
    numbers = random.Random(seed)
    return [numbers.randrange(1 << 24, 127 << 24) | UNLISTED for _ in range(count)]


# IPv6: every other /48 of what is in use.

def choose6(count):
    """The numbers of `count` networks /48, no two of them adjacent."""
    return random.Random(SEED).sample(range(0x2000 << 32, 0x4000 << 32, 2), count)


def write_networks6(file, numbers):
    file.writelines(f"{number >> 32:x}:{number >> 16 & 0xffff:x}:{number & 0xffff:x}::/48\n"
                    for number in numbers)


def unlisted6(count, seed):
    """Addresses that are in no list, all over where the networks are."""
    numbers = random.Random(seed)
    return [(numbers.randrange(0x2000 << 32, 0x4000 << 32) | 1) << 80 | numbers.getrandbits(80)
            for _ in range(count)]


def listed(starts, length, count, seed):
    """Addresses that are in the networks of IPv4."""
    numbers = random.Random(seed)
    return [start | numbers.getrandbits(32 - length)
            for start in numbers.choices(starts, k=count)]
