"""The hosts of soak.py: a daemon each, what is done to it, and what it has to say to that.

What happens to a host is written down in the order in which it does, as generators: `yield 1.5`
lets so many seconds pass in which the daemon has nothing to say, `line = yield "pattern"` waits for
the line that it then logs. Each line that nobody waits for is a fault.
"""

import os
import pathlib
import random
import re
import signal
import subprocess
import time
from collections import Counter

from soak_wire import ALLOWED, JUDGED, STOPPED, Counters, Versions
from system import ENVIRONMENT, NETFILTERD, inside, output, say

LOADED = r"netfilterd: loaded [\d,]+ networks "
# A failure, and a guard's refusal.
FAILED, REFUSED = "; keeping what is loaded", ", keeping what is loaded"

# There are other daemons, and their log says so.
OTHERS = "listens for changes of the ruleset, and the kernel makes a message of each"

# How long a daemon may take for anything, on a machine that is busy.
PATIENCE = 60

# Seconds between two changes of a list.
PAUSES = (0.6, 2.4)
# How long a daemon has been left alone when it is looked at.
AT_REST = 0.4

# Seconds after which somebody who changes the table counts as new, as in netfilterd, and a little;
# and how often he changes it, each time after a longer pause.
QUIET, TIMES = 125, 3

# How many entries end, and after how many seconds.
ENDING, ENDS_IN = 10, 3

MANAGED = "inet netfilterd"
FOREIGN = "inet own"
FOREIGN_TABLE = f"""table {FOREIGN} {{
    set a {{ type ipv4_addr; flags interval; }}
    set b {{ type ipv6_addr; flags interval; }}
    chain c {{
        type filter hook prerouting priority raw;
        ip saddr @a drop
        ip6 saddr @b drop
    }}
}}"""


class Host:
    """One of them. `number` is its place with the sender."""

    def __init__(self, name, number, namespace, sources, folder, options, watches):
        self.name, self.number, self.namespace = name, number, namespace
        self.sources, self.watches = sources, watches
        self.folder = pathlib.Path(folder, name)
        self.folder.mkdir()
        # Lists are written elsewhere, for nothing but the list itself to change beside it.
        self.list, self.draft = self.folder / "lists" / "list", self.folder / "draft"
        self.list.parent.mkdir()
        self.metrics_file = self.folder / "netfilterd.prom"
        self.options = [*options, *(["--watch"] if watches else [])]
        self.versions = Versions()
        self.done, self.faults, self.samples = Counter(), [], []
        self.sender = None
        with inside(namespace):
            self.counters = Counters(sources)
            self.prepare()
        self.process = None

    def prepare(self):
        """What is there before the daemon is."""
        if self.name == "foreign":
            output("nft", FOREIGN_TABLE)
        if self.name == "queue":
            for program in ("iptables-legacy", "ip6tables-legacy"):
                output(program, "-w", "-t", "raw", "-A", "PREROUTING", "-p", "udp", "-j",
                       "NFQUEUE", "--queue-balance", "0:1")

    def fault(self, text):
        self.faults.append(f"{self.name}: {text}")
        say(self.faults[-1])

    # The daemon.

    def start(self):
        self.write(self.versions.lines())
        arguments = [NETFILTERD, "run", "--file", str(self.list), "--metrics",
                     str(self.metrics_file), "--status-file", str(self.folder / "status"),
                     "--state-file", str(self.folder / "state"), *self.options]
        with inside(self.namespace):
            # Nobody is logged in: the peer of whoever runs this would be protected.
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE,
                                            env=ENVIRONMENT | {"SSH_CONNECTION": ""})
        self.log = self.process.stderr
        os.set_blocking(self.log.fileno(), False)
        self.unread = b""
        self.last_repair = time.monotonic() - QUIET + random.uniform(5, 20)
        self.ending = self.closed = self.sample_is_due = False
        self.happens = self.life()
        self.go_on(None)

    def end(self):
        self.happens = None
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def is_alive(self):
        return self.process.poll() is None

    def go_on(self, line):
        """To the next thing that is to be waited for."""
        try:
            self.awaited = self.happens.send(line)
        except StopIteration:
            self.happens = self.awaited = None
            return
        now = time.monotonic()
        self.since = now
        self.until = now + (self.awaited if self.is_resting() else PATIENCE)

    def is_resting(self):
        return isinstance(self.awaited, float)

    def step(self):
        """Looks at what has been said since, and at the time."""
        for line in self.said():
            if self.happens and not self.is_resting() and re.search(self.awaited, line):
                self.go_on(line)
            elif not re.search(self.bears, line):
                self.fault(f"an unexpected line: {line}")
        now = time.monotonic()
        if not self.happens:
            return
        if not self.is_alive():
            self.fault(f"the daemon has ended, status {self.process.returncode}")
            self.happens = None
        elif now >= self.until:
            if not self.is_resting():
                self.fault(f"not one line like '{self.awaited}' in {PATIENCE} seconds")
                self.happens = None
            else:
                self.go_on(None)
        elif self.sample_is_due and self.is_resting() and now - self.since >= AT_REST:
            self.sample_is_due = False
            self.samples.append(self.sample())

    def said(self):
        piece = self.log.read()
        *lines, self.unread = (self.unread + (piece or b"")).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def sample(self):
        process = pathlib.Path("/proc", str(self.process.pid))
        rollup = (process / "smaps_rollup").read_text()
        kilobytes = {name: int(re.search(rf"^{name}:\s+(\d+)", rollup, re.MULTILINE)[1])
                     for name in ("Rss", "Pss", "Anonymous")}
        return {"at": time.monotonic(), **kilobytes,
                "descriptors": len(os.listdir(process / "fd")),
                "threads": len(os.listdir(process / "task"))}

    # What happens to it.

    # Lines that may come besides the one that is waited for.
    bears = OTHERS

    def life(self):
        yield LOADED
        self.done["loads"] += 1
        self.tell(JUDGED)
        while not self.ending:
            yield random.uniform(*PAUSES)
            if self.name != "queue" and time.monotonic() - self.last_repair > QUIET:
                yield from self.interfere()
            else:
                [change] = random.choices(
                    [self.change_a_few, self.change_all, self.change_with_ends, self.spoil],
                    [12, 1, 1, 2])
                yield from change()
        yield from self.close()

    def write(self, lines):
        self.draft.write_text(lines if isinstance(lines, str) else "".join(lines))
        # A list is not read before it has rested for a moment; this one has.
        os.utime(self.draft, (time.time() - 3600,) * 2)
        self.draft.replace(self.list)

    def put(self, lines):
        """A list in the place of the other, and the daemon told if it does not see for itself."""
        self.write(lines)
        self.hup()

    def hup(self):
        if not self.watches:
            self.process.send_signal(signal.SIGHUP)

    def load(self, what, lines):
        self.put(lines)
        line = yield LOADED
        self.done["loads"] += 1
        self.done[what] += 1
        return line

    def change_a_few(self):
        self.versions.change_a_few()
        yield from self.load("a few entries", self.versions.lines())

    def change_all(self):
        self.versions.change_all()
        yield from self.load("complete", self.versions.lines())

    def change_with_ends(self):
        self.versions.change_a_few()
        ends = int(time.time()) + ENDS_IN
        lines = self.versions.lines() + self.versions.ending(ENDING, ends)
        yield from self.load("with ends", lines)
        line = yield rf"{LOADED}.*: \+0 -{2 * ENDING}, {2 * ENDING} entries expired"
        if time.time() < ends:
            self.fault(f"too early: {line}")
        self.done["expired in time"] += 2 * ENDING

    def spoil(self):
        """A list that must not be loaded."""
        lines = self.versions.lines()
        reason, rejected, text = random.choice([
            (REFUSED, None, "".join(lines[:1000])),
            (REFUSED, None, "# nothing\n"),
            (REFUSED, r"list:\d+:\d+: |also rejected", "".join(lines[:50]) + "?\n" * 60),
            (FAILED, None, "<!DOCTYPE html>\n<html><body>Not found</body></html>\n"),
            # What is not there cannot be taken away.
            *([(FAILED, None, None)] if self.list.exists() else []),
        ])
        self.bears = f"{OTHERS}|{rejected}" if rejected else OTHERS
        if text is None:
            self.list.unlink()
            self.hup()
        else:
            self.put(text)
        line = yield "keeping what is loaded"
        self.bears = OTHERS
        if reason not in line:
            self.fault(f"expected '{reason}': {line}")
        self.done["refused" if reason == REFUSED else "failed"] += 1

    def interfere(self):
        """Another program removes what is in force. Until it is repaired, listed sources may
        pass; others never may be dropped."""
        yield from self.change_a_few()
        self.tell(ALLOWED)
        yield from self.until_arrived()
        table = FOREIGN if self.name == "foreign" else MANAGED
        for time_of_many in range(TIMES):
            with inside(self.namespace):
                output("nft", self.interference(table))
            again = f"again by nft .* in {1 << time_of_many - 1} s:" if time_of_many else "by nft "
            yield rf"warning: table {table} was changed {again}"
            yield f"repaired table {table}$"
            self.done["repaired"] += 1
            # At the very moment at which it says so it is not listening yet.
            yield AT_REST
        self.last_repair = time.monotonic()
        self.tell(JUDGED)

    def interference(self, table):
        if self.name == "foreign":
            network4 = Versions.CROWDS[0][self.versions.moved[0]].strip()
            return random.choice([f"flush set {table} a", f"flush set {table} b",
                                  f"delete element {table} a {{ {network4} }}",
                                  f"add element {table} a {{ 192.0.2.0/24 }}"])
        which = random.randrange(4)
        if which == 0:
            return "flush ruleset"
        if which == 1:
            return f"delete table {table}"
        if which == 2:
            sets = re.findall(r"set (drop\w+) ", output("nft", "-t", "list", "table",
                                                        *table.split()))
            return f"flush set {table} {random.choice(sets)}"
        chain = output("nft", "-a", "list", "chain", *table.split(), "inbound")
        rules = re.findall(r"(?:drop|accept).* # handle (\d+)$", chain, re.MULTILINE)
        return f"delete rule {table} inbound handle {random.choice(rules)}"

    # Packets, and the end.

    def tell(self, mode):
        self.sender.tell(self.number, mode)

    def until_arrived(self):
        """Until what was sent before the sender was told something else is off the wire."""
        before, end = None, time.monotonic() + PATIENCE
        while not self.sender.obeys(self.number) or before != self.judged():
            if time.monotonic() > end:
                return self.fault(f"packets still came {PATIENCE} seconds after the last was sent")
            before = self.judged()
            yield 0.2

    def judged(self):
        return {of: tap.read() for of, tap in self.counters.taps.items() if of[0] == JUDGED}

    def close(self):
        """Compares the metrics with what was done and counted."""
        self.tell(STOPPED)
        yield from self.until_arrived()
        yield 1.0
        first = yield from self.metrics()
        arrived = self.counters.before()
        self.tell(JUDGED)
        yield 2.0
        self.tell(STOPPED)
        yield from self.until_arrived()
        yield 1.0
        second = yield from self.metrics()
        more = {of: count - arrived[of] for of, count in self.counters.before().items()}
        self.compare(first, second, more)
        self.closed = True

    def metrics(self):
        """The metrics after one more load."""
        yield from self.change_a_few()
        text = ""
        for _ in range(50):
            text = self.metrics_file.read_text()
            if f"netfilterd_loads_total {self.done['loads']}\n" in text:
                break
            yield 0.1
        lines = (line.rpartition(" ") for line in text.splitlines() if line[0] != "#")
        return {name: float(value) for name, _, value in lines}

    def compare(self, first, second, more):
        def same(name, found, expected):
            if found != expected:
                self.fault(f"the metrics say {name} {found:.0f}, and {expected} it was")

        def total(metrics, name, label=""):
            return sum(value for key, value in metrics.items()
                       if key.startswith(f"netfilterd_{name}") and label in key)

        for name, what in (("loads_total", "loads"), ("load_failures_total", "failed"),
                           ("load_refusals_total", "refused"), ("repairs_total", "repaired")):
            same(name, total(second, name), self.done[what])
        same("last_load_successful", total(second, "last_load_successful"), 1)
        printed = output(NETFILTERD, "print", "-q", "-f", str(self.list), "--no-protect")
        same("networks", total(second, "networks{"), printed.count("\n"))
        if self.name == "queue":
            before = self.counters.before()
            for verdict, listed in (("dropped", True), ("accepted", False)):
                same(f"queue_packets_total {verdict}",
                     total(second, "queue_packets_total", f'"{verdict}"'),
                     sum(count for (_, of), count in before.items() if of == listed))
            for name in ("queue_unreadable_packets_total", "queue_malformed_messages_total",
                         "queue_enobufs_total", "queue_buffer_full_packets_total"):
                same(name, total(second, name), 0)
        elif self.name != "foreign":
            # Counters are lost with the table, so this is of the last two seconds.
            dropped = total(second, "dropped_packets_total", '"in') \
                - total(first, "dropped_packets_total", '"in')
            same("dropped_packets_total more", dropped, more[JUDGED, True])
