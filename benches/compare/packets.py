"""What a packet costs more when its source is looked up among random networks."""

import json
import os
import pathlib
import random

from kernel import check_ipset, check_nft
from lists import SEED, choose, unlisted, write_networks
from loads import print_scripts
from system import (NETFILTERD, OWN_STATE, Wrong, in_child, inside, namespaces, output, run, say,
                    settle)
from wire import Sender, add_sink, arrived, by_turns, connect, packet4, ring

# What stands between the wire and the rule that drops everything.
KINDS = ("nothing", "interval", "hash", "ipset")

# Rings with packets of their own, which take turns.
SLOTS, RINGS = 1 << 16, 8

# How many sources the packets come from. What the look-up of a source touches is still in the
# processor's caches if one of the last packets came from there. So it is with the peers of a busy
# host, and not in a flood whose sources are made up.
SOURCES = {"few": 4096, "many": SLOTS * RINGS}

# Each kind is as often the first as it is the second, and so on.
ROUNDS = 3 * len(KINDS)


def measure_packets(count, kinds, directory):
    """"few" or "many" to kind to a list of nanoseconds a packet, one for each round."""
    result = os.path.join(directory, "nanoseconds")
    in_child(measure, count, kinds, directory, result)
    return json.loads(pathlib.Path(result).read_text())


def measure(count, kinds, directory, result):
    path = os.path.join(directory, "list")
    write_networks(path, *choose(count))
    # The one that sends; nothing else of what is measured is to come to its processor.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with namespaces("sender", *kinds) as names:
        senders = {}
        for kind in kinds:
            say(f"packets, {count:,} networks: preparing {kind}")
            connect(names["sender"], names[kind], kind)
            with inside(names[kind]):
                prepare(kind, path, count)
            with inside(names["sender"]):
                senders[kind] = Sender(kind, SLOTS)
        times = {few_or_many: send_from(sources, senders, count)
                 for few_or_many, sources in SOURCES.items()}
        for kind in kinds:
            with inside(names[kind]):
                check_arrived(kind, len(SOURCES) * (ROUNDS + 1) * SLOTS)
    pathlib.Path(result).write_text(json.dumps(times))


def send_from(sources, senders, count):
    """Kind to a list of nanoseconds a packet."""
    addresses = unlisted(sources, SEED)
    if sources < SLOTS:
        addresses = random.Random(SEED).choices(addresses, k=SLOTS * RINGS)
    rings = [ring(map(packet4, addresses[number * SLOTS:][:SLOTS])) for number in range(RINGS)]
    say(f"packets, {count:,} networks, {sources:,} sources: {ROUNDS} rounds")
    return by_turns(senders, rings, ROUNDS, settle)


def prepare(kind, path, count):
    if kind in ("interval", "hash"):
        run([NETFILTERD, "load", "-q", *OWN_STATE, "--layout", kind, "-f", path])
        check_nft(*choose(count))
    elif kind == "ipset":
        script = f"{path}.ipset"
        print_scripts(path, {"ipset": script})
        run(["ipset", "restore", "-file", script])
        os.unlink(script)
        check_ipset(*choose(count))
        output("iptables", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", "drop4",
               "src", "-j", "DROP")
    add_sink()


def check_arrived(kind, sent):
    """All packets were let through by the look-up, and none was lost on the way to it."""
    if arrived() != sent:
        raise Wrong(f"{kind}: of {sent} packets, {arrived()} came to the end of the way")
