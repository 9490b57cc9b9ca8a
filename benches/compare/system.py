"""Processes and network namespaces."""

import atexit
import contextlib
import ctypes
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
NETFILTERD = str(TARGET / "netfilterd")
FLOOR = str(TARGET / "examples" / "floor")
ROWS = str(TARGET / "examples" / "rows")

# Not the machine's own files; and what one run put in force is no measure for the next.
STATE = os.path.join(tempfile.gettempdir(), f"netfilterd-bench-{os.getpid()}")
OWN_STATE = ["--state-file", STATE, "--max-shrink", "100"]
atexit.register(lambda: pathlib.Path(STATE).unlink(missing_ok=True))

# No settings from outside: neither what a tool reads nor how it writes numbers.
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


class Wrong(Exception):
    """A tool failed, or did something else than it was asked for."""


def say(text):
    """What is going on, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


# Processes.

def in_child(work, *arguments):
    """Does `work` in a process of its own. What this process has ever held in memory, the kernel
    counts as the peak of every program that it starts, so it holds nothing large itself."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        except Exception as error:
            say(f"{type(error).__name__}: {error}")
        finally:
            os._exit(status)
    try:
        status = os.waitpid(child, 0)[1]
    except BaseException:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    if status != 0:
        raise Wrong("stopped by the error above")


def run(arguments, stdin="/dev/null", stdout="/dev/null"):
    """Runs a program to its end: seconds, and peak memory in bytes."""
    with tempfile.TemporaryFile() as errors:
        files = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                 (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        begin = time.perf_counter()
        child = os.posix_spawnp(arguments[0], arguments, ENVIRONMENT, file_actions=files)
        try:
            _, status, usage = os.wait4(child, 0)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        seconds = time.perf_counter() - begin
        if status != 0:
            errors.seek(0)
            text = errors.read(2000).decode(errors="replace").strip()
            raise Wrong(f"{' '.join(arguments)}: status {status}: {text}")
    return seconds, usage.ru_maxrss * 1024


def output(*arguments):
    done = subprocess.run(arguments, env=ENVIRONMENT, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Daemon:
    """A netfilterd that runs in the background; what it says is read from a pipe."""

    def __init__(self, *options):
        self.log, writer = os.pipe()
        self.unread = b""
        arguments = [NETFILTERD, "run", *OWN_STATE, "--status-file", f"{STATE}.status", *options]
        self.pid = os.posix_spawnp(NETFILTERD, arguments, ENVIRONMENT,
                                   file_actions=[(os.POSIX_SPAWN_DUP2, writer, 2)])
        os.close(writer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.log)

    def line(self, patience=120):
        """The next line that it logs."""
        while b"\n" not in self.unread:
            if not select.select([self.log], [], [], patience)[0]:
                raise Wrong(f"netfilterd run said nothing for {patience} seconds")
            piece = os.read(self.log, 1 << 16)
            if not piece:
                raise Wrong("netfilterd run ended")
            self.unread += piece
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    def reload(self):
        """Seconds from the signal to the line that it then logs, and the line."""
        begin = time.perf_counter()
        os.kill(self.pid, signal.SIGHUP)
        line = self.line()
        return time.perf_counter() - begin, line

    def memory(self):
        """Bytes that it holds, and the most that it ever held."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return [1024 * int(re.search(rf"{name}:\s+(\d+)", status)[1])
                for name in ("VmRSS", "VmHWM")]


# The machine.

busy = 0


def settle(patience=20):
    """Waits until nothing else runs: neither others, nor the kernel freeing the sets of before."""
    global busy
    end = time.monotonic() + patience
    while time.monotonic() < end:
        before = cpu_times()
        time.sleep(0.25)
        idle, total = (now - then for now, then in zip(cpu_times(), before))
        if idle >= 0.95 * total:
            return
    busy += 1


def cpu_times():
    with open("/proc/stat") as file:
        times = [int(field) for field in file.readline().split()[1:9]]
    return times[3] + times[4], sum(times)


def available_memory():
    with open("/proc/meminfo") as file:
        return 1024 * int(re.search(r"MemAvailable:\s+(\d+)", file.read())[1])


# Network namespaces.

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def enter(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(fd)


@contextlib.contextmanager
def namespaces(*purposes):
    """Network namespaces, one for each purpose, as a dictionary of their names."""
    names = {purpose: f"side-by-side-{os.getpid()}-{purpose}" for purpose in purposes}
    try:
        for name in names.values():
            output("ip", "netns", "add", name)
        yield names
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def inside(name):
    """Puts this process, and so all that it starts, into a network namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(f"/run/netns/{name}")
        yield
    finally:
        enter(f"/proc/self/fd/{home}")
        os.close(home)
