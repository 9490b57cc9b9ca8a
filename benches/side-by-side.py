#!/usr/bin/env python3
"""netfilterd beside nft, ipset, iprange and the bare kernel, as a Markdown report.

    cargo build --release
    cargo build --release --example floor
    python3 benches/side-by-side.py [--large] [--rounds N] [--skip TOOL] [SIZE...]

Needs root. All tools get the same networks and run by turns, each load in a network namespace of
its own. A load that the kernel does not hold as it should is an error and not a figure.
"""

import argparse
import contextlib
import ctypes
import ipaddress
import json
import os
import pathlib
import platform
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
NETFILTERD = str(TARGET / "netfilterd")
FLOOR = str(TARGET / "examples" / "floor")

SIZES = [6_000, 60_000, 600_000]
LARGE = [1_000_000, 6_000_000]
LINES = 1_000_000
SEED = 2009

# From here on nft is run once, and from there on not at all: seconds and gigabytes.
NFT_ONCE, NFT_NEVER = 1_000_000, 2_000_000
# nft lists so many in reasonable time; twice as many take it four times as long.
LISTED = 60_000
# What a network may take while it is loaded, in the kernel and in the tool.
BYTES, NFT_BYTES = 1_000, 3_000

# No settings from outside: neither what a tool reads nor how it writes numbers.
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
NO_VALUE = "–"


class Wrong(Exception):
    """A tool failed, or did something else than it was asked for."""


# Networks, the same in every run.

def octets(number):
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def choose(count):
    """First addresses of `count` networks, and their length. No two are adjacent, so that nothing
    merges, and all lie in 1.0.0.0 to 126.255.255.255, where no address is special."""
    # Every other /24 from 1.0.0.0 up; there are 4 million. Above that, every other /28.
    length = 24 if count <= 2_000_000 else 28
    step = 1 << (33 - length)
    starts = range(1 << 24, 127 << 24, step)
    return random.Random(SEED).sample(starts, count), length


def write_networks(path, count):
    starts, length = choose(count)
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
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
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
def namespace():
    """A network namespace for this process, and so for all that it starts."""
    name = f"side-by-side-{os.getpid()}"
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        output("ip", "netns", "add", name)
        enter(f"/run/netns/{name}")
        yield
    finally:
        enter(f"/proc/self/fd/{home}")
        os.close(home)
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


# What the kernel holds. nft fetches all elements of a table for any question about it, which takes
# a minute for a million, so large sets are asked for single elements over netlink.

NFNL_NFTABLES, NFPROTO_INET, NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 10, 1, 1, 4, 0x300
NFT_MSG_GETRULE, NFT_MSG_GETSETELEM = 7, 13
NLMSG_ERROR, NLMSG_DONE = 2, 3


def attribute(kind, value):
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def ask(message, flags, attributes):
    """The bytes of all answers; `None` if there is no such thing."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.settimeout(60)
        netlink.bind((0, 0))
        netlink.send(struct.pack("=IHHIIBBH", 20 + len(attributes), NFNL_NFTABLES << 8 | message,
                                 NLM_F_REQUEST | flags, 0, 0, NFPROTO_INET, 0, 0) + attributes)
        answers = b""
        while True:
            piece = netlink.recv(1 << 16)
            while piece:
                length, kind, _, _, _, error = struct.unpack_from("=IHHIIi", piece)
                if kind == NLMSG_DONE or (kind == NLMSG_ERROR and error == 0):
                    return answers
                if kind == NLMSG_ERROR and -error == 2:
                    return None
                if kind == NLMSG_ERROR:
                    raise OSError(-error, "nf_tables")
                answers += piece[:length]
                piece = piece[(length + 3) & ~3:]


def set_in_force():
    """The set of IPv4 that the rules look up."""
    rules = ask(NFT_MSG_GETRULE, NLM_F_DUMP, attribute(1, b"netfilterd\0"))
    names = set(re.findall(rb"drop4\w*", rules or b""))
    if len(names) != 1:
        raise Wrong(f"the rules look up {len(names)} sets of IPv4, not one")
    return names.pop().decode()


def nft_holds(name, address):
    key = attribute(1, attribute(1, address.to_bytes(4, "big")))
    found = ask(NFT_MSG_GETSETELEM, NLM_F_ACK,
                attribute(1, b"netfilterd\0") + attribute(2, name.encode() + b"\0")
                + attribute(3, attribute(1, key)))
    return found is not None


def check_nft(count):
    name = set_in_force()
    starts, length = choose(count)
    if count <= LISTED:
        listing = json.loads(output("nft", "-j", "list", "set", "inet", "netfilterd", name))
        elements = [item["set"] for item in listing["nftables"] if "set" in item][0].get("elem", [])
        held = {str(ipaddress.ip_network((item["prefix"]["addr"], item["prefix"]["len"])))
                for item in elements}
        if held != {f"{octets(start)}/{length}" for start in starts}:
            raise Wrong(f"set {name} does not hold the {count} networks, but {len(held)} others")
    check_members(lambda address: nft_holds(name, address), starts, length)


def check_ipset(count):
    held = int(re.search(r"Number of entries: (\d+)", output("ipset", "list", "-t", "drop4"))[1])
    if held != count:
        raise Wrong(f"ipset holds {held} networks, not {count}")
    test = lambda address: subprocess.run(["ipset", "-q", "test", "drop4", octets(address)],
                                          env=ENVIRONMENT).returncode == 0
    check_members(test, *choose(count))


def check_members(holds, starts, length):
    """Both ends of some networks are in the set, what lies beside them is not."""
    size = 1 << (32 - length)
    for start in random.Random(SEED).sample(starts, 20) + [min(starts), max(starts)]:
        for address in (start, start + size - 1):
            if not holds(address):
                raise Wrong(f"{octets(address)} is not in the set")
        for address in (start - 1, start + size):
            if holds(address):
                raise Wrong(f"{octets(address)} is in the set")


# The loaders: each loads a list into a namespace twice, the second time in place of the first, and
# returns (seconds, peak memory) of both.

def load_with_netfilterd(files, count):
    return load_twice([NETFILTERD, "load", "-q", "-f", files["list"]], check_nft, count)


def load_with_nft(files, count):
    # As an administrator has it: the rule is there, the script fills the set.
    for command in ("add table inet netfilterd",
                    "add set inet netfilterd drop4 { type ipv4_addr; flags interval; }",
                    "add chain inet netfilterd inbound "
                    "{ type filter hook prerouting priority raw; }",
                    "add rule inet netfilterd inbound ip saddr @drop4 drop"):
        output("nft", command)
    return load_twice(["nft", "-f", files["nft"]], check_nft, count)


def load_with_ipset(files, count):
    return load_twice(["ipset", "restore", "-file", files["ipset"]], check_ipset, count)


def load_with_floor(files, count):
    settle()
    run([FLOOR, files["list"], "2"], stdout=files["seconds"])
    in_child(check_nft, count)
    return [(float(line), None) for line in pathlib.Path(files["seconds"]).read_text().split()]


def load_twice(command, check, count):
    results = []
    for _ in range(2):
        settle()
        results.append(run(command))
        in_child(check, count)
    return results


LOADERS = {"netfilterd": load_with_netfilterd, "nft": load_with_nft, "ipset": load_with_ipset,
           "floor": load_with_floor}
TITLES = {"netfilterd": "`netfilterd load`", "nft": "`nft -f`", "ipset": "`ipset restore`",
          "floor": "bare kernel"}


def rounds_of(tool, count, rounds):
    if tool == "nft" and count >= NFT_NEVER:
        return 0
    if tool == "nft" and count >= NFT_ONCE:
        return 1
    # Minutes a round; what varies from one to the next is small beside that.
    return 1 if count > NFT_NEVER else rounds


def measure_loads(count, tools, rounds, directory):
    """Tool to a list of results, each of which has a first and a second load."""
    bytes_needed = count * (NFT_BYTES if "nft" in tools and count < NFT_NEVER else BYTES)
    if available_memory() < 2 * bytes_needed or shutil.disk_usage(directory).free < count * 500:
        raise Wrong(f"too little memory or disk for {count} networks")
    names = ("list", "nft", "ipset", "seconds")
    files = {name: os.path.join(directory, f"{count}.{name}") for name in names}
    in_child(write_networks, files["list"], count)
    for form in ("nft", "ipset"):
        if form in tools and rounds_of(form, count, rounds):
            run([NETFILTERD, "print", "-q", "--format", form, "-f", files["list"]],
                stdout=files[form])
    results = {tool: [] for tool in tools}
    for number in range(rounds):
        for tool in tools:
            if number < rounds_of(tool, count, rounds):
                print(f"{count:,} networks, round {number + 1}: {tool}", file=sys.stderr)
                with namespace():
                    results[tool].append(LOADERS[tool](files, count))
    for path in files.values():
        pathlib.Path(path).unlink(missing_ok=True)
    return results


# Reading and merging.

READERS = {
    "netfilterd check": lambda path: [NETFILTERD, "check", "-q", "-f", path],
    "iprange -C": lambda path: ["iprange", "-C", path],
    "netfilterd print": lambda path: [NETFILTERD, "print", "-q", "-f", path],
    "iprange": lambda path: ["iprange", path],
}


def measure_reading(in_order, rounds, directory):
    path = os.path.join(directory, "lines")
    in_child(write_lines, path, LINES, in_order)
    results = {name: [] for name in READERS}
    for number in range(rounds):
        for name, command in READERS.items():
            settle()
            # Into a file each, in memory or not, the same for both.
            results[name].append(run(command(path), stdout=os.path.join(directory, name)))
    in_child(check_reading, directory)
    return results


def check_reading(directory):
    ours, theirs = (pathlib.Path(directory, name).read_text().split()
                    for name in ("netfilterd print", "iprange"))
    if ours != [line if "/" in line else f"{line}/32" for line in theirs]:
        raise Wrong("netfilterd and iprange do not merge to the same networks")
    report = pathlib.Path(directory, "netfilterd check").read_text()
    if f"would load {len(ours):,} networks" not in report:
        raise Wrong("netfilterd check does not count what netfilterd print prints")
    addresses = sum(1 << (32 - int(network.partition("/")[2])) for network in ours)
    counted = pathlib.Path(directory, "iprange -C").read_text().strip()
    if counted.split(",")[-1] != str(addresses):
        raise Wrong(f"iprange -C counts {counted}, not {addresses} addresses")


# The report.

def seconds(values):
    """Median, and from the least to the most."""
    if not values:
        return NO_VALUE
    middle = statistics.median(values)
    factor, digits, unit = (1000, 1, "ms") if middle < 1 else (1, 2, "s")
    text = f"{middle * factor:.{digits}f} {unit}"
    if len(values) > 1:
        text += f" ({min(values) * factor:.{digits}f}–{max(values) * factor:.{digits}f})"
    return text


def ratio(ours, theirs):
    if not ours or not theirs:
        return NO_VALUE
    value = statistics.median(ours) / statistics.median(theirs)
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def memory(values, least):
    if not values:
        return NO_VALUE
    peak = max(values)
    return f"{peak / 2**20:.0f} MiB" if peak > least else f"< {least / 2**20:.0f} MiB"


def table(head, rows):
    print(f"| {' | '.join(head)} |")
    print(f"| {' | '.join('---:' if column else '---' for column in range(len(head)))} |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def version(program, name):
    # iprange says its version on standard error, with status 1.
    try:
        done = subprocess.run([program, "--version"], env=ENVIRONMENT, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return f"{name} {re.search(r'[0-9]+(?:[.][0-9]+)+', done.stdout)[0]}"
    except (OSError, TypeError):
        return f"no {name}"


def print_heading(rounds):
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    versions = [version(NETFILTERD, "netfilterd"), version("nft", "nft"),
                version("ipset", "ipset"), version("iprange", "iprange")]
    print("### Side by side\n")
    print(f"{model[1] if model else platform.machine()}, {os.cpu_count()} processors, "
          f"Linux {platform.release()}; {', '.join(versions)}.")
    print(f"Median of {rounds} rounds (least to most), the tools by turns; large sizes in fewer "
          f"rounds.\n")


def print_loads(results, tools):
    others = [tool for tool in tools if tool != "netfilterd"]
    head = (["networks"] + [TITLES[tool] for tool in tools]
            + [f"of {TITLES[tool]}" for tool in others])
    for title, turn in (("First load, from the start of the process to its end", 0),
                        ("The same again, in place of the first", 1)):
        print(f"**{title}**\n")
        rows = []
        for count, by_tool in results.items():
            times = {tool: [pair[turn][0] for pair in by_tool[tool]] for tool in tools}
            rows.append([f"{count:,}"] + [seconds(times[tool]) for tool in tools]
                        + [ratio(times["netfilterd"], times[tool]) for tool in others])
        table(head, rows)
    print("**Peak memory of the process**\n")
    least = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    loaders = [tool for tool in tools if tool != "floor"]
    table(["networks"] + [TITLES[tool] for tool in loaders],
          [[f"{count:,}"] + [memory([load[1] for pair in by_tool[tool] for load in pair], least)
                             for tool in loaders]
           for count, by_tool in results.items()])
    print("The networks are chosen at random, /24 (above 2,000,000: /28), no two of them adjacent. "
          "`netfilterd load` reads them in random order; `nft` and `ipset` read finished scripts "
          "in ascending order (`netfilterd print --format nft` and `ipset`). `nft` fills a set "
          "that a rule already looks up; `ipset` fills a second set and swaps. The bare kernel is "
          "the time between the first send and the last answer for the transactions that "
          "netfilterd sends, encoded beforehand. On a second load `netfilterd` and `nft` end when "
          "the kernel has freed what they replaced, some time after the new networks are in "
          "force. A peak with a `<` is below what the measuring program itself takes, and cannot "
          "be told from it.\n")


def print_reading(results):
    print(f"**Reading and merging {LINES:,} lines, hosts and /24**\n")
    rows = []
    for order, by_name in results.items():
        times = {name: [time for time, _ in values] for name, values in by_name.items()}
        rows.append([order, seconds(times["netfilterd check"]), seconds(times["iprange -C"]),
                     ratio(times["netfilterd check"], times["iprange -C"]),
                     seconds(times["netfilterd print"]), seconds(times["iprange"]),
                     ratio(times["netfilterd print"], times["iprange"])])
    table(["order", "`netfilterd check`", "`iprange -C`", "ratio", "`netfilterd print`",
           "`iprange`", "ratio"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, metavar="SIZE",
                        help=f"networks to load (default: {' '.join(map(str, SIZES))})")
    parser.add_argument("--large", action="store_true",
                        help=f"also {' and '.join(f'{size:,}' for size in LARGE)} networks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip", action="append", default=[],
                        choices=["nft", "ipset", "floor", "iprange"])
    options = parser.parse_args()
    sizes = (options.sizes or SIZES) + (LARGE if options.large else [])
    if not all(32 <= size <= 16_000_000 for size in sizes) or options.rounds < 1:
        parser.error("sizes are 32 to 16000000, and there is at least one round")
    if os.geteuid() != 0:
        parser.error("only root can make network namespaces and load sets")
    for needed in [NETFILTERD] + ([FLOOR] if "floor" not in options.skip else []):
        if not os.access(needed, os.X_OK):
            parser.error(f"{needed} is missing: cargo build --release && "
                         "cargo build --release --example floor")
    # So that what is below in `finally` is done then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))

    tools = [tool for tool in LOADERS if tool not in options.skip]
    print_heading(options.rounds)
    try:
        with tempfile.TemporaryDirectory() as directory:
            print_loads({size: measure_loads(size, tools, options.rounds, directory)
                         for size in sizes}, tools)
            if "iprange" not in options.skip:
                print_reading({order: measure_reading(order == "sorted", options.rounds, directory)
                               for order in ("random", "sorted")})
    except Wrong as error:
        sys.exit(f"side-by-side: {error}")
    if busy:
        print(f"The machine was busy with something else before {busy} of the measurements.")


if __name__ == "__main__":
    main()
