#!/usr/bin/env python3
"""Reports what netfilterd would load of the files of a folder, for a person to look at.

Whatever is no block list and loads is a fault. So point this at folders of other programs' files
(configurations, logs, feeds of all kinds), and look at each file that loads.

    tests/strangers.py --binary target/release/netfilterd --only loads /etc /usr/share/doc

Nothing is loaded: the program only checks and prints. The files are read with --no-protect, so that
no address of this host and no width hides an entry.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

# How much of a file, and of what loads of it, is shown.
LINES, RANGES, WIDTH = 5, 5, 160

OUTCOMES = ("loads", "guarded", "refuses", "crashes", "times out")


def run(arguments, timeout):
    """The exit status (None if the time is over), and what was written to both outputs."""
    try:
        ran = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return None, "", ""
    except OSError as error:
        sys.exit(f"strangers: cannot run {arguments[0]}: {error.strerror}; give --binary")
    return ran.returncode, *(text.decode("utf-8", "replace") for text in (ran.stdout, ran.stderr))


def shown(text):
    """A line of a stranger, so that it does nothing to a terminal and does not fill it."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.rstrip("\r\n"))
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def first_lines(path):
    """The first lines of a file that are not empty."""
    with open(path, "rb") as file:
        lines = file.read(LINES * 4096).decode("utf-8", "replace").splitlines()
    return [shown(line) for line in lines if line.strip()][:LINES]


class Program:
    """The program under test."""

    def __init__(self, binary, timeout, scratch):
        self.binary, self.timeout = os.path.abspath(binary), timeout
        # A state file that does not exist: nothing was in force before.
        self.check = ["check", "--state-file", os.path.join(scratch, "state.json")]
        code, text, _ = run([self.binary, "check", "--help"], timeout)
        if code != 0:
            sys.exit(f"strangers: {binary} does not answer check --help; give --binary")
        self.json = "--json" in text
        if self.json:
            self.check.append("--json")

    def looks_at(self, path, name):
        """What becomes of one file, as a dictionary."""
        found = {"file": name, "size": os.path.getsize(path), "first lines": first_lines(path)}
        common = ["--no-protect", "-q", "-f", path]
        code, text, errors = run([self.binary, *self.check, *common], self.timeout)
        found["messages"] = messages(errors, path)
        found["outcome"] = outcome(code)
        if found["outcome"] not in ("loads", "guarded"):
            return found
        found.update(from_json(text) if self.json else from_text(text, path))
        code, text, errors = run(
            [self.binary, "print", "--format", "range", *common], self.timeout
        )
        if code != 0:
            found["outcome"] = outcome(code)
            found["messages"] = messages(errors, path)
            return found
        ranges = text.splitlines()
        found["ranges"], found["first ranges"] = len(ranges), ranges[:RANGES]
        return found


def outcome(code):
    """What the exit status of check and print says."""
    if code is None:
        return "times out"
    return {0: "loads", 1: "refuses", 3: "guarded"}.get(code, "crashes")


def messages(errors, path):
    """The warnings and errors, with FILE where they name the file."""
    lines = (line.removeprefix("netfilterd: ") for line in errors.splitlines())
    # The warning that --no-protect always gives says nothing of the file.
    return [line.replace(path, "FILE") for line in lines if "warning: --no-protect:" not in line]


# The line that check writes of a list.
LIST = re.compile(
    r"(?:(?P<format>.+?)(?:, sets? (?P<sets>.+))?: )?"
    r"(?P<entries>[\d,]+) entr\w+, (?P<rejected>[\d,]+) lines? rejected"
    r"(?:, (?P<exceptions>[\d,]+) exceptions? )?"
)


def from_text(text, path):
    """The format, the sets and the figures of the line that check writes of a list."""
    for line in text.splitlines():
        found = LIST.match(line.removeprefix(path + ": "))
        if found:
            members = {key: value for key, value in found.groupdict().items() if value}
            for key in {"entries", "rejected", "exceptions"} & members.keys():
                members[key] = int(members[key].replace(",", ""))
            if "sets" in members:
                members["sets"] = members["sets"].split(", ")
            return members
    return {}


def from_json(text):
    """The figures, the format and the sets of the list that check --json describes."""
    report = json.loads(text)
    lists = report.get("lists", []) if isinstance(report, dict) else report
    keys = ("format", "sets", "entries", "rejected", "exceptions", "set_aside")
    return {key: lists[0][key] for key in keys if key in lists[0]} if lists else {}


def kind(found):
    """Files of one outcome and one kind stand together: the format and sets, or the message."""
    if found["outcome"] in ("loads", "guarded"):
        sets = found.get("sets") or []
        return " ".join([str(found.get("format", "format not named")),
                         *(f"set {name}" for name in sets)])
    errors = [line for line in found["messages"] if line.startswith("error:")]
    text = errors[-1] if errors else "no message"
    # What is particular to a file: places and quoted text.
    return re.sub(r"FILE(:\d+)*", "FILE", re.sub(r'".*?"', '"..."', text))


def count(number, noun):
    """A number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def summary(found):
    """What loads of a file, in one line."""
    exceptions = found.get("exceptions", 0)
    figures = {
        "entries": found.get("entries", "?"),
        "rejected": found.get("rejected", "?"),
        "exceptions": len(exceptions) if isinstance(exceptions, list) else exceptions,
        "ranges": found["ranges"],
    }
    return ", ".join(f"{name}: {figure}" for name, figure in figures.items())


def write(results, out):
    """The report, grouped by outcome and kind."""
    groups = collections.defaultdict(list)
    for found in results:
        groups[found["outcome"], kind(found)].append(found)
    for name in OUTCOMES:
        kinds = sorted(((key[1], group) for key, group in groups.items() if key[0] == name),
                       key=lambda item: (-len(item[1]), item[0]))
        print(f"# {name}: {count(sum(len(group) for _, group in kinds), 'file')}", file=out)
        for text, group in kinds:
            print(f"\n## {name}: {shown(text)}: {count(len(group), 'file')}", file=out)
            for found in group:
                write_file(found, out)
        print(file=out)


def write_file(found, out):
    """One file: in full if something of it loads."""
    if "ranges" not in found:
        print(f"  {shown(found['file'])}", file=out)
        return
    print(f"\n  {shown(found['file'])}: {summary(found)}", file=out)
    for title, lines in (("line ", found["first lines"]), ("range", found["first ranges"]),
                         ("says ", found["messages"][:LINES])):
        for line in lines:
            print(f"    {title} | {shown(line)}", file=out)


def files_of(folders):
    """Each regular file below the folders, with the name that the report gives it."""
    for folder in folders:
        if os.path.isfile(folder):
            yield folder, folder
        for place, inner, names in os.walk(folder):
            inner.sort()
            for name in sorted(names):
                path = os.path.join(place, name)
                # A link leads to a file that is found where it is; a pipe or a device would wait.
                if os.path.isfile(path) and not os.path.islink(path):
                    yield os.path.abspath(path), os.path.relpath(path, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="+", help="a folder to walk, or a file")
    parser.add_argument("--binary", default="target/release/netfilterd", help="the program")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files at a time")
    parser.add_argument("--timeout", type=float, default=20, help="seconds that each run may take")
    parser.add_argument("--only", choices=OUTCOMES, help="report this outcome only")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        program = Program(options.binary, options.timeout, scratch)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda item: program.looks_at(*item), files_of(options.folder)))
    if not results:
        sys.exit("strangers: there is no file to look at; name a folder that has some")
    if options.only:
        results = [found for found in results if found["outcome"] == options.only]
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    else:
        write(results, sys.stdout)


if __name__ == "__main__":
    main()
