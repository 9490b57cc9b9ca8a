"""What queue mode takes for a packet, beside a bare loop and libnetfilter_queue's example.

Each program has a network namespace of its own, with a rule of iptables (raw, PREROUTING) that
sends UDP to its queue. A verdict that accepts runs the rest of the packet's way within the call
that brings it, so that way is to be short, and the same for all: a rule in mangle, PREROUTING, the
next hook, drops everything.

There are two ways to measure. Waiting: the program is stopped, packets are put into its queue,
and it goes on, so that it always finds as many as it can take at once. Live: packets come at a
steady rate, it works while they come, and finds few or one at a time.
"""

import array
import contextlib
import glob
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from lists import (SEED, choose, choose6, listed, unlisted, unlisted6, write_networks,
                   write_networks6)
from system import (ENVIRONMENT, LIBC, NETFILTERD, Wrong, in_child, inside, namespaces, output,
                    say, settle)
from wire import SLOT, Sender, connect, packet4, packet6, ring

BARE = pathlib.Path(__file__).resolve().parent / "queue" / "bare.c"

# Networks of each family.
FEW, MANY = 10, 1_000_000

# Room in a queue: netfilterd's default, and about the most that newer kernels have.
ROOM = 65_535
# Packets that wait for a program to go on: as many blocks of a ring as there is room for.
WAITING = 120 * 512

# Live: packets a second, for how many seconds, and how many come in one breath.
RATE, SECONDS, BREATH = 100_000, 1, 32

# Rings with packets of their own, which take turns, so that no look-up finds in the processor's
# caches what the last one of the same source left there.
RINGS = 4

EXAMPLES = ("/usr/share/doc/libnetfilter-queue-dev/examples/nf-queue.c",
            "/usr/share/doc/libnetfilter?queue*/**/nf-queue.c")

# linux/netlink.h, linux/netfilter/nfnetlink_queue.h and others.
SO_RCVBUFFORCE, PIDFD_GETFD = 33, 438
NFNL_QUEUE, NFQNL_MSG_CONFIG, NFQA_CFG_QUEUE_MAXLEN, NLM_F_REQUEST = 3, 2, 3, 1

# How long a program may take for what takes it a fraction of a second.
PATIENCE = 60


def measure_queues(rounds, directory):
    """"nanoseconds": way to program to CPU time of a packet, and "seconds": program to "one" or
    "two" queues to the time of a drain; a value for each round."""
    result = os.path.join(directory, "queues")
    in_child(measure, rounds, directory, result)
    return json.loads(pathlib.Path(result).read_text())


def measure(rounds, directory, result):
    commands = prepare_programs(directory)
    processors = sorted(os.sched_getaffinity(0))
    # One for the sender, and one for whoever gives verdicts.
    os.sched_setaffinity(0, processors[-1:])
    results = {"nanoseconds": measure_nanoseconds(commands, processors[:1], rounds)}
    results["seconds"] = measure_seconds(commands, processors, rounds) if processors[1:] else {}
    pathlib.Path(result).write_text(json.dumps(results))


# Programs.

def prepare_programs(directory):
    """Program to its command line, but for the queue."""
    commands = {"bare": [os.path.join(directory, "bare")]}
    output("cc", "-O2", "-o", *commands["bare"], str(BARE))
    example = build_example(directory)
    if example:
        commands["example"] = [example]
    for name, count in (("few", FEW), ("many", MANY)):
        path = os.path.join(directory, name)
        in_child(write_both, path, count)
        commands[name] = [NETFILTERD, "-q", "-f", path, "--status-file", f"{path}.json",
                          "--state-file", f"{path}.state", "--queue"]
    return commands


def write_both(path, count):
    write_networks(path, *choose(count))
    with open(path, "a") as file:
        write_networks6(file, choose6(count))


def build_example(directory):
    """The example program that comes with libnetfilter_queue; `None` if it did not come."""
    sources = [path for pattern in EXAMPLES for end in ("", ".gz")
               for path in glob.glob(pattern + end, recursive=True)]
    if not sources:
        return None
    source, program = (os.path.join(directory, name) for name in ("nf-queue.c", "nf-queue"))
    opened = gzip.open(sources[0]) if sources[0].endswith(".gz") else open(sources[0], "rb")
    with opened as shipped, open(source, "wb") as copy:
        shutil.copyfileobj(shipped, copy)
    flags = output("pkg-config", "--cflags", "--libs", "libnetfilter_queue", "libmnl").split()
    output("cc", "-O2", "-o", program, source, *flags)
    return program


class Server:
    """A program that serves queues: one process, or for the bare loop one for each queue."""

    def __init__(self, name, command, queues, processors):
        self.name = name
        self.errors = tempfile.TemporaryFile()
        if name in ("few", "many"):
            lines = [[*command, f"0:{queues - 1}"]]
        else:
            # The example takes no number of packets; it gets room from outside.
            room = [str(ROOM)] if name == "bare" else []
            lines = [[*command, str(queue), *room] for queue in range(queues)]
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, processors)
        try:
            self.processes = [subprocess.Popen(line, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, stderr=self.errors)
                              for line in lines]
        finally:
            os.sched_setaffinity(0, own)
        self.wait_for(lambda: len(self.queues()) == queues)
        if name == "example":
            self.make_room()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def queues(self):
        """The lines of the kernel's table, in the network namespace of the program."""
        path = f"/proc/{self.processes[0].pid}/net/netfilter/nfnetlink_queue"
        with open(path) as file:
            return [[int(number) for number in line.split()] for line in file]

    def waiting(self):
        return sum(queue[2] for queue in self.queues())

    def wait_for(self, condition, rest=0):
        """Seconds until it was so. Looking disturbs, so it rests first."""
        begin = time.perf_counter()
        time.sleep(rest)
        while not condition():
            if time.perf_counter() > begin + PATIENCE:
                raise Wrong(f"{self.name} did not do its work in {PATIENCE} seconds")
            if any(process.poll() is not None for process in self.processes):
                self.errors.seek(0)
                raise Wrong(f"{self.name} ended: {self.errors.read(2000).decode().strip()}")
            time.sleep(0.0005)
        return time.perf_counter() - begin

    def nanoseconds(self):
        """CPU time, of all threads."""
        return sum(time.clock_gettime_ns(~process.pid << 3 | 2) for process in self.processes)

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)

    def go_on(self):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)

    def make_room(self):
        """The same room as the others have, through the program's own socket."""
        pid = self.processes[0].pid
        links = {int(fd): os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        [number] = [fd for fd, link in links.items() if link.startswith("socket:")]
        process = os.pidfd_open(pid)
        copy = LIBC.syscall(PIDFD_GETFD, process, number, 0)
        os.close(process)
        if copy < 0:
            raise Wrong("the example's socket is out of reach")
        with socket.socket(fileno=copy) as netlink:
            netlink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM * 1024)
            netlink.send(struct.pack("=IHHIIBBHHH", 28, NFNL_QUEUE << 8 | NFQNL_MSG_CONFIG,
                                     NLM_F_REQUEST, 0, 0, 0, 0, 0, 8, NFQA_CFG_QUEUE_MAXLEN)
                         + struct.pack("!I", ROOM))


# Namespaces.

def add_rules(*target):
    for program in ("iptables-legacy", "ip6tables-legacy"):
        output(program, "-t", "raw", "-A", "PREROUTING", "-p", "udp", "-j", "NFQUEUE", *target)
        output(program, "-t", "mangle", "-A", "PREROUTING", "-p", "udp", "-j", "DROP")


def passed():
    """How many packets came to the rule that drops them."""
    listings = (output(program, "-t", "mangle", "-nvxL", "PREROUTING")
                for program in ("iptables-legacy", "ip6tables-legacy"))
    return sum(int(re.search(r"^\s*(\d+).*DROP", text, re.MULTILINE)[1]) for text in listings)


def check(server, sent, accepted):
    """Every packet found room in a queue, and got the right verdict."""
    queued = sum(queue[7] for queue in server.queues())
    if queued != sent or any(queue[5] or queue[6] for queue in server.queues()):
        raise Wrong(f"{server.name}: of {sent} packets {queued} found room in the queue")
    if passed() != accepted:
        raise Wrong(f"{server.name}: {passed()} packets were accepted instead of {accepted}")


# CPU time.

def measure_nanoseconds(commands, processors, rounds):
    """Way to program to a list of nanoseconds a packet."""
    sources = {"none": [unlisted(WAITING, SEED + number) for number in range(RINGS)],
               "v6": [unlisted6(WAITING, SEED + number) for number in range(RINGS)]}
    rings = {way: [ring(map(packet6 if way == "v6" else packet4, addresses))
                   for addresses in lists] for way, lists in sources.items()}
    half = {name: half_rings(sources["none"], FEW if name == "few" else MANY)
            for name in commands}
    times = {way: {name: [] for name in commands} for way in ("none", "half", "v6", "live")}
    names = list(commands)
    with namespaces("sender", *names) as spaces, contextlib.ExitStack() as stack:
        servers, senders, live = {}, {}, {}
        sent, accepted = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        for name in names:
            say(f"queue: preparing {name}")
            connect(spaces["sender"], spaces[name], name)
            with inside(spaces[name]):
                servers[name] = stack.enter_context(
                    Server(name, commands[name], 1, processors))
                add_rules("--queue-num", "0")
            with inside(spaces["sender"]):
                senders[name] = Sender(name, WAITING)
                live[name] = Sender(name, BREATH)
        # The first round is for warming up.
        for number in range(rounds + 1):
            say(f"queue, round {number}")
            for way in times:
                settle()
                for place in range(len(names)):
                    name = names[(number + place) % len(names)]
                    server, turn = servers[name], number % RINGS
                    if way == "live":
                        count = RATE * SECONDS
                        taken = live_turn(server, live[name], rings["none"][turn], count)
                    else:
                        content = (half[name] if way == "half" else rings[way])[turn]
                        count = WAITING
                        taken, _ = waiting_turn(server, senders[name], content)
                    # Programs without a list accept the listed half, too.
                    drops = way == "half" and name in ("few", "many")
                    sent[name] += count
                    accepted[name] += count // 2 if drops else count
                    if number > 0:
                        times[way][name].append(taken / count)
        for name in names:
            with inside(spaces[name]):
                check(servers[name], sent[name], accepted[name])
    return times


def half_rings(sources, count):
    """Rings of which every second source, on average and in no order, is listed."""
    starts, length = choose(count)
    rings = []
    for number, addresses in enumerate(sources):
        mixed = addresses[:WAITING // 2] + listed(starts, length, WAITING // 2, number)
        order = sorted(range(WAITING), key=array.array("I", os.urandom(4 * WAITING)).__getitem__)
        rings.append(ring(packet4(mixed[place]) for place in order))
    return rings


def waiting_turn(server, sender, content, rest=0):
    """Nanoseconds of CPU time, and seconds, from when the server goes on until every packet has
    its verdict; nobody looks for so many seconds."""
    server.stop()
    sender.send(content)
    server.wait_for(lambda: server.waiting() == WAITING)
    before = server.nanoseconds()
    server.go_on()
    seconds = server.wait_for(lambda: server.waiting() == 0, rest)
    # The last ones have left the queue, and are on their way.
    time.sleep(0.01)
    return server.nanoseconds() - before, seconds


def live_turn(server, sender, content, count):
    """Nanoseconds of CPU time."""
    before = server.nanoseconds()
    step = BREATH * SLOT
    due = time.perf_counter()
    for breath in range(count // BREATH):
        at = breath * step % len(content)
        while time.perf_counter() < due:
            pass
        due += BREATH / RATE
        sender.send(content[at:at + step])
    server.wait_for(lambda: server.waiting() == 0)
    time.sleep(0.01)
    return server.nanoseconds() - before


# Two queues.

def measure_seconds(commands, processors, rounds):
    """Program to "one" or "two" queues to a list of seconds that a drain took."""
    rings = [ring(map(packet4, unlisted(WAITING, SEED + number))) for number in range(RINGS)]
    kinds = [(name, number) for name in ("bare", "many") for number in ("one", "two")]
    times = {name: {"one": [], "two": []} for name, _ in kinds}
    spaces_of = {kind: "-".join(kind) for kind in kinds}
    with namespaces("sender", *spaces_of.values()) as spaces, contextlib.ExitStack() as stack:
        servers, senders = {}, {}
        for kind, purpose in spaces_of.items():
            name, number = kind
            say(f"queue: preparing {name}, {number}")
            connect(spaces["sender"], spaces[purpose], purpose)
            queues, target = {"one": (1, ("--queue-num", "0")),
                              "two": (2, ("--queue-balance", "0:1"))}[number]
            with inside(spaces[purpose]):
                servers[kind] = stack.enter_context(
                    Server(name, commands[name], queues, processors))
                add_rules(*target)
            with inside(spaces["sender"]):
                senders[kind] = Sender(purpose, WAITING)
        for round_number in range(rounds + 1):
            say(f"queue, one and two, round {round_number}")
            settle()
            for place in range(len(kinds)):
                kind = kinds[(round_number + place) % len(kinds)]
                content = rings[round_number % RINGS]
                rest = 0.8 * min(times[kind[0]][kind[1]], default=0)
                _, seconds = waiting_turn(servers[kind], senders[kind], content, rest)
                if round_number > 0:
                    times[kind[0]][kind[1]].append(seconds)
        for kind, purpose in spaces_of.items():
            with inside(spaces[purpose]):
                check(servers[kind], *[WAITING * (rounds + 1)] * 2)
    return times
