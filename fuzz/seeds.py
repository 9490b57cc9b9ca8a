#!/usr/bin/env python3
"""Writes the inputs that fuzzing begins with into fuzz/seeds, a folder for each target and a name
for each input:

    python3 fuzz/seeds.py [--check]

With --check it writes nothing, and fails if what is in fuzz/seeds is not what it would write.

Lists come from tests/cases/list_cases.json. Messages of netlink are put together here, with the
numbers of the kernel's headers and not with the program's own encoder."""

import base64
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
CASES = HERE / "../tests/cases/list_cases.json"
# Of these cases the text matters. Those of merging and widening are numbers, which others have.
KINDS = ("parse", "format", "guard")
# Longer text teaches a fuzzer nothing that shorter text does not.
LONGEST = 1024
# Seeds are for reading. What fuzzing finds belongs in fuzz/corpus, which is not committed.
MOST = 199

# Each form that a line may have, and the mistakes that lie next to it.
LINES = {
    "host": b"192.0.2.7",
    "host-in-spaces": b" \t192.0.2.7 \r",
    "host-and-comment": b"192.0.2.7 # until 2027-01-31T00:00:00Z",
    "host-of-three-digits-each": b"001.002.003.004",
    "host-with-a-leading-zero": b"010.0.0.1",
    "host-and-name": b"0.0.0.0 ads.example",
    "host6": b"2001:DB8::1",
    "host6-with-a-zone": b"fe80::1%eth0",
    "host6-mapped": b"::ffff:192.0.2.7",
    "network": b"192.0.2.7/24",
    "network-by-netmask": b"192.0.2.0/255.255.255.0",
    "network-by-netmask-with-a-hole": b"192.0.2.0/255.0.255.0",
    "network-and-text": b"192.0.2.0/24 (Example LLC) // a name",
    "network-and-text-with-a-network": b"192.0.2.0/24 Example 198.51.100.0/24",
    "network-and-a-word-that-allows": b"192.0.2.0/24 nomatch",
    "network6": b"2001:db8::/32",
    "network6-mapped": b"::ffff:0:0/96",
    "range": b"192.0.2.10 - 192.0.2.19",
    "range-reversed": b"192.0.2.19-192.0.2.10",
    "range6": b"2001:db8::10-2001:db8::1f",
    "range-of-both-families": b"192.0.2.1-2001:db8::1",
    "end": b"192.0.2.7 until 2027-01-31T00:00:00Z",
    "end-in-seconds": b"192.0.2.0/24 until 1801353600 ; why",
    "end-with-an-offset": b"2001:db8::1 until 2027-01-31t00:00:00.5-01:30",
    "end-on-the-29th-of-no-leap-year": b"192.0.2.7 until 2027-02-29T00:00:00Z",
    "end-twice": b"192.0.2.7 until 1801353600 until 1801353600",
    "ipsum": b"192.0.2.7\t10",
    "dshield": b"16.5.0.0\t16.5.0.255\t24\t117\tEXAMPLE-NET\tUS\tabuse@example.com",
    "dshield-of-another-length": b"16.5.0.0\t16.5.0.255\t25\t117",
    "dshield-heading": b"Start\tEnd\tNetblock\tAttacks",
    "p2p": b"Example Corp. (www.example.com):192.0.2.0-192.0.2.255",
    "p2p-with-an-address-in-the-name": b"of 198.51.100.7:192.0.2.0-192.0.2.255",
    # Once the program and its second reader were not of one mind about this line.
    "p2p-behind-a-word-of-ipset":
        b"create bad .........>..............:1.111.227.0-12.111.22\n7.39",
    "emule": b"001.009.096.105 - 001.009.096.105 , 000 , Botnet",
    "emule-let-through": b"198.51.100.0 - 198.51.100.255 , 200 , let through",
    "spamhaus": b"1.10.16.0/20 ; SBL256894",
    "spamhaus-json": b'{"cidr":"1.10.16.0\\/20","sblid":"SBL\\u0032","rir":"apnic"}',
    "spamhaus-json-metadata": b'{"type":"metadata","size":101866,"records":1.67e3}',
    "ipset-create": b"create drop hash:net family inet hashsize 1024 maxelem 65536",
    "ipset-add": b'add drop 192.0.2.0/24 timeout 3600 comment "a b"',
    "ipset-add-to-a-set-like-a-word-of-nft": b"add table 192.0.2.7",
    "ipset-nomatch": b"add drop 192.0.2.0/24 nomatch",
    "ipset-del": b"del drop 192.0.2.0/24",
    "nginx-deny": b"deny 192.0.2.0/24;",
    "nginx-allow": b"allow 192.0.2.0/24;",
    "nginx-geo": b"geo $bad { default 0; 192.0.2.0/24 1; 10.0.0.0/8 0; delete 192.0.2.7; }",
    "iptables": b"sudo iptables -I INPUT 1 -s 192.0.2.7,192.0.2.9 -m comment --comment 'a' -j DROP",
    "hosts-deny": b"ALL: 192.0.2., [2001:db8::]/32 203.0.113.0/255.255.255.0 : deny",
    "apache-deny": b"Deny from 192.0.2 10 2001:db8::/32",
    "rbldnsd": b"127.16-31 :3:text",
    "rbldnsd-six": b"!2001:db8/36 :127.0.0.2:text",
    "nft-define": b"define BAD = { 192.0.2.7, 192.0.2.9-192.0.2.11 }",
    "nft-add-element":
        b"add element inet t s { 192.0.2.0/24 timeout 1h expires 59m, 2001:db8::1 comment \"a\" }",
    "nft-delete-element": b"delete element inet t s { 192.0.2.7 }",
    "nft-rule": b"add rule inet t c ip saddr { 192.0.2.7 } accept",
    "block": b"server { deny 192.0.2.7; }",
    "nul": b"192.0.2.7\0",
}

# What several lines make up.
LISTS = {
    "nft-table": b"""table inet filter {
\tset drop4 {
\t\ttype ipv4_addr
\t\tflags interval
\t\telements = { 203.0.113.0/25, \\
\t\t\t203.0.113.200-203.0.113.210 counter packets 1 bytes 40 }
\t}
\tchain input {
\t\tip saddr { 198.51.100.7 } accept
\t}
}
""",
    "nginx-block": b"deny 192.0.2.7;\nlocation / {\n\tdeny 192.0.2.8;\n}\ndeny 192.0.2.9;\n",
    "iptables-save": b"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.7/32 -j DROP\n-A OUTPUT -j x\n"
        b"-A x -s 192.0.2.8/32 -j DROP\n-D INPUT -s 192.0.2.7/32 -j DROP\nCOMMIT\n",
    "iptables-script": b"if x; then\n$IPT -A INPUT -s 192.0.2.7 -j DROP\nfi\niptables -F\ncat <<E\nE\nexit\n",
    "apache": b"<RequireAny>\nRequire ip 10\n<RequireAll>\nRequire not ip 192.0.2\n</RequireAll>\n</RequireAny>\n",
    "rbldnsd-datasets": b"$DATASET ip4set:a b @\n:2:x\n192.0.2.7\n$DATASET generic:c @\n@ A 127.0.0.1\n",
    "ipset-save": b"create a hash:net\nadd a 192.0.2.0/24\nflush a\nadd a 198.51.100.7\nswap a b\n",
    "misp": b'{\n "name": "An example",\n "list": [ "192.0.2.0/24", "2001:db8::/32", "no" ]\n}\n',
    "json-printed": b'{"v4":[\n"192.0.2.0/24",\n"192.0.2.128\\/25"],"v6":[\n"2001:db8::/32"]}\n',
    "json-array-cut-short": b'["192.0.2.0/24",\n"192.0.2',
    "ends-that-overlap": b"""192.0.0.0/16 until 1801353600
192.0.2.0/24 until 2027-02-01T00:00:00+02:00\r
192.0.2.7
2001:db8::/32 until 1801353600
2001:db8::1 - 2001:db8::9
""",
}


# A text, and edits of it: what is done (5 append, 1 truncate, 2 insert, 3 replace, 4 repeat), from where to
# where in 255ths, and what is new. None has a NUL byte, which stands between them.
HOSTS = b"".join(b"198.51.100.%d\n" % number for number in range(30))
OTHERS = b"192.0.2.0/24 Example LLC\n192.0.2.7, 192.0.2.9\n192.0.2.7 until 1801353600\n2001:db8::1\n# x\n"
EDITS = {
    "appended": (HOSTS + OTHERS, b"\5\1\1192.0.2.7\n", b"\5\1\1no address\n203.0.113.9\n"),
    "inserted-and-truncated": (OTHERS + HOSTS, b"\2\x50\x50\n192.0.2.0/25\n", b"\1\x10\xa0"),
    "excepted-and-of-another-format":
        (HOSTS, b"\3\x50\x60\n!198.51.100.9\n", b"\3\x50\x60\n", b"\3\1\xffdeny 192.0.2.7;\n"),
    "repeated-and-removed": (HOSTS + OTHERS, b"\4\1\x7f", b"\3\1\x40", b"\3\x80\xc0"),
}


def from_cases():
    """The texts of the cases, by the names of these."""
    for case in json.loads(CASES.read_text())["cases"]:
        if "input_b64" in case:
            text = base64.b64decode(case["input_b64"])
        else:
            text = case.get("input", "").encode()
        if case["category"] in KINDS and len(text) <= LONGEST:
            yield re.sub("[^a-z0-9]+", "-", case["id"]), text


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
    yield "table", nft(0, table, attribute(2, be32(1)), attribute(6, comment))
    flags, key = attribute(3, be32(4)), (attribute(4, be32(7)), attribute(5, be32(4)))
    yield "set", nft(9, table, drop4, flags, *key)
    hook = nest(4, attribute(1, be32(0)), attribute(2, be32(0xFFFFFED4)))
    yield "chain", nft(3, table, attribute(3, text("inbound")), hook)
    lookup = nest(1, attribute(1, text("lookup")), nest(2, attribute(1, text("drop4"))))
    yield "rule", nft(6, table, attribute(2, text("inbound")), nest(4, lookup))
    four = [element(bytes([192, 0, 2, 0])), element(bytes([192, 0, 3, 0]), end=True)]
    six = [element(bytes([0x20, 1] + [0] * 14)), element(bytes([0x20, 2] + [0] * 14), end=True)]
    for name, elements in (("elements4", four), ("elements6", six)):
        dump = nft(12, table, drop4, nest(3, *elements))
        yield name, dump
        end = nft(15, attribute(1, be32(8)), attribute(2, be32(42)), attribute(3, text("nft")))
        yield name + "-and-generation", dump + end
    for name, sequence, errno in (("acknowledged", 1, 0), ("eexist", 2, 17), ("enoent", 3, 2)):
        quoted = struct.pack("=IHHII", 16, 0x0A0C, 5, sequence, 0)
        extended = attribute(1, text("no such thing")) + attribute(2, struct.pack("=I", 52))
        yield name, message(2, struct.pack("=i", -errno) + quoted + extended, 0x300, sequence)


def from_routes():
    """Interfaces, addresses and routes."""
    name = attribute(3, text("eth0"))
    yield "link", message(16, struct.pack("=BxHiII", 0, 1, 2, 0, 0) + name)
    ends = attribute(2, bytes([192, 0, 2, 7])) + attribute(1, bytes([192, 0, 2, 8]))
    yield "address", message(20, struct.pack("=BBBBI", 2, 24, 0, 0, 2) + ends)
    route = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0)
    gateway = attribute(5, bytes([192, 0, 2, 1]))
    yield "route", message(24, route + gateway)
    hop = struct.pack("=HBBi", 8 + len(gateway), 0, 0, 2) + gateway
    yield "route-of-two-hops", message(24, route + attribute(9, hop + hop))
    via = struct.pack("=H", 10) + bytes([0x20, 1] + [0] * 14)
    yield "route-via-ipv6", message(24, route + attribute(18, via))


def utmp(size, address):
    """A record of a login, in which the address stands at an offset."""
    record = struct.pack("=hxxi32s4s32s256s", 7, 7, b"pts/0", b"ts/0", b"root", b"192.0.2.50:S.0")
    return record.ljust(address, b"\0") + bytes([192, 0, 2, 51]).ljust(size - address, b"\0")


def small_files():
    """Each with the number that tells the target which of them it is."""
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
    yield "state", 0, json.dumps({"targets": {"inet netfilterd drop4 drop6": {"networks": 7}}})
    yield "status", 1, json.dumps(status)
    resolvers = "search example.org\nnameserver 192.0.2.53\n nameserver\tfe80::1%eth0 # x\n"
    yield "resolvers", 2, resolvers
    yield "peer4", 3, "192.0.2.7 22 192.0.2.1 22"
    yield "peer6", 3, "fe80::1%eth0 1 ::1 22"
    yield "peer-mapped", 3, "::ffff:192.0.2.7 1 ::1 2"
    yield "end-in-seconds", 4, "1801353600"
    yield "end-in-utc", 4, "2027-01-31T00:00:00Z"
    yield "end-in-a-leap-second", 4, "2016-12-31t23:59:60.5z"
    yield "end-on-a-leap-day", 4, "2024-02-29T23:00:00-23:59"
    yield "end-first", 4, "0000-01-01T00:00:00+00:00"
    yield "end-last", 4, "9999-12-31T23:59:59Z"
    yield "table-managed", 5, "inet netfilterd"
    yield "table-foreign", 5, "ip filter"
    yield "set", 5, "drop4"
    yield "set-reserved", 5, "drop"
    yield "queue", 6, "    3  12345     7 2    40   120     5  1000042  1\n"
    session = "# x\nUID=0\nSTATE=active\nREMOTE=1\nCLASS=user\nREMOTE_HOST="
    yield "session4", 7, session + "192.0.2.50\n"
    yield "session6", 7, session + "fe80::1%eth0\nLEADER=7\n"
    yield "session-named", 7, session + "home.example.org\n"
    yield "session-closing", 7, session.replace("active", "closing") + "192.0.2.50\n"
    yield "utmp", 8, utmp(384, 348)
    yield "utmp-long", 8, utmp(400, 360)
    yield "dnsmasq", 9, "server=/a.example/192.0.2.53%eth0#53@192.0.2.10 # x\nrev-server=10.0.0.0/8,::1\n"
    yield "dnsmasq-files", 9, "resolv-file=/a\nconf-dir=/b,*.conf\nconf-file=/c\nservers-file=/d\n"


def seeds():
    """Target, name and content of each seed."""
    for name, text in LINES.items():
        yield "line", name, text
    for name, text in (*from_cases(), *LISTS.items()):
        yield "list", name, text
    for name, (first, *edits) in EDITS.items():
        # Small chunks; near are all addresses from 200.0.0.0 on.
        yield "again", name, b"\x20\xc8" + b"\0".join((first, *edits))
    # Two bytes of an offset, and a 1 for bytes as they are.
    for name, seed in (*from_nf_tables(), *from_routes()):
        yield "netlink", name, bytes([0, 52, 1]) + seed
    for name, which, content in small_files():
        content = content if isinstance(content, bytes) else content.encode()
        yield "files", name, bytes([which]) + content
    for target in ("ranges", "plan", "queue"):
        for seed in range(12):
            # Numbers without a pattern, the same in every run.
            blocks = (hashlib.sha256(bytes([seed, block])).digest() for block in range(16))
            yield target, f"numbers-{seed}", b"".join(blocks)


def main():
    wanted = {SEEDS / target / name: content for target, name, content in seeds()}
    if len(wanted) > MOST:
        sys.exit(f"seeds.py: {len(wanted)} seeds, and {MOST} are the most")
    there = {path for path in SEEDS.glob("*/*") if path.is_file()}
    if sys.argv[1:] == ["--check"]:
        differ = [path for path, content in wanted.items()
                  if path not in there or path.read_bytes() != content]
        differ += there - wanted.keys()
        for path in sorted(differ):
            print(f"seeds.py: {path.relative_to(HERE)} differs", file=sys.stderr)
        if differ:
            sys.exit("seeds.py: write them with python3 fuzz/seeds.py")
        return
    for path in there - wanted.keys():
        path.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


main()
