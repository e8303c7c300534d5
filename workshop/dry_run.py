"""What a room would wait for, run once: builds, servers, JupyterLab."""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable

from workshop import lab, models, rust
from workshop.arms import FLOOR_ARMS, SERVED_ARMS
from workshop.check import Check
from workshop.errors import WorkshopError
from workshop.paths import ROOT
from workshop.rides import FEATURES, clean, read_rides, split_by_time
from workshop.serving import ask, serve

LAB_S = 60  # for JupyterLab's first start
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def checks() -> list[Check]:
    """Return a check for each part, run in turn; says which one runs."""
    return [
        _tried(
            "builds", builds, "Notebook 04 makes them. Mend it, or show its report."
        ),
        _tried(
            "servers", servers, "Notebook 06 starts them: mend it, or show its report."
        ),
        _tried("JupyterLab", jupyterlab, "Run 'make lab' and read what it says."),
    ]


def builds() -> str:
    """Build the programs of notebook 04, with and without optimisation, and run them.

    The next build finds all that they stand on.
    """
    model = models.ensure("fare").onnx
    programs = [("nothing",), ("inputs", model), ("quote", model), ("row_by_row", 1)]
    for profile in rust.FOLDERS:
        for program in programs:
            rust.run_example(*program, profile=profile)
    return f"{len(programs)} programs, {' and '.join(rust.FOLDERS)}"


def servers() -> str:
    """Start each server of notebook 06 and ask it one ride."""
    files, arms = models.ensure("fare"), SERVED_ARMS + FLOOR_ARMS
    ride = split_by_time(clean(read_rides())).test[FEATURES].head(1)
    for arm in arms:
        model = files.served_by(arm)
        with serve(arm, model) as url:
            ask(url, ride)
    return f"{len(arms)} answer one ride"


def jupyterlab(*options: str) -> str:
    """Start JupyterLab without a browser, get its address, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", *lab.OPTIONS]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", *options]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + LAB_S
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    return f"version {_version(port)} answers"
                except OSError:
                    time.sleep(0.1)
        finally:
            process.terminate()
        log.seek(0)
        *_, words = [b"it says nothing", *log.read().strip().splitlines()]
    raise WorkshopError(f"it does not answer: {words.decode(errors='replace')}")


def _version(port: int) -> str:
    """Return what JupyterLab's server says to who has no token: its version."""
    with DIRECT.open(f"http://127.0.0.1:{port}/api", timeout=5) as answer:
        return json.load(answer)["version"]


def _tried(what: str, run: Callable[[], str], advice: str) -> Check:
    print(f"{what} ...", end=" ", flush=True)
    start = time.monotonic()
    try:
        found, fine = run(), True
    except WorkshopError as error:
        found, fine = str(error).strip(), False
    print(f"{time.monotonic() - start:.0f} s", flush=True)
    return Check(what, found, fine, advice)
