# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an agent never lists."""

import bisect
import ipaddress
import os
import re

from droplist import Refused, signature


class Allowlist:
    """Networks that are never listed, from files of drop_ips(5), or directories of such files. They
    are read again when they have changed."""

    def __init__(self, paths):
        self.paths, self.stamps = paths, None
        # By version: the first addresses of disjoint ranges in order, and the last ones.
        self.firsts, self.lasts = {4: [], 6: []}, {4: [], 6: []}

    def holds(self, text):
        """Whether all of an entry is allowed. `Refused` if that cannot be told."""
        if not self.paths:
            return False
        self.refresh()
        network = ipaddress.ip_network(text)
        place = bisect.bisect_right(self.firsts[network.version], int(network.network_address)) - 1
        return place >= 0 and int(network.broadcast_address) <= self.lasts[network.version][place]

    def ranges(self, version):
        """All that is allowed of a version: pairs of a first and a last address, as numbers, disjoint
        and in order."""
        if self.paths:
            self.refresh()
        return list(zip(self.firsts[version], self.lasts[version]))

    def refresh(self):
        try:
            paths = list(self.files())
            stamps = [(path, *signature(os.stat(path))) for path in paths]
            if stamps != self.stamps:
                self.read(paths)
                self.stamps = stamps
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}; without its allowlist an agent lists "
                          "nothing") from None

    def read(self, paths):
        ranges = {4: [], 6: []}
        for path in paths:
            with open(path, "rb") as file:
                for number, line in enumerate(file.read().split(b"\n"), 1):
                    text = re.split(rb"(?:^|[ \t])(?:#|;|//)", line, maxsplit=1)[0].strip()
                    if text:
                        version, first, last = allowed(text, f"{path}:{number}")
                        ranges[version].append((first, last))
        for version, found in ranges.items():
            merged = []
            for first, last in sorted(found):
                if merged and first <= merged[-1][1] + 1:
                    merged[-1][1] = max(merged[-1][1], last)
                else:
                    merged.append([first, last])
            self.firsts[version] = [first for first, _ in merged]
            self.lasts[version] = [last for _, last in merged]

    def files(self):
        for path in self.paths:
            if os.path.isdir(path):
                names = sorted(os.listdir(path))
                paths = (os.path.join(path, name) for name in names if not name.startswith("."))
                yield from (path for path in paths if os.path.isfile(path))
            else:
                yield path


def allowed(text, place):
    """The version, the first and the last address of a line of an allowlist. What is not understood
    is refused: it may be what must not be listed."""
    try:
        text = text.decode()
        if "-" in text:
            first, last = (ipaddress.ip_address(part.strip()) for part in text.split("-"))
        else:
            network = ipaddress.ip_network(text, strict=False)
            first, last = network.network_address, network.broadcast_address
        if first.version != last.version or first > last:
            raise ValueError
        if first.version == 6 and first.ipv4_mapped:
            first, last = first.ipv4_mapped, last.ipv4_mapped or last
        return first.version, int(first), int(last)
    except (ValueError, TypeError):
        raise Refused(f"{place}: no entry of an allowlist: {text[:60]!a}; correct it, since without "
                      "its allowlist an agent lists nothing") from None
