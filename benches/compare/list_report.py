"""What lists cost in force, as Markdown and as a chart."""

import statistics

import dots
from costs import LAYOUTS, LOADED_ONCE, LOOKING, RINGS, ROUNDS, SLOTS
from report import IPSET, NO_VALUE, OURS, OURS_TOO, extra, ratio, seconds, table

TITLES = {"interval": "interval", "hash": "hash", "chosen": "chosen", "ipset": "`ipset`"}
# Drawn in this order, the most interesting one on top.
DOTS = {"interval": ("interval layout", OURS_TOO), "ipset": ("ipset hash:net", IPSET),
        "hash": ("hash layout", "#8250df"), "chosen": ("chosen", OURS)}
PACKETS = {
    "unlisted": "An unlisted packet, from anywhere",
    "near": "An unlisted packet from the same /16 (IPv6: /32) as something listed",
    "listed": "A listed packet"}


def print_lists(costs):
    """`costs` is a dictionary of a list's title to what was measured of it."""
    print_summary(costs)
    print_loads(costs)
    for source, title in PACKETS.items():
        print_packets(title, source, {name: cost["packets"][source] for name, cost in costs.items()
                                      if source in cost["packets"]})
    print("More than a packet that is not looked up takes on its whole way over a veth pair to a rule "
          f"that drops it; UDP, median of {ROUNDS} rounds of {SLOTS:,} packets, each less the packet "
          f"that is not looked up of the same round, all kinds by turns, {SLOTS * RINGS:,} sources. A "
          "listed packet is spared the rule that drops the others. `ipset` is looked up by a rule of "
          "`iptables` (raw, PREROUTING). Every packet was let through or dropped as the list has "
          "it.\n")


def print_summary(costs):
    """What unlisted and listed packets pay, and for comparison what each pays for a chain."""
    medians = {title: {source: medians_of(cost["packets"][source])
                       for source in ("unlisted", "listed")} for title, cost in costs.items()}
    empty = [f"{chain_of(medians, source):,.0f}" if kind in LAYOUTS else NO_VALUE
             for source in ("unlisted", "listed") for kind in LOOKING]
    print("**What a packet costs more than one that is not looked up, ns**\n")
    table(["list", "networks", "lengths"] + [f"{source}: {TITLES[kind]}" for source in
                                             ("unlisted", "listed") for kind in LOOKING],
          [["an empty chain", "", "", *empty]]
          + [[title, f"{cost['networks']:,}", f"{cost['lengths']}"]
             + [f"{medians[title][source][kind]:,.0f}" for source in ("unlisted", "listed")
                for kind in LOOKING]
             for title, cost in costs.items()])
    print("An empty chain (prerouting, raw, without rules) is what every table there pays, whatever "
          "is in it. The first look-up behind it costs twice as much again, in the smallest set, since "
          "its code has left the processor's caches. So no layout makes a short list cost much less "
          "than three empty chains.\n")


def print_loads(costs):
    print("**What a load takes, and kernel memory afterwards**\n")
    table(["list", "/16, /32"]
          + [f"load: {title}" for title in TITLES.values()]
          + [f"memory: {title}" for title in TITLES.values()],
          [[title, f"{cost['touched']:,}"]
           + [seconds([load[0] for load in cost["loads"][kind]]) for kind in LOOKING]
           + [memory([load[1] for load in cost["loads"][kind]]) for kind in LOOKING]
           for title, cost in costs.items()])
    print("Networks: the fewest that the list is made of, and how many lengths they have. /16, /32: "
          "how many networks of that length (IPv4, IPv6) have something listed. Interval and hash: "
          "`netfilterd load` with that `--layout`; chosen: without it. `ipset`: `ipset restore` of a "
          "finished script for a hash:net. Median of three loads, by turns, least to most; of more "
          f"than {LOADED_ONCE:,} ranges one load. Kernel memory: unreclaimable slab and vmalloc, "
          "after the load less before it.\n")


def medians_of(times):
    """Kind to the nanoseconds that a packet takes longer."""
    return {kind: statistics.median(extra(times, kind)) for kind in ("empty", *LOOKING)}


def chain_of(medians, source):
    """What an empty chain costs, over all lists."""
    return statistics.median(by_source[source]["empty"] for by_source in medians.values())


def print_packets(title, source, by_list):
    print(f"**{title}: what it costs more**\n")
    rows = []
    for name, times in by_list.items():
        more = {kind: extra(times, kind) for kind in times}
        rows.append([name, f"{statistics.median(times['nothing']):,.0f} ns",
                     *(nanoseconds(more[kind]) for kind in ("empty", *LOOKING)),
                     ratio(more["chosen"], more["ipset"]), ratio(more["chosen"], more["interval"])])
    table(["list", "not looked up", "an empty chain", *TITLES.values(), "chosen / `ipset`",
           "chosen / interval"], rows)


def nanoseconds(values):
    return f"{statistics.median(values):,.0f} ns"


def memory(values):
    mebibytes = statistics.median(values) / 2**20
    return f"{mebibytes:,.1f} MiB" if mebibytes >= 0.1 else "< 0.1 MiB"


def draw_chart(costs):
    """The SVG of what unlisted and listed packets cost."""
    panels = []
    for source, article, subtitle in (("unlisted", "an", "sources all over the address space"),
                                      ("listed", "a", "sources all over the list")):
        medians = {title: {source: medians_of(cost["packets"][source])}
                   for title, cost in costs.items()}
        rows = [(title, {DOTS[kind][0]: by_source[source][kind] for kind in LOOKING})
                for title, by_source in medians.items()]
        empty = chain_of(medians, source)
        panels.append(dots.Panel(f"Extra cost of {article} {source} packet", subtitle, rows,
                                 [(empty, "an empty chain")] if empty > 0 else []))
    return dots.svg(panels, dict(DOTS.values()), "ns")
