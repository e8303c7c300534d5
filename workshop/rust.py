"""Rust programs built and run from a notebook, always in release mode."""

import time
from typing import NamedTuple

import rust_ext
from workshop import environment, prerequisites
from workshop.paths import RUST
from workshop.processes import run


class Run(NamedTuple):
    """What a program printed, and how long its build took."""

    output: str
    build_s: float


def run_example(name: str, *arguments: object) -> Run:
    """Build an example of the engine, run it in a process of its own, return its words.

    Raises WorkshopError with the compiler's own message where it does not compile.
    """
    prerequisites.check_cargo()
    library = str(rust_ext.onnxruntime_library())
    where = {
        "cwd": RUST / "engine",
        "env": {**environment.for_cargo(), "ORT_DYLIB_PATH": library},
    }
    build = ["cargo", "build", "--release", "--locked", "--offline", "--quiet"]
    start = time.monotonic()
    run([*build, "--example", name], "The program does not compile", **where)
    build_s = time.monotonic() - start
    program = RUST / "target" / "release" / "examples" / (name + environment.EXE)
    command = [str(program), *map(str, arguments)]
    ended = run(command, "The program does not run", **where)
    return Run(ended.stdout.strip(), build_s)
