"""A machine's state as one line to send: notebook 00 writes it, an instructor reads it.

`fare1/3.12.3/linux-x86-64/4cpu/52gib/1.97.1/1.32.0/release/ready/7f3a`: Python, system,
processors, free disk, cargo, ONNX Runtime, build, what to mend, a checksum over all.
Imports the standard library only.
"""

import platform
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workshop import check
from workshop.errors import WorkshopError
from workshop.paths import ROOT

FORM = re.compile(r"fare1/[\w./+-]+")


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


def write(results: Sequence[check.Check]) -> str:
    """Return the code of this machine, with what its checks found."""
    faults = "+".join(each.what.replace(" ", "-") for each in results if not each.fine)
    system = f"{platform.system()}-{platform.machine()}".lower().replace("_", "-")
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
    return _sealed("/".join(["fare1", *code]))


def read(text: str) -> tuple[list[Code], list[str]]:
    """Return the codes in a text, whatever stands around them, and the damaged ones."""
    whole, damaged = [], []
    for found in FORM.findall(text):
        code = found.rstrip(".")  # of the sentence that it ends
        _, *fields, _ = code.split("/")
        sealed = code == _sealed(code.rpartition("/")[0])
        if sealed and len(fields) == len(Code._fields):
            whole.append(Code(*fields))
        else:
            damaged.append(code)
    return whole, damaged


def main(argv: Sequence[str]) -> None:
    """Print what the codes in a file say together; `-` is the standard input."""
    if len(argv) != 1:
        raise WorkshopError(
            "Give a file with the codes of the room, each on any line: "
            "python -m workshop codes FILE (or - to paste them)."
        )
    try:
        text = sys.stdin.read() if argv[0] == "-" else Path(argv[0]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkshopError(
            f"{argv[0]} cannot be read: {error}. Save the messages as plain text."
        ) from None
    print(summary(*read(text)))


def summary(codes: Sequence[Code], damaged: Sequence[str]) -> str:
    """Return how many are ready, what stops the others, and what machines they have."""
    ready = sum(code.faults == "ready" for code in codes)
    lines = [f"{ready} of {len(codes)} ready"]
    faults = Counter(fault for code in codes for fault in code.faults.split("+"))
    del faults["ready"]
    lines += [f"  {count} to mend: {fault}" for fault, count in faults.most_common()]
    for field in Code._fields[:-1]:
        counts = Counter(getattr(code, field) for code in codes).most_common()
        found = ", ".join(f"{value} ({count})" for value, count in counts)
        lines.append(f"{field:<12} {found}".rstrip())
    lines += [f"damaged, ask for it again: {code}" for code in damaged]
    return "\n".join(lines)


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
