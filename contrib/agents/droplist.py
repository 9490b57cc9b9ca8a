# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of drop_ips(5) to which several programs write at once.

A line is appended, never by way of a copy that is renamed into place: a line that another program
appends meanwhile with >> would be lost with the old file. All lines of one call are one write, so
that netfilterd, which waits for a list to be quiet, reads all of them or none.

Who writes holds a lock on .NAME.lock beside the list. Not on the list, since whoever puts another
file in its place leaves the lock on the old one; and not on the directory, since everybody who can
read that could hold the lock for ever. The name begins with a dot, so it is no list where
netfilterd reads the directory. A shell script takes part with flock(1) on the same file.
"""

import collections
import contextlib
import datetime
import errno
import fcntl
import ipaddress
import os
import re
import signal
import stat
import time

# For how long another program may hold the lock. It needs milliseconds.
PATIENCE = 30

# How often a list is read again that a program without the lock writes to.
TRIES = 20


class Refused(Exception):
    """What cannot be done, as a sentence."""


# Entries.

def networks(*texts):
    return [ipaddress.ip_network(text) for text in texts]


# No packet that a stranger sends comes from these. netfilterd would protect most of them, but an
# entry that does nothing should not be written at all.
NEVER = networks("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")

# All that is given out of IPv6.
GLOBAL = ipaddress.ip_network("2000::/3")

# An address of these in a log is mostly a proxy or a gateway of one's own, behind which are all
# the others.
PRIVATE = networks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

# netfilterd sets aside what is wider.
WIDEST = {4: 8, 6: 16}


def entry(text, private=False):
    """A host or a network as it is written into a list. `Refused` says why it is not."""
    try:
        # What Python knows beyond an address, drop_ips(5) does not: zones, masks.
        if not re.fullmatch(r"[0-9a-fA-F.:]{2,45}(/[0-9]{1,3})?", text):
            raise ValueError
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Refused(f"not an address: {text[:60]!a}") from None
    if found.version == 6 and found.network_address.ipv4_mapped:
        if found.prefixlen < 128:
            raise Refused(f"{text}: an IPv4-mapped network; write the IPv4 one")
        found = ipaddress.ip_network(found.network_address.ipv4_mapped)
    inside = any(found.overlaps(network) for network in PRIVATE
                 if network.version == found.version)
    if inside and not private:
        raise Refused(f"{text} is a private address; --private lists those, too")
    if found.version == 4:
        strange = any(found.overlaps(network) for network in NEVER)
    else:
        strange = not inside and not found.subnet_of(GLOBAL)
    if strange:
        raise Refused(f"{text} is no address that a stranger sends from")
    if found.prefixlen < WIDEST[found.version]:
        raise Refused(f"{text} is wider than /{WIDEST[found.version]}")
    return str(found.network_address if found.num_addresses == 1 else found)


# Times at which entries expire.

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
NEVER_ENDS = float("inf")
LATEST = 9_999_999_999


def seconds(text):
    """A duration such as 90s, 10m, 1h, 30d or 4w."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text}: not a duration such as 90s, 10m, 1h, 30d or 4w")
    return int(found[1]) * SECONDS[found[2]]


def moment(text):
    """A time as drop_ips(5) has it, in seconds since 1970."""
    if re.fullmatch(r"[0-9]{10}", text):
        return int(text)
    if not re.fullmatch(r"(?i)[0-9-]{10}T[0-9:]{8}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", text):
        raise ValueError(f"{text}: not a time by RFC 3339, such as 2027-01-31T00:00:00Z")
    # Not every Python reads all fractions, nor the Z.
    text = re.sub(r"\.[0-9]+", "", text.upper()).replace("Z", "+00:00")
    return int(datetime.datetime.fromisoformat(text).timestamp())


class Until:
    """When entries end: so long after they are written, at a given time, or never."""

    def __init__(self, text):
        self.duration, self.time = None, None
        # fail2ban has -1 seconds for a ban without end.
        if text == "never" or re.fullmatch(r"-[0-9]{1,9}s", text):
            return
        if re.match(r"[0-9]{4}-|[0-9]{10}$", text):
            self.time = moment(text)
            if self.time <= time.time():
                raise ValueError(f"{text} has passed")
        else:
            self.duration = seconds(text)
        if self.end(time.time()) > LATEST:
            raise ValueError(f"{text}: later than a list can say; write never")

    def end(self, now):
        if self.duration is not None:
            return int(now) + self.duration
        return NEVER_ENDS if self.time is None else self.time


def written(end):
    """An end as it is written into a list."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))


# An entry with or without an end, and a comment. What else stands behind an address, netfilterd
# rejects or takes for a feed's; in both cases it is not ours to judge.
LINE = re.compile(rb"[ \t]*([^ \t\r]+)(?:[ \t]+until[ \t]+([^ \t\r]+))?[ \t]*(?:[ \t](?:#|;|//).*)?\r?")


def read(line):
    """The entry of a line and when it expires. `None` if the line is no entry."""
    found = LINE.fullmatch(line)
    if not found:
        return None
    try:
        end = moment(found[2].decode()) if found[2] else NEVER_ENDS
    except ValueError:
        return None
    return found[1].lower(), end


# Lists.

# A clock that is so much further than when these programs last used the list may have been set wrong.
JUMP = 7 * 86400


# A list whose lock is held: the directory, open, the name in it, and when it was last held.
Held = collections.namedtuple("Held", "folder name seen")


def signature(status):
    """What tells a file that was written from one that was not."""
    return status.st_ino, status.st_size, status.st_mtime_ns


class DropList:
    """A list that others write to as well."""

    def __init__(self, path):
        self.given = path
        # For messages. What a symbolic link leads to is what others lock, too.
        self.path = os.path.realpath(path)

    def append(self, entries, until, now=None):
        """Adds entries, without those that are there, and returns those that were added and their
        end. An entry is there if it lasts at least half as long as it would now: one that expires in
        an hour is no reason not to write one that expires in a month."""
        now = time.time() if now is None else now
        end = until.end(now)
        wanted = dict.fromkeys(entries)
        with self.locked() as held:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(held.name, flags, 0o644, dir_fd=held.folder)
            try:
                content = self.content(file, held.folder)
                for name, lasts in found(content, {name.encode() for name in wanted}):
                    if lasts - now >= (end - now) / 2:
                        wanted.pop(name.decode(), None)
                if wanted:
                    tail = "" if end == NEVER_ENDS else f" until {written(end)}"
                    text = "".join(f"{name}{tail}\n" for name in wanted).encode()
                    # Behind a last line without an end, the entry would become a part of that.
                    whole = b"" if content[-1:] in (b"", b"\n") else b"\n"
                    write_all(file, whole + text)
            finally:
                os.close(file)
        return list(wanted), end

    def remove(self, entries):
        """Removes entries, whenever they expire, and returns how many lines that were."""
        names = {name.encode() for name in entries}
        return self.rewrite(lambda line: (read(line) or (b"",))[0] in names)

    def prune(self, force=False):
        """Removes what has expired, and returns how many lines that were. Not if the clock may be
        wrong, by which all would have expired, unless that is forced."""
        now = time.time()
        return self.rewrite(lambda line: (read(line) or (b"", NEVER_ENDS))[1] <= now,
                            now, force)

    def rewrite(self, unwanted, now=None, force=False):
        """Removes lines: because of the time only if the clock can be right, or that is forced."""
        with self.locked(force) as held:
            for _ in range(TRIES):
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
                file = os.open(held.name, flags, dir_fd=held.folder)
                try:
                    content, before = self.content(file, held.folder), os.fstat(file)
                finally:
                    os.close(file)
                lines = content.split(b"\n")
                kept = [line for line in lines if not unwanted(line)]
                if len(kept) == len(lines):
                    return 0
                if now is not None and not force and now - held.seen > JUMP:
                    raise Refused(f"{self.path} was last used at {written(held.seen)}, and the clock "
                                  f"says {written(now)}: nothing is removed, since the clock may be "
                                  "wrong; if it is right, use --force once")
                if self.replace(held, b"\n".join(kept), before):
                    return len(lines) - len(kept)
        raise Refused(f"{self.path}: another program keeps writing to it without its lock")

    def publish(self, make):
        """Replaces the whole list by what `make` returns when it is given what is there, which is
        nothing if there is no list."""
        with self.locked() as held:
            for _ in range(TRIES):
                try:
                    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
                    file = os.open(held.name, flags, dir_fd=held.folder)
                except FileNotFoundError:
                    content, before = b"", None
                else:
                    try:
                        content, before = self.content(file, held.folder), os.fstat(file)
                    finally:
                        os.close(file)
                if self.replace(held, make(content), before):
                    return
        raise Refused(f"{self.path}: another program keeps writing to it without its lock")

    def replace(self, held, content, before):
        """Replaces the list, which was so `before`, or was not there, by a new file, unless a program
        has written to the list."""
        new = f".{held.name}.rewritten"
        at = {"dir_fd": held.folder}
        # What one that was killed has left.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, **at)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(new, flags, 0o600, **at), "wb") as file:
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode) if before else 0o644)
                if before:
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                now = signature(os.stat(held.name, **at))
            except FileNotFoundError:
                now = None
            same = now == (before and signature(before))
            if same:
                os.rename(new, held.name, src_dir_fd=held.folder, dst_dir_fd=held.folder)
            return same
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new, **at)

    def content(self, file, folder):
        own(file, folder, self.path)
        with open(file, "rb", closefd=False) as reader:
            return reader.read()

    @contextlib.contextmanager
    def locked(self, force=False):
        """Holds the lock. Yields the time at which it was last held, which is in its file. That
        time follows the clock, but not a jump ahead, unless it is forced to."""
        folder, name = opened(self.given)
        try:
            path = os.path.join(os.path.dirname(self.path), f".{name}.lock")
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(f".{name}.lock", flags, 0o600, dir_fd=folder)
        except OSError:
            os.close(folder)
            raise
        try:
            own(lock, folder, path)
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Refused(f"{path}: another program has held this lock for {PATIENCE} "
                                      f"seconds; fuser {path} shows which") from None
                    time.sleep(0.02)
            now = time.time()
            seen = last_use(lock, folder, name, now)
            yield Held(folder, name, seen)
            if force or now - seen <= JUMP:
                seen = now
            # Without it, as on a full disk, the clock is trusted less, and nothing else.
            with contextlib.suppress(OSError):
                os.pwrite(lock, f"{int(seen):010}\n".encode(), 0)
        finally:
            os.close(lock)
            os.close(folder)


def opened(path):
    """The directory of a file, open, and the name of the file in it. Links on the way are followed if
    root has made them, or who runs this: another user's could lead to any file of root's."""
    folder, links = os.open("/", os.O_PATH | os.O_CLOEXEC), 0
    parts = os.path.join(os.getcwd(), path).split("/")[::-1]
    try:
        while True:
            parts = [part for part in parts if part not in ("", ".")]
            if not parts:
                raise Refused(f"{path} is not a regular file")
            name = parts.pop()
            try:
                there = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            except FileNotFoundError:
                if parts:
                    raise Refused(f"there is no directory {os.path.dirname(os.path.realpath(path))}; "
                                  "make it first") from None
                return folder, name
            status = os.fstat(there)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > 40:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink("", dir_fd=there)
                os.close(there)
                if status.st_uid not in (0, os.geteuid()):
                    raise Refused(f"{path}: {name!a} is a link of user {status.st_uid}; name the file "
                                  "that it leads to")
                if target.startswith("/"):
                    os.close(folder)
                    folder = os.open("/", os.O_PATH | os.O_CLOEXEC)
                parts += target.split("/")[::-1]
            elif not parts:
                os.close(there)
                return folder, name
            else:
                os.close(folder)
                folder = there
    except BaseException:
        os.close(folder)
        raise


def own(file, folder, path):
    """Refuses what is no file, or what another user can have put there: another name of a file."""
    status, place = os.fstat(file), os.stat(".", dir_fd=folder)
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{path} is not a regular file")
    theirs = place.st_uid not in (0, os.geteuid()) or place.st_mode & 0o022
    if status.st_nlink > 1 and theirs:
        raise Refused(f"{path} has another name (a hard link), perhaps given by another user; remove "
                      "it, or copy it")


def last_use(lock, folder, name, now):
    """The time in a lock file. One that a shell has made has none; then it is the list's."""
    known = re.match(rb"([0-9]{10})\n", os.pread(lock, 11, 0))
    if known:
        return int(known[1])
    try:
        return os.stat(name, dir_fd=folder).st_mtime
    except OSError:
        return now


def found(content, names):
    """The lines that are about one of these entries, with the times at which they expire."""
    for line in content.split(b"\n"):
        words = line.split(None, 1)
        if words and words[0].lower() in names:
            known = read(line)
            if known:
                yield known


def write_all(file, text):
    """Writes all of it or nothing."""
    count = os.write(file, text)
    if count == len(text):
        return
    # A full disk. Half a line could be another address.
    os.ftruncate(file, os.fstat(file).st_size - count)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# The daemon.

def hang_up(pid_file):
    """Has a daemon without --watch reload."""
    try:
        with open(pid_file) as file:
            pid = int(file.read(32))
        with open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
    except (OSError, ValueError):
        raise Refused(f"{pid_file}: no netfilterd runs with this pid file") from None
    # A number that is left over may be another program's by now, and SIGHUP ends most programs.
    if name != "netfilterd":
        raise Refused(f"{pid_file}: process {pid} is {name!a}, not netfilterd")
    os.kill(pid, signal.SIGHUP)
