"""How sure times and their ratios are: intervals, and the noise floor under them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binom, t

from workshop.arms import label
from workshop.errors import WorkshopError
from workshop.quantities import Spread, digits

LEVEL = 0.95
ENOUGH_LAUNCHES = 10


@dataclass(frozen=True)
class Interval:
    """How many times as fast, slow / fast, and the ratio's 95% interval."""

    ratio: float
    low: float
    high: float
    launches: int
    slow: str = "slow"
    fast: str = "fast"

    def __str__(self) -> str:
        """Return the ratio and its interval to 3 digits."""
        return f"{digits(self.ratio)} ({digits(self.low)} to {digits(self.high)})"


class Median(NamedTuple):
    """A median time with its 95% interval, in seconds."""

    seconds: float
    low: float
    high: float


class Quantile(NamedTuple):
    """A quantile of n times with its 95% rank interval, in seconds."""

    seconds: float
    low: float
    high: float
    n: int


def ratio_interval(samples: pd.DataFrame, slow: str, fast: str) -> Interval:
    """Return by how much the median of `fast` is shorter, with a 95% interval.

    Each launch gives one ratio of medians; the ratio is their geometric mean, and the
    interval Student's t for their logarithms. What differs from launch to launch is in
    it, and what both arms of a launch have in common is not. Raises WorkshopError for
    samples of several kinds, or for arms that share no launch.
    """
    _check_one_kind(samples)
    slow_s, fast_s = _launch_medians(samples, slow), _launch_medians(samples, fast)
    logs = np.log(slow_s / fast_s).dropna()
    if logs.empty:
        raise WorkshopError(
            f"{slow} and {fast} share no launch: measure both in the same ones."
        )
    return Interval(*_interval(logs), len(logs), label(slow), label(fast))


def median_interval(samples: pd.DataFrame, arm: str) -> Median:
    """Return the geometric mean of the launches' medians, its interval as above."""
    _check_one_kind(samples)
    return Median(*_interval(np.log(_launch_medians(samples, arm))))


def paired_ratio(samples: pd.DataFrame, slow: str, fast: str) -> Interval:
    """Return the same from the ratios within each round, of which each launch has many.

    For arms that take turns in rounds so short that what disturbs one disturbs the
    other. Of one launch alone, the interval is that of the median of its rounds, by
    rank; it says nothing of another launch.
    """
    _check_one_kind(samples)
    rounds = samples.pivot_table("seconds", ["launch", "round"], "arm")
    if not {slow, fast} <= set(rounds):
        raise WorkshopError(f"No samples of {slow!r} or {fast!r}: {[*rounds]}.")
    ratios = (rounds[slow] / rounds[fast]).dropna()
    medians = ratios.groupby("launch").median()
    found = _interval(np.log(medians))
    if len(medians) == 1:
        middle, low, high, _ = quantile_interval(ratios, 0.5)
        found = middle, np.nan_to_num(low), np.nan_to_num(high, nan=math.inf)
    return Interval(*map(float, found), len(medians), label(slow), label(fast))


def mean_interval(values: pd.Series | np.ndarray) -> tuple[float, float, float]:
    """Return a mean and its 95% interval, by Student's t: endless for one value."""
    mean, count, half = float(np.mean(values)), len(values), math.inf
    if count > 1:
        spread = np.std(values, ddof=1) / math.sqrt(count)
        half = float(t.ppf((1 + LEVEL) / 2, count - 1) * spread)
    return mean, mean - half, mean + half


def quantile_interval(seconds: ArrayLike, q: float) -> Quantile:
    """Return the time within which a share q of the times lie, with a 95% interval.

    seconds: (n,) times. How many of n independent times lie below a true quantile is
    binomial, so two of the sorted times enclose it, whatever their distribution; a
    bound is NaN where n is too small for it (p99 wants 368). Neighbours that waited in
    one queue are not independent: then the interval is too short.
    """
    ordered = np.sort(np.asarray(seconds, dtype=float))
    n = len(ordered)
    if n == 0:
        return Quantile(np.nan, np.nan, np.nan, 0)
    tail = (1 - LEVEL) / 2
    below, above = binom.ppf([tail, 1 - tail], n, q).astype(int)
    return Quantile(
        seconds=float(np.quantile(ordered, q, method="inverted_cdf")),
        low=float(ordered[below - 1]) if below > 0 else np.nan,
        high=float(ordered[above]) if above < n else np.nan,
        n=n,
    )


def noise_floor(
    samples: pd.DataFrame,
    arm: str,
    again: str,
    *,
    ratio: Callable[[pd.DataFrame, str, str], Interval] = ratio_interval,
) -> float:
    """Return the ratio that an arm timed against itself does not exceed: 1 or more."""
    return noise(ratio(samples, arm, again))


def noise(same: Interval) -> float:
    """Return what the ratio of an arm to itself does not exceed: 1 or more."""
    return max(same.high, 1 / same.low if same.low else math.inf)


def mean_ms(seconds: pd.Series) -> str:
    """Return the mean of what launches took, in ms, with its 95% interval."""
    return str(Spread(*mean_interval(1000 * seconds)))


def split(parts: pd.DataFrame) -> pd.DataFrame:
    """Return what each part is of a whole, with 95% intervals over launches.

    parts: seconds, a row a launch and a column a part; they add up to the whole.
    Columns ms and "% of it", as text.
    """
    share = parts.div(parts.sum(axis=1), axis=0)
    return pd.DataFrame(
        {
            "ms": [mean_ms(parts[p]) for p in parts],
            "% of it": [str(Spread(*mean_interval(100 * share[p]))) for p in parts],
        },
        index=parts.columns,
    )


def verdict(interval: Interval, floor: float) -> str:
    """Return one sentence: which is faster and by how much, or 'no difference'.

    That is what it says where the interval holds 1, or noise alone gives the ratio.
    """
    if interval.ratio < 1:
        return verdict(_turned(interval), floor)
    count = f"{interval.launches} launch{'' if interval.launches == 1 else 'es'}"
    if interval.launches < ENOUGH_LAUNCHES:
        count += f" (it takes {ENOUGH_LAUNCHES} to be sure)"
    if interval.low > 1 and interval.ratio > floor:
        return (
            f"{interval.fast} is {interval} times as fast as {interval.slow}, "
            f"in {count}"
        )
    return (
        f"no difference between {interval.slow} and {interval.fast}: {interval} times "
        f"as fast in {count}, and the noise floor is {digits(floor)}"
    )


def _turned(interval: Interval) -> Interval:
    """Return the same comparison with the other arm as the faster one."""
    return Interval(
        1 / interval.ratio,
        1 / interval.high,
        1 / interval.low,
        interval.launches,
        slow=interval.fast,
        fast=interval.slow,
    )


def _check_one_kind(samples: pd.DataFrame) -> None:
    for column in ("what", "rows", "threads"):
        kinds = samples[column].unique().tolist()
        if len(kinds) > 1:
            raise WorkshopError(
                f"The samples mix {column} {sorted(kinds)}: choose one, for example "
                f"samples[samples[{column!r}] == {kinds[0]!r}]."
            )


def _launch_medians(samples: pd.DataFrame, arm: str) -> pd.Series:
    """Return an arm's median seconds, by launch."""
    mine = samples[samples["arm"] == arm]
    if mine.empty:
        arms = sorted(samples["arm"].unique())
        raise WorkshopError(f"No samples of {arm!r}: choose from {arms}.")
    return mine.groupby("launch")["seconds"].median()


def _interval(logs: pd.Series) -> tuple[float, float, float]:
    """Return e to the mean of logarithms, and to the ends of its interval."""
    mean, low, high = map(math.exp, mean_interval(logs))
    return mean, low, high
