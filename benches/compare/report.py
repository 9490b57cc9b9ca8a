"""The report: Markdown on standard output, and a chart."""

import os
import platform
import re
import resource
import statistics
import subprocess

import chart
from appended import LINES as LINES_APPENDED
from loads import TITLES
from packets import ROUNDS, SOURCES
from queues import FEW, MANY, RATE, WAITING
from reading import LINES
from reloads import LAYOUTS, RELOADS
from system import ENVIRONMENT, NETFILTERD

NO_VALUE = "–"


# Single figures.

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
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}" if value >= 0.01 else f"{value:.4f}"


def memory(values, least):
    if not values:
        return NO_VALUE
    peak = max(values)
    return f"{peak / 2**20:.0f} MiB" if peak > least else f"< {least / 2**20:.0f} MiB"


def extra(times, kind):
    """By how many nanoseconds a packet of `kind` took longer than one that is not looked up, in
    each of the rounds."""
    return [time - nothing for time, nothing in zip(times[kind], times["nothing"])]


def nanoseconds(values):
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.0f} ns ({least:,.0f}–{most:,.0f})"


def table(head, rows):
    print(f"| {' | '.join(head)} |")
    print(f"| {' | '.join('---:' if column else '---' for column in range(len(head)))} |")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


# Heading.

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
                version("ipset", "ipset"), version("iptables", "iptables"),
                version("iprange", "iprange")]
    print("### Side by side\n")
    print(f"{model[1] if model else platform.machine()}, {os.cpu_count()} processors, "
          f"Linux {platform.release()}; {', '.join(versions)}.")
    print(f"Median of {rounds} rounds (least to most), the tools by turns; large sizes in fewer "
          f"rounds.\n")


# Loads.

# What each of the two layouts is compared with.
COMPARED = {"auto": ("nft", "ipset", "floor-auto"), "interval": ("nft", "ipset", "floor-interval")}


def print_loads(results, tools):
    pairs = [(ours, other) for ours, others in COMPARED.items() for other in others
             if other in tools]
    for title, turn in (("First load, from the start of the process to its end", 0),
                        ("The same again, in place of the first", 1)):
        times = {count: times_of(by_tool, turn) for count, by_tool in results.items()}
        print(f"**{title}**\n")
        table(["networks"] + [TITLES[tool] for tool in tools],
              [[f"{count:,}"] + [seconds(by_tool[tool]) for tool in tools]
               for count, by_tool in times.items()])
        if pairs:
            table(["ratios"] + [f"{TITLES[ours]} / {TITLES[other]}" for ours, other in pairs],
                  [[f"{count:,}"] + [ratio(by_tool[ours], by_tool[other]) for ours, other in pairs]
                   for count, by_tool in times.items()])
    print("**Peak memory of the process**\n")
    least = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    loaders = [tool for tool in tools if not tool.startswith("floor")]
    table(["networks"] + [TITLES[tool] for tool in loaders],
          [[f"{count:,}"] + [memory([load[1] for pair in by_tool[tool] for load in pair], least)
                             for tool in loaders]
           for count, by_tool in results.items()])
    print("The networks are chosen at random, /24 (above 2,000,000: /28), no two of them adjacent. "
          "`netfilterd load` reads them in random order; without `--layout` it chooses the "
          "layout, as the bare kernel is given it. `nft` and `ipset` read finished scripts in "
          "ascending order "
          "(`netfilterd print --format nft` and `ipset`). `nft` fills a set that a rule already "
          "looks up; `ipset` fills a second set and swaps. The bare kernel is the time between the "
          "first send and the last answer for the transactions that netfilterd sends, encoded "
          "beforehand. On a second load `netfilterd` and `nft` end when the kernel has freed what "
          "they replaced, some time after the new networks are in force. A peak with a `<` is "
          "below what the measuring program itself takes, and cannot be told from it.\n")


def times_of(by_tool, turn):
    return {tool: [pair[turn][0] for pair in pairs] for tool, pairs in by_tool.items()}


# Reloads.

def print_reloads(results, others):
    print("**Reload by a running daemon, when a little has changed**\n")
    head = ["networks, changed", "hash: until it says so", "as it says", "interval: until it says so",
            "as it says"]
    rows, ratios = [], []
    for count, by_tool in results.items():
        size = f"{count:,}, {RELOADS[count]:,}"
        until = {layout: [seen for seen, _ in by_tool[layout]] for layout in LAYOUTS}
        rows.append([size] + [seconds(values) for layout in LAYOUTS
                              for values in (until[layout], [said for _, said in by_tool[layout]])]
                    + [seconds(by_tool[other]) if other in by_tool else "–"
                       for other in others])
        ratios.append([size] + [ratio(until[layout], by_tool[other]) if other in by_tool else "–"
                                for layout in LAYOUTS for other in others])
    table(head + [f"{TITLES[other]} of all" for other in others], rows)
    if others:
        table(["ratios"] + [f"{layout} / {TITLES[other]}" for layout in LAYOUTS
                            for other in others], ratios)
    print("**Memory of the daemon after that**\n")
    table(["networks"] + [f"{layout}: {what}" for layout in LAYOUTS for what in ("at rest", "peak")],
          [[f"{count:,}"] + [f"{value / 2**20:.1f} MiB" for layout in LAYOUTS
                             for value in by_tool["memory"][layout]]
           for count, by_tool in results.items()])
    print("Of the networks that change, half are gone and half are new. The daemon is sent SIGHUP, "
          "reads the whole list, and sends the kernel what differs; the time is that from the "
          "signal to the line in its log, and what the line itself says, which ends with the "
          "kernel's answer. `ipset` swaps in a set with all networks, `nft` flushes its set and "
          "fills it again.\n")


def print_appended(results):
    print("**One line appended to a list, processor time of a running daemon**\n")
    table([f"{LINES_APPENDED:,} lines", "what changed is parsed", "the whole list is parsed", "ratio",
           "memory at rest", "peak"],
          [[kind, seconds(by_way["again"]), seconds(by_way["whole"]),
            ratio(by_way["again"], by_way["whole"])]
           + [f"{value / 2**20:.1f} MiB" for value in by_way["memory"]]
           for kind, by_way in results.items()])
    print("All of a reload, by the clock of the process: from the signal to half a second after the line "
          "in the log. The list that is parsed as a whole has text in a thousandth of its lines, which "
          "the daemon does not keep anything of.\n")


# Packets.

KIND_TITLES = {"interval": "interval layout", "hash": "hash layout", "ipset": "`ipset` hash:net"}


def print_packets(results):
    kinds = [kind for kind in KIND_TITLES if kind in next(iter(results.values()))["many"]]
    for few_or_many, sources in SOURCES.items():
        print(f"**What a packet costs more than one that is not looked up, "
              f"{sources:,} sources**\n")
        rows = []
        for count, by_sources in results.items():
            times = by_sources[few_or_many]
            more = {kind: extra(times, kind) for kind in kinds}
            rows.append([f"{count:,}", f"{statistics.median(times['nothing']):,.0f} ns"]
                        + [nanoseconds(more[kind]) for kind in kinds]
                        + [ratio(more["hash"], more.get("ipset")),
                           ratio(more["hash"], more["interval"])])
        table(["networks", "not looked up"] + [KIND_TITLES[kind] for kind in kinds]
              + ["hash / `ipset`", "hash / interval"], rows)
    print(f"UDP packets from random sources, none of them listed, over veth; median of {ROUNDS} "
          "rounds of 65,536 packets, by turns. All of what netfilterd or the rule of `iptables` "
          "(raw, PREROUTING) does to a packet counts, not the look-up alone; a rule behind it "
          "drops what it let through. With few sources what a look-up touches is in the "
          "processor's caches, with many it is in memory.\n")


# Queue mode.

QUEUE_TITLES = {"bare": "bare loop", "example": "libnetfilter_queue's example",
                "few": f"netfilterd, {FEW:,} networks", "many": f"netfilterd, {MANY:,} networks"}
WAY_TITLES = {"none": "waiting, none listed", "half": "waiting, half of them listed",
              "v6": "waiting, IPv6, none listed", "live": f"live, {RATE:,} a second, none listed"}
QUEUE_RATIOS = (("few", "bare"), ("many", "bare"), ("few", "example"), ("many", "example"),
                ("many", "few"))


def print_queues(results):
    by_way, drains = results["nanoseconds"], results["seconds"]
    print("**CPU time that a packet takes of the program that gives the verdict**\n")
    table(["packets", *QUEUE_TITLES.values()],
          [[WAY_TITLES[way]] + [nanoseconds(times[name]) if name in times else "not shipped here"
                                for name in QUEUE_TITLES]
           for way, times in by_way.items()])
    shorter = {"bare": "bare loop", "example": "the example", "few": f"{FEW:,}",
               "many": f"{MANY:,}"}
    table(["ratios"] + [f"{shorter[ours]} / {shorter[other]}" for ours, other in QUEUE_RATIOS],
          [[WAY_TITLES[way]] + [ratio(times[ours], times.get(other))
                                for ours, other in QUEUE_RATIOS]
           for way, times in by_way.items()])
    if drains:
        print(f"**Until {WAITING:,} packets that wait have their verdicts**\n")
        table(["", "one queue", "two queues", "one / two"],
              [[QUEUE_TITLES[name], seconds(times["one"]), seconds(times["two"]),
                ratio(times["one"], times["two"])] for name, times in drains.items()])
    print("UDP packets of 48 bytes over veth, sent by a rule of `iptables` (raw, PREROUTING) to a "
          "queue, and all dropped by a rule at the next hook, mangle, when they are accepted; "
          "median of the rounds (least to most), the programs by turns. Much of the time is the "
          "kernel's, within the calls that receive packets and bring verdicts. Waiting: the "
          f"program is stopped, {WAITING:,} packets are put into its queue, and it goes on. Live: "
          "it works while they come. The bare loop (benches/compare/queue/bare.c) receives up to 64 packets "
          "at once and accepts them all with one message, without a look at them. The example is "
          "`nf-queue.c` as it is shipped, with a longer queue and a larger buffer; like the bare "
          "loop it accepts everything. The networks are of both families, so many of each, "
          "all over the space; sources are random. Two queues have a thread each in netfilterd, "
          "and the bare loop runs twice.\n")


# Reading.

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


# Growth.

def print_growth(results, tools):
    """How the time of a first load grows: not at all, if it is linear in the networks."""
    print("**Growth: time of the first load for each network, smallest and largest size**\n")
    rows = []
    for tool in tools:
        a_network = {count: statistics.median(pair[0][0] for pair in by_tool[tool]) / count
                     for count, by_tool in results.items() if by_tool[tool]}
        if len(a_network) > 1:
            least, most = min(a_network), max(a_network)
            rows.append([TITLES[tool],
                         *(f"{a_network[count] * 1e6:.2f} µs at {count:,}" for count in (least, most)),
                         f"{a_network[most] / a_network[least]:.2f}"])
    table(["", "smallest", "largest", "ratio"], rows)


# The chart.

OURS, OURS_TOO, NFT, IPSET, KERNEL = "#0550ae", "#54a3f7", "#bc4c00", "#2da44e", "#6e7781"
LOAD_LINES = {"nft": ("nft -f", NFT, None), "ipset": ("ipset restore", IPSET, None),
              "interval": ("interval layout", OURS_TOO, None), "auto": ("netfilterd", OURS, None),
              "floor-interval": ("kernel, interval", KERNEL, "2 4"),
              "floor-auto": ("kernel, chosen", KERNEL, "6 4")}
PACKET_LINES = {"interval": ("interval layout", OURS_TOO), "ipset": ("ipset hash:net", IPSET),
                "hash": ("hash layout", OURS)}


def draw_chart(loads, packets):
    """The SVG of the first loads and of the costs of a packet."""
    load_lines, packet_lines = [], []
    for tool, (name, colour, dashes) in LOAD_LINES.items():
        points = [(count, statistics.median(pair[0][0] for pair in by_tool[tool]))
                  for count, by_tool in sorted(loads.items()) if by_tool.get(tool)]
        load_lines.append(chart.Series(name, points, colour, dashes, 1.5 if dashes else 2))
    for kind, (name, colour) in PACKET_LINES.items():
        costs = [(count, statistics.median(extra(by_sources["many"], kind)))
                 for count, by_sources in sorted(packets.items()) if kind in by_sources["many"]]
        packet_lines.append(chart.Series(name, [(x, y) for x, y in costs if y > 0], colour))
    return chart.svg([
        chart.Panel("Time of a first load", "from the start of the process to its end",
                    "networks", time_text, load_lines),
        chart.Panel("Extra cost of a packet", "random unlisted sources, nothing in the caches",
                    "networks", lambda number: f"{number:,.0f} ns", packet_lines)])


def time_text(number):
    return f"{number:,.0f} s" if number >= 1 else f"{number * 1000:,.0f} ms"
