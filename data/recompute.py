"""Every ratio of two arms of a results file, from its samples alone.

    python data/recompute.py FILE
    python data/recompute.py build/bench.json rounds

Imports nothing of the workshop: a slip of its does not repeat itself here. Prints what,
rows, threads, slow, fast, ratio, low, high for each two arms: the geometric mean over
the launches of the ratio of their medians, and its 95% interval by Student's t. With
`rounds` a launch's ratio is the median of those within each of its rounds: so are the
ratios of the extension's bench. An arm against itself "again" is the noise.
"""

import json
import sys
from collections import defaultdict
from itertools import chain, permutations
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, median, stdev

from scipy.stats import t


def seconds(content: dict) -> dict[tuple, dict[str, dict[int, dict[int, list]]]]:
    """The seconds by (what, rows, threads), arm, launch and round."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for one in content["samples"] + content["histograms"]:
        kind = one["what"], one["rows"], one["threads"]
        rounds = found[kind][one["arm"]][one["launch"]]
        times = rounds.setdefault(one["round"], [])
        for middle, count in one.get("buckets", [[one.get("seconds"), 1]]):
            times += [middle] * count
    return found


def of_medians(slow: dict[int, list], fast: dict[int, list]) -> float:
    """The ratio of a launch: of the medians of all its seconds."""
    both = (median(chain(*arm.values())) for arm in (slow, fast))
    return next(both) / next(both)


def of_rounds(slow: dict[int, list], fast: dict[int, list]) -> float:
    """The ratio of a launch: the median of those within its rounds."""
    return median(fmean(slow[n]) / fmean(fast[n]) for n in slow.keys() & fast.keys())


def interval(ratios: list[float]) -> tuple[float, ...]:
    """How many times as fast, and the ends of the 95% interval."""
    logs = [log(each) for each in ratios]
    half = t.ppf(0.975, len(logs) - 1) * stdev(logs) / sqrt(len(logs))
    return tuple(exp(fmean(logs) + end) for end in (0, -half, half))


def main(path: str, by: str = "medians") -> None:
    """Print a line a kind and pair of arms that share two launches or more."""
    ratio = {"medians": of_medians, "rounds": of_rounds}[by]
    found = seconds(json.loads(Path(path).read_text(encoding="utf-8")))
    for (what, rows, threads), arms in found.items():
        for slow, fast in permutations(arms, 2):
            mine, its = arms[slow], arms[fast]
            ratios = [ratio(mine[n], its[n]) for n in mine.keys() & its.keys()]
            if len(ratios) > 1:
                kind = f"{what}\t{rows}\t{threads}\t{slow}\t{fast}"
                print(kind, *(f"{each:.6g}" for each in interval(ratios)), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
