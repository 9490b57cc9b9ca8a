# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agents have in common: their options, the lines of a log, and how often is too often.

An agent has one function of its own, which takes a line of a log and says which address has
misbehaved, and how, in words of the agent's own. What an attacker has written, a user name or a
host name, never goes further than that function.
"""

import argparse
import collections
import ipaddress
import json
import re
import signal
import subprocess
import sys
import time

from allowlist import Allowlist
from droplist import DropList, Refused, Until, entry, hang_up, seconds, written

LIST = "/var/cache/netfilterd/drop_ips"

# Longer lines are no log's; a line of eve.json with a packet in it is the longest.
LONGEST = 1 << 20

# How many addresses are counted at a time. Who has more of them makes the agent forget the oldest,
# not grow.
COUNTED = 65_536

# What begins a line that came by way of syslog: two forms of a time, and the host.
SYSLOG = (r"(?:[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:]{8}|"
          r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})) [^ ]+ ")

# What may be an address. Whether it is one is seen later.
ADDRESS = r"(?P<address>[0-9a-fA-F.:]{2,45})"


def patterns(*pairs):
    """What is misconduct, and how a whole line of it looks."""
    return [(reason, re.compile(pattern)) for reason, pattern in pairs]


def matched(known, text):
    """The match and the misconduct, by the first pattern that fits the whole text."""
    for reason, pattern in known:
        found = pattern.fullmatch(text)
        if found:
            return found, reason
    return None


def first(known, text):
    """The address and the misconduct, by the first pattern that fits the whole text."""
    found = matched(known, text)
    return (found[0]["address"], found[1]) if found else None


# Options.

def checked(convert):
    def converted(text):
        try:
            return convert(text)
        except (ValueError, Refused) as error:
            raise argparse.ArgumentTypeError(error) from None
    return converted


def count(text):
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{text}: not a number from 1 to 999999")
    return int(text)


def options(description):
    """The options that all have."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    add = parser.add_argument
    add("--list", default=LIST, metavar="PATH", help="the list to add to (default: %(default)s)")
    add("--until", type=checked(Until), default="30d", metavar="END",
        help="when entries end: a duration (90s, 10m, 1h, 30d, 4w), a time by RFC 3339, or never "
             "(default: %(default)s)")
    add("--private", action="store_true", help="list private addresses, too")
    add("--allow", action="append", default=[], metavar="PATH",
        help="never list the networks in this file, or in every file of this directory (repeatable)")
    add("--hup", metavar="PIDFILE", help="then have a daemon without --watch reload")
    add("--json", action="store_true", help="write an event for each entry to standard output")
    add("-q", "--quiet", action="store_true", help="do not say what was added")
    return parser


def scanner(description, threshold):
    """The options of an agent that reads a log, with a default for how often is too often."""
    parser = options(description)
    add = parser.add_argument
    add("--threshold", type=checked(count), default=threshold, metavar="N",
        help="list an address with so many lines against it (default: %(default)s)")
    add("--within", type=checked(seconds), default="10m", metavar="DURATION",
        help="that were read in this time (default: %(default)s)")
    add("--print", action="store_true", help="write addresses to standard output, not to a list")
    add("command", nargs="*", metavar="-- COMMAND",
        help="read what this command writes, not standard input")
    return parser


# Lines.

def lines(command=()):
    """The lines that a command writes, or those of standard input. The last one is left out if it
    has no end: what was cut off may be the rest of an address."""
    if not command:
        yield from whole_lines(sys.stdin.buffer)
        return
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError as error:
        raise Refused(f"{command[0]}: {error.strerror}") from None
    try:
        yield from whole_lines(child.stdout)
        status = child.wait()
    finally:
        child.terminate()
        child.wait()
    if status != 0:
        raise Refused(f"{command[0]} has ended with status {status}")


def whole_lines(file):
    while line := file.readline(LONGEST):
        if line.endswith(b"\n"):
            yield line.decode("utf-8", "replace").rstrip("\r\n")
        else:
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST)


class Counter:
    """How many lines there were against each sender in the last so many seconds."""

    def __init__(self, threshold, within):
        self.threshold, self.within = threshold, within
        self.times = collections.OrderedDict()

    def reaches(self, address, now):
        """Counts one more. If that is too many it says so, and begins anew."""
        # A host of IPv6 takes any address of its /64, so those count together.
        if ":" in address:
            address = ipaddress.ip_network((address, 64), strict=False)
        times = self.times.pop(address, None) or collections.deque(maxlen=self.threshold)
        times.append(now)
        if len(times) == self.threshold and now - times[0] <= self.within:
            return True
        self.times[address] = times
        if len(self.times) > COUNTED:
            self.times.popitem(last=False)
        return False


# What is done about an address.

class Writer:
    """Adds to the list, and tells."""

    def __init__(self, name, chosen):
        self.name, self.chosen = name, chosen
        self.list = DropList(chosen.list)
        self.allowlist = Allowlist(chosen.allow)
        self.failed, self.last = False, ""

    def spares(self, entry):
        """Whether an entry must not be listed, because it is allowed or that cannot be told."""
        try:
            return self.allowlist.holds(entry)
        except Refused as error:
            # Once, not for each line of a log.
            if str(error) != self.last:
                self.complain(error)
            return True

    def add(self, entries, **details):
        """Adds entries that are in order. Whether they are in the list then."""
        try:
            added, end = self.list.append(entries, self.chosen.until)
            for address in added:
                self.tell(address, end, details)
            if added and self.chosen.hup:
                hang_up(self.chosen.hup)
            return True
        except (OSError, Refused) as error:
            self.complain(error)
            return False

    def tell(self, address, end, details):
        until = None if end == float("inf") else written(end)
        if self.chosen.json:
            event = {"time": written(time.time()), "event": "listed", "agent": self.name,
                     "address": address, "until": until, **details}
            print(json.dumps(event), flush=True)
        if not self.chosen.quiet:
            why = "".join(f", {value}" for value in details.values())
            print(f"{self.name}: added {address} until {until or 'it is removed'}{why}",
                  file=sys.stderr, flush=True)

    def complain(self, error):
        """An error passes, and the agent goes on; its exit status remembers."""
        print(f"{self.name}: {error}", file=sys.stderr, flush=True)
        self.failed, self.last = True, str(error)


def run(name, offence, chosen):
    """Reads a log to its end: for each line, `offence` says who has done what, or None."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    counter = Counter(chosen.threshold, chosen.within)
    writer = Writer(name, chosen)
    try:
        for line in lines(chosen.command):
            found = offence(line)
            if not found:
                continue
            address, reason = found
            try:
                address = entry(address, chosen.private)
            except Refused:
                continue
            if writer.spares(address) or not counter.reaches(address, time.monotonic()):
                continue
            if chosen.print:
                print(address, flush=True)
            else:
                writer.add([address], reason=reason)
    except Refused as error:
        writer.complain(error)
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    return 1 if writer.failed else 0
