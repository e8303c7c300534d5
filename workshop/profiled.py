"""Where the time of a call into scikit-learn goes, by a profile of its functions."""

import cProfile
import pstats
from collections.abc import Callable, Sequence

import pandas as pd

PARTS = {  # the first word that a function's file has in its path says whose it is
    "the trees": ("sklearn/ensemble", "sklearn/tree"),
    "scikit-learn's columns and checks": ("sklearn", "narwhals", "joblib"),
    "pandas": ("pandas",),
    "numpy and scipy": ("numpy", "scipy"),
}
REST = "Python's own library"
COMPILED = "~"  # what the profiler has for the file of a function without one


def shares(call: Callable[[object], object], batches: Sequence[object]) -> pd.Series:
    """Return which share of the time each part takes, in %, over a call a batch.

    A compiled function counts for its caller. The profiler's own time lengthens what
    calls many small functions, so the shares are no more than a direction.
    """
    call(batches[0])
    profile = cProfile.Profile()
    with profile:
        for batch in batches:
            call(batch)
    spent = dict.fromkeys([*PARTS, REST], 0.0)
    for function, timed in pstats.Stats(profile).stats.items():
        own, callers = timed[2], timed[4]
        if function[0] == COMPILED:
            for caller, its in callers.items():
                spent[_part(caller[0])] += its[2]
        else:
            spent[_part(function[0])] += own
    seconds = pd.Series(spent)
    return 100 * seconds / seconds.sum()


def _part(file: str) -> str:
    path = file.replace("\\", "/")
    for part, words in PARTS.items():
        if any(f"/{word}/" in path for word in words):
            return part
    return REST
