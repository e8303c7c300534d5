"""From how many rows on one arm overtakes another, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from workshop.arms import label
from workshop.errors import WorkshopError
from workshop.stats import Interval, ratio_interval


@dataclass(frozen=True)
class Crossover:
    """Where a lead ends, with its 95% interval: NaN where no end was seen."""

    rows: float
    low: float
    high: float
    most: int  # rows tried
    first: str  # the arm that leads for fewer rows, or for all that were tried
    then: str
    level: float = 1.0  # how many times as fast the first one is, to lead
    leads: bool = True  # whether the first one leads at all
    sure: int = 0  # rows, the most for which its lead is sure: beyond, undecided

    def __bool__(self) -> bool:
        """Whether a crossover was seen."""
        return not math.isnan(self.rows)

    @property
    def end(self) -> str:
        """Return who leads and up to where, in a few words for a table."""
        if not self.leads:
            return "no lead"
        return self.first + (self._up_to or f", no end up to {self.most:,}")

    def __str__(self) -> str:
        """Return one sentence, that none was seen among them."""
        lead = f"{self.first} leads {self.then}"
        if self.level != 1:
            lead = f"{self.first} is over {self.level:g} times as fast as {self.then}"
        if not self.leads:
            return f"no lead seen of {self.first} over {self.then}"
        return lead + (self._up_to or f", no crossover seen up to {self.most:,}")

    @property
    def _up_to(self) -> str:
        """Return up to where the lead goes: '' for all rows that were tried."""
        if self:
            ends = f"{_count(self.low)} to {_count(self.high)}"
            return f" up to {_count(self.rows)} ({ends})"
        undecided = self.sure < self.most
        return f" up to {self.sure:,}, undecided beyond" if undecided else ""


def crossover(
    samples: pd.DataFrame,
    one: str,
    other: str,
    *,
    level: float = 1.0,
    noise: Mapping[int, float] | None = None,
) -> Crossover:
    """Return up to how many rows the arm that leads for few rows does so.

    An arm leads where it is more than `level` times as fast. The ratio of
    `stats.ratio_interval` and the ends of its interval are drawn as straight lines
    between the numbers of rows that were timed, on logarithmic axes; where each of the
    three comes to `level` is the crossover and its interval. It was seen only if on
    either side of it a whole interval lies beyond `level`, and the ratio by more than
    `noise` (1 or more, by rows) alone gives. A lead whose last rows lie neither above
    nor below for sure is undecided beyond the last that do. Raises WorkshopError for
    samples of several kinds, or with one number of rows.
    """
    ratios = by_rows(samples, one, other)
    if len(ratios) == 1:
        raise WorkshopError(f"A crossover wants several numbers of rows: {[*ratios]}.")
    noise = noise or {}
    sure = {n: _sure(each, level, noise.get(n, 1)) for n, each in ratios.items()}
    decided = [rows for rows, side in sure.items() if side]
    if decided and sure[decided[0]] < 0 and level == 1:
        return crossover(samples, other, one, noise=noise)
    first, then = label(other), label(one)
    most, leads = max(ratios), bool(decided and sure[decided[0]] > 0)
    ends = [b for a, b in pairwise(decided) if sure[a] > 0 > sure[b]] if leads else []
    if not ends:
        last = decided[-1] if leads else 0
        return Crossover(*[math.nan] * 3, most, first, then, level, leads, last)
    after = ends[0]
    before = max(rows for rows in decided if rows < after)
    between = [rows for rows in ratios if before <= rows <= after]
    lines = [
        [getattr(ratios[rows], part) for rows in between]
        for part in ("ratio", "low", "high")
    ]
    found = (_meets(between, line, level) for line in lines)
    return Crossover(*found, most, first, then, level)


def by_rows(samples: pd.DataFrame, slow: str, fast: str) -> dict[int, Interval]:
    """Return the ratio of two arms for each number of rows, fewest first."""
    return {
        int(rows): ratio_interval(group, slow, fast)
        for rows, group in samples.groupby("rows")
        if {slow, fast} <= set(group["arm"])
    }


def _sure(ratio: Interval, level: float, noise: float) -> int:
    """Return 1 where a ratio is above the level for sure, -1 below it, else 0."""
    above = ratio.low > level and ratio.ratio > level * noise
    below = ratio.high < level and ratio.ratio < level / noise
    return int(above) - int(below)


def _meets(rows: Sequence[int], ratios: Sequence[float], level: float) -> float:
    """Return where a line that begins above the level first comes down to it."""
    x, y = np.log(rows), np.log(ratios) - math.log(level)
    below = int(np.argmax(y <= 0))
    return math.exp(np.interp(0, [y[below], y[below - 1]], [x[below], x[below - 1]]))


def _count(rows: float) -> str:
    """Return rows to two digits: no crossover is known better."""
    return f"{float(f'{rows:.2g}'):,.15g}"
