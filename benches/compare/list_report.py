"""What lists cost in force, as Markdown and as a chart."""

import statistics

import dots
from costs import LOADED_ONCE, LOOKING, ROUNDS, RINGS, SLOTS
from report import IPSET, OURS, OURS_TOO, extra, ratio, seconds, table

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
    print("**The lists, and what a load takes: time, and kernel memory afterwards**\n")
    table(["list", "networks", "lengths", "/16, /32"]
          + [f"{title}: load" for title in TITLES.values()]
          + [f"{title}: memory" for title in TITLES.values()],
          [[title, f"{cost['networks']:,}", f"{cost['lengths']}", f"{cost['touched']:,}"]
           + [seconds([load[0] for load in cost["loads"][kind]]) for kind in LOOKING]
           + [memory([load[1] for load in cost["loads"][kind]]) for kind in LOOKING]
           for title, cost in costs.items()])
    print("Networks: the fewest that the list is made of, and how many lengths they have. /16, /32: "
          "how many networks of that length (IPv4, IPv6) have something listed. Interval and hash: "
          "`netfilterd load` with that `--layout`; chosen: without it. `ipset`: `ipset restore` of a "
          "finished script for a hash:net. Median of three loads, by turns, least to most; of more "
          f"than {LOADED_ONCE:,} ranges one load. Kernel memory: unreclaimable slab and vmalloc, "
          "after the load less before it.\n")
    for source, title in PACKETS.items():
        print_packets(title, source, {name: cost["packets"][source] for name, cost in costs.items()
                                      if source in cost["packets"]})
    print("More than a packet that is not looked up takes on its whole way over a veth pair to a rule "
          f"that drops it; UDP, median of {ROUNDS} rounds of {SLOTS:,} packets, each less the packet "
          f"that is not looked up of the same round, all kinds by turns, {SLOTS * RINGS:,} sources. A "
          "listed packet is spared the rule that drops the others. `ipset` is looked up by a rule of "
          "`iptables` (raw, PREROUTING). Every packet was let through or dropped as the list has it. "
          "An empty chain (prerouting, raw, without rules) is what any table there pays. The first "
          "look-up behind it costs some more, whatever it is, since its code is not in the "
          "processor's caches. So the cost for a short list cannot be far below 100 ns (on the "
          "machine on which an empty chain takes 30), whatever the layout.\n")


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
    for source, subtitle in (("unlisted", "sources all over the address space"),
                             ("listed", "sources all over the list")):
        medians = {title: {kind: statistics.median(extra(cost["packets"][source], kind))
                           for kind in ("empty", *LOOKING)} for title, cost in costs.items()}
        rows = [(title, {DOTS[kind][0]: by_kind[kind] for kind in LOOKING})
                for title, by_kind in medians.items()]
        empty = statistics.median(by_kind["empty"] for by_kind in medians.values())
        panels.append(dots.Panel(f"Extra cost of {'an' if source == 'unlisted' else 'a'} {source} "
                                 "packet", subtitle, rows,
                                 [(empty, "an empty chain")] if empty > 0 else []))
    return dots.svg(panels, dict(DOTS.values()), "ns")
