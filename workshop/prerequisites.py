"""What the machine must bring before the set-up can work; standard library only."""

import re
import shutil
import subprocess
import sys

from workshop.errors import WorkshopError
from workshop.paths import ROOT, RUST

PYTHONS = ((3, 11), (3, 14))
GIB_NEEDED = 4


def check_python():
    """Raise WorkshopError when this Python is too old or too new."""
    low, high = PYTHONS
    if not low <= sys.version_info[:2] < high:
        raise WorkshopError(
            f"This is Python {sys.version_info[0]}.{sys.version_info[1]}, and the "
            "course's packages need 3.11, 3.12 or 3.13. Start it with one of those, "
            "for example: python3.12 -m workshop run"
        )


def check_disk():
    """Raise WorkshopError when the disk has no room for the set-up."""
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < GIB_NEEDED:
        raise WorkshopError(
            f"The disk has {free:.1f} GiB free, and the set-up needs {GIB_NEEDED}. "
            f"Free some room on the disk that holds {ROOT}, then run it again."
        )


def check_cargo():
    """Raise WorkshopError when Rust is missing or too old."""
    text = (RUST / "Cargo.toml").read_text(encoding="utf-8")
    needed = re.search(r'rust-version = "([\d.]+)"', text).group(1)
    try:
        out = subprocess.check_output(["cargo", "--version"], text=True, cwd=RUST)
    except (OSError, subprocess.CalledProcessError):
        raise WorkshopError(
            "Rust's cargo is not on the PATH or does not start, and rust_ext is built "
            f"with it. Install Rust {needed} or newer from https://rustup.rs, open a "
            "new terminal, and run the same command again."
        ) from None
    found = re.search(r"[\d.]+", out).group()
    if [int(x) for x in found.split(".")] < [int(x) for x in needed.split(".")]:
        raise WorkshopError(
            f"cargo {found} is too old: rust_ext needs {needed}. Run: rustup update"
        )
