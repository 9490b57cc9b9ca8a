"""A list of which a little has changed: a daemon that is told so, and the tools that load it all."""

import contextlib
import os
import pathlib
import re
import time

from kernel import IpSet, Probe, check
from lists import choose_two, write_networks
from loads import NFT_RULE, need_room, print_scripts
from system import Daemon, Wrong, in_child, inside, namespaces, output, run, say, settle

# Networks, and how many of them change.
RELOADS = {60_000: 100, 1_000_000: 1_000}

LAYOUTS = ("hash", "interval")


def measure_reloads(count, others, rounds, directory):
    """Tool to a list of results: for a daemon (seconds until it says so, seconds that it says), for
    another tool seconds. Under "memory", layout to (at rest, peak) in bytes."""
    need_room(count, "nft" in others, directory)
    changed = RELOADS[count]
    # Which of the two lists is loaded changes with each round.
    paths = [os.path.join(directory, name) for name in ("first", "second")]
    in_child(write_both, paths, count, changed)
    scripts = [{form: f"{path}.{form}" for form in others} for path in paths]
    for path, of_path in zip(paths, scripts):
        print_scripts(path, of_path)
    link = os.path.join(directory, "list")
    results = {tool: [] for tool in [*LAYOUTS, *others]}

    with contextlib.ExitStack() as stack:
        names = stack.enter_context(namespaces(*results))
        point(link, paths[0])
        daemons, judges = {}, {}
        for layout in LAYOUTS:
            with inside(names[layout]):
                judges[layout] = stack.enter_context(contextlib.closing(Probe()))
                # A daemon that listens would slow down what the others load, and have the kernel
                # keep a message of each element: `nft -f` would take its memory.
                options = ("--no-repair", "--layout", layout, "-f", link)
                daemons[layout] = stack.enter_context(Daemon(*options))
                daemons[layout].line()
        for tool in others:
            with inside(names[tool]):
                judges[tool] = IpSet()
                if tool == "nft":
                    judges[tool] = stack.enter_context(contextlib.closing(Probe()))
                    for command in NFT_RULE:
                        output("nft", command)
                run(command_of(tool, scripts[0]))
        for number in range(1, rounds + 1):
            point(link, paths[number % 2])
            for tool in results:
                say(f"reload of {count:,} networks, round {number}: {tool}")
                settle()
                with inside(names[tool]):
                    if tool in daemons:
                        results[tool].append(reload(daemons[tool], changed))
                    else:
                        results[tool].append(run(command_of(tool, scripts[number % 2]))[0])
                    in_child(check_reload, judges[tool], count, changed, number % 2 == 1)
        results["memory"] = {layout: daemon.memory() for layout, daemon in daemons.items()}
    for path in [link, *paths, *(path for of_path in scripts for path in of_path.values())]:
        pathlib.Path(path).unlink()
    return results


def write_both(paths, count, changed):
    (*both, _, _), length = choose_two(count, changed)
    for path, starts in zip(paths, both):
        write_networks(path, starts, length)
        # A list is not read before it has rested for a moment. As one that somebody writes beside
        # and renames into place, this one has.
        an_hour_ago = time.time() - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))


def point(link, path):
    os.symlink(path, f"{link}.new")
    os.replace(f"{link}.new", link)


def command_of(tool, scripts):
    return ["nft", "-f", scripts["nft"]] if tool == "nft" else \
        ["ipset", "restore", "-file", scripts["ipset"]]


def reload(daemon, changed):
    seconds, line = daemon.reload()
    half = f"{changed // 2:,}"
    said = re.search(r"loaded .*: \+([\d,]+) -([\d,]+), ([\d.]+) s$", line)
    if not said or said[1] != half or said[2] != half:
        raise Wrong(f"after a change of +{half} -{half}, netfilterd run said: {line}")
    return seconds, float(said[3])


def check_reload(judge, count, changed, is_second):
    (_, _, first, second), _ = choose_two(count, changed)
    gone, new = (first, second) if is_second else (second, first)
    # ipset starts a process for each.
    some = slice(20) if isinstance(judge, IpSet) else slice(None)
    check(judge, new[some], gone[some])
