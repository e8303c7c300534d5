"""Rows from 1 to 100,000, three sizes of one model and a forest, one thread and two."""

from collections.abc import Iterator

import pandas as pd

from workshop import models, results, stats
from workshop.arms import IN_PROCESS_ARMS, label
from workshop.crossover import by_rows, crossover
from workshop.quantities import digits, duration
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
LAUNCHES = 5
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
            RUST: crossover(samples, *STEPS[RUST], level=LEAD),
        }
    return pd.DataFrame(found).T.rename_axis(["model", "threads"])


def one_row(result: Result, step: str) -> dict[str, stats.Interval]:
    """Return what a step gains on one row and one thread, by model."""
    return {
        name: by_rows(samples, *STEPS[step])[1]
        for name, threads, samples in cases(result)
        if threads == 1
    }


def _time(samples: pd.DataFrame, arm: str) -> str:
    return duration(stats.median_interval(samples, arm).seconds)
