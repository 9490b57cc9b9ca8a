# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the whole internet: which network is in which country, or of which AS.

What a table is, its content decides, not its name. It is read as a stream, and of its rows only those
are kept that are selected. A table that may not be whole is refused: its last line has no line end, it
has fewer records than it counts itself, or it is compressed and cut off. So is one with a selected row
that is not understood.

This module knows nothing of lists.
"""

import collections
import contextlib
import csv
import itertools
import re
import socket

from droplist import Refused
from tablefiles import files, lines, readable

KNOWN = ("this agent knows RIR delegated files, and the CSV or TSV of DB-IP, MaxMind, IP2Location, "
         "IPinfo and iptoasn")

# Addresses of IPv4 as IPv6 has them.
MAPPED = 0xffff << 32
HIGHEST4 = (1 << 32) - 1
HIGHEST6 = (1 << 128) - 1


class Selection:
    """What is selected, and what was found of it."""

    def __init__(self, countries, systems, by):
        self.countries, self.by = frozenset(countries), by
        # As tables write them, to their number.
        self.systems = {}
        for number in systems:
            self.want(number)
        self.named = frozenset(systems)
        # By MaxMind's number of a place, for the places in these countries.
        self.places = {}
        self.seen = set()
        self.ranges = {4: [], 6: []}

    def want(self, number):
        self.systems[f"{number}"] = self.systems[f"AS{number}"] = number

    def take(self, version, first, last):
        ranges = self.ranges[version]
        # Tables are mostly in order, and this keeps one range where they have many rows.
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = ranges[-1][0], last
        else:
            ranges.append((first, last))

    def missing(self):
        """What is named and has no row."""
        systems = (f"AS{number}" for number in sorted(self.named - self.seen))
        return [*sorted(self.countries - self.seen), *systems]


# Rows.

def address(text):
    """The version and the number of an address."""
    try:
        if ":" not in text:
            return 4, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
        return 6, int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except OSError:
        raise ValueError(f"not an address: {text[:60]!a}") from None


def checked(version, first, last):
    """A range. One of IPv4-mapped addresses is one of IPv4."""
    if first > last:
        raise ValueError("the range ends before it begins")
    if version == 6 and first >= MAPPED and last <= MAPPED + HIGHEST4:
        return 4, first - MAPPED, last - MAPPED
    if last > (HIGHEST4 if version == 4 else HIGHEST6):
        raise ValueError(f"the range ends behind the last address of IPv{version}")
    return version, first, last


def pair(first, last):
    version, begin = address(first)
    other, end = address(last)
    if version != other:
        raise ValueError("the range begins in one family and ends in the other")
    return checked(version, begin, end)


def network(text):
    host, slash, length = text.partition("/")
    version, first = address(host)
    bits = 32 if version == 4 else 128
    if not slash:
        return checked(version, first, first)
    if not re.fullmatch(r"[0-9]{1,3}", length) or int(length) > bits:
        raise ValueError(f"not a network: {text[:60]!a}")
    size = 1 << (bits - int(length))
    if first % size:
        raise ValueError(f"{text} has bits behind its prefix")
    return checked(version, first, first + size - 1)


def count(text):
    if not re.fullmatch(r"[0-9]{1,39}", text):
        raise ValueError(f"not a number: {text[:60]!a}")
    return int(text)


# RIR delegated files: registry|country|type|start|value|date|status[|holder].

class Delegated:
    """What a registry has given out, with the country of the holder."""

    order = 0

    def __init__(self, name, lines, begin):
        self.name, self.lines, self.begin = name, lines, begin

    def read(self, selection):
        if selection.by == "represented":
            raise Refused(f"{self.name}: a RIR file, which has no represented country; omit --by")
        if not selection.countries:
            raise Refused(f"{self.name}: a RIR file, which does not say which AS uses a network; "
                          "give a table of AS numbers (GeoLite2-ASN, ip2asn, DB-IP ASN, IPinfo)")
        announced, there = collections.Counter(), collections.Counter()
        for number, line in enumerate(self.lines, self.begin):
            line = line.rstrip("\r")
            fields = line.split("|")
            try:
                if len(fields) >= 7 and fields[2] in ("ipv4", "ipv6", "asn"):
                    there[fields[2]] += 1
                    if fields[1].upper() in selection.countries:
                        self.take(selection, fields)
                elif len(fields) == 6 and fields[5] == "summary":
                    announced[fields[2]] += count(fields[4])
                elif not re.match(r"#|[0-9.]+\|[a-z]+\||\Z", line):
                    raise ValueError(f"not a record: {line[:60]!a}")
            except ValueError as error:
                raise Refused(f"{self.name}:{number}: {error}; fetch the file again") from None
        if not there:
            raise Refused(f"{self.name}: a RIR file without a record; fetch it again")
        for kind, expected in announced.items():
            if there[kind] < expected:
                raise Refused(f"{self.name}: it counts {expected} records of {kind}, and has "
                              f"{there[kind]}, so it is cut off; fetch it again")

    @staticmethod
    def take(selection, fields):
        country, kind, start, value = fields[1].upper(), *fields[2:5]
        if fields[6].lower() not in ("allocated", "assigned"):
            return
        if kind == "asn":
            if selection.by == "as":
                selection.seen.add(country)
                first, many = count(start), count(value)
                if first + many > 1 << 32:
                    raise ValueError(f"no range of AS numbers: {start[:60]!a}, {value[:60]!a}")
                for number in range(first, first + many):
                    selection.want(number)
            return
        if selection.by == "as":
            return
        version, first = address(start)
        if f"ipv{version}" != kind:
            raise ValueError(f"{start} is not {kind}")
        if version == 4:
            selection.take(*checked(4, first, first + count(value) - 1))
        else:
            selection.take(*network(f"{start}/{value}"))
        selection.seen.add(country)


# CSV and TSV.

# Where a row has its range, country, number of an AS, and number of a place.
Columns = collections.namedtuple("Columns", "first last country system place", defaults=(None,) * 3)

# Two columns with the ends of a range.
ENDS = [("start_ip", "end_ip"), ("ip_start", "ip_end"), ("start", "end"), ("ip_from", "ip_to")]

# The code before what may be a name.
COUNTRY = ["country_code", "country_iso_code", "country"]
SYSTEM = ["asn", "as_number", "autonomous_system_number"]
PLACE = {"located": "geoname_id", "registered": "registered_country_geoname_id",
         "represented": "represented_country_geoname_id"}

# What looks like a country and is none: AS is Asia, and American Samoa.
CONTINENTS = ["AF", "AN", "AS", "EU", "NA", "OC", "SA", "ZZ"]

A_COUNTRY = re.compile(r"[A-Za-z]{2}|-|None|")


class Places:
    """MaxMind's places: the country of each number."""

    order = 0

    def __init__(self, name, rows, header):
        self.name, self.rows, self.width = name, rows, len(header)
        self.place, self.country = header.index("geoname_id"), header.index("country_iso_code")

    def read(self, selection):
        number = 0
        for number, row in self.rows:
            if len(row) < self.width:
                raise Refused(f"{self.name}:{number}: {len(row)} columns where the header has "
                              f"{self.width}; fetch the file again")
            if row[self.country] in selection.countries:
                selection.places[row[self.place]] = row[self.country]
        if not number:
            raise Refused(f"{self.name}: a header and nothing below it; fetch the file again")


class Ranges:
    """Rows of a range with a country, the number of an AS, or both. Of some such tables it is known with
    which address they end."""

    order = 1

    def __init__(self, name, rows, columns, convert, end=None):
        self.name, self.rows, self.columns = name, rows, columns
        self.convert, self.end = convert, end

    def read(self, selection):
        first, last = self.columns.first, self.columns.last
        country, system = self.used(selection)
        # A column that does not count has what no row has.
        codes = selection.places if self.columns.place else dict.fromkeys(selection.countries)
        codes = {} if country is None else codes
        systems = {} if system is None else selection.systems
        country, system = country or 0, system or 0
        needed = max(first, last, country, system)
        row = None
        for number, row in self.rows:
            try:
                if len(row) <= needed:
                    raise ValueError(f"{len(row)} columns where {needed + 1} are needed")
                if row[country] in codes or row[system] in systems:
                    selection.take(*self.convert(row[first], row[last]))
                    if row[country] in codes:
                        selection.seen.add(codes[row[country]] or row[country])
                    if row[system] in systems:
                        selection.seen.add(systems[row[system]])
            except ValueError as error:
                raise Refused(f"{self.name}:{number}: {error}; fetch the file again") from None
        if row is None:
            raise Refused(f"{self.name}: a header and nothing below it; fetch the file again")
        if self.end and row[last] != self.end:
            raise Refused(f"{self.name}: it begins with the first address, and does not end with "
                          "the last one, so it may be cut off; fetch it again")

    def used(self, selection):
        """The columns of a country and of an AS that decide."""
        columns, by = self.columns, selection.by
        country = None
        if selection.countries and by != "as":
            country = columns.country
            if columns.place is not None:
                country = columns.place[by]
                if not selection.places:
                    raise Refused(f"{self.name}: it has numbers of places, and no file with them "
                                  "that has one of these countries was given; give the Locations "
                                  "CSV of the same archive, too")
            elif country is not None and by != "located":
                raise Refused(f"{self.name}: it has no {by} country; omit --by")
        system = columns.system if selection.named or by == "as" else None
        if country is None and system is None:
            lacking = "countries" if selection.countries and by != "as" else "AS numbers"
            raise Refused(f"{self.name}: a table without {lacking}; give another edition of it")
        return country, system


def by_header(name, rows, header):
    """A table whose first line names its columns."""
    if "geoname_id" in header and "network" not in header and "country_iso_code" in header:
        return Places(name, rows, header)
    country = next((header.index(one) for one in COUNTRY if one in header), None)
    system = next((header.index(one) for one in SYSTEM if one in header), None)
    place = None
    if country is None and "geoname_id" in header:
        missing = [column for column in PLACE.values() if column not in header]
        if missing:
            raise Refused(f"{name}: a table of MaxMind without the column {missing[0]}; take the "
                          "CSV of GeoLite2 or GeoIP2 as it is published")
        place = {by: header.index(column) for by, column in PLACE.items()}
    if country is None and system is None and place is None:
        raise Refused(f"{name}: no column of its header is a country or an AS: "
                      f"{','.join(header)[:80]!a}; {KNOWN}")
    if "network" in header:
        at = header.index("network")
        columns = Columns(at, at, country, system, place)
        return Ranges(name, rows, columns, lambda text, _: network(text))
    for first, last in ENDS:
        if first in header and last in header:
            ends = header.index(first), header.index(last)
            return Ranges(name, rows, Columns(*ends, country, system, place), pair)
    raise Refused(f"{name}: no column of its header is a network or a range: "
                  f"{','.join(header)[:80]!a}; {KNOWN}")


def by_content(name, rows, row):
    """A table without a header, by its first row."""
    if len(row) < 3:
        raise Refused(f"{name}: no table with countries or AS numbers: {','.join(row)[:80]!a}; "
                      f"{KNOWN}")
    country = system = None
    third = row[2]
    in_numbers = row[0].isdigit()
    if "/" in third and len(row) >= 5:
        # IP2Location's AS numbers, behind the network.
        system = 3
    elif re.fullmatch(r"(AS)?[0-9]+", third):
        system = 2
        # iptoasn; DB-IP and others have the name of the AS there.
        if len(row) == 5 and A_COUNTRY.fullmatch(row[3]):
            country = 3
    elif not in_numbers and len(row) == 8 and third in CONTINENTS:
        # DB-IP's cities, with the continent before the country.
        country = 3
    elif A_COUNTRY.fullmatch(third) and (in_numbers or len(row) == 3 or
                                         len(row) == 4 and len(row[3]) > 2):
        country = 2
    else:
        raise Refused(f"{name}: no table with countries or AS numbers: {','.join(row)[:80]!a}; "
                      f"{KNOWN}")
    columns = Columns(0, 1, country, system)
    if not in_numbers:
        return Ranges(name, rows, columns, pair)
    version, highest = (4, HIGHEST4) if count(row[1]) <= HIGHEST4 else (6, HIGHEST6)
    # IP2Location describes all addresses, those included that no country has.
    end = str(highest) if row[0] == "0" else None
    return Ranges(name, rows, columns, lambda *ends: checked(version, *map(count, ends)), end)


def recognised(name, file):
    """The table in a file."""
    text, before, line = lines(name, file), 0, ""
    for before, line in enumerate(text, 1):
        line = line.removeprefix("\xef\xbb\xbf")
        if line.strip() and not line.startswith("#"):
            break
    if re.match(r"[0-9.]+\|[a-z]+\||[a-z]+\|[A-Za-z*]{0,2}\|(asn|ipv4|ipv6)\|", line):
        return Delegated(name, itertools.chain([line], text), before)
    separator = "\t" if "\t" in line else ","
    if separator not in line:
        raise Refused(f"{name}: not a table: {line[:60]!a}; {KNOWN}")
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(itertools.chain([line], text), delimiter=separator, quoting=quoting,
                        strict=True)
    rows = numbered(name, reader, before - 1)
    row = next(rows)[1]
    if re.match(r"[0-9a-fA-F:]*[0-9:][0-9a-fA-F:.]*\Z", row[0]):
        try:
            return by_content(name, itertools.chain([(before, row)], rows), row)
        except ValueError as error:
            raise Refused(f"{name}:{before}: {error}; fetch the file again") from None
    return by_header(name, rows, [cell.strip().lower() for cell in row])


def numbered(name, reader, before):
    """Rows with the numbers of their lines."""
    try:
        for row in reader:
            # An empty line has no row.
            if row:
                yield before + reader.line_num, row
    except csv.Error as error:
        raise Refused(f"{name}:{before + reader.line_num}: {error}; fetch the file again") from None


def read(paths, selection):
    """Reads the tables in files into a selection: first those that others refer to."""
    with contextlib.ExitStack() as stack:
        tables = []
        for path in paths:
            with readable(path):
                tables += [recognised(*one) for one in files(path, stack)]
        for table in sorted(tables, key=lambda table: table.order):
            with readable(table.name):
                table.read(selection)
