"""A machine's state as one line to send: notebook 00 writes it, an instructor reads it.

`fare1/3.12.3/linux-x86-64/4cpu/52gib/1.97.1/1.32.0/release/ready/7f3a`: Python, system,
processors, free disk, cargo, ONNX Runtime, build, what to mend, a checksum over all.
Imports the standard library only.
"""

import argparse
import platform
import re
import shutil
import subprocess
import sys
import textwrap
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workshop import check
from workshop.errors import WorkshopError
from workshop.paths import ROOT

VERSION = "fare1"
FORM = re.compile(r"fare\d+/[\w./+-]*", re.IGNORECASE)
AROUND = " \t:,;|`\"'"  # a code, in a sentence or a table


class Code(NamedTuple):
    """What one machine said of itself."""

    python: str
    system: str
    processors: str
    disk: str
    cargo: str
    onnxruntime: str
    build: str
    faults: str  # the names of the checks that failed, joined by +; or "ready"


class Sent(NamedTuple):
    """A code in a message: on which line, after which words, and what it says."""

    line: int
    who: str
    state: str  # "ready", or what is in the way
    code: Code | None  # None where it cannot be read


def write(results: Sequence[check.Check]) -> str:
    """Return the code of this machine, with what its checks found, in lower case."""
    faults = "+".join(each.what.replace(" ", "-") for each in results if not each.fine)
    system = f"{platform.system()}-{platform.machine()}".replace("_", "-")
    code = Code(
        platform.python_version(),
        system,
        f"{check.allowed_cores()}cpu",
        f"{shutil.disk_usage(ROOT).free >> 30}gib",
        _cargo(),
        check.found("onnxruntime"),
        check.build().found,
        faults or "ready",
    )
    return _sealed("/".join([VERSION, *code]).lower())


def read(text: str) -> list[Sent]:
    """Return every code in a text, in any case of letters, whole or not."""
    sent = []
    for number, line in enumerate(text.splitlines(), 1):
        end = 0
        for found in FORM.finditer(line):
            before = line[end : found.start()].lstrip(f">{AROUND}").rstrip(AROUND)
            end = found.end()
            who = before.removesuffix("set-up code").rstrip(AROUND)
            who = textwrap.shorten(who, 60)
            sent.append(Sent(number, who, *_read(found.group().lower())))
    return sent


def main(argv: Sequence[str]) -> None:
    """Print who is ready, of the codes in a file, and what they say together.

    Raises WorkshopError where the file cannot be read, or holds no code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m workshop codes",
        description="Say who of the room is ready, from the set-up codes they sent.",
    )
    parser.add_argument("file", help="their messages as plain text; - to paste them")
    file = parser.parse_args(argv).file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkshopError(
            f"{file} cannot be read: {error}. Save the messages as plain text."
        ) from None
    sent = read(text)
    if not sent:
        raise WorkshopError(
            f"There is no set-up code in {file}. One is the last line that the check "
            f"of notebook 00 prints, and begins with {VERSION}/."
        )
    print(summary(sent))


def summary(sent: Sequence[Sent]) -> str:
    """Return a line a code, how many are ready, and what machines they have."""
    lines = [
        f"line {each.line}{', ' if each.who else ''}{each.who}: {each.state}"
        for each in sent
    ]
    codes = [each.code for each in sent if each.code]
    faults = Counter(fault for code in codes for fault in code.faults.split("+"))
    lines += ["", f"{faults.pop('ready', 0)} of {len(sent)} ready"]
    lines += [f"  {count} to mend: {fault}" for fault, count in faults.most_common()]
    if len(codes) < len(sent):
        lines.append(f"  {len(sent) - len(codes)} to ask for again")
    for field in Code._fields[:-1]:
        counts = Counter(getattr(code, field) for code in codes).most_common()
        found = ", ".join(f"{value} ({count})" for value, count in counts)
        lines.append(f"{field:<12} {found}" if found else "")
    return "\n".join(lines).rstrip()


def _read(found: str) -> tuple[str, Code | None]:
    """Return what a code says of its machine, and its fields where it is whole."""
    text = found.rstrip(".")  # of the sentence that it ends
    version, *fields = text.split("/")
    if version != VERSION:
        return f"of another version of the course ({version}): ask for a new one", None
    if text != _sealed(text.rpartition("/")[0]) or len(fields) != len(Code._fields) + 1:
        return f"damaged, ask for it again: {text}", None
    code = Code(*fields[:-1])
    ready = code.faults == "ready"
    return "ready" if ready else f"not ready: {code.faults.replace('+', ', ')}", code


def _sealed(text: str) -> str:
    return f"{text}/{zlib.crc32(text.encode()) & 0xFFFF:04x}"


def _cargo() -> str:
    try:
        said = subprocess.check_output(
            ["cargo", "--version"], text=True, cwd=ROOT, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return "missing"
    return re.search(r"[\d.]+", said).group()
