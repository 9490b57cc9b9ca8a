#!/usr/bin/env python3
"""What netfilterd takes at its limits: seconds, and peak memory of the process.

    limits.py           ten million networks, a hundred lists, a list of a gigabyte: read and judged
                        (check), and in force in queue mode
    limits.py --load    loads ten million into nftables as well

The section LIMITS of netfilterd(8) has the figures. Run as root after `cargo build --release`, with
three gigabytes free in the folder for temporary files and eight of memory; takes some minutes.

While any process of the machine listens for changes of nftables, in whatever network namespace (a
netfilterd, `nft monitor`), the kernel makes a message of 8 KiB of each element that is loaded, all of
them at once: for ten million that is more memory than a machine has. So --load looks first, and
wants the machine for itself.
"""

import pathlib
import shutil
import socket
import statistics
import struct
import sys
import tempfile

from system import NETFILTERD, OWN_STATE, Daemon, Wrong, inside, namespaces, run, say, settle

ROUNDS = 3
MANY = 10_000_000
LISTS = 100
GIGABYTE = 1 << 30

# linux/netlink.h, linux/netfilter/nfnetlink.h: the protocol, and the group as a bit.
NETLINK_NETFILTER = "12"
NFNLGRP_NFTABLES = 1 << 6


def hosts(count, start=0):
    """Distinct hosts in no order, as lines; not many of them are neighbours."""
    pack, text = struct.Struct(">I").pack, socket.inet_ntoa
    number = start
    while count > 0:
        address = number * 2654435761 % (1 << 32)
        number += 1
        if 11 <= address >> 24 < 127:
            count -= 1
            yield text(pack(address)) + "\n"


def listeners():
    """The process ids behind sockets that hear of changes of nftables, of all namespaces."""
    found, seen = set(), set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            namespace = (process / "ns/net").readlink()
            if namespace in seen:
                continue
            seen.add(namespace)
            lines = (process / "net/netlink").read_text().splitlines()[1:]
        except OSError:
            continue
        for _, protocol, port, groups, *_ in map(str.split, lines):
            if protocol == NETLINK_NETFILTER and int(groups, 16) & NFNLGRP_NFTABLES:
                found.add(port)
    return found


def show(name, seconds, memory):
    print(f"{name:44} {seconds:7.2f} s {memory / (1 << 20):7.0f} MiB", flush=True)


def measured(name, arguments, before=lambda: None):
    """Medians over rounds, each in a namespace of its own."""
    rounds = []
    for _ in range(ROUNDS):
        with namespaces("limits") as names, inside(names["limits"]):
            settle()
            before()
            rounds.append(run([NETFILTERD, *arguments]))
    show(name, statistics.median(seconds for seconds, _ in rounds),
         statistics.median(memory for _, memory in rounds))


def measured_queue(path):
    """A daemon in queue mode: its own word on how long it took; the most and what it keeps."""
    with namespaces("limits") as names, inside(names["limits"]):
        with Daemon("--queue", "0", "--no-protect", "-f", str(path)) as daemon:
            line = daemon.line()
            while "loaded" not in line:
                line = daemon.line()
            kept, most = daemon.memory()
            say(line)
            seconds = float(line.rsplit(", ", 1)[1].split()[0])
            show(f"queue mode, {MANY:,} networks", seconds, most)
            show("    and at rest", 0, kept)


def nobody_listens():
    found = listeners()
    if found:
        raise Wrong(f"somebody listens for changes of nftables: process {', '.join(found)}")


def main(load):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        say(f"writing {MANY:,} hosts")
        many, lists, large = folder / "many", folder / "lists", folder / "large"
        with many.open("w") as file:
            file.writelines(hosts(MANY))
        lists.mkdir()
        for number in range(LISTS):
            with (lists / f"list{number:02}").open("w") as file:
                file.writelines(hosts(MANY // 10 // LISTS, number * 100_000))
        copies = 0
        with large.open("wb") as file:
            while file.tell() < GIGABYTE:
                with many.open("rb") as text:
                    shutil.copyfileobj(text, file, 1 << 20)
                copies += 1

        options = ["-qq", "--no-protect", *OWN_STATE]
        check = ["check", *options, "-f"]
        measured(f"check, {MANY:,} networks", [*check, str(many)])
        measured(f"check, {LISTS} lists of {MANY // 10 // LISTS:,}", [*check, str(lists)])
        measured(f"check, {large.stat().st_size:,} bytes, {copies * MANY:,} lines",
                 [*check, str(large)])
        measured_queue(many)
        if load:
            for layout in "hash", "interval":
                measured(f"load, {MANY:,} networks, {layout}",
                         ["load", *options, "-f", str(many), "--layout", layout], nobody_listens)


if __name__ == "__main__":
    try:
        main(sys.argv[1:] == ["--load"])
    except Wrong as error:
        sys.exit(f"limits.py: {error}")
