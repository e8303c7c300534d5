"""Is this machine ready? Each fault comes with what to do about it.

Imports the standard library only, so that it runs in a wrong kernel too.
"""

import importlib
import os
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from workshop import environment
from workshop.errors import WorkshopError
from workshop.paths import DATA, ROOT

FOR_RUST = {"rust_ext", "processors"}  # without them, the others run
PACKAGES = ("jupyterlab", "scikit-learn", "skl2onnx", "onnxruntime", "numpy", "pandas")


class Check(NamedTuple):
    """One thing that the course needs: what was found, and what to do if it is bad."""

    what: str
    found: str
    fine: bool
    advice: str


def checks():
    """Return every check, in the order in which a fault should be mended."""
    return [kernel(), packages(), *rust(), cores(), rides()]


def text(results):
    """Return the checks as lines, each fault followed by its advice, and a verdict."""
    lines = []
    for check in results:
        lines.append(f"{'ok ' if check.fine else 'NO '} {check.what}: {check.found}")
        if not check.fine:
            lines.append(f"      {check.advice}")
    faults = [check.what for check in results if not check.fine]
    early = set(faults) - FOR_RUST
    when = "before you go on" if early else "for notebooks 04 to 06"
    lines.append(f"{len(faults)} to mend {when}" if faults else "ready")
    return "\n".join(lines)


def kernel():
    """Check that this Python is the course's own."""
    return Check(
        "kernel",
        ".venv" if environment.is_active() else sys.executable,
        environment.is_active(),
        "This notebook runs in another Python. Start JupyterLab with 'make lab', and "
        "choose the kernel 'Fare and Square' (Kernel > Change Kernel).",
    )


def packages():
    """Check that the packages are those of the lock."""
    lock = (ROOT / "requirements.in").read_text(encoding="utf-8")
    locked = dict(re.findall(r"(?m)^([\w-]+)==([\w.]+)", lock))
    wrong = [
        f"{name} {found(name)}" for name in PACKAGES if found(name) != locked[name]
    ]
    return Check(
        "packages",
        ", ".join(wrong) or f"{len(PACKAGES)} at the locked versions",
        not wrong,
        "They are not what requirements.lock says. Run: make setup",
    )


def found(name):
    """Return the version of a package, or 'missing'."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def rust():
    """Check the Rust extension, and where it is there its build and its library."""
    there = extension()
    return [there, build(), library()] if there.fine else [there]


def extension():
    """Check that the Rust extension can be imported."""
    advice = (
        "The Rust extension is not in this environment. Run: make setup, with Rust or "
        "with your instructor's folder wheels/ in this one. Without it notebooks 04 to "
        "06 are shown as they were recorded, and the others run."
    )
    try:
        rust_ext = importlib.import_module("rust_ext")
    except ImportError as error:
        return Check("rust_ext", str(error), False, advice)
    fine = hasattr(rust_ext, "InferenceSession")
    return Check("rust_ext", "imported" if fine else "not built", fine, advice)


def build():
    """Check that the Rust extension was built with optimisation."""
    profile = getattr(sys.modules.get("rust_ext"), "BUILD_PROFILE", "missing")
    return Check(
        "build",
        profile,
        profile == "release",
        "A debug build is many times slower than the real thing, and every time in "
        "this course would be wrong. Run: make setup",
    )


def library():
    """Check that Rust finds the ONNX Runtime library."""
    rust_ext = sys.modules.get("rust_ext")
    advice = "Rust loads it from the onnxruntime package. Run: make setup"
    try:
        path = rust_ext.onnxruntime_library()
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        return Check("ONNX Runtime library", f"not found ({error})", False, advice)
    return Check("ONNX Runtime library", path.name, True, advice)


def cores():
    """Check that a server and its clients need not share one processor."""
    count = allowed_cores()
    return Check(
        "processors",
        f"{count} may be used here",
        count > 1,
        "With one processor, servers and their clients take turns: notebooks 05 and 06 "
        "run, and their times say more about the turns than about the servers.",
    )


def allowed_cores():
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rides():
    """Check that the rides are there, and room to work with them."""
    path, free = DATA / "rides.csv.gz", shutil.disk_usage(ROOT).free / 2**30
    return Check(
        "rides and room",
        f"{'found' if path.exists() else 'missing'}, {free:.0f} GiB free",
        path.exists() and free > 1,
        "Get data/rides.csv.gz with: git checkout -- data/ and keep 1 GiB free.",
    )


def require(results):
    """Raise WorkshopError when a check failed that the course cannot do without."""
    faults = [check.what for check in results if not check.fine]
    if set(faults) - FOR_RUST:
        raise WorkshopError(f"Mend {', '.join(faults)} first: the advice stands above.")
