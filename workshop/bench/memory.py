"""Whether memory stays flat over many runs, and over many sessions."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pandas as pd
import psutil

import rust_ext
from workshop.bench.bars import NAMES, verdict
from workshop.bench.cases import COLUMNS, Case, chunks, files, options
from workshop.quantities import digits
from workshop.stats import DRAWS, Interval, spread

BLOCKS = 20  # resident memory is read after each; in the first, pools and caches fill
MOST_MIB = 2  # of growth: a value lost in each run is ten times as much
NOTHING = "nothing"


def measure(runs: int, sessions: int, seed: int) -> pd.DataFrame:
    """Columns task, calls (so far) and rss_bytes, from this process."""
    path, chosen = files(COLUMNS).onnx, options(1)
    feeds = chunks(Case(COLUMNS), seed=seed)[0].feeds
    frames = [_resident(lambda i: None, runs).assign(task=NOTHING)]
    for package in (rust_ext, onnxruntime):
        session, name = package.InferenceSession(path, chosen), package.__name__

        def run(i: int, session: object = session) -> None:
            session.run(None, feeds[i % len(feeds)])

        def open_(i: int, make: Callable = package.InferenceSession) -> None:
            make(path, chosen).run(None, feeds[0])

        frames.append(_resident(run, runs).assign(task=f"{name}, runs"))
        frames.append(_resident(open_, sessions).assign(task=f"{name}, sessions"))
    return pd.concat(frames, ignore_index=True)


def judged(resident: pd.DataFrame) -> pd.DataFrame:
    """A row for each task, as those of `bars.judged`: it grows by at most so much."""
    noise, rows = growth_mib(resident[resident["task"] == NOTHING]), []
    for task, mine in resident.groupby("task", sort=False):
        grown = growth_mib(mine)
        held = verdict(grown.low, grown.high, MOST_MIB, at_most=True)
        what = (
            f"{task}, {mine['calls'].max():,}",
            "growth in MiB",
            f"at most {MOST_MIB}",
        )
        rows.append((*what, str(grown), digits(noise.high), held))
    return pd.DataFrame(rows, columns=NAMES)


def growth_mib(resident: pd.DataFrame, seed: int = 0) -> Interval:
    """What a task grew by after its first block; the interval resamples the blocks."""
    steps = np.diff(resident["rss_bytes"]) / 2**20
    drawn = np.random.default_rng(seed).choice(steps, (DRAWS, len(steps)))
    return Interval(steps.sum(), *spread(drawn.sum(axis=1)), launches=1)


def _resident(call: Callable[[int], object], count: int) -> pd.DataFrame:
    process, each, resident = psutil.Process(), count // BLOCKS, []
    for _ in range(BLOCKS):
        for i in range(each):
            call(i)
        resident.append(process.memory_info().rss)
    calls = [each * (block + 1) for block in range(BLOCKS)]
    return pd.DataFrame({"calls": calls, "rss_bytes": resident})
