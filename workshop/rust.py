"""Rust programs built and run from a notebook, always in release mode."""

import os
import subprocess
import time
from typing import NamedTuple

import rust_ext
from workshop.environment import EXE
from workshop.errors import WorkshopError
from workshop.paths import RUST

TIMEOUT_S = 60


class Run(NamedTuple):
    """What a program printed, and how long its build took."""

    output: str
    build_s: float


def run_example(name: str, *arguments: object) -> Run:
    """Build an example of the engine, run it in a process of its own, return its words.

    Raises WorkshopError with the compiler's own message where it does not compile.
    """
    start = time.monotonic()
    options = ["--release", "--locked", "--offline", "--quiet"]
    _run("does not compile", ["cargo", "build", *options, "--example", name])
    build_s = time.monotonic() - start
    program = RUST / "target" / "release" / "examples" / (name + EXE)
    ended = _run("does not run", [str(program), *map(str, arguments)])
    return Run(ended.stdout.strip(), build_s)


def _run(what: str, command: list[str]) -> subprocess.CompletedProcess:
    library = str(rust_ext.onnxruntime_library())
    try:
        return subprocess.run(
            command,
            cwd=RUST / "engine",
            env={**os.environ, "ORT_DYLIB_PATH": library},
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        raise WorkshopError(f"The program {what}:\n{error.stderr}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkshopError(
            f"The program {what}: {error}. If cargo is missing, install Rust from "
            "https://rustup.rs; if it hangs, interrupt the cell and run it again."
        ) from error
