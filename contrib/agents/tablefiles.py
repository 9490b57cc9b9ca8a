# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with tables, plain or compressed, as streams of lines.

This module knows nothing of what stands in a line.
"""

import contextlib
import gzip
import io
import re
import shutil
import sys
import tempfile
import zipfile
import zlib

from droplist import Refused

# Longer lines are no table's.
LONGEST = 1 << 20

BLOCK = 1 << 18


class Joined(io.RawIOBase):
    """A file of which the beginning was read already."""

    def __init__(self, head, rest):
        super().__init__()
        self.head, self.rest = head, rest

    def readable(self):
        return True

    def read(self, size=-1):
        if not self.head:
            return self.rest.read(size)
        if size is None or size < 0:
            part, self.head = self.head + self.rest.read(), b""
        else:
            part, self.head = self.head[:size], self.head[size:]
        return part

    def readinto(self, buffer):
        part = self.read(len(buffer))
        buffer[:len(part)] = part
        return len(part)


def named(path):
    return "standard input" if path == "-" else path


def files(path, stack):
    """The tables in a file, with a name for each: one, or those in a zip archive."""
    name = named(path)
    file = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
    head = file.read(512)
    whole = Joined(head, file)
    if head.startswith(b"PK\x03\x04"):
        yield from members(name, whole, stack)
    elif head.startswith(b"\x1f\x8b"):
        yield name, stack.enter_context(gzip.GzipFile(fileobj=whole))
    else:
        yield name, whole


def members(name, file, stack):
    # The directory of an archive is at its end.
    copy = stack.enter_context(tempfile.TemporaryFile())
    shutil.copyfileobj(file, copy)
    archive = stack.enter_context(zipfile.ZipFile(copy))
    found = [one for one in archive.infolist() if re.search(r"(?i)\.(csv|tsv)\Z", one.filename)]
    # The same places in each language: one of them is enough.
    places = [one for one in found if "-Locations-" in one.filename]
    english = [one for one in places if one.filename.endswith("-en.csv")]
    unwanted = [one for one in places if one is not (english or places)[0]]
    tables = [one for one in found if one not in unwanted]
    if not tables:
        raise Refused(f"{name}: an archive without a .csv or .tsv; take the CSV edition of this "
                      "table")
    for one in tables:
        yield f"{name}: {one.filename}", stack.enter_context(archive.open(one))


def lines(name, file):
    """The lines of a file, without their ends. `Refused` at the end if the last one has none."""
    head = file.read(512)
    if not head.strip():
        raise Refused(f"{name}: it is empty; fetch it again")
    foreign(name, head)
    file, rest = Joined(head, file), ""
    while block := file.read(BLOCK):
        # Each byte is one character: names may be in any encoding, and the rest is ASCII.
        parts = (rest + block.decode("latin-1")).split("\n")
        rest = parts.pop()
        if len(rest) > LONGEST:
            raise Refused(f"{name}: a line longer than {LONGEST} bytes, so it is no table; give a CSV "
                          "or TSV")
        yield from parts
    if rest:
        raise Refused(f"{name}: its last line has no line end, so it may be cut off; fetch it "
                      "again")


def foreign(name, head):
    """Refuses what is no text, or another kind of text, with the way to what is meant."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(f"{name}: UTF-16; convert it with iconv -f UTF-16 -t UTF-8")
    if head.startswith((b"BZh", b"\xfd7zXZ")):
        raise Refused(f"{name}: compressed by bzip2 or xz; decompress it first")
    if b"ustar" in head[257:270]:
        raise Refused(f"{name}: a tar archive; unpack it first, and give the CSV in it")
    if b"\0" in head:
        raise Refused(f"{name}: a binary file; take the CSV edition of the database")
    if head.lstrip().startswith(b"<"):
        raise Refused(f"{name}: HTML, perhaps the page of a login or of an error; fetch the table "
                      "again")


@contextlib.contextmanager
def readable(path):
    """Turns what goes wrong with a file into a sentence."""
    name = named(path)
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise Refused(f"{name}: it cannot be decompressed ({error}), so it is damaged or cut off; "
                      "fetch it again") from None
    except (NotImplementedError, RuntimeError) as error:
        raise Refused(f"{name}: {error}; unpack it first") from None
    except OSError as error:
        raise Refused(f"{name}: {error.strerror or error}; give a file that can be read") from None
