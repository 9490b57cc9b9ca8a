"""Loads of a whole list: netfilterd in both layouts, nft, ipset, and the bare kernel."""

import os
import pathlib
import shutil

from kernel import check_ipset, check_nft
from lists import choose, write_networks
from system import (FLOOR, NETFILTERD, OWN_STATE, Wrong, available_memory, in_child, inside,
                    namespaces, output, run, say, settle)

# From here on nft is run once, and from there on not at all: seconds and gigabytes.
NFT_ONCE, NFT_NEVER = 1_000_000, 2_000_000
# What a network may take while it is loaded, in the kernel and in the tool.
BYTES, NFT_BYTES = 1_000, 3_000

# The table and the rule of an administrator who fills the set with `nft -f`.
NFT_RULE = ("add table ip netfilterd",
            "add set ip netfilterd drop4 { type ipv4_addr; flags interval; }",
            "add chain ip netfilterd inbound { type filter hook prerouting priority raw; }",
            "add rule ip netfilterd inbound ip saddr @drop4 drop")


# The loaders: each loads a list into a namespace twice, the second time in place of the first, and
# returns (seconds, peak memory) of both.

def load_with_auto(files, count):
    return load_twice([NETFILTERD, "load", "-q", *OWN_STATE, "-f", files["list"]], check_nft, count)


def load_with_interval(files, count):
    command = [NETFILTERD, "load", "-q", *OWN_STATE, "--layout", "interval", "-f", files["list"]]
    return load_twice(command, check_nft, count)


def load_with_nft(files, count):
    for command in NFT_RULE:
        output("nft", command)
    return load_twice(["nft", "-f", files["nft"]], check_nft, count)


def load_with_ipset(files, count):
    return load_twice(["ipset", "restore", "-file", files["ipset"]], check_ipset, count)


def load_with_floor(layout):
    def load(files, count):
        settle()
        run([FLOOR, files["list"], "2", layout], stdout=files["seconds"])
        in_child(check_chosen, check_nft, count)
        return [(float(line), None) for line in pathlib.Path(files["seconds"]).read_text().split()]
    return load


def load_twice(command, check, count):
    results = []
    for _ in range(2):
        settle()
        results.append(run(command))
        in_child(check_chosen, check, count)
    return results


def check_chosen(check, count):
    check(*choose(count))


LOADERS = {"auto": load_with_auto, "interval": load_with_interval, "nft": load_with_nft,
           "ipset": load_with_ipset, "floor-auto": load_with_floor("auto"),
           "floor-interval": load_with_floor("interval")}
TITLES = {"auto": "`netfilterd load`", "interval": "`netfilterd load --layout interval`",
          "nft": "`nft -f`", "ipset": "`ipset restore`", "floor-auto": "bare kernel, chosen",
          "floor-interval": "bare kernel, interval"}


def rounds_of(tool, count, rounds):
    if tool == "nft" and count >= NFT_NEVER:
        return 0
    if tool == "nft" and count >= NFT_ONCE:
        return 1
    # Minutes a round; what varies from one to the next is small beside that.
    return 1 if count > NFT_NEVER else rounds


def write_chosen(path, count):
    write_networks(path, *choose(count))


def print_scripts(path, script_paths, *options):
    """Writes the scripts of nft and ipset that load the list at `path`."""
    for form, script in script_paths.items():
        run([NETFILTERD, "print", "-q", "--format", form, *options, "-f", path], stdout=script)


def need_room(count, with_nft, directory):
    bytes_needed = count * (NFT_BYTES if with_nft else BYTES)
    if available_memory() < 2 * bytes_needed or shutil.disk_usage(directory).free < count * 500:
        raise Wrong(f"too little memory or disk for {count} networks")


def measure_loads(count, tools, rounds, directory):
    """Tool to a list of results, each of which has a first and a second load."""
    need_room(count, "nft" in tools and count < NFT_NEVER, directory)
    names = ("list", "nft", "ipset", "seconds")
    files = {name: os.path.join(directory, f"{count}.{name}") for name in names}
    in_child(write_chosen, files["list"], count)
    print_scripts(files["list"], {form: files[form] for form in ("nft", "ipset")
                                  if form in tools and rounds_of(form, count, rounds)})
    results = {tool: [] for tool in tools}
    for number in range(rounds):
        for tool in tools:
            if number < rounds_of(tool, count, rounds):
                say(f"load of {count:,} networks, round {number + 1}: {tool}")
                with namespaces("load") as names, inside(names["load"]):
                    results[tool].append(LOADERS[tool](files, count))
    for path in files.values():
        pathlib.Path(path).unlink(missing_ok=True)
    return results
