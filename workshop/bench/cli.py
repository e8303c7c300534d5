"""Times every case in fresh processes, judges the bars, and writes build/bench.json."""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
from threadpoolctl import threadpool_limits

from workshop import results
from workshop.bench import bars, memory
from workshop.bench.cases import FULL, QUICK, Case, chunks, files
from workshop.bench.contenders import check_alike, contenders
from workshop.progress import turns
from workshop.quantities import digits
from workshop.timing import time_calls

LAUNCHES, ROUNDS, FEW_ROUNDS = 5, 50, 8
RUNS, SESSIONS = 200_000, 3_000
QUICKER = 10  # times fewer of them


def main(argv: Sequence[str] = ()) -> None:
    """Time, judge, save and print."""
    parser = argparse.ArgumentParser("python -m workshop bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few cases, one launch")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    cases, launches = (QUICK, 1) if asked.quick else (FULL, LAUNCHES)
    shorter = QUICKER if asked.quick else 1
    samples = time_in_launches(cases, launches, seed=asked.seed)
    counts = RUNS // shorter, SESSIONS // shorter
    resident = _fresh(memory.measure, *counts, asked.seed)
    held = pd.concat([bars.judged(samples), memory.judged(resident)])
    tables = {"bars": held, "memory": resident}
    path = results.save("bench", samples, asked.seed, tables)
    for case in cases:
        noise = digits(bars.noise(bars.of_case(samples, case), case))
        print(f"\n{case.what}, {case.rows:,} rows, threads: {case.threads}", end="")
        print(f", noise floor: {noise}\n{_lines(bars.table(samples, case))}")
    print(f"\n{_lines(held)}\n\nall samples: {path.parent.name}/{path.name}")


def time_in_launches(
    cases: Sequence[Case], launches: int, *, seed: int = 0
) -> pd.DataFrame:
    """Samples of every case from as many fresh processes, in seconds a call."""
    for case in cases:
        files(case.model)
    found = [
        _fresh(time_cases, cases, seed + number, f"launch {number + 1}, case")
        for number in range(launches)
    ]
    return pd.concat(dict(enumerate(found)), names=["launch"]).reset_index("launch")


def time_cases(cases: Sequence[Case], seed: int, what: str = "case") -> pd.DataFrame:
    """Samples of every case, from this process."""
    with threadpool_limits(1):
        found = [time_case(cases[i], seed=seed) for i in turns(len(cases), what)]
    return pd.concat(found, ignore_index=True)


def time_case(case: Case, *, seed: int = 0) -> pd.DataFrame:
    """Samples of one case, whose contenders are found to answer alike first."""
    batches, found = chunks(case, seed=seed), contenders(case)
    check_alike(found, batches[0], case)
    rounds = FEW_ROUNDS if case.slow else ROUNDS
    samples = time_calls(found, batches, rounds=rounds, calls=1, seed=seed)
    calls = {name: each.calls_on(batches[0]) for name, each in found.items()}
    samples["seconds"] /= samples["arm"].map(calls)
    return samples.assign(what=case.what, rows=case.rows, threads=case.threads)


def _fresh(function: Callable, *arguments: object) -> pd.DataFrame:
    """What the function returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _lines(table: pd.DataFrame) -> str:
    return table.to_string(index=False, justify="left")
