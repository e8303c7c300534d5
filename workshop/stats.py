"""How sure a ratio of times is: bootstrap intervals, and the noise floor under them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from workshop.arms import label
from workshop.errors import WorkshopError
from workshop.quantities import digits

DRAWS = 2_000
LEVEL = 0.95
ENOUGH_LAUNCHES = 10
CHUNK = 2_000_000  # numbers drawn at once, so that memory stays small


@dataclass(frozen=True)
class Interval:
    """How many times as fast: medians, slow / fast, and the ratio's 95% interval."""

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
    """A median with its 95% interval, in seconds."""

    seconds: float
    low: float
    high: float


def ratio_interval(
    samples: pd.DataFrame, slow: str, fast: str, *, seed: int = 0
) -> Interval:
    """Return by how much the median of `fast` is shorter, with a 95% interval.

    Percentile bootstrap in two levels: first the launches are resampled, the same ones
    for both arms, then the samples inside each, so that what differs from launch to
    launch is in the interval. Raises WorkshopError for samples of several kinds.
    """
    _check_one_kind(samples)
    slow_s, fast_s = _by_launch(samples, slow), _by_launch(samples, fast)
    launches = sorted(slow_s.keys() & fast_s.keys())
    if not launches:
        raise WorkshopError(
            f"{slow} and {fast} share no launch: measure both in the same ones."
        )
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(launches), size=(DRAWS, len(launches)))
    slow_medians = _medians([slow_s[each] for each in launches], picks, rng)
    fast_medians = _medians([fast_s[each] for each in launches], picks, rng)
    low, high = spread(slow_medians / fast_medians)
    medians = samples.groupby("arm")["seconds"].median()
    ratio = medians[slow] / medians[fast]
    return Interval(float(ratio), low, high, len(launches), label(slow), label(fast))


def median_interval(samples: pd.DataFrame, arm: str, *, seed: int = 0) -> Median:
    """Return the median of an arm's seconds, its interval found in the same way."""
    _check_one_kind(samples)
    launches = list(_by_launch(samples, arm).values())
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(launches), size=(DRAWS, len(launches)))
    middle = np.median(np.concatenate(launches))
    return Median(float(middle), *spread(_medians(launches, picks, rng)))


def paired_ratio(
    samples: pd.DataFrame, slow: str, fast: str, *, seed: int = 0
) -> Interval:
    """Return the median over rounds of slow / fast in the same round, as an Interval.

    For arms that take turns in rounds so short that what disturbs one disturbs the
    other: their ratio is steadier than that of their medians.
    """
    _check_one_kind(samples)
    shared = _by_launch(samples, slow).keys() & _by_launch(samples, fast).keys()
    rounds = samples.pivot_table("seconds", ["launch", "round"], "arm")
    ratios = (rounds[slow] / rounds[fast]).dropna().rename("seconds").reset_index()
    ratios = ratios.assign(arm="ratio", what="ratio", rows=0, threads=0)
    found = median_interval(ratios, "ratio", seed=seed)
    return Interval(*found, len(shared), label(slow), label(fast))


def noise_floor(
    samples: pd.DataFrame,
    arm: str,
    again: str,
    *,
    ratio: Callable[..., Interval] = ratio_interval,
    seed: int = 0,
) -> float:
    """Return the ratio that an arm timed against itself does not exceed: 1 or more."""
    same = ratio(samples, arm, again, seed=seed)
    return max(same.high, 1 / same.low)


def verdict(interval: Interval, floor: float) -> str:
    """Return one sentence: which is faster and by how much, or 'no difference'."""
    if interval.ratio < 1:
        return verdict(_turned(interval), floor)
    count = f"{interval.launches} launch{'' if interval.launches == 1 else 'es'}"
    if interval.launches < ENOUGH_LAUNCHES:
        count += f" (it takes {ENOUGH_LAUNCHES} to be sure)"
    if interval.low > floor:
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


def _by_launch(samples: pd.DataFrame, arm: str) -> dict[int, np.ndarray]:
    mine = samples[samples["arm"] == arm]
    if mine.empty:
        arms = sorted(samples["arm"].unique())
        raise WorkshopError(f"No samples of {arm!r}: choose from {arms}.")
    return {
        int(launch): seconds.to_numpy(float)
        for launch, seconds in mine.groupby("launch")["seconds"]
    }


def spread(drawn: np.ndarray) -> tuple[float, float]:
    """Return between what the middle 95% of the draws lie."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _medians(
    launches: list[np.ndarray], picks: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return a median for each row of picks, over samples drawn from those launches."""
    sizes = np.array([len(seconds) for seconds in launches])
    starts = np.cumsum(sizes) - sizes
    seconds, most = np.concatenate(launches), int(sizes.max())
    step = max(1, CHUNK // (picks.shape[1] * most))
    medians = []
    for first in range(0, len(picks), step):
        some = picks[first : first + step, :, None]
        uniform = rng.random((*some.shape[:2], most))
        drawn = seconds[starts[some] + (uniform * sizes[some]).astype(int)]
        medians.append(np.median(drawn.reshape(len(some), -1), axis=1))
    return np.concatenate(medians)
