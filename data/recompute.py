"""Every ratio of a results file, from its samples alone: python data/recompute.py FILE.

Imports nothing of the workshop: a slip of its does not repeat itself here. Prints what,
rows, threads, slow, fast, ratio, low, high for each two arms: the geometric mean over
the launches of the ratio of their medians, and its 95% interval by Student's t. An
arm against itself "again" is the noise.
"""

import json
import sys
from collections import defaultdict
from itertools import permutations
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, median, stdev

from scipy.stats import t


def medians(content: dict) -> dict[tuple, dict[str, dict[int, float]]]:
    """The median seconds by (what, rows, threads), arm and launch."""
    seconds = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for one in content["samples"]:
        kind = one["what"], one["rows"], one["threads"]
        seconds[kind][one["arm"]][one["launch"]].append(one["seconds"])
    for many in content["histograms"]:
        kind = many["what"], many["rows"], many["threads"]
        for middle, count in many["buckets"]:
            seconds[kind][many["arm"]][many["launch"]] += [middle] * count
    return {
        kind: {arm: {n: median(s) for n, s in by.items()} for arm, by in arms.items()}
        for kind, arms in seconds.items()
    }


def ratio(slow: dict[int, float], fast: dict[int, float]) -> tuple[float, ...]:
    """How many times as fast, and the ends of the 95% interval."""
    logs = [log(slow[launch] / fast[launch]) for launch in slow.keys() & fast.keys()]
    half = t.ppf(0.975, len(logs) - 1) * stdev(logs) / sqrt(len(logs))
    return tuple(exp(fmean(logs) + end) for end in (0, -half, half))


def main(path: str) -> None:
    """Print a line a kind and pair of arms."""
    found = medians(json.loads(Path(path).read_text(encoding="utf-8")))
    for (what, rows, threads), arms in found.items():
        for slow, fast in permutations(arms, 2):
            if min(len(arms[slow]), len(arms[fast])) > 1:
                middle, low, high = ratio(arms[slow], arms[fast])
                kind = f"{what}\t{rows}\t{threads}\t{slow}\t{fast}"
                print(f"{kind}\t{middle:.6g}\t{low:.6g}\t{high:.6g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
