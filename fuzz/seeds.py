#!/usr/bin/env python3
"""Writes the inputs that fuzzing begins with, from the cases of the tests: seeds.py CORPUS

Each target has a folder in CORPUS. Those of lists come from tests/cases/list_cases.json; messages
of netlink are put together here, with the numbers of the kernel's headers and not with the
program's own encoder."""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What is longer teaches a fuzzer nothing that a shorter one does not.
LONGEST = 4096


def write(folder, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def lists():
    """The inputs of the cases, and the lines of all of them."""
    cases = json.loads((HERE / "../tests/cases/list_cases.json").read_text())["cases"]
    for case in cases:
        if "input_b64" in case:
            yield base64.b64decode(case["input_b64"])
        elif "input" in case:
            yield case["input"].encode()


def attribute(kind, value):
    head = struct.pack("=HH", 4 + len(value), kind)
    return head + value + bytes(-len(value) % 4)


def nest(kind, *attributes):
    return attribute(kind | 0x8000, b"".join(attributes))


def message(kind, payload, flags=0, sequence=1):
    head = struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0)
    return head + payload + bytes(-len(payload) % 4)


def be32(number):
    return struct.pack(">I", number)


def text(word):
    return word.encode() + b"\0"


def nft(kind, *attributes, generation=7):
    """A message about something in a table of family inet."""
    return message(0x0A00 | kind, struct.pack(">BBH", 1, 0, generation) + b"".join(attributes))


def element(key, end=False):
    flags = [attribute(3, be32(1))] if end else []
    return nest(1, nest(1, attribute(1, key)), *flags)


def from_nf_tables():
    """What nf_tables answers and tells: objects, elements, the end of a transaction, errors."""
    table, drop4 = attribute(1, text("netfilterd")), attribute(2, text("drop4"))
    comment = bytes([0, 7]) + b"is own\0"
    yield nft(0, table, attribute(2, be32(1)), attribute(6, comment))
    yield nft(9, table, drop4, attribute(3, be32(4)), attribute(4, be32(7)), attribute(5, be32(4)))
    hook = nest(4, attribute(1, be32(0)), attribute(2, be32(0xFFFFFED4)))
    yield nft(3, table, attribute(3, text("inbound")), hook)
    lookup = nest(1, attribute(1, text("lookup")), nest(2, attribute(1, text("drop4"))))
    yield nft(6, table, attribute(2, text("inbound")), nest(4, lookup))
    four = [element(bytes([192, 0, 2, 0])), element(bytes([192, 0, 3, 0]), end=True)]
    six = [element(bytes([0x20, 1] + [0] * 14)), element(bytes([0x20, 2] + [0] * 14), end=True)]
    for elements in (four, six):
        dump = nft(12, table, drop4, nest(3, *elements))
        yield dump
        end = nft(15, attribute(1, be32(8)), attribute(2, be32(42)), attribute(3, text("nft")))
        yield dump + end
    for sequence, errno in ((1, 0), (2, 17), (3, 2)):
        quoted = struct.pack("=IHHII", 16, 0x0A0C, 5, sequence, 0)
        extended = attribute(1, text("no such thing")) + attribute(2, struct.pack("=I", 52))
        yield message(2, struct.pack("=i", -errno) + quoted + extended, 0x300, sequence)


def from_routes():
    """Interfaces, addresses and routes."""
    name = attribute(3, text("eth0"))
    yield message(16, struct.pack("=BxHiII", 0, 1, 2, 0, 0) + name)
    ends = attribute(2, bytes([192, 0, 2, 7])) + attribute(1, bytes([192, 0, 2, 8]))
    yield message(20, struct.pack("=BBBBI", 2, 24, 0, 0, 2) + ends)
    route = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0)
    gateway = attribute(5, bytes([192, 0, 2, 1]))
    yield message(24, route + gateway)
    hop = struct.pack("=HBBi", 8 + len(gateway), 0, 0, 2) + gateway
    yield message(24, route + attribute(9, hop + hop))
    yield message(24, route + attribute(18, struct.pack("=H", 10) + bytes([0x20, 1] + [0] * 14)))


def small_files():
    status = {
        "version": "0.1.0", "pid": 1, "mode": "queue", "started": "2026-01-01T00:00:00Z",
        "loaded": {
            "at": "2026-01-01T00:00:00Z", "networks4": 1, "networks6": 2, "lists": 1,
            "rejected": 0, "allowed": 1, "protected": 1, "seconds": 0.5, "line": "loaded",
            "sources": [{
                "name": "list", "entries": 3, "rejected": 1, "set_aside": 1, "older": 1,
                "modified": "2025-01-01T00:00:00Z",
            }],
        },
        "failed": {"at": "2026-01-01T00:00:00Z", "line": "no"},
        "queues": [{
            "queue": 3, "packets": 1, "accepted": 1, "dropped": 0, "unreadable": 0, "malformed": 0,
            "enobufs": 0, "queue_full": None, "buffer_full": 0, "longest_wait": 0.001,
        }],
    }
    yield 0, json.dumps({"targets": {"inet netfilterd drop4 drop6": {"networks": 7}}})
    yield 1, json.dumps(status)
    yield 2, "search example.org\nnameserver 192.0.2.53\n nameserver\tfe80::1%eth0 # x\n"
    for peer in ("192.0.2.7 22 192.0.2.1 22", "fe80::1%eth0 1 ::1 22", "::ffff:192.0.2.7 1 ::1 2"):
        yield 3, peer
    for end in ("1801353600", "2027-01-31T00:00:00Z", "2016-12-31t23:59:60.5z",
                "2024-02-29T23:00:00-23:59", "0000-01-01T00:00:00+00:00", "9999-12-31T23:59:59Z"):
        yield 4, end
    for name in ("inet netfilterd", "ip filter", "drop4", "drop"):
        yield 5, name
    yield 6, "    3  12345     7 2    40   120     5  1000042  1\n"


def main():
    corpus = Path(sys.argv[1])
    for case in lists():
        if len(case) <= LONGEST:
            write(corpus / "list", case)
        for line in case[:LONGEST].split(b"\n"):
            write(corpus / "line", line)
    # Two bytes of an offset, and a 1 for bytes as they are.
    for seed in (*from_nf_tables(), *from_routes()):
        write(corpus / "netlink", bytes([0, 52, 1]) + seed)
    for which, content in small_files():
        write(corpus / "files", bytes([which]) + content.encode())
    for target in ("ranges", "plan", "queue"):
        for seed in range(32):
            # Numbers without a pattern, the same in every run.
            blocks = (hashlib.sha256(bytes([seed, block])).digest() for block in range(16))
            write(corpus / target, b"".join(blocks))


main()
