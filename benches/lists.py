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
