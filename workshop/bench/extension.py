"""Times the extension in fresh processes, and judges its bars."""

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
from workshop.timing import need_release_build, time_calls

LAUNCHES, ROUNDS, FEW_ROUNDS = 4, 30, 4
RUNS, SESSIONS = 200_000, 3_000
QUICKER = 10  # times fewer of them


def measure(*, quick: bool, seed: int) -> dict[str, pd.DataFrame]:
    """Return what to print, by heading, having written build/bench.json."""
    cases, launches = (QUICK, 1) if quick else (FULL, LAUNCHES)
    shorter = QUICKER if quick else 1
    samples = time_in_launches(cases, launches, seed=seed)
    resident = _fresh(memory.measure, RUNS // shorter, SESSIONS // shorter, seed)
    held = pd.concat([bars.judged(samples), memory.judged(resident)])
    results.save("bench", samples, seed, {"bars": held, "memory": resident})
    told = {}
    for case in cases:
        noise = digits(bars.noise(bars.of_case(samples, case), case))
        which = f"{case.what}, {case.rows:,} rows, threads: {case.threads}"
        told[f"{which}, noise floor: {noise}"] = bars.table(samples, case)
    return {**told, "the extension's bars": held}


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
    need_release_build()
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
