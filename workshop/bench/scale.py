"""Rows from 1 to 100,000, three sizes of one model and a forest, one thread and two."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from workshop import models, results, stats
from workshop.arms import IN_PROCESS_ARMS, label
from workshop.crossover import by_rows, crossover
from workshop.errors import WorkshopError
from workshop.quantities import Spread, digits, duration
from workshop.results import Result
from workshop.timing import Plan, time_in_launches

WHAT = "median call, {}"
SIZES = {
    "fare_small": "20 iterations",
    "fare": "200 iterations",
    "fare_large": "1,000 iterations",
    "forest": "a forest of 300 trees",
}
THREADS = (1, 2)
TWO_THREADS = {"fare"}
MOST = {"fare_large": 10_000, "forest": 10_000}  # rows: more would take minutes
LAUNCHES = 4
# rows: (batches, rounds, calls a round), as in timing.PLAN
PLAN: Plan = {
    1: (100, 10, 10),
    10: (50, 5, 10),
    100: (20, 5, 4),
    1_000: (10, 5, 2),
    10_000: (2, 2, 1),
    100_000: (1, 1, 1),
}
QUICK_MODELS = ("fare_small", "fare")
QUICK_ROWS = (1, 100, 10_000)
STEPS = {  # what gains how much: the slower arm, the faster one
    "ONNX v. scikit-learn": ("sklearn", "onnx-python"),
    "Rust v. Python": ("onnx-python", "onnx-rust"),
}
ONNX, RUST = STEPS
SAME = ("onnx-python", "onnx-python again")
LEAD = 1.05  # below, Rust's lead is of no use to anybody


class Saved(NamedTuple):
    """What Rust saves of a call in seconds, with 95% intervals over the launches."""

    call: Spread  # on one row: what is around every call
    row: Spread  # for each further row


def bench(*, quick: bool, seed: int) -> dict[str, pd.DataFrame]:
    """Return what to print, by heading, having written build/scale.json."""
    names, launches, plan = tuple(SIZES), LAUNCHES, PLAN
    if quick:
        names, launches = QUICK_MODELS, 2
        plan = {rows: PLAN[rows] for rows in QUICK_ROWS}
    samples = measure(names, plan, launches=launches, seed=seed)
    results.save("scale", samples, seed)
    found = results.load("scale")
    ends = crossovers(found).map(lambda lead: lead.end)
    return {
        "one call": table(found).reset_index(),
        "who leads, and up to how many rows": ends.reset_index(),
    }


def measure(
    names: tuple[str, ...], plan: Plan, *, launches: int, seed: int
) -> pd.DataFrame:
    """Return a sample a launch: the median seconds of a call, of each arm."""
    frames = []
    for name in names:
        mine = {rows: plan[rows] for rows in plan if rows <= MOST.get(name, rows)}
        for threads in THREADS if name in TWO_THREADS else THREADS[:1]:
            calls = time_in_launches(
                models.ensure(name),
                mine,
                threads=threads,
                launches=launches,
                seed=seed,
            )
            calls = calls[calls["arm"] != "nothing"]
            by = calls.groupby(["arm", "rows", "launch"])["seconds"]
            kind = {"what": WHAT.format(name), "threads": threads, "round": 0}
            frames.append(by.median().reset_index().assign(**kind))
    return pd.concat(frames, ignore_index=True)


def cases(result: Result) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Yield model, threads and samples of each case that was measured."""
    for name in SIZES:
        for threads in THREADS:
            samples = of(result, name, threads)
            if len(samples):
                yield name, threads, samples


def of(result: Result, name: str, threads: int = 1) -> pd.DataFrame:
    """Return the samples of one model with so many threads, for all rows."""
    samples = result.samples
    kind = samples["what"].eq(WHAT.format(name)) & samples["threads"].eq(threads)
    return samples[kind]


def table(result: Result) -> pd.DataFrame:
    """Return a row for each model, threads and rows: the times, both steps, noise."""
    found = {}
    for name, threads, samples in cases(result):
        onnx, rust, same = (
            by_rows(samples, *pair) for pair in (STEPS[ONNX], STEPS[RUST], SAME)
        )
        for rows in onnx:
            here = samples[samples["rows"] == rows]
            times = {label(arm): _time(here, arm) for arm in IN_PROCESS_ARMS}
            steps = {ONNX: onnx[rows], RUST: rust[rows]}
            noise = {"noise floor": digits(stats.noise(same[rows]))}
            found[SIZES[name], threads, rows] = {**times, **steps, **noise}
    return pd.DataFrame(found).T.rename_axis(["model", "threads", "rows"])


def crossovers(result: Result) -> pd.DataFrame:
    """Return where the lead of each step ends, a row a model and threads."""
    found = {}
    for name, threads, samples in cases(result):
        same = by_rows(samples, *SAME)
        noise = {rows: stats.noise(each) for rows, each in same.items()}
        found[SIZES[name], threads] = {
            ONNX: crossover(samples, *STEPS[ONNX], noise=noise),
            RUST: crossover(samples, *STEPS[RUST], level=LEAD, noise=noise),
        }
    return pd.DataFrame(found).T.rename_axis(["model", "threads"])


def one_row(result: Result, step: str) -> dict[str, stats.Interval]:
    """Return what a step gains on one row and one thread, by model."""
    return {
        name: by_rows(samples, *STEPS[step])[1]
        for name, threads, samples in cases(result)
        if threads == 1
    }


def saved(samples: pd.DataFrame) -> Saved:
    """Return the two parts of what Rust saves, in seconds: a call, and each row.

    samples: of one model and one number of threads, as from `of`. The first part is
    Python's time less Rust's on one row; the second is what that grows by up to the
    most rows that were timed, over their number. Raises WorkshopError for samples of
    several kinds, or where one row and more rows of both are not among them.
    """
    if samples[["what", "threads"]].drop_duplicates().shape[0] != 1:
        raise WorkshopError("The samples mix kinds: choose one model and its threads.")
    times = samples.pivot_table("seconds", ["launch", "rows"], "arm", aggfunc="median")
    python, rust = (times.get(arm, times.iloc[:0, 0]) for arm in STEPS[RUST])
    less = (python - rust).unstack("rows").dropna()
    if less.empty or 1 not in less or (most := max(less)) == 1:
        raise WorkshopError(f"Two parts want one row and more, of both: {[*less]}.")
    a_row = (less[most] - less[1]) / (most - 1)
    return Saved(*(Spread(*stats.mean_interval(each)) for each in (less[1], a_row)))


def _time(samples: pd.DataFrame, arm: str) -> str:
    return duration(stats.median_interval(samples, arm).seconds)
