"""What would break in the room: this machine, tried before people come.

Imports the standard library only, so that it says what is missing where nothing is.
Where all is set up, it runs once what a room would wait for; see dry_run.py.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
import webbrowser
from collections.abc import Callable
from importlib import import_module

from workshop import check, environment, prerequisites
from workshop.check import Check
from workshop.errors import WorkshopError
from workshop.paths import ROOT

MEMORY_GIB = 4
LOCAL = "127.0.0.1"
NETWORK_S = 30
FETCHED = "pip"  # any small package does: whether it comes is what is asked


def main(_argv: object = ()) -> int:
    """Print the checks of this machine; return 1 where one of them failed."""
    if not environment.is_active() and environment.read_stamps():
        command = [environment.python(), "-m", "workshop", "preflight"]
        return subprocess.call(command, cwd=ROOT)
    tried = [python, disk, cargo, memory, loopback, proxy, browser, node]
    results = [each() for each in tried]
    course = check.checks() if environment.is_active() else [network()]
    faults = {each.what for each in course if not each.fine}
    if environment.is_active() and faults <= {"processors"}:
        course += import_module("workshop.dry_run").checks()
    results += course
    print(check.text(results))
    return int(any(not each.fine for each in results))


def python() -> Check:
    """Check the version of this Python."""
    return _required("Python", prerequisites.check_python, sys.version.split()[0])


def disk() -> Check:
    """Check the room on the disk."""
    free = f"{shutil.disk_usage(ROOT).free >> 30} GiB free"
    return _required("disk", prerequisites.check_disk, free)


def cargo() -> Check:
    """Check that Rust is there, and new enough."""
    return _required("cargo", prerequisites.check_cargo, "new enough")


def memory() -> Check:
    """Check that a server and its clients have room; unknown where nobody tells."""
    try:
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, OSError, ValueError):
        return Check("memory", "unknown", True, "")
    return Check(
        "memory",
        f"{gib:.0f} GiB",
        gib >= MEMORY_GIB,
        f"Notebook 06 runs servers beside the kernel and wants {MEMORY_GIB} GiB: close "
        "other programs, or show the report of 06.",
    )


def loopback() -> Check:
    """Check that a server on a free port of this machine can be reached."""
    advice = (
        "Notebook 06 and JupyterLab need it. A firewall or a security program is in "
        f"the way: allow Python to listen on {LOCAL}."
    )
    try:
        with socket.create_server((LOCAL, 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection((LOCAL, port), timeout=5):
                return Check("ports", f"{LOCAL}:{port} answers", True, advice)
    except OSError as error:
        return Check("ports", str(error), False, advice)


def proxy() -> Check:
    """Check that what goes to this machine itself is not sent to a proxy."""
    proxies = urllib.request.getproxies()
    direct = not proxies.get("http") or bool(urllib.request.proxy_bypass(LOCAL))
    return Check(
        "proxy",
        "none for this machine" if direct else "also for this machine itself",
        direct,
        "A browser or a notebook would ask the proxy for this machine's own servers. "
        f"Set NO_PROXY=localhost,{LOCAL} and open a new terminal.",
    )


def browser() -> Check:
    """Check that JupyterLab can open a browser."""
    try:
        name = getattr(webbrowser.get(), "name", "found")
    except webbrowser.Error:
        name = ""
    return Check(
        "browser",
        name or "none that Python knows",
        bool(name),
        "'make lab' prints an address: open it by hand in Chrome, Edge or Firefox.",
    )


def node() -> Check:
    """Check that the slides can be built, or were."""
    built = (ROOT / "build" / "slides" / "fare-and-square.html").exists()
    npm = shutil.which("npm")
    return Check(
        "slides",
        "built" if built else "can be built" if npm else "not built, and no npm",
        built or npm is not None,
        "Build them elsewhere with 'make slides' and copy build/slides/, or install "
        "Node.js 20 or newer.",
    )


def network() -> Check:
    """Check that pip gets a package: the set-up is not made yet, and fetches many."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        try:
            subprocess.run(
                [*command, "--dest", folder, FETCHED],
                check=True,
                capture_output=True,
                timeout=NETWORK_S,
            )
        except (OSError, subprocess.SubprocessError):
            return Check(
                "network",
                "pip cannot fetch a package",
                False,
                "The set-up fetches packages. Mend the network or pip's proxy, or run "
                "'make setup' where there is one, before the day.",
            )
    return Check("network", "pip fetches packages", True, "")


def _required(what: str, require: Callable[[], None], found: str) -> Check:
    """Return the check of something that the set-up itself cannot do without."""
    try:
        require()
    except WorkshopError as error:
        return Check(what, "not as needed", False, str(error))
    return Check(what, found, True, "")
