"""The course's own environment: made once, from the lock, with the standard library.

Each step leaves a stamp (the hash of what it was made from) in .venv, so that a second
call does no work and an interrupted one goes on where it stopped. In which order stands
in workshop/set_up.py.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

from workshop.errors import WorkshopError
from workshop.paths import BUILD, ROOT

VENV = ROOT / ".venv"
STAMPS = VENV / "fare-and-square.json"
LOG = BUILD / "setup.log"
EXE = ".exe" if os.name == "nt" else ""
# What a failing step prints, and what that means.
CAUSES = {
    "No space left|not enough space": (
        "The disk is full. Free 4 GiB, and run the same command again."
    ),
    "ensurepip is not available": (
        "This Python cannot make a virtual environment. On Debian and Ubuntu install "
        "python3-venv, then run the same command again."
    ),
    "name resolution|resolve host|dns error|establish a new connection|timed out|"
    "connection (refused|reset)|error sending request|proxy": (
        "The packages cannot be fetched: the network, or a proxy, is in the way. "
        "Mend that, and run the same command again: it goes on where it stopped."
    ),
    "linker .+ not found|link.exe|xcrun: error": (
        "Rust finds no C compiler to link with. Install one (Debian: build-essential; "
        "macOS: xcode-select --install; Windows: Visual Studio Build Tools), and run "
        "the same command again."
    ),
    "no matching distribution found for rust_ext": (
        "The wheel in wheels/ is for another system, processor or Python. Make one on "
        "a machine like this one (make wheel), or install Rust from https://rustup.rs."
    ),
    "do not match the hashes": (
        "A package is not the one in requirements.lock, so it was not installed. Clear "
        "pip's cache (pip cache purge), or ask who runs your package mirror."
    ),
}


def python():
    """Return the path of the environment's Python; raise WorkshopError without it."""
    path = VENV / ("Scripts" if os.name == "nt" else "bin") / ("python" + EXE)
    if not path.exists():
        raise WorkshopError(
            "The course's environment .venv is missing. It is made by: "
            "python -m workshop setup"
        )
    return str(path)


def is_active():
    """Return whether this process runs in the course's environment."""
    return os.path.realpath(sys.prefix) == os.path.realpath(VENV)


def read_stamps():
    """Return what the environment was made from; nothing where it is half made."""
    try:
        python()
        return json.loads(STAMPS.read_text(encoding="utf-8"))
    except (WorkshopError, OSError, ValueError):
        return {}


def write_stamps(**stamps):
    """Record what the environment is now made from."""
    STAMPS.write_text(json.dumps(stamps), encoding="utf-8")


def digest(paths):
    """Return one hash over names and contents, and over where the course lies."""
    sha = hashlib.sha256(str(ROOT).encode())  # what is installed knows its place
    for path in sorted(paths):
        sha.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return sha.hexdigest()


def check_outside():
    """Raise WorkshopError rather than remove the environment that this runs in."""
    if is_active():
        raise WorkshopError(
            "The environment .venv is half made, and it cannot be made again from "
            "inside itself. Type 'deactivate' or open a new terminal, then run: "
            "python3 -m workshop setup"
        )


def step(what, action):
    """Run one step of the set-up, saying what it makes and how long it took."""
    print(f"set-up: {what} ...", end="", flush=True)
    start = time.monotonic()
    try:
        LOG.parent.mkdir(exist_ok=True)
        action()
    except OSError as error:
        raise WorkshopError(
            f"The set-up stopped at {what}: {error}. Mend that, and run the same "
            "command again: it goes on from there."
        ) from error
    finally:
        print(f" {time.monotonic() - start:.0f} s", flush=True)


def run(command, **options):
    """Run a command into the log; raise WorkshopError with the cause where it fails."""
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        start = log.tell()
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **options,
        )
    if done.returncode:
        text = LOG.read_bytes()[start:].decode(errors="replace").strip()
        raise WorkshopError(f"{cause(text)} The whole output: {LOG.relative_to(ROOT)}")


def cause(text):
    """Return what a failed step's output says went wrong, and what to do about it."""
    for pattern, meaning in CAUSES.items():
        if re.search(pattern, text, re.IGNORECASE):
            return meaning
    last = "\n".join("  | " + line for line in text.splitlines()[-8:])
    return f"A step of the set-up failed. Its last words:\n{last}\n"


def make_venv():
    """Make an empty .venv, removing a half-made one."""
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", VENV])


def install_lock():
    """Install the locked packages, this one, and a kernel of this environment."""
    lock = ["--require-hashes", "-r", "requirements.lock"]
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    if shutil.which("uv"):
        run(["uv", "pip", "install", "--python", python(), *lock], cwd=ROOT)
    else:
        run([*pip, *lock], cwd=ROOT)
    run([*pip, "--no-build-isolation", "--no-deps", "-e", "."], cwd=ROOT)
    # One thread for each arm. OpenMP's threads also wait for each other in a loop,
    # which on a busy machine takes many times as long as one thread alone.
    kernel = ["ipykernel", "install", "--sys-prefix", "--env", "OMP_NUM_THREADS", "1"]
    named = ["--display-name", "Fare and Square"]
    run([python(), "-m", *kernel, *named], cwd=ROOT)
    # JupyterLab asks each newcomer about news, which it would fetch from the network.
    news = [
        "disable",
        "--level=sys_prefix",
        "@jupyterlab/apputils-extension:announcements",
    ]
    run([python(), "-m", "jupyterlab.labextensions", *news], cwd=ROOT)
