"""Rust programs built and run from a notebook."""

import time
from typing import NamedTuple

import pandas as pd

import rust_ext
from workshop import environment, extension, prerequisites
from workshop.errors import WorkshopError
from workshop.paths import RUST
from workshop.processes import run
from workshop.progress import turns

FOLDERS = {"dev": "debug", "release": "release"}  # of cargo's profiles, in target/
BUILD_TIMEOUT_S = 240  # the first debug build compiles what the engine stands on
BUILDS = {"debug": "dev", "release": "release", "release again": "release"}


class Run(NamedTuple):
    """What a program printed, and how long its build took."""

    output: str
    build_s: float


def run_example(name: str, *arguments: object, profile: str = "release") -> Run:
    """Build an example of the engine, run it in a process of its own, return its words.

    The profile is cargo's: "dev" is what cargo builds where nobody says "release".
    Raises WorkshopError with the compiler's own message where it does not compile.
    """
    prerequisites.check_cargo()
    library = str(rust_ext.onnxruntime_library())
    where = {
        "cwd": RUST / "engine",
        "env": {**extension.for_cargo(), "ORT_DYLIB_PATH": library},
    }
    build = ["cargo", "build", "--profile", profile, "--locked", "--offline", "--quiet"]
    start = time.monotonic()
    build += ["--example", name]
    run(build, "The program does not compile", timeout_s=BUILD_TIMEOUT_S, **where)
    build_s = time.monotonic() - start
    built = RUST / "target" / FOLDERS[profile] / "examples"
    command = [str(built / (name + environment.EXE)), *map(str, arguments)]
    ended = run(command, "The program does not run", **where)
    return Run(ended.stdout.strip(), build_s)


def try_example(name: str, *arguments: object) -> Run | None:
    """Return what run_example returns; print what the compiler says where it does not.

    For an exercise: a program that does not compile stops no notebook.
    """
    try:
        return run_example(name, *arguments)
    except WorkshopError as error:
        print(error)
        return None


def time_builds(name: str, *, rows: int, launches: int = 10) -> pd.DataFrame:
    """Return the samples of a program that prints seconds, built with and without care.

    Each launch runs the debug build, the release build, and the release build again.
    """
    samples = [
        (arm, launch, float(seconds))
        for launch in turns(launches, "launch of each build")
        for arm, profile in BUILDS.items()
        for seconds in run_example(name, rows, profile=profile).output.split()
    ]
    frame = pd.DataFrame(samples, columns=["arm", "launch", "seconds"])
    return frame.assign(what=name, rows=rows, threads=1)
