"""Calls timed side by side: in turns, warmed up, over many rows, in fresh processes."""

import gc
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns

import numpy as np
import pandas as pd

from workshop import check
from workshop.errors import WorkshopError
from workshop.files import ModelFiles
from workshop.processes import run
from workshop.progress import turns

ONE_ROW = "workshop.launched.one_row"
Plan = Mapping[int, tuple[int, int, int]]
# rows: (batches, rounds, calls a round); no batch is timed twice by one arm
PLAN = {1: (100, 10, 10), 100: (20, 5, 4), 10_000: (2, 2, 1)}
LONGEST_S = 300


def time_calls(
    arms: Mapping[str, Callable[[object], object]],
    batches: Sequence[object],
    *,
    rounds: int = 10,
    calls: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Return one sample a call: columns arm, round, seconds.

    In each round every arm has a turn, in an order of that round's own: one call that
    is not counted, then `calls` calls, each with the next batch. All arms get the same
    batches. The garbage collector is off, and the time includes reading the clock.
    """
    if not batches:
        raise WorkshopError("There is no batch to time: give one batch at least.")
    warn_of_debug_build()
    rng = np.random.default_rng(seed)
    samples = []
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn * calls
            mine = [batches[(first + i) % len(batches)] for i in range(calls)]
            for arm in rng.permutation(list(arms)):
                arms[arm](batches[(first - 1) % len(batches)])
                for seconds in _time(arms[arm], mine):
                    samples.append((str(arm), turn, seconds))
    finally:
        if collecting:
            gc.enable()
    return pd.DataFrame(samples, columns=["arm", "round", "seconds"])


def warn_of_debug_build() -> None:
    """Warn where the Rust extension that is loaded was built without optimisation."""
    build = check.build()
    if build.found == "debug":
        warnings.warn(f"rust_ext is a debug build. {build.advice}", stacklevel=3)


def need_release_build() -> None:
    """Raise WorkshopError where rust_ext, if loaded, was built without optimisation."""
    build = check.build()
    if build.found == "debug":
        raise WorkshopError(f"rust_ext is a debug build. {build.advice}")


def _time(call: Callable[[object], object], batches: Sequence[object]) -> list[float]:
    times = []
    for batch in batches:
        start = perf_counter_ns()
        call(batch)
        times.append((perf_counter_ns() - start) / 1e9)
    return times


def time_in_launches(
    files: ModelFiles,
    plan: Plan = PLAN,
    *,
    threads: int = 1,
    launches: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Return samples of all in-process arms, from as many fresh processes.

    plan: by the number of rows, how many batches there are, how many rounds, and how
    many calls an arm makes in each. Each process loads the arms, compares their
    answers, and times them: see workshop/launched/one_row.py.
    """
    line = [sys.executable, "-m", ONE_ROW, *map(str, (*files, threads))]
    line.append(json.dumps(plan))
    what, frames = "launch of the three ways in one process", []
    for number in turns(launches, what):
        done = run([*line, str(seed + number)], timeout_s=LONGEST_S)
        frames.append(pd.DataFrame(json.loads(done.stdout)).assign(launch=number))
    samples = pd.concat(frames, ignore_index=True)
    return samples.assign(what="call", threads=threads)
